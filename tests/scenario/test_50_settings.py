"""Settings through the API and the command line of one machine, without a server: the real lanraged and its services.

    a  (public address, no server, nobody else)
       lanraged -> control (settings, database) api ...
       lanrage (CLI) and this test's own HTTP client -> 127.0.0.1:8666

What is described, changed, refused, exported, saved and forgotten; that a secret never comes out again; then that
lanrage-control, killed again and again while settings are changed, has all of each change or none.
"""
import contextlib
import http.client
import ipaddress
import itertools
import json
import os
import pathlib
import re
import signal
import threading

import pytest
from lab.programs import build_dir, wait_until
from test_05_api import Machine

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

REPOSITORY = pathlib.Path(__file__).parents[2]
FIELDS = {"key", "group", "type", "value", "default", "description", "choices", "min", "max", "unit", "applies", "secret",
          "set"}
SECRET = "jvR7hunter2Q_x-9"
WEBHOOK = f"https://discord.com/api/webhooks/123456789/{SECRET}"
KILLS = 5
BACK_S = 20


@pytest.fixture(scope="module")
def machine(module_lab):
    return Machine(module_lab.public("a"))


@pytest.fixture(autouse=True)
def at_their_defaults(machine):
    yield
    assert machine.post("settings/reset").status == 200
    for saved in machine.get("settings/configurations"):
        assert machine.ask("DELETE", f"/api/v1/settings/configurations/{saved['name']}").status == 200


def patch(machine, **settings):
    return machine.ask("PATCH", "/api/v1/settings", settings)


def changed(machine, settings):
    answer = machine.ask("PATCH", "/api/v1/settings", settings)
    assert answer.status == 200, answer.bytes
    return answer.json


# ---- what there is

def test_each_is_described(machine):
    described = machine.get("settings?describe=1")
    assert {item["key"]: item["value"] for item in described} == machine.get("settings")
    for item in described:
        assert set(item) == FIELDS
        assert item["value"] == (None if item["secret"] else item["default"]) and item["applies"]
        assert machine.get(f"settings/{item['key']}?describe=1") == item
        assert (item["choices"] is not None) == (item["type"] in ("switch", "choice"))
    by_key = {item["key"]: item for item in described}
    assert by_key["invite_ttl"]["min"] == 60 and by_key["invite_ttl"]["unit"] == "s"
    assert by_key["up"]["choices"] == ["on", "off"] and by_key["up"]["min"] is None
    assert machine.ask("GET", "/api/v1/settings/nothing?describe=1").status == 404


def test_the_document_is_up_to_date():
    """`make settings-doc` writes it."""
    document = (REPOSITORY / "svc-control/SETTINGS.md").read_text()
    table = document.split("<!-- table -->\n")[1].split("<!-- end -->")[0]
    with os.popen(os.path.join(build_dir(), "tests/settings-doc")) as printed:
        assert printed.read() == table


def test_the_command_prints_them_within_80_columns(machine):
    changed(machine, {"server_url": "wss://" + "a.very.long.name." * 5 + "example.org:8667", "peer_name": "\u65e5" * 20})
    printed = machine.cli("settings").stdout
    for item in machine.get("settings?describe=1"):
        assert re.search(rf"^  {re.escape(item['key'])}\b", printed, re.M)
    long = [line for line in printed.splitlines() if len(line) > 80]
    assert all("a.very.long.name" in line for line in long), long  # one word cannot be broken
    one = machine.cli("settings", "invite_ttl").stdout
    assert re.search("^value +24h$", one, re.M) and re.search("^default +24h$", one, re.M)
    assert re.search("^range +1m to 30d$", one, re.M) and "how long a new code is good" in one


# ---- changing

def test_several_are_changed_or_none(machine):
    before = machine.get("settings")
    for wrong, words, status in (({"invite_ttl": "soon"}, "invite_ttl: ", 400), ({"colour": "red"}, "colour: ", 404),
                                 ({"discord.webhook": "https://example.org/"}, "discord.webhook: ", 400),
                                 ({"party.subnet": "10.0.0.1/8"}, "party.subnet: ", 400),
                                 ({"peer_name": True}, "peer_name: ", 400), ({"doubling": []}, "doubling: ", 400)):
        for several in ({"lan.mdns": "on", **wrong, "up": "off"}, {**wrong, "up": "off"}, {"up": "off", **wrong}):
            answer = machine.ask("PATCH", "/api/v1/settings", several)
            assert answer.status == status and words in answer.error[1], answer.error
            assert machine.get("settings") == before
    assert machine.ask("PATCH", "/api/v1/settings", {f"k{i}": "x" for i in range(100)}).status == 400
    assert machine.get("settings") == before


