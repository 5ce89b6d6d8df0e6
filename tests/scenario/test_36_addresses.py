"""Which addresses a party has, and networks that use the same ones already.

    NAT ─ a ─┐            ┌─ server
             ├─ internet ─┤
    NAT ─ b ─┘            └─ relay
"""
import ipaddress

import pytest

from lab import ping_first_reply, wait_until
from party import connect, join, peer_of, start_party

BACK_S = 30


def reach_each_other(*members):
    addresses = {member.name: member.lanrage("status")["self"]["virtual_ip"] for member in members}
    for member in members:
        for other in members:
            if other is not member:
                ping_first_reply(member, addresses[other.name], 10)
    return addresses


def members_of(lab, *names):
    server, relay = lab.public("server"), lab.public("relay")
    members = [lab.behind(name) for name in names]
    start_party(server, relay, *members)
    return members


def test_a_chosen_subnet(lab):
    """[party] subnet= of the host is the party's, for all of its members; a wrong one is refused with words."""
    a, b = members_of(lab, "a", "b")
    url = a.lanrage("status")["server"]["url"]
    a.stop_lanraged()
    for wrong in ("10.77.4.1/24", "10.0.0.0/28", "fd00::/64", "anywhere"):
        with pytest.raises(RuntimeError, match="subnet"):
            a.start_lanraged(url, extra_config={"party": {"subnet": wrong}})
            a.lanrage("party", "create", "party", "--name", "a")
        if a.processes["lanraged"].poll() is None:
            a.stop_lanraged()
    a.start_lanraged(url, extra_config={"party": {"subnet": "10.77.4.0/24"}})
    connect(a, b)
    for address in reach_each_other(a, b).values():
        assert ipaddress.ip_address(address) in ipaddress.ip_network("10.77.4.0/24")


def test_a_network_with_the_same_addresses(lab):
    """
    b's own network has a route to 10.66.0.0/16, and a machine there with the address of another member. The members
    reach each other all the same, and b's network keeps all other addresses. The route goes and comes while they play.
    """
    a, b = members_of(lab, "a", "b")
    gateway = str(b.main_interface.gateway4)
    b.netns.ip(f"route add 10.66.0.0/16 via {gateway}")
    connect(a, b)
    addresses = reach_each_other(a, b)
    assert "dev eth0" in b.run(["ip", "route", "get", "10.66.200.1"]).stdout
    assert "dev lanrage0" in b.run(["ip", "route", "get", addresses["a"]]).stdout
    b.stop_lanraged()
    assert "10.66.0.0/16" in b.run(["ip", "route"]).stdout and "lanrage0" not in b.run(["ip", "route"]).stdout


def test_addresses_are_kept(lab):
    """Who leaves and joins again, and who is restarted, has the address it had; a newcomer never gets a taken one."""
    a, b, c = members_of(lab, "a", "b", "c")
    code = connect(a, b)
    before = reach_each_other(a, b)
    b.lanrage("leave")
    join(c, code, "c")
    join(b, code, "b")
    after = reach_each_other(a, b, c)
    assert after["b"] == before["b"] and after["a"] == before["a"] and len(set(after.values())) == 3
    for member in (b, c):
        member.stop_lanraged()
        member.start_lanraged()
    wait_until(lambda: all(p["state"] == "connected" for m in (a, b, c) for p in m.lanrage("peers")), BACK_S, "back")
    assert reach_each_other(a, b, c) == after


def test_routes_that_come_while_playing(lab):
    """
    b's machine gets a route over the party's addresses in the middle of a game, and loses it again: the interface
    follows each time, and the members reach each other all the while.
    """
    a, b = members_of(lab, "a", "b")
    connect(a, b)
    addresses = reach_each_other(a, b)
    for there in (True, False, True):
        b.netns.ip(f"route {'add' if there else 'del'} 10.66.0.0/16 via {b.main_interface.gateway4} metric 50")
        wait_until(lambda: (f"{addresses['a']} dev lanrage0" in b.run(["ip", "route"]).stdout) == there, BACK_S,
                   "the interface follows")
        reach_each_other(a, b)


def test_another_way_out(lab):
    """
    a's machine is in two networks; its default route moves to the other, and the way back: the game goes on, and is
    direct again, from the other network's address.
    """
    a, b = members_of(lab, "a", "b")
    second = lab.router("second")
    lab.second_uplink(a, second, metric=200)
    connect(a, b)
    reach_each_other(a, b)
    first = a.router
    gateway = a.main_interface.gateway4
    for router, ifname, change in ((second, "eth1", "del"), (first, "eth0", "add")):
        a.netns.ip(f"route {change} default via {gateway} dev eth0")
        wait_until(lambda: peer_of(b, "a")["path"] == "direct" and peer_of(b, "a")["endpoint"].startswith(f"{router.addr4}:"),
                   BACK_S, f"b reaches a by {ifname}")
        reach_each_other(a, b)
