"""Garbage, floods, half-finished and endless input at every socket of the suite, while two friends play.

    server ─┐            ┌─ a   host of the party, as public as everybody here
            ├─ internet ─┤
    relay ──┘            ├─ b   its friend: 100 packets/s to a and back, of which none may be lost
                         ├─ c   has a lanraged and no party
                         └─ eve knows addresses and ports, forges senders, and has kept copies of real messages
"""
import base64
import contextlib
import hashlib
import http.client
import itertools
import json
import os
import random
import re
import socket
import struct
import subprocess
import threading
import time

import pytest

from lab import UdpStream, ping_first_reply, wait_until
from party import connect, connected_to, direct_both, join, peer_of, start_party, uapi_get, words

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

SERVER_PORT, RELAY_PORT, API_PORT = 8667, 51820, 8666
SERVICES = ["dataplane", "nat", "control", "metrics", "browser", "api"]
SANITIZED = bool(os.environ.get("LANRAGE_SANITIZE"))
BACK_S = 60
RATE = 1000 if SANITIZED else 4000  # datagrams a second from eve
chance = random.Random(34)


class Party:
    def __init__(self, lab):
        self.lab = lab
        self.server, self.relay, self.a, self.b, self.c, self.eve = (
            lab.public(name, wire=False) for name in ("server", "relay", "a", "b", "c", "eve"))
        self.members = [self.a, self.b, self.c]
        self.url = start_party(self.server, self.relay, *self.members)
        with self.a.capture("eth0", "udp") as packets:
            connect(self.a, self.b)
            wait_until(lambda: direct_both(self.a, self.b), BACK_S, "both direct")
            ping_first_reply(self.b, self.address, 10)
        with open(f"{self.a.state_dir}/port") as file:
            self.port = int(file.read())
        with open(f"{self.b.state_dir}/port") as file:
            self.b_port = int(file.read())
        self.messages = [packet.data for packet in packets
                         if packet.data[:1] in (b"\1", b"\2", b"\3", b"\4") and packet.dst == self.a.addr4]
        assert {message[0] for message in self.messages} >= {1, 4} or {message[0] for message in self.messages} >= {2, 4}
        # What a itself sent to the relay, tags included.
        self.to_relay = [packet.data for packet in packets if packet.dst == self.relay.addr4]

    @property
    def address(self):
        return self.a.lanrage("status")["self"]["virtual_ip"]

    @contextlib.contextmanager
    def nothing_lost(self):
        """b plays with a meanwhile; afterwards all is as before: no packet lost, no service restarted, all answer."""
        before = [self.settled(member) for member in self.members]
        with UdpStream(self.b, self.a, address=self.address, pps=100) as stream:
            time.sleep(0.3)
            yield stream
            time.sleep(0.3)
        after = [wait_until(lambda: self.settled(member), BACK_S, f"{member.name}: all services answer")
                 for member in self.members]
        assert after == before
        assert stream.result.lost == 0, f"{stream.result.lost} of {stream.result.sent}"

    @staticmethod
    def settled(member):
        """(name, pid, restarts) of each service, once all of them answer; else None."""
        with contextlib.suppress(RuntimeError):
            status = member.lanrage("status")["services"]
            if all(service["state"] == "running" for service in status.values()):
                assert [service["restarts"] for service in status.values()] == [0] * len(SERVICES)
                return [(name, service["pid"], service["restarts"]) for name, service in status.items()]
        return None


@pytest.fixture(scope="module")
def party(module_lab):
    return Party(module_lab)


# ---- datagrams

def udp_checksum_free(source, sport, target, dport, payload):
    """An IPv4 datagram with a forged source; a checksum of zero says that there is none (RFC 768)."""
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(payload), chance.getrandbits(16), 0, 64, 17, 0,
                       socket.inet_aton(source), socket.inet_aton(target))
    return head + struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload


def send_all(eve, target, port, payloads, source=None, rate=RATE):
    """Sends the payloads at most at that rate; source (address, port), or one after the other of many, is forged."""
    sources = itertools.repeat(source) if isinstance(source, tuple) else source
    with eve.netns.inside():
        sock = socket.socket(socket.AF_INET, *((socket.SOCK_RAW, socket.IPPROTO_RAW) if source else (socket.SOCK_DGRAM,)))
    with contextlib.closing(sock):
        begun = time.monotonic()
        for number, payload in enumerate(payloads):
            early = begun + number / rate - time.monotonic()
            if early > 0.002:
                time.sleep(early)
            if source:
                sock.sendto(udp_checksum_free(*next(sources), target, port, payload[:1400]), (target, 0))
            else:
                sock.sendto(payload, (target, port))


