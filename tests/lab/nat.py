"""What a home router or a carrier's NAT does to packets, written as nftables rules.

Two properties make a NAT (words of RFC 4787): the mapping, whether one inner port shows as the same outer port towards
every destination; and the filtering, who may send to that outer port.

    kind                   mapping               filtering (who may send inwards)
    full-cone              independent           anyone
    address-restricted     independent           addresses the host has sent to, from any port
    port-restricted        independent           exactly the address and port the host has sent to
    symmetric-random       per destination       same; each new destination gets a random port
    symmetric-sequential   per destination       same; each new destination gets the next port
    udp-blocked            independent           same for TCP; no UDP passes at all
    none                   no translation        anyone: a plain router in front of public addresses

Independent mapping keeps the inner port number where it is free, else draws one. Linux' own masquerade would keep the
port per destination, so that two hosts behind one router which use the same port look symmetric; here a map remembers
the outer port of each inner one. The same memory, read backwards, lets unasked packets in at the looser cones.

Everything new that comes from outside is dropped in FORWARD and in INPUT. INPUT matters: a packet that arrives before
the hole is punched would otherwise be taken for the router's own, occupy the connection's entry, and push the host's
own packet to another outer port.
"""
NAT_KINDS = ("full-cone", "address-restricted", "port-restricted", "symmetric-random", "symmetric-sequential")
KINDS = NAT_KINDS + ("none", "udp-blocked")
SEQUENTIAL_PORTS = 4096
RANDOM_PORTS = "40000-60000"


def ruleset(kind, wan_address, udp_timeout_s, keep_ports=True, first_sequential_port=20000, ipv6_firewall=True):
    """Rules for a router with interfaces "lan" and "wan"; loading them replaces the old and forgets all mappings.

    wan_address is the IPv4 address at "wan", or None without IPv4. keep_ports=False draws every outer port, as a router
    does that comes back from a restart. ipv6_firewall=False lets new IPv6 connections in, as a carrier does.
    """
    if kind not in KINDS:
        raise ValueError(f"no NAT kind {kind!r}; there are {', '.join(KINDS)}")
    parts = [_memory(udp_timeout_s), _firewall(kind, ipv6_firewall)]
    if wan_address and kind != "none":
        if kind == "symmetric-random":
            parts.append(_translation("masquerade fully-random"))
        elif kind == "symmetric-sequential":
            ports = ", ".join(f"{i} : {wan_address} . {first_sequential_port + i}" for i in range(SEQUENTIAL_PORTS))
            parts.append(_translation(f"snat ip to numgen inc mod {SEQUENTIAL_PORTS} map {{ {ports} }}"))
        else:
            parts.append(_translation(*_independent_mapping(keep_ports)))
            parts.append(_record())
        if kind in ("full-cone", "address-restricted"):
            parts.append(_INWARDS)
    return "table inet lab\ndelete table inet lab\ntable inet lab {\n" + "\n".join(parts) + "}\n"


def _memory(udp_timeout_s):
    limits = f"flags dynamic,timeout; timeout {udp_timeout_s}s; size 65535;"
    return f"""
  map outer_port {{ type ipv4_addr . inet_service : inet_service; {limits} }}
  map inner_endpoint {{ type inet_service : ipv4_addr . inet_service; {limits} }}
  set taken {{ type inet_service; {limits} }}
  set contacted {{ type ipv4_addr . ipv4_addr . inet_service; {limits} }}  # remote address, inner address, inner port
"""


def _firewall(kind, ipv6_firewall):
    closed = kind != "none"
    inwards = {"full-cone": 'iifname "wan" ct status dnat accept',
               "address-restricted": 'iifname "wan" ct status dnat ip saddr . ip daddr . udp dport @contacted accept',
               "none": "accept"}.get(kind, "")
    return f"""
  chain to_router {{
    type filter hook input priority 0; policy accept;
    icmpv6 type {{ nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert }} accept
    ct state established,related accept
    {'iifname "wan" drop' if closed else ""}
  }}
  chain through_router {{
    type filter hook forward priority 0; policy drop;
    {"meta l4proto udp drop" if kind == "udp-blocked" else ""}
    iifname "lan" oifname "wan" ip protocol udp update @contacted {{ ip daddr . ip saddr . udp sport }}
    iifname "lan" accept
    ct state established,related accept
    {inwards}
    {"" if ipv6_firewall else "meta nfproto ipv6 accept"}
  }}
"""


def _translation(*udp_rules):
    lines = "\n".join(f'    oifname "wan" ip protocol udp {rule}' for rule in udp_rules)
    return f"""
  chain translate {{
    type nat hook postrouting priority srcnat; policy accept;
{lines}
    oifname "wan" meta nfproto ipv4 masquerade
  }}
"""


def _independent_mapping(keep_ports):
    rules = ["masquerade to :ip saddr . udp sport map @outer_port"]
    if keep_ports:
        rules.append("udp sport != @taken masquerade")
    return rules + [f"masquerade to :{RANDOM_PORTS} random"]


def _record():
    """After translation, the connection's entry tells both sides of it. A connection that began outside has them the
    other way round: its reply is what the inner host sends."""
    from_inside = ("update @outer_port { ct original ip saddr . ct original proto-src : ct reply proto-dst }",
                   "update @inner_endpoint { ct reply proto-dst : ct original ip saddr . ct original proto-src }",
                   "update @taken { ct reply proto-dst }")
    from_outside = ("update @outer_port { ct reply ip saddr . ct reply proto-src : ct original proto-dst }",
                    "update @inner_endpoint { ct original proto-dst : ct reply ip saddr . ct reply proto-src }",
                    "update @taken { ct original proto-dst }")
    match = 'oifname "wan" ip protocol udp ct direction'
    lines = [f"    {match} original {rule}" for rule in from_inside]
    lines += [f"    {match} reply {rule}" for rule in from_outside]
    return """
  chain record {
    type filter hook postrouting priority srcnat + 50; policy accept;
""" + "\n".join(lines) + "\n  }\n"


_INWARDS = """
  chain inwards {
    type nat hook prerouting priority dstnat; policy accept;
    iifname "wan" dnat ip to udp dport map @inner_endpoint
  }
"""
