#!/usr/bin/python3
"""How soon the API answers for a party of 64, and how soon its readers hear; README.md says what each row means.

    one machine: crowd (lanrage-control, -nat and -dataplane of a party of 64), and the real
                 lanrage-metrics, lanrage-browser and lanrage-api

LANRAGE_BENCH_ROUNDS=N    rounds instead of 5
"""
import contextlib
import json
import os
import secrets
import select
import signal
import subprocess
import sys
import tempfile
import time

import pair         # noqa: F401: where tests/ is
from figures import Comparison, percentile

from lab import Lab, wait_until
from lab.wire import build_dir
from live_client import Reader
from party import API_PORT

ROUNDS = int(os.environ.get("LANRAGE_BENCH_ROUNDS") or 5)
MEMBERS, READERS = 64, 50
RATE, LOAD_S = 500, 10
PATHS = ("/api/v1/status", "/api/v1/peers")
EVENTS = 20         # a round
SERVICES = ("control", "nat", "dataplane", "metrics", "browser", "api")


def define(rows):
    for name in ("status", "peers"):
        rows.define(f"{name}_p50", "us", "lower")
        rows.define(f"{name}_p99", "us", "lower", limit=5000)
    rows.define("requests_failed", "requests", "lower", limit=0)
    rows.define("event_first_reader_p50", "us", "lower")
    rows.define("event_last_reader_p50", "us", "lower")
    rows.define("event_last_reader_most", "us", "lower", limit=50000)
    rows.define("cpu_with_readers_pct", "pct", "lower")
    rows.define("rss_with_readers_mb", "MB", "lower")
    rows.define("history_day_mb", "MB", "lower", limit=50)
    rows.define("history_month_mb", "MB", "lower", limit=64 * 1024 * 1024 / 1e6)
    rows.define("history_query_most_ms", "ms", "lower", limit=100)


class Suite:
    """crowd and the three real services, as one user, on a host of the lab."""

    def __init__(self, host):
        self.host, self.token, self.renamed = host, secrets.token_hex(32), 0
        for root in (host.run_dir, host.state_dir):
            for name in SERVICES:
                os.makedirs(os.path.join(root, name), exist_ok=True)
        for name in ("token", "scrape-token"):
            with open(os.path.join(host.run_dir, name), "w") as file:
                file.write(self.token + "\n")
        self.crowd = self._start(os.path.join(build_dir(), "tests", "crowd"), str(MEMBERS))
        for name in ("metrics", "browser", "api"):
            process = self._start(host._binary(f"lanrage-{name}"))
        self.api = process
        wait_until(self._answers, 30, "the API answers")

    def _start(self, program, *arguments):
        return self.host.popen([program, *arguments, "--run", self.host.run_dir, "--state", self.host.state_dir],
                               env={**os.environ, "LANRAGE_SAME_UID": "1"})

    def _answers(self):
        with contextlib.suppress(OSError, RuntimeError):
            reader = self.reader()
            reader.message()
            reader.close()
            return len(reader.state["peers"] or ()) == MEMBERS - 1
        return False

    def reader(self):
        return Reader(self.host, API_PORT, {"Authorization": f"Bearer {self.token}"})

    def cpu_s(self):
        with open(f"/proc/{self.api.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mb(self):
        with open(f"/proc/{self.api.pid}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024


def load(suite):
    """Microseconds of each answer by path, and how many requests failed."""
    program = os.path.join(build_dir(), "tests", "apiload")
    lines = suite.host.run([program, str(API_PORT), suite.token, str(RATE), str(LOAD_S), *PATHS],
                           timeout=LOAD_S + 30).stdout.split("\n")
    answers = [line.split() for line in lines if line and not line.startswith("failed")]
    failed = sum(int(line.split()[1]) for line in lines if line.startswith("failed"))
    return [[int(us) for path, us in answers if int(path) == i] for i in range(len(PATHS))], failed


def event(suite, readers):
    """Microseconds from the cause to each reader, in order. Nothing is decoded here: that would be measured, too."""
    by_fd = {reader.sock.fileno(): reader.sock for reader in readers}
    heard = dict.fromkeys(by_fd, b"")
    suite.renamed += 1
    news = b'"member-1-%d"' % suite.renamed
    poll = select.epoll()
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    begun = time.monotonic()
    os.kill(suite.crowd.pid, signal.SIGUSR1)
    arrivals = []
    while len(arrivals) < len(readers):
        for fd, _ in poll.poll(5):
            heard[fd] = heard[fd][-len(news):] + by_fd[fd].recv(1 << 20)
            if news in heard[fd]:
                arrivals.append((time.monotonic() - begun) * 1e6)
                poll.unregister(fd)
        if time.monotonic() - begun > 5:
            raise TimeoutError(f"{len(readers) - len(arrivals)} readers heard nothing")
    return arrivals


def history(rows):
    """A day and a month of 64 peers, as svc-metrics keeps them; any range of either is asked for."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([os.path.join(build_dir(), "tests", "metrics-fill"), folder], check=True,
                              stdout=subprocess.PIPE, timeout=120)
    told = json.loads(done.stdout)
    rows.add("history_day_mb", "ours", told["file_bytes"] / 1e6)
    rows.add("history_month_mb", "ours", told["month"]["file_bytes"] / 1e6)
    rows.add("history_query_most_ms", "ours", max(query["max_ms"] for query in told["queries"] + told["month"]["queries"]))


def one_round(rows, suite):
    times, failed = load(suite)
    for name, values in zip(("status", "peers"), times):
        rows.add(f"{name}_p50", "ours", percentile(values, 50))
        rows.add(f"{name}_p99", "ours", percentile(values, 99))
    rows.add("requests_failed", "ours", failed)
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(contextlib.closing(suite.reader())) for _ in range(READERS)]
        for reader in readers:
            reader.message()
        begun, cpu_s = time.monotonic(), suite.cpu_s()
        arrivals = []
        for _ in range(EVENTS):
            time.sleep(0.15)
            arrivals.append(event(suite, readers))
        rows.add("cpu_with_readers_pct", "ours", 100 * (suite.cpu_s() - cpu_s) / (time.monotonic() - begun))
        rows.add("rss_with_readers_mb", "ours", suite.rss_mb())
    rows.add("event_first_reader_p50", "ours", percentile([values[0] for values in arrivals], 50))
    rows.add("event_last_reader_p50", "ours", percentile([values[-1] for values in arrivals], 50))
    rows.add("event_last_reader_most", "ours", max(values[-1] for values in arrivals))


def main():
    rows = Comparison()
    define(rows)
    with Lab() as lab:
        suite = Suite(lab.public("a"))
        for number in range(ROUNDS):
            one_round(rows, suite)
            history(rows)
            print(f"round {number + 1} of {ROUNDS}", flush=True)
    path = os.path.join(build_dir(), "bench", "api.json")
    rows.write("api", path)
    print(rows.table())
    print(path)
    return 1 if rows.failures else 0


if __name__ == "__main__":
    sys.exit(main())
