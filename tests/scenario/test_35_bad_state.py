"""A machine that is in the way: ports, names and folders that others have, disks that are full, files that are damaged.

    server ─┐            ┌─ a
            ├─ internet ─┤        friends in one party
    relay ──┘            └─ b

Whoever is refused hears what is wrong and what to do, and nothing that runs notices. What was committed is never lost,
and what is precious is never replaced by something new.
"""
import contextlib
import hashlib
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess

import pytest

from lab import UdpStream, ping_first_reply, wait_until
from party import address_of, connect, connected as all_connected, join, log_of, start_party

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

SERVICES = ["dataplane", "nat", "control", "metrics", "browser", "api"]
BACK_S = 30


def friends(lab):
    """server, relay, a and b in one party."""
    server, relay, a, b = (lab.public(name, wire=False) for name in ("server", "relay", "a", "b"))
    start_party(server, relay, a, b)
    connect(a, b)
    wait_until(lambda: connected(a, b), BACK_S, "connected")
    return server, relay, a, b


def connected(*members):
    with contextlib.suppress(RuntimeError):
        return all_connected(*members)


def launcher(host, *more, **folders):
    """The command line of a lanraged on the host's folders, unless told others."""
    return [host._binary("lanraged"), "--state", folders.get("state", host.state_dir), "--run",
            folders.get("run", host.run_dir), *more]


def refused(host, command, status=1, timeout=30):
    """Runs a program that must not start; returns what it says."""
    done = host.run(command, check=False, timeout=timeout)
    said = done.stderr + done.stdout
    assert done.returncode == status, said
    print(said.strip())
    return said


# ---- what others have

def test_a_second_lanraged_and_things_in_its_way(lab):
    """
    b plays with a. At a, lanraged is started once more, on the same folders and on others, and wherever something is
    in its way: an interface, a port, a folder. Each is refused in words, and the first one notices nothing. (With
    stand-ins for the services: test_01_launcher.py.)
    """
    _, _, a, b = friends(lab)
    other = f"{a.dir}/other"
    folders = {"state": f"{other}/state", "run": f"{other}/run"}
    os.makedirs(other)

    def conf(text):
        with open(f"{other}/lanraged.conf", "w") as file:
            file.write(text)
        return ["--config", f"{other}/lanraged.conf"]

    free = "[dataplane]\ninterface=lrother\n[api]\nlisten=127.0.0.1:8999\n"
    with open(f"{a.state_dir}/port") as file:
        port = int(file.read())
    before = a.lanrage("status")["services"]
    with UdpStream(b, a, address=address_of(a), pps=100) as stream:
        assert "another lanraged runs on" in refused(a, launcher(a))
        assert "another lanraged runs on" in refused(a, launcher(a, state=folders["state"]))
        assert "another lanraged runs on" in refused(a, launcher(a, run=folders["run"]))
        said = refused(a, launcher(a, *conf("[dataplane]\ninterface=lrother\n"), **folders))
        assert "127.0.0.1:8666" in said and "[api] listen=" in said
        said = refused(a, launcher(a, *conf("[api]\nlisten=127.0.0.1:8999\n"), **folders))
        assert "lanrage0 exists already" in said and "interface=" in said
        said = refused(a, launcher(a, *conf(f"{free}[dataplane]\nlisten_port={port}\n"), **folders))
        assert f"UDP port {port} is in use" in said and "listen_port=" in said
        assert "must be started as root" in refused(a, ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                                        *launcher(a, **folders)])
        for text, words in (("[server]\nurl=http://x\n", "ws://ADDRESS:PORT"), ("[api]\nlisten=[::1]:1\n", "IPv4 loopback"),
                            ("[api]\nport=1\n", "unknown setting api.port"), ("[log]\nlevel=loud\n", "write err, warning"),
                            ("[dataplane]\nbackend=fast\n", "engine or kernel"), ("[dataplane\n", "lanraged.conf:1"),
                            ("[party]\nsubnet=10.66.0.0/99\n", "ADDRESS/BITS"), ("\0", "zero byte"),
                            ("[log]\nlevel=\x1b[31m\n", "[log] level="), ("#" * 70000, "too large")):
            said = refused(a, launcher(a, *conf(text), **folders))
            assert words in said and "lanraged.conf" in said, text
            assert not re.search("[\x00-\x09\x0b-\x1f]", said)
        said = refused(a, launcher(a, "--config", f"{other}/none.conf", **folders))
        assert "none.conf" in said and "name a configuration file that is there" in said
        for state in ("/proc/nowhere", f"{other}/lanraged.conf", "/sys/lanrage"):
            said = refused(a, launcher(a, *conf(free), state=state, run=folders["run"]))
            assert state in said and "name" in said
    assert {name: (service["pid"], service["restarts"]) for name, service in a.lanrage("status")["services"].items()} \
        == {name: (service["pid"], 0) for name, service in before.items()}
    assert stream.result.lost == 0


