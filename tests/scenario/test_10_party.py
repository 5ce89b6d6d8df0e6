"""Friends join by a code and are on one LAN, through the real programs."""
import collections
import itertools
import os
import threading
import time

import pytest

from lab import ping, ping_first_reply, tcp_transfer, wait_until
from lab.netns import pids
from lab.topology import TOPOLOGIES
from party import connect, direct_both, join, peer_of, start_party, uapi_get

RELAY_PORT = 51820
CALM_S = 60
DATA = 4  # type of a WireGuard data message


def two_friends(lab):
    """
    a - NAT(port-restricted) ─┐             ┌─ server
                              ├─ internet ──┤              20 ms one way between any two
    b - NAT(port-restricted) ─┘             └─ relay
    """
    server, relay = lab.public("server", delay_ms=10), lab.public("relay", delay_ms=10)
    a, b = (lab.behind(name, nat="port-restricted", delay_ms=10) for name in "ab")
    start_party(server, relay, a, b)
    return relay, a, b


def looks_direct(host, name):
    """A download may fill the way so that it loses packets, and that is then said; soon after it nothing is wrong."""
    wait_until(lambda: peer_of(host, name)["reason"] is None, CALM_S, f"{host.name}: nothing is wrong with {name}")
    peer = peer_of(host, name)
    assert peer["path"] == "direct" and peer["state"] == "connected" and peer["relay"] is None
    assert peer["rtt_ms"] > 35
    assert 0 <= peer["handshake_age_s"] < 130
    return peer


def test_two_friends_behind_nats(lab):
    """
    two_friends(). a makes a party, b joins by its code: b has an answer from a within 2 s of pressing return, and soon
    both are direct.
    """
    _, a, b = two_friends(lab)
    code = a.lanrage("party", "create", "friday", "--name", "ana")["code"]
    a_address = a.lanrage("status")["self"]["virtual_ip"]
    pressed = time.monotonic()
    b.lanrage("join", code, "--name", "ben")
    joined = time.monotonic() - pressed
    ping_first_reply(b, a_address, 10)
    first_reply = time.monotonic() - pressed
    wait_until(lambda: direct_both(a, b), 10, "both direct")
    print(f"joined {joined:.3f} s, first reply {first_reply:.3f} s, direct by {time.monotonic() - pressed:.3f} s")
    assert first_reply < 2
    tcp_transfer(b, a, 20_000_000, address=a_address)
    for host, other in ((a, "ben"), (b, "ana")):
        peer = looks_direct(host, other)
        assert peer["rx_bytes"] > 20_000_000 and peer["tx_bytes"] > 20_000_000


def test_relay_first_then_direct(lab):
    """
    two_friends(), but at first nothing passes between a and b themselves: the first answer comes over the relay, within
    2 s of pressing return. While a TCP stream runs the way becomes free: both go direct, and the stream loses nothing.
    """
    relay, a, b = two_friends(lab)
    lab.block_udp(a, b)
    code = a.lanrage("party", "create", "friday", "--name", "ana")["code"]
    a_address = a.lanrage("status")["self"]["virtual_ip"]
    with relay.capture("eth0", "udp") as at_relay, a.router.capture("wan", "udp") as at_a:
        pressed = time.monotonic()
        b.lanrage("join", code, "--name", "ben")
        ping_first_reply(b, a_address, 10)
        first_reply = time.monotonic() - pressed
        assert peer_of(b, "ana")["path"] == "relay" and peer_of(b, "ana")["relay"]
        transfer = InBackground(lambda: tcp_transfer(b, a, 60_000_000, address=a_address, timeout=120))
        time.sleep(1)
        lab.unblock_udp(a, b)
        wait_until(lambda: direct_both(a, b), 30, "both direct")
        assert transfer.runs(), "the stream should still run when the path changes"
        print(f"first reply {first_reply:.3f} s, stream took {transfer.result():.1f} s")
    assert first_reply < 2
    relayed = [p.time for p in at_relay if p.data[:1] == bytes([DATA]) and p.src == b.public4]
    straight = [p.time for p in at_a if p.data[:1] == bytes([DATA]) and p.src == b.public4]
    assert min(relayed) < min(straight), "the relay came first"
    looks_direct(a, "ben")
    looks_direct(b, "ana")