def test_values_as_json_and_what_takes_effect_later(machine):
    before = machine.get("settings")
    assert changed(machine, {"lan.mdns": True, "invite_ttl": 7200, "peer_name": "kira", "discord.app_id": 77}) == {
        "changed": {"peer_name": "kira", "invite_ttl": "7200", "lan.mdns": "on", "discord.app_id": "77"},
        "later": {"peer_name": "next party"}}
    done = machine.cli("settings", "peer_name", "lee")
    assert (done.returncode, done.stdout, done.stderr) == (0, "lee\n", "peer_name takes effect with the next party\n")
    done = machine.cli("settings", "lan.mdns", "off")
    assert (done.returncode, done.stdout, done.stderr) == (0, "off\n", "")
    assert changed(machine, {"lan.mdns": None, "invite_ttl": "", "peer_name": None, "discord.app_id": None})
    assert machine.get("settings") == before


def test_the_next_party_is_where_the_setting_says(machine):
    changed(machine, {"party.subnet": "10.77.4.0/24", "peer_name": "kira"})
    try:
        assert machine.post("party", {"name": "lan", "local": True}).status == 201
        me = machine.get("status")["self"]
        assert ipaddress.ip_address(me["virtual_ip"]) in ipaddress.ip_network("10.77.4.0/24")
        changed(machine, {"party.subnet": "10.78.0.0/16"})
        assert machine.get("status")["self"] == me
        # One that takes effect at once does, whoever brings it about.
        assert machine.ask("PUT", "/api/v1/settings/configurations/here").status == 200
        changed(machine, {"up": False})
        assert machine.get("settings")["up"] == "off"
        used = machine.post("settings/configurations/here/activate")
        assert used.status == 200 and used.json == {"changed": {"up": "on"}, "later": {}}
        wait_until(lambda: machine.get("status")["self"]["interface"], 10, "connected again")
    finally:
        machine.post("party/leave")


def test_reset(machine):
    before = machine.get("settings")
    changed(machine, {"peer_name": "kira", "invite_ttl": "2h", "discord.webhook": WEBHOOK})
    answer = machine.post("settings/reset", {"keys": ["invite_ttl"]})
    assert answer.json == {"changed": {"invite_ttl": "24h"}, "later": {}}
    assert machine.get("settings")["peer_name"] == "kira"
    assert machine.post("settings/reset", {"keys": ["peer_name", "colour"]}).status == 404
    assert machine.get("settings")["peer_name"] == "kira"
    assert machine.cli("settings", "reset", "peer_name").returncode == 0
    assert machine.get("settings") == before and machine.get("discord/webhook") == {"set": True}
    assert machine.cli("settings", "reset").returncode == 0
    assert machine.get("settings") == before and machine.get("discord/webhook") == {"set": False}


# ---- as a file, and under a name

def test_exported_and_imported(machine, tmp_path):
    changed(machine, {"peer_name": "kira \u65e5\u672c", "lan.mdns": "on", "discord.webhook": WEBHOOK})
    kept, file = machine.get("settings"), tmp_path / "settings.json"
    assert machine.get("settings/export") == {
        "format": "lanrage-settings", "version": 1, "omitted": ["discord.webhook"],
        "settings": {"peer_name": "kira \u65e5\u672c", "lan.mdns": "on"}}
    file.write_text(machine.cli("settings", "export").stdout)
    assert json.loads(file.read_text()) == machine.get("settings/export")
    changed(machine, {"peer_name": "lee", "up": "off", "lan.mdns": None})
    assert machine.cli("settings", "import", str(file)).returncode == 0
    assert machine.get("settings") == kept and machine.get("discord/webhook") == {"set": True}

    good = machine.get("settings/export")
    for wrong, words in ((good | {"format": "other"}, "format: "), (good | {"version": 2}, "version: "),
                         (good | {"settings": {"up": "off", "colour": "red"}}, "colour: "),
                         (good | {"settings": {"up": "off", "invite_ttl": "x"}}, "invite_ttl: "),
                         (good | {"settings": {"up": "off", "discord.webhook": WEBHOOK}}, "discord.webhook: "),
                         (good | {"settings": []}, "settings: "), ({"settings": {}}, "format: "),
                         (good | {"more": 1}, "more: ")):
        answer = machine.post("settings/import", wrong)
        assert answer.status in (400, 404) and words in answer.error[1], answer.error
        assert SECRET not in answer.bytes.decode()
        assert machine.get("settings") == kept
    for content in ("", "[]", "{", "x" * 70000):
        file.write_text(content)
        done = machine.cli("settings", "import", str(file))
        assert done.returncode == 1 and done.stderr.startswith("lanrage: "), content[:10]
    assert "No such file" in machine.cli("settings", "import", "/nowhere").stderr
    assert machine.get("settings") == kept


