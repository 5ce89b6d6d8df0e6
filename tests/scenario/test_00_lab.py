"""The lab tells the truth: each kind of NAT maps and filters as its name says, a wire delays, loses and limits as told,
and nothing is left when a lab ends. Nothing here uses LANrage itself.

      full-cone      ─┐
      address-restr. ─┤
      port-restr.    ─┤
      sym.-random    ─┼── internet ──┬── x (two addresses to tell apart
      sym.-sequential─┤              └── y  who may send inwards)
      double         ─┘
"""
import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from lab import Lab, UdpStream, ping, ping_first_reply, tcp_transfer, topology, udp_exchange

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LAB = os.path.join(TESTS, "lab", "lab")
CONES = {"full-cone": {"x other port", "y"}, "address-restricted": {"x other port"}, "port-restricted": set(),
         "double": set()}
SYMMETRIC = ("symmetric-random", "symmetric-sequential")
SILENCE_S = 0.15  # how long a packet that must not come is waited for, on wires without delay


@pytest.fixture(scope="module")
def street(module_lab):
    """x and y at the internet, and behind each kind of NAT a host of that name."""
    hosts = {name: module_lab.public(name) for name in ("x", "y")}
    for kind in [*CONES, *SYMMETRIC]:
        hosts[kind] = module_lab.behind(kind, nat=kind)
    return hosts


def seen_by(sender, receiver, address, port):
    """Sends a datagram between two sockets and returns the source the receiver saw."""
    sender.sendto(b"hello", (address, port))
    return receiver.recvfrom(100)[1]


def arrives(sender, destination, receiver):
    """Whether a datagram from sender to destination comes out of the receiver."""
    token = os.urandom(8)
    sender.sendto(token, destination)
    end = time.monotonic() + SILENCE_S
    while (left := end - time.monotonic()) > 0:
        receiver.settimeout(left)
        try:
            if receiver.recv(100) == token:
                return True
        except TimeoutError:
            break
    return False


# ---- NAT: mapping ----

def outer_ports(street, kind):
    """Outer endpoints of one inner socket towards x:1000, x:1001 and y:1000."""
    x, y, host = street["x"], street["y"], street[kind]
    with host.socket(bind=("0.0.0.0", 0)) as inner:
        seen = []
        for where, port in ((x, 1000), (x, 1001), (y, 1000)):
            with where.socket(bind=(where.addr4, port)) as outer:
                seen.append(seen_by(inner, outer, where.addr4, port))
    assert {address for address, _ in seen} == {host.public4}
    return [port for _, port in seen]


@pytest.mark.parametrize("kind", CONES)
def test_cones_map_one_inner_port_to_one_outer_port(street, kind):
    assert len(set(outer_ports(street, kind))) == 1


def test_symmetric_random_maps_each_destination_to_an_unrelated_port(street):
    first, second, third = outer_ports(street, "symmetric-random")
    assert len({first, second, third}) == 3
    assert (second - first, third - second) != (1, 1)


def test_symmetric_sequential_maps_each_destination_to_the_next_port(street):
    first, second, third = outer_ports(street, "symmetric-sequential")
    assert (second - first, third - second) == (1, 1)


# ---- NAT: filtering ----

@pytest.mark.parametrize("kind", [*CONES, *SYMMETRIC])
def test_filtering_lets_in_whom_the_kind_says(street, kind):
    x, y, host = street["x"], street["y"], street[kind]
    with host.socket(bind=("0.0.0.0", 0)) as inner, x.socket(bind=(x.addr4, 2000)) as contacted, \
            x.socket(bind=(x.addr4, 2001)) as other_port, y.socket(bind=(y.addr4, 2000)) as stranger:
        mapped = seen_by(inner, contacted, x.addr4, 2000)
        let_in = {name for name, sock in (("x", contacted), ("x other port", other_port), ("y", stranger))
                  if arrives(sock, mapped, inner)}
        assert let_in == {"x"} | CONES.get(kind, set())
        assert not arrives(contacted, (mapped[0], mapped[1] ^ 1), inner), "an unmapped port let something in"


