"""The API and the command line of one machine that has no server: the real lanraged with all its services.

    a  (public address, no server, no relay, nobody else)
       lanraged -> dataplane nat control metrics browser api
       lanrage (CLI) and this test's own HTTP client -> 127.0.0.1:8666

First who gets in, then what is refused and with which words, then status while services are killed and stopped.
"""
import contextlib
import http.client
import json
import os
import re
import signal
import time

import pytest
from lab.programs import wait_until
from party import words

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

PORT = 8666
SERVICES = ["dataplane", "nat", "control", "metrics", "browser", "api"]
SOURCES = ["dataplane", "nat", "control", "metrics", "browser"]
PAGE = {"/": "text/html", "/app.js": "text/javascript", "/style.css": "text/css", "/icon.svg": "image/svg+xml"}


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.bytes = response.read()

    @property
    def json(self):
        return json.loads(self.bytes)

    @property
    def error(self):
        """(code, message); both are always there and nothing else is."""
        assert self.headers["Content-Type"] == "application/json"
        assert set(self.json) == {"error"} and set(self.json["error"]) == {"code", "message", "hint"}
        return self.json["error"]["code"], words(self.json["error"])


class Machine:
    """The host, asked over HTTP from inside its namespace."""

    def __init__(self, host):
        self.host = host
        host.start_lanraged()
        with open(f"{host.run_dir}/token") as file:
            self.token = file.read().strip()

    def ask(self, method, path, body=None, token=True, timeout=20, **headers):
        """body: a value for JSON, or bytes as they are. headers: Host=…, Content_Type=…"""
        all_headers = {"Authorization": f"Bearer {self.token}"} if token else {}
        if body is not None:
            all_headers["Content-Type"] = "application/json"
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
        all_headers.update({key.replace("_", "-"): value for key, value in headers.items()})
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=timeout)
        with self.host.netns.inside():
            connection.connect()
        with contextlib.closing(connection):
            connection.request(method, path, body=body, headers=all_headers)
            return Answer(connection.getresponse())

    def get(self, path, **options):
        answer = self.ask("GET", f"/api/v1/{path}", **options)
        assert answer.status == 200, answer.bytes
        return answer.json

    def post(self, path, body=None, **options):
        return self.ask("POST", f"/api/v1/{path}", body, **options)

    def cli(self, *words, timeout=30):
        return self.host.run([self.host._binary("lanrage"), "--run", self.host.run_dir, *words], check=False,
                             timeout=timeout)

    def services(self):
        return self.get("status")["services"]


@pytest.fixture(scope="module")
def machine(module_lab):
    return Machine(module_lab.public("a"))


# ---- who gets in

def test_the_page_needs_no_token_and_allows_nothing_foreign(machine):
    for path, kind in PAGE.items():
        answer = machine.ask("GET", path, token=False)
        assert answer.status == 200 and answer.headers["Content-Type"].startswith(kind)
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "Access-Control-Allow-Origin" not in answer.headers
    page = machine.ask("GET", "/", token=False).bytes.decode()
    assert not re.search(r"style=|<style|<script>| on\w+=", page)


def test_without_the_token_nobody_gets_in(machine):
    for headers in ({}, {"Authorization": "Bearer " + "0" * 64}, {"X_LANrage_Token": "x"},
                    {"Authorization": "Basic " + machine.token}):
        answer = machine.ask("GET", "/api/v1/status", token=False, **headers)
        assert answer.status == 401 and answer.error[0] in ("no_token", "wrong_token")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    # An unknown path tells a stranger nothing.
    assert machine.ask("GET", "/api/v1/nothing", token=False).status == 401
    assert machine.ask("GET", "/api/v1/status", token=False, X_LANrage_Token=machine.token).status == 200


def test_foreign_names_and_pages_are_refused(machine):
    for host in ("evil.example", f"evil.example:{PORT}", "127.0.0.1:1", f"{machine.host.addr4}:{PORT}"):
        for path in ("/api/v1/status", "/"):
            answer = machine.ask("GET", path, Host=host)
            assert (answer.status, answer.error[0]) == (403, "foreign_host")
    for origin in ("http://evil.example", "null", f"https://127.0.0.1:{PORT}"):
        answer = machine.ask("GET", "/api/v1/status", Origin=origin)
        assert (answer.status, answer.error[0]) == (403, "foreign_origin")
    for name in ("localhost", "127.0.0.1"):
        assert machine.ask("GET", "/api/v1/status", Host=f"{name}:{PORT}", Origin=f"http://{name}:{PORT}").status == 200


def test_only_loopback_listens(machine):
    with machine.host.netns.inside(), pytest.raises(OSError):
        http.client.HTTPConnection(machine.host.addr4, PORT, timeout=2).connect()


