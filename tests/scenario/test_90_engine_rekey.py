"""The end of the runs that test_02_engine.py started (alone, this file starts them itself): 250 s of pings, five a second,
while keys are renewed every 120 s by whoever initiated. Not one may be lost."""
import pytest

from engine_pair import LongRuns


@pytest.fixture(scope="module", autouse=True)
def long_runs():
    LongRuns.start()


@pytest.mark.parametrize("kind", LongRuns.KINDS)
def test_no_packet_is_lost_across_renewals(kind):
    lost, renewals, output, logs = LongRuns.finish(kind)
    print(output, logs)
    assert lost == 0
    assert renewals >= 2