def test_second_servers_and_relays(lab):
    """Another server or relay on the same folder or port is refused, and the first one serves on."""
    server, relay, a, b = friends(lab)
    common = {"server": [server._binary("lanrage-server"), "--listen"],
              "relay": [relay._binary("lanrage-relay"), "--server", f"ws://{server.addr4}:8667", "--listen"]}
    for host, name, port in ((server, "server", 8667), (relay, "relay", 51820)):
        busy, free = f"{host.addr4}:{port}", f"{host.addr4}:9000"
        assert re.search("another .* --state", refused(host, [*common[name], free, "--state", f"{host.dir}/{name}"]), re.S)
        assert "in use" in refused(host, [*common[name], busy, "--state", f"{host.dir}/second"])
        for state in ("/proc/nowhere", "/dev/null"):
            said = refused(host, [*common[name], free, "--state", state])
            assert state in said and "--state" in said
        said = refused(host, ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *common[name], free,
                              "--state", f"{host.dir}/{name}"])
        assert "--state" in said
        said = refused(host, [*common[name], free, "--state", f"{host.dir}/third", "--config", f"{host.dir}/none.conf"])
        assert "none.conf" in said and "name a configuration file that is there" in said
    a.lanrage("invite")
    assert connected(a, b)


# ---- full disks