def test_stranger_let_in_by_a_full_cone_gets_answers_from_the_same_port(street):
    x, y, host = street["x"], street["y"], street["full-cone"]
    with host.socket(bind=("0.0.0.0", 0)) as inner, x.socket(bind=(x.addr4, 2100)) as contacted, \
            y.socket(bind=(y.addr4, 2100)) as stranger:
        mapped = seen_by(inner, contacted, x.addr4, 2100)
        stranger.sendto(b"who are you", mapped)
        inner.sendto(b"me", inner.recvfrom(100)[1])
        assert stranger.recvfrom(100)[1] == mapped


def test_early_punch_is_dropped_and_moves_no_mapping(street):
    """y sends to the port the host is about to use: the router must not take the packet for its own."""
    x, y, host = street["x"], street["y"], street["port-restricted"]
    with host.socket(bind=("0.0.0.0", 0)) as inner, x.socket(bind=(x.addr4, 2200)) as outer_x, \
            y.socket(bind=(y.addr4, 2200)) as outer_y:
        mapped = seen_by(inner, outer_x, x.addr4, 2200)
        assert not arrives(outer_y, mapped, inner)
        assert seen_by(inner, outer_y, y.addr4, 2200) == mapped


@pytest.mark.parametrize("kind_a, kind_b, opens", [
    ("port-restricted", "double", True), ("address-restricted", "symmetric-random", True),
    ("port-restricted", "symmetric-random", False), ("symmetric-random", "symmetric-sequential", False)])
def test_hole_punching_works_exactly_where_it_should(street, kind_a, kind_b, opens):
    """Both learn their outer endpoint from x, exchange it, and send to each other three times."""
    x = street["x"]
    with street[kind_a].socket() as a, street[kind_b].socket() as b, x.socket(bind=(x.addr4, 2300)) as stun:
        outer_a, outer_b = seen_by(a, stun, x.addr4, 2300), seen_by(b, stun, x.addr4, 2300)
        got = set()
        for _ in range(3):
            for name, sock, other in (("a", a, outer_b), ("b", b, outer_a)):
                sock.sendto(b"punch", other)
            for name, sock in (("a", a), ("b", b)):
                sock.settimeout(SILENCE_S)
                try:
                    # the answer goes to where the packet came from, as a peer would do
                    sock.sendto(b"answer", sock.recvfrom(100)[1])
                    got.add(name)
                except TimeoutError:
                    pass
        assert (got == {"a", "b"}) == opens


# ---- routers ----

def test_two_hosts_with_the_same_port_behind_one_cone_keep_apart(lab):
    """
        a ─┬─ NAT ── internet ── x, y
        b ─┘
    """
    x, y, a = lab.public("x"), lab.public("y"), lab.behind("a", nat="port-restricted")
    b = lab.behind("b", router=a.router)
    with a.socket(bind=("0.0.0.0", 7777)) as inner_a, b.socket(bind=("0.0.0.0", 7777)) as inner_b, \
            x.socket(bind=(x.addr4, 1000)) as outer_x, y.socket(bind=(y.addr4, 1000)) as outer_y:
        endpoints = {}
        for name, inner in (("a", inner_a), ("b", inner_b)):
            endpoints[name] = seen_by(inner, outer_x, x.addr4, 1000)
            assert seen_by(inner, outer_y, y.addr4, 1000) == endpoints[name]
        assert endpoints["a"] != endpoints["b"]
        assert arrives(outer_x, endpoints["b"], inner_b) and not arrives(outer_x, endpoints["b"], inner_a)
        assert arrives(inner_a, (b.addr4, 7777), inner_b), "the LAN itself is open"


def test_same_private_subnet_on_both_sides(lab):
    """a 192.168.1.10 ── NAT ── internet ── NAT ── b 192.168.1.10"""
    a, b = (lab.behind(name, nat="full-cone", lan="192.168.1.0/24") for name in "ab")
    assert a.addr4 == b.addr4 == "192.168.1.10" and a.public4 != b.public4
    with a.socket(bind=("0.0.0.0", 4000)) as inner_a, b.socket(bind=("0.0.0.0", 4000)) as inner_b:
        inner_b.sendto(b"open", (a.public4, 4000))
        assert arrives(inner_a, (b.public4, 4000), inner_b)


def test_double_nat_stands_behind_a_carriers_address(street):
    host = street["double"]
    assert host.router.addr4.startswith("100.64.") and host.router.upstream.addr4 == host.public4


