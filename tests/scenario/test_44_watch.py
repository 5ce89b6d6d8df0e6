"""Commands that look again and again: `ping` and `peers --watch`, while the way to b changes.

    a ─ NAT ─┐            ┌─ server
             ├─ internet ─┤
    b ─ NAT ─┘            └─ relay
"""
import json
import os
import pty
import re
import signal
import subprocess

import pytest

from lab import wait_until
from party import connect, direct_both, start_party

SOON_S = 30
SUMMARY = re.compile(r"^(\d+) sent, (\d+) received, [\d.]+ % lost; [\d.]+ / [\d.]+ / [\d.]+ ms min / avg / max, jitter [\d.]+ ms$")


@pytest.fixture
def friends(lab):
    server, relay = lab.public("server"), lab.public("relay")
    a, b = lab.behind("a"), lab.behind("b")
    start_party(server, relay, a, b)
    connect(a, b)
    wait_until(lambda: direct_both(a, b), SOON_S, "both direct")
    return a, b


class Watching:
    """A command that goes on by itself; output is what it has printed so far."""

    def __init__(self, host, *words, terminal=False):
        self._read, write = pty.openpty() if terminal else os.pipe()
        os.set_blocking(self._read, False)
        self._process = subprocess.Popen(host.netns.command(host._lanrage_command(*words)), stdin=subprocess.DEVNULL,
                                         stdout=write, stderr=subprocess.DEVNULL, env={**os.environ, "TERM": "xterm"})
        os.close(write)
        self._output = b""

    @property
    def output(self):
        try:
            while piece := os.read(self._read, 65536):
                self._output += piece
        except OSError:  # nothing now, or the terminal is gone
            pass
        return self._output.decode()

    def end(self):
        """Ctrl-C; returns the exit status."""
        self._process.send_signal(signal.SIGINT)
        status = self._process.wait(10)
        self._last = self.output
        os.close(self._read)
        return status


def test_ping(lab, friends):
    """Each answer says its way; when the direct one is cut, the next says how it changed; the end sums up."""
    a, b = friends
    pinging = Watching(a, "ping", "b", "-c", "1000")
    wait_until(lambda: pinging.output.count("direct") >= 2, SOON_S, "answers")
    lab.block_udp(a, b)
    wait_until(lambda: re.search(r"^path direct \S+ -> relay \S+$", pinging.output, re.M), SOON_S, "the change")
    assert pinging.end() == 0
    lines = pinging._last.splitlines()
    assert re.fullmatch(r"[\d.]+ ms  direct [\d.]+:\d+", lines[0])
    sent, received = map(int, SUMMARY.fullmatch(lines[-1]).groups())
    assert sent >= received >= 3

    pongs = a.lanrage("ping", "b", "-c", "3")
    assert len(pongs) == 3
    assert all(set(pong) == {"rtt_ms", "path", "endpoint", "relay", "change"} for pong in pongs)
    assert all(pong["path"] == "relay" and pong["relay"] and pong["change"] is None for pong in pongs)


def test_watch_without_a_terminal(lab, friends):
    """A block at the start, and one for each change, not for each measurement."""
    a, b = friends
    text, lines = Watching(a, "peers", "--watch"), Watching(a, "peers", "--watch", "--json")
    wait_until(lambda: lines.output.count("\n") >= 3, SOON_S, "three refreshes")
    assert text.output.count("NAME") == 1 and "direct" in text.output
    lab.block_udp(a, b)
    wait_until(lambda: "relay" in text.output, SOON_S, "the change")
    wait_until(lambda: json.loads(lines.output.splitlines()[-1])[0]["path"] == "relay", SOON_S, "the change in JSON")
    assert text.end() == 0 and lines.end() == 0
    assert "\033" not in text._last
    assert all(len(json.loads(line)) == 1 for line in lines._last.splitlines())


def test_watch_at_a_terminal(friends):
    """The table is drawn again in the same place, every second."""
    a, _ = friends
    watching = Watching(a, "peers", "--watch", terminal=True)
    wait_until(lambda: watching.output.count("\033[H\033[J") >= 3, SOON_S, "three refreshes")
    assert watching.output.count("NAME") >= 3
    assert watching.end() == 0