# ---- what is refused

def test_unknown_paths_and_wrong_methods(machine):
    assert machine.ask("GET", "/api/v1/nothing").error[0] == "not_found"
    for path in ("/etc/passwd", "/../../etc/passwd", "/%2e%2e/token", "/app.js/../../token", "/index.php"):
        assert machine.ask("GET", path).status in (400, 404)
    for method in ("DELETE", "PUT", "OPTIONS"):
        answer = machine.ask(method, "/api/v1/settings")
        assert answer.status == 405, method
    assert machine.ask("POST", "/api/v1/settings").headers["Allow"] == "GET, PATCH"
    assert machine.ask("POST", "/").status == 405
    head = machine.ask("HEAD", "/api/v1/status")
    assert head.status == 200 and head.bytes == b"" and int(head.headers["Content-Length"]) > 100
    answer = machine.ask("GET", "/api/v1/peers?colour=1")
    assert answer.status == 400 and "colour" in answer.error[1]


@pytest.mark.parametrize("path, body, words", [
    ("party", b"{", "line 1, column 1"),
    ("party", b"[1]", "object"),
    ("party", b'{"name": "x", "name": "y"}', "JSON"),
    ("party", b"[" * 1000, "nested"),
    ("party", {}, "name"),
    ("party", {"name": 5}, "name"),
    ("party", {"name": "x" * 64}, "name"),
    ("party", {"name": "x\x1b[31m"}, "name"),
    ("party", {"name": "x", "colour": "red"}, "colour"),
    ("party", {"name": "x", "local": "yes"}, "local"),
    ("party/join", {}, "code"),
    ("party/invite", {"ttl_s": -1}, "ttl_s"),
    ("party/leave", {"now": True}, "now"),
    ("servers", {"name": "x", "game": "y", "address": "nowhere"}, "address"),
])
def test_malformed_bodies_are_named(machine, path, body, words):
    answer = machine.post(path, body)
    assert answer.status == 400 and words in answer.error[1], answer.error


def test_too_much_and_the_wrong_kind(machine):
    big = json.dumps({"name": "x" * 70000}).encode()
    assert machine.post("party", big).error[0] == "too_large"
    assert machine.post("party", big).status == 413
    assert machine.post("party", b"x" * 500_000).status == 413
    assert machine.post("party", b'{"name": "x"}', Content_Type="text/plain").status == 415
    assert machine.post("party", b'{"name": "x"}', Content_Type="application/x-www-form-urlencoded").status == 415


def test_idle_connections_do_not_hold_the_others_up(machine):
    with contextlib.ExitStack() as stack:
        for _ in range(7):
            connection = machine.host.socket(kind=1)
            stack.callback(connection.close)
            connection.connect(("127.0.0.1", PORT))
            connection.sendall(b"POST /api/v1/party HTTP/1.1\r\n")
        begun = time.monotonic()
        assert machine.get("status")
        assert time.monotonic() - begun < 5


# ---- what is said

def test_status_has_its_shape(machine):
    status = machine.get("status")
    assert set(status) == {"party", "self", "server", "relay", "nat", "engine", "services"}
    assert status["party"] is None and status["relay"] is None
    assert set(status["self"]) == {"name", "id", "virtual_ip", "interface"}
    assert re.fullmatch("[0-9a-f]{16}", status["self"]["id"])
    assert status["self"]["virtual_ip"] is None and status["self"]["interface"] == "lanrage0"
    assert status["server"] == {"url": None, "state": "none"}
    assert set(status["nat"]) == {"mapping", "filtering", "public"}
    assert set(status["engine"]) == {"cipher", "cipher_ns", "offloads"}
    assert set(status["engine"]["offloads"]) == {"tso", "uso", "gso", "gro"}
    assert list(status["services"]) == SERVICES
    with open(f"{machine.host.run_dir}/services.json") as file:
        told = json.load(file)["services"]
    for name, service in status["services"].items():
        assert set(service) == {"state", "pid", "restarts", "uptime_s"}
        assert service["state"] == "running" and service["pid"] == told[name]["pid"]
        assert service["restarts"] == 0 and 0 <= service["uptime_s"] < 600
    assert machine.get("peers") == []


