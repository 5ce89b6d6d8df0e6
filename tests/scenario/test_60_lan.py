"""LAN discovery: what a program says to everybody reaches every member once, and the answers come back.

    a ─ NAT ─┐             ┌─ server
             ├─ internet ──┤
    b ─┐     │             └─ relay
    c ─┼ NAT ┘
    d ─┘              d is on the LAN of b and c, but in no party
"""
import collections
import contextlib
import os
import re
import select
import signal
import socket
import struct
import threading
import time

import pytest

from lab import Lab, UdpStream, wait_until
from party import address_of, connect, join, log_of, start_party, together

PORT, GROUP, GROUP_PORT = 27015, "224.0.2.60", 4445
EVERYBODY = "255.255.255.255"
QUIET_S = 0.5           # so long nothing more must come
SOON_S = 10
IP_MULTICAST_IF, IP_ADD_MEMBERSHIP = socket.IP_MULTICAST_IF, socket.IP_ADD_MEMBERSHIP

Heard = collections.namedtuple("Heard", "source port payload")


@pytest.fixture(scope="module")
def world():
    with Lab() as lab:
        server, relay, a = lab.public("server"), lab.public("relay"), lab.behind("a")
        b = lab.behind("b")
        c, d = (lab.behind(name, router=b.router) for name in "cd")
        start_party(server, relay, a, b, c)
        connect(a, b, c)
        together(a, b, c)
        yield lab, a, b, c, d


