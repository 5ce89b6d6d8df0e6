"""Who gets in at the API, by what, and what they may do to each other there.

    server ──┐             ┌── a   its API is asked by its owner, by a browser, by a scraper, and by others
             ├─ internet ──┤
    relay ───┘             └── b   comes to a's party

First the ways in, then those that are closed, then live events, then connections that say nothing.
"""
import contextlib
import http.client
import json
import os
import re
import socket
import time

import pytest
from lab import wait_until
from live_client import Reader, Refused
from party import API_PORT, Member, join, log_of, start_party

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

OWN = f"http://127.0.0.1:{API_PORT}"
READERS = 50    # at once


class Door(Member):
    """An API, asked with any headers over connections of one's own."""

    def __init__(self, host):
        super().__init__(host)
        self.token, self.scrape_token = (self.secret(name) for name in ("token", "scrape-token"))
        self.bearer = {"Authorization": f"Bearer {self.token}"}

    def secret(self, name):
        with open(f"{self.host.run_dir}/{name}") as file:
            return file.read().strip()

    def request(self, method, path, headers, body=None):
        """(status, headers, body as bytes)"""
        connection = http.client.HTTPConnection("127.0.0.1", API_PORT, timeout=20)
        with self.host.netns.inside():
            connection.connect()
        with contextlib.closing(connection):
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            return response.status, response.headers, response.read()

    def status_of(self, method, path, headers, body=None):
        return self.request(method, path, headers, body)[0]

    def connect(self):
        sock = self.host.socket(kind=socket.SOCK_STREAM, timeout=20)
        sock.connect(("127.0.0.1", API_PORT))
        return sock

    def reader(self, headers=None, **options):
        return Reader(self.host, API_PORT, self.bearer if headers is None else headers, **options)


@pytest.fixture(scope="module")
def hosts(module_lab):
    server, relay, a, b = (module_lab.public(name) for name in ("server", "relay", "a", "b"))
    start_party(server, relay, a, b)
    return a, b


@pytest.fixture(scope="module")
def door(hosts):
    return Door(hosts[0])


@pytest.fixture
def cookie(door):
    """A browser's session: the cookie's name and value."""
    link = door.host.lanrage("ui")["url"]
    assert link.startswith(f"{OWN}/login/")
    status, headers, _ = door.request("GET", link[len(OWN):], {})
    assert status == 303 and headers["Location"] == "/"
    return headers["Set-Cookie"].split(";")[0]


# ---- ways in

def test_a_link_opens_the_page_once(door):
    link = door.host.lanrage("ui")["url"][len(OWN):]
    assert door.status_of("HEAD", link, {}) == 401    # who only looks does not use it up
    status, headers, _ = door.request("GET", link, {})
    assert status == 303
    attributes = [part.strip() for part in headers["Set-Cookie"].split(";")[1:]]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(attributes)
    status, headers, body = door.request("GET", link, {})
    assert status == 403 and b"lanrage ui" in body and "Set-Cookie" not in headers
    for wrong in ("/login/", "/login/" + "0" * 32, "/login/../token", "/login/%2e%2e"):
        assert door.status_of("GET", wrong, {}) == 403, wrong
    assert door.status_of("POST", link, {}) == 401


def test_a_session_reads_and_with_our_origin_changes(door, cookie):
    with_cookie = {"Cookie": f"theme=dark; {cookie}"}
    assert door.status_of("GET", "/api/v1/status", with_cookie) == 200
    change = json.dumps({"peer_name": "kira"})
    kind = {"Content-Type": "application/json"}
    assert door.status_of("PATCH", "/api/v1/settings", {**with_cookie, **kind}, change) == 403
    for origin, status in (("http://evil.example", 403), ("null", 403), (OWN, 200)):
        assert door.status_of("PATCH", "/api/v1/settings", {**with_cookie, **kind, "Origin": origin}, change) == status
    assert door.status_of("GET", "/api/v1/status", {"Cookie": cookie[:-1] + "x"}) == 401
    # It outlives the API's process, and ends with the suite's token.
    door.kill("api")
    assert wait_until(lambda: door.status_of("GET", "/api/v1/peers", with_cookie) == 200, 10, "the session is known")


