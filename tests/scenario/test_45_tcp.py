"""Where a network passes no UDP, the relay is reached by TCP.

    a ─ NAT ─┐            ┌─ server
             ├─ internet ─┤            20 ms one way between any two
    b ─ NAT ─┘            └─ relay
"""
import os
import signal
import socket
import time

import pytest

from lab import ping_first_reply, tcp_transfer, wait_until
from party import (BACK_S, HANG_S, Member, address_of, connect, direct_both, peer_of, start_party, stream, together)

SOON_S = 40
RELAY_PORT = 51820
STREAMS_PER_SOURCE = 32
OFFICE = """
table inet office {
  chain out {
    type filter hook forward priority -10;
    ct state established,related accept
    tcp dport { 51820, 8667 } accept
    iifname "lan" drop
  }
}
"""


def friends(lab, nat_a="udp-blocked", nat_b="port-restricted", relays=1):
    """Server, relays, and a and b in one party, each connected to the other."""
    server = lab.public("server", delay_ms=10)
    relay, *others = [lab.public(f"relay{number}" if number else "relay", delay_ms=10) for number in range(relays)]
    a, b = (lab.behind(name, nat=nat, delay_ms=10) for name, nat in (("a", nat_a), ("b", nat_b)))
    url = start_party(server, relay, a, b)
    for other in others:
        other.start_relay(url)
    connect(a, b)
    together(a, b)
    return url, [relay, *others], a, b


def by_tcp(host):
    relay = host.lanrage("status")["relay"]
    return bool(relay) and relay["transport"] == "tcp" and relay["state"] == "connected"


@pytest.mark.parametrize("nat_b", ("udp-blocked", "symmetric-random", "full-cone"))
def test_no_udp(lab, nat_b):
    """
    a's network lets TCP out and nothing else. It plays with b by the relay: nothing is lost, nothing comes twice,
    a download arrives whole, and both are told why it is not direct, and where the relay really is.
    """
    _, (relay,), a, b = friends(lab, nat_b=nat_b)
    a.router.run(["nft", "-f", "-"], stdin=OFFICE)
    with relay.capture("eth0", f"udp and host {a.public4}") as by_udp, stream(a, b) as playing:
        time.sleep(5)
    assert playing.result.lost == 0 and playing.result.duplicates == 0
    assert [packet for packet in by_udp if packet.src == a.public4] == []
    print(f"20 MB each way in {tcp_transfer(a, b, 20_000_000, address=address_of(b)):.1f} s")
    assert by_tcp(a) and by_tcp(b) == (nat_b == "udp-blocked")
    mine, theirs = peer_of(a, "b"), peer_of(b, "a")
    assert mine["path"] == theirs["path"] == "relay"
    assert mine["endpoint"] == a.lanrage("status")["relay"]["endpoint"] == f"{relay.addr4}:{RELAY_PORT}"
    assert 60 < mine["rtt_ms"] < 400 and mine["reason"] and theirs["reason"]
    assert "by TCP" in a.lanrage("status", json=False)
    assert a.lanrage("why", "b")["cause"] == "udp-blocked-here"
    assert b.lanrage("why", "a")["cause"] in ("udp-blocked-here", "udp-blocked-there")
    assert all(pong["path"] == "relay" for pong in a.lanrage("ping", "b", "-c", "2"))


def test_own_firewall(lab):
    """The same, but it is the firewall of a's own machine that drops UDP on its way out."""
    _, _, a, b = friends(lab, nat_a="port-restricted")
    a.run(["nft", "-f", "-"], stdin="table inet own {\n chain own {\n  type filter hook output priority 0;\n"
          "  oifname != { \"lo\", \"lanrage0\" } meta l4proto udp drop\n }\n}\n")
    wait_until(lambda: by_tcp(a), SOON_S, "a is at the relay by TCP")
    ping_first_reply(a, address_of(b), BACK_S)
    wait_until(lambda: a.lanrage("why", "b")["cause"] == "firewall-here", SOON_S, "the cause is a's firewall")
    assert peer_of(a, "b")["path"] == "relay"


