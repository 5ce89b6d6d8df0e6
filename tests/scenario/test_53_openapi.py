"""The API is as its description says: what it answers, whom it answers, and whatever it is asked.

    server ──┐             ┌── ana   makes a party; her API is asked, then fuzzed
             ├─ internet ──┤
    relay ───┘             └── ben   comes to it

One party for all stories. LANRAGE_FUZZ_SEED and LANRAGE_FUZZ_REQUESTS choose another fuzz.
"""
import collections
import contextlib
import json
import os
import random
import threading
import time

import pytest
from api_fuzz import Maker
from lab import wait_until
from live_client import Reader, Refused
from openapi import METHODS, Contract, Wire
from party import API_PORT, Member, start_party, together

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

STATIC = ("/", "/index.html", "/style.css", "/app.js", "/api/openapi.json")
SEED = os.environ.get("LANRAGE_FUZZ_SEED") or f"{time.time_ns():x}"
REQUESTS = int(os.environ.get("LANRAGE_FUZZ_REQUESTS", 10000))
THREADS = 3
GROWTH_KIB = (400 if os.environ.get("LANRAGE_SANITIZE") else 24) * 1024    # ASan keeps what was freed


class Asked(Member):
    """A host whose API is asked by the ids of its operations; each answer is checked."""

    def __init__(self, host, contract=None):
        super().__init__(host)
        with open(f"{host.run_dir}/token") as file:
            self.token = file.read().strip()
        self.stranger = Wire(host, API_PORT)
        self.contract = contract or Contract(self.stranger.ask("GET", "/api/openapi.json").body)
        self.wire = self.new_wire()

    def new_wire(self):
        return Wire(self.host, API_PORT, {"Authorization": f"Bearer {self.token}"})

    def call(self, id, body=None, query="", **values):
        """(status, JSON). body: what is different from the example."""
        operation = self.contract.by_id[id]
        content = encoded({**operation.example, **body}) if body is not None else encoded(operation.example)
        answer = self.wire.ask(operation.method, operation.target(**values) + query, content)
        self.contract.check(operation, answer)
        return answer.status, answer.json if "json" in answer.headers["content-type"] else answer.body

    def error_of(self, method, target, body=None, wire=None, **options):
        """(status, code)"""
        answer = (wire or self.wire).ask(method, target, body, **options)
        assert answer.status >= 400, f"{method} {target}: {answer.status}"
        return answer.status, self.contract.is_error(answer)

    def reader(self, **headers):
        return Reader(self.host, API_PORT, {"Authorization": f"Bearer {self.token}", **headers})


def encoded(value):
    return json.dumps(value).encode() if value is not None else None


@pytest.fixture(scope="module")
def hosts(module_lab):
    server, relay, ana, ben = (module_lab.public(name) for name in ("server", "relay", "ana", "ben"))
    start_party(server, relay, ana, ben)
    return ana, ben


@pytest.fixture(scope="module")
def ana(hosts):
    return Asked(hosts[0])


@pytest.fixture(scope="module")
def ben(hosts, ana):
    return Asked(hosts[1], ana.contract)


@pytest.fixture
def party(ana, ben):
    """Both are in one, made anew where a story has ended it, and ana's machine runs a game server."""
    for member in (ana, ben):
        member.call("connect")
    if not ana.call("listPeers")[1]:
        for member in (ana, ben):
            if member.call("getStatus")[1]["party"]:
                member.call("leaveParty")
        invite = ana.call("createParty")[1]
        assert ben.call("joinParty", {"code": invite["code"]})[0] == 200
    together(ana.host, ben.host)
    assert ana.call("registerServer")[0] == 201
    return ana, ben


# ---- what is described is what is answered

