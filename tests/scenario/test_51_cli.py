"""The command line as people meet it: at a terminal and away from one, in their shells, and in its manual.

    a ─┐
    b ─┼─ internet ─ server        c asks for a server that is not there
    c ─┘

b's name is long, and written by somebody who hopes that a shell evaluates it.
"""
import fcntl
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import termios
import threading

import pytest

from lab import wait_until
from lab.wire import build_dir
from party import Member, connected, join

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
NAME = "it's $(touch evil) `touch evil` with a long name"
HANG_S = 60
PROGRAMS = ("lanrage", "lanraged", "lanrage-server", "lanrage-relay", "lanrage-api", "lanrage-nat")


@pytest.fixture(scope="module")
def friends(module_lab):
    server, a, b = (module_lab.public(name) for name in ("server", "a", "b"))
    url = server.start_server()
    for host in (a, b):
        host.start_lanraged(url)
    join(b, a.lanrage("party", "create", "friday", "--name", "a")["code"], NAME)
    wait_until(lambda: connected(a, b), 30, "both connected")
    return a, b


@pytest.fixture
def arena(friends):
    """Where to connect to a game server of b's, of the same hostile name."""
    a, b = friends
    Member(b).do("POST", "servers", {"id": "arena", "name": NAME, "game": "quake3", "port": 27960})
    return wait_until(lambda: a.lanrage("servers"), 30, "a lists the server")[0]["address"]


@pytest.fixture(scope="module")
def alone(module_lab):
    host = module_lab.public("c")
    host.start_lanraged(f"ws://{module_lab.public('nobody').addr4}:8667")
    return host


def environment(**more):
    kept = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "TERM", "COLUMNS")}
    return {**kept, "TERM": "xterm", **more}


def watched(read, process):
    """(exit status, all that the terminal was sent) of a program that ends by itself; one that hangs is killed."""
    killer = threading.Timer(HANG_S, process.kill)
    killer.start()
    output = b""
    try:
        while piece := os.read(read, 65536):
            output += piece
    except OSError:  # the terminal is gone
        pass
    os.close(read)
    status = process.wait()
    killer.cancel()
    return status, output.decode().replace("\r\n", "\n")