def test_saved_under_a_name(machine):
    name = "LAN \u65e5\u672c / 1"
    assert machine.get("settings/configurations") == []
    changed(machine, {"peer_name": "kira", "discord.webhook": WEBHOOK})
    assert machine.cli("settings", "save", name).returncode == 0
    [saved] = machine.get("settings/configurations")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", saved.pop("saved_at"))
    assert saved == {"name": name, "active": True, "settings": {"peer_name": "kira"}}
    changed(machine, {"peer_name": "lee", "lan.ssdp": "on"})
    assert machine.get("settings/configurations")[0]["active"] is False
    assert machine.cli("settings", "use", name).stdout.split() == ["peer_name", "kira", "lan.ssdp", "off"]
    assert machine.get("settings/configurations")[0]["active"] is True
    assert machine.get("discord/webhook") == {"set": True}
    assert re.search(rf"^{name} +\S+ +yes +1$", machine.cli("settings", "saved").stdout, re.M)
    for words in (["use", "nothing"], ["forget", "nothing"], ["save", "n" * 65], ["save", " "]):
        done = machine.cli("settings", *words)
        assert done.returncode == 1 and done.stderr.startswith("lanrage: "), words
    assert machine.cli("settings", "forget", name).returncode == 0
    assert machine.get("settings/configurations") == []


def test_so_many_names_and_no_more(machine):
    for number in range(32):
        assert machine.ask("PUT", f"/api/v1/settings/configurations/{number}").status == 200
    answer = machine.ask("PUT", "/api/v1/settings/configurations/more")
    assert answer.status == 409 and "forget" in answer.error[1]
    assert len(machine.get("settings/configurations")) == 32


# ---- Discord's, and the secret among them

def test_discord(machine):
    nothing = {"enabled": False, "webhook_set": False, "invite": None, "presence": False, "app_id": None}
    assert nothing.items() <= machine.get("discord/status").items()
    assert all(isinstance(step, str) for step in machine.get("discord/instructions"))
    answer = machine.ask("PUT", "/api/v1/discord/webhook", {"webhook": WEBHOOK})
    assert answer.status == 200 and answer.json == {"set": True} == machine.get("discord/webhook")
    answer = machine.ask("PUT", "/api/v1/discord/invite", {"invite": "https://discord.gg/abc"})
    assert answer.status == 200 and answer.json == {"invite": "https://discord.gg/abc"} == machine.get("discord/invite")
    changed(machine, {"discord.enabled": True, "discord.presence": True, "discord.app_id": "123"})
    everything = {"enabled": True, "webhook_set": True, "invite": "https://discord.gg/abc", "presence": True,
                  "app_id": "123"}
    assert everything.items() <= machine.get("discord/status").items()
    for what, wrong in (("webhook", "https://discord.com.example/api/webhooks/1/a"), ("webhook", ""),
                        ("webhook", "https://discord.com/api/webhooks/x/a"), ("invite", "https://example.org/a")):
        answer = machine.ask("PUT", f"/api/v1/discord/{what}", {what: wrong})
        assert answer.status == 400 and what in answer.error[1], answer.error
    for what, gone in (("webhook", {"set": False}), ("invite", {"invite": None})):
        assert machine.ask("DELETE", f"/api/v1/discord/{what}").json == gone == machine.get(f"discord/{what}")