def test_what_is_in_the_cookie_opens_nothing_elsewhere(door, cookie):
    value = cookie.split("=", 1)[1]
    assert door.status_of("GET", "/api/v1/status", {"Authorization": f"Bearer {value}"}) == 401
    assert door.status_of("GET", "/api/v1/status", {"Cookie": f"lanrage_1={value}"}) == 401


def test_guessing_is_answered_with_patience(door):
    """More wrong tokens than anybody mistypes are told to wait; who has the right one is served meanwhile."""
    def guess(i):
        return door.status_of("GET", "/api/v1/status", {"Authorization": f"Bearer {i:064x}"})
    seen = {guess(i) for i in range(200)}
    assert seen <= {401, 429} and 429 in seen
    assert door.status_of("GET", "/api/v1/status", door.bearer) == 200
    status, headers, _ = door.request("GET", "/login/" + "0" * 32, {})
    assert status == 403 or (status == 429 and headers["Retry-After"] == "1") or status == 401
    time.sleep(1)
    assert {guess(i) for i in range(5)} == {401}    # it has calmed down
    time.sleep(1)


def test_the_scrape_token_reads_the_metrics_text_only(door):
    scraper = {"Authorization": f"Bearer {door.scrape_token}"}
    for headers, statuses in ((scraper, [200]), (door.bearer, [200]), ({}, [401, 429])):
        assert door.status_of("GET", "/metrics", headers) in statuses
    _, headers, body = door.request("GET", "/metrics", scraper)
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert b'lanrage_up{service="control"} 1\n' in body
    for method, path in (("GET", "/api/v1/status"), ("POST", "/api/v1/login"), ("POST", "/metrics")):
        assert door.status_of(method, path, scraper) in (401, 429), path


def test_nothing_is_for_everybody(door):
    for path in ("/", "/api/v1/status"):
        _, headers, _ = door.request("GET", path, door.bearer)
        assert not [name for name in headers if name.lower().startswith("access-control")]
        assert "default-src 'self'" in headers["Content-Security-Policy"]


def test_one_service_is_started_again(door):
    before = door.do("GET", "status")["services"]
    status, answer = door.ask("POST", "services/metrics/restart")
    assert (status, answer) == (202, {"service": "metrics"})

    def again():
        now = door.do("GET", "status")["services"]
        return now["metrics"]["pid"] != before["metrics"]["pid"] and now["metrics"]["state"] == "running" and now
    now = wait_until(again, 20, "another process")
    assert all(now[name]["pid"] == before[name]["pid"] for name in before if name != "metrics")
    assert door.ask("POST", "services/init/restart")[0] == 404


# ---- live events

def test_live_events_need_what_changes_need(door, cookie):
    right = {"Cookie": cookie, "Origin": OWN}
    door.reader(right).close()
    for headers, status in (({}, 401), ({"Cookie": cookie}, 403), ({**right, "Origin": "http://evil.example"}, 403),
                            ({**door.bearer, "Origin": "http://evil.example"}, 403),
                            ({**door.bearer, "Host": "evil.example"}, 403),
                            ({"Authorization": f"Bearer {door.scrape_token}"}, 401),
                            ({**door.bearer, "Upgrade": "h2c"}, 426)):
        with pytest.raises(Refused) as refused:
            door.reader(headers)
        assert refused.value.status == status, headers
        assert set(refused.value.answer["error"]) == {"code", "message", "hint"}


def test_readers_see_what_the_gets_say(door, hosts):
    a, b = hosts
    reader = door.reader()
    assert reader.message()["type"] == "snapshot"
    assert reader.state["status"]["party"] is None and reader.state["peers"] == {}
    code = a.lanrage("party", "create", "friday", "--name", "ana")["code"]
    reader.until(lambda state: (state["status"]["party"] or {}).get("name") == "friday")
    join(b, code, "ben")
    reader.until(lambda state: [peer["state"] for peer in state["peers"].values()] == ["connected"])
    door.do("POST", "servers", {"id": "arena", "name": "arena", "game": "quake3", "port": 27960})
    reader.until(lambda state: "arena" in state["servers"])
    door.do("DELETE", "servers/arena")
    reader.until(lambda state: not state["servers"])
    late = door.reader()
    late.message()
    assert late.state["peers"].keys() == {peer["id"] for peer in door.do("GET", "peers")}
    assert set(late.state) == set(reader.state)
    b.lanrage("leave")
    for one in (reader, late):
        one.until(lambda state: not state["peers"])
        one.close()
    a.lanrage("leave")