class InBackground:
    """Runs work in a thread; result() waits for it and returns what it returned, or raises what it raised."""

    def __init__(self, work):
        self._outcome = {}
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def _run(self, work):
        try:
            self._outcome["result"] = work()
        except BaseException as error:  # handed over to result()
            self._outcome["error"] = error

    def runs(self):
        return self._thread.is_alive()

    def result(self):
        self._thread.join()
        if "error" in self._outcome:
            raise self._outcome["error"]
        return self._outcome["result"]


def test_symmetric_nats_are_relayed(lab):
    """
    a - NAT(symmetric-random) ─┐            ┌─ server
                               ├─ internet ─┤
    b - NAT(symmetric-random) ─┘            └─ relay

    No direct path exists: the relay carries 100 MB each way unharmed, adds not a byte to any packet, and `peers`
    says why it is needed.
    """
    server, relay = lab.public("server"), lab.public("relay")
    a, b = (lab.behind(name, nat="symmetric-random") for name in "ab")
    start_party(server, relay, a, b)
    connect(a, b)
    address = a.lanrage("status")["self"]["virtual_ip"]
    ping_first_reply(b, address, 10)
    took = tcp_transfer(b, a, 100_000_000, address=address, timeout=180)
    print(f"100 MB each way in {took:.1f} s")

    peer = peer_of(b, "a")
    assert peer["path"] == "relay" and peer["state"] == "connected" and peer["relay"]
    assert "symmetric" in peer["reason"] or "router" in peer["reason"]

    with relay.capture("eth0", f"udp port {RELAY_PORT}") as packets:
        sizes = sizes_of_pings(b, address)
    into = collections.Counter(p.udp_length for p in packets if p.src == b.public4 and p.data[:1] == bytes([DATA]))
    out = collections.Counter(p.udp_length for p in packets if p.dst == a.public4 and p.data[:1] == bytes([DATA]))
    for size in sizes:
        assert into[size] >= 1 and out[size] >= 1, f"{size} bytes in and out"
    assert not [size for size in out if size > max(sizes)]


PING_PAYLOADS = [8, 100, 101, 500, 999, 1200, 1390]