# Beyond what the fixture has asked: who is asked, for what, what is different from the example, the answer's status.
ORDER = [
    *[("ana", id, {}, 200) for id in (
        "getStatus", "getNetwork", "getNetcheck", "runNetcheck", "checkLan", "listPeers", "explainPeer", "pingPeer",
        "getSystem", "getSystemHistory", "getLanCounters", "listPeerMetrics", "getPeerMetrics", "listServers",
        "getServer", "keepServer", "setPlayers", "addFavourite", "removeFavourite", "getSettings", "changeSettings",
        "getSetting", "getLogs", "getServiceLog", "disconnect", "getNetwork", "listPeers", "connect", "getPrometheus",
        "getPeerHistory", "getQuality", "getSummary", "exportSettings", "importSettings", "saveConfiguration",
        "listConfigurations", "useConfiguration", "forgetConfiguration", "getDiscord", "getDiscordSteps", "setWebhook",
        "hasWebhook", "setDiscordInvite", "getDiscordInvite", "resetSettings", "removeWebhook", "removeDiscordInvite")],
    ("ana", "testDiscord", {}, 409),
    ("ana", "getSetting", {"query": "?describe=1"}, 200),
    ("ana", "useConfiguration", {"configuration": "nosuch"}, 404),
    ("ana", "startSession", {}, 201),
    *[("ana", id, {}, 200) for id in ("listSessions", "getSession", "endSession")],
    ("ana", "getSystemHistory", {"query": "?from=1&to=4102444800&points=10"}, 200),
    ("ana", "getSettings", {"query": "?describe=1"}, 200),
    ("ana", "listServers", {"query": "?game=quake3&search=arena&tag=ffa&hide_full=1&hide_empty=true"}, 200),
    ("ana", "listServers", {"query": "?sort=latency&limit=1&offset=0"}, 200),
    *[("ana", id, {}, 200) for id in ("countServers", "addFavourite", "listFavourites", "listGames", "joinServer")],
    ("ana", "measureServer", {}, 409),
    ("ana", "makeInvite", {}, 201),
    ("ana", "revokeInvite", {"body": {"code": "the invite's"}}, 200),
    ("ana", "revokeInvite", {}, 404),
    ("ana", "createParty", {}, 409),
    ("ana", "joinParty", {}, 409),
    ("ana", "makeLogin", {}, 201),
    ("ben", "listServers", {}, 200),
    ("ben", "joinServer", {"server": "ana's"}, 200),
    ("ben", "measureServer", {"server": "ana's"}, 200),
    ("ben", "makeInvite", {}, 403),
    ("ana", "removeServer", {}, 200),
    ("ana", "getServer", {}, 404),
    ("ana", "kickMember", {}, 200),
    ("ana", "pingPeer", {}, 404),
    ("ana", "listPeerMetrics", {}, 200),
    ("ana", "leaveParty", {}, 200),
    ("ana", "explainPeer", {}, 200),
    ("ana", "restartService", {"service": "metrics"}, 202),
]


def shared(ben):
    """What ana's game server goes by at ben's machine."""
    return wait_until(lambda: ben.call("listServers")[1], 20, "ben sees it")[0]["id"]


def test_every_example_is_answered_as_described(party):
    ana, ben = party
    contract = ana.contract
    live = ana.reader()
    event = live.message()
    contract.fits({"$ref": "#/components/schemas/EventSnapshot"}, event)
    assert event["state"]["peers"] and event["state"]["servers"]
    code = None
    for who, id, options, expected in ORDER:
        if (options.get("body") or {}).get("code"):
            options = {"body": {"code": code}}
        if "server" in options:
            options = {"server": shared(ben)}
        status, answer = {"ana": ana, "ben": ben}[who].call(id, **options)
        assert status == expected, (who, id, answer)
        code = answer["code"] if id == "makeInvite" and status == 201 else code
        if id == "listPeers":
            assert answer, "there is ben"
    asked = {id for _, id, _, _ in ORDER} | {"registerServer", "readEvents"}
    assert asked == set(contract.by_id)
    deltas = 0
    while deltas < 5 or live.state["status"]["party"]:
        event = live.message()
        contract.fits({"$ref": "#/components/schemas/EventDelta"}, event)
        deltas += 1
    contract.fits({"$ref": "#/components/schemas/EventState"}, live.state)
    live.close()
    wait_until(lambda: ana.call("getStatus")[1]["services"]["metrics"]["state"] == "running", 20, "metrics is back")