def test_plain_router_lets_everything_in(lab):
    """a (public address) ── router ── internet ── x"""
    x, a = lab.public("x"), lab.behind("a", nat="none")
    assert a.public4 == a.addr4
    with x.socket() as outer, a.socket(bind=(a.addr4, 4000)) as inner:
        assert arrives(outer, (a.addr4, 4000), inner)


def test_rebind_moves_the_mapping_and_closes_the_old_one(lab):
    x, a = lab.public("x"), lab.behind("a", nat="full-cone")
    with a.socket() as inner, x.socket(bind=(x.addr4, 1000)) as outer:
        before = seen_by(inner, outer, x.addr4, 1000)
        a.router.rebind()
        assert not arrives(outer, before, inner)
        after = seen_by(inner, outer, x.addr4, 1000)
        assert after != before
        assert arrives(outer, after, inner)
        a.router.change_address()
        assert seen_by(inner, outer, x.addr4, 1000)[0] == a.public4 != after[0]


def test_idle_mapping_ends_after_the_udp_timeout(lab):
    x, a = lab.public("x"), lab.behind("a", udp_timeout_s=1)
    with a.socket() as inner, x.socket(bind=(x.addr4, 1000)) as outer:
        mapped = seen_by(inner, outer, x.addr4, 1000)
        for _ in range(4):  # what is used lives on
            time.sleep(0.5)
            assert seen_by(inner, outer, x.addr4, 1000) == mapped
        assert arrives(outer, mapped, inner)
        time.sleep(2.5)
        assert not arrives(outer, mapped, inner)


def test_router_that_blocks_udp_passes_tcp(lab):
    x, a = lab.public("x"), lab.behind("a", nat="udp-blocked")
    with a.socket() as inner, x.socket(bind=(x.addr4, 1000)) as outer:
        assert not arrives(inner, (x.addr4, 1000), outer)
        a.router.set_kind("port-restricted")
        assert arrives(inner, (x.addr4, 1000), outer)
        a.router.set_kind("udp-blocked")
        assert not arrives(inner, (x.addr4, 1000), outer)
    tcp_transfer(a, x, 100_000)


def test_udp_blocked_between_two_sites_leaves_their_way_to_others(lab):
    """a ╳ b, but a ── relay ── b"""
    relay, a, b = (lab.public(name) for name in ("relay", "a", "b"))
    with relay.socket(bind=(relay.addr4, 1000)) as at_relay, a.socket(bind=(a.addr4, 1000)) as at_a, \
            b.socket(bind=(b.addr4, 1000)) as at_b:
        lab.block_udp(a, b)
        assert not arrives(at_a, (b.addr4, 1000), at_b) and not arrives(at_b, (a.addr4, 1000), at_a)
        assert arrives(at_a, (relay.addr4, 1000), at_relay) and arrives(at_relay, (b.addr4, 1000), at_b)
        tcp_transfer(a, b, 1000)
        lab.unblock_udp(b, a)
        assert arrives(at_a, (b.addr4, 1000), at_b)


# ---- IPv6 ----

def test_ipv6_only_site_has_no_ipv4_and_its_router_drops_what_is_new(lab):
    """a ── firewall ── internet ── firewall ── b, all of it IPv6"""
    x = lab.public("x", ipv4=False, ipv6=True)
    a, b = (lab.behind(name, ipv4=False, ipv6=True) for name in "ab")
    assert a.addr4 is None and "inet " not in a.run("ip -4 addr show dev eth0").stdout
    with x.socket(socket.AF_INET6, bind=(x.addr6, 1000)) as outer, \
            a.socket(socket.AF_INET6, bind=(a.addr6, 1000)) as at_a, \
            b.socket(socket.AF_INET6, bind=(b.addr6, 1000)) as at_b:
        assert not arrives(outer, (a.addr6, 1000), at_a)
        assert seen_by(at_a, outer, x.addr6, 1000)[:2] == (a.addr6, 1000), "IPv6 is not translated"
        assert arrives(outer, (a.addr6, 1000), at_a)
        assert not arrives(at_a, (b.addr6, 1000), at_b)
        assert arrives(at_b, (a.addr6, 1000), at_a), "a has sent to b, so b may answer"


