#!/usr/bin/python3
"""How fast the engine is, beside other tunnels in the same minutes; README.md says what each row means.

          [ns a]  eth0 ----------------- eth0  [ns b]      one such pair for each tunnel
          tunnel  10.9.0.1/24            10.9.0.2/24       all traffic inside: a -> b, to 10.9.0.2

In a round, every tunnel is opened anew, and each measurement is made of one tunnel after the other.

LANRAGE_BENCH_ROUNDS=N                     rounds instead of 5
LANRAGE_BENCH_TUNNELS=ours,wireguard-go    only these tunnels
LANRAGE_BENCH_ROWS=tcp_x1,rtt              only these measurements, by their own names or a row's
"""
import contextlib
import os
import signal
import subprocess
import sys
import time

import hub
import load
from figures import Comparison, percentile
from load import TcpRun, highest_rate, round_trips
from tunnels import KINDS, open_tunnel, warm

from lab import netns
from lab.wire import build_dir

ROUNDS = int(os.environ.get("LANRAGE_BENCH_ROUNDS") or 5)
IDLE_ROUNDS = min(ROUNDS, 2)    # 75 s each
TCP_S, TCP_STREAMS = 3, 4
RTT_S = 5
BULK_HEAD_S = 1.5               # so long a bulk stream runs before something is measured beside it
SMALL_BYTES = 200               # UDP payload
LARGE_BYTES = 1372              # with its headers a packet of 1400 bytes
FIRST_GUESS = 80_000            # packets a second, where a search begins

EVERYONE = tuple(KINDS)
PRODUCTS = ("ours", "wireguard-go", "nebula", "openvpn")
SEALED = ("sealed", "sealed-two")
ASKED_FOR = "sealed-two"        # measured only when it is named
WIREGUARD = ("ours", "wireguard-go")


def define(rows):
    define = rows.define
    define("tcp_x1", "Gbit/s", "higher", {"wireguard-go": 2.4, "nebula": 5, "plain": 0.65})
    define("tcp_x4", "Gbit/s", "higher", {"wireguard-go": 2.4, "nebula": 5, "plain": 0.65})
    define("tcp_reverse", "Gbit/s", "higher", {"wireguard-go": 2.4, "nebula": 5, "plain": 0.65})
    define("tcp_x1_no_uso", "Gbit/s", "higher", {"wireguard-go": 1.5})
    define("cpu_s_per_gbit", "s/Gbit", "lower", {"wireguard-go": 0.45, "openvpn": 0.35})
    define("udp_200B_pps", "packets/s", "higher", {"wireguard-go": 2.2, "nebula": 1.3})
    define("udp_1400B_gbps", "Gbit/s", "higher")
    define("rtt_p50", "us", "lower", {"wireguard-go": 0.5, "openvpn": 0.95})
    define("rtt_p99", "us", "lower", {"wireguard-go": 0.6, "openvpn": 0.9})
    define("rtt_p999", "us", "lower")
    define("rtt_p99_beside_bulk", "us", "lower", {"wireguard-go": 0.4, "openvpn": 0.6})
    define("lost_beside_bulk", "pct", "lower")
    define("rss_peak_mb", "MB", "lower", {"wireguard-go": 0.08}, limit=12)
    define("rss_idle_50_peers_mb", "MB", "lower", limit=8)
    define("wakeups_idle_per_s", "1/s", "lower", limit=2)


# ---- measurements: each takes a pair and returns {row: value}, a list where values are pooled ----

def tcp_x1(_, pair):
    before = load.cpu_seconds(load.processes(pair))
    tcp = TcpRun(pair, TCP_S).result()
    spent = load.cpu_seconds(load.processes(pair)) - before
    return {"tcp_x1": tcp.gbit_per_s, "cpu_s_per_gbit": spent / tcp.gbit}


def tcp_x4(_, pair):
    return {"tcp_x4": TcpRun(pair, TCP_S, streams=TCP_STREAMS).result().gbit_per_s}


def tcp_reverse(_, pair):
    return {"tcp_reverse": TcpRun(pair, TCP_S, reverse=True).result().gbit_per_s}


def tcp_x1_no_uso(_, pair):
    """veth carries UDP super-packets whole, as few cables do."""
    set_uso(pair, "off")
    try:
        return {"tcp_x1_no_uso": TcpRun(pair, TCP_S).result().gbit_per_s}
    finally:
        set_uso(pair, "on")


def set_uso(pair, state):
    for side in (pair.a, pair.b):
        side.run(["ethtool", "-K", "eth0", "tx-udp-segmentation", state])


_guesses = {}   # by tunnel and size: what the round before found


def rate_of(tunnel, pair, size):
    guess = _guesses.get((tunnel, size), FIRST_GUESS)
    _guesses[tunnel, size] = highest_rate(pair, size, guess)
    return _guesses[tunnel, size]


def udp_200B_pps(tunnel, pair):
    return {"udp_200B_pps": rate_of(tunnel, pair, SMALL_BYTES)}


def udp_1400B_gbps(tunnel, pair):
    return {"udp_1400B_gbps": rate_of(tunnel, pair, LARGE_BYTES) * LARGE_BYTES * 8 / 1e9}


def rtt(_, pair):
    values, _ = round_trips(pair, RTT_S)
    return {"rtt_p50": percentile(values, 50), "rtt_p99": percentile(values, 99), "rtt_p999": values}


