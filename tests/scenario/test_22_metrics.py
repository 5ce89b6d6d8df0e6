"""Every member measures this machine and its way to the others.

    server ──┐             ┌─ 10 ms ─ a   measures
             ├─ internet ──┤
    relay ───┘             └─ 10 ms ─ b   is measured; leaves at the end

One party for all stories, told in order.
"""
import os
import re
import signal
import statistics
import time

import pytest
from lab import UdpStream, ping, wait_until
from party import Member, connect, direct_both, start_party

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

SOON_S = 30             # many samples, generously
MOST_BYTES_PER_S = 1e7  # far more than anything here sends
HEADERS = 28            # of UDP and IPv4, inside the tunnel
PPS, SIZE = 200, 500    # of a known transfer
SYSTEM = ("sampled_at", "cpu_pct", "memory_total_bytes", "memory_available_bytes", "interfaces")
MEASURES = ("rtt_ms", "jitter_ms", "loss_pct", "rx_bytes", "tx_bytes", "rx_bytes_per_s", "tx_bytes_per_s")
BUCKET = {"at", "seconds", "state", "path", "rtt_ms", "rtt_min_ms", "rtt_max_ms", "jitter_ms", "loss_pct",
          "rx_bytes_per_s", "tx_bytes_per_s", "quality"}
SYSTEM_BUCKET = {"at", "seconds", "cpu_pct", "memory_total_bytes", "memory_available_bytes", "rx_bytes_per_s",
                 "tx_bytes_per_s"}


class Measuring(Member):
    def sees(self, condition, what):
        """Waits until there is one peer for which condition holds, and returns what is measured of it."""
        def look():
            status, peers = self.ask("GET", "metrics/peers")
            return status == 200 and len(peers) == 1 and condition(peers[0]) and peers[0]
        return wait_until(look, SOON_S, f"{self.host.name}: {what}", interval=0.2)

    def history(self, peer, query="?seconds=300&points=1000"):
        """The buckets of a peer; they lie side by side in order, and what is in them is possible."""
        return self._buckets(f"metrics/peers/{peer}/history{query}", BUCKET)

    def system_history(self, query="?seconds=300&points=1000"):
        return self._buckets(f"metrics/system/history{query}", SYSTEM_BUCKET)

    def _buckets(self, path, fields):
        buckets = self.do("GET", path)
        for bucket, following in zip(buckets, buckets[1:]):
            assert bucket["at"] + bucket["seconds"] <= following["at"]
        for bucket in buckets:
            assert set(bucket) == fields and bucket["at"] % bucket["seconds"] == 0
            for key in ("rx_bytes_per_s", "tx_bytes_per_s"):
                assert bucket[key] is None or 0 <= bucket[key] < MOST_BYTES_PER_S, bucket
        return buckets

    def end(self, service):
        """SIGTERM, and waits until the launcher has started it again."""
        before = self.do("GET", "status")["services"][service]
        os.kill(before["pid"], signal.SIGTERM)

        def back():
            now = self.do("GET", "status")["services"][service]
            return now["pid"] not in (None, before["pid"]) and now["state"] == "running"
        wait_until(back, SOON_S, f"{self.host.name}: {service} is back")


def is_measured(peer):
    return peer["state"] == "connected" and all(peer[key] is not None for key in MEASURES)


def is_close(ours_ms, outside_ms, part=0.3):
    return abs(ours_ms - outside_ms) <= max(1, part * outside_ms)


