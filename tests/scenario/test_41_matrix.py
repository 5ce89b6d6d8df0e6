"""Every kind of network meets every other one, in one party.

    full     - NAT(full-cone) ───────────┐
    address  - NAT(address-restricted) ──┤
    port     - NAT(port-restricted) ─┐   │
    lan      - in port's LAN ────────┴───┤             ┌─ server, IPv4 and IPv6
    twin     - NAT(port-restricted) ─────┤             │
    random   - NAT(symmetric-random) ────┼─ internet ──┤
    sequence - NAT(symmetric-sequential) ┤             │
    double   - NAT - carrier's NAT ──────┤             └─ relay, IPv4 and IPv6
    public   - IPv4 and IPv6 ────────────┤
    wall     - plain router ─────────────┤
    six      - IPv6 firewall, no IPv4 ───┤
    blocked  - TCP outwards alone ───────┘

twin's LAN has the same private network as port's, and twin the same address in it as port. wall has a public address,
and a firewall of its own that drops what it did not ask for.
"""
import itertools
import threading

import pytest

from lab import ping_first_reply, wait_until
from lab.programs import with_port
from party import join

SERVER_PORT, RELAY_PORT = 8667, 51820
SHARED_LAN = "192.168.77.0/24"
SYMMETRIC = ("random", "sequence")
NEVER_DIRECT = (*SYMMETRIC, "blocked")
SOON_S = 40
HOST_FIREWALL = """
table inet wall {
  chain input {
    type filter hook input priority 0; policy drop;
    iifname != "eth0" accept
    ct state established,related accept
  }
}
"""


@pytest.fixture(scope="module")
def party(module_lab):
    """Everybody's host by name, all in one party, and their virtual addresses."""
    lab = module_lab
    urls = infrastructure(lab)
    hosts = members(lab)
    at_once([lambda host=host: host.start_lanraged(urls[6 if host.name == "six" else 4]) for host in hosts.values()])
    first, *others = hosts.values()
    code = first.lanrage("party", "create", "all", "--name", first.name)["code"]
    for host in others:
        join(host, code, host.name)
    addresses = {host.name: host.lanrage("status")["self"]["virtual_ip"] for host in hosts.values()}
    return hosts, addresses


def infrastructure(lab):
    """Server and relay for both families; returns the server's URL by family."""
    server, relay = lab.public("server", ipv6=True), lab.public("relay", ipv6=True)
    server.start_server(port=SERVER_PORT, address="::")
    urls = {4: f"ws://{server.addr4}:{SERVER_PORT}", 6: f"ws://[{server.addr6}]:{SERVER_PORT}"}
    relay.start_relay(urls[4], port=RELAY_PORT, address="::",
                      extra_args=[word for address in (relay.addr4, relay.addr6)
                                  for word in ("--public", with_port(address, RELAY_PORT))])
    return urls


def members(lab):
    made = [lab.behind("full", nat="full-cone"), lab.behind("address", nat="address-restricted"),
            lab.behind("port", nat="port-restricted", lan=SHARED_LAN)]
    made.append(lab.behind("lan", router=made[-1].router))
    made += [lab.behind("twin", nat="port-restricted", lan=SHARED_LAN),
             lab.behind("random", nat="symmetric-random"), lab.behind("sequence", nat="symmetric-sequential"),
             lab.behind("double", nat="double"), lab.public("public", ipv6=True), lab.behind("wall", nat="none"),
             lab.behind("six", ipv4=False, ipv6=True), lab.behind("blocked", nat="udp-blocked")]
    hosts = {host.name: host for host in made}
    hosts["wall"].run(["nft", "-f", "-"], stdin=HOST_FIREWALL)
    return hosts


def at_once(works):
    failures = []

    def run(work):
        try:
            work()
        except Exception as error:
            failures.append(error)
    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def views(hosts):
    """What each member says of each other one: {(who, of whom): peer}."""
    return {(host.name, peer["name"]): peer for host in hosts.values() for peer in host.lanrage("peers")}


