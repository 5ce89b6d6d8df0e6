"""The labs that have a name, for `tests/lab/lab up NAME` and for tests.

Each builder takes an empty Lab and keywords, builds into it, and returns the hosts by name. delay_ms is one way, of
every member's wire: two members at 10 ms have 40 ms between them there and back.
"""


def _infrastructure(lab, ipv4=True, ipv6=False):
    return {name: lab.public(name, ipv4=ipv4, ipv6=ipv6) for name in ("server", "relay")}


def two_nats(lab, nat_a="port-restricted", nat_b="port-restricted", delay_ms=0, ipv6=False):
    """a - NAT - internet - NAT - b, with a server and a relay"""
    hosts = _infrastructure(lab, ipv6=ipv6)
    for name, nat in (("a", nat_a), ("b", nat_b)):
        hosts[name] = lab.behind(name, nat=nat, delay_ms=delay_ms, ipv6=ipv6)
    return hosts


def public(lab, delay_ms=0, ipv6=False):
    """a and b with public addresses, with a server and a relay"""
    hosts = _infrastructure(lab, ipv6=ipv6)
    return hosts | {name: lab.public(name, delay_ms=delay_ms, ipv6=ipv6) for name in ("a", "b")}


def ipv6_only(lab, delay_ms=0):
    """a and b behind IPv6 firewalls, nobody has IPv4"""
    hosts = _infrastructure(lab, ipv4=False, ipv6=True)
    return hosts | {name: lab.behind(name, ipv4=False, ipv6=True, delay_ms=delay_ms) for name in ("a", "b")}


def lan(lab, nat_a="port-restricted", delay_ms=0, ipv6=False):
    """a and b in one LAN behind one NAT, with a server and a relay"""
    hosts = _infrastructure(lab, ipv6=ipv6)
    hosts["a"] = lab.behind("a", nat=nat_a, delay_ms=delay_ms, ipv6=ipv6)
    hosts["b"] = lab.behind("b", router=hosts["a"].router)
    return hosts


def eight(lab, delay_ms=0, ipv6=False):
    """a to h: every kind of NAT, two in one LAN, one public; with a server and a relay"""
    hosts = _infrastructure(lab, ipv6=ipv6)
    kinds = ("full-cone", "address-restricted", "port-restricted", "symmetric-random", "symmetric-sequential", "double")
    for name, nat in zip("abcdef", kinds):
        hosts[name] = lab.behind(name, nat=nat, delay_ms=delay_ms, ipv6=ipv6)
    hosts["g"] = lab.behind("g", router=hosts["c"].router)
    hosts["h"] = lab.public("h", delay_ms=delay_ms, ipv6=ipv6)
    return hosts


TOPOLOGIES = {"two-nats": two_nats, "matrix": two_nats, "public": public, "ipv6-only": ipv6_only, "lan": lan,
              "eight": eight}