def test_dual_stack_behind_two_routers_and_ipv4_only_by_default(lab):
    x, a, plain = lab.public("x", ipv6=True), lab.behind("a", nat="double", ipv6=True), lab.behind("plain")
    assert len(ping(a, x.addr6, 3)) == len(ping(a, x.addr4, 3)) == 3
    assert plain.addr6 is None and "scope global" not in plain.run("ip -6 addr show").stdout


# ---- the wire ----

def test_delay_is_what_was_asked_for_in_each_direction(lab):
    """a ──(up 30 ms, down 10 ms)── internet ── x"""
    x, a = lab.public("x"), lab.public("a")
    bare = sorted(ping(a, x.addr4, 20).values())[10]
    a.wire.set(delay_ms=30, direction="up")
    a.wire.set(delay_ms=10, direction="down")
    result = udp_exchange(a, x, 50)
    upwards = sorted((arrived - result.sent_times[number]) * 1000 for number, arrived in result.arrivals)
    assert result.lost == 0
    # the least of them is exact on a busy machine, too
    assert 30 <= upwards[0] < 31.5
    assert 40 <= min(result.rtts_ms) < 40 + bare + 1.5


def test_one_address_is_farther_than_the_others(lab):
    x, y, a = lab.public("x"), lab.public("y"), lab.behind("a", nat="symmetric-random", delay_ms=5)
    a.wire.far(x.addr4, 20)
    assert min(ping(a, x.addr4).values()) >= 50
    assert 10 <= min(ping(a, y.addr4).values()) < 50
    a.wire.far(x.addr4, 0)
    assert min(ping(a, x.addr4).values()) < 50


def test_jitter_spreads_the_delay_and_reorders_only_when_asked(lab):
    x, a = lab.public("x"), lab.public("a")
    a.wire.set(delay_ms=20, jitter_ms=10, direction="up")
    steady = udp_exchange(a, x, 200, pps=400)
    assert steady.lost == steady.reordered == 0
    a.wire.set(reorder=1, direction="up")
    shuffled = udp_exchange(a, x, 200, pps=400)
    assert shuffled.lost == shuffled.duplicates == 0 and shuffled.reordered > 20
    for result in (steady, shuffled):
        assert 10 < min(result.rtts_ms) and sorted(result.rtts_ms)[100] < 32
    assert min(shuffled.rtts_ms) < 13 and max(shuffled.rtts_ms) > 28


def test_loss_is_the_asked_percentage_and_every_lost_packet_is_counted(lab):
    x, a = lab.public("x"), lab.public("a")
    before = a.wire.get("up")
    a.wire.set(loss=20, direction="up")
    result = udp_exchange(a, x, 1500, pps=1000)
    after = a.wire.get("up")
    assert 0.14 < result.lost / result.sent < 0.26  # five standard deviations of 1500 throws
    assert result.lost == result.lost_upwards == after["lost"] - before["lost"]
    assert a.wire.get("down")["lost"] == 0


def test_rate_spaces_packets_and_its_queue_is_bounded(lab):
    """1400 bytes of payload are 1442 of frame: 1.154 ms at 10 Mbit/s; 30 ms of queue hold 26 of them."""
    x, a = lab.public("x"), lab.public("a")
    a.wire.set(rate_mbit=10, queue_ms=30, direction="up")
    ping(a, x.addr4, 1)
    with a.socket() as sender, x.socket(bind=(x.addr4, 1000), timeout=0.3) as receiver:
        for _ in range(100):
            sender.sendto(bytes(1400), (x.addr4, 1000))
        times = []
        try:
            while receiver.recv(2000):
                times.append(time.monotonic())
        except TimeoutError:
            pass
    assert 27 <= len(times) <= 33
    assert (times[-1] - times[0]) / (len(times) - 1) == pytest.approx(0.001154, rel=0.1)
    assert a.wire.get("up")["overflowed"] == 100 - len(times)


def test_tcp_reaches_the_limited_rate_and_not_more(lab):
    x, a = lab.public("x"), lab.public("a", rate_mbit=40)
    mbit = 4_000_000 * 8 / 1e6 / tcp_transfer(a, x, 4_000_000)
    assert 25 < mbit < 40


