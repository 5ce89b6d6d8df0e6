"""The rendezvous server alone, in a namespace of its own, with members who are one small C program.

      anna, ben, cleo ... (rendezvous-client) ──ws── lanrage-server ──ws── relays
      raw sockets that misbehave              ──tcp/udp──┘

Parties are made and joined, addresses are leased, changes are heard by whom they concern and by nobody else, and what
was answered once is still true after the server was killed.
"""
import base64
import hashlib
import ipaddress
import itertools
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import tempfile
import threading
import time

import pytest

from lab.netns import Namespace
from lab.wire import build_dir

PORT = 7100
GENEROUS = """[limits]
logins_per_minute = 100000
creates_per_minute = 100000
joins_per_minute = 100000
connections_per_source = 2000
"""
MALFORMED, NOT_LOGGED_IN, BAD_SIGNATURE, NO_SUCH_PARTY, NO_SUCH_INVITE = 1, 2, 3, 4, 5
NOT_A_MEMBER, NOT_THE_HOST, FULL, TOO_MANY, EXISTS = 6, 7, 8, 9, 10
_counter = itertools.count()


class Server:
    """One lanrage-server process after the other, on the same state."""

    def __init__(self, namespace, folder, config=GENEROUS, listen=f"127.0.0.1:{PORT}"):
        self.namespace, self.folder, self.listen = namespace, folder, listen
        self.state = os.path.join(folder, "state")
        self.log = os.path.join(folder, "server.log")
        self.process = None
        self.configure(config)

    def configure(self, text):
        self.config = os.path.join(self.folder, "server.conf")
        with open(self.config, "w") as file:
            file.write(text)

    def command(self, *more):
        return self.namespace.command([os.path.join(build_dir(), "bin", "lanrage-server"), "--listen", self.listen,
                                       "--state", self.state, "--config", self.config, *more])

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(self.command(), stderr=log, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while not self.namespace.port_is_bound("udp", PORT):
            assert self.process.poll() is None, self.logged()
            assert time.monotonic() < deadline, "the server does not start"
            time.sleep(0.02)
        return self

    def end(self, sig):
        self.process.send_signal(sig)
        return self.process.wait(20)

    def stop(self):
        assert self.end(signal.SIGTERM) == 0, self.logged()

    def logged(self):
        with open(self.log) as file:
            return file.read()


class Members:
    """The driver program: many members, each with a connection."""

    def __init__(self, namespace, environment=None):
        command = namespace.command([os.path.join(build_dir(), "tests", "rendezvous-client")])
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **(environment or {})})
        self.ids = itertools.count(1)
        self.events, self.news = [], threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            with self.news:
                self.events.append(json.loads(line))
                self.news.notify_all()

    def send(self, verb, *words):
        number = next(self.ids)
        self.process.stdin.write(" ".join(str(word) for word in (number, verb, *words)) + "\n")
        self.process.stdin.flush()
        return number

    def wait(self, what, timeout=15, **wanted):
        """Takes the first event that has these values out of the list."""
        deadline = time.monotonic() + timeout
        with self.news:
            while True:
                for event in self.events:
                    if all(event.get(key) == value for key, value in wanted.items()):
                        self.events.remove(event)
                        return event
                left = deadline - time.monotonic()
                assert left > 0 and self.process.poll() is None, f"{what}: not within {timeout} s; {self.events[-5:]}"
                self.news.wait(left)

    def ask(self, verb, client, *words):
        """Sends a request and returns its answer; a picture in several frames as one, in `frames`."""
        number = self.send(verb, client, *words)
        answer = self.wait(f"answer to {verb}", client=client, id=number)
        answer["frames"] = 1
        part = answer
        while part.get("more"):
            part = self.wait("the rest of the picture", client=client, id=number)
            answer["members"] += part["members"]
            answer["change"] = part["change"]
            answer["frames"] += 1
        return answer

    def login(self, client, url, *options):
        """Opens and logs in; returns the Welcome."""
        number = self.send("open", client, url, *options)
        return self.wait(f"{client}'s welcome", client=client, id=number, event="welcome")

    def pushed(self, client, **wanted):
        """The next push about a party."""
        return self.wait(f"news for {client}", client=client, event="party", id=0, **wanted)

    def hears_nothing(self, client, seconds=0.5):
        time.sleep(seconds)
        with self.news:
            heard = [event for event in self.events if event["client"] == client and event["event"] != "challenge"
                     and event["event"] != "open"]
        return not heard, heard

    def forget(self):
        with self.news:
            self.events.clear()

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(20) == 0


