"""A server that lies: nobody believes it, nobody falls over, and each lie is named in the log once.

    host ─┐               ┌── middleman ── lanrage-server      on one machine
    ana ──┤               │
    ben ──┼── internet ───┤        the members' frames to the server and back pass the middleman, which
    cid ──┘               └── relay                             holds back, alters, repeats and makes up

One party of four for all stories. After each of them every member lists the other three and nobody else, so does its
data plane, all are connected, and no service was restarted.
"""
import os
import re
import socket
import struct
import time

import pytest

from lab.programs import wait_until
from middleman import (ADDRESS, CHANGE, GENERATION, IDENTITY, KEY, LEASE, LEFT, MEMBERS, NUMBER, PARTY_ID, SEALED, WHOLE,
                       Middleman, stranger, with_fields)
from party import connect, connected_to, join, log_of, uapi_get
from rendezvous_wire import (ANNOUNCE, ERROR, GENERATIONS, INVITE, PARTY, PUT_INVITE, RENEW, RESUME, WELCOME, decode,
                             encode)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

SOON_S = 30
REPEATS = 3
NAMES = ["ana", "ben", "cid", "host"]


class Liar:
    """The party of four, and what the middleman knows of it."""

    def __init__(self, lab):
        self.lab = lab
        server, relay = lab.public("server"), lab.public("relay")
        self.server, self.relay = server, relay
        self.middle = Middleman(server, server.start_server())
        self.members = {name: lab.public(name) for name in ("host", "ana", "ben", "cid")}
        relay.start_relay("ws://%s:8667" % server.addr4)
        for member in self.members.values():
            member.start_lanraged(self.middle.url)
        self.code = connect(*self.members.values())
        self.marks = {}
        self.settled()
        self.keys = {name: self.known(name)[KEY] for name in self.members}

    def __getitem__(self, name):
        return self.members[name]

    def line(self, name):
        return self.middle.line(self.members[name])

    def known(self, name):
        """The Member that the server has for this name, as ana hears it (or host, of ana)."""
        return dict(self.line("host" if name != "host" else "ana").members[self.line(name).identity])

    def id(self, name):
        return self.line(name).identity.hex()[:8]

    def settled(self):
        """Waits until all are connected at the server and to each other."""
        for name, member in self.members.items():
            wait_until(lambda: connected_to(member, len(self.members) - 1), SOON_S, f"{name} reaches the others")
            wait_until(lambda: self.line(name).open, SOON_S, f"{name} is at the server")

    def unharmed(self):
        """What must be true after each story."""
        self.settled()
        for name, member in self.members.items():
            others = sorted(set(self.members) - {name})
            assert sorted(peer["name"] for peer in member.lanrage("peers")) == others
            assert data_plane_keys(member) == sorted(self.keys[other].hex() for other in others)
            status = member.lanrage("status")
            assert status["party"]["members"] == len(self.members)
            assert {service: state["restarts"] for service, state in status["services"].items()
                    if state["restarts"]} == {}, name

    # ---- the logs

    def listen(self):
        """named() counts from here on."""
        self.marks = {name: len(log_of(member, "control")) for name, member in self.members.items()}

    def said(self, name, words):
        """Lines of the control service's log with these words (a regular expression), since listen()."""
        return [line for line in log_of(self.members[name], "control")[self.marks.get(name, 0):].splitlines()
                if re.search(words, line)]

    def named_once(self, name, words, timeout=SOON_S):
        wait_until(lambda: self.said(name, words), timeout, f"{name} names it: {words}", interval=0.1)
        assert len(self.said(name, words)) == 1, self.said(name, words)


def data_plane_keys(member):
    """The peers of the interface, as `wg show` would list them, in hex; relays are none."""
    return sorted(line.split("=")[1] for line in uapi_get(member).splitlines() if line.startswith("public_key="))


def add_to_pictures(line, member):
    """From now on the server lists this one in every whole picture, as if it always had."""
    def hook(frame):
        party = decode(frame[PARTY][0]) if PARTY in frame else {}
        if WHOLE not in party:
            return [frame]
        return [{**frame, PARTY: [encode({**party, MEMBERS: [*party.get(MEMBERS, []), encode(member)]})]}]
    line.lasting.append(hook)
    line.down.append(hook)


