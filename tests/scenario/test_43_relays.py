"""Several relays: two members meet at the one that is nearest to both together, and move on when that one goes.

    a - NAT(symmetric) ─┐             ┌─ server
    b - NAT(symmetric) ─┼─ internet ──┤
    c - NAT(symmetric) ─┘             └─ r1, r2, r3, r4, r5
    p1 … p15 ───────────── (places from which the choice alone is made)

No two members are ever direct. How far each of them is from each relay is drawn at random, and the wires make it so.
"""
import itertools
import os
import random
import signal
import subprocess
import time

import pytest

from lab import wait_until
from lab.wire import build_dir
from party import HANG_S, connect, peer_of, stream

SOON_S = 90
NEAR_MS = 5
KEPT = 0.2      # what another relay must be better by to take the place of one in use
MEASURE_S = 8
PLACES = 15     # 105 pairs
FARTHEST_MS = 50
TOOL = os.path.join(build_dir(), "tests", "relay-pairs")


class World:
    """Five relays, three members in a party, and the lab's own truth about the ways between them."""

    def __init__(self, lab):
        seed = int(os.environ.get("LANRAGE_SEED") or random.randrange(1 << 32))
        print(f"LANRAGE_SEED={seed}")
        self.random = random.Random(seed)
        self.server = lab.public("server", delay_ms=5)
        self.relays = [lab.public(f"r{i}", delay_ms=1) for i in range(1, 6)]
        self.rtt_ms = {}  # (name of a place, name of a relay)
        self.members = [lab.behind(name, nat="symmetric-random", delay_ms=1) for name in "abc"]
        self.places = [lab.public(f"p{i}", delay_ms=1) for i in range(1, PLACES + 1)]
        for place in (*self.members, *self.places):
            self.put(place)
        for one, other in itertools.combinations(self.members, 2):
            lab.block_udp(one, other)
        self.url = self.server.start_server()
        for relay in self.relays:
            relay.start_relay(self.url)

    def put(self, place):
        """Somewhere: so far from each relay."""
        for relay in self.relays:
            more_ms = self.random.uniform(0, FARTHEST_MS)
            place.wire.far(relay.addr4, more_ms)
            self.rtt_ms[place.name, relay.name] = 2 * (1 + 1 + more_ms)

    def sum_ms(self, one, other, relay):
        return self.rtt_ms[one.name, relay.name] + self.rtt_ms[other.name, relay.name]

    def off_ms(self, one, other, relay, relays):
        """How much longer the way over this relay is than the best of them."""
        return self.sum_ms(one, other, relay) - min(self.sum_ms(one, other, candidate) for candidate in relays)

    def relay_between(self, one, other):
        """Over which relay one sends to the other, None: over none."""
        peer = peer_of(one, other.name)
        if peer["path"] != "relay" or peer["state"] != "connected":
            return None
        return next(relay for relay in self.relays if peer["endpoint"].startswith(relay.addr4 + ":"))

    def well_met(self, relays, kept):
        """
        Does every member send to each other one over a relay near the best of these? One that is in use is kept while
        it is worse by no more than the part `kept`.
        """
        for one, other in itertools.permutations(self.members, 2):
            relay = self.relay_between(one, other)
            if relay not in relays:
                return False
            if self.off_ms(one, other, relay, relays) > max(NEAR_MS, kept * self.sum_ms(one, other, relay)):
                return False
        return True

    def report(self):
        for one, other in itertools.permutations(self.members, 2):
            relay = self.relay_between(one, other)
            print(f"{one.name} -> {other.name}: {relay and relay.name}, "
                  + " ".join(f"{candidate.name} {self.sum_ms(one, other, candidate):.0f}" for candidate in self.relays))


@pytest.fixture(scope="module")
def world(module_lab):
    made = World(module_lab)
    for member in made.members:
        member.start_lanraged(made.url)
    connect(*made.members)
    return made


def everybody_is_well_met(world, relays, what, kept=0.0):
    started = time.monotonic()
    try:
        wait_until(lambda: world.well_met(relays, kept), SOON_S, what, interval=0.5)
    finally:
        world.report()
    print(f"{what}: after {time.monotonic() - started:.1f} s")


def test_hundred_pairs(world):
    """Fifteen places measure the relays and choose for each pair of them: both ends alike, and near the best."""
    endpoints = [f"{relay.addr4}:51820" for relay in world.relays]
    running = [place.popen([TOOL, "measure", str(MEASURE_S), *endpoints], name="relay-pairs", stdout=subprocess.PIPE,
                           text=True) for place in world.places]
    lines = [process.communicate(timeout=60)[0] for process in running]
    chosen = subprocess.run([TOOL, "choose"], input="".join(lines), capture_output=True, text=True, check=True).stdout
    off, differ = [], 0
    for line in chosen.splitlines():
        one, other, here, there = map(int, line.split())
        differ += here != there
        off.append(world.off_ms(world.places[one], world.places[other], world.relays[here], world.relays))
    near = sum(ms <= NEAR_MS for ms in off)
    print(f"{near} of {len(off)} pairs within {NEAR_MS} ms of the best relay, the worst {max(off):.1f} ms off")
    assert len(off) == PLACES * (PLACES - 1) // 2
    assert differ == 0
    assert near >= 0.99 * len(off)


def test_each_pair_meets_between(world):
    everybody_is_well_met(world, world.relays, "everybody over the best relay")


def test_relay_is_killed_and_comes_back(world):
    """The relay between a and b dies under their game: the spare carries it, then the best that is left; when it is
    back it is used again."""
    a, b, _ = world.members
    everybody_is_well_met(world, world.relays, "everybody over a good relay", KEPT)
    used = world.relay_between(a, b)
    rest = [relay for relay in world.relays if relay is not used]
    with stream(a, b) as playing:
        time.sleep(3)
        killed = time.monotonic()
        used.stop("lanrage-relay", sig=signal.SIGKILL)
        time.sleep(3)
        everybody_is_well_met(world, rest, "everybody over the best that is left")
    print(f"{used.name} killed: back after {playing.result.gap_at(killed):.3f} s, lost {playing.result.lost}")
    assert playing.result.gap_at(killed) < HANG_S
    used.start_relay(world.url)
    everybody_is_well_met(world, world.relays, f"{used.name} is used again", KEPT)


def test_relay_is_drained_and_comes_back(world):
    """The relay between a and b is stopped in good order: their game leaves it without losing a packet."""
    a, b, _ = world.members
    everybody_is_well_met(world, world.relays, "everybody over a good relay", KEPT)
    used = world.relay_between(a, b)
    rest = [relay for relay in world.relays if relay is not used]
    with stream(a, b) as playing:
        time.sleep(2)
        stopped = time.monotonic()
        assert used.stop("lanrage-relay", timeout=15) == 0
        print(f"{used.name} drained for {time.monotonic() - stopped:.1f} s")
        time.sleep(1)
        everybody_is_well_met(world, rest, "everybody over the best that is left")
    assert playing.result.lost == 0
    assert playing.result.duplicates == 0
    used.start_relay(world.url)
    everybody_is_well_met(world, world.relays, f"{used.name} is used again", KEPT)
