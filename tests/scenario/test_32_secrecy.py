"""What the server and the relay could know of a party: everything they see and keep is searched for what is private.

                          ┌── middleman ── lanrage-server     on one machine
    host ── NAT ──┐       │        │
    ana  ── NAT ──┼── internet ────┘      host and ana meet through the middleman, which keeps the payloads of
    ben  ── NAT ──┘       │               all WebSockets as they are without masks; ben meets the server itself
                          └── relay       the NATs are symmetric, so the relay carries the traffic

Private are the party's name, the members' names, the codes, what game servers are called, and the members' addresses at
home. Where those could be found: packets at both machines, payloads, and all that both programs store and log.
"""
import contextlib
import glob
import os
import random
import shutil
import socket
import sqlite3

import pytest

from lab import udp_exchange, wait_until
from middleman import Middleman
from party import join, peer_of, together
from rendezvous_wire import ANNOUNCE, Client

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

SOON_S = 30
PARTY_NAME = "Wolkenkuckucksheim"
MEMBERS = {"host": "Quasimodo von Thule", "ana": "Zephyrine", "ben": "Tarquinius"}
GAME = "Drachenhort zum Ochsen"
PLANTED = "Plantagenet 5150"
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


# ---- what is searched for, and where

def text_forms(text):
    """As it is, in hex, and as UTF-16; found() ignores case."""
    return [text.encode(), text.encode().hex().encode(), text.encode("utf-16-le")]


def address_forms(address):
    """As text and as the four bytes."""
    return [address.encode(), socket.inet_aton(address)]


def code_forms(code):
    return text_forms(code) + text_forms(code.replace("-", ""))


def found(needles, haystacks):
    """{(what, where)} of the needles (what -> forms) that occur in the haystacks (where -> bytes)."""
    folded = {where: (hay, hay.lower()) for where, hay in haystacks.items()}
    return {(what, where) for what, forms in needles.items() for form in forms
            for where, (hay, lower) in folded.items()
            if (form in hay if len(form) == 4 else form.lower() in lower)}


def files_under(folder):
    return {path: read(path) for path in glob.glob(f"{folder}/**", recursive=True) if os.path.isfile(path)}


def read(path):
    with open(path, "rb") as file:
        return file.read()


def database(folder):
    """Every value in server.db, what is still in its log included, without touching the original."""
    copy = f"{folder}-copy"
    shutil.copytree(folder, copy)
    values = []
    with contextlib.closing(sqlite3.connect(f"{copy}/server.db")) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert tables
        for table in tables:
            values += [value for row in db.execute(f"SELECT * FROM \"{table}\"") for value in row]
    shutil.rmtree(copy)
    return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in values)


class World:
    """The party, which has lived a little, and everything that server and relay saw and kept of it."""

    def __init__(self, lab):
        self.server, self.relay = lab.public("server"), lab.public("relay")
        self.members = {name: lab.behind(name, nat="symmetric-random") for name in MEMBERS}
        self.url = self.server.start_server()
        self.middle = Middleman(self.server, self.url)
        self.relay.start_relay(self.url)
        self.codes = []
        captures = [host.capture("eth0", at_most=262144) for host in (self.server, self.relay)]
        with captures[0], captures[1]:
            self.live()
            self.plant()
        self.pcaps = {f"packets at {host.name}": read(capture.path)
                      for host, capture in zip((self.server, self.relay), captures)}
        self.stop()

    def stop(self):
        """Keeps what both have stored in the middle of it all, and ends them: they store more then."""
        for host, folder in ((self.server, "server"), (self.relay, "relay")):
            shutil.copytree(f"{host.dir}/{folder}", f"{host.dir}/{folder}-midway")
            host.stop(f"lanrage-{folder}")

    def live(self):
        """They meet, play through the relay, run a game server, invite, revoke; ben is removed and comes again."""
        host, ana, ben = self.members.values()
        for member in (host, ana):
            member.start_lanraged(self.middle.url)
        ben.start_lanraged(self.url)
        self.codes.append(host.lanrage("party", "create", PARTY_NAME, "--name", MEMBERS["host"])["code"])
        for name, member in (("ana", ana), ("ben", ben)):
            join(member, self.codes[0], MEMBERS[name])
        self.addresses = {name: member.lanrage("status")["self"]["virtual_ip"] for name, member in self.members.items()}
        together(host, ana, ben)
        self.run_a_game(host)
        for member in (ana, ben):
            wait_until(lambda: [server["name"] for server in member.lanrage("servers")] == [GAME], SOON_S, "the game")
        assert peer_of(ana, MEMBERS["host"])["path"] == "relay"
        assert udp_exchange(ana, host, 50, address=self.addresses["host"]).received
        self.codes += [host.lanrage("invite")["code"], host.lanrage("invite", "--once")["code"]]
        host.lanrage("invite", "--revoke", self.codes[1], json=False)
        host.lanrage("kick", MEMBERS["ben"], json=False)
        wait_until(lambda: ben.lanrage("status")["party"] is None, SOON_S, "ben knows")
        self.codes.append(host.lanrage("invite")["code"])
        join(ben, self.codes[-1], MEMBERS["ben"])
        together(host, ana, ben)

    @staticmethod
    def run_a_game(member):
        token = read(f"{member.run_dir}/token").decode().strip()
        member.run(["curl", "-sS", "--fail", "-X", "POST", "-H", f"Authorization: Bearer {token}", "-H",
                    "Content-Type: application/json", "-d",
                    f'{{"id": "dragons", "name": "{GAME}", "game": "quake3", "port": 27960}}',
                    "http://127.0.0.1:8666/api/v1/servers"])

    def plant(self):
        """Says something that is to be found: in a datagram to each machine, and in a payload to the server."""
        outsider = self.server.lab.public("outsider")
        for host in (self.server, self.relay):
            with outsider.socket() as sock:
                sock.sendto(PLANTED.encode(), (host.addr4, 9))
        client = Client(outsider, self.middle.url.removeprefix("ws://"))
        with pytest.raises(AssertionError):      # it is refused, of course
            client.ask(ANNOUNCE, {1: bytes(16), 2: PLANTED.encode()})
        client.close()

    def private(self):
        """What neither may know, by what it is."""
        needles = {"party's name": text_forms(PARTY_NAME), "game server": text_forms(GAME)}
        needles |= {f"name of {name}": text_forms(text) for name, text in MEMBERS.items()}
        needles |= {f"code {i}": code_forms(code) for i, code in enumerate(self.codes)}
        return needles | {f"home address of {name}": address_forms(member.addr4)
                          for name, member in self.members.items()}

    def kept_by_server(self):
        folders = [f"{self.server.dir}/server", f"{self.server.dir}/server-midway"]
        return {**files_under(folders[0]), **files_under(folders[1]), "database": b"\n".join(map(database, folders)),
                "log of server": read(f"{self.server.dir}/lanrage-server.log")}

    def kept_by_relay(self):
        return {**files_under(f"{self.relay.dir}/relay"), **files_under(f"{self.relay.dir}/relay-midway"),
                "log of relay": read(f"{self.relay.dir}/lanrage-relay.log")}

    def everything(self):
        """All that both saw and kept, by where it is."""
        return {**self.pcaps, "payloads": b"\n".join(self.middle.payloads()), **self.kept_by_server(),
                **self.kept_by_relay()}


