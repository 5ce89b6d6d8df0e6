"""Game servers that one member runs are listed by the others.

    server ──┐             ┌── a   runs game servers, which register at its own API; 20 ms away
             ├─ internet ──┤
    relay ───┘             └── b   lists them

One party for all stories; each leaves no game server behind.
"""
import os
import re
import socket
import statistics
from collections import Counter

import pytest
from lab.programs import wait_until
from party import Member, connect, start_party, words

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

DELAY_MS = 20  # of a's wire, one way
SOON_S = 30    # generous, and far below the 90 s after which all would vanish anyway
ARENA = {"id": "arena", "name": "Ana's arena", "game": "quake3", "port": 27960, "players": 2, "max_players": 8,
         "map": "q3dm17", "mode": "ffa", "tags": ["eu", "ffa"]}


class Browser(Member):
    def servers(self, query=""):
        return self.do("GET", f"servers{query}")

    def sees(self, condition, what):
        """Waits until condition holds for the one list of servers, and returns that list."""
        def look():
            found = self.host.lanrage("servers")
            return (found,) if condition(found) else None
        return wait_until(look, SOON_S, f"{self.host.name}: {what}", interval=0.2)[0]


@pytest.fixture(scope="module")
def party(module_lab):
    server, relay, b = (module_lab.public(name) for name in ("server", "relay", "b"))
    a = module_lab.public("a", delay_ms=DELAY_MS)
    start_party(server, relay, a, b)
    connect(a, b)
    return Browser(a), Browser(b)


@pytest.fixture
def friends(party):
    a, b = party
    assert a.servers() == [] and b.servers() == []
    yield a, b
    for member in party:
        for server in member.servers():
            if server["own"]:
                member.do("DELETE", f"servers/{server['id']}")
    for member in party:
        member.sees(lambda found: found == [], "nothing is left")


def ids(servers):
    return [server["id"] for server in servers]


def fits(latency_ms, expected_ms):
    return abs(latency_ms - expected_ms) <= max(2, 0.3 * expected_ms)


def test_a_server_is_listed_by_the_other_member(friends):
    """a registers a server: b lists it with a's name and address. Its players change, and it goes."""
    a, b = friends
    made = a.do("POST", "servers", ARENA)
    a_id, a_ip = a.me["id"], a.me["virtual_ip"]
    assert made["id"] == "arena" and made["own"] and made["address"] == f"{a_ip}:27960"
    seen = b.sees(lambda found: len(found) == 1, "a's server")[0]
    assert seen["id"] == f"arena@{a_id}" and not seen["own"]
    assert seen["host"] == {"id": a_id, "name": "a"} and seen["address"] == f"{a_ip}:27960"
    for key in ("name", "game", "players", "max_players", "map", "mode", "tags", "full", "password"):
        assert seen[key] == made[key], key
    assert 0 <= seen["heartbeat_age_s"] < 90
    table = b.host.lanrage("servers", json=False)
    assert "Ana's arena" in table and a_ip in table and all(len(line) <= 80 for line in table.splitlines())

    a.do("POST", "servers/arena/players", {"players": 8})
    seen = b.sees(lambda found: found and found[0]["players"] == 8, "the new players")[0]
    assert seen["full"] and seen["max_players"] == 8
    assert ids(b.servers("?game=QUAKE3&tag=x,ffa&search=ARENA")) == [seen["id"]]
    assert ids(b.servers("?tag=x&tag=eu")) == [seen["id"]]
    for query in ("?hide_full=true", "?game=other", "?tag=x", "?search=nobody", "?favourite=1"):
        assert b.servers(query) == [], query
    assert b.do("GET", f"servers/{seen['id']}")["players"] == 8

    a.do("DELETE", "servers/arena")
    b.sees(lambda found: found == [], "it is gone")