def spoilt(messages, count):
    """Copies of real messages: as they were, cut, lengthened, with a bit turned, with another type or tag."""
    for number in range(count):
        message = bytearray(chance.choice(messages))
        way = number % 6
        if way == 1:
            del message[chance.randrange(len(message)):]
        elif way == 2:
            message += chance.randbytes(chance.randrange(1, 64))
        elif way == 3:
            at = chance.randrange(8 * len(message))
            message[at // 8] ^= 1 << at % 8
        elif way == 4:
            message[0] = chance.randrange(256)
        elif way == 5:
            message[1:4] = chance.randbytes(3)
        yield bytes(message)


def random_bytes(count, first=None):
    """Every small length, then random ones up to the largest datagram there is."""
    for number in range(count):
        length = number if number < 200 else 65507 if number == 200 else chance.randrange(1500)
        yield (first or b"")[:length] + chance.randbytes(max(0, length - len(first or b"")))


def initiations(count):
    """Type 1, right length, mac1 made up."""
    for _ in range(count):
        yield b"\1\0\0\0" + chance.randbytes(144)


def test_the_tunnels_port(party):
    """
    eve sends a's tunnel noise of every length, spoilt copies of real messages, and a flood of initiations with a wrong
    mac1, under her own address and under b's.
    """
    with party.nothing_lost():
        for source in (None, (party.b.addr4, party.b_port)):
            for payloads in (random_bytes(600), random_bytes(300, b"\4\0\0\0"), spoilt(party.messages, 1500),
                             initiations(4000)):
                send_all(party.eve, party.a.addr4, party.port, payloads, source)
    assert direct_both(party.a, party.b)
    assert peer_of(party.a, "b")["endpoint"].startswith(party.b.addr4), "nobody roams to eve"


COOKIE = 64  # bytes (whitepaper 5.4.7)


def questions(key, stop):
    """Initiations that nobody made, with the mac1 that whoever knows the key can make (whitepaper 5.4.4), until stop."""
    mac1_key = hashlib.blake2s(b"mac1----" + key).digest()
    while not stop.is_set():
        head = b"\1\0\0\0" + chance.randbytes(112)
        yield head + hashlib.blake2s(head, digest_size=16, key=mac1_key).digest() + bytes(16)


# c comes to a by nothing but its own handshake: not through the relay, not by a handshake that a begins.
ALONE = """table inet alone {
  chain in {
    type filter hook input priority 0
    ip saddr %(relay)s drop
    ip saddr %(a)s udp sport %(port)s @th,64,8 1 drop
  }
}"""


@contextlib.contextmanager
def alone(party):
    party.c.run(["nft", "-f", "-"], stdin=ALONE % {"a": party.a.addr4, "port": party.port, "relay": party.relay.addr4})
    try:
        yield
    finally:
        party.c.run(["nft", "delete", "table", "inet", "alone"])


@contextlib.contextmanager
def flooded(party, key, sources):
    """eve asks a for handshakes all the while, from each of the sources in turn."""
    stop = threading.Event()
    flood = threading.Thread(target=send_all, args=(party.eve, party.a.addr4, party.port, questions(key, stop), sources),
                             kwargs={"rate": 4000})
    flood.start()
    try:
        time.sleep(1.5)  # what a takes up without asking back is used up
        yield
    finally:
        stop.set()
        flood.join()


def test_flood_of_handshakes(party):
    """
    eve, who knows a's public key, asks for handshakes by the thousand: under her own address, under made-up ones, and
    under those of b, who plays with a, and of c, who joins meanwhile. a answers with cookies, to where it was asked
    from, and c is with it as if nothing were.
    """
    keys = re.findall("public_key=(.+)", uapi_get(party.b))
    assert len(keys) == 1, "b knows a alone"
    with open(f"{party.c.state_dir}/port") as file:
        c_port = int(file.read())
    eve, friends = (party.eve.addr4, 4444), [(party.b.addr4, party.b_port), (party.c.addr4, c_port)]
    made_up = ((f"198.18.{chance.randrange(256)}.{chance.randrange(1, 255)}", 4000 + number)
               for number in itertools.cycle(range(10000)))
    sources = itertools.chain.from_iterable((eve, next(made_up), *friends) for _ in itertools.repeat(None))
    code = party.a.lanrage("invite")["code"]
    handshakes = f"udp port {party.port} and udp[8] >= 1 and udp[8] <= 3 and not host {party.relay.addr4}"
    with alone(party), party.nothing_lost(), party.a.capture("eth0", handshakes) as packets:
        with flooded(party, bytes.fromhex(keys[0]), sources):
            join(party.c, code, "c")
            print(f"c reaches a after {ping_first_reply(party.c, party.address, 3):.3f} s")
            time.sleep(1)
        assert peer_of(party.c, "a")["path"] == "direct"
        party.c.lanrage("leave", json=False)
    asked = [packet.src for packet in packets if packet.dst == party.a.addr4 and packet.data[0] == 1]
    answers = [packet for packet in packets if packet.src == party.a.addr4]
    to_strangers = [packet for packet in answers if packet.dst not in dict(friends)]
    # Several that leave for one address at once are one packet here.
    assert {byte for packet in to_strangers for byte in packet.data[::COOKIE]} == {3}, "cookies and nothing else"
    assert not any(packet.udp_length % COOKIE for packet in to_strangers)
    cookies = sum(packet.udp_length // COOKIE for packet in to_strangers)
    to_eve = sum(packet.udp_length // COOKIE for packet in to_strangers if packet.dst == eve[0])
    print(f"{len(asked)} questions, {cookies} cookies to strangers, {to_eve} of them to eve")
    assert {packet.dst for packet in answers} <= set(asked)
    assert asked.count(eve[0]) / 2 < to_eve < asked.count(eve[0])
    assert len(asked) / 4 < cookies < len(asked) / 2
    wait_until(lambda: connected_to(party.a, 1), BACK_S, "c has left")


def test_the_relays_port(party):
    """
    a and b have only the relay. eve sends it the same, and, as if she were b, packets for members who are not there.
    """
    party.lab.block_udp(party.a, party.b)
    try:
        wait_until(lambda: peer_of(party.a, "b")["path"] == "relay" == peer_of(party.b, "a")["path"], BACK_S, "relayed")
        with party.b.capture("eth0", f"udp and dst {party.relay.addr4}") as packets:
            ping_first_reply(party.b, party.address, 10)
        messages = [packet.data for packet in packets]
        relay = party.relay.processes["lanrage-relay"]
        with party.nothing_lost():
            for source in (None, (party.b.addr4, party.b_port)):
                for payloads in (random_bytes(600), spoilt(messages, 1500), initiations(4000),
                                 (b"\4" + chance.randbytes(3) + chance.randbytes(60) for _ in range(2000))):
                    send_all(party.eve, party.relay.addr4, RELAY_PORT, payloads, source)
        assert relay.poll() is None
    finally:
        party.lab.unblock_udp(party.a, party.b)
    wait_until(lambda: direct_both(party.a, party.b), BACK_S, "direct again")


def stun_request():
    return struct.pack("!HHI", 1, 0, 0x2112a442) + chance.randbytes(12)


def test_the_servers_stun_port(party):
    """eve sends noise and spoilt requests to the server's UDP port; whoever asks properly has an answer after it."""
    send_all(party.eve, party.server.addr4, SERVER_PORT, random_bytes(400), rate=2000)
    send_all(party.eve, party.server.addr4, SERVER_PORT, spoilt([stun_request() + bytes(8)], 600), rate=2000)
    with party.c.socket() as sock:
        def answered():
            request = stun_request()
            sock.sendto(request, (party.server.addr4, SERVER_PORT))
            with contextlib.suppress(socket.timeout):
                return sock.recv(2000)[8:20] == request[8:20]
        sock.settimeout(0.5)
        wait_until(answered, BACK_S, "STUN answers")


# ---- the server's WebSocket

def to_server(party, data=b"", timeout=10):
    sock = party.eve.socket(kind=socket.SOCK_STREAM, timeout=timeout)
    sock.connect((party.server.addr4, SERVER_PORT))
    with contextlib.suppress(OSError):
        sock.sendall(data)
    return sock


def upgrade(protocol="lanrage.1", more=""):
    key = base64.b64encode(chance.randbytes(16)).decode()
    return (f"GET /rendezvous HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: {protocol}\r\n{more}\r\n").encode()


def opened(party, *after):
    """A connection that has become a WebSocket, and then sends these."""
    sock = to_server(party, upgrade())
    assert b"101" in sock.recv(4096)
    for data in after:
        with contextlib.suppress(OSError):
            sock.sendall(data)
            time.sleep(0.01)
    return sock


def test_the_servers_websocket(party):
    """
    eve opens connections and never says the right thing; words for it are test_03_server.py's. c is served meanwhile,
    by the same server: it makes a party, asks for codes and leaves.
    """
    mask = b"\0\0\0\0"
    unmasked = b"\x82\x05hello"
    ping = b"\x89\x80" + mask
    wrong = [lambda: to_server(party, b"GET /rendezvous HT"),
             lambda: to_server(party, chance.randbytes(3000)),
             lambda: to_server(party, upgrade(more=f"X-Long: {'x' * 60000}\r\n")),
             lambda: to_server(party, upgrade(more="X: y\r\n" * 3000)),
             lambda: to_server(party, b"GET " + b"/" * 30000 + b" HTTP/1.1\r\n\r\n"),
             lambda: to_server(party, upgrade(protocol="chat")),
             lambda: to_server(party, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + chance.randbytes(500)),
             lambda: opened(party),
             lambda: opened(party, unmasked),
             lambda: opened(party, b"\x81\x85" + mask + b"hello"),
             lambda: opened(party, b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff" + mask),
             lambda: opened(party, b"\x82\xff\x00\x00\x00\x00\x7f\xff\xff\xff" + mask + bytes(100000)),
             lambda: opened(party, *[b"\x02\x81" + mask + b"x"] * 20),
             lambda: opened(party, b"\x80\x81" + mask + b"x"),
             lambda: opened(party, b"\xf2\x81" + mask + b"x"),
             lambda: opened(party, b"\x89\xfe\x01\x00" + mask + bytes(256)),
             lambda: opened(party, b"\x88\x81" + mask + b"x"),
             lambda: opened(party, *[ping] * 200)]
    server = party.server.processes["lanrage-server"]
    with party.nothing_lost(), contextlib.ExitStack() as stack:
        for number in range(2):
            for act in wrong:
                stack.callback(act().close)
        party.c.lanrage("party", "create", "c", "--name", "c")
        slow = [to_server(party) for _ in range(5)]
        for byte in upgrade()[:60]:
            for sock in slow:
                with contextlib.suppress(OSError):
                    sock.send(bytes([byte]))
            time.sleep(0.01)
        party.c.lanrage("invite")
        for _ in range(200):
            with contextlib.suppress(OSError):
                stack.callback(to_server(party, timeout=0.5).close)
        party.c.lanrage("invite")
        party.c.lanrage("leave", json=False)
        for sock in slow:
            sock.close()
    assert server.poll() is None
    join(party.c, party.a.lanrage("invite")["code"], "c")
    party.c.lanrage("leave", json=False)


# ---- sockets on the machine

# Acts on each path given, as a user of its own choice. Prints one line for each: what connect() said.
LOCAL = r'''
import grp, os, pwd, random, socket, struct, sys, time
user, kind, paths = sys.argv[1], sys.argv[2], sys.argv[3:]
entry = pwd.getpwnam(user)
groups = [grp.getgrnam("lanrage-ipc").gr_gid] if user.startswith("lanrage-") else []  # as the launcher starts it
os.setgroups(groups); os.setresgid(*[entry.pw_gid] * 3); os.setresuid(*[entry.pw_uid] * 3)
chance = random.Random(7)

def dial(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET if kind == "launcher" else socket.SOCK_STREAM)
    s.settimeout(5)
    s.connect(path)
    return s

def say(s, *parts, pause=0):
    try:
        for part in parts:
            s.sendall(part)
            if pause:
                time.sleep(pause)
    except OSError:
        pass

def bus(path):
    protocol = 0x21 if path.endswith("pub.sock") else 0x30
    hello = b"\0SP\0" + struct.pack(">HH", protocol, 0)
    frame = lambda body, length=None: b"\1" + struct.pack(">Q", len(body) if length is None else length) + body
    return [[chance.randbytes(5000)], [b"\0SP"], [b"\0SP\1" + hello[4:]], [b"\0SP\0\xff\xff\0\0"], [hello],
            [hello, b"\1"], [hello, b"\2" + bytes(8)], [hello, frame(b"", 1 << 63)], [hello, frame(b"", (1 << 64) - 1)],
            [hello, frame(b"x" * 1000, 1 << 40)], [hello, frame(b"")], [hello, frame(b"\x80")],
            [hello, frame(bytes(2_000_000))], [hello] + [frame(chance.randbytes(n)) for n in range(60)],
            [hello] + [frame(b"\x80\0\0\1" + chance.randbytes(n)) for n in range(60)],
            [hello, frame(b"\0\0\0\1" * 5000)],
            [hello, frame(b"\x80\0\0\1" + b"\x0a\xff\xff\xff\xff\x0f" + bytes(30))]]

def uapi(path):
    return [[chance.randbytes(5000)], [b"get=1\n"], [b"get=1"], [b"set=1\n" + b"private_key=" + b"f" * 200000 + b"\n\n"],
            [b"x" * 3_000_000], [b"\n" * 1000], [b"set=1\npublic_key=zz\n\n"], [b"get=1\n\n"], [b"set=1\n\0\0\0=\n\n"]]

def launcher(path):
    return [[chance.randbytes(n)] for n in (1, 10, 64, 65, 5000)] + [[b"restart"], [b"restart \n"], [b"restart control\0x"]]

def wait_for(path):
    """A listener that went deaf refuses, or is not there, while it is made anew."""
    for _ in range(200):
        try:
            return dial(path)
        except (ConnectionRefusedError, FileNotFoundError, BlockingIOError, TimeoutError):
            time.sleep(0.1)
    sys.exit(path + ": nobody listens")

kept = []
for path in paths:
    try:
        kept.append(dial(path))
    except PermissionError:
        print(path, "refused")
for path in paths if kept else []:
    for parts in {"bus": bus, "uapi": uapi, "launcher": launcher}[kind](path):
        kept.append(wait_for(path))
        say(kept[-1], *parts)
    kept.append(wait_for(path))
    say(kept[-1], *[bytes([byte]) for byte in b"\0SP\0\0\x30\0\0\1\0\0\0"], pause=0.02)
for s in kept:
    s.close()
for path in paths if kept else []:
    for _ in range(100):
        try:
            dial(path).close()
        except OSError:
            pass
    print(path, "used")
'''


def act(host, user, kind, paths):
    """{path: what became of it}"""
    done = subprocess.run(["/usr/bin/python3", "-c", LOCAL, user, kind, *paths], capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == 0, done.stderr
    return dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())


def bus_sockets(host):
    return [f"{host.run_dir}/{name}/{kind}.sock" for name in SERVICES for kind in ("rep", "pub")]


def test_strangers_on_the_machine(party):
    """Another user of the machine cannot even connect."""
    paths = {"bus": bus_sockets(party.a), "uapi": [f"{party.a.run_dir}/wireguard/lanrage0.sock"],
             "launcher": [f"{party.a.run_dir}/launcher.sock"]}
    for kind, sockets in paths.items():
        assert act(party.a, "nobody", kind, sockets) == {path: "refused" for path in sockets}


@pytest.mark.parametrize("user", ["lanrage-api", "lanrage-metrics", "root"])
def test_services_gone_mad(party, user):
    """
    A service of the suite that was taken over writes to every socket of every other, what is no handshake and no
    message, and comes and goes. Each answers again within seconds, and b plays on with a.
    """
    paths = bus_sockets(party.a)
    with party.nothing_lost():
        assert act(party.a, user, "bus", paths) == {path: "used" for path in paths}
        # A listener that went deaf is noticed and made anew, which takes some seconds. Each service answers, and
        # hears of the others: a new setting reaches what control publishes.
        wait_until(lambda: party.settled(party.a), BACK_S, "all answer")
        time.sleep(8)
        wait_until(lambda: party.settled(party.a), BACK_S, "all answer still")


def test_wireguards_socket_and_the_launchers(party):
    """Root's own programs may be wrong as well: wg's socket and the launcher's answer properly afterwards."""
    uapi, launcher = f"{party.a.run_dir}/wireguard/lanrage0.sock", f"{party.a.run_dir}/launcher.sock"
    with party.nothing_lost():
        assert act(party.a, "root", "uapi", [uapi]) == {uapi: "used"}
        assert act(party.a, "root", "launcher", [launcher]) == {launcher: "used"}
        assert act(party.a, "lanrage-api", "launcher", [launcher]) == {launcher: "used"}
        with contextlib.ExitStack() as stack:
            for _ in range(40):  # who connects and says nothing
                idle = stack.enter_context(socket.socket(socket.AF_UNIX))
                idle.settimeout(0.2)
                with contextlib.suppress(OSError):
                    idle.connect(uapi)

            def answers():
                with socket.socket(socket.AF_UNIX) as sock, contextlib.suppress(OSError):
                    sock.settimeout(2)
                    sock.connect(uapi)
                    sock.sendall(b"get=1\n\n")
                    return b"listen_port=" in sock.recv(65536)
            wait_until(answers, BACK_S, "wg's socket answers")
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
            sock.settimeout(10)
            sock.connect(launcher)
            sock.send(b"restart nonsense")
            assert sock.recv(300).startswith(b"error: ")


# ---- REST

def http_socket(host, data=b""):
    sock = host.socket(kind=socket.SOCK_STREAM, timeout=15)
    sock.connect(("127.0.0.1", API_PORT))
    with contextlib.suppress(OSError):
        sock.sendall(data)
    return sock


def token_of(host):
    with open(f"{host.run_dir}/token") as file:
        return file.read().strip()


def ask(host, method, path, body=None, timeout=20):
    """(status, bytes) of a proper request; body as JSON, or bytes as they are."""
    connection = http.client.HTTPConnection("127.0.0.1", API_PORT, timeout=timeout)
    with host.netns.inside():
        connection.connect()
    with contextlib.closing(connection):
        headers = {"Authorization": f"Bearer {token_of(host)}", "Content-Type": "application/json"}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()


def test_rest(party):
    """
    Requests that are none, that are too long or never end; and sixty connections that say nothing, or drop a byte now
    and then. Somebody else asks meanwhile and is answered as if nothing were.
    """
    host = party.a
    head = f"Host: 127.0.0.1:{API_PORT}\r\nAuthorization: Bearer {token_of(host)}\r\n".encode()
    body = b"Content-Type: application/json\r\nContent-Length: "
    garbage = [chance.randbytes(4000), b"\r\n" * 1000, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
               b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
               b"GET /api/v1/status HTTP/1.1\r\n" + head + b"X: \0\r\n\r\n", b"GET /%00%ff%zz HTTP/1.1\r\n" + head + b"\r\n",
               b"PATCH /api/v1/settings HTTP/1.1\r\n" + head + body + b"-1\r\n\r\n{}",
               b"PATCH /api/v1/settings HTTP/1.1\r\n" + head + body + b"99999999999999999999\r\n\r\n{}",
               b"PATCH /api/v1/settings HTTP/1.1\r\n" + head + b"Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n{}",
               b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + chance.randbytes(500)]
    before = ask(host, "GET", "/api/v1/settings")
    with party.nothing_lost(), contextlib.ExitStack() as stack:
        for data in garbage:
            stack.callback(http_socket(host, data).close)
        assert ask(host, "GET", "/api/v1/settings") == before
        for number in range(60):
            half = (b"", b"GET /api/v1/status HTTP/1.1\r\n", b"POST /api/v1/party HTTP/1.1\r\n" + head + body + b"9\r\n\r\n{")
            stack.callback(http_socket(host, half[number % 3]).close)
        begun = time.monotonic()
        assert ask(host, "GET", "/api/v1/settings") == before
        print(f"behind sixty: {time.monotonic() - begun:.3f} s")
        slow = [http_socket(host, b"GET /api/v1/sta") for _ in range(10)]
        for _ in range(30):
            for sock in slow:
                with contextlib.suppress(OSError):
                    sock.send(b"t")
            assert ask(host, "GET", "/api/v1/settings") == before
        for sock in slow:
            sock.close()


# ---- words

LONG = "x" * 10000
BAD = {"long": LONG, "escape": "a\x1b[31mb", "bell": "a\x07b", "newline": "a\nb", "c1": "a\x9bb",
       "override": "a\u202eb", "isolate": "a\u2066b", "separator": "a\u2028b", "no utf-8": b"a\xff\xc0\xafb",
       "surrogate": b"a\xed\xa0\x80b", "empty": "", "blank": "  \t ", "wide blank": "\u00a0\u2003\u3000",
       "invisible": "\u200b\u2060\ufeff"}
UNCLEAN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def picture(host):
    """What must not change."""
    status = host.lanrage("status")
    return [status["party"], status["self"], host.lanrage("settings"), host.lanrage("servers")]


def refused(host, *words):
    """Runs the command, which must be refused in clean words of reasonable length; returns them."""
    done = subprocess.run([*host.netns.command(host._lanrage_command()), *words], capture_output=True, timeout=60)
    said = done.stderr.decode()  # raises where it is no UTF-8
    shown = [word if len(word) < 100 else f"{word[:20]}..." for word in words]
    assert done.returncode in (1, 2), (shown, done)
    assert done.stdout == b"" and said.startswith("lanrage: "), (shown, said)
    assert not UNCLEAN.search(said), (shown, said)
    line = said.splitlines()[0]
    assert 20 < len(line) < 400, (shown, said)
    assert done.returncode == 2 or len(said.splitlines()) == 1, (shown, said)
    print(f"{shown}: {line}")
    return line


@pytest.mark.parametrize("kind", BAD)
def test_words_at_the_command_line(party, kind):
    """
    Names, values, codes and members that are too long, unprintable, or nothing: each command refuses them in one line
    that may be shown, and nothing has changed. An empty value resets a setting, so it is not among the bad ones there.
    """
    bad = BAD[kind]
    before = [picture(host) for host in party.members]
    for words in (["party", "create", bad], ["party", "create", "fine", "--name", bad], ["join", bad],
                  ["join", "KQ7M-3ZT9-HX2F", "--name", bad]):
        refused(party.c, *words)
    for words in (["kick", bad], ["ping", bad], ["why", bad], ["invite", "--revoke", bad], ["settings", bad, "on"],
                  ["settings", "reset", bad], ["logs", bad], ["settings", bad], ["invite", "--ttl", bad],
                  ["servers", "join", bad], ["sessions", "begin", bad], ["sessions", "end", bad], ["sessions", "show", bad],
                  [bad]):
        refused(party.a, *words)
    if bad:
        for key in ("peer_name", "server_url", "up", "invite_ttl"):
            refused(party.a, "settings", key, bad)
        link = b"lanrage://" + (bad if isinstance(bad, bytes) else bad.encode()) + b"/KQ7M-3ZT9-HX2F"
        refused(party.c, "join", link)
    assert [picture(host) for host in party.members] == before


def encoded(value):
    """JSON in which bytes stand as they are: what is no UTF-8 has no other way in."""
    if isinstance(value, dict):
        return b"{" + b",".join(encoded(key) + b":" + encoded(one) for key, one in value.items()) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(encoded, value)) + b"]"
    return b'"' + value + b'"' if isinstance(value, bytes) else json.dumps(value).encode()


@pytest.mark.parametrize("kind", [*BAD, "nul"])
def test_words_by_rest(party, kind):
    """The same by REST, where a NUL is possible too: an error as JSON, in clean words."""
    bad = "a\0b" if kind == "nul" else BAD[kind]
    server = {"id": "s1", "name": "arena", "game": "quake3", "address": "10.66.0.2:27960", "tags": ["ffa"]}
    before = [picture(host) for host in party.members]
    asks = [(party.c, "POST", "party", {"name": bad}), (party.c, "POST", "party", {"name": "x", "own_name": bad}),
            (party.c, "POST", "party/join", {"code": bad}),
            (party.c, "POST", "party/join", {"code": "KQ7M-3ZT9-HX2F", "name": bad}),
            (party.a, "POST", "party/kick", {"member": bad}), (party.a, "POST", "party/revoke", {"code": bad}),
            *((party.a, "POST", "servers", {**server, key: bad}) for key in ("name", "game", "address")),
            (party.a, "POST", "servers", {**server, "tags": [bad]})]
    if bad:
        asks += [(party.a, "PATCH", "settings", {key: bad}) for key in ("peer_name", "server_url", "up", "invite_ttl")]
        asks += [(party.a, "POST", "servers", {**server, "id": bad}), (party.a, "PATCH", "settings", {bad: "x"})]
    if kind == "empty":
        asks = [one for one in asks if one[3].get("own_name", one[3].get("tags", "x")) not in ("", [""])
                and not ("code" in one[3] and one[3].get("name") == "")]
    for host, method, path, body in asks:
        status, answer = ask(host, method, f"/api/v1/{path}", encoded(body))
        assert status in (400, 404), (path, kind, status, answer[:300])
        error = json.loads(answer)["error"]
        assert error["code"] and 15 < len(words(error)) < 400 and not UNCLEAN.search(words(error)), error
        print(f"{path} {list(body)}: {status} {error['message']}")
    assert [picture(host) for host in party.members] == before