@pytest.fixture
def place():
    """A namespace with nothing but loopback, and a folder."""
    namespace = Namespace(f"lr{os.getpid()}-{9300 + next(_counter)}-rendezvous")
    folder = tempfile.mkdtemp(prefix="lanrage-server-test-")
    try:
        yield namespace, folder
    finally:
        namespace.remove()
        shutil.rmtree(folder)


@pytest.fixture
def server(place):
    made = Server(*place).start()
    yield made
    if made.process.poll() is None:
        made.stop()
    assert "Sanitizer" not in made.logged() and "runtime error" not in made.logged(), made.logged()


@pytest.fixture
def members(place):
    made = Members(place[0])
    yield made
    made.close()


@pytest.fixture
def url():
    return f"ws://127.0.0.1:{PORT}"


def member(picture, identity):
    found = [row for row in picture["members"] if row["identity"] == identity]
    assert len(found) <= 1
    return found[0] if found else None


def party_of_two(members, url):
    """anna hosts p, ben joins; returns their identities."""
    anna, ben = (members.login(name, url)["identity"] for name in ("anna", "ben"))
    members.ask("create", "anna", "p", "10.66.0.0/16")
    assert members.ask("put", "anna", "p", "code", 3600, 0)["event"] == "done"
    assert members.ask("join", "ben", "p", "code")["event"] == "party"
    members.pushed("anna")
    return anna, ben


# ---- parties


def test_create_invite_join(server, members, url):
    anna = members.login("anna", url)
    assert anna["stun_port"] == PORT and anna["observed"].startswith("127.0.0.1:")
    made = members.ask("create", "anna", "p", "10.66.0.0/16")
    assert made["whole"] and made["host"] == anna["identity"]
    host = member(made, anna["identity"])
    assert (host["number"], host["lease"], host["address"], host["online"]) == (1, 1, "10.66.0.1", True)
    again = members.ask("create", "anna", "p", "10.66.0.0/16")
    assert again["members"] == made["members"] and again["change"] == made["change"], "not idempotent"

    ben = members.login("ben", url)["identity"]
    assert members.ask("create", "ben", "p", "10.66.0.0/16")["code"] == EXISTS
    assert members.ask("join", "ben", "p")["code"] == NOT_A_MEMBER
    assert members.ask("join", "ben", "p", "code")["code"] == NO_SUCH_INVITE
    assert members.ask("put", "ben", "p", "code", 3600, 1)["code"] == NOT_THE_HOST
    assert members.ask("put", "anna", "p", "code", 3600, 1)["event"] == "done"
    invite = members.ask("get", "ben", "code")
    assert invite["event"] == "invite" and invite["sealed"] == 200
    assert members.ask("join", "ben", "p", "code", "wrong")["code"] == BAD_SIGNATURE
    assert members.ask("join", "ben", "unknown", "code")["code"] in (NO_SUCH_PARTY, NO_SUCH_INVITE)
    joined = members.ask("join", "ben", "p", "code")
    assert len(joined["members"]) == 2 and member(joined, ben)["address"] == "10.66.0.2"
    assert member(joined, ben)["invite_key"] == invite["invite_key"]
    assert [row["identity"] for row in members.pushed("anna")["members"]] == [ben]
    # the request again, because its answer was lost: the only use is not needed twice
    assert members.ask("join", "ben", "p", "code")["event"] == "party"
    members.login("cleo", url)
    assert members.ask("get", "cleo", "code")["code"] == NO_SUCH_INVITE, "used up"
    assert members.ask("join", "cleo", "p", "code")["code"] == NO_SUCH_INVITE
    assert members.ask("resume", "cleo", "p", 0)["code"] == NOT_A_MEMBER
    assert members.ask("announce", "cleo", "p", 10)["code"] == NOT_A_MEMBER
    assert members.ask("tickets", "cleo", "p")["code"] == NOT_A_MEMBER
    assert members.ask("resume", "cleo", "q", 0)["code"] == NO_SUCH_PARTY


def test_codes_end(server, members, url):
    party_of_two(members, url)
    members.login("cleo", url)
    members.ask("put", "anna", "p", "short", 2, 0)
    assert members.ask("get", "cleo", "short")["event"] == "invite"
    assert members.ask("revoke", "ben", "p", "code")["code"] == NOT_THE_HOST
    assert members.ask("revoke", "anna", "p", "code")["event"] == "done"
    assert members.ask("revoke", "anna", "p", "code")["code"] == NO_SUCH_INVITE
    assert members.ask("get", "cleo", "code")["code"] == NO_SUCH_INVITE
    time.sleep(2.2)
    assert members.ask("get", "cleo", "short")["code"] == NO_SUCH_INVITE, "expired"
    assert members.ask("put", "anna", "p", "late", 0, 0)["code"] == MALFORMED