def test_a_reader_too_many_is_told_so(door):
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(contextlib.closing(door.reader())) for _ in range(READERS)]
        for reader in readers:
            assert reader.message()["type"] == "snapshot"
        with pytest.raises(Refused) as refused:
            door.reader()
        assert refused.value.status == 503
        assert door.status_of("GET", "/api/v1/status", door.bearer) == 200
    # Whoever has gone has left a place.
    wait_until(lambda: _reads(door), 20, "there is room again")


def _reads(door):
    try:
        door.reader().close()
    except Refused:
        return False
    return True


def test_who_does_not_read_is_dropped_and_holds_up_nobody(door):
    """The kernel keeps little for it: 16 KiB here, and there what the window is in the beginning."""
    door.host.run(["sysctl", "-qw", "net.ipv4.tcp_wmem=4096 4096 16384"])
    with contextlib.closing(door.reader()) as deaf, contextlib.closing(door.reader()) as other:
        deaf.message()
        other.message()
        for n in range(400):
            door.do("POST", "servers", {"id": "big", "name": f"{n}", "game": "quake3", "port": 27960,
                                        "tags": [f"{n}-{i}-".ljust(63, "x") for i in range(8)]})
            other.until(lambda state: state["servers"].get("big", {}).get("name") == f"{n}")
            if "too slow" in log_of(door.host, "api"):
                break
        assert n < 399
        with pytest.raises((EOFError, OSError)):
            while True:
                deaf.message()
        door.do("DELETE", "servers/big")
        other.until(lambda state: not state["servers"])


def test_who_talks_to_the_events_is_cut(door):
    reader = door.reader()
    reader.message()
    reader.connection.send(b"hello", 1)
    with pytest.raises((EOFError, OSError)):
        while True:
            reader.message()
    reader.close()


# ---- connections that say nothing

def test_hundreds_that_say_nothing_hold_up_nobody(door):
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(contextlib.closing(door.connect())) for _ in range(500)]
        for sock in idle[::2]:
            with contextlib.suppress(OSError):    # it was cut already
                sock.sendall(b"GET /api/v1/status HTTP/1.1\r\nHost: ")
        begun = time.monotonic()
        for _ in range(20):
            assert door.status_of("GET", "/api/v1/status", door.bearer) == 200
        assert time.monotonic() - begun < 10
        for sock in idle:
            sock.settimeout(15)
            with contextlib.suppress(ConnectionError):
                while sock.recv(4096):    # each is ended, with an answer or without
                    pass


def test_a_body_that_dribbles_is_cut(door):
    sock = door.connect()
    with contextlib.closing(sock):
        sock.sendall((f"POST /api/v1/party HTTP/1.1\r\nHost: 127.0.0.1:{API_PORT}\r\nContent-Length: 1000\r\n"
                      f"Content-Type: application/json\r\nAuthorization: Bearer {door.token}\r\n\r\n").encode())
        begun = time.monotonic()
        with contextlib.suppress(ConnectionError, BrokenPipeError):
            while time.monotonic() - begun < 20:
                sock.sendall(b" ")
                sock.settimeout(0.5)
                with contextlib.suppress(TimeoutError):
                    if not sock.recv(4096):
                        break
        assert time.monotonic() - begun < 15
    assert door.status_of("GET", "/api/v1/status", door.bearer) == 200


def test_a_connection_asks_again(door):
    connection = http.client.HTTPConnection("127.0.0.1", API_PORT, timeout=20)
    with door.host.netns.inside():
        connection.connect()
    with contextlib.closing(connection):
        for _ in range(3):
            connection.request("GET", "/api/v1/status", headers=door.bearer)
            sock = connection.sock
            response = connection.getresponse()
            assert response.status == 200 and json.loads(response.read())
            assert connection.sock is sock


def test_the_log_has_no_secret(door, cookie):
    for name in os.listdir(f"{door.host.run_dir}/logs"):
        with open(f"{door.host.run_dir}/logs/{name}", errors="replace") as file:
            text = file.read()
        assert door.token not in text and door.scrape_token not in text and cookie.split("=", 1)[1] not in text
        assert not re.search(r"/login/[0-9a-f]{32}", text)
