"""Parties without a server: the host's machine is the meeting point, found on the LAN."""
import signal

import pytest

from lab import wait_until
from party import join, peer_of

SOON_S = 20


def lan(lab, *names, config=None):
    """
    NAT ─ LAN ─┬─ a
               ├─ b        no server anywhere
               └─ …
    """
    first = lab.behind(names[0])
    members = [first] + [lab.behind(name, router=first.router) for name in names[1:]]
    for member in members:
        member.start_lanraged(extra_config=config)
    return members


def together(*members):
    for member in members:
        wait_until(lambda: sorted((p["name"], p["path"], p["state"]) for p in member.lanrage("peers"))
                   == sorted((other.name, "direct", "connected") for other in members if other is not member),
                   SOON_S, f"{member.name} reaches the others over the LAN")
    for member in members:
        for other in members:
            if other is not member:
                member.lanrage("ping", other.name, "-c", "1")


def test_friends_on_one_lan(lab):
    """
    a makes a party with no server configured: b comes by the code, c by the link. All are direct. A friend from another
    LAN does not find it, and is told so.
    """
    a, b, c = lan(lab, "a", "b", "c")
    d = lab.behind("d")
    d.start_lanraged()
    made = a.lanrage("party", "create", "den", "--name", "a")
    assert made["link"] == f"lanrage://local/{made['code']}"
    join(b, made["code"], "b")
    join(c, made["link"], "c")
    together(a, b, c)
    assert peer_of(b, "a")["host"] and b.lanrage("status")["server"]["state"] == "connected"
    with pytest.raises(RuntimeError, match="no party has this code"):
        join(d, made["code"], "d")
    assert d.lanrage("status")["party"] is None


def test_two_parties_on_one_lan(lab):
    """a and b have a party each, c and d join one each by the codes: nobody meets anybody of the other party."""
    a, b, c, d = lan(lab, "a", "b", "c", "d")
    codes = {host: host.lanrage("party", "create", f"{host.name}'s", "--name", host.name)["code"] for host in (a, b)}
    join(c, codes[a], "c")
    join(d, codes[b], "d")
    together(a, c)
    together(b, d)
    for host in (a, b):
        assert host.lanrage("status")["party"]["members"] == 2
    for member in (c, d):   # members find their own host again, not just any
        member.stop_lanraged()
        member.start_lanraged()
    together(a, c)
    together(b, d)
    for member in (c, d):
        wait_until(lambda: member.lanrage("status")["server"]["state"] == "connected", SOON_S, "found its host")
        assert member.lanrage("status")["party"]["members"] == 2


def test_host_restarts_elsewhere(lab):
    """
    The host's control is killed; then its lanraged is stopped, its address changes, and it comes back: members find it
    again, keep their addresses, and another friend can join by a new code; the old code still works, too.
    """
    a, b, c, d = lan(lab, "a", "b", "c", "d")
    code = a.lanrage("party", "create", "den", "--name", "a")["code"]
    join(b, code, "b")
    before = b.lanrage("status")["self"]
    a.netns.run(["kill", "-9", str(a.lanrage("status")["services"]["control"]["pid"])])
    wait_until(lambda: a.lanrage("status")["services"]["control"]["restarts"] == 1, SOON_S, "control is back")
    together(a, b)
    a.stop_lanraged()
    a.change_address()
    wait_until(lambda: b.lanrage("status")["server"]["state"] != "connected", SOON_S, "b misses its host")
    a.start_lanraged()
    together(a, b)
    wait_until(lambda: b.lanrage("status")["server"]["state"] == "connected", SOON_S, "b has found its host")
    assert b.lanrage("status")["self"] == before
    join(c, code, "c")
    join(d, a.lanrage("invite")["code"], "d")
    together(a, b, c, d)


def test_host_leaves(lab):
    """
    The host leaves: b is the host, the others find it, c's addresses stay, old codes are dead, a new one works; a kick
    by the new host is heard by all. The old host leaves nothing behind that anybody could join.
    """
    a, b, c = lan(lab, "a", "b", "c")
    code = a.lanrage("party", "create", "den", "--name", "a")["code"]
    join(b, code, "b")
    join(c, code, "c")
    together(a, b, c)
    before = c.lanrage("status")["self"]
    a.lanrage("leave")
    for member in (b, c):
        wait_until(lambda: member.lanrage("status")["party"]["host"] == "b", SOON_S, "b is the host")
    wait_until(lambda: c.lanrage("status")["server"]["state"] == "connected", SOON_S, "c has found the new host")
    wait_until(lambda: "you are the host" in b.lanrage("status", json=False), SOON_S, "b has taken over")
    together(b, c)
    with pytest.raises(RuntimeError, match="no party has this code"):
        join(a, code, "a")
    join(a, b.lanrage("invite")["code"], "a")
    together(a, b, c)
    assert c.lanrage("status")["self"] == before
    b.lanrage("kick", "a")
    wait_until(lambda: a.lanrage("status")["party"] is None, 5, "a knows")
    together(b, c)


def test_local_beside_a_server(lab):
    """
    A server is configured: `--local` makes a party here all the same, whose code the server does not know and the LAN
    does. A server that is away is waited for and never replaced.
    """
    server = lab.public("server")
    url = server.start_server()
    a, b = lan(lab, "a", "b", config={"server": {"url": url}})
    code = a.lanrage("party", "create", "den", "--name", "a", "--local")["code"]
    join(b, code, "b")
    together(a, b)
    assert b.lanrage("settings")["server_url"] == url
    for member in (b, a):
        member.lanrage("leave")
    server.stop("lanrage-server", sig=signal.SIGKILL)
    with pytest.raises(RuntimeError, match="does not answer"):
        a.lanrage("party", "create", "den", "--name", "a")
    assert a.lanrage("status")["party"] is None