def test_settings_round_trip(machine):
    before = machine.get("settings")
    answer = machine.ask("PATCH", "/api/v1/settings", {"peer_name": "kira \u65e5\u672c", "invite_ttl": "2h"})
    assert answer.status == 200 and answer.json["changed"]["peer_name"] == "kira \u65e5\u672c"
    assert machine.get("settings/peer_name") == {"peer_name": "kira \u65e5\u672c"}
    assert machine.get("status")["self"]["name"] == "kira \u65e5\u672c"
    assert {item["key"] for item in machine.get("settings?describe=1")} == set(before)
    for wrong in ({"up": "maybe"}, {"up": 1}, {"peer_name": True}, {"server_url": "http://x"}, {"peer_name": "\u202ex"}):
        answer = machine.ask("PATCH", "/api/v1/settings", wrong)
        assert answer.status == 400 and next(iter(wrong)) in answer.error[1], answer.error
    assert machine.ask("PATCH", "/api/v1/settings", {"colour": "red"}).status == 404
    # Empty goes back to the default.
    assert machine.ask("PATCH", "/api/v1/settings", {"peer_name": "", "invite_ttl": None}).status == 200
    assert machine.get("settings") == before


def test_where_there_is_no_party_create_and_join_say_so(machine):
    for url, status in (("ws://127.0.0.1:9", 503), ("", 404)):
        assert machine.ask("PATCH", "/api/v1/settings", {"server_url": url}).status == 200
        for path, body in (("party", {"name": "lan"}), ("party/join", {"code": "KQ7M-3ZT9-HX2F"}))[not url:]:
            begun = time.monotonic()
            answer = machine.post(path, body)
            assert answer.status == status and "server" in answer.error[1], answer.error
            assert time.monotonic() - begun < 11
    assert machine.post("party/join", {"code": "nonsense"}).status == 400
    assert machine.post("party/leave").status == 404
    assert machine.post("party/invite", {}).status == 404
    assert machine.get("status")["party"] is None


def test_game_servers(machine):
    server = {"id": "s1", "name": "arena", "game": "quake3", "address": "10.66.0.2:27960", "tags": ["ffa"]}
    made = machine.post("servers", server)
    assert made.status == 201 and made.json["id"] == "s1"
    assert [item["name"] for item in machine.get("servers?game=quake3")] == ["arena"]
    assert machine.get("servers?game=other") == []
    assert machine.ask("DELETE", "/api/v1/servers/s1").status == 200
    assert machine.ask("DELETE", "/api/v1/servers/s1").status == 404


def test_system_and_logs(machine):
    system = wait_until(lambda: machine.ask("GET", "/api/v1/metrics/system").status == 200
                        and machine.get("metrics/system"), 5, "a sample")
    assert system["memory_total_bytes"] > system["memory_available_bytes"] > 0
    assert "lo" in {item["name"] for item in system["interfaces"]}
    logs = machine.get("logs/control?lines=1")
    assert logs["service"] == "control" and len(logs["lines"]) <= 1
    merged = machine.get("logs")["lines"]
    stamps = [line.split()[0].replace("Z", "") for line in merged if re.match(r"\d{4}-", line)]
    assert stamps == sorted(stamps)
    assert machine.token not in "\n".join(merged)
    assert machine.ask("GET", "/api/v1/logs/..%2Ftoken").status == 404
    assert machine.ask("GET", "/api/v1/logs/nat?lines=-1").status == 400


def test_ping_of_nobody(machine):
    assert machine.post("peers/nobody/ping").status == 404
    own = machine.get("status")["self"]["id"]
    assert machine.post(f"peers/{own}/ping").status in (400, 404)


# ---- the command line

def test_cli_prints_what_the_api_says(machine):
    def steady(status):
        return {key: value for key, value in status.items() if key != "services"}
    assert steady(json.loads(machine.cli("status", "--json").stdout)) == steady(machine.get("status"))
    assert json.loads(machine.cli("--json", "peers").stdout) == []
    assert json.loads(machine.cli("party", "list", "--json").stdout) == []
    assert json.loads(machine.cli("settings", "--json").stdout) == machine.get("settings")
    assert json.loads(machine.cli("settings", "up", "--json").stdout) == {"up": "on"}
    text = machine.cli("status").stdout
    for name in SERVICES:
        assert re.search(rf"^{name} +running", text, re.M)


def test_cli_exit_codes_and_words(machine):
    assert machine.cli("settings", "server_url", "ws://127.0.0.1:9").returncode == 0
    done = machine.cli("party", "create", "lan")
    assert done.returncode == 1 and done.stdout == "" and "server" in done.stderr
    assert machine.cli("settings", "server_url", "").returncode == 0
    for words in (["leave"], ["invite"], ["kick", "lee"], ["settings", "up", "maybe"], ["ping", "nobody"], ["settings", "nothing"]):
        done = machine.cli(*words)
        assert done.returncode == 1 and done.stdout == "" and done.stderr.startswith("lanrage: "), words
    for words in ([], ["bogus"], ["party"], ["join"], ["status", "now"], ["status", "--once"], ["kick"],
                  ["invite", "--ttl", "soon"]):
        done = machine.cli(*words)
        assert done.returncode == 2 and "usage: lanrage" in done.stderr and done.stdout == "", words
    assert machine.cli("--help").returncode == 0
    assert machine.cli("settings", "peer_name", "lee").stdout == "lee\n"
    assert re.search("^value +lee$", machine.cli("settings", "peer_name").stdout, re.M)
    assert machine.cli("settings", "peer_name", "").returncode == 0
    assert machine.cli("down").returncode == 0 and machine.get("settings")["up"] == "off"
    assert machine.cli("up").returncode == 0 and machine.get("settings")["up"] == "on"