def test_the_same_id_of_two_members_is_two_servers(friends):
    """Both choose one id. Each keeps its own, and neither can touch the other's. A name that both have leads to none."""
    a, b = friends
    a.do("POST", "servers", ARENA)
    b.do("POST", "servers", {**ARENA, "name": "Ben's arena", "port": 1234})
    of_a, of_b = f"arena@{a.me['id']}", f"arena@{b.me['id']}"
    a.sees(lambda found: ids(found) == ["arena", of_b], "both")
    b.sees(lambda found: ids(found) == ["arena", of_a], "both")
    assert a.do("GET", "servers/arena")["name"] == "Ana's arena"
    assert a.do("GET", f"servers/{of_b}")["name"] == "Ben's arena"
    for method, path, body in (("DELETE", of_a, None), ("POST", f"{of_a}/heartbeat", None),
                               ("POST", f"{of_a}/players", {"players": 0})):
        status, answer = b.ask(method, f"servers/{path}", body)
        assert status == 403 and answer["error"]["code"] == "not_allowed", answer
    assert a.host.lanrage("servers", "join", "BEN'S arena", json=False) == f"{b.me['virtual_ip']}:1234\n"
    table = a.host.lanrage("servers", json=False)
    assert table.endswith("\n\n`lanrage servers join NAME` says where to connect to.\n") and of_b not in table

    b.do("POST", "servers", {**ARENA, "name": "ANA'S arena", "port": 1234})
    a.sees(lambda found: sorted(server["name"] for server in found) == ["ANA'S arena", "Ana's arena"], "one name")
    with pytest.raises(RuntimeError, match="several game servers are called ana's arena; say which by its id") as said:
        a.host.lanrage("servers", "join", "ana's arena")
    table = a.host.lanrage("servers", json=False)
    offered = a.host.run(a.host._lanrage_command("--complete", "servers")).stdout.split()
    for its_id, host, port in (("arena", "a", 27960), (of_b, "b", 1234)):
        assert re.search(rf"^  {its_id} +ana's arena +{host}$", str(said.value), re.M | re.I), str(said.value)
        assert re.search(rf"^  {its_id} +ana's arena +{host}$", table, re.M | re.I), table
        assert a.host.lanrage("servers", "join", its_id)["address"].endswith(f":{port}") and its_id in offered
    b.do("DELETE", f"servers/{of_b}")
    a.sees(lambda found: ids(found) == ["arena"], "a's alone")


def test_what_must_not_be_listed_is_refused(friends):
    """Each with words that name what is wrong."""
    a, b = friends
    b_ip = b.me["virtual_ip"]
    for change, what in (({"name": "x\x1b[31m"}, "name"), ({"name": "x\u202egpj.exe"}, "name"), ({"name": " "}, "name"),
                         ({"id": "arena@0123456789abcdef"}, "@"), ({"id": "x" * 64}, "id"), ({"map": "a\nb"}, "map"),
                         ({"tags": ["a\u2066"]}, "tags"), ({"tags": ["x"] * 9}, "tags"), ({"port": 0}, "port"),
                         ({"port": 65536}, "port"), ({"players": 65536}, "players"),
                         ({"address": f"{b_ip}:27960"}, "address"), ({"address": f"{b_ip}:1"}, "port")):
        status, answer = a.ask("POST", "servers", {**ARENA, **change})
        assert status == 400 and what in words(answer["error"]), (change, answer)
    status, answer = a.ask("POST", "servers", {key: value for key, value in ARENA.items() if key != "port"})
    assert status == 400 and "port" in words(answer["error"])
    for path in ("servers/nothing/heartbeat", "servers/nothing", "servers/nothing/favourite"):
        status, _ = a.ask("PUT" if path.endswith("favourite") else "POST" if path.endswith("heartbeat") else "GET", path)
        assert status == 404, path
    assert a.ask("GET", "servers?hide_full=perhaps")[0] == 400
    big = {**ARENA, "tags": [f"{i}" * 63 for i in range(8)], "name": "x" * 127}
    for let_in in ("0", "1"):
        a.do("POST", "servers", {**big, "id": let_in})
    status, answer = a.ask("POST", "servers", {**big, "id": "2"})
    assert status == 409 and "shorter" in words(answer["error"])
    b.sees(lambda found: [server["name"] for server in found] == ["x" * 127] * 2, "what was let in")


def test_restarts_lose_nothing(friends):
    """
    b marks a's server as a favourite. Then browsers and a's control are killed: the server, the time of its
    registration and the mark are all still there, and news still pass. A file that was damaged stops nobody.
    """
    a, b = friends
    a.do("POST", "servers", ARENA)
    created = a.servers()[0]["created_at"]
    seen = b.sees(lambda found: len(found) == 1, "a's server")[0]
    b.do("PUT", f"servers/{seen['id']}/favourite")
    assert ids(b.servers("?favourite=1")) == [seen["id"]]

    b.kill("browser")
    b.sees(lambda found: ids(found) == [seen["id"]] and found[0]["favourite"], "the favourite")
    a.kill("browser")
    assert [server["created_at"] for server in a.servers()] == [created]
    a.do("POST", "servers/arena/players", {"players": 3})
    b.sees(lambda found: found and found[0]["players"] == 3, "3 players")
    a.kill("control")
    a.do("POST", "servers/arena/players", {"players": 4})
    b.sees(lambda found: found and found[0]["players"] == 4, "4 players")
    b.do("DELETE", f"servers/{seen['id']}/favourite")
    assert b.servers("?favourite=1") == []

    path = f"{b.host.state_dir}/browser/servers"
    os.truncate(path, os.path.getsize(path) - 1)
    b.kill("browser")
    b.sees(lambda found: ids(found) == [seen["id"]] and not found[0]["favourite"], "a's server")
    assert os.path.exists(f"{path}.bad")