def routes_to_read():
    """Every path of the API that is read, from its table; names in it stand for something that is there."""
    table = (REPOSITORY / "svc-api/routes.c").read_text()
    paths = re.findall(r'{"GET", "(/api/v1/[^"]*)"', table)
    assert len(paths) > 20
    for path in paths:
        for name in ("discord.webhook", "control") if "*" in path else ("",):
            yield path.replace("*", name)
    yield from ("/api/v1/settings?describe=1", "/api/v1/settings/discord.webhook?describe=1", "/")


def test_a_secret_never_comes_out(machine):
    """It is nowhere in any answer, refusals too, in what the commands print, nor in any file but the database."""
    def told(answer):
        assert SECRET not in answer.bytes.decode(errors="replace"), answer.bytes
        return answer.status
    assert told(machine.ask("PUT", "/api/v1/discord/webhook", {"webhook": WEBHOOK})) == 200
    assert told(patch(machine, **{"discord.webhook": WEBHOOK, "peer_name": "kira"})) == 200
    assert told(machine.ask("PUT", "/api/v1/settings/configurations/one")) == 200
    for body in ({"discord.webhook": WEBHOOK + "?"}, {"discord.webhook": WEBHOOK, "up": "maybe"},
                 {"discord.webhook": [WEBHOOK]}, b'{"discord.webhook" "' + WEBHOOK.encode() + b'"}',
                 b'{"discord.webhook": "' + WEBHOOK.encode(), {"discord.webhook": WEBHOOK + "a" * 2000}):
        assert told(machine.ask("PATCH", "/api/v1/settings", body)) == 400
    assert told(machine.ask("PUT", "/api/v1/discord/webhook", {"webhook": WEBHOOK + "/"})) == 400
    assert machine.get("discord/webhook") == {"set": True}
    for path in routes_to_read():
        told(machine.ask("GET", path))
    done = machine.host.run(["sh", "-c", f"echo {WEBHOOK} | {machine.host._binary('lanrage')} --run "
                             f"{machine.host.run_dir} settings discord.webhook -"], check=False)
    assert done.returncode == 0 and SECRET not in done.stdout + done.stderr, done.stderr
    for words in ([], ["discord.webhook"], ["export"], ["saved"], ["--json"], ["discord.webhook", WEBHOOK + "/"],
                  ["discord.webhook", WEBHOOK], ["use", "one"], ["discord.webhook", WEBHOOK, "--json"]):
        done = machine.cli("settings", *words)
        assert SECRET not in done.stdout + done.stderr, words
    assert SECRET not in machine.cli("doctor").stdout + machine.cli("logs").stdout
    holders = {path.name for path in pathlib.Path(machine.host.dir).rglob("*")
               if path.is_file() and SECRET.encode() in path.read_bytes()}
    assert holders <= {"control.db", "control.db-wal"} and holders


# ---- killed

def test_killed_at_any_moment_it_has_all_of_a_change_or_none(machine):
    """
    Three settings that are only ever changed together, by PATCH and by saved configurations, while lanrage-control is
    killed: whoever asks, then and after each restart, sees three that belong together.
    """
    ended, seen = threading.Event(), []

    def belonging(number):
        return {"peer_name": f"n{number}", "invite_ttl": f"{number}m", "party.subnet": f"10.{number}.0.0/16"}

    def check():
        now = machine.get("settings")
        number = int(now["peer_name"].removeprefix("n"))
        assert {key: now[key] for key in belonging(number)} == belonging(number)
        seen.append(number)
        return True

    def change():
        for number in itertools.cycle(range(2, 200)):
            if ended.is_set():
                return
            with contextlib.suppress(OSError, http.client.HTTPException):
                if number % 10 == 0:
                    machine.post("settings/configurations/one/activate")
                else:
                    machine.ask("PATCH", "/api/v1/settings", belonging(number))

    def answers():
        with contextlib.suppress(OSError, http.client.HTTPException):
            return machine.ask("GET", "/api/v1/settings").status == 200

    changed(machine, belonging(1))
    assert machine.ask("PUT", "/api/v1/settings/configurations/one").status == 200
    changer = threading.Thread(target=change)
    changer.start()
    try:
        for kill in range(KILLS):
            before = machine.services()["control"]
            ended.wait(0.05 + 0.03 * kill)
            os.kill(before["pid"], signal.SIGKILL)
            wait_until(lambda: machine.services()["control"]["restarts"] > before["restarts"] and answers() and check(),
                       BACK_S, "control is back")
    finally:
        ended.set()
        changer.join()
    check()
    assert len(set(seen)) > 1