def at_terminal(host, *words, columns=80, **more):
    """The same of a command at a terminal of its own."""
    read, write = pty.openpty()
    fcntl.ioctl(write, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(host.netns.command(host._lanrage_command(*words)), stdin=write, stdout=write,
                               stderr=write, env=environment(**more))
    os.close(write)
    return watched(read, process)


def away(host, *words, **more):
    return subprocess.run(host.netns.command(host._lanrage_command(*words)), stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=HANG_S, env=environment(**more))


# ---- terminals

def test_colours(friends):
    """At a terminal titles and states are coloured, unless somebody does not want it; JSON and pipes never are."""
    a, _ = friends
    status, text = at_terminal(a, "peers")
    assert status == 0 and "\033[1mNAME\033[0m" in text and "\033[32mconnected\033[0m" in text
    assert "\033[32mok\033[0m" in at_terminal(a, "doctor")[1]
    for words, more in ((["peers"], {"NO_COLOR": "1"}), (["peers"], {"TERM": "dumb"}), (["peers", "--color=never"], {}),
                        (["peers", "--json"], {}), (["peers", "--json", "--color", "always"], {})):
        status, text = at_terminal(a, *words, **more)
        assert status == 0 and "\033" not in text and "connected" in text, (words, more)
    assert "\033" not in away(a, "peers").stdout
    assert "\033[32mconnected\033[0m" in away(a, "peers", "--color=always", NO_COLOR="1").stdout


def test_tables_take_the_width_there_is(friends):
    """A long name is cut where the terminal ends, whole where there is room, and whole in JSON."""
    a, _ = friends
    for text in (at_terminal(a, "peers", "--color=never")[1], away(a, "peers").stdout, away(a, "peers", COLUMNS="9").stdout):
        table = text.splitlines()[:2]
        assert "…" in table[1] and "connected" in table[1] and all(len(line) <= 80 for line in table)
    for text in (at_terminal(a, "peers", columns=200)[1], away(a, "peers", COLUMNS="200").stdout):
        assert NAME in text and "…" not in text
    assert json.loads(away(a, "peers", "--json").stdout)[0]["name"] == NAME
    for words in (["status"], ["metrics"], ["settings"], ["netcheck"], ["party", "list"], ["sessions"], ["--help"]):
        table = away(a, *words).stdout.split("\n\n")[-1]
        assert table and all(len(line) <= 80 for line in table.splitlines()), table


def test_progress(alone):
    """Who waits at a terminal is told for what, in a line that is gone when the answer comes."""
    status, text = at_terminal(alone, "join", "KQ7M-3ZT9-HX2F")
    assert status == 1
    shown, _, answer = text.rpartition("\r\033[K")
    assert re.search(r"\r\033\[Klooking for the party.* \.\.\.(?: \d+ s)?$", shown) and "\n" not in shown
    assert answer.startswith("lanrage: ") and "server" in answer
    pid = alone.lanrage("status")["services"]["metrics"]["pid"]
    os.kill(pid, signal.SIGSTOP)  # now an answer takes long enough to be noticed
    try:
        quiet, (_, dumb) = away(alone, "doctor"), at_terminal(alone, "doctor", TERM="dumb")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert quiet.stderr == "" and "problem  metrics" in quiet.stdout
    assert "problem  metrics" in dumb and "\r" not in dumb and "\033" not in dumb


# ---- usage

def test_usage_and_help(alone):
    """What was meant is explained, and nothing else; the status says which it was."""
    done = away(alone, "ping")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.splitlines() == ["lanrage: `ping` needs PEER", "usage: lanrage ping PEER [-c N]",
                                        "`lanrage help ping` says more"]
    done = away(alone, "party")
    assert done.returncode == 2 and "party create NAME" in done.stderr and "netcheck" not in done.stderr
    for words in (["help", "ping"], ["ping", "--help"], ["--help", "ping", "x", "y"]):
        done = away(alone, *words)
        assert done.returncode == 0 and done.stdout.startswith("usage: lanrage ping PEER [-c N]\n") and not done.stderr
    assert away(alone, "help").stdout == away(alone, "--help").stdout
    assert away(alone, "help", "nothing").returncode == 2
    assert away(alone, "--complete", "nothing").returncode == 2


@pytest.mark.parametrize("command", (
    "status", "doctor", "ui", "up", "down", "party create", "party list", "party invite", "party kick", "party leave",
    "invite", "kick", "leave", "join", "peers", "ping", "why", "netcheck", "servers", "metrics", "settings", "logs",
    "sessions", "sessions begin", "sessions end", "sessions show", "discord", "discord test", "presence"))
def test_every_promised_command_is_there(command):
    done = subprocess.run([f"{build_dir()}/bin/lanrage", "help", *command.split()], capture_output=True, text=True)
    assert done.returncode == 0 and f"lanrage {command}" in done.stdout


@pytest.mark.parametrize("program", PROGRAMS)
def test_versions(program):
    done = subprocess.run([f"{build_dir()}/bin/{program}", "--version"], capture_output=True, text=True)
    assert done.returncode == 0 and re.fullmatch(rf"{program} \d+\.\d+\.\d+\n", done.stdout)


# ---- shells

def live(offers, *words):
    """Names are offered if they come within 300 ms, which a busy machine may miss."""
    return wait_until(lambda: [word for word in offers(*words) if word], HANG_S, "an answer in time")


def bash_offers(host, cwd, *words):
    """What bash's completion makes of these words, of which the last is being typed; "=" and "@" are glued to both."""
    script = """source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE=$*
                COMP_LINE=${COMP_LINE// = /=}; COMP_LINE=${COMP_LINE// @ /@}; _lanrage
                printf "%s\\n" "${COMPREPLY[@]}" """
    done = subprocess.run(host.netns.command(["bash", "--norc", "-c", script, "bash", f"{build_dir()}/completion/lanrage.bash",
                                              *host._lanrage_command(*words)]),
                          cwd=cwd, capture_output=True, text=True, timeout=HANG_S, env=environment(LC_ALL="C.UTF-8"))
    assert done.returncode == 0 and done.stderr == ""
    return done.stdout.split("\n")[:-1]


def test_bash(friends, arena, tmp_path):
    a, _ = friends
    assert {"party", "join", "peers", "ping"} <= set(bash_offers(a, tmp_path, ""))
    assert bash_offers(a, tmp_path, "pi") == ["ping"]
    assert set(bash_offers(a, tmp_path, "party", "l")) == {"leave", "list"}
    assert set(bash_offers(a, tmp_path, "invite", "--")) >= {"--once", "--ttl", "--revoke", "--json"}
    assert "--once" not in bash_offers(a, tmp_path, "ping", "--")
    assert bash_offers(a, tmp_path, "ping", "-c", "") == [""]
    assert bash_offers(a, tmp_path, "peers", "--color", "=", "a") == ["auto", "always"]
    assert bash_offers(a, tmp_path, "peers", "--color", "a") == ["auto", "always"]
    assert "lan.discovery" in live(bash_offers, a, tmp_path, "settings", "lan.")
    assert set(bash_offers(a, tmp_path, "logs", "")) == {"dataplane", "nat", "control", "metrics", "browser", "api"}
    assert set(bash_offers(a, tmp_path, "help", "party", "l")) == {"leave", "list"}
    for typed in ("", "it", "it\\'s\\ "):
        quoted, = live(bash_offers, a, tmp_path, "ping", typed)
        assert [quoted] == live(bash_offers, a, tmp_path, "servers", "join", typed)
        echoed = subprocess.run(["bash", "-c", f"printf %s {quoted}"], cwd=tmp_path, capture_output=True, text=True)
        assert echoed.stdout == NAME
    assert bash_offers(a, tmp_path, "why", '"it') == [""]  # no way to quote it there
    assert os.listdir(tmp_path) == []


def typed_into_bash(host, cwd, text):
    """What a terminal shows when this is typed into a shell that has the completion."""
    read, write = pty.openpty()
    shell = subprocess.Popen(host.netns.command(["bash", "--norc", "--noprofile", "-i"]), stdin=write, stdout=write,
                             stderr=write, cwd=cwd, start_new_session=True, env=environment(
                                 LC_ALL="C.UTF-8", HOME=str(cwd), INPUTRC="/dev/null", HISTFILE="/dev/null",
                                 LANRAGE_RUN=host.run_dir, PATH=f"{build_dir()}/bin:{os.environ['PATH']}"))
    os.close(write)
    os.write(read, f"source {build_dir()}/completion/lanrage.bash\n{text}\nexit\n".encode())
    return watched(read, shell)[1]


def test_bash_at_a_terminal(friends, arena, tmp_path):
    """With readline itself: Tab ends the words, and the name arrives at the command as it is."""
    a, _ = friends
    assert '{"udp":' in typed_into_bash(a, tmp_path, "lanrage netc\t--js\t")
    wait_until(lambda: f"{NAME} (direct): " in typed_into_bash(a, tmp_path, "lanrage why it\t"), HANG_S, "the name")
    wait_until(lambda: arena in typed_into_bash(a, tmp_path, "lanrage servers join it\t"), HANG_S, "the address")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not shutil.which("zsh"), reason="no zsh")