def rtt_p99_beside_bulk(_, pair):
    bulk = TcpRun(pair, 3 * RTT_S)
    try:
        time.sleep(BULK_HEAD_S)
        values, lost = round_trips(pair, RTT_S)
        if not bulk.running():
            raise RuntimeError("the bulk stream ended")
        return {"rtt_p99_beside_bulk": percentile(values, 99), "lost_beside_bulk": lost}
    finally:
        bulk.stop()


def rss_peak_mb(_, pair):
    """Last of a round: of all that was before."""
    return {"rss_peak_mb": max(load.memory_mb(pid, "VmHWM") for pid in load.processes(pair))}


MEASUREMENTS = {
    tcp_x1: (EVERYONE, ("tcp_x1", "cpu_s_per_gbit")),
    tcp_x4: ((*PRODUCTS, "plain"), ("tcp_x4",)),
    tcp_reverse: ((*PRODUCTS, "plain"), ("tcp_reverse",)),
    tcp_x1_no_uso: (WIREGUARD, ("tcp_x1_no_uso",)),
    udp_200B_pps: (PRODUCTS, ("udp_200B_pps",)),
    udp_1400B_gbps: (WIREGUARD, ("udp_1400B_gbps",)),
    rtt: (PRODUCTS + SEALED, ("rtt_p50", "rtt_p99", "rtt_p999")),
    rtt_p99_beside_bulk: (PRODUCTS + SEALED, ("rtt_p99_beside_bulk", "lost_beside_bulk")),
    rss_peak_mb: (WIREGUARD, ("rss_peak_mb",)),
}
IDLE = ("rss_idle_50_peers_mb", "wakeups_idle_per_s")


# ---- rounds ----

def one_round(rows, number, tunnels, measurements):
    with contextlib.ExitStack() as opened:
        pairs = {}
        for tunnel in tunnels:
            with noting_failure(rows, f"{tunnel} opens"):
                pairs[tunnel] = opened.enter_context(open_tunnel(tunnel))
        for measurement in measurements:
            takers = [tunnel for tunnel in rotated(tunnels, number) if tunnel in MEASUREMENTS[measurement][0]]
            for tunnel in takers:
                if tunnel in pairs:
                    with noting_failure(rows, f"{measurement.__name__} {tunnel}"):
                        measure(rows, number, measurement, tunnel, pairs[tunnel])


def measure(rows, number, measurement, tunnel, pair):
    warm(pair)
    values = measurement(tunnel, pair)
    for row, value in values.items():
        rows.add(row, tunnel, value)
    shown = ", ".join(f"{row} {value:.4g}" for row, value in values.items() if not isinstance(value, list))
    say(f"round {number + 1}: {tunnel}: {shown}")


def idle(rows, number, tunnels):
    """All hubs at the same time: who sleeps disturbs nobody."""
    with contextlib.ExitStack() as opened, noting_failure(rows, "idle"):
        hubs = {tunnel: opened.enter_context(hub.open_hub(tunnel)) for tunnel in tunnels if tunnel in WIREGUARD}
        for tunnel, values in hub.watch(hubs).items():
            for row, value in zip(IDLE, values):
                rows.add(row, tunnel, value)
            say(f"idle {number + 1}: {tunnel}: " + ", ".join(f"{row} {value:.4g}" for row, value in zip(IDLE, values)))


@contextlib.contextmanager
def noting_failure(rows, what):
    """The other measurements are still worth having."""
    try:
        yield
    except Exception as error:
        rows.fail(f"{what}: {type(error).__name__}: {error}")


def rotated(names, number):
    """So that nobody is always the first, or always comes after the same."""
    turn = number % len(names)
    return names[turn:] + names[:turn]


def chosen(variable, all_of):
    words = [word for word in os.environ.get(variable, "").split(",") if word]
    unknown = set(words) - {name for names in all_of.values() for name in names}
    if unknown:
        sys.exit(f"{variable}: no such thing: {', '.join(sorted(unknown))}")
    return [item for item, names in all_of.items() if not words or set(words) & set(names)]


def say(what):
    print(f"{time.monotonic() - START:6.0f} s  {what}", flush=True)


def main():
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    tunnels = chosen("LANRAGE_BENCH_TUNNELS", {name: (name,) for name in KINDS})
    if not os.environ.get("LANRAGE_BENCH_TUNNELS"):
        tunnels.remove(ASKED_FOR)
    names = {measurement: (measurement.__name__, *names) for measurement, (_, names) in MEASUREMENTS.items()}
    measurements = chosen("LANRAGE_BENCH_ROWS", {**names, idle: ("idle", *IDLE)})
    netns.sweep()
    rows = Comparison()
    define(rows)
    in_rounds = [measurement for measurement in measurements if measurement is not idle]
    for number in range(ROUNDS if in_rounds else 0):
        one_round(rows, number, tunnels, in_rounds)
    for number in range(IDLE_ROUNDS if idle in measurements else 0):
        idle(rows, number, tunnels)
    path = os.path.join(build_dir(), "bench", "engine.json")
    rows.write("engine", path)
    say("done")
    print(rows.table())
    print(path)
    return 1 if rows.failures else 0


START = time.monotonic()
if __name__ == "__main__":
    sys.exit(main())
