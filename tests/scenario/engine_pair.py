"""Two machines joined by a cable, each with a WireGuard of some kind, and runs that take longer than a test should.

          [ns a]  eth0 ----------------- eth0  [ns b]
                  192.0.2.1/24           192.0.2.2/24
                  2001:db8:2::1/64       2001:db8:2::2/64
          tunnel  10.9.0.1/24            10.9.0.2/24
                  fd09::1/64             fd09::2/64
"""
import atexit
import fcntl
import itertools
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

from lab import netns, wire

REPO = wire.REPO
PORT = 51820
MTU = 1420
TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
IFREQ = struct.Struct("16sH22x")
SYSTEM_SOCKETS = "/var/run/wireguard"
FIRST_NUMBER = 500  # of our namespaces' names, beyond those of the labs of this process

_numbers = itertools.count(1)


def dataplane_program():
    return os.path.join(wire.build_dir(), "bin", "lanrage-dataplane")


def wireguard_go():
    """Path of wireguard-go of bookworm-backports, fetched if it is not there."""
    subprocess.run([os.path.join(REPO, "tests/peers/fetch.sh"), "wireguard-go"], check=True, stdout=subprocess.DEVNULL)
    return os.path.join(REPO, "build/peers/usr/bin/wireguard-go")


def client_program():
    """Path of dataplane-client, which `make test-tools` builds."""
    return os.path.join(wire.build_dir(), "tests", "dataplane-client")


def wait_for(condition, timeout, what):
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.02)


class Side:
    """One machine: its namespace, its interface and the key made for it."""

    def __init__(self, pair, name, number, namespace=None, listen_port=PORT):
        self.pair, self.name, self.number, self.listen_port = pair, name, number, listen_port
        self.netns = namespace or netns.Namespace(f"{pair.id}-{name}")
        self.dir = os.path.join(pair.dir, name)
        os.mkdir(self.dir)
        self.interface = f"lt{os.getpid() % 1000000}{pair.letter}{name}"  # one name for all of the machine
        self.outer = {4: f"192.0.2.{number}", 6: f"2001:db8:2::{number}"}
        self.inner = {4: f"10.9.0.{number}", 6: f"fd09::{number}"}
        self.private_key = subprocess.run(["wg", "genkey"], check=True, capture_output=True, text=True).stdout.strip()
        self.public_key = subprocess.run(["wg", "pubkey"], check=True, capture_output=True, text=True,
                                         input=self.private_key).stdout.strip()
        self.process = None

    @property
    def log_path(self):
        return os.path.join(self.dir, "log")

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def run(self, cmd, **options):
        return self.netns.run(cmd, **options)

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_DGRAM, bind=None, timeout=2.0):
        """A Python socket that lives in the namespace, as a lab's host gives it."""
        with self.netns.inside():
            made = socket.socket(family, kind)
        made.settimeout(timeout)
        if bind:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(bind)
        return made

    def secret_file(self, name, text):
        path = os.path.join(self.dir, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text + "\n")
        return path

    def wg(self, *words, check=True):
        return self.run(["wg", *words], check=check)

    def set_up(self, other, underlay, initiator):
        """Gives the interface its key, its one peer and its addresses. Who is no initiator is not told an endpoint."""
        key = self.secret_file("key", self.private_key)
        preshared = self.secret_file("preshared", self.pair.preshared_key)
        words = ["peer", other.public_key, "preshared-key", preshared, "allowed-ips",
                 f"{other.inner[4]}/32,{other.inner[6]}/128"]
        if initiator:
            host = f"[{other.outer[6]}]" if underlay == 6 else other.outer[4]
            words += ["endpoint", f"{host}:{other.port()}"]
        self.wg("set", self.interface, "private-key", key, *words)
        self.netns.ip(f"link set {self.interface} mtu {MTU} up",
                      f"addr add {self.inner[4]}/24 dev {self.interface}",
                      f"addr add {self.inner[6]}/64 dev {self.interface} nodad")

    def port(self):
        return int(self.wg("show", self.interface, "listen-port").stdout)

    def peer(self):
        """The one line of `wg show dump` about the peer."""
        line = self.wg("show", self.interface, "dump").stdout.splitlines()[1].split("\t")
        return {"public_key": line[0], "preshared_key": line[1], "endpoint": line[2],
                "allowed_ips": set(line[3].split(",")), "handshake": int(line[4]), "rx": int(line[5]),
                "tx": int(line[6])}

    def ping(self, address, count=5, interval=0.02, wait=2):
        """Loss in packets, and the output."""
        done = self.run(["ping", "-n", "-c", str(count), "-i", str(interval), "-W", str(wait), address], check=False,
                        timeout=count * interval + 30)
        return lost(done.stdout), done.stdout

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def lost(output):
    sent, received = re.search(r"(\d+) packets transmitted, (\d+) received", output).groups()
    return int(sent) - int(received)