def test_mtu_hole_swallows_long_packets_without_a_word(lab):
    x, a = lab.public("x"), lab.public("a", max_size=1400)
    with a.socket() as sender, x.socket(bind=(x.addr4, 1000), timeout=SILENCE_S) as receiver:
        for size in (1372, 1373):
            sender.sendto(bytes(size), (x.addr4, 1000))
        assert len(receiver.recv(2000)) == 1372
        with pytest.raises(TimeoutError):
            receiver.recv(2000)
        sender.sendto(b"no ICMP error waits here", (x.addr4, 1000))
    assert a.wire.get("up")["oversized"] == 1


def test_narrow_router_answers_long_packets_with_an_icmp_error(lab):
    x, a = lab.public("x"), lab.behind("a")
    a.router.set_mtu(1400)
    size = str(1400 - 28)
    assert a.run(["ping", "-c1", "-W1", "-Mdo", "-s", size, x.addr4]).returncode == 0
    refused = a.run(["ping", "-c1", "-W1", "-Mdo", "-s", "1400", x.addr4], check=False)
    assert refused.returncode != 0 and "mtu" in (refused.stdout + refused.stderr).lower()


def test_blackhole_is_silent_and_a_stream_shows_how_long(lab):
    x, a = lab.public("x"), lab.public("a", delay_ms=5)
    with UdpStream(a, x, pps=200) as stream:
        time.sleep(0.3)
        a.run("ip neigh flush dev eth0")
        began = time.monotonic()
        a.wire.set(blackhole=1)
        time.sleep(0.4)
        a.wire.set(blackhole=0)
        ended = time.monotonic()
        time.sleep(0.3)
    result = stream.result
    assert 0.38 < result.longest_gap_s < 1.5
    assert result.lost == len(result.lost_between(began - 0.02, ended)) >= 70
    assert "FAILED" not in a.run("ip neigh").stdout, "the first hop stays reachable in a blackhole"


def test_wire_refuses_what_it_does_not_know(lab):
    a = lab.public("a", delay_ms=3)
    for bad in ({"dealy_ms": 1}, {"loss": -1}, {"loss": float("nan")}):
        with pytest.raises(ValueError):
            a.wire.set(**bad)
    assert a.wire.get("up")["delay_ms"] == 3 and a.wire.get("up")["loss"] == 0


def test_wire_carries_hundreds_of_megabits(lab):
    x, a = lab.public("x"), lab.public("a")
    seconds = tcp_transfer(a, x, 30_000_000)
    assert 2 * 30_000_000 * 8 / 1e6 / seconds > 200


def test_veth_instead_of_a_wire(lab):
    x, a = lab.public("x"), lab.public("a", wire=False)
    assert a.wire is None and len(ping(a, x.addr4, 3)) == 3


# ---- hosts ----

def test_link_down_and_up_restores_addresses_and_routes(lab):
    x, a = lab.public("x", ipv6=True), lab.behind("a", ipv6=True)
    a.link_down()
    assert not ping(a, x.addr4, 2, wait=0.1)
    a.link_up()
    assert ping_first_reply(a, x.addr4, 2) < 2 and ping_first_reply(a, x.addr6, 2) < 2


def test_change_address_in_a_lan_and_in_public(lab):
    x, a, b = lab.public("x"), lab.behind("a", ipv6=True), lab.public("b")
    for host in (a, b):
        old4, old6 = host.addr4, host.addr6
        assert host.change_address() == host.addr4 != old4
        assert len(ping(host, x.addr4, 3)) == 3
        assert old4 + "/" not in host.run("ip addr").stdout
        assert host.addr6 != old6 or old6 is None


def test_second_uplink_is_another_way_to_the_internet(lab):
    """a ─┬─ home NAT ── internet ── x
          └─ phone NAT ─┘"""
    x, a = lab.public("x"), lab.behind("a", delay_ms=5)
    lab.second_uplink(a, lab.router("phone", delay_ms=40))
    assert min(ping(a, x.addr4, 3).values()) < 20
    a.link_down("eth0")
    assert 80 < min(ping(a, x.addr4, 3).values()) < 120


