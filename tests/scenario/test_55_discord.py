"""What a Discord channel and a Discord profile are told, whatever Discord does meanwhile.

    server ───┐             ┌── a   its webhook and its desktop's Discord are imitations
    discord ──┼─ internet ──┤
              │             └── b   comes to a's party, and goes

discord is the host that a finds under discord.com, with a certificate of an authority of its own.
"""
import os
import pathlib
import signal
import subprocess
import threading
import time

import pytest
from discord_imitation import CLOSE, FRAME, PING, Desktop, Reply, Webhook, make_certificate
from lab import wait_until
from party import Member, join, log_of

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

SECRET = "jvR7hunter2Q_x-9"
PATH = f"/api/webhooks/123456789012345678/{SECRET}"
WEBHOOK = f"https://discord.com{PATH}"
APP = "1234567890123"
HANG_S = 20
MARKUP = "@everyone `*_[x](https://y.z) "
SMILES = "\U0001f600" * ((63 - len(MARKUP)) // 4)
HOSTILE = MARKUP + SMILES    # as long as a name may be
ESCAPED = r"\@everyone \`\*\_\[x\]\(https\:\/\/y\.z\) " + SMILES


class World:
    def __init__(self, lab, folder):
        self.folder = folder
        server, self.discord = lab.public("server"), lab.public("discord")
        self.hosts = [lab.public(name) for name in "ab"]
        self.a, self.b = (Member(host) for host in self.hosts)
        certificate, key = make_certificate(folder, "discord.com")
        os.environ["SSL_CERT_FILE"] = certificate    # the launcher passes it on
        self.hosts[0].netns.names({"discord.com": self.discord.addr4})
        self.webhook = Webhook(self.discord, PATH, certificate, key)
        self.webhook.start()
        url = server.start_server()
        for host in self.hosts:
            host.start_lanraged(url)

    def close(self):
        self.webhook.stop()
        del os.environ["SSL_CERT_FILE"]

    def set(self, **settings):
        return self.a.do("PATCH", "settings", {key.replace("_", ".", 1): value for key, value in settings.items()})

    def status(self):
        return self.a.do("GET", "discord/status")

    def serve(self, name):
        """Makes news: a game server, and its end is more."""
        self.a.do("POST", "servers", {"id": name, "name": name, "game": "quake3", "port": 27960})

    def begin(self):
        """The channel is told from now on; no server runs yet."""
        self.set(discord_enabled="off")
        for server in self.a.do("GET", "servers"):
            self.a.do("DELETE", f"servers/{server['id']}")
        self.set(discord_enabled="on")
        time.sleep(1.5)       # the first look is no news

    def news(self, name):
        """The same, when the channel was told."""
        self.serve(name)
        return self.webhook.wait_for(f"runs **{name}**")[0]

    def check(self):
        assert not self.webhook.complaints


@pytest.fixture(scope="module")
def world(module_lab):
    folder = pathlib.Path(module_lab.dir, "imitation")    # the services and others read there
    folder.mkdir(0o755)
    made = World(module_lab, folder)
    yield made
    made.close()


def test_off_by_default_and_one_message_to_see_that_it_works(world):
    assert world.status() == {"enabled": False, "webhook_set": False, "invite": None, "presence": False, "app_id": None,
                              "sent": 0, "dropped": 0, "waiting": 0, "last_sent_at": None, "problem": None}
    status, answer = world.a.ask("POST", "discord/test")
    assert status == 409 and "discord.webhook" in answer["error"]["hint"]
    world.a.do("PUT", "discord/webhook", {"webhook": WEBHOOK})
    assert world.a.do("POST", "discord/test") == {"sent": True, "status": 200, "problem": None}
    assert world.webhook.messages.pop().content == "LANrage can write here."
    world.webhook.script = [Reply(404, body=b'{"message": "Unknown Webhook", "code": 10015}')]
    answer = world.a.do("POST", "discord/test")
    assert not answer["sent"] and answer["status"] == 404 and "; make a new one" in answer["problem"]
    world.webhook.messages.clear()
    world.check()


def test_the_channel_hears_of_party_members_servers_and_games(world):
    a, webhook = world.a, world.webhook
    world.begin()
    code = a.do("POST", "party", {"name": HOSTILE, "own_name": "kira"})["code"]
    webhook.wait_for(f"**kira** began the party **{ESCAPED}**.")
    join(world.hosts[1], code, HOSTILE)
    webhook.wait_for(f"**{ESCAPED}** came.")
    a.do("POST", "party/kick", {"member": HOSTILE})
    webhook.wait_for(f"**{ESCAPED}** was removed.")
    session = a.do("POST", "metrics/sessions", {"game": "quake3", "server": "arena"})["id"]
    world.serve("arena")
    webhook.wait_for("**kira** plays **quake3** on **arena**.")
    webhook.wait_for(r"**kira** runs **arena** (quake3): connect to 10\.66\.")
    a.do("POST", f"metrics/sessions/{session}/end")
    a.do("DELETE", "servers/arena")
    webhook.wait_for("**kira** played **quake3** for ")
    webhook.wait_for("**kira** no longer runs **arena**.")
    # What came together is one message, and services that start anew are no news.
    before = len(webhook.lines)
    for service in ("control", "browser"):
        a.kill(service)
    for i in range(5):
        world.serve(f"many{i}")
    webhook.wait_for("**many4**")
    assert sorted(line.split("**")[3] for line in webhook.lines[before:]) == [f"many{i}" for i in range(5)]
    assert len(webhook.messages) < len(webhook.lines)
    wait_until(lambda: world.status()["sent"] == len(webhook.lines), HANG_S, "all are counted")
    state = world.status()
    assert state["dropped"] == state["waiting"] == 0 and state["problem"] is None and state["last_sent_at"]
    world.check()


def test_discord_says_wait_and_has_trouble(world):
    webhook = world.webhook
    webhook.script = [Reply(429, {"Retry-After": "1", "X-RateLimit-Scope": "shared"},
                            b'{"message": "You are being rate limited.", "retry_after": 1.25, "global": false}')]
    world.serve("limited")
    first, second = webhook.wait_for("runs **limited**", 2)
    assert second.at - first.at >= 1.25 and first.content == second.content
    webhook.script = [Reply(500, body=b"<html>"), Reply(503)]
    world.serve("troubled")
    tries = webhook.wait_for("runs **troubled**", 3)
    assert tries[1].at - tries[0].at >= 0.25 and tries[2].at - tries[1].at >= 0.5
    wait_until(lambda: world.status()["problem"] is None, HANG_S, "all is well")
    webhook.script = [Reply(500)] * 3
    world.serve("hopeless")
    webhook.wait_for("runs **hopeless**", 3)
    wait_until(lambda: world.status()["dropped"] == 1, HANG_S, "it is given up")
    assert "status 500" in world.status()["problem"]
    world.news("afterwards")
    world.check()


def test_away_and_slow_hold_up_nothing(world):
    webhook, held = world.webhook, threading.Event()
    webhook.script = [Reply(wait=held)]
    world.news("slow")
    began = time.monotonic()
    for _ in range(20):
        world.a.do("GET", "status")
    assert time.monotonic() - began < HANG_S and not held.is_set()
    world.serve("behind")
    held.set()
    webhook.wait_for("runs **behind**")
    dropped = world.status()["dropped"]
    webhook.stop()
    world.serve("unheard")
    wait_until(lambda: world.status()["dropped"] > dropped, HANG_S, "it is given up")
    assert "not reached" in world.status()["problem"]
    webhook.start()
    world.news("back")
    world.check()


def test_hostile_answers(world):
    webhook = world.webhook
    world.begin()
    elsewhere = {"Location": "https://discord.com/elsewhere"}
    webhook.script = [Reply(200, body=b"x" * (4 << 20)), Reply(302, elsewhere, b""),
                      Reply(raw=b"\0garbage\xff\r\n\r\n"), Reply(raw=b"HTTP/1.1 503 No\r\n" + b"A: b\r\n" * 100000)]
    world.news("much")
    dropped = world.status()["dropped"]
    world.news("elsewhere")
    wait_until(lambda: world.status()["dropped"] == dropped + 1, HANG_S, "no redirect is followed")
    world.serve("garbage")
    webhook.wait_for("runs **garbage**", 3)
    world.news("unharmed")
    world.check()


def test_a_webhook_that_is_gone(world):
    webhook = world.webhook
    webhook.script = [Reply(404, body=b'{"message": "Unknown Webhook", "code": 10015}')]
    world.news("last")
    wait_until(lambda: "make a new one" in (world.status()["problem"] or ""), HANG_S, "it says so")
    heard, dropped = len(webhook.messages), world.status()["dropped"]
    world.serve("lost")
    wait_until(lambda: world.status()["dropped"] > dropped, HANG_S, "it is not kept")
    assert len(webhook.messages) == heard
    world.a.do("PUT", "discord/webhook", {"webhook": WEBHOOK})
    world.news("anew")
    world.set(discord_enabled="off")
    for service in ("api", "control"):
        assert SECRET not in log_of(world.hosts[0], service)
    world.check()


# ---- the profile

@pytest.fixture
def desktop(world):
    made = Desktop(f"{world.folder}/discord-ipc-0", APP)
    made.start()
    yield made
    made.stop()


def presence(world, *words):
    return world.hosts[0].popen(world.hosts[0]._lanrage_command("presence", *words), name="presence",
                                env={**os.environ, "XDG_RUNTIME_DIR": str(world.folder)})


def refusal(world):
    done = subprocess.run(world.hosts[0].netns.command(world.hosts[0]._lanrage_command("presence")),
                          capture_output=True, text=True, timeout=HANG_S)
    assert done.returncode == 1
    return done.stderr


def test_a_profile_shows_the_party(world, desktop):
    assert "lanrage settings discord.app_id" in refusal(world)
    world.set(discord_app_id=APP)
    assert "lanrage settings discord.presence on" in refusal(world)
    world.set(discord_presence="on")
    process = presence(world, "--invite")
    shown = desktop.wait_for(lambda d: d.activities and d.activities[-1], "the party")
    assert shown["details"] == HOSTILE and shown["party"]["size"][0] == 1 and shown["state"] == "Waiting for friends"
    assert shown["party"]["id"] == world.a.do("GET", "status")["party"]["id"]
    link = shown["secrets"]["join"]
    desktop.send(PING, b'{"n": 7}')
    desktop.wait_for(lambda d: d.pongs == [b'{"n": 7}'], "the answer to a ping")
    join(world.hosts[1], link, "lee")
    shown = desktop.wait_for(lambda d: d.activities[-1]["party"]["size"][0] == 2 and d.activities[-1], "both")
    assert shown["state"] == "Playing together" and shown["secrets"]["join"] == link
    world.a.do("POST", "party/kick", {"member": "lee"})     # all codes end with that
    desktop.wait_for(lambda d: d.activities[-1].get("secrets", {}).get("join", link) != link, "another link")
    link = desktop.activities[-1]["secrets"]["join"]
    process.send_signal(signal.SIGTERM)
    desktop.wait_for(lambda d: d.activities[-1] is None, "nothing any more")
    assert process.wait(HANG_S) == 0 and not desktop.complaints
    wait_until(lambda: not world.b.do("GET", "status")["party"], HANG_S, "lee knows")
    status, answer = world.b.ask("POST", "party/join", {"code": link})
    assert status >= 400, answer     # the link went with it


def test_discord_comes_and_goes_and_talks_nonsense(world, desktop):
    process = presence(world)
    shown = desktop.wait_for(lambda d: d.activities and d.activities[-1], "the party")
    assert "secrets" not in shown
    for nonsense in (b"\1\0\0\0\xff\xff\xff\x7f", b"\1\0\0\0\4\0\0\0nope"):
        greetings = desktop.greetings
        desktop.say(nonsense)
        desktop.wait_for(lambda d: d.greetings > greetings, "another greeting")
    greetings = desktop.greetings
    desktop.wait_for(lambda d: len(d.activities) > 1, "the party again")
    for secret in ("lanrage://$(id)/x", "lanrage://192.0.2.1:8667/KQ7M-3ZT9-HX2F"):
        desktop.send(FRAME, {"cmd": "DISPATCH", "evt": "ACTIVITY_JOIN", "data": {"secret": secret}})
    desktop.send(FRAME, {"cmd": "SET_ACTIVITY", "evt": "ERROR", "data": {"code": 4000, "message": "\x1b[31mno"}})
    desktop.send(CLOSE, {"code": 1000, "message": "restart"})
    desktop.wait_for(lambda d: d.greetings > greetings, "a greeting after good-bye")
    desktop.stop()
    desktop.start()
    n = len(desktop.activities)
    world.a.do("POST", "party/leave")
    desktop.wait_for(lambda d: d.greetings > greetings + 1, "a greeting after a restart")
    time.sleep(1.5)      # a look later
    assert all(activity is None for activity in desktop.activities[n:])
    process.send_signal(signal.SIGINT)
    assert process.wait(HANG_S) == 0 and not desktop.complaints
    with open(f"{world.hosts[0].dir}/presence.log") as file:
        said = file.read()
    assert "\x1b" not in said and "id)" not in said
    assert "lanrage join lanrage://192.0.2.1:8667/KQ7M-3ZT9-HX2F\n" in said


# ---- the browser

def test_ui_opens_the_browser_of_who_said_sudo(world):
    seen, opener = world.folder / "seen", world.folder / "xdg-open"
    opener.write_text('#!/bin/sh\necho "$(id -u) $HOME $1" >"$SEEN.new"; mv "$SEEN.new" "$SEEN"\n')
    opener.chmod(0o755)
    os.chmod(world.folder, 0o777)

    def ui(*words, **variables):
        command = world.hosts[0].netns.command(world.hosts[0]._lanrage_command("ui", *words))
        kept = {key: value for key, value in os.environ.items()
                if key not in ("DISPLAY", "WAYLAND_DISPLAY", "SUDO_UID")}
        done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_S, check=True,
                              env={**kept, "PATH": f"{world.folder}:{kept['PATH']}", "SEEN": str(seen), **variables})
        return done.stdout.strip()
    user = {"DISPLAY": ":0", "SUDO_UID": "65534"}
    for words, variables in (((), {}), ((), {"DISPLAY": ":0"}), ((), {"SUDO_UID": "65534"}),
                             ((), {**user, "SUDO_UID": "0"}),
                             (("--no-open",), user), (("--json",), user)):
        assert "/login/" in ui(*words, **variables)
    link = ui(**user)
    wait_until(seen.exists, HANG_S, "the browser")
    assert seen.read_text() == f"65534 /nonexistent {link}\n"

    def fetch(uid):
        """What a program of that user gets by the link, as everybody sees which it is."""
        script = "import http.client, sys; one = http.client.HTTPConnection('127.0.0.1', 8666, timeout=20);" \
                 "one.request('GET', sys.argv[1]); print(one.getresponse().status)"
        words = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "/usr/bin/python3", "-c", script,
                 link[link.index("/login/"):]]
        return int(world.hosts[0].run(words).stdout)
    assert [fetch(uid) for uid in (65533, 65534, 65534)] == [403, 303, 403]