def should_be_direct(one, other):
    """
    Nobody without IPv4 speaks to one without IPv6, a symmetric side promises nothing, and without UDP there is only
    the relay.
    """
    if "six" in (one, other):
        return "public" in (one, other)
    return one not in NEVER_DIRECT and other not in NEVER_DIRECT


def not_yet(hosts):
    """Pairs that are not as they should be, in words."""
    seen, wrong = views(hosts), []
    for pair in itertools.permutations(hosts, 2):
        peer = seen.get(pair)
        if not peer or peer["state"] != "connected" or peer["path"] != "direct" and should_be_direct(*pair):
            wrong.append(f"{' -> '.join(pair)}: {peer}")
    return wrong


def test_all_are_connected_and_direct_where_it_can_be(party):
    """All pairs have a session; without a symmetric side, and with a family in common, all of them a direct one."""
    hosts, _ = party
    wrong = []

    def settled():
        wrong[:] = not_yet(hosts)
        return not wrong
    try:
        wait_until(settled, SOON_S, "every pair as it should be", interval=0.5)
    except TimeoutError:
        pytest.fail("\n".join(wrong))
    seen = views(hosts)
    for pair in itertools.permutations(hosts, 2):
        peer = seen[pair]
        assert (peer["reason"] is None) == (peer["path"] == "direct"), f"{pair}: {peer}"
        assert (peer["relay"] is None) == (peer["path"] == "direct"), f"{pair}: {peer}"
    lucky = sorted("-".join(pair) for pair in itertools.combinations(hosts, 2)
                   if seen[pair]["path"] == "direct" and not should_be_direct(*pair))
    print(f"direct with a symmetric side: {', '.join(lucky) or 'none'}")


def test_all_hear_each_other(party):
    """A ping goes from everybody to everybody."""
    hosts, addresses = party
    for one, other in itertools.permutations(hosts, 2):
        ping_first_reply(hosts[one], addresses[other], 10)


def test_the_lan_is_used(party):
    """port and lan, behind one router, talk over the LAN; twin, with the same private network, is not in it."""
    hosts, _ = party

    def over_the_lan():
        seen = views(hosts)
        return all(seen[one, other]["endpoint"].startswith(f"{hosts[other].addr4}:")
                   for one, other in (("port", "lan"), ("lan", "port")))
    wait_until(over_the_lan, SOON_S, "port and lan over the LAN", interval=0.2)
    seen = views(hosts)
    for one in ("port", "lan"):
        assert seen[one, "twin"]["endpoint"].startswith(f"{hosts['twin'].public4}:")
        assert seen["twin", one]["endpoint"].startswith(f"{hosts[one].public4}:")


def test_no_family_in_common(party):
    """six has no IPv4: public, which has both, is reached over IPv6; the others over the relay, which has both."""
    hosts, _ = party
    seen = views(hosts)
    assert seen["six", "public"]["endpoint"].startswith("[2001:db8:")
    assert seen["public", "six"]["endpoint"].startswith("[2001:db8:")
    for other in set(hosts) - {"six", "public"}:
        assert seen["six", other]["path"] == "relay" and seen[other, "six"]["path"] == "relay"


def test_without_udp(party):
    """blocked meets everybody at the relay, which it reaches by TCP, and all say that it is for want of UDP."""
    hosts, _ = party
    relay = hosts["blocked"].lanrage("status")["relay"]
    assert relay["transport"] == "tcp" and relay["state"] == "connected"
    assert all(host.lanrage("status")["relay"]["transport"] == "udp" for host in hosts.values()
               if host.name != "blocked")
    pairs = [pair for pair in itertools.permutations(hosts, 2) if "blocked" in pair]

    def said():
        seen = views(hosts)
        return all(seen[pair]["path"] == "relay" and "UDP" in (seen[pair]["reason"] or "") for pair in pairs)
    wait_until(said, SOON_S, "all say that it is UDP", interval=0.5)