def test_how_far_a_server_is(friends):
    """b measures the way to a by itself, and what it finds is what `ping` finds. Measured anew, a trend shows."""
    a, b = friends
    a.do("POST", "servers", ARENA)
    a.do("POST", "servers", {**ARENA, "id": "second"})
    of_a = f"servers/arena@{a.me['id']}/latency"
    seen = b.sees(lambda found: len(found) == 2 and found[0]["latency_ms"], "how far a is")
    pings_ms = statistics.median(pong["rtt_ms"] for pong in b.host.lanrage("ping", "a", "-c", 5))
    for server in seen:     # one measurement for both
        assert fits(server["latency_ms"], pings_ms), (server, pings_ms)
        assert server["latency_ema_ms"] == server["latency_ms"] == seen[0]["latency_ms"]
        assert server["latency_trend"] is None and 0 <= server["latency_age_s"] <= SOON_S
        assert server["age_s"] is not None
    assert pings_ms >= 2 * DELAY_MS
    assert str(round(seen[0]["latency_ema_ms"])) in b.host.lanrage("servers", json=False).splitlines()[1].split()[-1]
    for server in a.servers():
        assert all(server[f"latency_{key}"] is None for key in ("ms", "ema_ms", "trend", "age_s")), server
    status, answer = a.ask("POST", "servers/arena/latency")
    assert status == 409 and answer["error"]["code"] == "own_server"
    assert b.ask("POST", "servers/nothing/latency")[0] == 404

    for known in (False, True):
        made = b.do("POST", of_a)
        assert made["answers"] == made["sent"] == 3 and made["latency_ms"] >= 2 * DELAY_MS
        assert (made["latency_trend"] is not None) == known
    a.host.wire.set(delay_ms=4 * DELAY_MS)
    made = b.do("POST", of_a)
    a.host.wire.set(delay_ms=DELAY_MS)
    assert made["latency_trend"] == "rising" and made["latency_ms"] >= 8 * DELAY_MS
    assert 2 * DELAY_MS < made["latency_ema_ms"] < made["latency_ms"]
    assert b.do("GET", of_a.removesuffix("/latency"))["latency_ms"] == made["latency_ms"]


def test_joining_leads_to_the_server(friends):
    """a's server answers by UDP at the address that b is told. Where a is away, b is told so."""
    a, b = friends
    a.do("POST", "servers", {**ARENA, "password": True})
    arena = f"arena@{a.me['id']}"
    b.sees(lambda found: ids(found) == [arena] and found[0]["latency_ms"], "a's server, and how far it is")
    told = b.do("POST", f"servers/{arena}/join")
    assert told == {"id": arena, "name": ARENA["name"], "game": "quake3", "address": f"{a.me['virtual_ip']}:27960",
                    "password": True, "own": False, "host": {"id": a.me["id"], "name": "a"}, "online": True}
    for word in (arena, ARENA["name"], ARENA["name"].upper()):
        assert b.host.lanrage("servers", "join", word, json=False) == f"{told['address']}\n"
    with pytest.raises(RuntimeError, match="no game server is called arena; `lanrage servers` lists them"):
        b.host.lanrage("servers", "join", "arena")
    assert a.do("POST", "servers/arena/join")["own"]
    ip, port = told["address"].split(":")
    with a.host.socket(bind=("0.0.0.0", int(port))) as game, b.host.socket() as player:
        def answers():
            player.sendto(b"hello", (ip, int(port)))
            try:
                heard, source = game.recvfrom(64)
                game.sendto(heard.upper(), source)
                return player.recv(64) == b"HELLO"
            except socket.timeout:
                return False
        wait_until(answers, SOON_S, "the server answers")
    assert b.ask("POST", "servers/nothing/join")[0] == 404

    a.do("POST", "down")

    def refused():
        status, answer = b.ask("POST", f"servers/{arena}/join")
        return status == 409 and answer["error"]["hint"] == "see `lanrage why a`"

    wait_until(refused, SOON_S, "b is told that a is away")
    made = b.do("POST", f"servers/{arena}/latency")
    assert made["answers"] == 0 and made["latency_ms"] is made["latency_ema_ms"] is made["latency_trend"] is None
    assert b.do("GET", f"servers/{arena}")["latency_ms"] is None
    a.do("POST", "up")
    wait_until(lambda: b.ask("POST", f"servers/{arena}/join")[0] == 200, SOON_S, "a is back")


