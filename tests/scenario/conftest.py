"""Fixtures of the scenario tests. A failing test shows the logs of every program on every host of its labs."""
import os
import signal
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import Lab  # noqa: E402

_open_labs = []


@pytest.fixture
def lab():
    """An empty lab for one test."""
    yield from _lab()


@pytest.fixture(scope="module")
def module_lab():
    """A lab that all tests of a file share, for files that only look."""
    yield from _lab()


def _lab():
    with Lab() as made:
        _open_labs.append(made)
        try:
            yield made
            made.stop_programs()
            complaints = made.complaints()
            assert not complaints, "\n".join(complaints)
        finally:
            _open_labs.remove(made)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport():
    report = (yield).get_result()
    if report.failed:
        report.sections += [(f"lab {lab.id}", lab.logs()) for lab in _open_labs]


def pytest_configure(config):
    """A SIGTERM ends the run like Ctrl-C: fixtures are taken down."""
    config.addinivalue_line("markers", "alone: wants the machine for itself (Makefile, scenario)")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
