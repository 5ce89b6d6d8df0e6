"""The launcher with six stand-ins for the services (fake_service.c), in a network namespace of its own.

    /tmp/lanrage-launcher-PID/bin      lanraged, lanrage-dataplane … lanrage-api (all the fake)
                             /run      --run
                             /state    --state
    network namespace lrlaunch-PID     holds the interface and the UDP sockets

A test starts lanraged, looks at what the services were born with, kills something, and looks again.
"""
import contextlib
import ctypes
import fcntl
import grp
import json
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab.programs import wait_until  # noqa: E402
from lab.wire import build_dir  # noqa: E402

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

SERVICES = ["dataplane", "nat", "control", "metrics", "browser", "api"]
HERE = os.path.dirname(os.path.abspath(__file__))
NAMESPACE = f"lrlaunch-{os.getpid()}"
INTERFACE = f"lt{os.getpid()}"  # /var/run/wireguard is the machine's: no other lab may have this name
SYSTEM_SOCKET = f"/var/run/wireguard/{INTERFACE}.sock"
CAP_NET_ADMIN, CAP_NET_RAW = 12, 13


def ip(*words):
    return subprocess.run(["ip", "-n", NAMESPACE, *words], capture_output=True, text=True)


def in_namespace(*words, **options):
    return subprocess.Popen(["ip", "netns", "exec", NAMESPACE, *words], stdin=subprocess.DEVNULL, **options)