def test_announcements_reach_the_party_only(server, members, url):
    anna, ben = party_of_two(members, url)
    members.login("eve", url)
    members.ask("create", "eve", "other", "10.66.0.0/16")
    members.forget()
    assert members.ask("announce", "ben", "p", 4096)["event"] == "done"
    news = members.pushed("anna")
    assert not news["whole"] and len(news["members"]) == 1 and member(news, ben)["sealed"] == 4096
    assert members.hears_nothing("eve") == (True, [])
    # one byte more is malformed, and that ends the connection
    members.send("announce", "ben", "p", 4097)
    assert members.wait("the error", client="ben", event="error")["code"] == MALFORMED
    assert "malformed" in members.wait("the end", client="ben", event="closed")["reason"]
    assert not member(members.pushed("anna"), ben)["online"]


def test_presence(server, members, url):
    anna, ben = party_of_two(members, url)
    members.send("close", "ben")
    news = member(members.pushed("anna"), ben)
    assert not news["online"] and not news["left"]
    members.login("ben", url)
    assert member(members.pushed("anna"), ben)["online"]
    members.ask("leave", "ben", "p")
    news = member(members.pushed("anna"), ben)
    assert news["left"] and not news["online"]
    members.send("close", "ben")
    assert members.hears_nothing("anna") == (True, []), "who left is no news any more"
    # the host may leave as well; the party stays
    members.login("ben", url)
    members.ask("join", "ben", "p", "code")
    assert members.ask("leave", "anna", "p")["event"] == "done"
    assert member(members.pushed("ben"), anna)["left"]
    assert members.ask("create", "anna", "p", "10.66.0.0/16")["event"] == "party", "and comes back"


def test_later_login_replaces_the_earlier_without_flicker(server, members, url):
    anna, ben = party_of_two(members, url)
    members.forget()
    members.login("ben-again", url, "as=ben")
    assert "another connection" in members.wait("the end", client="ben", event="closed")["reason"]
    assert members.hears_nothing("anna", 1) == (True, [])
    whole = members.ask("resume", "anna", "p", 0)
    assert member(whole, ben)["online"]
    members.send("close", "ben-again")
    assert not member(members.pushed("anna"), ben)["online"]


# ---- leases


def test_three_hundred_leases(server, members, url):
    members.login("host", url)
    members.ask("create", "host", "p", "10.66.0.0/16")
    members.ask("put", "host", "p", "code", 3600, 0)
    identities, addresses = {}, {}
    for number in range(2, 301):
        name = f"m{number}"
        identities[name] = members.login(name, url)["identity"]
        picture = members.ask("join", name, "p", "code")
        row = member(picture, identities[name])
        assert (row["number"], row["lease"]) == (number, number)
        addresses[name] = row["address"]
        assert len(picture["members"]) == number and picture["frames"] == number // 12 + 1
        members.forget()
        if number > 4:
            members.send("close", name)
    expected = [str(ipaddress.ip_address("10.66.0.0") + offset) for offset in range(1, 400)
                if offset % 256 not in (0, 255)]
    assert list(addresses.values()) == expected[1:300]
    assert addresses["m254"] == "10.66.0.254" and addresses["m255"] == "10.66.1.1"

    # the same identity has the same address: offline, left and back again, the server killed between
    members.ask("leave", "m2", "p")
    members.send("close", "m2")
    server.end(signal.SIGKILL)
    server.start()
    members.login("m2", url)
    assert members.ask("join", "m2", "p")["code"] == NOT_A_MEMBER, "who left needs a code again"
    assert member(members.ask("join", "m2", "p", "code"), identities["m2"])["address"] == addresses["m2"]
    members.login("new", url)
    assert members.ask("join", "new", "p", "code")["members"][-1]["address"] == expected[300]


def test_small_prefix_is_filled_before_leases_are_reused(server, members, url):
    members.login("host", url)
    assert members.ask("create", "host", "bad", "8.8.8.0/24")["code"] == MALFORMED
    members.ask("create", "host", "p", "192.168.77.0/24")
    members.ask("put", "host", "p", "code", 3600, 0)
    for number in range(2, 255):
        members.login("guest", url, f"as=guest{number}")
        members.ask("join", "guest", "p", "code")
        if number in (50, 40):
            members.ask("leave", "guest", "p")
            time.sleep(1.1)  # times are kept in seconds
        members.forget()
    members.login("guest", url, "as=late1")
    joined = members.ask("join", "guest", "p", "code")
    late = joined["members"][-1]
    assert late["address"] == "192.168.77.40", "the lease that was left the longest ago"
    assert (late["number"], late["lease"]) == (255, 255), "but its numbers are new"
    members.login("guest", url, "as=late2")
    assert members.ask("join", "guest", "p", "code")["members"][-1]["address"] == "192.168.77.50"
    members.login("guest", url, "as=late3")
    assert members.ask("join", "guest", "p", "code")["code"] == FULL