def test_zsh(friends, arena, tmp_path):
    a, _ = friends
    script = """compadd() { print -rl -- "${(@P)2}"; }; _describe() { print -rl -- "${(@P)@[-1]}"; }
                words=(lanrage --run $1 "${@:3}"); CURRENT=$#words; source $2"""

    def offers(*words):
        done = subprocess.run(a.netns.command(["zsh", "-f", "-c", script, "zsh", a.run_dir, f"{build_dir()}/completion/_lanrage",
                                               *words]), cwd=tmp_path, capture_output=True, text=True, timeout=HANG_S,
                              env=environment(PATH=f"{build_dir()}/bin:{os.environ['PATH']}"))
        assert done.returncode == 0 and done.stderr == "", done.stderr
        return done.stdout.splitlines()
    assert "ping:measures the way to a member" in offers("")
    assert {line.partition(":")[0] for line in offers("party", "")} == {"create", "join", "leave", "invite", "kick", "list"}
    assert "--count:how many probes; 4 without it" in offers("ping", "--")
    assert live(offers, "ping", "") == live(offers, "servers", "join", "") == [NAME] and offers("help", "ping", "") == []
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not shutil.which("fish"), reason="no fish")
def test_fish(friends, arena, tmp_path):
    a, _ = friends
    script = f"source {build_dir()}/completion/lanrage.fish; complete -C $argv[1]"

    def offers(line):
        done = subprocess.run(a.netns.command(["fish", "--no-config", "-c", script, f"lanrage --run {a.run_dir} {line}"]),
                              cwd=tmp_path, capture_output=True, text=True, timeout=HANG_S,
                              env=environment(PATH=f"{build_dir()}/bin:{os.environ['PATH']}", HOME=a.dir))
        assert done.returncode == 0 and done.stderr == "", done.stderr
        return done.stdout.splitlines()
    assert "ping\tmeasures the way to a member" in offers("p") and "party" in offers("p")
    assert "--count\thow many probes; 4 without it" in offers("ping --") and not any("--once" in o for o in offers("ping --"))
    assert live(offers, "ping ") == live(offers, "servers join ") == [NAME] and offers("help ping ") == []
    assert os.listdir(tmp_path) == []


