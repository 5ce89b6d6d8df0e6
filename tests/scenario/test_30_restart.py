"""Any process may die, stop, or be away, and the game goes on."""
import contextlib
import os
import signal
import time

import pytest

from lab import UdpStream, ping_first_reply, wait_until
from lab.netns import pids
from party import address_of, connect, connected, direct_both, peer_of, start_party

OTHERS = ("control", "nat", "metrics", "browser", "api")
BACK_S = 30


def two(lab, direct=True):
    """
    a - NAT(port-restricted) ─┐            ┌─ server
                              ├─ internet ─┤
    b - NAT(port-restricted) ─┘            └─ relay      connected, directly or by the relay
    """
    server, relay = lab.public("server"), lab.public("relay")
    a, b = (lab.behind(name, nat="port-restricted") for name in "ab")
    if not direct:
        lab.block_udp(a, b)
    start_party(server, relay, a, b)
    connect(a, b)
    wait_until(lambda: connected(a, b), BACK_S, "connected")
    if direct:
        wait_until(lambda: direct_both(a, b), BACK_S, "both direct")
    return server, relay, a, b


def service(member, name):
    return member.lanrage("status")["services"][name]


def back(member, name, before):
    """Waits until the service runs in another process than before, and status counts it."""
    def again():
        try:
            now = service(member, name)
        except RuntimeError:
            return None     # the API itself is on its way
        return now["state"] == "running" and now["pid"] != before["pid"] and now
    now = wait_until(again, BACK_S, f"{name} is back")
    assert now["restarts"] == before["restarts"] + 1


@contextlib.contextmanager
def playing(a, b):
    """100 packets/s from b to a and back."""
    with UdpStream(b, a, address=address_of(a), pps=100) as stream:
        time.sleep(0.5)
        yield stream
        time.sleep(0.5)


def test_services_are_killed(lab):
    """
    kill -9 of every service but the data plane, one after the other, at a, then at b: each comes back, is counted, and
    not one packet is lost.
    """
    _, _, a, b = two(lab)
    with playing(a, b) as stream:
        for member in (a, b):
            for name in OTHERS:
                before = service(member, name)
                os.kill(before["pid"], signal.SIGKILL)
                back(member, name, before)
    assert stream.result.lost == 0
    assert direct_both(a, b)


@pytest.mark.parametrize("direct", (True, False), ids=("direct", "relayed"))
def test_the_data_plane_is_killed(lab, direct):
    """
    kill -9 of the data plane at one end: packets pass again within 2 s, under the same address and without a new join,
    directly as well as over the relay.
    """
    _, _, a, b = two(lab, direct)
    before, address = service(a, "dataplane"), address_of(a)
    joined = a.lanrage("status")["self"]
    with playing(a, b) as stream:
        os.kill(before["pid"], signal.SIGKILL)
        back(a, "dataplane", before)
        time.sleep(2)
    print(f"{'direct' if direct else 'relayed'}: lost {stream.result.lost}, gap {stream.result.longest_gap_s:.3f} s")
    assert stream.result.longest_gap_s < 2
    assert a.lanrage("status")["self"] == joined and address_of(a) == address
    wait_until(lambda: connected(a, b), BACK_S, "connected")


def test_services_hang(lab):
    """
    Every service but the data plane is stopped for 10 s at both ends (SIGSTOP): nothing is lost; then they go on as if
    nothing had been.
    """
    _, _, a, b = two(lab)
    stopped = [service(member, name)["pid"] for member in (a, b) for name in OTHERS]
    with playing(a, b) as stream:
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(10)
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        wait_until(lambda: connected(a, b), BACK_S, "status answers again")
    assert stream.result.lost == 0


@pytest.mark.parametrize("name", ("control", "nat"))
def test_one_service_hangs(lab, name):
    """One of the two that the data plane talks to is stopped for 10 s while the other goes on: nothing is lost."""
    _, _, a, b = two(lab)
    pid = service(a, name)["pid"]
    with playing(a, b) as stream:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(10)
        os.kill(pid, signal.SIGCONT)
        time.sleep(1)
    assert stream.result.lost == 0
    wait_until(lambda: connected(a, b), BACK_S, "connected")


def test_the_launcher_is_killed(lab):
    """
    kill -9 of lanraged: all its services end by themselves; a new one on the same directories finds nothing in its way,
    and the same member is connected again.
    """
    _, _, a, b = two(lab)
    joined = a.lanrage("status")["self"]
    services = [one["pid"] for one in a.lanrage("status")["services"].values()]
    a.stop("lanraged", sig=signal.SIGKILL)
    wait_until(lambda: not set(services) & set(pids(a.netns.name)), 10, "the services have ended")
    a.start_lanraged()
    wait_until(lambda: connected(a, b), BACK_S, "connected again")
    assert a.lanrage("status")["self"] == joined
    ping_first_reply(b, joined["virtual_ip"], 10)


@pytest.mark.parametrize("direct", (True, False), ids=("direct", "relayed"))
def test_the_server_is_away(lab, direct):
    """
    The server is killed while a and b play, for 20 s (a minute with LANRAGE_LONG=1). Nothing is lost. c, whose lanraged
    was stopped and is started while the server is away, reaches both from what it knew. When the server is back, all
    are connected to it again, without a new join.
    """
    server, relay, a, b = two(lab, direct)
    c = lab.behind("c")
    c.start_lanraged(f"ws://{server.addr4}:8667")
    c.lanrage("join", a.lanrage("invite")["code"], "--name", "c")
    wait_until(lambda: connected(a, b, c), BACK_S, "three connected")
    before = {member.name: member.lanrage("status")["self"] for member in (a, b, c)}
    with playing(a, b) as stream:
        server.stop("lanrage-server", sig=signal.SIGKILL)
        killed = time.monotonic()
        c.stop_lanraged()
        c.start_lanraged()
        wait_until(lambda: connected(a, b, c), BACK_S, "c reaches both")
        assert c.lanrage("status")["server"]["state"] != "connected"
        time.sleep(max(0, killed + (60 if os.environ.get("LANRAGE_LONG") else 20) - time.monotonic()))
        server.start_server()
        for member in (a, b, c):
            wait_until(lambda: member.lanrage("status")["server"]["state"] == "connected", 60, "the server is found")
    assert stream.result.lost == 0
    assert {member.name: member.lanrage("status")["self"] for member in (a, b, c)} == before
    wait_until(lambda: all(peer["online"] for peer in a.lanrage("peers")), BACK_S, "online again")
    assert peer_of(a, "b")["path"] == ("direct" if direct else "relay")


def test_the_server_restarts_and_the_direct_way_dies(lab):
    """
    The server is killed and started: it knows no relay until they tell it again. In that moment the direct way between a
    and b dies: the relay they know from before carries the game.
    """
    server, _, a, b = two(lab)
    with playing(a, b) as stream:
        server.stop("lanrage-server", sig=signal.SIGKILL)
        server.start_server()
        for member in (a, b):
            wait_until(lambda: member.lanrage("status")["server"]["state"] == "connected", 60, "the server is found")
        time.sleep(1)
        lab.block_udp(a, b)
        time.sleep(3)
    print(f"lost {stream.result.lost}, gap {stream.result.longest_gap_s:.3f} s")
    assert stream.result.longest_gap_s < 3
    assert connected(a, b)