# ---- resuming


def test_resume_gives_exactly_what_was_missed(server, members, url):
    anna, ben = party_of_two(members, url)
    members.login("cleo", url)
    cleo = members.ask("join", "cleo", "p", "code")["members"][-1]["identity"]
    change = members.ask("resume", "anna", "p", 0)["change"]
    nothing = members.ask("resume", "anna", "p", change)
    assert nothing["members"] == [] and not nothing["whole"] and nothing["change"] == change

    members.send("close", "anna")
    members.pushed("ben", change=change + 1)
    members.ask("announce", "ben", "p", 100)
    members.ask("announce", "ben", "p", 200)
    members.login("anna", url)
    missed = members.ask("resume", "anna", "p", change)
    assert not missed["whole"] and missed["change"] == change + 4  # offline, two words of ben, online
    assert {row["identity"] for row in missed["members"]} == {anna, ben}
    assert member(missed, ben)["sealed"] == 200

    # killed: everybody is offline until they log in, and that is news
    known = missed["change"]
    server.end(signal.SIGKILL)
    for name in ("anna", "ben", "cleo"):
        members.wait("the end", client=name, event="closed")
    server.start()
    members.login("anna", url)
    missed = members.ask("resume", "anna", "p", known)
    assert not missed["whole"] and missed["change"] > known
    assert {row["identity"]: row["online"] for row in missed["members"]} == {anna: True, ben: False, cleo: False}
    assert member(missed, ben)["sealed"] == 200, "the announcement is still there"
    members.forget()
    members.login("ben", url)
    assert member(members.pushed("anna"), ben)["online"]

    # a number from the future: the server's store is older than what the client knows
    future = members.ask("resume", "anna", "p", 1000000)
    assert future["whole"] and len(future["members"]) == 3 and future["change"] < 1000000


def test_killed_again_and_again_nothing_answered_is_lost(server, members, url):
    party_of_two(members, url)
    for size in range(1, 6):
        assert members.ask("announce", "ben", "p", size)["event"] == "done"
        members.login("guest", url, f"as=guest{size}")
        identity = members.ask("join", "guest", "p", "code")["members"][-1]["identity"]
        server.end(signal.SIGKILL)
        server.start()
        members.login("ben", url)
        whole = members.ask("resume", "ben", "p", 0)
        assert [row["sealed"] for row in whole["members"] if row["number"] == 2] == [size]
        assert member(whole, identity)["address"] == f"10.66.0.{2 + size}"
        assert member(whole, identity)["wireguard_key"]


def test_a_large_party_comes_at_the_readers_pace(server, members, url):
    members.login("host", url)
    members.ask("create", "host", "p", "10.66.0.0/16")
    members.ask("put", "host", "p", "code", 3600, 0)
    for number in range(2, 402):
        members.login("guest", url, f"as=guest{number}")
        members.send("join", "guest", "p", "code")
        assert members.ask("announce", "guest", "p", 4096)["event"] == "done"
        members.forget()
    picture = members.ask("resume", "host", "p", 0)
    assert len(picture["members"]) == 401 and picture["frames"] == 401 // 12 + 1
    changes = [row["change"] for row in picture["members"]]
    assert changes == sorted(changes) and len(set(row["address"] for row in picture["members"])) == 401


# ---- who may, and how often


def test_wrong_logins(server, place, members, url):
    with place[0].inside():
        silent = socket.create_connection(("127.0.0.1", PORT), timeout=15)
    for options, words in ((["wrong"], "signature"), ([f"for=evil.example:{PORT}"], "another server"),
                           ([f"for=127.0.0.1:{PORT + 1}"], "another server")):
        number = members.send("open", "eve", url, *options)
        assert members.wait("the refusal", client="eve", id=number, event="error")["code"] == BAD_SIGNATURE
        assert words in members.wait("the end", client="eve", event="closed")["reason"]
    members.send("open", "mute", url, "mute")
    members.wait("the challenge", client="mute", event="challenge")
    for verb, *words in (("create", "p", "10.66.0.0/16"), ("get", "code"), ("ping",), ("relay", 1, "eu", 0)):
        assert members.ask(verb, "mute", *words)["code"] == NOT_LOGGED_IN
    assert "no login" in members.wait("the end", client="mute", event="closed", timeout=13)["reason"]
    assert silent.recv(1) == b"", "who does not even finish the handshake is closed too"