def test_udp_comes_and_goes(lab):
    """
    While they play a's router begins to let UDP through: it becomes direct, and nothing is lost or comes twice. Then
    the router stops that: the game goes on by TCP.
    """
    _, _, a, b = friends(lab)
    assert by_tcp(a)
    with stream(a, b) as playing:
        time.sleep(1)
        a.router.set_kind("port-restricted")
        wait_until(lambda: direct_both(a, b), SOON_S, "both direct")
        wait_until(lambda: not by_tcp(a), SOON_S, "the relay is reached by UDP")
        time.sleep(4)
    assert playing.result.lost == 0 and playing.result.duplicates == 0
    with stream(a, b) as playing:
        time.sleep(1)
        a.router.set_kind("udp-blocked")
        blocked = time.monotonic()
        wait_until(lambda: by_tcp(a), SOON_S, "a is at the relay by TCP")
        ping_first_reply(a, address_of(b), BACK_S)
        time.sleep(1)
    print(f"UDP blocked: back after {playing.result.gap_at(blocked):.2f} s")


def test_the_relay_dies(lab):
    """a is at two relays by TCP. The one in use is killed: the game goes on over the other. It returns: nothing is
    lost by that."""
    url, relays, a, b = friends(lab, relays=2)
    wait_until(lambda: [(relay["transport"], relay["state"]) for relay in Member(a).do("GET", "network")["relays"]]
               == 2 * [("tcp", "connected")], SOON_S, "a is at both")
    used = next(relay for relay in relays if relay.addr4 in peer_of(a, "b")["endpoint"])
    with stream(a, b) as playing:
        time.sleep(1)
        killed = time.monotonic()
        used.stop("lanrage-relay", sig=signal.SIGKILL)
        time.sleep(5)
        used.start_relay(url)
        returned = time.monotonic()
        time.sleep(5)
    gap = playing.result.gap_at(killed)
    print(f"back after {gap:.2f} s")
    assert gap < HANG_S
    assert playing.result.lost_between(returned, returned + 100) == []
    ping_first_reply(a, address_of(b), BACK_S)


def tcp(host, relay, payload=b""):
    sock = host.socket(socket.AF_INET, socket.SOCK_STREAM, timeout=5)
    sock.connect((relay.addr4, RELAY_PORT))
    sock.sendall(payload)
    return sock


def ends(sock, within_s):
    sock.settimeout(within_s)
    try:
        return sock.recv(1) == b""
    except ConnectionResetError:
        return True


def test_hostile_connections(lab):
    """
    Somebody talks nonsense to the relay by TCP, says nothing, never reads, and opens all the connections it can. None
    of it lasts, and a's game loses nothing by it.
    """
    _, (relay,), a, b = friends(lab)
    mallory = lab.public("mallory", delay_ms=10)
    with stream(a, b) as playing:
        time.sleep(0.5)
        for nonsense in (b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"\x00\x00", b"\xff" * 4096):
            assert ends(tcp(mallory, relay, nonsense), 3)
        junk = [tcp(mallory, relay, len(body).to_bytes(2, "big") + body)
                for body in (os.urandom(148), b"\x01\0\0\0" + os.urandom(144), b"\x04\0\0\0" + os.urandom(60),
                             b"\x04\x01\0\x02" + os.urandom(1400), b"\x00\x01\0\0\x21\x12\xa4\x42" + bytes(12))]
        junk += [tcp(mallory, relay, b"\x05\xdc" + b"half a frame")]
        many = [tcp(mallory, relay) for _ in range(100)]
        assert sum(ends(sock, 0.05) for sock in many[STREAMS_PER_SOURCE:]) >= 60
        assert all(ends(sock, 20) for sock in junk + many)
    assert playing.result.lost == 0 and playing.result.duplicates == 0
    assert relay.processes["lanrage-relay"].poll() is None