@contextlib.contextmanager
def small_disk(path, size):
    """A file system of that size at path, for as long as the context lasts."""
    os.makedirs(path, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "lanrage-test", path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", path], check=True)


@contextlib.contextmanager
def full(path):
    """Not one byte more goes onto the disk at path."""
    filler = os.path.join(path, "filler")
    with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1 << 16))
    with open(filler, "ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(512))
    try:
        yield
    finally:
        os.unlink(filler)


def commands(host, *words):
    return host.run(host._lanrage_command(*words), check=False, timeout=60)


def test_a_members_disk_is_full(lab):
    """
    a's state is on a disk of 2 MiB, and the disk is full. b plays on with a. A setting that cannot be stored is refused
    and says so; a service that is killed comes back all the same. With room again everything works, and a has the party
    and the settings that it had, also after a restart.
    """
    with small_disk(os.path.join(lab.dir, "disk"), "2m"):
        server, relay, a, b, c = (lab.public(name, wire=False) for name in ("server", "relay", "a", "b", "c"))
        for host in (a, c):
            os.makedirs(f"{lab.dir}/disk/{host.name}")
            os.symlink(f"{lab.dir}/disk/{host.name}", f"{host.dir}/state")
        url = start_party(server, relay, a, b, c)
        connect(a, b)
        wait_until(lambda: connected(a, b), BACK_S, "connected")
        a.lanrage("settings", "peer_name", "anna")
        before, settings = a.lanrage("status"), a.lanrage("settings")
        with UdpStream(b, a, address=address_of(a), pps=100) as stream:
            with full(f"{lab.dir}/disk"):
                said = set()
                for number in range(12):  # some still fit into what SQLite has already
                    done = commands(a, "settings", "peer_name", f"{'a' * 50}{number}")
                    if done.returncode != 0:
                        said.add(done.stderr.strip())
                print(said)
                assert said and all("free disk space" in words for words in said)
                kept = a.lanrage("settings")["peer_name"]
                done = commands(c, "party", "create", "lan", "--name", "c")
                print(done.returncode, done.stderr)
                assert done.returncode == 1 and "free disk space" in done.stderr
                assert c.lanrage("status")["party"] is None
                for name in ("nat", "metrics", "browser", "control"):
                    pid = a.lanrage("status")["services"][name]["pid"]
                    os.kill(pid, signal.SIGKILL)
                    wait_until(lambda: runs_anew(a, name, pid), BACK_S, f"{name} is back")
                assert a.lanrage("status")["party"] == before["party"]
            wait_until(lambda: commands(a, "settings", "peer_name", "ann").returncode == 0, BACK_S, "stored again")
            c.lanrage("party", "create", "lan", "--name", "c")
        assert stream.result.lost == 0
        assert kept == "anna" or kept.startswith("aaaa")
        a.lanrage("settings", "peer_name", "anna")
        a.stop_lanraged()
        a.start_lanraged(url)
        assert a.lanrage("settings") == settings
        assert a.lanrage("status")["party"] == before["party"] and a.lanrage("status")["self"] == before["self"]
        wait_until(lambda: connected(a, b), BACK_S, "connected again")
        for host in (a, c):
            host.stop_lanraged()


def runs_anew(host, name, pid):
    with contextlib.suppress(RuntimeError):
        service = host.lanrage("status")["services"][name]
        return service["state"] == "running" and service["pid"] != pid


def test_the_relays_and_the_servers_disks_are_full(lab):
    """
    The same at the server and at the relay: a and b play on over the relay, a third cannot join and hears why, the
    server itself says what it lacks; afterwards she can.
    """
    disk = os.path.join(lab.dir, "disk")
    with small_disk(disk, "2m"):
        server, relay, a, b, c = (lab.public(name, wire=False) for name in ("server", "relay", "a", "b", "c"))
        for host in (server, relay):
            os.makedirs(f"{disk}/{host.name}")
            os.symlink(f"{disk}/{host.name}", f"{host.dir}/{host.name}")
        lab.block_udp(a, b)
        start_party(server, relay, a, b, c)
        connect(a, b)
        wait_until(lambda: connected(a, b), BACK_S, "connected")
        code = a.lanrage("invite")["code"]
        with UdpStream(b, a, address=address_of(a), pps=100) as stream, full(disk):
            refusals = []
            for number in range(400):
                done = commands(a, "invite")
                if done.returncode != 0:
                    refusals.append(done.stderr.strip())
                    break
            print(number, refusals)
            assert refusals and refusals[0].startswith("lanrage: ")
            with open(f"{server.dir}/lanrage-server.log") as file:
                assert "the disk is full; make room in the state directory" in file.read()
            wait_until(lambda: "cannot save bindings" in open(f"{relay.dir}/lanrage-relay.log").read(), 40,
                       "the relay says so")
        assert stream.result.lost == 0
        join(c, code, "c")
        wait_until(lambda: connected(a, b, c), BACK_S, "three connected")
        assert server.stop("lanrage-server") == 0 and relay.stop("lanrage-relay") == 0
        assert os.path.getsize(f"{disk}/relay/bindings") > 100


# ---- damaged files

DAMAGE = {"empty": lambda data: b"", "cut": lambda data: data[:len(data) // 2 or 0],
          "garbage": lambda data: hashlib.shake_256(data).digest(len(data)),
          "longer": lambda data: data + b"x" * 100}


@contextlib.contextmanager
def damaged(path, kind):
    """The file is damaged while the context lasts. The program must have left it as it was then."""
    with open(path, "rb") as file:
        good = file.read()
    data = DAMAGE[kind](good)
    overwrite(path, data)
    try:
        yield
        with open(path, "rb") as file:
            assert file.read() == data, f"{path} was replaced"
    finally:
        overwrite(path, good)


def overwrite(path, data):
    """The file keeps its owner and its mode."""
    with open(path, "r+b") as file:
        file.truncate(0)
        file.write(data)


def service_said(host, service, *words):
    """Whether the service's log has a line with all these words."""
    return any(all(word in line for word in words) for line in log_of(host, service).splitlines())


def start_without_waiting(host):
    """Starts lanraged although one of its services cannot run."""
    host.popen(launcher(host, "--config", f"{host.dir}/lanraged.conf"), name="lanraged")


def test_a_members_precious_files(lab):
    """
    a's identity, database and private key are emptied, cut, overwritten, lengthened, come from the future. Each time the
    service concerned says which file it is and what to do, the file is not touched, the other services run; and with
    the right file put back, a is the member it was.
    """
    _, _, a, b = friends(lab)
    before = a.lanrage("status")
    a.stop_lanraged()
    control, dataplane = f"{a.state_dir}/control", f"{a.state_dir}/dataplane"
    cases = [(f"{dataplane}/private.key", "dataplane", kind) for kind in DAMAGE] + \
            [(f"{control}/identity", "control", kind) for kind in DAMAGE] + \
            [(f"{control}/control.db", "control", kind) for kind in ("empty", "cut", "garbage")]
    for path, service, kind in cases:
        print(path, kind)
        with damaged(path, kind):
            start_without_waiting(a)
            wait_until(lambda: os.path.exists(f"{a.run_dir}/logs/{service}.log") and
                       service_said(a, service, path), BACK_S, f"{service} names {path}")
            line = next(line for line in log_of(a, service).splitlines() if path in line)
            assert re.search("put .* back|move .* away|remove it", line), line
            a.stop_lanraged()
        shutil.rmtree(f"{a.run_dir}/logs")
    with damaged_version(f"{control}/control.db", 99):
        start_without_waiting(a)
        wait_until(lambda: os.path.exists(f"{a.run_dir}/logs/control.log") and
                   service_said(a, "control", "control.db", "later version"), BACK_S, "control says so")
        a.stop_lanraged()
    os.rename(f"{control}/identity", f"{control}/identity.away")
    start_without_waiting(a)
    wait_until(lambda: service_said(a, "control", "identity", "put the file back"), BACK_S, "control says so")
    assert not os.path.exists(f"{control}/identity")
    os.rename(f"{control}/identity.away", f"{control}/identity")
    a.stop_lanraged()
    a.start_lanraged(before["server"]["url"])
    assert a.lanrage("status")["party"] == before["party"] and a.lanrage("status")["self"] == before["self"]
    wait_until(lambda: connected(a, b), BACK_S, "connected")


@contextlib.contextmanager
def damaged_version(path, version):
    with open(path, "rb") as file:
        good = file.read()
    with contextlib.closing(sqlite3.connect(path)) as later:
        later.execute(f"PRAGMA user_version = {version}")
        later.commit()
    for rest in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path + rest)
    try:
        yield
    finally:
        overwrite(path, good)


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_members_other_files(lab, kind):
    """
    What only helps is damaged, all of it at once: where the data plane goes on after a restart, the game servers and
    favourites, the port, the instance numbers. a starts, is the member it was, and is connected; what it could not read
    is named in the logs.
    """
    _, _, a, b = friends(lab)
    a.lanrage("settings", "peer_name", "anna")
    before, settings = a.lanrage("status"), a.lanrage("settings")
    a.stop_lanraged()
    files = [f"{a.state_dir}/dataplane/{name}" for name in ("party", "plan", "paths", "timestamp")] + \
            [f"{a.state_dir}/{name}/instance" for name in SERVICES] + [f"{a.state_dir}/port"]
    if os.path.exists(f"{a.state_dir}/browser/servers"):
        files.append(f"{a.state_dir}/browser/servers")
    for path in files:
        if os.path.exists(path):
            with open(path, "rb") as file:
                data = DAMAGE[kind](file.read())
            overwrite(path, data)
    a.start_lanraged(before["server"]["url"])
    assert a.lanrage("status")["party"] == before["party"] and a.lanrage("status")["self"] == before["self"]
    assert a.lanrage("settings") == settings
    wait_until(lambda: connected(a, b), BACK_S, "connected")
    ping_first_reply(b, address_of(a), 10)
    assert service_said(a, "dataplane", "dataplane/party", "damaged")
    assert [service["restarts"] for service in a.lanrage("status")["services"].values()] == [0] * len(SERVICES)


def test_game_servers_survive_damage_as_far_as_they_can(lab):
    """The kept game servers are damaged: they are set aside, not written over, and new ones can be kept."""
    a = lab.public("a", wire=False)
    path = f"{a.state_dir}/browser/servers"
    a.start_lanraged()
    for kind in DAMAGE:
        add_server(a, kind)
        wait_until(lambda: os.path.exists(path), BACK_S, "kept")
        a.stop_lanraged()
        with open(path, "rb") as file:
            data = DAMAGE[kind](file.read())
        overwrite(path, data)
        a.start_lanraged()
        assert a.lanrage("servers") == []
        with open(f"{path}.bad", "rb") as file:
            assert file.read() == data
        assert service_said(a, "browser", path, "servers.bad")


def add_server(host, name, address="10.66.0.2"):
    with open(f"{host.run_dir}/token") as file:
        token = file.read().strip()
    body = f'{{"id": "{name}", "name": "arena", "game": "quake3", "address": "{address}:27960"}}'.encode()
    with host.socket(kind=socket.SOCK_STREAM, timeout=10) as sock:
        sock.connect(("127.0.0.1", 8666))
        sock.sendall(b"POST /api/v1/servers HTTP/1.1\r\nHost: 127.0.0.1:8666\r\nContent-Type: application/json\r\n"
                     b"Authorization: Bearer " + token.encode() + b"\r\n" + f"Content-Length: {len(body)}\r\n\r\n".encode()
                     + body)
        assert b" 201 " in sock.recv(4096)


def test_the_servers_and_the_relays_files(lab):
    """
    The same for what the server and the relay keep. Precious: the server's database and ticket key, the relay's keys and
    whose tickets it accepts. The relay's bindings only help.
    """
    server, relay, a, b = friends(lab)
    url, party = f"ws://{server.addr4}:8667", a.lanrage("status")["party"]
    assert server.stop("lanrage-server") == 0 and relay.stop("lanrage-relay") == 0
    commands_of = {server: [server._binary("lanrage-server"), "--listen", f"{server.addr4}:8667", "--state",
                            f"{server.dir}/server"],
                   relay: [relay._binary("lanrage-relay"), "--listen", f"{relay.addr4}:51820", "--server", url, "--state",
                           f"{relay.dir}/relay"]}
    cases = [(server, "server/server.db", kind) for kind in ("empty", "cut", "garbage")] + \
            [(host, name, kind) for kind in ("empty", "cut", "longer") for host, name in (
                (server, "server/ticket.key"), (relay, "relay/wireguard.key"), (relay, "relay/identity.key"),
                (relay, "relay/ticket.key"))]
    for host, name, kind in cases:
        with damaged(f"{host.dir}/{name}", kind):
            said = refused(host, commands_of[host])
            assert f"{host.dir}/{name}" in said and "damaged" in said and re.search("back|move it away|remove", said), \
                (name, kind, said)
    with damaged_version(f"{server.dir}/server/server.db", 99):
        assert "another version" in refused(server, commands_of[server])
    server.start_server()
    for kind in DAMAGE:
        with open(f"{relay.dir}/relay/bindings", "rb") as file:
            data = DAMAGE[kind](file.read())
        overwrite(f"{relay.dir}/relay/bindings", data)
        relay.start_relay(url)
        assert relay.stop("lanrage-relay") == 0
    relay.start_relay(url)
    with open(f"{relay.dir}/lanrage-relay.log") as file:
        assert "relay/bindings cannot be used" in file.read()
    wait_until(lambda: a.lanrage("status")["server"]["state"] == "connected", 60, "the server is found")
    assert a.lanrage("status")["party"] == party
    a.lanrage("invite")
