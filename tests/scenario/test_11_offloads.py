"""Many packets by one system call, and nothing changed by it: each offload on and off, at both ends and at one, and on
cables that cannot do it."""
import os
import socket
import struct

import pytest

from lab import tcp_transfer, wait_until
from party import address_of, connect, direct_both

from engine_pair import Ours, Pair, WireguardGo

OFFLOADS = ("tso", "uso", "gso", "gro")
SOL_UDP, UDP_SEGMENT = 17, 103
PORT = 7100


def trains(source, sink, source_address, address, family=socket.AF_INET):
    """Datagrams of one flow in every way a program may send them; each must arrive once, whole and in order."""
    with sink.socket(family, bind=(address, PORT), timeout=5) as receiver, \
            source.socket(family, bind=(source_address, PORT)) as sender:
        receiver.setsockopt(socket.SOL_SOCKET, 33, 4 << 20)  # SO_RCVBUFFORCE: this is no test of the receiver
        for size, count, tail in ((1200, 40, 1), (500, 64, 500), (1, 60, 1), (1372, 45, 700), (200, 3, 199)):
            payload = os.urandom(size * (count - 1) + tail)
            pieces = [payload[at:at + size] for at in range(0, len(payload), size)]
            sender.sendmsg([payload], [(SOL_UDP, UDP_SEGMENT, struct.pack("=H", size))], 0, (address, PORT))
            assert [receiver.recv(65536) for _ in pieces] == pieces, f"one message of {count} x {size}"
            for piece in pieces:
                sender.sendto(piece, (address, PORT))
            assert [receiver.recv(65536) for _ in pieces] == pieces, f"{count} messages of {size}"
        whole = os.urandom(9000)  # in fragments
        sender.sendto(whole, (address, PORT))
        assert receiver.recv(65536) == whole


def offloads(host):
    return {name for name, on in host.lanrage("status")["engine"]["offloads"].items() if on}


def set_offloads(host, off):
    for name in OFFLOADS:
        host.lanrage("settings", f"offload_{name}", "off" if name in off else "on")
    wait_until(lambda: offloads(host) == set(OFFLOADS) - off, 5, f"{host.name}: offloads without {off}")


@pytest.fixture
def friends(lab):
    """
    NAT ─ LAN ─┬─ a
               └─ b        no server
    """
    a = lab.behind("a")
    b = lab.behind("b", router=a.router)
    for host in (a, b):
        host.start_lanraged()
    connect(a, b)
    wait_until(lambda: direct_both(a, b), 20, "both direct")
    return a, b


def test_each_offload_off_and_on(friends):
    """All of them on, each off at both ends and at one, all off; changed while the party goes on."""
    a, b = friends
    inner = [address_of(host) for host in friends]
    every = set(OFFLOADS)
    cases = [(set(), set()), *(({name}, {name}) for name in OFFLOADS), (every, every), (every, set()),
             ({"gso"}, {"gro"}), (set(), set())]
    for off_a, off_b in cases:
        set_offloads(a, off_a)
        set_offloads(b, off_b)
        seconds = tcp_transfer(a, b, 5_000_000, address=inner[1])
        print(f"off: {sorted(off_a)} and {sorted(off_b)}: 5 MB each way in {seconds:.2f} s")
        trains(a, b, *inner)
        trains(b, a, *inner[::-1])


def test_status_names_the_cipher(friends):
    engine = friends[0].lanrage("status")["engine"]
    assert engine["cipher"] and 50 < engine["cipher_ns"] < 1_000_000
    assert engine["cipher"] in friends[0].lanrage("status", json=False)


@pytest.mark.parametrize("kinds", [(Ours, Ours), (Ours, WireguardGo), (WireguardGo, Ours)],
                         ids=lambda kinds: "-".join(kind.__name__ for kind in kinds))
