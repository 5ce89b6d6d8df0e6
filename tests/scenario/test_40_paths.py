"""A path dies, is narrow, or moves, in the middle of a game.

    a - NAT(port-restricted) ─┐             ┌─ server
                              ├─ internet ──┤              20 ms one way between any two
    b - NAT(port-restricted) ─┘             └─ relay
"""
import signal
import time

import pytest

from lab import wait_until
from party import HANG_S, all_by, connect, direct_both, peer_of, start_party, stream

SOON_S = 60


def friends(lab, doubling=None, **router):
    server, relay = lab.public("server", delay_ms=10), lab.public("relay", delay_ms=10)
    a, b = (lab.behind(name, nat="port-restricted", delay_ms=10, **router) for name in "ab")
    start_party(server, relay, a, b)
    connect(a, b)
    if doubling:
        for member in (a, b):
            member.lanrage("settings", "doubling", doubling)
    wait_until(lambda: direct_both(a, b), SOON_S, "both direct")
    return server, relay, a, b


def relayed_both(a, b):
    return all_by("relay", a, b)


@pytest.mark.parametrize("doubling", ("auto", "on", "off"))
@pytest.mark.parametrize("way", ("both", "out", "back"))
def test_black_hole(lab, doubling, way):
    """The direct way swallows everything, in both directions or in one: the game goes on over the relay, then direct."""
    _, _, a, b = friends(lab, doubling)
    with stream(a, b) as playing:
        time.sleep(2)
        cut = time.monotonic()
        lab.block_udp(*((b, a) if way == "back" else (a, b)), one_way=way != "both")
        wait_until(lambda: relayed_both(a, b), SOON_S, "both over the relay")
        time.sleep(1)
        lab.unblock_udp(a, b)
        healed = time.monotonic()
        wait_until(lambda: direct_both(a, b), SOON_S, "both direct again")
        direct = time.monotonic() - healed
        time.sleep(0.5)
    gap = playing.result.gap_at(cut)
    print(f"{doubling} {way}: back after {gap:.3f} s, lost {playing.result.lost}, direct again after {direct:.2f} s")
    assert gap < HANG_S
    assert playing.result.duplicates == 0
    assert playing.result.lost_between(healed, healed + 100) == []


def test_long_packets_are_swallowed(lab):
    """Probes pass, and what is over 600 bytes does not: the path is left, and taken again when it is whole."""
    _, _, a, b = friends(lab)
    with stream(a, b, size=900) as playing:
        time.sleep(1)
        lab.block_udp(a, b, above=600)
        cut = time.monotonic()
        wait_until(lambda: relayed_both(a, b), SOON_S, "both over the relay")
        left = time.monotonic()
        time.sleep(3)
        assert relayed_both(a, b)
        lab.unblock_udp(a, b)
        wait_until(lambda: direct_both(a, b), SOON_S, "both direct again")
    print(f"left by {left - cut:.2f} s; back after {playing.result.gap_at(cut):.3f} s")
    assert playing.result.gap_at(cut) < HANG_S
    assert "loses long packets" in a.lanrage("logs", "dataplane", json=False)


def test_comes_back_to_a_relay(lab):
    """
    b leaves and joins again while nothing passes between a and b themselves. The relay still forwards to b what a sends,
    before b has bound itself there anew: what comes from the relay's address is not direct for that.
    """
    _, _, a, b = friends(lab)
    lab.block_udp(a, b)
    for _ in range(3):
        b.lanrage("leave", json=False)
        wait_until(lambda: a.lanrage("peers") == [], SOON_S, "a is alone")
        b.lanrage("join", a.lanrage("invite")["code"], "--name", "b")
        wait_until(lambda: relayed_both(a, b), SOON_S, "both over the relay")
        assert peer_of(b, "a")["relay"]


def test_relay_dies(lab):
    """Nothing but the relay carries the game; it is killed, and another takes over."""
    server, relay, a, b = (lab.public("server", delay_ms=10), lab.public("relay", delay_ms=10),
                           *(lab.behind(name, delay_ms=10) for name in "ab"))
    other = lab.public("other", delay_ms=20)
    lab.block_udp(a, b)
    url = start_party(server, relay, a, b)
    other.start_relay(url)
    time.sleep(1)
    connect(a, b)
    wait_until(lambda: relayed_both(a, b), SOON_S, "both over a relay")
    time.sleep(2)
    at = {"relay": relay, "other": other}
    used = next(host for host in at.values() if peer_of(a, "b")["endpoint"].startswith(host.addr4))
    with stream(a, b) as playing:
        time.sleep(1)
        killed = time.monotonic()
        used.stop("lanrage-relay", sig=signal.SIGKILL)
        time.sleep(4)
    gap = playing.result.gap_at(killed)
    print(f"back after {gap:.3f} s")
    assert gap < HANG_S


def test_address_changes(lab):
    """a's machine gets another address in its LAN: the game goes on, and is direct again."""
    _, _, a, b = friends(lab)
    for who in (a, b):
        with stream(a, b) as playing:
            time.sleep(1)
            who.change_address()
            moved = time.monotonic()
            time.sleep(1.5)
            a.lanrage("invite")     # the server, too, is reached from the new address
            time.sleep(1.5)
            wait_until(lambda: direct_both(a, b), SOON_S, "both direct again")
        gap = playing.result.gap_at(moved)
        print(f"{who.name} moved: back after {gap:.3f} s, lost {playing.result.lost}")
        assert gap < HANG_S


def test_router_restarts(lab):
    """a's router forgets its mappings and gives others: the game goes on."""
    _, _, a, b = friends(lab)
    with stream(a, b) as playing:
        time.sleep(1)
        a.router.rebind()
        moved = time.monotonic()
        time.sleep(3)
        wait_until(lambda: direct_both(a, b), SOON_S, "both direct again")
    gap = playing.result.gap_at(moved)
    print(f"back after {gap:.3f} s, lost {playing.result.lost}")
    assert gap < HANG_S


def test_data_plane_is_suspended(lab):
    """a's data plane does not run for three seconds, as when a laptop sleeps: no path is left for it."""
    _, _, a, b = friends(lab)
    pid = a.lanrage("status")["services"]["dataplane"]["pid"]
    with stream(a, b):
        time.sleep(1)
        a.netns.run(["kill", "-STOP", str(pid)])
        time.sleep(3)
        a.netns.run(["kill", "-CONT", str(pid)])
        time.sleep(2)
    wait_until(lambda: direct_both(a, b), SOON_S, "both direct")
    left = [line for line in a.lanrage("logs", "dataplane", json=False).splitlines() if "path direct" in line]
    assert left == [], left