def test_capture_sees_each_packet_with_addresses_and_length(lab):
    x, a = lab.public("x"), lab.public("a")
    with a.capture("eth0", "udp port 1000") as packets, x.socket(bind=(x.addr4, 1000)) as receiver, \
            a.socket(bind=(a.addr4, 900)) as sender:
        for size in (5, 1000):
            sender.sendto(bytes(size), (x.addr4, 1000))
            receiver.recv(2000)
    assert [(p.src, p.dst, p.sport, p.dport, p.udp_length) for p in packets] == [
        (a.addr4, x.addr4, 900, 1000, 5), (a.addr4, x.addr4, 900, 1000, 1000)]
    assert abs(packets[0].time - time.time()) < 5


def test_first_ping_reply_is_timed(lab):
    x, a = lab.public("x"), lab.public("a", blackhole=1)
    threading.Timer(0.4, lambda: a.wire.set(blackhole=0)).start()
    assert 0.35 < ping_first_reply(a, x.addr4, 3) < 2
    a.wire.set(blackhole=1)
    with pytest.raises(TimeoutError):
        ping_first_reply(a, x.addr4, 0.2)


def test_broken_transfer_is_reported(lab):
    x, a = lab.public("x"), lab.public("a", rate_mbit=1)
    with pytest.raises(RuntimeError, match="did not arrive whole"):
        tcp_transfer(a, x, 1_000_000, timeout=0.5)


# ---- starting programs, with stand-ins that keep the contract ----

STAND_INS = {
    "lanrage-server": """
import signal, socket, sys
address, port = sys.argv[sys.argv.index("--listen") + 1].rsplit(":", 1)
sock = socket.socket(); sock.bind((address, int(port))); sock.listen(); signal.pause()
""",
    "lanrage-relay": """
import signal, socket, sys
address, port = sys.argv[sys.argv.index("--listen") + 1].rsplit(":", 1)
assert sys.argv[sys.argv.index("--server") + 1].startswith("ws://")
sock = socket.socket(type=socket.SOCK_DGRAM); sock.bind((address, int(port))); signal.pause()
""",
    "lanraged": """
import signal, sys, time
config = open(sys.argv[sys.argv.index("--config") + 1]).read()
if "fail" in config:
    sys.exit("lanraged: told to fail")
time.sleep(0.3)
open(sys.argv[sys.argv.index("--run") + 1] + "/config", "w").write(config)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
signal.pause()
""",
    "lanrage": """
import json, sys
run, words = sys.argv[sys.argv.index("--run") + 1], sys.argv[3:]
if words[0] == "join":
    sys.exit("lanrage: no such code")
print(json.dumps({"config": open(run + "/config").read(), "words": words}))
""",
}


@pytest.fixture
def stand_ins(tmp_path, monkeypatch):
    os.makedirs(tmp_path / "bin")
    for name, body in STAND_INS.items():
        path = tmp_path / "bin" / name
        path.write_text("#!/usr/bin/python3\n" + body)
        path.chmod(0o755)

    def use():  # after the hosts exist: the wire comes from the real build folder
        monkeypatch.setenv("LANRAGE_BUILD", str(tmp_path))
    return use


def test_programs_are_started_asked_and_stopped(lab, stand_ins):
    server, relay, a = lab.public("server"), lab.public("relay"), lab.behind("a")
    stand_ins()
    url = server.start_server()
    assert url == f"ws://{server.addr4}:8667"
    assert relay.start_relay(url) == f"{relay.addr4}:51820"
    a.start_lanraged(url, {"dataplane": {"backend": "engine"}})
    answer = a.lanrage("party", "create", "x")
    assert answer["words"] == ["party", "create", "x", "--json"]
    assert f"[server]\nurl={url}\n" in answer["config"] and "[dataplane]\nbackend=engine\n" in answer["config"]
    with pytest.raises(RuntimeError, match="no such code"):
        a.lanrage("join", "KQ7M-3ZT9-HX2F")
    assert a.stop_lanraged() == 0


def test_program_that_fails_to_start_is_reported_with_its_log(lab, stand_ins):
    a = lab.public("a")
    stand_ins()
    with pytest.raises(RuntimeError, match="told to fail"):
        a.start_lanraged(extra_config={"log": {"level": "fail"}})


# ---- the end of a lab ----