def test_every_refusal_is_an_error_as_described(party):
    ana, _ = party
    for operation in ana.contract.operations:
        example = encoded(operation.example)
        if operation.id == "readEvents":
            assert ana.error_of("GET", operation.target()) == (426, "not_websocket")
            continue
        others = [method.upper() for method in METHODS if not ana.contract.find(method.upper(), operation.target())]
        assert ana.error_of(others[0], operation.target()) == (405, "method_not_allowed")
        assert ana.error_of(operation.method, operation.target() + "?nosuch=1", example) == (400, "bad_value")
        assert ana.error_of(operation.method, operation.target() + "/%00", example) == (400, "bad_request")
        assert ana.error_of(operation.method, operation.target(), b'{"nosuch field": {}}')[0] == 400
        assert ana.error_of(operation.method, operation.target(), b'{"name"') == (400, "bad_value")
        plain = {"Content-Type": "text/plain"}
        assert ana.error_of(operation.method, operation.target(), b"x=1", headers=plain) == (415, "not_json")
        for name in (operation.body or {}).get("required", []):
            rest = {key: value for key, value in operation.example.items() if key != name}
            assert ana.error_of(operation.method, operation.target(), encoded(rest)) == (400, "bad_value")


def test_numbers_are_taken_up_to_their_bounds(party):
    ana, _ = party
    for operation in ana.contract.operations:
        for parameter in operation.query:
            name, schema = parameter["name"], parameter["schema"]
            if schema["type"] != "integer":
                continue
            later = f"to={schema['maximum']}&" if name == "from" else ""
            target = f"{operation.target()}?{later}{name}="
            for number in (schema["minimum"], schema["maximum"]):
                answer = ana.wire.ask(operation.method, f"{target}{number}")
                assert answer.status == 200, (target, number, answer.body)
                ana.contract.check(operation, answer)
            for number in (schema["minimum"] - 1, schema["maximum"] + 1):
                assert ana.error_of(operation.method, f"{target}{number}") == (400, "bad_value")


def test_what_is_in_a_name_is_no_hint(ana):
    for method, target, body in (("PATCH", "/api/v1/settings", b'{"a; b": null}'),
                                 ("GET", "/api/v1/settings/a;%20b", None), ("POST", "/api/v1/up", b'{"a; b": 1}'),
                                 ("GET", "/api/v1/status?a;%20b=1", None), ("POST", "/api/v1/peers/a;%20b/ping", None)):
        answer = ana.wire.ask(method, target, body)
        ana.contract.is_error(answer)
        assert answer.json["error"]["message"].startswith("a, b: "), answer.json


def test_what_is_no_proper_request_is_refused(ana):
    """WebSockets begin with GET (RFC 6455, 4.1); two lengths are none (RFC 9112, 6.3)."""
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    for method in ("POST", "DELETE", "HEAD"):
        answer = ana.wire.ask(method, "/api/v1/events", headers=upgrade)
        assert answer.status == 405 and answer.headers["allow"] == "GET", method
    assert ana.error_of("POST", "/api/v1/login", b"{}", headers={"content-length": "3"}) == (400, "bad_request")
    assert ana.error_of("POST", "/api/v1/login", b"{}", headers={"Content-Length": "-1"})[0] == 411


# ---- who is answered

def patient(ask):
    """Strangers are told to wait when they ask too often."""
    while (answer := ask()) == (429, "too_many_requests"):
        time.sleep(0.3)
    return answer


def test_nothing_is_answered_without_the_token(ana):
    for path in ana.contract.raw["paths"]:
        target = next(operation for operation in ana.contract.operations if operation.path == path).target()
        for method in METHODS:
            method = method.upper()
            for wire in (ana.stranger, Wire(ana.host, API_PORT, {"X-LANrage-Token": ana.token[:-1] + "x"})):
                status, code = patient(lambda: ana.error_of(method, target, wire=wire))
                assert (status, code) in ((401, "no_token"), (401, "wrong_token")), (method, target)
            assert ana.error_of(method, target, host="lanrage.example") == (403, "foreign_host")
            foreign = {"Origin": "http://lanrage.example"}
            assert ana.error_of(method, target, headers=foreign) == (403, "foreign_origin")
    for target in ("/api", "/api/v1", "/api/v1/", "/token", "/api/openapi.yaml", "/api/openapi.json/x", "//"):
        assert patient(lambda: ana.error_of("GET", target, wire=ana.stranger))[0] in (400, 401), target