def test_names_of_the_server(place, members, url):
    server = Server(*place, config=GENEROUS + "[server]\nnames = play.example.org, 127.0.0.1\n").start()
    members.login("anna", url)
    number = members.send("open", "ben", f"ws://localhost:{PORT}")
    assert members.wait("the refusal", client="ben", id=number)["code"] == BAD_SIGNATURE
    server.stop()


def test_guesses_are_limited(place, members, url):
    server = Server(*place, config="[limits]\nguesses_per_minute = 5\n").start()
    party_of_two(members, url)
    members.login("eve", url)
    for _ in range(20):
        assert members.ask("get", "eve", "code")["event"] == "invite", "friends behind one address know the code"
    codes = [members.ask("get", "eve", f"guess{number}") for number in range(8)]
    assert [answer["code"] for answer in codes] == [NO_SUCH_INVITE] * 5 + [TOO_MANY] * 3
    assert 1 <= codes[-1]["retry"] <= 12
    assert members.ask("get", "eve", "code")["code"] == TOO_MANY
    members.login("eve", url, "as=other")
    assert members.ask("get", "eve", "guess")["code"] == TOO_MANY, "another identity is the same source"
    server.stop()


def test_requests_and_connections_are_limited(place, members, url):
    server = Server(*place, config="[limits]\nlogins_per_minute = 6\nconnections_per_source = 5\n").start()
    members.login("anna", url)
    answers = [members.ask("ping", "anna") for _ in range(400)]
    refused = [answer for answer in answers if answer["event"] == "error"]
    assert 100 < len(refused) <= 200 and all(answer["code"] == TOO_MANY and answer["retry"] == 1 for answer in refused)
    for number in range(4):
        members.login(f"m{number}", url)
    members.send("open", "one-more", url)
    members.wait("the refusal", client="one-more", event="closed")
    members.send("close", "m0")
    time.sleep(0.3)
    members.login("m0", url)
    members.send("close", "m0")
    time.sleep(0.3)
    number = members.send("open", "m0", url)
    assert members.wait("too many logins", client="m0", id=number, event="error")["code"] == TOO_MANY
    server.stop()


# ---- hostile clients


class RawSocket:
    """WebSocket by hand, for what no client would do."""

    def __init__(self, namespace, path="/rendezvous", protocol="lanrage.1", receive_buffer=None):
        with namespace.inside():
            self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(10)
        self.socket.connect(("127.0.0.1", PORT))
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{PORT}\r\nUpgrade: websocket\r\n"
                            f"Connection: Upgrade\r\nSec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n"
                            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n".encode())
        self.buffer = b""
        self.head = self.until(b"\r\n\r\n")

    def until(self, end):
        while end not in self.buffer:
            data = self.socket.recv(65536)
            if not data:
                return self.buffer
            self.buffer += data
        head, self.buffer = self.buffer.split(end, 1)
        return head

    def send(self, payload, opcode=2, final=True):
        mask = os.urandom(4)
        size = bytes([0x80 | len(payload)]) if len(payload) < 126 else \
            struct.pack(">BH", 0xfe, len(payload)) if len(payload) < 65536 else \
            struct.pack(">BQ", 0xff, len(payload))
        body = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        self.socket.sendall(bytes([opcode | (0x80 if final else 0)]) + size + mask + body)

    def rest(self):
        """Everything until the server closes."""
        try:
            while True:
                data = self.socket.recv(65536)
                if not data:
                    break
                self.buffer += data
        except ConnectionResetError:
            pass
        return self.buffer


def test_garbage_ends_the_connection_with_words(server, place, members, url):
    for payload, options, words in ((os.urandom(200), {}, b"malformed message"), (b"", {}, b"malformed message"),
                                    (b"hello", {"opcode": 1}, b"text is not spoken here"),
                                    (bytes(65537), {}, b"message too large"),
                                    (bytes(300000), {}, b"message too large")):
        raw = RawSocket(place[0])
        assert b"101" in raw.head and b"lanrage.1" in raw.head
        try:
            raw.send(payload, **options)
        except OSError:
            pass
        if payload or options:
            assert words in raw.rest()
    raw = RawSocket(place[0])
    for _ in range(40):
        raw.send(bytes(4000), opcode=0 if _ else 2, final=False)
    assert b"message too large" in raw.rest()
    assert b"101" not in RawSocket(place[0], path="/other").head.split(b"\r\n")[0]
    assert b"101" not in RawSocket(place[0], protocol="chat").head.split(b"\r\n")[0]
    with place[0].inside():
        plain = socket.create_connection(("127.0.0.1", PORT), timeout=10)
    plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"404" in plain.recv(4096)
    members.login("anna", url)