def runs(pid):
    """Whether the process runs; one that has ended and only waits to be collected does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def remains(lab_id, folder):
    """Namespaces, folder, and processes that still name the lab."""
    found = [name for name in os.listdir("/run/netns") if name.startswith(f"{lab_id}-")]
    found += [folder] if os.path.exists(folder) else []
    processes = subprocess.run(["pgrep", "-af", f"{lab_id}-|{folder}/"], capture_output=True, text=True).stdout
    return found + processes.splitlines()


BUSY_LAB = f"""
import os, sys, time
sys.path.insert(0, {TESTS!r})
from lab import Lab
lab = Lab()
a = lab.behind("a")
sleeper = a.popen("trap '' TERM; sleep 1000 & wait; sleep 1000")
print(lab.id, lab.dir, sleeper.pid, flush=True)
"""


def start_busy_lab(then):
    """A program with a lab in which a process ignores SIGTERM; returns (program, lab id, folder, the process's pid)."""
    program = subprocess.Popen([sys.executable, "-c", BUSY_LAB + then], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)
    lab_id, folder, pid = program.stdout.readline().split()
    return program, lab_id, folder, int(pid)


def test_closing_removes_everything_and_leaves_the_other_lab_alone():
    links = os.listdir("/sys/class/net")
    with Lab() as other:
        witness = other.public("a")
        with Lab() as lab:
            a = lab.behind("a", nat="double", ipv6=True)
            sleeper = a.popen(["sleep", "1000"])
            assert remains(lab.id, lab.dir)
        assert sleeper.returncode is not None
        assert remains(lab.id, lab.dir) == []
        assert len(ping(witness, "198.51.100.1", 2)) == 2
    assert remains(other.id, other.dir) == []
    assert os.listdir("/sys/class/net") == links


def test_lab_is_removed_when_its_program_ends_in_an_error():
    program, lab_id, folder, sleeper = start_busy_lab("raise SystemExit(3)")
    assert program.wait(20) == 3
    assert remains(lab_id, folder) == [] and not runs(sleeper)


def test_next_lab_sweeps_up_after_a_killed_program():
    program, lab_id, folder, sleeper = start_busy_lab("time.sleep(1000)")
    program.kill()
    program.wait()
    assert remains(lab_id, folder) and runs(sleeper)
    with Lab():
        assert remains(lab_id, folder) == [] and not runs(sleeper)


def test_lab_by_hand():
    program = subprocess.Popen([LAB, "up", "two-nats", "--nat-a", "symmetric-random", "--delay", "10",
                                "--set", "a.loss=0"], stdout=subprocess.PIPE, text=True)
    try:
        said = ""
        while "Ctrl-C" not in said:
            line = program.stdout.readline()
            assert line, said
            said += line
        lab_id = f"lr{program.pid}-1"
        assert "behind symmetric-random" in said

        def ask(verb, *words):
            return subprocess.run([LAB, verb, "--lab", lab_id, *words], capture_output=True, text=True,
                                  check=True).stdout
        assert "server, relay, a-router, a" in ask("list")
        assert "192.168." in ask("shell", "a", "ip", "-4", "addr")
        ask("set", "a", "delay_ms=30", "--direction", "up")
        ping_output = ask("shell", "a", "ping", "-c2", "-i0.1", "198.51.100.2")
        rtt_ms = float(ping_output.split("min/avg/max")[1].split("=")[1].split("/")[0])
        assert 40 <= rtt_ms < 80
        ask("down")
        assert program.wait(10) == 0
    finally:
        program.terminate()
        program.wait()
        program.stdout.close()
    assert remains(lab_id, f"/tmp/lanrage-lab-{program.pid}-1") == []


@pytest.mark.parametrize("name", sorted(topology.TOPOLOGIES))
def test_members_of_every_named_topology_reach_the_server(lab, name):
    hosts = topology.TOPOLOGIES[name](lab, delay_ms=5)
    server = hosts.pop("server")
    for host in hosts.values():
        assert 0 < min(ping(host, server.addr4 or server.addr6, 2).values()) < 100


def test_lab_description_names_every_node(lab):
    lab.behind("a", nat="double")
    with open(f"{lab.dir}/lab.json") as file:
        assert json.load(file)["nodes"] == ["inet", "a-cgn", "a-router", "a"]
