"""Two members of a party of their own, and what their data planes' logs say of the path between them."""
import itertools
import os
import re
import shutil
import sys
import time
from datetime import datetime

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.join(TESTS, "scenario")]
from lab import UdpTalk, wait_until  # noqa: E402
from party import join  # noqa: E402

WIRE_MS = 10        # of every wire: 20 ms one way between any two hosts
HANG_S = 20
SERVER_S = 60
SETTLE_S = 2.0      # from direct to a disturbance: spare paths are proven, probes are at their pace
POLL_S = 0.01

_HEAD = re.compile(r"<\d>(\S+)Z \S+ peer (\S+): (.*)")
_PATH = re.compile(r"path (?:none|relay \S+|direct \S+) -> (relay|direct) ")


class Watch:
    """Follows a data plane's log: since when (seconds of the monotonic clock) each peer is connected, and how.

    The log has milliseconds, and is written by the thread that moves the path at the moment it does.
    """

    def __init__(self, host):
        self.path = f"{host.run_dir}/logs/dataplane.log"
        self._file, self._rest = None, ""
        self.peers = {}     # name -> {"connected": since or None, "path": (kind, since)}
        self.changes = []   # (when, name, kind) of each change of path

    def read(self):
        if self._file is None:
            self._file = open(self.path, errors="replace")
        *lines, self._rest = (self._rest + self._file.read()).split("\n")
        for line in lines:
            match = _HEAD.match(line)
            if match:
                self._take(*match.groups())
        return self

    def _take(self, written, name, what):
        wall = datetime.fromisoformat(written + "+00:00").timestamp()
        when = wall - time.time() + time.monotonic()
        peer = self.peers.setdefault(name, {"connected": None, "path": (None, None)})
        change = _PATH.match(what)
        if change:
            if change[1] != peer["path"][0]:
                peer["path"] = (change[1], when)
            self.changes.append((when, name, change[1]))
        elif what.endswith("-> connected"):
            peer["connected"] = when
        elif what.startswith("connected ->") or what == "left":
            peer["connected"] = None
            peer["path"] = (None, None) if what == "left" else peer["path"]

    def since(self, name, kind):
        """Since when the peer is connected by this kind of path; None if it is not."""
        peer = self.read().peers.get(name)
        if not peer or peer["connected"] is None or peer["path"][0] != kind:
            return None
        return max(peer["connected"], peer["path"][1])

    def changes_between(self, name, since, until):
        return sum(1 for when, peer, _ in self.read().changes if peer == name and since <= when < until)

    def close(self):
        if self._file:
            self._file.close()


class Pair:
    """a is the host of the party, b joins it, again and again: each time they meet without any memory of paths."""

    def __init__(self, lab, number, url):
        self.lab, self.number, self.url = lab, number, url
        self.a, self.b = (lab.behind(f"{name}{number}", nat="port-restricted", delay_ms=WIRE_MS) for name in "ab")
        for member in (self.a, self.b):
            member.start_lanraged(url)
        self.code = self.a.lanrage("party", "create", f"party{number}", "--name", self.a.name)["code"]
        join(self.b, self.code, self.b.name)
        self._watch_both()
        self.addresses = tuple(host.lanrage("status")["self"]["virtual_ip"] for host in (self.a, self.b))
        self._ports = itertools.count(5000)
        self.doubling = "auto"

    def _watch_both(self):
        self.watches = ((Watch(self.a), self.b.name), (Watch(self.b), self.a.name))

    def since(self, kind):
        """Since when each end uses this kind of path, one after the other; None for one that does not."""
        return [watch.since(name, kind) for watch, name in self.watches]

    def wait(self, kind):
        """Waits until both ends are connected by this kind of path; returns since when both are."""
        return max(wait_until(lambda: None not in (times := self.since(kind)) and times, HANG_S,
                              f"{self.a.name} and {self.b.name}: {kind}", interval=POLL_S))

    def leave(self):
        self.wait_server()
        if self.b.lanrage("status")["party"]:   # a run that failed may have left it outside
            self.b.lanrage("leave", json=False)
        wait_until(lambda: self.a.lanrage("peers") == [], HANG_S, f"{self.a.name}: alone")

    def wait_server(self):
        wait_until(lambda: all(host.lanrage("status")["server"]["state"] == "connected" for host in (self.a, self.b)),
                   SERVER_S, f"{self.a.name} and {self.b.name}: at the server")

    def meet_again(self, kind="direct"):
        """Both forget each other and meet anew."""
        self.leave()
        self.join()
        self.wait(kind)

    def join(self):
        join(self.b, self.code, self.b.name)

    def become_new(self):
        """b becomes a machine that was never in the party."""
        self.leave()
        self.b.stop_lanraged()
        shutil.rmtree(self.b.state_dir)
        shutil.rmtree(self.b.run_dir)
        self.b.start_lanraged(self.url)

    def look_again(self):
        """After become_new() and join(): b has another log and another address."""
        for watch, _ in self.watches:
            watch.close()
        self._watch_both()
        self.addresses = tuple(host.lanrage("status")["self"]["virtual_ip"] for host in (self.a, self.b))

    def set_doubling(self, value):
        if value != self.doubling:
            for member in (self.a, self.b):
                member.lanrage("settings", "doubling", value)
            self.doubling = value

    def talk(self, **options):
        return UdpTalk(self.a, self.b, self.addresses, port=next(self._ports), **options)

    def cut(self, way="both", **options):
        """The direct way drops UDP: in both directions, "out" (from a to b) or "back"."""
        self.lab.block_udp(*((self.b, self.a) if way == "back" else (self.a, self.b)), one_way=way != "both", **options)

    def heal(self):
        self.lab.unblock_udp(self.a, self.b)
