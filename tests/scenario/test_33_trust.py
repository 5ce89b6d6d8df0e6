"""Who is let in, who is put out, and who takes over."""
import contextlib
import os
import signal
import time

import pytest

from lab import UdpStream, wait_until
from party import connect, join, start_party, together

TOGETHER_S = 30


def four(lab):
    """host, ana, ben and cid, each behind its own router, came together by one code."""
    server, relay = lab.public("server"), lab.public("relay")
    members = [lab.behind(name) for name in ("host", "ana", "ben", "cid")]
    start_party(server, relay, *members)
    code = connect(*members)
    together(*members)
    return server, members, code


def names(member):
    return sorted(peer["name"] for peer in member.lanrage("peers"))


def refusal(member, *words):
    """Runs a command that must be refused, and returns what it says."""
    with pytest.raises(RuntimeError) as said:
        member.lanrage(*words)
    assert "ended with 1" in str(said.value)
    return str(said.value)


@contextlib.contextmanager
def deaf(member):
    """Its control service is stopped: it obeys nobody, and its data plane goes on."""
    pid = member.lanrage("status")["services"]["control"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    yield
    os.kill(pid, signal.SIGCONT)


def cut_off_after(victim, others, kick):
    """
    Calls kick() while every other member sends 100 packets/s to the victim, which does not obey; returns the seconds
    from the call to the last packet that came through from each.
    """
    address = victim.lanrage("status")["self"]["virtual_ip"]
    with deaf(victim):
        streams = {other.name: UdpStream(other, victim, address=address, port=5000 + i) for i, other in enumerate(others)}
        time.sleep(1)
        called = time.monotonic()
        kick()
        time.sleep(3)
        results = {name: stream.stop() for name, stream in streams.items()}
    assert all(result.arrivals for result in results.values())
    return {name: round(result.arrivals[-1][1] - called, 3) for name, result in results.items()}


def test_kicked_member_is_cut_off(lab):
    """
    ana is removed: within a second no member's packet reaches her any more, the others lose nothing, she is told, and
    neither the code she came by nor any other made before opens the party again; a new one does.
    """
    server, (host, ana, ben, cid), code = four(lab)
    other_code = host.lanrage("invite")["code"]
    b_address = ben.lanrage("status")["self"]["virtual_ip"]
    with UdpStream(cid, ben, address=b_address, pps=100) as between_others:
        gone = cut_off_after(ana, (host, ben, cid), lambda: host.lanrage("kick", "ana"))
    print(f"cut off after {gone}")
    assert all(seconds < 1 for seconds in gone.values())
    assert between_others.result.lost == 0
    wait_until(lambda: ana.lanrage("status")["party"] is None, 5, "ana knows")
    assert "removed you" in ana.lanrage("status", json=False)
    for member in (host, ben, cid):
        assert "ana" not in names(member)
    for old in (code, other_code):
        assert "code" in refusal(ana, "join", old)
    new = host.lanrage("invite")["code"]
    join(ana, new, "ana")
    together(host, ana, ben, cid)


def test_kick_while_the_server_is_away(lab):
    """
    The server is killed, then ana is removed: the members tell each other. When the server is back, it learns of it, too:
    the old code is worth nothing, the others are still together, and ana is out.
    """
    server, (host, ana, ben, cid), code = four(lab)
    server.stop("lanrage-server", sig=signal.SIGKILL)
    for member in (host, ben, cid):
        wait_until(lambda: member.lanrage("status")["server"]["state"] == "away", 60, "the server is missed")
    gone = cut_off_after(ana, (host, ben, cid), lambda: host.lanrage("kick", "ana"))
    print(f"cut off after {gone}")
    assert all(seconds < 1 for seconds in gone.values())
    for member in (host, ben, cid):
        assert "ana" not in names(member)
    server.start_server()
    for member in (host, ben, cid):
        wait_until(lambda: member.lanrage("status")["server"]["state"] == "connected", 60, "the server is back")
    wait_until(lambda: ana.lanrage("status")["party"] is None, 10, "ana knows")
    assert "code" in refusal(ana, "join", code)
    together(host, ben, cid)


def test_member_that_was_away_hears_of_the_kick(lab):
    """
    ben is off while ana is removed, then comes back with the server gone: the others tell him, he drops ana, and they are
    one party.
    """
    server, (host, ana, ben, cid), code = four(lab)
    ben.stop_lanraged()
    host.lanrage("kick", "ana")
    wait_until(lambda: ana.lanrage("status")["party"] is None, 5, "ana knows")
    server.stop("lanrage-server", sig=signal.SIGKILL)
    ben.start_lanraged()
    wait_until(lambda: names(ben) == ["cid", "host"], TOGETHER_S, "ben has dropped ana")
    together(host, ben, cid)


def test_host_hands_over(lab):
    """
    The host leaves: ana, the member of longest standing, is the host and can invite; the old host's codes are dead;
    who comes by the new code sees everybody, also after everybody was restarted.
    """
    server, (host, ana, ben, cid), code = four(lab)
    host.lanrage("leave")
    for member in (ana, ben, cid):
        wait_until(lambda: member.lanrage("status")["party"]["host"] == "ana", 10, "ana is the host")
    assert "code" in refusal(host, "join", code)
    wait_until(lambda: "you are the host" in ana.lanrage("status", json=False), 10, "ana has taken over")
    assert "host" in refusal(ben, "invite")
    join(host, ana.lanrage("invite")["code"], "old host")
    together(ana, ben, cid, host)
    for member in (ana, ben):
        member.stop_lanraged()
        member.start_lanraged()
    together(ana, ben, cid, host)


def test_codes(lab):
    """
    A code for one is good for one; a revoked one for nobody; an expired one neither. `party list` shows the party.
    """
    server, relay = lab.public("server"), lab.public("relay")
    host, ana, ben = (lab.behind(name) for name in ("host", "ana", "ben"))
    start_party(server, relay, host, ana, ben)
    host.lanrage("party", "create", "den", "--name", "host")
    once = host.lanrage("invite", "--once")["code"]
    join(ana, once, "ana")
    assert "code" in refusal(ben, "join", once)
    revoked = host.lanrage("invite")["code"]
    host.lanrage("invite", "--revoke", revoked)
    assert "code" in refusal(ben, "join", revoked)
    assert "no such open code" in refusal(host, "invite", "--revoke", revoked)
    assert "host" in refusal(ana, "invite")
    assert "host" in refusal(ana, "kick", "host")
    assert "1 minute" in refusal(host, "invite", "--ttl", "1s")
    listed = host.lanrage("party", "list")
    assert [party["name"] for party in listed] == ["den"] and listed[0]["members"] == 2