def test_order_and_numbers(friends):
    """Servers of both: sorted as asked, page by page, and their numbers are those of the list."""
    a, b = friends
    a.do("POST", "servers", {**ARENA, "password": True})
    a.do("POST", "servers", {"id": "cubes", "name": "cubes", "game": "Minecraft", "port": 25565, "players": 0})
    b.do("POST", "servers", {"id": "z", "name": "Zoe's", "game": "Quake3", "port": 1, "players": 4, "max_players": 4})
    b.do("POST", "servers", {"id": "x", "name": "x", "game": "xonotic", "port": 2})
    b.sees(lambda found: len(found) == 4, "all four")
    b.sees(lambda found: sum(server["latency_ms"] is not None for server in found) == 2, "how far a is")
    arena, cubes = (f"{name}@{a.me['id']}" for name in ("arena", "cubes"))
    for sort, expected in {"name": [arena, cubes, "x", "z"], "game": [cubes, arena, "z", "x"],
                           "players": ["z", arena, cubes, "x"], "latency": [arena, cubes, "x", "z"]}.items():
        assert ids(b.servers(f"?sort={sort}")) == expected, sort
        assert ids(b.servers(f"?sort={sort}&limit=2&offset=1")) == expected[1:3], sort
        assert b.headers["X-Total-Count"] == "4"
        assert ids(b.host.lanrage("servers", "--sort", sort)) == expected
    for query in ("sort=age", "limit=0", "limit=x", "offset=-1"):
        assert b.ask("GET", f"servers?{query}")[0] == 400, query

    b.do("PUT", f"servers/{arena}/favourite")
    listed, numbers = b.servers(), b.do("GET", "servers/statistics")
    told = [server["players"] for server in listed if server["players"] is not None]
    games = Counter(server["game"].lower() for server in listed)
    assert numbers["total_servers"] == len(listed) == 4 and numbers["unique_games"] == len(games) == 3
    assert numbers["total_players"] == sum(told) == 6
    assert numbers["max_players"] == sum(server["max_players"] or 0 for server in listed)
    assert numbers["full"] == sum(server["full"] is True for server in listed) == 1
    assert numbers["empty"] == told.count(0) == 1
    assert numbers["with_password"] == sum(server["password"] for server in listed) == 1
    assert numbers["favourites"] == len(b.servers("?favourite=1")) == 1
    assert {name.lower(): game["servers"] for name, game in numbers["games"].items()} == games
    assert numbers["games"]["xonotic"] == {"servers": 1, "players": None}
    assert b.do("GET", "games") == [{"game": name, **game} for name, game in numbers["games"].items()]
    assert b.do("GET", "games")[0] == {"game": "Quake3", "servers": 2, "players": 6}
    b.do("DELETE", f"servers/{arena}/favourite")


def test_a_favourite_that_is_away(friends):
    """a's server goes, and b's browser is killed: the favourite is still one, until b takes it away."""
    a, b = friends
    a.do("POST", "servers", ARENA)
    arena = f"arena@{a.me['id']}"
    b.sees(lambda found: ids(found) == [arena], "a's server")
    b.do("PUT", f"servers/{arena}/favourite")
    there = b.do("GET", "favourites")
    assert [one["id"] for one in there] == [arena] and there[0]["present"] and there[0]["server"]["game"] == "quake3"
    a.do("DELETE", "servers/arena")
    b.sees(lambda found: found == [], "it is away")
    away = [{"id": arena, "present": False, "server": None}]
    assert b.do("GET", "favourites") == away and b.servers("?favourite=1") == []
    b.kill("browser")
    assert b.do("GET", "favourites") == away
    b.do("DELETE", f"servers/{arena}/favourite")
    assert b.do("GET", "favourites") == []


def test_servers_go_with_their_member(party):
    """a leaves the party: its server is gone from b's list long before its last heartbeat is 90 s old."""
    a, b = party
    a.do("POST", "servers", ARENA)
    b.sees(lambda found: len(found) == 1, "a's server")
    a.do("POST", "party/leave")
    b.sees(lambda found: found == [], "it is gone")
    alone = a.sees(lambda found: [server["address"] for server in found] == [None], "it has no address")
    assert ids(alone) == ["arena"] and alone[0]["port"] == 27960
