#!/usr/bin/python3
"""What a storm of packets to everybody does to the others' game; README.md says what each row means.

    a ─ NAT ─┐            ┌─ server
    b ─ NAT ─┼─ internet ─┤
    c ─ NAT ─┘            └─ relay         a storms; b plays with c

LANRAGE_BENCH_ROUNDS=N    rounds instead of 5
"""
import contextlib
import os
import sys
import threading
import time
import types

import load
import pair         # noqa: F401: where tests/ is
from figures import Comparison, percentile

from lab import Lab, wait_until
from lab.wire import build_dir
from party import address_of, connect, start_party, together
from test_60_lan import EVERYBODY, PORT, Ear, counters, mouth, switch

ROUNDS = int(os.environ.get("LANRAGE_BENCH_ROUNDS") or 5)
STORM_PORT, STORM_PER_S, STORM_BYTES = 4000, 50_000, 64
PLAY_S, HEAD_S = 5, 1       # what is measured, and so much longer the storm is on either side
QUERIES = 100


def define(rows):
    rows.define("game_p99_quiet", "us", "lower")
    rows.define("game_p99_storm_at_home", "us", "lower")
    rows.define("game_p99_storm", "us", "lower")
    rows.define("game_p99_moved", "us", "lower", limit=1000)
    rows.define("storm_sent_per_s", "1/s", "higher")
    rows.define("storm_passed_per_s", "1/s", "lower")
    rows.define("search_p50", "us", "lower")
    rows.define("search_p95", "us", "lower")


@contextlib.contextmanager
def storm(host):
    """Yields a list that has what was sent a second, when it is over."""
    done = []
    seconds = PLAY_S + 2 * HEAD_S

    def blow():
        with load.UdpLoad(host, "source", EVERYBODY, STORM_PORT) as source:
            sent, ns = map(int, source.ask(1, STORM_PER_S, seconds * 1000, STORM_BYTES, timeout=seconds + 10))
            done.append(sent / ns * 1e9)
    thread = threading.Thread(target=blow)
    thread.start()
    try:
        time.sleep(HEAD_S)
        yield done
    finally:
        thread.join()


def game_p99(b, c):
    ends = types.SimpleNamespace(a=b, b=types.SimpleNamespace(netns=c.netns, inner={4: address_of(c)}))
    return percentile(load.round_trips(ends, PLAY_S)[0], 99)


def search_us(a, b):
    """From a query to everybody to the first answer, QUERIES times; one after the other."""
    values = []
    with Ear(b) as ear, mouth(a) as sock:
        ear.answer = b"here"
        for n in range(QUERIES):
            begin = time.monotonic()
            sock.sendto(b"%d" % n, (EVERYBODY, PORT))
            sock.recvfrom(100)
            values.append((time.monotonic() - begin) * 1e6)
    return values


def one_round(rows, a, b, c):
    rows.add("game_p99_quiet", "ours", game_p99(b, c))
    switch("lan.discovery", "off", a)
    with storm(a):
        at_home = game_p99(b, c)
    switch("lan.discovery", "on", a)
    before = counters(a)["sent"]
    with storm(a) as sent:
        storming = game_p99(b, c)
    passed = counters(a)["sent"] - before
    values = search_us(a, b)
    for row, value in (("game_p99_storm_at_home", at_home), ("game_p99_storm", storming),
                       ("game_p99_moved", storming - at_home), ("storm_sent_per_s", sent[0]),
                       ("storm_passed_per_s", passed / (PLAY_S + 2 * HEAD_S)), ("search_p50", percentile(values, 50)),
                       ("search_p95", percentile(values, 95))):
        rows.add(row, "ours", value)


def main():
    rows = Comparison()
    define(rows)
    with Lab() as lab:
        server, relay, a, b, c = lab.public("server"), lab.public("relay"), *(lab.behind(name) for name in "abc")
        start_party(server, relay, a, b, c)
        connect(a, b, c)
        together(a, b, c)
        wait_until(lambda: all(peer["path"] == "direct" for host in (a, b, c) for peer in host.lanrage("peers")), 30,
                   "all are direct")
        for number in range(ROUNDS):
            one_round(rows, a, b, c)
            print(f"round {number + 1} of {ROUNDS}", flush=True)
    path = os.path.join(build_dir(), "bench", "lan.json")
    rows.write("lan", path)
    print(rows.table())
    print(path)
    return 1 if rows.failures else 0


if __name__ == "__main__":
    sys.exit(main())