def test_completion_is_silent_where_nothing_answers(alone):
    """No launcher; and an API that is stopped, which a shell must not hang on."""
    for kind in ("peers", "settings", "services", "servers", "sessions", "running"):
        done = subprocess.run([f"{build_dir()}/bin/lanrage", "--run", "/nowhere", "--complete", kind], capture_output=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    pid = alone.lanrage("status")["services"]["api"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        done = away(alone, "--complete", "settings")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "nat" in away(alone, "--complete", "services").stdout.splitlines()


# ---- the manual

def page(name):
    with open(f"{build_dir()}/man/{name}") as file:
        return file.read().replace("\\-", "-")


def source(path):
    with open(f"{ROOT}/{path}") as file:
        return file.read()


@pytest.mark.parametrize("name, path", (("lanraged.8", "deploy/launcher/main.c"), ("lanrage-relay.8", "svc-nat/relay/main.c"),
                                        ("lanrage-server.8", "svc-control/server/main.c"), ("lanrage.1", "svc-api/cli/options.c")))
def test_the_manual_has_every_option(name, path):
    """What getopt is told is what the page explains, no more and no less."""
    taken = set(re.findall(r'\{"([a-z-]+)", (?:no|required)_argument', source(path)))
    taken |= set(re.findall(r'\.name = "--([a-z-]+)"', source(path))) - {"complete"}
    assert taken and set(re.findall(r"^(?:\.B |\\fB)(?:-\w\\fR, \\fB)?--([a-z-]+)(?:\\fR.*)?$", page(name), re.M)) == taken


@pytest.mark.parametrize("name, path, table", (
    ("lanraged.conf.5", "common/config.c", "config_lanraged_keys"), ("lanrage-relay.8", "svc-nat/relay/service.c", "known_keys"),
    ("lanrage-server.8", "svc-control/server/service.c", "server_config_keys")))
def test_the_manual_has_every_setting(name, path, table):
    keys = set(re.findall(r'"([a-z._]+)"', re.search(rf"{table}\[\] = \{{(.*?)\}};", source(path), re.S)[1]))
    explained, section = set(), ""
    for line in page(name).splitlines():
        heading = re.fullmatch(r"\.S[HS] (?:\[(.*)\]|.*)", line)
        section = heading[1] if heading else section
        setting = re.match(r"\\fB(\w+)\\fR = ", line)
        if setting:
            explained.add(f"{section}.{setting[1]}")
    assert keys and explained == keys


def test_the_sample_has_every_setting():
    keys = set(re.findall(r'"([a-z._]+)"', re.search(r"keys\[\] = \{(.*?)\};", source("common/config.c"), re.S)[1]))
    shown, section = set(), ""
    for line in source("deploy/lanraged.conf").splitlines():
        section = line[1:-1] if line.startswith("[") else section
        if re.match(r"#?\w+ =", line):
            shown.add(f"{section}.{line.split(' =')[0].lstrip('#')}")
    assert shown == keys


@pytest.mark.parametrize("name", ("lanrage.1", "lanraged.8", "lanraged.conf.5", "lanrage-server.8", "lanrage-relay.8"))
@pytest.mark.skipif(not shutil.which("groff"), reason="no groff")
def test_the_manual_is_sound(name):
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", f"{build_dir()}/man/{name}"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "" and "LANrage" in done.stdout