def mouth(host, bind=("", 0)):
    """A socket that may send to everybody."""
    sock = host.socket(bind=bind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    return sock


class Ear(contextlib.ExitStack):
    """Hears all that comes to a port, and answers on demand."""

    def __init__(self, host, port=PORT, group=None, interface=None, bind=""):
        super().__init__()
        self.heard, self.answer = [], None
        self.socket = self.enter_context(host.socket(bind=(bind, port)))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        if group:
            where = socket.inet_aton(interface or host.addr4)
            self.socket.setsockopt(socket.IPPROTO_IP, IP_ADD_MEMBERSHIP, socket.inet_aton(group) + where)
        self._ends = self.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        self._ends.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()
        self.callback(self._stop)

    def _listen(self):
        while True:
            ready, _, _ = select.select([self.socket, self._ends], [], [])
            if self._ends in ready:
                return
            payload, (source, port) = self.socket.recvfrom(65536)
            self.heard.append(Heard(source, port, payload))
            if self.answer:
                self.socket.sendto(self.answer, (source, port))

    def _stop(self):
        with socket.socket(type=socket.SOCK_DGRAM) as waker:
            waker.sendto(b"end", self._ends.getsockname())
        self._thread.join()

    def hears(self, *payloads):
        """Waits for them, then a moment for more than those; what came."""
        wait_until(lambda: {one.payload for one in self.heard} >= set(payloads), SOON_S, f"{payloads} arrive")
        time.sleep(QUIET_S)
        return self.heard

    def hears_nothing(self):
        time.sleep(QUIET_S)
        return not self.heard


def counters(host):
    return host.lanrage("metrics")["lan"]


def switch(setting, value, *hosts):
    for host in hosts:
        host.lanrage("settings", setting, value)
        wait_until(lambda: counters(host)[setting.removeprefix("lan.")] is (value == "on"), SOON_S, "it is in force")


# ---- one packet ----

@pytest.mark.parametrize("to", (EVERYBODY, "directed"))
def test_broadcast_by_the_default_route(world, to):
    """One copy, from the sender's address in the party and its own port; the answer finds the socket."""
    _, a, b, c, _ = world
    with Ear(b) as at_b, Ear(c) as at_c, mouth(a) as sock:
        at_b.answer = at_c.answer = b"here"
        sock.sendto(b"who?", (str(a.main_interface.addr4.network.broadcast_address) if to == "directed" else to, PORT))
        expected = [Heard(address_of(a), sock.getsockname()[1], b"who?")]
        assert at_b.hears(b"who?") == expected and at_c.hears(b"who?") == expected
        assert {sock.recvfrom(100) for _ in "bc"} == {(b"here", (address_of(host), PORT)) for host in (b, c)}


@pytest.mark.parametrize("size", (1392, 1472, 8000, 65507))
def test_long_ones(world, size):
    """As long as UDP carries: longer than the tunnel takes at once, longer than the cable does."""
    _, a, b, _, _ = world
    with Ear(b) as at_b, mouth(a) as sock:
        payload = os.urandom(size)
        sock.sendto(payload, (EVERYBODY, PORT))
        assert [one.payload for one in at_b.hears(payload)] == [payload]


def test_by_every_interface_in_turn(world):
    """A program that sends by each of its interfaces, the party's too, is heard once for each time it asks."""
    _, a, b, _, _ = world
    with Ear(b) as at_b, mouth(a, ("", 4000)) as everywhere:
        for turn in (b"one", b"two", b"two"):
            for interface, to in (("eth0", a.main_interface.addr4.network.broadcast_address),
                                  ("lanrage0", EVERYBODY), ("lanrage0", "10.66.255.255")):
                everywhere.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
                everywhere.sendto(turn, (str(to), PORT))
        heard = at_b.hears(b"one", b"two")
    assert [one.payload for one in heard] == [b"one", b"two", b"two"]
    assert {(one.source, one.port) for one in heard} == {(address_of(a), 4000)}


def test_by_the_partys_interface_only(world):
    _, a, b, _, _ = world
    with Ear(b) as at_b, mouth(a, (address_of(a), 4001)) as sock:
        sock.sendto(b"inside", ("10.66.255.255", PORT))
        assert at_b.hears(b"inside") == [Heard(address_of(a), 4001, b"inside")]


@pytest.mark.parametrize("joined", ("cable", "party"))
def test_multicast(world, joined):
    """A beacon like Minecraft's, by the default route, to a program that joined the group on either interface."""
    _, a, b, c, _ = world
    with Ear(b, GROUP_PORT, GROUP, address_of(b) if joined == "party" else None) as at_b, \
            Ear(c, GROUP_PORT, bind=GROUP) as not_joined, mouth(a, ("", 4002)) as sock:
        sock.sendto(b"[MOTD]party[/MOTD]", (GROUP, GROUP_PORT))
        assert at_b.hears(b"[MOTD]party[/MOTD]") == [Heard(address_of(a), 4002, b"[MOTD]party[/MOTD]")]
        assert not_joined.hears_nothing()


def test_a_group_is_left_with_the_program(world):
    _, a, b, _, _ = world

    def groups():
        text = b.run(["cat", "/proc/net/igmp"]).stdout
        ours = re.search(r"^\d+\tlanrage0.*\n((?:\t.*\n)*)", text, re.M)[1]
        return {socket.inet_ntoa(struct.pack("<L", int(line.split()[0], 16))) for line in ours.splitlines()}
    with Ear(b, GROUP_PORT, "239.1.2.3") as at_b, mouth(a) as sock:
        sock.sendto(b"here", ("239.1.2.3", GROUP_PORT))
        at_b.hears(b"here")
        assert "239.1.2.3" in groups()
    wait_until(lambda: groups() == {"224.0.0.1"}, SOON_S + 5, "the group is left")


# ---- what is not carried ----

@pytest.mark.parametrize("to, setting", (
    (("224.0.0.251", 5353), "lan.mdns"),
    (("224.0.0.252", 5355), "lan.mdns"),
    (("239.255.255.250", 1900), "lan.ssdp"),
    ((EVERYBODY, 67), None),
    ((EVERYBODY, 68), None),
))
def test_what_stays_at_home(world, to, setting):
    _, a, b, _, _ = world
    group = to[0] if to[0] != EVERYBODY else None
    with Ear(b, to[1], group) as at_b, mouth(a) as sock:
        sock.sendto(b"private", to)
        assert at_b.hears_nothing()
        if not setting:
            return
        switch(setting, "on", a, b)
        sock.sendto(b"public", to)
        assert len(at_b.hears(b"public")) == 1
        switch(setting, "off", a, b)
        at_b.heard.clear()
        sock.sendto(b"private", to)
        assert at_b.hears_nothing()


def test_switched_off(world):
    """At either end it is enough."""
    _, a, b, c, _ = world
    for off in (a, b):
        switch("lan.discovery", "off", off)
        with Ear(b) as at_b, Ear(c) as at_c, mouth(a) as sock:
            sock.sendto(b"hello", (EVERYBODY, PORT))
            assert at_b.hears_nothing()
            assert len(at_c.heard) == (0 if off is a else 1)
        switch("lan.discovery", "on", off)
    with Ear(b) as at_b, mouth(a) as sock:
        sock.sendto(b"hello", (EVERYBODY, PORT))
        at_b.hears(b"hello")


# ---- one physical LAN ----

def test_members_on_one_cable(world):
    """The cable's copy is the cable's affair, and nothing goes round."""
    _, a, b, c, d = world
    with Ear(a) as at_a, Ear(b) as at_b, Ear(c) as at_c, Ear(d) as at_d, mouth(b, ("", 4003)) as sock:
        sock.sendto(b"neighbours", (EVERYBODY, PORT))
        virtual, cable = (Heard(source, 4003, b"neighbours") for source in (address_of(b), b.addr4))
        assert at_a.hears(b"neighbours") == [virtual]
        assert sorted(at_c.hears(b"neighbours")) == sorted([virtual, cable])
        assert at_d.hears(b"neighbours") == [cable]
        assert [one for one in at_b.heard if one.source != b.addr4] == []


# ---- whom the answers reach ----

def bound(host, how):
    """A socket as a program may make it: to all, to a card's address, to a card."""
    sock = host.socket(bind=(host.addr4 if how == "address" else "", 0))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    if how == "device":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
    return sock


@pytest.mark.parametrize("how", ("all", "address", "device"))
def test_query_and_answers(world, how):
    """The query's socket hears the answer, and goes on talking to the one who answered."""
    _, a, b, _, _ = world
    with Ear(b) as at_b, bound(a, how) as sock:
        at_b.answer = b"server"
        sock.sendto(b"query", (EVERYBODY, PORT))
        payload, server = sock.recvfrom(100)
        assert (payload, server) == (b"server", (address_of(b), PORT))
        for n in range(5):
            sock.sendto(b"%d" % n, server)
            assert sock.recvfrom(100) == (b"server", server)
    port = {one.port for one in at_b.heard}
    assert {one.source for one in at_b.heard} == {address_of(a)} and len(port) == 1


@pytest.mark.parametrize("how", ("all", "device"))
def test_server_that_is_bound(world, how):
    """A server bound to its card hears what is for everybody, and its answer comes from the party."""
    _, a, b, _, _ = world
    with bound(b, how) as server, mouth(a) as sock:
        sock.sendto(b"query", (EVERYBODY, server.getsockname()[1]))
        payload, client = server.recvfrom(100)
        assert (payload, client) == (b"query", (address_of(a), sock.getsockname()[1]))
        server.sendto(b"answer", client)
        assert sock.recvfrom(100) == (b"answer", (address_of(b), server.getsockname()[1]))


@pytest.mark.parametrize("how", ("all", "address", "device"))
@pytest.mark.parametrize("client_how", ("all", "address", "device"))
def test_connection(world, how, client_how):
    """
    TCP to a server bound in any way, by a client bound in any way: both see addresses of the party. What is bound to
    the card leaves by it as well, and providers keep silent about it.
    """
    _, a, b, _, _ = world
    for host in (a, b):
        host.router.run(["ip", "route", "replace", "blackhole", "10.66.0.0/16"])
    listener = b.socket(kind=socket.SOCK_STREAM, bind=(b.addr4 if how == "address" else "", 0), timeout=5)
    client = a.socket(kind=socket.SOCK_STREAM, bind=(a.addr4 if client_how == "address" else "", 0), timeout=5)
    for sock, kind in ((listener, how), (client, client_how)):
        if kind == "device":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
    listener.listen()
    with listener, client:
        client.connect((address_of(b), listener.getsockname()[1]))
        served, (source, _) = listener.accept()
        assert source == address_of(a)
        with served:
            served.settimeout(5)
            data = os.urandom(300000)
            sender = threading.Thread(target=client.sendall, args=(data,))
            sender.start()
            got = b""
            while len(got) < len(data):
                more = served.recv(65536)
                assert more
                got += more
            sender.join()
            served.sendall(b"done")
            assert got == data and client.recv(10) == b"done"


# ---- machines of other kinds ----

@contextlib.contextmanager
def without_default_route(host):
    gateway = host.main_interface.gateway4
    host.netns.ip("route del default")
    try:
        yield
    finally:
        host.netns.ip(f"route replace default via {gateway} dev eth0")


def lan_routes(host):
    """Routes to everybody by the party's interface."""
    text = host.run(["ip", "route", "show", "dev", "lanrage0", "proto", "76"]).stdout
    return {line.split()[0] for line in text.splitlines()}


def come(lab, newcomer, host, seen_by):
    """One more machine joins by the host's code; seen_by has a session with it then."""
    newcomer.start_lanraged(f"ws://{lab.nodes['server'].addr4}:8667")
    join(newcomer, host.lanrage("party", "invite")["code"], newcomer.name)
    wait_until(lambda: any(peer["name"] == newcomer.name and peer["state"] == "connected"
                           for peer in seen_by.lanrage("peers")), SOON_S, f"{newcomer.name} is there")


def test_no_default_route(world):
    """Then, and only then, what is for everybody is routed to the party's interface; the kernel would refuse it."""
    lab, a, b, _, _ = world
    e = lab.behind("e")
    come(lab, e, a, seen_by=b)
    assert lan_routes(e) == set()
    with without_default_route(e):
        wait_until(lambda: lan_routes(e) == {EVERYBODY, "224.0.0.0/4"}, SOON_S, "the routes are there")
        for others in ("198.51.100.0/24", "203.0.113.0/24", "192.0.2.0/24"):    # all of the lab's internet
            e.netns.ip(f"route add {others} via {e.main_interface.gateway4} dev eth0")
        with Ear(b) as at_b, Ear(b, GROUP_PORT, GROUP) as in_group, mouth(e) as sock:
            at_b.answer = b"here"
            sock.sendto(b"who?", (EVERYBODY, PORT))
            sock.sendto(b"who?", (GROUP, GROUP_PORT))
            expected = [Heard(address_of(e), sock.getsockname()[1], b"who?")]
            assert at_b.hears(b"who?") == expected and in_group.hears(b"who?") == expected
            assert sock.recvfrom(100) == (b"here", (address_of(b), PORT))
    wait_until(lambda: lan_routes(e) == set(), SOON_S, "the routes are gone")
    e.lanrage("party", "leave")
    e.stop_lanraged()


def test_two_cards(world):
    """Two LANs: by whichever card it goes, and by both at once, it is heard once; the answer finds the way back."""
    lab, a, b, _, _ = world
    f = lab.behind("f")
    lab.router("f-other").connect(f, "eth1", metric=100)
    come(lab, f, a, seen_by=b)
    with Ear(b) as at_b:
        at_b.answer = b"here"
        for card in f.interfaces.values():
            with mouth(f, (str(card.addr4.ip), 0)) as sock:
                sock.sendto(card.name.encode(), (str(card.addr4.network.broadcast_address), PORT))
                assert sock.recvfrom(100) == (b"here", (address_of(b), PORT))
        with mouth(f) as sock:
            for card in f.interfaces.values():
                sock.sendto(b"both", (str(card.addr4.network.broadcast_address), PORT))
            assert sock.recvfrom(100)[0] == b"here"
        heard = [one.payload for one in at_b.hears(b"both")]
    assert heard == [b"eth0", b"eth1", b"both"]
    f.lanrage("party", "leave")
    f.stop_lanraged()


# ---- what the user sees ----

def test_doctor(world):
    """It asks as a game does; where nobody can answer, that is said."""
    _, a, b, c, _ = world

    def line():
        done = a.run(a._lanrage_command("doctor"), check=False)
        return re.search(r"^(\w+) +lan +(.*)$", done.stdout, re.M).groups()
    verdict, words = line()
    assert verdict == "ok" and re.search(r"2 of 2 members answer .* first after \d+\.\d ms", words), words
    switch("lan.discovery", "off", c)
    assert line()[1].startswith("1 of 2 members")
    switch("lan.discovery", "off", b)
    assert line() == ("problem", "no member answers what is sent to everybody")
    switch("lan.discovery", "off", a)
    assert line() == ("ok", "games do not find each other: lan.discovery is off")
    switch("lan.discovery", "on", a, b, c)
    a.netns.ip("link set eth0 down")
    a.netns.ip("route add unreachable 255.255.255.255")
    try:
        assert line()[0] == "problem"
    finally:
        a.netns.ip("route del unreachable 255.255.255.255")
        a.link_up("eth0")


def test_counters(world):
    _, a, b, c, _ = world
    together(a, b, c)
    before_a, before_b = counters(a), counters(b)
    with Ear(b) as at_b, mouth(a) as sock:
        for n in range(20):
            sock.sendto(b"%d" % n, (EVERYBODY, PORT))
        sock.sendto(b"lease?", (EVERYBODY, 67))
        at_b.hears(*(b"%d" % n for n in range(20)))
    assert counters(a)["sent"] == before_a["sent"] + 20 and counters(a)["refused"] == before_a["refused"] + 1
    assert counters(b)["received"] == before_b["received"] + 20
    assert "packets sent" in a.lanrage("metrics", json=False)


# ---- storms ----

def storm(host, seconds, per_s):
    """Packets to everybody, each another; how many."""
    sent, begin = 0, time.monotonic()
    with mouth(host) as sock:
        while (now := time.monotonic()) < begin + seconds:
            while sent < (now - begin) * per_s:
                sock.sendto(struct.pack("<Q", sent) * 8, (EVERYBODY, PORT))
                sent += 1
            time.sleep(0.001)
    return sent


def test_a_storm_is_capped(world):
    """Members get what the limits allow, the rest is counted and said once; another pair's game goes on."""
    _, a, b, c, _ = world
    before = counters(a)
    with UdpStream(b, c, address=address_of(c), port=4500, pps=100, size=100) as game:
        begun = time.monotonic()
        sent = storm(a, 3, 50000)
        seconds = time.monotonic() - begun
        result = game.stop()
    after = counters(a)
    assert result.sent > 250 and result.lost == 0 and result.longest_gap_s < 1
    passed = after["sent"] - before["sent"]
    assert 1000 <= passed <= 1000 + 1000 * (seconds + 1) and sent > 10 * passed
    assert after["capped"] - before["capped"] > 0
    warnings = re.findall(r"lan: too much from this machine.*", log_of(a, "dataplane"))
    assert len(warnings) == 1 and str(PORT) in warnings[0]


# ---- what is left ----

def traces(host):
    """All that LAN discovery might leave behind."""
    packets = host.run(["cat", "/proc/net/packet"]).stdout.splitlines()[1:]
    interface = "lanrage0" in host.run(["ip", "-o", "link"]).stdout
    return {"routes": lan_routes(host) if interface else set(),
            "captures": [line.split()[3] for line in packets],
            "interface": interface,
            "groups": "lanrage0" in host.run(["cat", "/proc/net/igmp"]).stdout}


NOTHING = {"routes": set(), "captures": [], "interface": False, "groups": False}


@pytest.mark.parametrize("crash", (False, True), ids=("stopped", "killed"))
def test_nothing_is_left(world, crash):
    """After SIGTERM; and after kill -9 of the data plane, a restart, and SIGTERM."""
    lab, a, _, _, _ = world
    g = lab.behind(f"g{int(crash)}")
    before = traces(g)
    assert before == NOTHING
    come(lab, g, a, seen_by=a)
    with without_default_route(g), Ear(g, GROUP_PORT, GROUP) as in_group, mouth(a) as sock:
        sock.sendto(b"beacon", (GROUP, GROUP_PORT))
        in_group.hears(b"beacon")
        wait_until(lambda: lan_routes(g), SOON_S, "the routes are there")
        assert traces(g)["captures"] and traces(g)["groups"]
        if crash:
            dataplane = g.lanrage("status")["services"]["dataplane"]["pid"]
            os.kill(dataplane, signal.SIGKILL)
            wait_until(lambda: g.lanrage("status")["services"]["dataplane"]["pid"] != dataplane, SOON_S, "it is back")
            wait_until(lambda: traces(g)["captures"], SOON_S, "it captures")
        else:
            g.lanrage("party", "leave")
            wait_until(lambda: traces(g)["captures"] == [] and lan_routes(g) == set(), SOON_S, "out of the party")
        assert g.stop_lanraged() == 0
    assert traces(g) == NOTHING