@pytest.fixture(scope="module")
def liar(module_lab):
    made = Liar(module_lab)
    yield made
    made.middle.close()


@pytest.fixture(scope="module")
def silent(liar):
    """Somebody that nobody invited, in all that host hears from the server; it never announces anything."""
    made = stranger(liar.line("host"))
    add_to_pictures(liar.line("host"), made)
    liar.line("host").hang_up()
    return made


@pytest.fixture(autouse=True)
def story(liar, silent):
    """Every story begins and ends with a party that is well."""
    liar.settled()
    liar.listen()
    yield
    for name in liar.members:                    # honest again, but for the silent one
        line = liar.line(name)
        line.up, line.down = [], line.lasting[:]
    liar.unharmed()


def test_strangers(liar):
    """
    The server gives leases to two that nobody invited: one announces something that no member sealed, one what ana
    announced.
    """
    for name in liar.members:
        line = liar.line(name)
        about = "ben" if name == "ana" else "ana"
        garbage = stranger(line, f8=os.urandom(1000))
        copied = stranger(line, f8=line.sealed[liar.line(about).identity][-1])
        for _ in range(REPEATS):
            line.send_party(garbage)
            line.send_party(copied, garbage)
        liar.named_once(name, f"{garbage[IDENTITY].hex()[:8]} refused: not sealed with this party's key")
        liar.named_once(name, f"{copied[IDENTITY].hex()[:8]} refused: it is another member's")


def test_old_announcements(liar):
    """ben hears again what ana announced before: by itself, then, after he was restarted, all over the whole picture."""
    line, ana = liar.line("ben"), liar.line("ana").identity
    share_a_game(liar["ana"], "first arena")
    wait_until(lambda: len(line.sealed.get(ana, [])) > 1, SOON_S, "ana has announced twice")
    old = line.sealed[ana][0]
    for _ in range(REPEATS):
        line.send_party({**liar.known("ana"), SEALED: old})
    liar.named_once("ben", f"{liar.id('ana')} refused: not newer than the last one")
    assert_game(liar["ben"], "first arena")

    first = {identity: sealed[0] for identity, sealed in line.sealed.items()}

    def roll_back(frame):
        party = decode(frame[PARTY][0]) if PARTY in frame else {}
        members = [{number: values[0] for number, values in decode(member).items()} for member in party.get(MEMBERS, [])]
        members = [encode({**member, SEALED: first.get(member[IDENTITY], b"") or member[SEALED]}) for member in members]
        return [{**frame, PARTY: [encode({**party, MEMBERS: members})]}] if members else [frame]
    line.down.append(roll_back)
    liar["ben"].stop_lanraged()
    liar.listen()
    liar["ben"].start_lanraged(liar.middle.url)
    liar.settled()
    sessions = line.sessions
    line.hang_up()
    wait_until(lambda: line.sessions > sessions, SOON_S, "ben comes back")
    for name in ("ana", "cid", "host"):
        liar.named_once("ben", f"{liar.id(name)} refused: not newer than the last one")


def share_a_game(member, name):
    """It announces anew, with this game server; assert_game() tells who has heard."""
    member.run(["curl", "-sS", "--fail", "-X", "POST", "-H", f"Authorization: Bearer {token(member)}", "-H",
                "Content-Type: application/json", "-d",
                f'{{"id": "arena", "name": "{name}", "game": "quake3", "port": 27960}}',
                "http://127.0.0.1:8666/api/v1/servers"])


def token(member):
    with open(f"{member.run_dir}/token") as file:
        return file.read().strip()


def assert_game(member, name):
    """ana's latest word counts at this member."""
    wait_until(lambda: [server["name"] for server in member.lanrage("servers")] == [name], SOON_S, "the latest word")