def test_trains_of_both_families(kinds):
    with Pair(*kinds) as pair:
        for family, key in ((socket.AF_INET, 4), (socket.AF_INET6, 6)):
            assert pair.a.ping(pair.b.inner[key], count=2)[0] == 0
            trains(pair.a, pair.b, pair.a.inner[key], pair.b.inner[key], family)
            trains(pair.b, pair.a, pair.b.inner[key], pair.a.inner[key], family)


@pytest.mark.parametrize("switch", ["tx", "tx-udp-segmentation"])
def test_cables_that_cannot(switch):
    """Without segmentation, or checksums either, the kernel splits trains itself (since 6.11; those before say EIO to
    the second, which test_trains.c imitates)."""
    with Pair(Ours, Ours) as pair:
        for side in (pair.a, pair.b):
            side.run(["ethtool", "-K", "eth0", switch, "off"])
        assert pair.a.ping(pair.b.inner[4], count=2)[0] == 0
        trains(pair.a, pair.b, pair.a.inner[4], pair.b.inner[4])
        tcp_transfer(pair.a, pair.b, 5_000_000, address=pair.b.inner[4])


def test_a_link_too_small_for_a_train():
    """Where a segment is longer than the link takes, the kernel refuses the whole train; what fits goes on."""
    with Pair(Ours, Ours) as pair:
        assert pair.a.ping(pair.b.inner[4], count=2)[0] == 0
        for side in (pair.a, pair.b):
            side.netns.ip("link set eth0 mtu 1300")
        with pair.b.socket(bind=(pair.b.inner[4], PORT)) as receiver, pair.a.socket() as sender:
            for _ in range(3):
                # a train of long ones, whose last is short enough
                payload = os.urandom(1372 * 4 + 600)
                sender.sendmsg([payload], [(SOL_UDP, UDP_SEGMENT, struct.pack("=H", 1372))], 0,
                               (pair.b.inner[4], PORT))
                assert receiver.recv(65536) == payload[-600:]
        assert "no trains of datagrams to" in pair.a.log()


ECT_0, CE = 2, 3
IP_RECVTOS = 13


def send_marked(pair, tos, count):
    """Trains of `count` datagrams from a to b with this TOS; returns the TOS of each that arrives."""
    with pair.b.socket(bind=(pair.b.inner[4], PORT), timeout=0.5) as receiver, pair.a.socket() as sender:
        receiver.setsockopt(socket.IPPROTO_IP, IP_RECVTOS, 1)
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
        sender.sendmsg([bytes(500 * count)], [(SOL_UDP, UDP_SEGMENT, struct.pack("=H", 500))], 0,
                       (pair.b.inner[4], PORT))
        seen = []
        try:
            while len(seen) < count:
                _, ancillary, _, _ = receiver.recvmsg(2000, 64)
                seen += [data[0] for level, kind, data in ancillary if (level, kind) == (0, socket.IP_TOS)]
        except TimeoutError:
            pass
        return seen


@pytest.mark.parametrize("underlay", (4, 6))
def test_congestion_is_passed_on(underlay):
    """A router on the way marks instead of dropping: the mark reaches the program, whose class of traffic stays its own;
    what knows nothing of marks is dropped (RFC 6040)."""
    with Pair(Ours, Ours, underlay) as pair:
        assert pair.a.ping(pair.b.inner[4], count=2)[0] == 0
        outer = f"{'ip' if underlay == 4 else 'ip6'} ecn"
        pair.b.run(["nft", f"table inet router {{ chain in {{ type filter hook prerouting priority -300; udp dport 51820 "
                           f"{outer} != not-ect counter {outer} set ce; }}; }}"])
        assert send_marked(pair, 0xb8 | ECT_0, 20) == [0xb8 | CE] * 20
        assert send_marked(pair, 0xb8, 5) == [0xb8] * 5
        pair.b.run(["nft", f"flush chain inet router in; add rule inet router in udp dport 51820 {outer} set ce"])
        assert send_marked(pair, 0xb8, 5) == []
        assert send_marked(pair, ECT_0, 5) == [CE] * 5