def test_who_does_not_read_is_no_longer_served(server, place, members, url):
    """A member that stops reading while a large party talks is dropped; the others hear everything."""
    anna, ben = party_of_two(members, url)
    slow = Members(place[0])
    slow_id = slow.login("slow", url)["identity"]
    slow.ask("join", "slow", "p", "code")
    members.pushed("anna")
    os.kill(int(subprocess.run(["pgrep", "-P", str(slow.process.pid)], capture_output=True, text=True).stdout or
                slow.process.pid), signal.SIGSTOP)
    memory = rss(server)
    gone = False
    deadline = time.monotonic() + 120
    for number in itertools.count():
        assert time.monotonic() < deadline, "still served"
        if members.ask("announce", ("anna", "ben")[number % 2], "p", 4096).get("code") == TOO_MANY:
            time.sleep(0.1)
        with members.news:
            gone = any(event["event"] == "party" and member(event, slow_id) and not member(event, slow_id)["online"]
                       for event in members.events)
            members.events.clear()
        if gone:
            break
        if number % 60 == 59:
            members.login("anna", url)  # fresh buckets
            members.login("ben", url)
            members.ask("resume", "ben", "p", 0)
            seen = member(members.ask("resume", "anna", "p", 0), slow_id)
            if seen and not seen["online"]:  # the news came between two logins
                break
    assert sanitized() or rss(server) < memory + 8000
    os.kill(slow.process.pid, signal.SIGCONT)
    slow.process.kill()


def sanitized():
    """Address sanitizer keeps freed memory."""
    with open(os.path.join(build_dir(), "bin", "lanrage-server"), "rb") as file:
        return b"__asan_init" in file.read()


def rss(server):
    with open(f"/proc/{server.process.pid}/status") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])


# ---- relays


def test_relays_and_tickets(server, members, url):
    anna, ben = party_of_two(members, url)
    assert members.ask("tickets", "anna", "p")["relays"] == []
    for name, load in (("east", 700), ("west", 20)):
        members.login(name, url)
        assert members.ask("relay", name, 3478 if name == "east" else 3479, name, load)["event"] == "done"
    told = members.wait("the relays changed", client="anna", event="tickets", id=0)
    assert {relay["region"] for relay in told["relays"]} == {"east", "west"}
    assert all(relay["ticket"] == 0 for relay in told["relays"])
    relays = members.ask("tickets", "anna", "p")["relays"]
    assert [relay["region"] for relay in relays] == ["west", "east"], "the least loaded first"
    assert [relay["endpoint"] for relay in relays] == ["127.0.0.1:3479", "127.0.0.1:3478"]
    for number, name in ((1, "anna"), (2, "ben")):
        for relay in members.ask("tickets", name, "p")["relays"]:
            assert relay["verified"] and relay["number"] == number and relay["generation"] == 1
            assert 86390 < relay["lifetime_s"] <= 86400
            party = hashlib.blake2b(b"party p", digest_size=16).digest()
            assert relay["scope"] == hashlib.blake2b(b"lanrage relay scope" + party, digest_size=16).hexdigest()
    members.forget()
    members.ask("relay", "east", 3478, "east", 900)
    assert members.hears_nothing("anna", 1.5) == (True, []), "load alone is no news"
    members.ask("relay", "east", 3478, "east", 900, "draining")
    told = members.wait("east drains", client="anna", event="tickets", id=0)
    assert [relay["region"] for relay in told["relays"]] == ["west"]
    # the key that signs tickets outlives the server
    key = members.login("cleo", url)["ticket_key"]
    server.end(signal.SIGTERM)
    server.start()
    assert members.login("cleo", url)["ticket_key"] == key
    assert os.stat(os.path.join(server.state, "ticket.key")).st_mode & 0o777 == 0o600


def test_relays_of_the_configuration_only(place, members, url):
    server = Server(*place).start()
    identity = members.login("east", url)["identity"]
    server.stop()
    server.configure(GENEROUS + f"[relays]\nidentities = {'0' * 64}, {identity}\n")
    server.start()
    for name, answer in (("east", "done"), ("west", "error")):
        members.login(name, url)
        assert members.ask("relay", name, 1, name, 0)["event"] == answer
    server.stop()


# ---- STUN