@pytest.fixture(scope="module")
def world(module_lab):
    made = World(module_lab)
    yield made
    made.middle.close()


def test_the_search_finds_what_is_there(world):
    """What was planted is found where it went, and what both may know is found where they keep it."""
    everything = world.everything()
    assert found({"planted": text_forms(PLANTED)}, everything) == \
        {("planted", where) for where in ("packets at server", "packets at relay", "payloads")}
    identity = world.middle.line(world.members["ana"]).identity
    assert {"payloads", "database"} <= {where for _, where in found({"identity": [identity]}, everything)}
    assert "log of server" in {where for _, where in found({"id": [identity.hex()[:8].encode()]}, everything)}
    virtual = {"virtual address": address_forms(world.addresses["ana"])}
    assert "payloads" in {where for _, where in found(virtual, everything)}
    seen = {"router": address_forms(world.members["ana"].public4)}
    assert "bindings" in {os.path.basename(where) for _, where in found(seen, world.kept_by_relay())}

    # the same search in a database that does tell, what is in its log alone included
    folder = f"{world.server.dir}/server-midway"
    leaky = f"{world.server.dir}/leaky"
    shutil.copytree(folder, leaky)
    with contextlib.closing(sqlite3.connect(f"{leaky}/server.db")) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE leak (text TEXT, address BLOB)")
        db.execute("INSERT INTO leak VALUES (?, ?)", (PARTY_NAME.lower(), socket.inet_aton(world.members["ana"].addr4)))
        db.commit()
        hits = found(world.private(), {"database": database(leaky), **files_under(leaky)})
    assert {what for what, where in hits if where == "database"} == {"party's name", "home address of ana"}
    assert {os.path.basename(where) for _, where in hits} >= {"server.db-wal"}
    shutil.rmtree(leaky)


def test_nothing_private_is_seen_or_kept(world):
    """No name, no code, no address at home: not in any packet or payload, not in any file, not in any log."""
    assert found(world.private(), world.everything()) == set()


def test_the_relay_sees_no_virtual_address(world):
    """Nor does the relay learn who has which address in the party."""
    seen = {"packets": world.pcaps["packets at relay"], **world.kept_by_relay()}
    assert found({name: address_forms(address) for name, address in world.addresses.items()}, seen) == set()


def test_the_server_stores_no_addresses(world):
    """Not even those that it cannot help seeing, like ben's router's: neither in its state nor in its log."""
    needles = {name: address_forms(member.public4) for name, member in world.members.items()}
    assert ("ben", "packets at server") in found(needles, world.pcaps)
    assert found(needles, world.kept_by_server()) == set()
    needles = {"relay": address_forms(world.relay.addr4)}    # that one the log may name
    assert {where for _, where in found(needles, world.kept_by_server())} <= {"log of server"}


def wrong_code():
    return "-".join("".join(random.choices(ALPHABET, k=4)) for _ in range(3))


def test_guessing_is_slowed_down(lab):
    """
    host, guesser, friend ── internet ── server

    Somebody tries one code after the other: soon it is told to wait, even with the right one. A friend at another address
    joins meanwhile.
    """
    server = lab.public("server")
    host, guesser, friend = (lab.public(name) for name in ("host", "guesser", "friend"))
    url = server.start_server()
    for member in (host, guesser, friend):
        member.start_lanraged(url)
    code = host.lanrage("party", "create", "den", "--name", "host")["code"]

    def link(code):
        return f"lanrage://{server.addr4}:8667/{code}"     # asks this server and nobody on the LAN, so it is quick
    answers = []
    while len(answers) < 15 and not (answers and "wait" in answers[-1]):
        with pytest.raises(RuntimeError) as said:
            guesser.lanrage("join", link(wrong_code()))
        answers.append(str(said.value))
    assert 5 <= len(answers) <= 12, "about ten guesses a minute"
    assert all("no party with this code" in answer for answer in answers[:-1])
    with pytest.raises(RuntimeError, match="wait"):
        guesser.lanrage("join", link(code))
    join(friend, code, "friend")
    wait_until(lambda: [peer["name"] for peer in host.lanrage("peers")] == ["friend"], SOON_S, "the friend is in")