def test_a_scraper_reads_the_metrics_and_nothing_else(ana):
    with open(f"{ana.host.run_dir}/scrape-token") as file:
        scraper = Wire(ana.host, API_PORT, {"Authorization": f"Bearer {file.read().strip()}"})
    answer = scraper.ask("GET", "/metrics")
    assert answer.status == 200
    ana.contract.check(ana.contract.by_id["getPrometheus"], answer)
    for operation in ana.contract.operations:
        if operation.path != "/metrics":
            assert patient(lambda: ana.error_of(operation.method, operation.target(), wire=scraper))[0] == 401


def test_static_files_are_for_everybody_of_this_machine(ana):
    for target in STATIC:
        assert ana.stranger.ask("GET", target).status == 200
        assert ana.error_of("GET", target, host="lanrage.example", wire=ana.stranger)[0] == 403
        assert ana.error_of("DELETE", target, wire=ana.stranger)[0] == 405


def test_live_events_are_for_who_has_the_token(ana):
    def refusal(headers):
        with pytest.raises(Refused) as refused:
            ana.reader(**headers)
        ana.contract.fits({"$ref": "#/components/schemas/Error"}, refused.value.answer)
        return refused.value.status, refused.value.answer["error"]["code"]
    for headers, expected in (({"Authorization": "Bearer x"}, (401, "wrong_token")),
                              ({"Host": "lanrage.example"}, (403, "foreign_host")),
                              ({"Origin": "http://lanrage.example"}, (403, "foreign_origin"))):
        assert patient(lambda: refusal(headers)) == expected
    with contextlib.closing(ana.reader()) as reader:
        assert reader.message()["type"] == "snapshot"


# ---- whatever is asked

# Only what is refused: the one would look like a crash, the other is no plain request.
NEVER = {"restartService", "readEvents"}
# The same until the last tenth, as without a party there is little to see.
LATE = {"leaveParty", "kickMember"}
# Slow, or in the way of the others.
SELDOM = {"getNetcheck": 0.06, "runNetcheck": 0.06, "checkLan": 0.06, "pingPeer": 0.3, "getLogs": 0.3,
          "getServiceLog": 0.5, "disconnect": 0.1, "measureServer": 0.5, "testDiscord": 0.06}
# May be refused each time.
UNLIKELY = {"createParty", "joinParty", "revokeInvite", *LATE, *NEVER, *SELDOM}
# Wrong for certain.
REFUSED = {"refused", "twice", "oversize"}
REFUSALS = {400, 401, 403, 404, 405, 408, 409, 411, 413, 414, 415, 426}
# Codes with which the suite may say that it is not able to, where nothing is broken.
UNABLE = {
    503: {"server_away": "after `down` or another server_url", "not_ready": "the party is being left or joined"},
    504: {"no_answer": "a ping while the others disconnect or leave", "timeout": "the server was not told of in time"},
    501: {"bad_request": "a method that HTTP does not have"},
}