def slots(buckets):
    """Which ten seconds they are of."""
    return {bucket["at"] // 10 for bucket in buckets}


@pytest.fixture(scope="module")
def party(module_lab):
    server, relay = module_lab.public("server"), module_lab.public("relay")
    a, b = (module_lab.public(name, delay_ms=10) for name in "ab")
    start_party(server, relay, a, b)
    connect(a, b)
    wait_until(lambda: direct_both(a, b), SOON_S, "both direct")
    return Measuring(a), Measuring(b), b.lanrage("status")["self"]["virtual_ip"]


def test_the_round_trip_is_the_one_a_ping_sees(party):
    a, b, address = party
    def look():
        outside = statistics.median(ping(a.host, address, count=20).values())
        seen = a.sees(is_measured, "b is measured")
        print(f"rtt {seen['rtt_ms']} ms, jitter {seen['jitter_ms']} ms, ping {outside:.1f} ms")
        return is_close(seen["rtt_ms"], outside) and seen
    with UdpStream(a.host, b.host, address=address, pps=20):
        seen = wait_until(look, SOON_S, "a round trip as a ping sees it", interval=0.5)
    assert seen["name"] == "b" and seen["id"] == b.do("GET", "status")["self"]["id"]
    assert seen["path"] == "direct" and 0 <= seen["loss_pct"] < 50 and seen["jitter_ms"] < 20
    assert 0 <= seen["quality"] <= 100 and seen["grade"] in ("excellent", "good", "fair", "poor")


def test_bytes_are_those_that_passed(party):
    """In all and by the second, of both ways, and the machine's own interface carries them too."""
    a, b, address = party
    before = a.sees(is_measured, "b is measured")
    began = int(time.time())
    with UdpStream(a.host, b.host, address=address, pps=PPS, size=SIZE) as stream:
        wait_until(lambda: a.sees(is_measured, "b")["tx_bytes"] > before["tx_bytes"] + 5 * PPS * SIZE, SOON_S, "5 s of it")
    sent, received = (n * (SIZE + HEADERS) for n in (stream.result.sent, stream.result.received))
    after = a.sees(lambda peer: is_measured(peer) and peer["tx_bytes"] - before["tx_bytes"] >= sent
                   and peer["rx_bytes"] - before["rx_bytes"] >= received and peer["tx_bytes_per_s"] < PPS * SIZE / 10,
                   "all of it, and the end")
    grown = after["tx_bytes"] - before["tx_bytes"]
    buckets = a.history("b", f"?from={began - 2}&points=1000")
    by_second = {key: sum((bucket[key] or 0) * bucket["seconds"] for bucket in buckets)
                 for key in ("tx_bytes_per_s", "rx_bytes_per_s")}
    print(f"sent {sent}, received {received}; counted {grown}; by the second {by_second}")
    assert grown < sent * 1.1 + 100000
    assert all(bucket["seconds"] == 1 for bucket in buckets)
    assert 0.8 * sent < by_second["tx_bytes_per_s"] < 1.2 * sent + 50000
    assert 0.8 * received < by_second["rx_bytes_per_s"] < 1.2 * received + 50000
    assert max(bucket["tx_bytes_per_s"] or 0 for bucket in a.system_history()) > PPS * SIZE / 2

    detail = a.do("GET", "metrics/peers/b")
    active = [path for path in detail["paths"] if path["active"]]
    assert [path["path"] for path in active] == ["direct"] and active[0]["tx_bytes"] > sent
    assert active[0]["endpoint"].startswith(f"{b.host.addr4}:")
    assert set(detail["terms"]) == {"latency", "loss", "jitter"}


def test_ranges(party):
    """As many buckets as wanted and no more; wrong ranges are refused by name."""
    a, b, _ = party
    me = b.do("GET", "status")["self"]["id"]
    every = a.history(me)
    assert len(every) >= 5 and len(a.history(me, "?seconds=2")) <= 3
    assert 0 < len(a.history("b", "?seconds=300&points=10")) <= 10
    assert 0 < len(a.history("b", "?from=0&points=10")) <= 10     # a month
    assert a.history("b", "?from=1000&to=2000") == []
    for query in ("seconds=-1", "seconds=9999999", "seconds=x", "points=9", "points=1001", "from=5&to=4"):
        status, answer = a.ask("GET", f"metrics/peers/b/history?{query}")
        assert status == 400 and answer["error"]["message"].split(":")[0] in query
    assert a.ask("GET", "metrics/peers/nobody")[0] == 404
    assert a.ask("GET", "metrics/peers/nobody/history")[0] == 404


def cpu_ticks():
    with open("/proc/stat") as file:
        ticks = [int(word) for word in file.readline().split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def test_the_machine_and_the_command(party):
    """Processors and memory as /proc has them; the command shows all, for programs and within 80 columns."""
    a, _, _ = party
    before, began = cpu_ticks(), int(time.time())
    wait_until(lambda: len(a.system_history(f"?from={began}&points=1000")) >= 5, SOON_S, "5 s of it", interval=0.5)
    after = cpu_ticks()
    outside = 100 * (after[0] - before[0]) / (after[1] - before[1])
    history = [bucket["cpu_pct"] for bucket in a.system_history(f"?from={began + 1}&points=1000")]
    print(f"processors {statistics.mean(history):.1f} %, by /proc {outside:.1f} %")
    assert abs(statistics.mean(history) - outside) < 25
    with open("/proc/meminfo") as file:
        memory = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in file}
    system = a.do("GET", "metrics/system")
    assert system["memory_total_bytes"] == memory["MemTotal"]
    assert abs(system["memory_available_bytes"] - memory["MemAvailable"]) < memory["MemTotal"] / 10

    shown = a.host.lanrage("metrics")
    assert all(key in shown for key in SYSTEM) and [peer["name"] for peer in shown["peers"]] == ["b"]
    assert {"lo", "lanrage0"} <= {item["name"] for item in shown["interfaces"]}
    table = a.host.lanrage("metrics", json=False)
    print(table)
    assert "direct" in table and shown["peers"][0]["grade"] and "QUALITY" in table
    assert all(len(line) <= 80 for line in table.splitlines())


def test_summary_and_quality(party):
    a, _, _ = party
    peer = a.sees(is_measured, "b is measured")
    summary, quality = a.do("GET", "metrics/summary"), a.do("GET", "metrics/quality")
    assert summary["peers"] == {"total": 1, "connected": 1, "direct": 1, "relay": 0}
    assert summary["tx_bytes"] >= peer["tx_bytes"] and summary["memory_total_bytes"] > 0
    assert summary["rtt_ms"] is not None and summary["sessions_running"] == 0
    assert [row["name"] for row in quality["peers"]] == ["b"] and quality["worst"]["name"] == "b"
    row = quality["peers"][0]
    assert row["quality"] == quality["quality"] and row["grade"] == quality["grade"]
    terms = [row["terms"][key] for key in ("latency", "loss", "jitter")]
    weighted = sum(weight * term for weight, term in zip((0.4, 0.35, 0.25), terms))
    assert abs(row["quality"] - (weighted + min(terms)) / 2) <= 1


def test_a_game_session(party):
    """What the way was like while it ran, over a stop of the service in its middle."""
    a, b, address = party
    assert "begins one" in a.host.lanrage("sessions", json=False) and a.host.lanrage("sessions") == []
    assert a.ask("POST", "metrics/sessions", {"game": " "})[0] == 400
    assert a.ask("POST", "metrics/sessions", {"server": "x"})[0] == 400
    status, session = a.ask("POST", "metrics/sessions", {"game": "Quake", "server": "b's"})
    assert status == 201 and session["ended_at"] is None and session["peers"] == []
    path = f"metrics/sessions/{session['id']}"

    def samples():
        peers = a.do("GET", path)["peers"]
        return peers[0]["samples"] if peers else 0
    with UdpStream(a.host, b.host, address=address, pps=50):
        wait_until(lambda: samples() >= 3, SOON_S, "samples", interval=0.5)
        outside = statistics.median(ping(a.host, address, count=20).values())
        before = samples()
        a.end("metrics")
        wait_until(lambda: samples() >= before + 3, SOON_S, "more of them", interval=0.5)
    assert a.do("GET", "metrics/summary")["sessions_running"] == 1
    ended = a.do("POST", f"{path}/end")
    peer = ended["peers"][0]
    print(ended, f"ping {outside:.1f} ms")
    assert ended["ended_at"] and ended["duration_s"] >= 3 and peer["name"] == "b" and peer["samples"] > before
    assert is_close(peer["rtt_ms"], outside, 0.5) and 0 <= peer["quality"] <= 100
    assert peer["rtt_min_ms"] <= peer["rtt_ms"] <= peer["rtt_max_ms"]
    assert peer["rtt_min_ms"] <= peer["rtt_p95_ms"] <= peer["rtt_max_ms"]
    assert a.do("POST", f"{path}/end") == a.do("GET", path) == ended
    shown = a.host.lanrage("sessions", "show", session["id"], json=False).splitlines()
    way = [f"{peer[key]:.1f} {'%' if key == 'loss_pct' else 'ms'}" for key in ("rtt_ms", "rtt_p95_ms", "jitter_ms", "loss_pct")]
    assert shown[1].split() == ["game", "Quake"] and shown[2].split() == ["server", "b's"]
    assert re.split("  +", shown[-2]) == ["PEER", "PING", "P95", "JITTER", "LOSS", "QUALITY"]
    assert re.split("  +", shown[-1]) == ["b", *way, str(peer["quality"])]
    assert a.host.lanrage("sessions", "show", session["id"]) == ended

    second = a.host.lanrage("sessions", "begin", "Chess", "--server", "the club")
    assert (second["game"], second["server"], second["ended_at"]) == ("Chess", "the club", None)
    assert [row["game"] for row in a.do("GET", "metrics/sessions")] == ["Chess", "Quake"]
    assert [row["game"] for row in a.do("GET", "metrics/sessions?limit=1&offset=1")] == ["Quake"]
    titles, *rows = (re.split("  +", line) for line in a.host.lanrage("sessions", json=False).splitlines())
    assert titles == ["ID", "GAME", "SERVER", "BEGAN", "LENGTH"]
    assert [row[:4] for row in rows] == [[str(one[key]) for key in ("id", "game", "server", "started_at")]
                                         for one in (second, ended)]
    assert rows[0][4].startswith("running for ") and re.fullmatch(r"\d+ (s|min)", rows[1][4])
    begun = a.host.lanrage("sessions", "begin", "Go", json=False)
    third = second["id"] + 1
    assert begun == f"Game session {third} has begun; `lanrage sessions end {third}` ends it.\n"
    with pytest.raises(RuntimeError, match=f"several .* running; say which.*:\n  {third} +Go\n  {second['id']} +Chess"):
        a.host.lanrage("sessions", "end")
    assert a.host.lanrage("sessions", "end", third)["ended_at"]
    for kind, offered in (("running", [second["id"]]), ("sessions", [third, second["id"], ended["id"]])):
        assert a.host.run(a.host._lanrage_command("--complete", kind)).stdout.split() == [str(its_id) for its_id in offered]
    assert a.host.lanrage("sessions", "end")["id"] == second["id"]
    assert a.host.lanrage("sessions") == a.do("GET", "metrics/sessions")
    with pytest.raises(RuntimeError, match="no game session is running; `lanrage sessions begin GAME` begins one"):
        a.host.lanrage("sessions", "end")
    with pytest.raises(RuntimeError, match="there is no such game session; `lanrage sessions` lists them"):
        a.host.lanrage("sessions", "show", "999")
    assert a.ask("GET", "metrics/sessions?limit=0")[0] == 400
    for wrong in ("999", "0", "x", "-1"):
        assert a.ask("GET", f"metrics/sessions/{wrong}")[0] == 404


def test_metrics_is_stopped_and_killed(party):
    """A stop loses nothing, a kill no more than was not on disk; then it measures again."""
    a, _, _ = party
    before = slots(a.history("b"))
    a.end("metrics")
    assert before and before <= slots(a.history("b"))
    a.kill("metrics")
    a.sees(is_measured, "b is measured again")
    assert before <= slots(a.history("b"))
    assert os.stat(f"{a.host.state_dir}/metrics/history.db").st_mode & 0o777 == 0o600


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
        ended = a.sees(lambda peer: is_measured(peer) and peer["tx_bytes_per_s"] > 10000, "and its rate")
    assert 0 <= after["tx_bytes_per_s"] < MOST_BYTES_PER_S and ended["tx_bytes_per_s"] < MOST_BYTES_PER_S
    assert all((bucket["tx_bytes_per_s"] or 0) < MOST_BYTES_PER_S for bucket in a.history("b"))


def test_loss_and_jitter_are_those_a_ping_sees(party):
    """Short packets go once for that: doubled, a ping would lose less than the way does."""
    a, b, address = party
    count = 300
    for member in (a, b):
        member.do("PATCH", "settings", {"doubling": "off"})
    a.host.wire.set(loss=5, jitter_ms=10)
    with UdpStream(a.host, b.host, address=address, pps=20):
        time.sleep(7)    # the data plane's window is of its last 64 probes, 10 a second

        def look():
            rtts = ping(a.host, address, count=count, interval=0.03)
            lost = 100 * (1 - len(rtts) / count)
            steps = [abs(rtts[n] - rtts[n - 1]) for n in rtts if n - 1 in rtts]
            jitter = sum(steps) / len(steps)
            seen = a.sees(is_measured, "b is measured")
            print(f"loss {seen['loss_pct']} %, jitter {seen['jitter_ms']} ms; ping {lost:.1f} %, {jitter:.1f} ms")
            return abs(seen["loss_pct"] - lost) <= 12 and jitter / 2 <= seen["jitter_ms"] <= jitter * 2 and seen
        seen = wait_until(look, SOON_S, "loss and jitter as a ping sees them")
    a.host.wire.set(loss=0, jitter_ms=0)
    assert 0 < seen["loss_pct"] < 25 and seen["quality"] < 80
    for member in (a, b):
        member.do("PATCH", "settings", {"doubling": ""})


def test_b_leaves(party):
    """b is no member any more: nothing old is shown as if it were now, and its history ends with that."""
    a, b, _ = party
    b.do("POST", "party/leave")
    gone = a.sees(lambda peer: peer["state"] == "gone", "b is gone")
    assert gone["name"] is None and gone["id"] is None
    assert all(gone[key] is None for key in (*MEASURES, "path"))
    detail = a.do("GET", f"metrics/peers/{gone['key']}")
    assert detail["paths"] == [] and detail["state"] == "gone"
    last = a.history(gone["key"])[-1]
    assert last["state"] == "connected" and gone["quality"] is None
    assert a.do("GET", "metrics/quality")["quality"] is None
    assert a.ask("GET", "metrics/peers/b")[0] == 404
    assert "gone" in a.host.lanrage("metrics", json=False)