class Ours(Side):
    """lanrage-dataplane alone: this opens what the launcher would open, and keeps it over restarts."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.run_dir, self.state_dir = os.path.join(self.dir, "run"), os.path.join(self.dir, "state")
        for folder in (self.run_dir, self.state_dir):
            os.makedirs(os.path.join(folder, "dataplane"))
        self.own_socket = os.path.join(self.run_dir, f"{self.interface}.sock")
        self.system_socket = os.path.join(SYSTEM_SOCKETS, f"{self.interface}.sock")
        self.stun = None  # svc-nat's end
        self.descriptors = self._open()

    def _open(self):
        os.makedirs(SYSTEM_SOCKETS, exist_ok=True)
        self.stun, stun = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with self.netns.inside():
            tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(tap, TUNSETIFF, IFREQ.pack(self.interface.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
            udp4 = self._udp(socket.AF_INET, "0.0.0.0")
            udp6 = self._udp(socket.AF_INET6, "::")
        self.netns.ip(f"link set {self.interface} arp off")
        stun.setblocking(False)
        return {"tap": tap, "udp4": udp4.detach(), "udp6": udp6.detach(), "stun": stun.detach(),
                "uapi": self._listen(self.own_socket), "uapi-system": self._listen(self.system_socket)}

    def _udp(self, family, address):
        made = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((address, self.listen_port))
        return made

    @staticmethod
    def _listen(path):
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        made.bind(path)
        made.listen(16)
        return made.detach()

    def start(self):
        names = list(self.descriptors)
        high = [fcntl.fcntl(self.descriptors[name], fcntl.F_DUPFD_CLOEXEC, 200) for name in names]

        def take_descriptors():
            for number, fd in enumerate(high):
                os.dup2(fd, 3 + number)

        environment = {**os.environ, "LISTEN_FDS": str(len(names)), "LISTEN_FDNAMES": ":".join(names),
                       "LANRAGE_SAME_UID": "1"}
        # ip and sh replace themselves, so the pid is the service's
        command = self.netns.command(["sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh", dataplane_program(), "--run",
                                      self.run_dir, "--state", self.state_dir])
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                                            close_fds=False, preexec_fn=take_descriptors)
        for fd in high:
            os.close(fd)
        self.wait_ready()

    def wait_ready(self):
        ready = self.log().count("dataplane: ready")
        wait_for(lambda: self.process.poll() is not None or self.log().count("dataplane: ready") > ready
                 or self.answers(), 20, "lanrage-dataplane does not start")
        if self.process.poll() is not None:
            raise RuntimeError(self.log())

    def answers(self):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(0.2)
            try:
                client.connect(self.own_socket)
                client.sendall(b"get=1\n\n")
                return client.recv(16) != b""
            except OSError:
                return False

    def ask(self, *words, check=True):
        """What dataplane-client prints (see there), as [name, value...] lines."""
        done = self.run([client_program(), self.run_dir, *words], check=False, timeout=20)
        if check and done.returncode:
            raise RuntimeError(f"{words}: {done.stdout}{done.stderr}")
        return [line.split() for line in done.stdout.splitlines()]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        super().stop()
        for fd in self.descriptors.values():
            os.close(fd)
        self.descriptors = {}
        self.stun.close()
        if os.path.exists(self.system_socket):
            os.unlink(self.system_socket)


class WireguardGo(Side):
    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.netns.command([wireguard_go(), "-f", self.interface]), stdout=log,
                                            stderr=log, stdin=subprocess.DEVNULL,
                                            env={**os.environ, "LOG_LEVEL": "error"})
        wait_for(lambda: os.path.exists(os.path.join(SYSTEM_SOCKETS, f"{self.interface}.sock")), 10,
                 "wireguard-go does not start")
        self.wg("set", self.interface, "listen-port", str(self.listen_port))


class Pair:
    def __init__(self, kind_a=Ours, kind_b=Ours, underlay=4, initiator="a", configure=True):
        number = next(_numbers)
        self.id = f"lr{os.getpid()}-{FIRST_NUMBER + number}"
        self.letter = "abcdefghijklmnopqrstuvwxyz"[number % 26] + (str(number // 26) if number > 25 else "")
        self.dir = tempfile.mkdtemp(prefix="lre-")  # short: socket paths are
        self.preshared_key = subprocess.run(["wg", "genpsk"], check=True, capture_output=True, text=True).stdout.strip()
        self.sides = []
        self.background = None
        atexit.register(self.close)
        try:
            for index, kind in enumerate((kind_a, kind_b)):
                self.sides.append(kind(self, "ab"[index], index + 1))
            self._connect()
            for side in self.sides:
                side.start()
            for side, other in (self.sides, self.sides[::-1]) if configure else ():
                side.set_up(other, underlay, initiator=side.name == initiator)
        except BaseException:
            self.close()
            raise
        self.a, self.b = self.sides
        self.initiator, self.responder = (self.a, self.b) if initiator == "a" else (self.b, self.a)

    def _connect(self):
        a, b = (side.netns.name for side in self.sides)
        subprocess.run(["ip", "link", "add", "eth0", "netns", a, "type", "veth", "peer", "name", "eth0", "netns", b],
                       check=True)
        for side in self.sides:
            side.netns.ip("link set eth0 up", f"addr add {side.outer[4]}/24 dev eth0",
                          f"addr add {side.outer[6]}/64 dev eth0 nodad")

    def logs(self):
        return "".join(f"---- {side.name} ({type(side).__name__})\n{side.log()}" for side in self.sides
                       if os.path.exists(side.log_path))

    def start_pings(self, seconds, per_second):
        """Pings from the initiator, in the background."""
        self.background = subprocess.Popen(
            self.initiator.netns.command(["ping", "-n", "-q", "-i", str(1 / per_second), "-c",
                                          str(seconds * per_second), self.responder.inner[4]]),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def close(self):
        atexit.unregister(self.close)
        if self.background and self.background.poll() is None:
            self.background.kill()
        for side in self.sides:
            side.stop()
        netns.remove_namespaces([side.netns.name for side in self.sides])
        self.sides = []
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


class LongRuns:
    """Pings over 250 s, so across two renewals of the keys, for each kind of pair; started once for the whole session.

    Whoever asks first starts them, so that they run beside the other tests; who checks waits for what is left. Meanwhile
    the initiator is asked every LOOK_S seconds when its last handshake was.
    """
    LOOK_S = 10
    SECONDS, PER_SECOND = 250, 5
    KINDS = {
        "ours-ours-ipv4": (Ours, Ours, 4),
        "ours-wireguard-go-ipv4": (Ours, WireguardGo, 4),
        "ours-wireguard-go-ipv6": (Ours, WireguardGo, 6),
        "wireguard-go-ours-ipv4": (WireguardGo, Ours, 4),
        "wireguard-go-ours-ipv6": (WireguardGo, Ours, 6),
    }
    pairs = {}
    handshakes = {}     # of each kind: every one that was seen
    lock = threading.Lock()     # of both

    @classmethod
    def _look(cls, name):
        handshake = cls.pairs[name].initiator.peer()["handshake"]
        if handshake not in cls.handshakes[name]:
            cls.handshakes[name].append(handshake)

    @classmethod
    def _watch(cls):
        while cls.pairs:
            with cls.lock:
                for name in cls.pairs:
                    cls._look(name)
            time.sleep(cls.LOOK_S)

    @classmethod
    def start(cls):
        if not cls.pairs:
            cls._start_all()
            threading.Thread(target=cls._watch, daemon=True).start()

    @classmethod
    def _start_all(cls):
        for name, (initiator, responder, underlay) in cls.KINDS.items():
            pair = Pair(initiator, responder, underlay)
            pair.initiator.ping(pair.responder.inner[4], count=1, wait=5)  # the first handshake
            cls.pairs[name], cls.handshakes[name] = pair, []
            cls._look(name)
            pair.start_pings(cls.SECONDS, cls.PER_SECOND)

    @classmethod
    def finish(cls, name):
        """(packets lost, renewals of keys, output, logs)"""
        output = cls.pairs[name].background.communicate(timeout=cls.SECONDS + 60)[0]
        with cls.lock:
            cls._look(name)
            pair = cls.pairs.pop(name)
        with pair:
            seen = cls.handshakes[name]
            output += f"\nhandshakes after {[one - seen[0] for one in seen]} s\n"
            return lost(output), len(seen) - 1, output, pair.logs()
