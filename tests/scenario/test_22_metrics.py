"""Every member measures this machine and its way to the others.

    server ──┐             ┌─ 10 ms ─ a   measures
             ├─ internet ──┤
    relay ───┘             └─ 10 ms ─ b   is measured; leaves at the end

One party for all stories, told in order.
"""
import os
import signal
import statistics
import time

import pytest
from lab import UdpStream, ping, wait_until
from party import Member, connect, direct_both, start_party

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

SOON_S = 30             # three samples, generously
MOST_BYTES_PER_S = 1e7  # far more than anything here sends
HEADERS = 28            # of UDP and IPv4, inside the tunnel
SYSTEM = ("sampled_at", "cpu_pct", "memory_total_bytes", "memory_available_bytes", "interfaces")
MEASURES = ("rtt_ms", "jitter_ms", "loss_pct", "rx_bytes", "tx_bytes", "rx_bytes_per_s", "tx_bytes_per_s")


class Measuring(Member):
    def peers(self):
        return self.host.lanrage("metrics")["peers"]

    def sees(self, condition, what):
        """Waits until there is one peer for which condition holds, and returns what is measured of it."""
        def look():
            status, peers = self.ask("GET", "metrics/peers")
            return status == 200 and len(peers) == 1 and condition(peers[0]) and peers[0]
        return wait_until(look, SOON_S, f"{self.host.name}: {what}", interval=0.2)

    def history(self, peer, query=""):
        """The samples of a peer; their times increase, and what is in them is possible."""
        samples = self.do("GET", f"metrics/peers/{peer}{query}")["history"]
        ages = [sample["age_s"] for sample in samples]
        assert ages == sorted(set(ages), reverse=True)
        assert [sample["sampled_at"] for sample in samples] == sorted(sample["sampled_at"] for sample in samples)
        for sample in samples:
            for key in ("rx_bytes_per_s", "tx_bytes_per_s"):
                assert sample[key] is None or 0 <= sample[key] < MOST_BYTES_PER_S, sample
        return samples


def is_measured(peer):
    return peer["state"] == "connected" and all(peer[key] is not None for key in MEASURES)


@pytest.fixture(scope="module")
def party(module_lab):
    server, relay = module_lab.public("server"), module_lab.public("relay")
    a, b = (module_lab.public(name, delay_ms=10) for name in "ab")
    start_party(server, relay, a, b)
    connect(a, b)
    wait_until(lambda: direct_both(a, b), SOON_S, "both direct")
    return Measuring(a), Measuring(b), b.lanrage("status")["self"]["virtual_ip"]


def test_what_is_measured_is_true(party):
    """The round trip is the one that a ping sees; bytes grow by at least what passes, and not by much more."""
    a, b, address = party
    before = a.sees(is_measured, "b is measured")
    outside = statistics.median(ping(a.host, address, count=20).values())
    print(f"rtt {before['rtt_ms']} ms, jitter {before['jitter_ms']} ms, ping {outside:.1f} ms")
    assert before["name"] == "b" and before["id"] == b.do("GET", "status")["self"]["id"]
    assert before["path"] == "direct" and abs(before["rtt_ms"] - outside) < 20
    assert 0 <= before["loss_pct"] < 50 and before["jitter_ms"] < 20

    with UdpStream(a.host, b.host, address=address, pps=200, size=500) as stream:
        wait_until(lambda: a.sees(is_measured, "b")["tx_bytes"] > before["tx_bytes"] + 100000, SOON_S, "it grows")
    moved = stream.result.sent * (500 + HEADERS)
    after = a.sees(lambda peer: is_measured(peer) and peer["tx_bytes"] - before["tx_bytes"] >= moved
                   and peer["rx_bytes"] - before["rx_bytes"] >= stream.result.received * (500 + HEADERS), "all of it")
    grown = after["tx_bytes"] - before["tx_bytes"]
    print(f"moved {moved} bytes, counted {grown}")
    assert grown < moved * 1.1 + 100000

    detail = a.do("GET", "metrics/peers/b")
    active = [path for path in detail["paths"] if path["active"]]
    assert [path["path"] for path in active] == ["direct"] and active[0]["tx_bytes"] > moved
    assert active[0]["endpoint"].startswith(f"{b.host.addr4}:")
    samples = a.history("b")
    assert max(sample["tx_bytes_per_s"] or 0 for sample in samples) > 20000
    assert len(a.history(b.do("GET", "status")["self"]["id"], "?seconds=1")) < len(samples)
    for seconds in ("-1", "3601", "x"):
        assert a.ask("GET", f"metrics/peers/b?seconds={seconds}")[0] == 400
    assert a.ask("GET", "metrics/peers/nobody")[0] == 404