@contextlib.contextmanager
def inside():
    """The calling thread is in the namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net", "rb") as home, open(f"/run/netns/{NAMESPACE}", "rb") as there:
        assert libc.setns(there.fileno(), 0x40000000) == 0
        try:
            yield
        finally:
            assert libc.setns(home.fileno(), 0x40000000) == 0


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def status_of(pid):
    with open(f"/proc/{pid}/status") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


class Suite:
    """A place for lanraged: a folder with programs, run and state; and the lanraged that runs there."""

    def __init__(self, folder, programs):
        self.folder, self.bin, self.process = folder, f"{programs}/bin", None
        self.run, self.state = f"{folder}/run", f"{folder}/state"
        self.config = os.path.join(folder, "lanraged.conf")
        self.write_config()

    def write_config(self, **dataplane):
        keys = {"interface": INTERFACE, **dataplane}
        with open(self.config, "w") as file:
            file.write("[dataplane]\n" + "".join(f"{key}={value}\n" for key, value in keys.items()))
        os.chmod(self.config, 0o600)  # closed to the services, as an administrator's may be

    def behave(self, service, words):
        """From its next start on."""
        path = f"{self.state}/{service}"
        os.makedirs(path, exist_ok=True)
        with open(f"{path}/behaviour", "w") as file:
            file.write(words)
        os.chmod(f"{path}/behaviour", 0o644)

    def command(self, *extra):
        return [f"{self.bin}/lanraged", "--run", self.run, "--state", self.state, "--config", self.config, *extra]

    def refused(self, *extra):
        """Starts lanraged, which must not start; returns what it says."""
        with in_namespace(*self.command(*extra), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True) as process:
            said = process.communicate(timeout=20)[0]
        assert process.returncode == 1, said
        return said

    def start(self, ready=SERVICES):
        self.output = open(f"{self.folder}/lanraged.log", "ab")
        self.process = in_namespace(*self.command(), stdout=self.output, stderr=self.output)
        wait_until(lambda: all(self.report(name) for name in ready), 10, "services run")
        return self

    def stop(self, number=signal.SIGTERM, timeout=10):
        self.process.send_signal(number)
        code = self.process.wait(timeout)
        self.process = None
        return code

    def clear(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)

    def services(self):
        with open(f"{self.run}/services.json") as file:
            told = json.load(file)
        # What a killed launcher left is no news.
        return told["services"] if told["launcher"]["pid"] == self.process.pid else {}

    def report(self, service):
        """What the running process of the service was born with, or None while there is no such."""
        try:
            with open(f"{self.run}/{service}/report") as file:
                words = dict(line.rstrip("\n").split("=", 1) for line in file)
            return words if int(words["pid"]) == self.services()[service]["pid"] else None
        except (FileNotFoundError, KeyError):
            return None

    def wait_report(self, service, unlike=None):
        """The report of its running process, once that is another one than `unlike`."""
        def newer():
            report = self.report(service)
            return report if report and int(report["pid"]) != unlike else None
        return wait_until(newer, 10, f"{service} runs")

    def pids(self):
        return [service["pid"] for service in self.services().values() if service["pid"]]

    def log(self, service):
        try:
            with open(f"{self.run}/logs/{service}.log") as file:
                return file.read()
        except FileNotFoundError:  # between two files
            return ""

    def ask(self, text, uid=0, gid=0):
        """One message to launcher.sock as another user; returns the answer."""
        script = ("import os,socket,sys\n"
                  f"os.setgroups([]); os.setresgid({gid},{gid},{gid}); os.setresuid({uid},{uid},{uid})\n"
                  "s=socket.socket(socket.AF_UNIX,socket.SOCK_SEQPACKET); s.settimeout(5)\n"
                  "s.connect(sys.argv[1])\n"
                  "try: s.send(sys.argv[2].encode())\n"
                  "except BrokenPipeError: pass\n"
                  "print(s.recv(500).decode())")
        done = subprocess.run(["/usr/bin/python3", "-c", script, f"{self.run}/launcher.sock", text],
                              capture_output=True, text=True, timeout=10)
        return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


@pytest.fixture(scope="module", autouse=True)
def namespace():
    subprocess.run(["ip", "netns", "add", NAMESPACE], check=True)
    ip("link", "set", "lo", "up")
    yield
    subprocess.run(["ip", "netns", "del", NAMESPACE], check=True)


@pytest.fixture(scope="module")
def programs():
    """bin/ with the real lanraged and six fakes, in a folder that others can pass through."""
    folder = f"/tmp/lanrage-launcher-{os.getpid()}"
    os.makedirs(f"{folder}/bin", 0o755)
    fake = f"{folder}/fake"
    subprocess.run(["gcc", "-std=c11", "-D_GNU_SOURCE", "-O1", "-o", fake, f"{HERE}/fake_service.c"], check=True)
    for name in SERVICES:
        shutil.copy(fake, f"{folder}/bin/lanrage-{name}")
    shutil.copy(f"{build_dir()}/bin/lanraged", f"{folder}/bin/lanraged")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def suite(programs):
    made = Suite(programs, programs)
    try:
        yield made
    finally:
        made.clear()
        wait_until(lambda: ip("link", "show", INTERFACE).returncode != 0, 5, "interface gone")
        for folder in (made.run, made.state):
            shutil.rmtree(folder, ignore_errors=True)


# ---- what services are born with ----

def test_each_service_has_its_own_user_and_no_privileges(suite):
    suite.start()
    ipc, token = grp.getgrnam("lanrage-ipc").gr_gid, grp.getgrnam("lanrage").gr_gid
    for name in SERVICES:
        user = pwd.getpwnam(f"lanrage-{name}")
        status = status_of(suite.services()[name]["pid"])
        assert set(status["Uid"].split()) == {str(user.pw_uid)}
        assert set(status["Gid"].split()) == {str(user.pw_gid)}
        groups = {ipc, token} if name == "api" else {ipc}
        assert {int(group) for group in status["Groups"].split()} == groups
        wanted = 1 << CAP_NET_ADMIN | 1 << CAP_NET_RAW if name == "dataplane" else 0
        for kind in ("CapPrm", "CapEff", "CapInh", "CapAmb"):
            assert int(status[kind], 16) == wanted, (name, kind)
        assert int(status["CapBnd"], 16) == 0
        assert status["NoNewPrivs"] == "1"
        assert user.pw_shell.endswith("nologin")
    assert {pwd.getpwnam(f"lanrage-{name}").pw_uid for name in SERVICES}.isdisjoint({0})
    assert len({pwd.getpwnam(f"lanrage-{name}").pw_uid for name in SERVICES}) == len(SERVICES)


def test_arguments_environment_limits_and_session(suite):
    os.environ["A_SECRET_OF_ROOT"] = "x"
    suite.start()
    del os.environ["A_SECRET_OF_ROOT"]
    for name in SERVICES:
        report = suite.report(name)
        pid = int(report["pid"])
        assert report["arg0"] == f"lanrage-{name}"
        assert [report[f"arg{i}"] for i in range(1, 7)] == [
            "--run", suite.run, "--state", suite.state, "--config", f"{suite.run}/lanraged.conf"]
        assert report["env.LANRAGE_PARENT"] == str(suite.process.pid)
        assert "env.A_SECRET_OF_ROOT" not in report
        assert os.getsid(pid) == pid and os.getpgid(pid) == pid
        with open(f"/proc/{pid}/limits") as file:
            assert re.search(r"Max core file size +0 +0 ", file.read())
        assert status_of(pid)["Umask"] == "0027"
        assert int(status_of(pid)["SigBlk"], 16) == 0
        # signals 32 and 33 are the C library's own: nobody can reset them
        assert int(status_of(pid)["SigIgn"], 16) & 0x7fffffff == 0
        assert report["fd0"] == "/dev/null"
        assert report["fd1"].startswith("pipe:") and report["fd2"] == report["fd1"]


def test_descriptors_come_with_their_names_and_nothing_else(suite):
    suite.start()
    names = {"dataplane": ["tap", "udp4", "udp6", "uapi", "uapi-system", "stun"], "nat": ["stun"]}
    for name in SERVICES:
        report = suite.report(name)
        passed = names.get(name, [])
        if passed:
            assert report["env.LISTEN_FDNAMES"] == ":".join(passed)
            assert report["env.LISTEN_FDS"] == str(len(passed))
            assert report["env.LISTEN_PID"] == report["pid"]
        else:
            assert "env.LISTEN_FDS" not in report
        # Besides: stdin, stdout, stderr, and the fake's own lock.
        assert len([key for key in report if key.startswith("fd")]) == 3 + len(passed) + 1
    assert suite.report("dataplane")["fd3"] == "/dev/net/tun"


def test_interface_is_a_broadcast_tap_without_arp(suite):
    suite.start()
    link = ip("-d", "link", "show", INTERFACE).stdout
    assert "BROADCAST" in link and "MULTICAST" in link and "NOARP" in link
    assert "tun type tap pi off vnet_hdr on" in link
    assert "addrgenmode none" in link
    assert "UP" not in link.split(">")[0]


def test_udp_sockets_have_one_port_which_stays(suite):
    suite.start()
    with open(f"{suite.state}/port") as file:
        port = int(file.read())
    with inside(), open("/proc/thread-self/net/udp") as four, open("/proc/thread-self/net/udp6") as six:
        assert f":{port:04X} " in four.read() and f":{port:04X} " in six.read()
    assert suite.stop() == 0
    suite.start()
    with open(f"{suite.state}/port") as file:
        assert int(file.read()) == port


def test_a_stored_port_in_use_gives_way_to_another(suite):
    os.makedirs(suite.state)
    with inside():
        taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        taken.bind(("0.0.0.0", 0))
    with taken:
        with open(f"{suite.state}/port", "w") as file:
            file.write(f"{taken.getsockname()[1]}\n")
        suite.start()
        with open(f"{suite.state}/port") as file:
            assert int(file.read()) != taken.getsockname()[1]
    assert "is taken by another program" in open(f"{suite.folder}/lanraged.log").read()


def test_the_kernel_backend_gets_no_device_and_no_port(suite):
    suite.write_config(backend="kernel")
    suite.start()
    assert suite.report("dataplane")["env.LISTEN_FDNAMES"] == "uapi:stun"
    assert ip("link", "show", INTERFACE).returncode != 0
    assert not os.path.exists(f"{suite.state}/port")


# ---- the folders ----

def mode_of(path):
    st = os.lstat(path)
    return stat.S_IMODE(st.st_mode), pwd.getpwuid(st.st_uid).pw_name, grp.getgrgid(st.st_gid).gr_name


def test_folders_have_the_right_owners_and_modes(suite):
    suite.start()
    assert mode_of(suite.run) == (0o755, "root", "root")
    assert mode_of(suite.state) == (0o711, "root", "root")
    for name in SERVICES:
        assert mode_of(f"{suite.run}/{name}") == (0o2750, f"lanrage-{name}", "lanrage-ipc")
        assert mode_of(f"{suite.state}/{name}") == (0o700, f"lanrage-{name}", f"lanrage-{name}")
        assert mode_of(f"{suite.run}/logs/{name}.log") == (0o640, "root", "lanrage")
    for name in ("token", "scrape-token"):
        assert mode_of(f"{suite.run}/{name}") == (0o640, "root", "lanrage")
    assert mode_of(f"{suite.run}/lanraged.conf") == (0o640, "root", "lanrage-ipc")
    assert mode_of(f"{suite.run}/services.json") == (0o644, "root", "root")
    assert mode_of(f"{suite.run}/wireguard/{INTERFACE}.sock") == (0o600, "root", "root")
    assert mode_of(SYSTEM_SOCKET) == (0o600, "root", "root")
    assert not [name for name in os.listdir(suite.run) if name.endswith(".new")]


def test_each_start_has_a_new_token(suite):
    tokens = set()
    for _ in range(2):
        suite.start()
        for name in ("token", "scrape-token"):
            with open(f"{suite.run}/{name}") as file:
                token = file.read()
            assert re.fullmatch(r"[0-9a-f]{64}\n", token)
            tokens.add(token)
        suite.stop()
    assert len(tokens) == 4


def test_logs_hold_what_services_say_within_bounds(suite):
    suite.behave("metrics", "flood 150000")  # 15 MB
    suite.start()
    assert "<6>fake nat begins\n" in suite.log("nat")
    wait_until(lambda: f"{149999:099d}\n" in suite.log("metrics"), 20, "all lines written")
    sizes = [os.path.getsize(f"{suite.run}/logs/metrics.log{old}") for old in ("", ".1")]
    assert all(size < 4.2 * 2**20 for size in sizes)


def test_verbose_copies_the_lines_of_services(suite, monkeypatch):
    monkeypatch.setenv("LANRAGE_VERBOSE", "1")
    suite.start()
    wait_until(lambda: "<6>fake api begins\n" in open(f"{suite.folder}/lanraged.log").read(), 5, "copied")


def test_services_json_says_what_runs(suite):
    suite.start()
    with open(f"{suite.run}/services.json") as file:
        told = json.load(file)
    assert told["api"] == "127.0.0.1:8666"
    assert told["launcher"]["pid"] == suite.process.pid
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", told["launcher"]["started_at"])
    assert list(told["services"]) == SERVICES
    now_us = time.clock_gettime(time.CLOCK_BOOTTIME) * 1e6
    for service in told["services"].values():
        assert service["state"] == "running" and service["restarts"] == 0
        assert 0 <= (now_us - service["started_at_us"]) / 1e6 < 20
        assert alive(service["pid"])


# ---- dying and coming back ----

def test_a_killed_service_comes_back_at_once_and_the_rest_stays(suite):
    suite.start()
    before = suite.services()
    link = ip("link", "show", INTERFACE).stdout
    os.kill(before["dataplane"]["pid"], signal.SIGKILL)
    killed = time.monotonic()
    report = suite.wait_report("dataplane", unlike=before["dataplane"]["pid"])
    assert time.monotonic() - killed < 3
    after = suite.services()
    assert after["dataplane"]["restarts"] == 1
    assert after["dataplane"]["last_exit"] == "killed by SIGKILL"
    assert report["env.LISTEN_FDNAMES"] == "tap:udp4:udp6:uapi:uapi-system:stun"
    assert all(after[name] == before[name] for name in SERVICES[1:])
    assert ip("link", "show", INTERFACE).stdout == link
    assert "running -> backoff: killed by SIGKILL; starts again at once" in suite.log("dataplane")


def test_a_service_that_cannot_run_is_tried_less_and_less(suite):
    suite.behave("control", "exit 3")
    suite.start(ready=["api"])
    wait_until(lambda: suite.services()["control"]["restarts"] >= 4, 10, "tried again")
    wait_until(lambda: suite.services()["control"]["state"] == "backoff", 1, "in back-off")
    assert suite.services()["control"]["pid"] is None
    waits = re.findall(r"exited with status 3; starts again (?:in )?(\S+)", suite.log("control"))
    assert waits[:5] == ["at", "0.1", "0.5", "1.0", "2.0"]
    # The cause is gone, somebody asks: it starts now.
    suite.behave("control", "")
    assert suite.ask("restart control") == "ok"
    wait_until(lambda: suite.services()["control"]["state"] == "running", 1, "runs")


def test_the_family_of_a_dead_service_does_not_stay_behind(suite):
    suite.behave("control", "family")
    suite.start()
    child = int(wait_until(lambda: open(f"{suite.run}/control/child").read(), 5, "has a child"))
    assert alive(child)
    os.kill(suite.services()["control"]["pid"], signal.SIGKILL)
    wait_until(lambda: not alive(child), 2, "child gone")
    child = int(wait_until(lambda: open(f"{suite.run}/control/child").read(), 5, "has a child"))
    suite.wait_report("control")
    suite.stop()
    wait_until(lambda: not alive(child), 2, "child gone")


# ---- requests ----

def test_root_and_the_api_may_ask_for_restarts_and_nobody_else(suite):
    suite.start()
    api = pwd.getpwnam("lanrage-api")
    for uid, gid in ((0, 0), (api.pw_uid, api.pw_gid)):
        before = suite.services()["nat"]
        assert suite.ask("restart nat", uid, gid) == "ok"
        suite.wait_report("nat", unlike=before["pid"])
        assert suite.services()["nat"]["restarts"] == before["restarts"] + 1
    before = suite.services()
    control = pwd.getpwnam("lanrage-control")
    assert "PermissionError" in suite.ask("restart nat", control.pw_uid, control.pw_gid)
    assert suite.ask("restart nat", control.pw_uid, api.pw_gid) == "error: only root and the API may ask"
    for text in ("restart", "restart x", "restart nat nat", "stop nat", "x" * 64, "x" * 5000):
        assert suite.ask(text).startswith("error: ")
    assert suite.services() == before


def test_a_crowd_of_silent_clients_locks_nobody_out(suite):
    suite.start()
    crowd = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(60)]
    try:
        for client in crowd:
            client.connect(f"{suite.run}/launcher.sock")
        before = suite.services()["api"]["pid"]
        assert suite.ask("restart api") == "ok"
        suite.wait_report("api", unlike=before)
        assert len(os.listdir(f"/proc/{suite.process.pid}/fd")) < 60
    finally:
        for client in crowd:
            client.close()


# ---- stopping ----

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_leaves_nothing_but_logs(suite, number):
    suite.start()
    pids = suite.pids()
    assert len(pids) == 6
    began = time.monotonic()
    assert suite.stop(number) == 0
    assert time.monotonic() - began < 8
    assert not any(alive(pid) for pid in pids)
    assert os.listdir(suite.run) == ["logs"]
    assert sorted(os.listdir(suite.state)) == sorted([*SERVICES, "lanraged.lock", "port"])
    assert ip("link", "show", INTERFACE).returncode != 0
    assert not os.path.lexists(SYSTEM_SOCKET)
    with inside(), open("/proc/thread-self/net/udp") as table:
        assert len(table.readlines()) == 1
    ends = [line for line in open(f"{suite.folder}/lanraged.log") if "running -> stopped" in line]
    assert [re.search(r"service (\w+):", line)[1] for line in ends[-6:]] == SERVICES[::-1]


def test_a_stubborn_service_is_killed_after_three_seconds(suite):
    suite.behave("browser", "stubborn")
    suite.start()
    pids = suite.pids()
    began = time.monotonic()
    assert suite.stop() == 0
    assert 2.9 < time.monotonic() - began < 10
    assert not any(alive(pid) for pid in pids)
    assert os.listdir(suite.run) == ["logs"]


def test_a_stop_right_after_the_start_is_clean_too(suite):
    for wait in (0.0, 0.01, 0.02, 0.05, 0.1):
        with in_namespace(*suite.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            wait_until(lambda: os.path.exists(f"{suite.run}/lanraged.lock"), 5, "began", interval=0.001)
            time.sleep(wait)
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        assert os.listdir(suite.run) == ["logs"]
        assert ip("link", "show", INTERFACE).returncode != 0


def test_services_die_with_a_killed_launcher_and_a_new_one_starts_over_the_rest(suite):
    suite.start()
    with open(f"{suite.state}/port") as file:
        port = file.read()
    for _ in range(3):
        pids = suite.pids()
        suite.process.kill()
        suite.process.wait(5)
        suite.start()  # at once, while they are dying
        assert not any(alive(pid) for pid in pids)
        assert set(suite.pids()).isdisjoint(pids)
        with open(f"{suite.state}/port") as file:
            assert file.read() == port
    assert stat.S_ISSOCK(os.lstat(SYSTEM_SOCKET).st_mode)
    suite.stop()
    assert os.listdir(suite.run) == ["logs"]
    assert not os.path.lexists(SYSTEM_SOCKET)


def test_it_waits_for_a_service_that_still_lives_and_then_says_so(suite):
    suite.start()
    nat = suite.services()["nat"]["pid"]
    suite.process.kill()
    suite.process.wait(5)
    wait_until(lambda: not alive(nat), 5, "nat dies with the launcher")
    with open(f"{suite.run}/nat/lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as a service does that some other supervisor has started
        said = suite.refused()
    assert "lanrage-nat still runs" in said
    assert os.path.exists(f"{suite.run}/nat/lock")
    suite.start()


# ---- refusals ----

def test_a_second_lanraged_on_the_same_folders_is_refused(suite, tmp_path):
    suite.start()
    other = f"/tmp/lanrage-launcher-other-{os.getpid()}"
    try:
        assert f"another lanraged runs on {suite.state}" in suite.refused()
        assert f"another lanraged runs on {suite.state}" in suite.refused("--run", other)
        assert f"another lanraged runs on {suite.run}" in suite.refused("--state", other)
    finally:
        shutil.rmtree(other, ignore_errors=True)
    assert all(service["state"] == "running" for service in suite.services().values())
    assert len([name for name in SERVICES if suite.report(name)]) == 6


def test_configuration_errors_name_the_file_and_the_key(suite):
    suite.write_config(interfaces="x")
    said = suite.refused()
    assert "interfaces" in said and suite.config in said
    suite.write_config(backend="quick")
    assert "backend=quick" in suite.refused()
    os.unlink(suite.config)
    assert suite.config in suite.refused()
    assert not os.path.exists(suite.run)


def test_a_taken_interface_name_is_refused(suite):
    assert ip("tuntap", "add", "dev", INTERFACE, "mode", "tap").returncode == 0
    try:
        said = suite.refused()
        assert f"interface {INTERFACE} exists already" in said and "interface=" in said
        assert os.listdir(suite.run) == ["logs"]
    finally:
        ip("link", "del", INTERFACE)


def test_a_set_port_in_use_is_refused(suite):
    with inside():
        taken = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        taken.bind(("::", 0))
    with taken:
        port = taken.getsockname()[1]
        suite.write_config(listen_port=port)
        said = suite.refused()
        assert f"UDP port {port} is in use" in said and "listen_port=" in said
        assert os.listdir(suite.run) == ["logs"]
    suite.start()
    with inside(), open("/proc/thread-self/net/udp") as table:
        assert f":{port:04X} " in table.read()


def test_a_live_system_socket_is_a_warning_and_a_stale_one_is_replaced(suite):
    os.makedirs(os.path.dirname(SYSTEM_SOCKET), exist_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(SYSTEM_SOCKET)
        other.listen(1)
        suite.start()
        assert suite.report("dataplane")["env.LISTEN_FDNAMES"] == "tap:udp4:udp6:uapi:stun"
        assert "belongs to a running process" in open(f"{suite.folder}/lanraged.log").read()
        assert stat.S_ISSOCK(os.lstat(f"{suite.run}/wireguard/{INTERFACE}.sock").st_mode)
        suite.stop()
        assert os.path.exists(SYSTEM_SOCKET)  # not ours
    suite.start()
    assert "uapi-system" in suite.report("dataplane")["env.LISTEN_FDNAMES"]


def test_a_folder_with_other_things_is_not_taken_over(suite):
    os.makedirs(f"{suite.run}/wireguard", 0o755)
    with open(f"{suite.run}/wireguard/wg0.conf", "w") as file:
        file.write("precious")
    assert "holds other things" in suite.refused()
    assert open(f"{suite.run}/wireguard/wg0.conf").read() == "precious"
    assert "is not root's alone" in suite.refused("--run", "/tmp")
    closed = f"{suite.folder}/closed"
    os.makedirs(closed, 0o700)
    assert "cannot pass through" in suite.refused("--run", f"{closed}/run")
    assert "too long for sockets" in suite.refused("--run", f"{suite.folder}/{'x' * 70}")


def test_a_missing_program_is_named(suite):
    path = f"{suite.bin}/lanrage-browser"
    os.rename(path, path + ".away")
    try:
        assert f"program {path} is missing" in suite.refused()
    finally:
        os.rename(path + ".away", path)
    assert os.listdir(suite.run) == []


def test_usage_errors_and_other_users():
    lanraged = f"{build_dir()}/bin/lanraged"
    for words in (["--nonsense"], ["extra"], ["--run"]):
        done = subprocess.run([lanraged, *words], capture_output=True, text=True)
        assert done.returncode == 2 and "usage: lanraged" in done.stderr
    done = subprocess.run([lanraged, "--run", "/tmp/x", "--state", "/tmp/y"], capture_output=True, text=True,
                          user=65534, group=65534, extra_groups=[])
    assert done.returncode == 1 and "as root" in done.stderr


# ---- several at once ----

def test_a_build_folder_that_is_closed_to_others_works(suite):
    """As in a home directory: only root can reach the programs."""
    os.chmod(suite.bin, 0o700)
    try:
        suite.start()
        assert len(suite.pids()) == 6
    finally:
        os.chmod(suite.bin, 0o755)


def test_two_first_starts_at_the_same_moment_share_the_users(programs):
    """A machine without the users, played by a copy of /etc in a mount namespace; each in its own network namespace."""
    etc = f"{programs}/etc"
    subprocess.run(["cp", "-a", "/etc", etc], check=True)
    for name in ("passwd", "group", "shadow", "gshadow"):
        subprocess.run(["sed", "-i", "/^lanrage/d", f"{etc}/{name}"], check=True)
    suites = [Suite(f"{programs}/{name}", programs) for name in "ab" if not os.makedirs(f"{programs}/{name}")]
    lines = [" ".join(["unshare", "-n", *suite.command(), f">{suite.folder}/lanraged.log 2>&1 &"]) for suite in suites]
    script = "\n".join([f"mount --bind {etc} /etc", *lines, "wait"])
    with subprocess.Popen(["unshare", "-m", "sh", "-c", script]) as shell:
        try:
            for suite in suites:
                wait_until(lambda: os.path.exists(f"{suite.run}/services.json"), 20, "starts")
                with open(f"{suite.run}/services.json") as file:
                    suite.launcher = json.load(file)["launcher"]["pid"]
            for suite in suites:
                wait_until(lambda: all(os.path.exists(f"{suite.run}/{name}/report") for name in SERVICES), 10, "run")
            logs = [open(f"{suite.folder}/lanraged.log").read() for suite in suites]
            # The machine has one /var/run/wireguard: one of them has it.
            assert sum("belongs to a running process" in log for log in logs) == 1
        finally:
            for suite in suites:
                os.kill(suite.launcher, signal.SIGTERM)
        assert shell.wait(10) == 0
    with open(f"{etc}/passwd") as file:
        assert sorted(line.split(":")[0] for line in file if line.startswith("lanrage")) == sorted(
            f"lanrage-{name}" for name in SERVICES)
    with open(f"{etc}/group") as file:
        assert len([line for line in file if line.startswith("lanrage")]) == 8
    assert sum(log.count(": created (useradd)") for log in logs) == 6
    assert [os.listdir(suite.run) for suite in suites] == [["logs"], ["logs"]]
    assert not os.path.lexists(SYSTEM_SOCKET)