def test_false_leases(liar):
    """
    The server gives addresses and numbers that others have, later and earlier ones, addresses outside of the prefix, and
    keys that are not the members' own.
    """
    line, ana, cid = liar.line("ben"), liar.known("ana"), liar.known("cid")
    elsewhere = bytes([8, 8, 8, 8])
    lies = [
        (stranger(line, f4=ana[ADDRESS]), "an address or number that is taken"),
        (stranger(line, f4=ana[ADDRESS], f3=None), "an address or number that is taken"),
        (stranger(line, f2=ana[NUMBER], f3=None), "an address or number that is taken"),
        (stranger(line, f4=liar.known("ben")[ADDRESS], f3=None), "an address or number that is taken"),
        (stranger(line, f4=elsewhere), "an address outside the party's prefix"),
        (stranger(line, f5=ana[KEY]), "the WireGuard key of another member"),
        ({**ana, ADDRESS: elsewhere}, "an address outside the party's prefix"),
        ({**ana, KEY: os.urandom(32)}, "another WireGuard key than it says itself"),
        ({**ana, ADDRESS: ana[ADDRESS][:2] + bytes([9, 9]), LEASE: 1000},
         "another address or number than it says itself"),
        ({**ana, NUMBER: 999}, None),
        ({**cid, ADDRESS: ana[ADDRESS], LEASE: 1}, "an address or number that is taken"),
        ({**liar.known("ben"), KEY: os.urandom(32)}, "another WireGuard key than it says itself"),
    ]
    for _ in range(REPEATS):
        for member, _ in lies:
            line.send_party(member)
    for member, words in lies:
        if words:
            liar.named_once("ben", f"the server gives {member[IDENTITY].hex()[:8]} {words}")
    assert liar["ben"].lanrage("status")["self"]["virtual_ip"] == socket.inet_ntoa(liar.known("ben")[ADDRESS])


def test_disorder(liar):
    """
    ana hears old news again, and everything three times; ben hears news from the far future, and then the true ones.
    Both still hear the latest.
    """
    ana, ben = liar.line("ana"), liar.line("ben")
    news = ben.party[CHANGE][0]
    for _ in range(REPEATS):
        ana.send_party(liar.known("ben"), f6=[1])
        ben.send_party(f6=[1 << 62])
    ana.down.append(lambda frame: [frame] * 3)
    share_a_game(liar["ana"], "second arena")
    wait_until(lambda: ben.party[CHANGE][0] > news, SOON_S, "true news")
    for name in ("ana", "ben"):
        liar.named_once(name, "the server's news go back")
    assert_game(liar["ben"], "second arena")
    ana.down.pop()


EVIL = {
    "malformed": (b"\x82\x05\xff\xff\xff\xff\xff", "malformed message"),
    "text": (b"\x81\x05hello", "the server sent text"),
    "oversize": (b"\x82\x7f" + struct.pack(">Q", 70000) + bytes(70000), "message that is too large"),
    "fragments without end": (b"\x02\x7e\x80\x00" + bytes(0x8000) + (b"\x00\x7e\x80\x00" + bytes(0x8000)) * 2,
                              "message that is too large"),
    "undefined kind": (b"\x8b\x00", None),
    "masked": (b"\x82\x84abcdabcd", None),
    "truncated": (b"\x82\x7e\x10\x00abc", None),
}


def test_broken_frames(liar):
    """
    Frames that are too large, malformed, text, fragments that never end, and frames that break off: the member hangs up
    and comes back; what the server did wrong is said once.
    """
    shares = {"host": ["malformed", "truncated"], "ana": ["text", "undefined kind"], "ben": ["oversize", "masked"],
              "cid": ["fragments without end"]}
    for name, kind in [(name, kind) for name, kinds in shares.items() for kind in kinds]:
        for _ in range(REPEATS - 1):
            evil(liar, name, *EVIL[kind])
    for name, kinds in shares.items():
        for kind in kinds:
            if EVIL[kind][1]:
                liar.named_once(name, EVIL[kind][1])


def evil(liar, name, payload, words):
    """Sends it to a member that is logged in, and waits until it is so anew."""
    line = liar.line(name)
    wait_until(lambda: line.open, SOON_S, f"{name} is logged in")
    time.sleep(0.1)                              # it has taken the answer, too
    sessions = line.sessions
    try:
        line.member.sock.sendall(payload)
    except OSError:                              # the member has hung up on the last one just now
        return evil(liar, name, payload, words)
    if not words:
        time.sleep(0.3)
        if line.sessions == sessions:
            line.hang_up()
    return wait_until(lambda: line.sessions > sessions and line.open, SOON_S, f"{name} hangs up and comes back")