def stun_request(namespace, family, address, request, timeout=2):
    with namespace.inside():
        probe = socket.socket(family, socket.SOCK_DGRAM)
    probe.settimeout(timeout)
    probe.sendto(request, (address, PORT))
    try:
        answer, source = probe.recvfrom(2000)
        return answer, source[0], probe.getsockname()[1]
    except TimeoutError:
        return None, None, None
    finally:
        probe.close()


def test_stun_on_the_same_port(place):
    server = Server(*place, listen=f"0.0.0.0:{PORT}").start()
    request = bytes.fromhex("000100002112a442") + b"0123456789ab"
    # the answer comes from the address that was asked, of whichever family
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "127.0.0.77"), (socket.AF_INET6, "::1")):
        answer, source, port = stun_request(place[0], family, address, request)
        assert source == address and answer[:2] == b"\x01\x01" and answer[8:20] == b"0123456789ab"
        kind, length, _, kind_of_address, mapped = struct.unpack(">HHBBH", answer[20:28])
        assert kind == 0x20 and mapped ^ 0x2112 == port
        assert len(answer) <= len(request) + 56
    for bad in (b"", b"x", request[:-1], bytes(20), bytes.fromhex("010100002112a442") + b"0123456789ab"):
        assert stun_request(place[0], socket.AF_INET, "127.0.0.1", bad, timeout=0.2)[0] is None
    with place[0].inside():
        flood = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    answered = 0
    for timeout in [0.005] * 50 + [0.5]:
        for _ in range(20):
            flood.sendto(request, ("127.0.0.1", PORT))
        flood.settimeout(timeout)
        try:
            while flood.recv(2000):
                answered += 1
        except TimeoutError:
            pass
    assert 300 <= answered <= 700, "400 at once and 200 a second from one source"
    server.stop()


# ---- running it


def run_refused(command, code):
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == code, done
    return done.stderr


def test_command_line(server, place):
    binary = server.namespace.command([os.path.join(build_dir(), "bin", "lanrage-server")])
    assert subprocess.run([*binary, "--help"], capture_output=True, text=True).stdout.startswith("usage:")
    for wrong in ([], ["--listen", "x", "--state", "/tmp"], ["--listen", "127.0.0.1:1"], ["--state", "/tmp/x"],
                  ["--listen", "127.0.0.1:1", "--state", "/tmp/x", "--store", "cobol"], ["--bogus"],
                  ["--listen", "127.0.0.1:1", "--state", "/tmp/x", "more"]):
        assert "usage:" in run_refused([*binary, *wrong], 2)
    assert "another lanrage-server" in run_refused(server.command(), 1)
    second = Server(place[0], os.path.join(place[1], "second")) if os.mkdir(os.path.join(place[1], "second")) is None \
        else None
    assert "in use" in run_refused(second.command(), 1)
    second.configure("[limits]\nlogin = 3\n")
    assert "limits.login" in run_refused(second.command(), 1)
    assert os.stat(server.state).st_mode & 0o777 == 0o700
    assert os.stat(os.path.join(server.state, "server.db")).st_mode & 0o777 == 0o600


def test_foreign_and_damaged_files_are_refused(place):
    server = Server(*place).start()
    server.stop()
    path = os.path.join(server.state, "server.db")
    good = open(path, "rb").read()

    with open(path, "wb") as file:
        file.write(b"this is a letter to my aunt, and not a database at all" * 100)
    assert "damaged or no LANrage database" in run_refused(server.command(), 1)
    os.remove(path)
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    other.close()
    assert "another program" in run_refused(server.command(), 1)
    with open(path, "wb") as file:
        file.write(good)
    with sqlite3.connect(path) as later:
        later.execute("PRAGMA user_version = 99")
    later.close()
    assert "another version" in run_refused(server.command(), 1)
    with open(path, "wb") as file:
        file.write(good)
    with sqlite3.connect(path) as books:
        books.execute("INSERT INTO parties VALUES (?, ?, ?, 16, 1, 2, ?, 3, 3)",
                      (b"p" * 16, b"h" * 32, 0x0a420000, 0x0a420003))
        for number in (1, 2):
            books.execute("INSERT INTO members VALUES (?, ?, ?, ?, ?, ?, 0, 0, 0, NULL, ?, NULL)",
                          (b"p" * 16, bytes([number]) * 32, number, number, 0x0a420000 + 5 * number, b"w" * 32, number))
    books.close()
    assert "outside of its party" in run_refused(server.command(), 1)