class Fuzz:
    def __init__(self, ana):
        self.ana, self.contract = ana, ana.contract
        self.seen = collections.Counter()    # (operation's id, "good" or "refused")
        self.statuses = collections.Counter()
        self.failures, self.asked, self.lock = [], 0, threading.Lock()
        settings = ana.call("getSettings")[1]
        del settings["server_url"], settings["up"], settings["discord.webhook"]    # that is a secret
        peer = ana.call("listPeers")[1][0]
        self.known = {
            "peer": ["ben", peer["id"], "nobody"], "server": ["arena", "nosuch"], "service": ["control", "api", "nat"],
            "key": list(settings), "settings": {**settings, "peer_name": "ana", "doubling": "on", "lan.mdns": "x"},
            "member": ["nobody", "ana"], "id": ["arena", "pub"], "game": ["quake3"], "tag": ["ffa"],
            "describe": ["1"], "session": ["1", "2", "99"], "configuration": ["evening", "nosuch"],
            "keys": ["doubling", "peer_name"], "invite": ["https://discord.gg/abcDEF12"], "from": ["1"],
            "format": ["lanrage-settings"]}
        weights = {operation: SELDOM.get(operation.id, 1) for operation in self.contract.operations}
        self.operations, self.weights = list(weights), list(weights.values())

    def choose(self, maker, late):
        """The next request."""
        operation, = maker.random.choices(self.operations, self.weights)
        kind = maker.random.random()
        if operation.id in NEVER or (operation.id in LATE and not late):
            return maker.refused(operation)
        if kind < 0.002:
            return maker.oversize(operation)
        return maker.good(operation) if kind < 0.35 else maker.wrong(operation)

    def judge(self, request, answer):
        """Raises where the answer is none that the description has."""
        status = answer.status
        if answer.headers.get("content-type", "").startswith("text/") or request.method == "HEAD":
            assert status in (200, 201, 202) or status in REFUSALS or status in UNABLE, status
            return
        operation = self.contract.find(request.method, request.target.split("?")[0].split("#")[0])
        if status < 400 and operation:
            self.contract.check(operation, answer)
            self.contract.allows(operation, request.target, request.body)
            return
        assert status >= 400 or request.target.split("?")[0] in STATIC, f"{status} for what is not described"
        code = self.contract.is_error(answer)
        assert status in REFUSALS or code in UNABLE.get(status, ()), f"{status} {code}: {answer.json}"

    def ask(self, wire, request):
        answer = wire.ask(request.method, request.target, request.body, request.headers)
        while answer.status == 429:
            time.sleep(0.2)
            answer = wire.ask(request.method, request.target, request.body, request.headers)
        self.judge(request, answer)
        assert answer.status >= 400 or request.why not in REFUSED
        with self.lock:
            self.seen[request.operation.id, "good" if answer.status < 400 else "refused"] += 1
            self.statuses[code_of(answer)] += 1

    def run_one(self, number, requests, late):
        wire, maker = self.ana.new_wire(), Maker(random.Random(f"{SEED} {number} {late}"), self.known,
                                            self.contract)
        for _ in range(requests):
            request = self.choose(maker, late)
            try:
                self.ask(wire, request)
            except (AssertionError, ValueError, OSError, EOFError) as error:
                self.failures.append(f"{request}: {type(error).__name__} {error}")
                wire.close()
                if len(self.failures) > 20:
                    break
        wire.close()

    def run(self, requests, late=False):
        threads = [threading.Thread(target=self.run_one, args=(number, requests // THREADS, late))
                   for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not self.failures, f"seed {SEED}\n" + "\n".join(self.failures)


def code_of(answer):
    """The status, with the error's code where the suite was not able."""
    return f"{answer.status} {answer.json['error']['code']}" if answer.status >= 500 else answer.status


def resident_kib(pid):
    with open(f"/proc/{pid}/status") as file:
        return int(next(line for line in file if line.startswith("VmRSS")).split()[1])


def test_whatever_is_asked_the_answer_is_described(party):
    ana, _ = party
    print(f"seed {SEED}")
    fuzz = Fuzz(ana)
    fuzz.run(REQUESTS // 10)
    services = ana.call("getStatus")[1]["services"]
    before = {name: resident_kib(service["pid"]) for name, service in services.items()}
    fuzz.run(REQUESTS * 8 // 10)
    grown = {name: resident_kib(service["pid"]) - before[name] for name, service in services.items()}
    fuzz.run(REQUESTS // 10, late=True)
    now = ana.call("getStatus")[1]["services"]
    for name, service in now.items():
        assert (service["pid"], service["state"]) == (services[name]["pid"], "running"), name
    print(dict(fuzz.statuses), grown)
    assert max(grown.values()) < GROWTH_KIB, grown
    for operation in fuzz.operations:    # it was no wall of refusals
        assert fuzz.seen[operation.id, "good"] or operation.id in UNLIKELY, operation.id
        assert fuzz.seen[operation.id, "refused"] or operation.id in SELDOM, operation.id