def test_no_answers(liar):
    """ana's wish for the party's picture is never answered, ben's is refused, and what cid announces is refused."""
    ana, ben, cid = (liar.line(name) for name in ("ana", "ben", "cid"))
    asked = []
    ana.up.append(lambda frame: asked.append(1) or [] if RESUME in frame else [frame])

    def refuse(line, kind):
        def hook(frame):
            if kind not in frame:
                return [frame]
            line.send({1: frame[1], ERROR: encode({1: 11, 2: b"out of order"})})
            return []
        line.up.append(hook)
    refuse(ben, RESUME)
    refuse(cid, ANNOUNCE)
    for line in (ana, ben, cid):
        line.hang_up()
    wait_until(lambda: len(asked) >= 2, SOON_S, "ana has asked again")
    liar.named_once("ana", "does not resume it: the server did not answer in time")
    liar.named_once("ben", "does not resume it: the server says: out of order")
    for line in (ana, ben, cid):
        line.up.clear()
    liar.named_once("cid", "announcement not taken: the server says: out of order")


def test_another_party(liar):
    """The server speaks to members of a party that they are not in."""
    for name in liar.members:
        line = liar.line(name)
        for _ in range(REPEATS):
            line.send_party(stranger(line), f1=[os.urandom(16)])
            line.send_party(f1=[os.urandom(16)], f7=[1])
            line.send({GENERATIONS: encode({1: os.urandom(16), 2: os.urandom(164)})})
    for name in liar.members:
        liar.named_once(name, "speaks of a party that this machine is not in")


def refusal(member, *words):
    with pytest.raises(RuntimeError) as said:
        member.lanrage(*words)
    return str(said.value)


def test_joining_another_party(liar):
    """
    dora, who comes by the party's code, is given the invite of another party, and then the picture of another party in
    answer to her own: she is in neither, and the code lets her in as soon as the server is honest.
    """
    dora, eve = liar.lab.public("dora"), liar.lab.public("eve")
    for member in (dora, eve):
        member.start_lanraged(liar.middle.url)
    eve.lanrage("party", "create", "elsewhere", "--name", "eve")
    line, other = liar.middle.line(dora), liar.middle.line(eve)
    invites = [decode(frame[PUT_INVITE][0]) for frame in map(decode, other.said) if PUT_INVITE in frame]
    foreign = with_fields({}, f1=other.party[PARTY_ID], f2=invites[0][4], f3=invites[0][4], f4=invites[0][5])
    foreign[2], foreign[3] = invites[0][3], invites[0][4]

    line.down.append(lambda frame: [{**frame, INVITE: [encode(foreign)]}] if INVITE in frame else [frame])
    assert "does not fit this code" in refusal(dora, "join", liar.code)
    line.down.clear()
    line.down.append(lambda frame: [{**frame, PARTY: [encode({**decode(frame[PARTY][0]), PARTY_ID: other.party[PARTY_ID]})]}]
                     if PARTY in frame else [frame])
    assert "no usable address" in refusal(dora, "join", liar.code)
    line.down.clear()
    log = log_of(dora, "control")
    assert log.count("its invite for a code is not one for that code") == 1
    assert log.count("speaks of a party that this machine is not in") == 1
    assert dora.lanrage("status")["party"] is None

    join(dora, liar.code, "dora")
    wait_until(lambda: connected_to(dora, 4), SOON_S, "dora reaches all of them")
    dora.lanrage("leave", json=False)
    for member in (dora, eve):
        assert all(state["restarts"] == 0 for state in member.lanrage("status")["services"].values())
    for name, member in liar.members.items():
        wait_until(lambda: connected_to(member, 3), SOON_S, f"{name} without dora")