def test_full_disk(place, members, url):
    """A state directory of 400 KiB: what does not fit is refused with an error, nothing breaks, and it goes on."""
    server = Server(*place)
    os.mkdir(server.state)
    inner = server.command()[4:]
    script = f"mount -t tmpfs -o size=400k none {server.state} && exec \"$@\""
    command = place[0].command(["unshare", "-m", "sh", "-c", script, "sh", *inner])
    server.command = lambda *more: command
    server.start()
    anna, ben = party_of_two(members, url)
    refused = None
    for number in range(300):
        members.login("guest", url, f"as=guest{number}")
        members.send("join", "guest", "p", "code")
        answer = members.ask("announce", "guest", "p", 4000)
        members.forget()
        if answer["event"] == "error":
            refused = answer
            break
    assert refused and refused["code"] in (11, NOT_A_MEMBER)
    assert "the disk is full" in server.logged()
    assert members.ask("ping", "anna")["event"] == "done"
    assert len(members.ask("resume", "anna", "p", 0)["members"]) >= 2
    server.stop()


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl command")
def test_tls(place):
    namespace, folder = place

    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test authority")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "server.key",
            "-out", "server.csr", "-subj", "/CN=localhost")
    with open(os.path.join(folder, "names"), "w") as file:
        file.write("subjectAltName=DNS:localhost")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-out", "server.pem", "-extfile", "names")
    tls = f"[tls]\ncert = {folder}/server.pem\nkey = {folder}/server.key\n"
    server = Server(namespace, folder, config=GENEROUS + tls).start()
    members = Members(namespace, {"SSL_CERT_FILE": f"{folder}/ca.pem"})
    members.login("anna", f"wss://localhost:{PORT}")
    made = members.ask("create", "anna", "p", "10.66.0.0/16")
    assert made["event"] == "party"
    assert members.ask("announce", "anna", "p", 4096)["event"] == "done"
    members.send("open", "ben", f"wss://127.0.0.1:{PORT}")
    members.wait("the wrong name is refused", client="ben", event="closed")
    members.send("open", "ben", f"ws://localhost:{PORT}")
    members.wait("plain text is refused", client="ben", event="closed")
    members.close()
    strangers = Members(namespace)
    strangers.send("open", "anna", f"wss://localhost:{PORT}")
    strangers.wait("an unknown authority is refused", client="anna", event="closed")
    strangers.close()
    server.configure(GENEROUS + f"[tls]\ncert = {folder}/server.pem\n")
    server.stop()
    assert "both" in run_refused(server.command(), 1)
    server.configure(GENEROUS + f"[tls]\ncert = {folder}/names\nkey = {folder}/server.key\n")
    assert "certificate" in run_refused(server.command(), 1)


def test_clients_come_back_by_themselves(server, members, url):
    members.login("anna", url, "again")
    server.end(signal.SIGKILL)
    closed = members.wait("the loss is noticed", client="anna", event="closed", timeout=2)
    assert closed["retry_ms"] <= 250
    server.start()
    members.wait("welcome again", client="anna", event="welcome", timeout=12)


def test_dead_connections_are_noticed(server, place, members, url):
    """The network swallows everything, in both directions: both ends notice."""
    anna, ben = party_of_two(members, url)
    ghost = Members(place[0])
    identity = ghost.login("ghost", f"ws://127.0.0.9:{PORT}" if server.listen.startswith("0") else url)["identity"]
    ghost.ask("join", "ghost", "p", "code")
    members.pushed("anna")
    observed = int(ghost.ask("ping", "ghost") and ghost_port(place[0], ghost))
    place[0].run(["nft", "-f", "-"], stdin=f"table inet t {{\n chain c {{\n type filter hook input priority 0; "
                 f"tcp sport {observed} drop; tcp dport {observed} drop\n}}\n}}\n")
    began = time.monotonic()
    ghost.wait("the client notices", client="ghost", event="closed", timeout=16)
    assert time.monotonic() - began < 15
    assert not member(members.pushed("anna", timeout=35), identity)["online"]
    ghost.close()


def ghost_port(namespace, ghost):
    """The TCP port of the driver's only connection."""
    listing = namespace.run(["ss", "-tnpH", "state", "established"]).stdout
    pid = ghost.process.pid
    rows = [row.split() for row in listing.splitlines() if f"pid={pid}," in row]
    return rows[0][2].rsplit(":", 1)[1]


def test_logs_tell_no_secrets(server, members, url):
    anna, ben = party_of_two(members, url)
    members.ask("get", "ben", "code")
    members.ask("get", "ben", "nothing")
    members.ask("leave", "ben", "p")
    log = server.logged()
    assert f"member {anna[:8]}: created a party" in log
    assert not re.search(r"[0-9a-f]{9,}", log), "no more than 8 digits of anything"