def test_the_machine_and_the_command(party):
    """The system has a history too; the command shows all, for programs and within 80 columns."""
    a, _, _ = party
    history = a.do("GET", "metrics/system/history")
    assert len(history) >= 3 and all(key in sample for sample in history for key in SYSTEM)
    assert [sample["age_s"] for sample in history] == sorted((sample["age_s"] for sample in history), reverse=True)
    assert len(a.do("GET", "metrics/system/history?seconds=0")) <= 1
    shown = a.host.lanrage("metrics")
    assert all(key in shown for key in SYSTEM) and [peer["name"] for peer in shown["peers"]] == ["b"]
    assert {"lo", "lanrage0"} <= {item["name"] for item in shown["interfaces"]}
    table = a.host.lanrage("metrics", json=False)
    print(table)
    assert "direct" in table and all(len(line) <= 80 for line in table.splitlines())


def test_metrics_is_killed(party):
    """It comes back knowing nothing of before, and measures again."""
    a, _, _ = party
    before = len(a.history("b"))
    a.kill("metrics")
    a.sees(is_measured, "b is measured again")
    assert 2 <= len(a.history("b")) <= before


def test_the_data_plane_is_stopped_and_killed(party):
    """
    While it does not answer, b is unknown, not as it was. After a kill -9 it counts from 0: the rates across that are
    unknown, never negative, and then known again.
    """
    a, b, address = party
    pid = a.do("GET", "status")["services"]["dataplane"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        peer = a.sees(lambda peer: peer["state"] is None, "b is unknown")
        assert all(peer[key] is None for key in (*MEASURES, "path")) and peer["name"] == "b"
    finally:
        os.kill(pid, signal.SIGCONT)
    a.sees(is_measured, "b is measured again")

    with UdpStream(a.host, b.host, address=address, pps=200, size=500):
        a.sees(lambda peer: is_measured(peer) and peer["tx_bytes"] > 50000, "traffic")
        killed = time.monotonic()
        a.kill("dataplane")
        after = a.sees(lambda peer: is_measured(peer) and peer["age_s"] < time.monotonic() - killed, "b, by the new one")
        samples = [sample for sample in a.history("b") if sample["age_s"] < time.monotonic() - killed]
    known = [sample["tx_bytes_per_s"] is not None for sample in samples if sample["state"] == "connected"]
    assert known[0] is False and known[-1] is True
    assert 0 <= after["tx_bytes_per_s"] < MOST_BYTES_PER_S


def test_b_leaves(party):
    """b is no member any more: nothing old is shown as if it were now, and its history ends with that."""
    a, b, _ = party
    b.do("POST", "party/leave")
    gone = a.sees(lambda peer: peer["state"] == "gone", "b is gone")
    assert gone["name"] is None and gone["id"] is None
    assert all(gone[key] is None for key in (*MEASURES, "path"))
    detail = a.do("GET", f"metrics/peers/{gone['key']}")
    assert detail["paths"] == [] and detail["state"] == "gone"
    samples = a.history(gone["key"])
    assert samples[-1]["state"] == "gone" and any(is_measured(sample) for sample in samples)
    assert a.ask("GET", "metrics/peers/b")[0] == 404
    assert "gone" in a.host.lanrage("metrics", json=False)