def test_a_login_for_another_server(liar):
    """
    A second middleman passes fay's login on to the server as one for another address, a third hands her the challenge of
    another session: the server lets neither in, and fay says so once.
    """
    fay, gus = liar.lab.public("fay"), liar.lab.public("gus")
    address = f"{liar.server.addr4}:8667"
    moved = Middleman(liar.server, f"ws://{address}", port=8701, host_header=address)
    changed = Middleman(liar.server, f"ws://{address}", port=8702)
    changed.line(gus).down.append(lambda frame: [{2: encode({1: os.urandom(32)})}] if 2 in frame else [frame])
    for member, middle in ((fay, moved), (gus, changed)):
        member.start_lanraged(middle.url)
        line = middle.line(member)
        wait_until(lambda: line.sessions >= REPEATS, SOON_S, "the login is tried again")
        assert not any(WELCOME in decode(payload) for payload in line.heard)
        assert member.lanrage("status")["server"]["state"] != "connected"
        answers = [decode(decode(payload)[ERROR][0]) for payload in line.heard if ERROR in decode(payload)]
        assert answers and all(answer[1] == [3] for answer in answers), "bad signature"
        words = answers[0].get(2, [b"signature"])[0].decode()
        assert sum(words in said for said in log_of(member, "control").splitlines()) == 1, log_of(member, "control")
        assert all(state["restarts"] == 0 for state in member.lanrage("status")["services"].values())
        middle.close()
        member.stop_lanraged()


def test_who_has_left(liar):
    """
    The server says that ben himself has left, that ana has, and that all have; and begins generations that the host
    never signed, with everybody removed.
    """
    line = liar.line("ben")
    for _ in range(REPEATS):
        line.send_party({**liar.known("ben"), LEFT: 1}, {**liar.known("ana"), LEFT: 1})
        line.send_party(f7=[1])
        for name in liar.members:
            removed = liar.line(name).identity
            record = struct.pack(">I", 2) + removed + os.urandom(32) + os.urandom(32) + os.urandom(64)
            line.send({GENERATIONS: encode({1: line.party[PARTY_ID][0], 2: record})})
        time.sleep(1)
    liar.named_once("ben", "the server says that this machine has left; it has not")
    for name in ("ana", "cid", "host"):
        liar.named_once("ben", f"the server says that {name} has left; it has not")
    liar.named_once("ben", "a new generation is not signed by the host")
    time.sleep(4)                                # longer than members are asked whether they are there
    assert sorted(peer["name"] for peer in liar["ben"].lanrage("peers")) == ["ana", "cid", "host"]
    line.hang_up()                               # the next picture is an honest one


def test_the_silent_stranger_is_named(liar, silent):
    """The one without an announcement, in every picture since the beginning, is named when it had time enough to come."""
    liar.marks.clear()
    liar.named_once("host", f"the server lists {silent[IDENTITY].hex()[:8]}, which has not shown", timeout=60)


def test_a_withheld_kick(liar):
    """
    The host removes cid. ben's server says nothing of it: cid is there, the generation the same, and what ben tells it of
    the new one it does not take. ben hears it through the tunnel, drops cid, and names the server once.
    """
    line, cid = liar.line("ben"), liar.known("cid")

    def nothing_happened(frame):
        if GENERATIONS in frame:
            return []
        if PARTY not in frame:
            return [frame]
        party = decode(frame[PARTY][0])
        members = [encode(with_fields({number: values[0] for number, values in decode(member).items()}, f7=None))
                   for member in party.get(MEMBERS, [])]
        if WHOLE in party:
            members.append(encode(cid))
        return [{**frame, PARTY: [encode({**party, GENERATION: 1, MEMBERS: members})]}]
    line.down.append(nothing_happened)
    line.up.append(lambda frame: [] if RENEW in frame else [frame])
    liar["host"].lanrage("kick", "cid", json=False)
    gone = liar.members.pop("cid")
    for name, member in liar.members.items():
        wait_until(lambda: "cid" not in [peer["name"] for peer in member.lanrage("peers")], SOON_S, f"{name} drops cid")
        wait_until(lambda: liar.keys["cid"].hex() not in data_plane_keys(member), SOON_S, f"{name}'s data plane, too")
    wait_until(lambda: gone.lanrage("status")["party"] is None, SOON_S, "cid knows")
    words = "does not take over generation 2: the server did not answer in time"
    liar.named_once("ben", words)
    for _ in range(REPEATS - 1):
        sessions = line.sessions
        line.hang_up()
        wait_until(lambda: line.sessions > sessions, SOON_S, "ben comes back")
        time.sleep(5.5)                          # until it did not answer again
    liar.named_once("ben", words)
    assert "cid" not in [peer["name"] for peer in liar["ben"].lanrage("peers")]
    line.down.clear()
    line.up.clear()
    line.hang_up()