def test_cli_ui_and_logs(machine):
    url = machine.cli("ui").stdout.strip()
    assert re.fullmatch(f"http://127.0.0.1:{PORT}/login/[0-9a-f]{{32}}", url)
    assert "service control" in machine.cli("logs", "control").stdout
    assert machine.cli("logs", "bogus").returncode == 1
    assert json.loads(machine.cli("logs", "--json", "-n", "3").stdout)["lines"]


def test_doctor_names_the_server_that_is_away(machine):
    done = machine.cli("doctor")
    assert done.returncode == 0 and "lanrage settings server_url" in done.stdout
    assert machine.cli("settings", "server_url", "ws://127.0.0.1:9").returncode == 0
    wait_until(lambda: machine.get("status")["server"]["state"] == "away", 10, "the server is away")
    done = machine.cli("doctor")
    assert done.returncode == 1
    assert re.search(r"^problem +server +ws://127.0.0.1:9 does not answer", done.stdout, re.M)
    problems = [check["name"] for check in json.loads(machine.cli("doctor", "--json").stdout)["checks"]
                if not check["ok"]]
    assert problems == ["server"]
    assert machine.cli("settings", "server_url", "").returncode == 0


def test_cli_where_nothing_runs(machine):
    begun = time.monotonic()
    done = machine.host.run([machine.host._binary("lanrage"), "--run", "/nowhere", "status"], check=False)
    assert done.returncode == 1 and "not running" in done.stderr and time.monotonic() - begun < 5
    done = machine.host.run([machine.host._binary("lanrage"), "--run", "/nowhere", "doctor"], check=False)
    assert done.returncode == 1 and re.search("^problem +launcher", done.stdout, re.M)


# ---- when services die

@pytest.mark.parametrize("name", SOURCES)
def test_a_killed_service_is_counted(machine, name):
    before = machine.services()[name]
    os.kill(before["pid"], signal.SIGKILL)
    now = machine.services()  # at once: an answer, whatever it says of this one
    assert now["api"]["state"] == "running"
    back = wait_until(lambda: (s := machine.services()[name])["state"] == "running" and s, 10, f"{name} is back")
    assert back["restarts"] == before["restarts"] + 1 and back["pid"] != before["pid"]


def test_a_killed_api_comes_back(machine):
    before = machine.services()["api"]
    os.kill(before["pid"], signal.SIGKILL)

    def back():
        with contextlib.suppress(OSError, http.client.HTTPException, AssertionError):
            return machine.services()["api"]["restarts"] == before["restarts"] + 1
    wait_until(back, 10, "the API is back")


@pytest.mark.parametrize("stopped", [[name] for name in SOURCES] + [SOURCES], ids="+".join)
def test_status_answers_while_others_are_stopped(machine, stopped):
    pids = {name: machine.services()[name]["pid"] for name in stopped}
    try:
        for pid in pids.values():
            os.kill(pid, signal.SIGSTOP)
        begun = time.monotonic()
        status = machine.get("status")
        assert time.monotonic() - begun < 5
        for name in SOURCES:
            assert status["services"][name]["state"] == ("silent" if name in stopped else "running"), name
        if "control" in stopped:
            assert status["self"]["id"] is None
            answer = machine.post("party", {"name": "lan"}, timeout=5)
            assert answer.status == 504 and "lanrage-control does not answer" in answer.error[1]
            assert machine.ask("GET", "/api/v1/peers").status == 504
        assert machine.cli("status").returncode == 0
        assert re.search(rf"^problem +{stopped[0]} ", machine.cli("doctor").stdout, re.M)
    finally:
        for pid in pids.values():
            os.kill(pid, signal.SIGCONT)
    wait_until(lambda: all(s["state"] == "running" for s in machine.services().values()), 10, "all answer again")


def test_stops_cleanly_while_asked(machine):
    # Last: a slow question is in progress when the suite is stopped.
    machine.host.popen([machine.host._binary("lanrage"), "--run", machine.host.run_dir, "join", "KQ7M-3ZT9-HX2F"],
                       name="join")
    time.sleep(0.2)
    assert machine.host.stop_lanraged() == 0
    done = machine.cli("status")
    assert done.returncode == 1 and "not running" in done.stderr
