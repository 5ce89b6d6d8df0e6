#!/usr/bin/python3
"""What the page costs with a party of 64 whose numbers all change once a second; README.md says what each row means.

    one machine: crowd (a party of 64), the real lanrage-metrics, -browser and -api, and a headless chromium

LANRAGE_BENCH_ROUNDS=N    rounds instead of 5
"""
import os
import sys
import time

import pair         # noqa: F401: where tests/ is
from api import MEMBERS, Suite
from figures import Comparison

from lab import Lab
from lab.wire import build_dir
from party import Member

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "ui"))
from page import API_PORT, Page  # noqa: E402

ROUNDS = int(os.environ.get("LANRAGE_BENCH_ROUNDS") or 5)
SETTLE_S, WATCH_S = 3, 10
VIEWS = {"party": ".member", "metrics": ".ways li"}


def define(rows):
    rows.define("first_paint_ms", "ms", "lower", limit=1000)
    for view in VIEWS:
        rows.define(f"{view}_renderer_pct", "pct", "lower", limit=10)
        rows.define(f"{view}_chromium_pct", "pct", "lower")
    rows.define("renderer_rss_mb", "MB", "lower")


def processes(root):
    """(pid, command line) of every process that comes from root."""
    children, lines = {}, {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as file:
                children.setdefault(int(file.read().rsplit(")", 1)[1].split()[1]), []).append(int(pid))
            with open(f"/proc/{pid}/cmdline") as file:
                lines[int(pid)] = file.read()
        except OSError:
            continue    # it has ended
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append((pid, lines.get(pid, "")))
        waiting += children.get(pid, [])
    return [one for one in found if "chromium" in one[1]]


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024


def watch(page):
    """Percent of one processor that the page's renderer took, and that all of chromium took; the renderer's memory."""
    every = processes(page.process.pid)
    before = {pid: cpu_s(pid) for pid, _ in every}
    begun = time.monotonic()
    time.sleep(WATCH_S)
    spent = {pid: 100 * (cpu_s(pid) - before[pid]) / (time.monotonic() - begun) for pid, _ in every}
    renderer = max((pid for pid, line in every if "--type=renderer" in line), key=spent.get)
    return spent[renderer], sum(spent.values()), rss_mb(renderer)


def one_round(rows, page, number):
    rows.add("first_paint_ms", "ours", page.do("shown", url=f"http://127.0.0.1:{API_PORT}/?{number}#/party", css=".member .measures"))
    for view, css in VIEWS.items():
        page.go(view)
        page.see(css=css)
        assert page.do("count", css=css) == MEMBERS - 1
        time.sleep(SETTLE_S)
        before = page.texts(f"{css} dd")
        renderer, chromium, memory = watch(page)
        assert page.texts(f"{css} dd") != before, "nothing has changed, so nothing was measured"
        rows.add(f"{view}_renderer_pct", "ours", renderer)
        rows.add(f"{view}_chromium_pct", "ours", chromium)
    rows.add("renderer_rss_mb", "ours", memory)


def main():
    rows = Comparison()
    define(rows)
    with Lab() as lab:
        suite = Suite(lab.public("a"))
        with Page(suite.host) as page:
            page.enter(f"http://127.0.0.1:{API_PORT}" + Member(suite.host).do("POST", "login")["path"])
            for number in range(ROUNDS):
                one_round(rows, page, number)
                print(f"round {number + 1} of {ROUNDS}", flush=True)
    path = os.path.join(build_dir(), "bench", "page.json")
    rows.write("page", path)
    print(rows.table())
    print(path)
    return 1 if rows.failures else 0


if __name__ == "__main__":
    sys.exit(main())