def sizes_of_pings(host, address):
    """Sends one ping of each payload; returns the UDP payload each must have under WireGuard alone: the packet padded
    to 16 bytes, but not beyond the interface's MTU of 1420, and 32 bytes of header and tag."""
    for payload in PING_PAYLOADS:
        host.run(["ping", "-c", "1", "-W", "3", "-s", str(payload), address])
    return [min((20 + 8 + payload + 15) // 16 * 16, 1420) + 32 for payload in PING_PAYLOADS]


def test_direct_packets_have_the_same_sizes(lab):
    """
    a ─┐            ┌─ server
       ├─ internet ─┤             the same pings as over the relay, direct: the same sizes on the wire
    b ─┘            └─ relay
    """
    hosts = TOPOLOGIES["public"](lab)
    a, b = hosts["a"], hosts["b"]
    start_party(hosts["server"], hosts["relay"], a, b)
    connect(a, b)
    wait_until(lambda: direct_both(a, b), 15, "both direct")
    address = a.lanrage("status")["self"]["virtual_ip"]
    with a.capture("eth0", f"udp and src {b.addr4}") as packets:
        sizes = sizes_of_pings(b, address)
    seen = collections.Counter(p.udp_length for p in packets if p.data[:1] == bytes([DATA]))
    for size in sizes:
        assert seen[size] >= 1, f"{size} bytes"


def test_eight_members(lab):
    """
    a to f behind six kinds of NAT, g in c's LAN, h public: all 28 pairs reach each other, all addresses are distinct
    and inside the party's prefix.
    """
    hosts = TOPOLOGIES["eight"](lab)
    members = [hosts[name] for name in "abcdefgh"]
    start_party(hosts["server"], hosts["relay"], *members)
    code = members[0].lanrage("party", "create", "all", "--name", "a")["code"]
    for name, host in zip("bcdefgh", members[1:]):
        host.lanrage("join", code, "--name", name)
    addresses = {host.name: host.lanrage("status")["self"]["virtual_ip"] for host in members}
    assert len(set(addresses.values())) == 8
    assert all(address.startswith("10.66.") for address in addresses.values())

    for one, other in itertools.combinations(members, 2):
        ping_first_reply(one, addresses[other.name], 30)
        ping_first_reply(other, addresses[one.name], 30)
    for host in members:
        assert host.lanrage("status")["party"]["members"] == 8
        peers = host.lanrage("peers")
        assert sorted(peer["name"] for peer in peers) == sorted(set("abcdefgh") - {host.name})
        assert all(peer["state"] == "connected" for peer in peers)
        assert {peer["name"]: peer["virtual_ip"] for peer in peers} == \
            {name: address for name, address in addresses.items() if name != host.name}


def test_ipv6_alone(lab):
    """
    a - IPv6 firewall ─┐                         ┌─ server
                       ├─ internet, IPv6 alone ──┤
    b - IPv6 firewall ─┘                         └─ relay
    """
    hosts = TOPOLOGIES["ipv6-only"](lab)
    a, b = hosts["a"], hosts["b"]
    start_party(hosts["server"], hosts["relay"], a, b)
    connect(a, b)
    ping_first_reply(b, a.lanrage("status")["self"]["virtual_ip"], 10)
    wait_until(lambda: direct_both(a, b), 15, "both direct")
    assert peer_of(a, "b")["endpoint"].startswith("[2001:db8:")


def test_udp_blocked_between_two(lab):
    """
    a ─┐      ┌─ b      UDP between a's and b's sites is dropped, but not to the relay
       ├─ internet ─ server, relay
    """
    hosts = TOPOLOGIES["two-nats"](lab, nat_a="full-cone", nat_b="full-cone")
    a, b = hosts["a"], hosts["b"]
    start_party(hosts["server"], hosts["relay"], a, b)
    lab.block_udp(a, b)
    connect(a, b)
    address = a.lanrage("status")["self"]["virtual_ip"]
    ping_first_reply(b, address, 10)
    time.sleep(3)
    assert len(ping(b, address, count=50)) == 50
    for host, other in ((a, "b"), (b, "a")):
        assert peer_of(host, other)["path"] == "relay"
        assert peer_of(host, other)["state"] == "connected"


def network_state(host):
    """Everything in the host's namespace that lanraged could leave behind."""
    return {what: host.run(command).stdout for what, command in {
        "interfaces": "ip -o link | sed 's/^[0-9]*: //' | cut -d: -f1",
        "addresses": "ip -o addr | awk '{print $2, $4}'",
        "routes": "ip route show table all | sort; ip -6 route show table all | sort",
        "sockets": "ss -Hlnptu",
    }.items()}


def test_stop_leaves_nothing_and_the_same_member_returns(lab):
    """
    a ─ internet ─ server, relay; b joins a, is stopped, and started again

    SIGTERM to the launcher leaves no interface, route, socket, process or temporary file. Started again, it is the same
    member with the same address, without joining.
    """
    hosts = TOPOLOGIES["public"](lab)
    a, b = hosts["a"], hosts["b"]
    url = hosts["server"].start_server()
    hosts["relay"].start_relay(url)
    a.start_lanraged(url)
    before = network_state(b)
    b.start_lanraged(url)
    connect(a, b)
    was = b.lanrage("status")["self"]
    ping_first_reply(b, a.lanrage("status")["self"]["virtual_ip"], 10)

    assert b.stop_lanraged() == 0
    assert network_state(b) == before
    assert pids(b.netns.name) == []
    left = [path for folder, _, files in os.walk(b.run_dir) for path in files if not folder.endswith("/logs")]
    assert left == []
    temporary = [path for folder, _, files in os.walk(b.state_dir) for path in files if path.endswith(".new")]
    assert temporary == []
    wait_until(lambda: not peer_of(a, "b")["online"], 20, "a sees b offline")

    b.start_lanraged(url)
    address = a.lanrage("status")["self"]["virtual_ip"]
    wait_until(lambda: b.lanrage("status")["self"]["virtual_ip"] == was["virtual_ip"], 10, "the same address")
    assert b.lanrage("status")["self"]["id"] == was["id"]
    ping_first_reply(b, address, 15)
    wait_until(lambda: peer_of(a, "b")["state"] == "connected", 15, "a is connected to b again")


def test_wg_shows_the_tunnel(lab):
    """`wg show` on the standard socket knows the interface and the peer."""
    hosts = TOPOLOGIES["public"](lab)
    a, b = hosts["a"], hosts["b"]
    start_party(hosts["server"], hosts["relay"], a, b)
    connect(a, b)
    ping_first_reply(b, a.lanrage("status")["self"]["virtual_ip"], 10)
    assert os.path.exists(os.path.join(a.run_dir, "wireguard", "lanrage0.sock"))
    fields = dict(line.split("=", 1) for line in uapi_get(a).splitlines() if "=" in line)
    assert fields["errno"] == "0" and len(fields["public_key"]) == 64
    assert fields["allowed_ip"] == b.lanrage("status")["self"]["virtual_ip"] + "/32"
    assert int(fields["last_handshake_time_sec"]) > 0


@pytest.mark.parametrize("words, status, says", [
    (["join", "KQ7M-3ZT9-HX2F"], 1, "no party has this code"),
    (["join", "nonsense"], 1, "codes look like"),
    (["leave"], 1, "no party"),
    (["invite"], 1, "no party"),
    (["ping", "nobody"], 1, ""),
    (["frobnicate"], 2, "usage"),
    (["join"], 2, "usage"),
])
def test_refusals(refusing_host, words, status, says):
    """What cannot be done is refused with words and the right exit status."""
    done = refusing_host.run(refusing_host._lanrage_command(*words), check=False)
    assert done.returncode == status
    assert says.lower() in done.stderr.lower()
    assert done.stderr.strip()


@pytest.fixture(scope="module")
def refusing_host(module_lab):
    server, host = module_lab.public("server"), module_lab.public("host")
    host.start_lanraged(server.start_server())
    return host


def test_one_party_at_a_time(lab):
    """Somebody in a party is told to leave it first; after that a code works, and only while it is good."""
    server, relay = lab.public("server"), lab.public("relay")
    a, b = lab.public("a"), lab.public("b")
    start_party(server, relay, a, b)
    first = a.lanrage("party", "create", "one", "--name", "a")
    second = a.lanrage("invite", "--ttl", "2h")
    assert first["code"] != second["code"] and second["link"].startswith("lanrage://")
    with pytest.raises(RuntimeError, match="leave it first"):
        a.lanrage("party", "create", "two")
    join(b, second["link"], "b")
    with pytest.raises(RuntimeError, match="only the party's host"):
        b.lanrage("invite")
    with pytest.raises(RuntimeError, match="leave it first"):
        b.lanrage("join", first["code"])
    was = b.lanrage("status")["self"]["virtual_ip"]
    b.lanrage("leave", json=False)
    assert b.lanrage("status")["party"] is None
    wait_until(lambda: a.lanrage("peers") == [], 5, "a no longer lists b")
    join(b, first["code"], "b")
    assert b.lanrage("status")["self"]["virtual_ip"] == was, "the same identity gets its address again"
    ping_first_reply(b, a.lanrage("status")["self"]["virtual_ip"], 10)


def test_down_and_up(lab):
    """`down` leaves the LAN without leaving the party; `up` comes back."""
    server, relay = lab.public("server"), lab.public("relay")
    a, b = lab.public("a"), lab.public("b")
    start_party(server, relay, a, b)
    connect(a, b)
    address = a.lanrage("status")["self"]["virtual_ip"]
    ping_first_reply(b, address, 10)
    b.lanrage("down", json=False)
    wait_until(lambda: not ping(b, address, count=3, wait=0.3), 10, "b is off the LAN")
    assert b.lanrage("status")["party"] is not None
    b.lanrage("up", json=False)
    ping_first_reply(b, address, 15)


def test_server_restart_while_playing(lab):
    """The server goes and returns: the players notice nothing, and a third can join afterwards."""
    server, relay = lab.public("server"), lab.public("relay")
    a, b, c = (lab.public(name) for name in "abc")
    url = start_party(server, relay, a, b, c)
    code = connect(a, b)
    address = a.lanrage("status")["self"]["virtual_ip"]
    ping_first_reply(b, address, 10)
    wait_until(lambda: direct_both(a, b), 15, "both direct")

    pinging = InBackground(lambda: ping(b, address, count=200, interval=0.02))
    server.stop("lanrage-server")
    time.sleep(2)
    assert server.start_server() == url
    assert len(pinging.result()) == 200
    wait_until(lambda: a.lanrage("status")["server"]["state"] == "connected", 20, "a is back at the server")
    wait_until(lambda: c.lanrage("status")["server"]["state"] == "connected", 20, "c is back at the server")
    join(c, code, "c")
    ping_first_reply(c, address, 10)
    ping_first_reply(c, b.lanrage("status")["self"]["virtual_ip"], 10)
