"""The kinds of tunnel that engine.py compares, each as it is fastest between two machines joined by one cable of
MTU 1500. engine_pair.py draws the topology and has the kinds that tests use, too."""
import json
import os
import subprocess
import sys

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.join(TESTS, "scenario")]
from engine_pair import MTU, Ours, Pair, PORT, Side, WireguardGo, wait_for  # noqa: E402, F401
from lab import traffic  # noqa: E402
from lab.wire import REPO, build_dir  # noqa: E402

CABLE_MTU = 1500
NEBULA_OVERHEAD = 20 + 8 + 16 + 16      # IPv4, UDP, header, tag
OPENVPN_OVERHEAD = 20 + 8 + 8 + 16      # IPv4, UDP, opcode and number, tag
NEBULA_BUFFER = 4 << 20
WHOLE_BYTES = 5_000_000                 # what must pass unchanged each way before anything is measured


def run(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{words[0]}: {done.stdout}{done.stderr}")
    return done.stdout


class Program(Side):
    """A tunnel that is one program which gets all it must know when it starts."""
    mtu = MTU
    own_addresses = False   # whether the program sets interface and addresses up itself

    @property
    def other(self):
        return next(side for side in self.pair.sides if side is not self)

    def arguments(self):
        raise NotImplementedError

    def prepare(self):
        """What all sides need before any of them starts: asked of each."""

    def start(self):
        for side in self.pair.sides:
            side.prepare()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.netns.command(self.arguments()), stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL)
        wait_for(lambda: self.process.poll() is not None or self.has_interface(), 10, "no interface comes")
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.arguments()}: {self.log()}")

    def has_interface(self):
        return self.run(["ip", "link", "show", self.interface], check=False).returncode == 0

    def set_up(self, *_, **__):
        if not self.own_addresses:
            self.netns.ip(f"link set {self.interface} mtu {self.mtu} up",
                          f"addr add {self.inner[4]}/24 dev {self.interface}")


class Plain(Program):
    """plain.c: the same packets and system calls, nothing encrypted."""
    options = []

    def arguments(self):
        return [os.path.join(build_dir(), "tests", "plain"), *self.options, self.interface, PORT, self.other.outer[4],
                PORT]

    def set_up(self, *_, **__):
        self.netns.ip(f"link set {self.interface} arp off")
        super().set_up()


class Sealed(Plain):
    """The same, and every packet sealed with the cipher of ours."""
    options = ["-s"]


class SealedTwo(Plain):
    """The same again, with a thread of control for each direction."""
    options = ["-s", "-2"]


class Nebula(Program):
    """nebula of Debian 13. A second routine and ChaCha20 cost more than they bring on two processors with AES."""
    mtu = CABLE_MTU - NEBULA_OVERHEAD
    own_addresses = True
    settings = {
        "cipher": "aes", "routines": 1,
        "listen": {"host": "0.0.0.0", "port": PORT, "batch": 64, "read_buffer": NEBULA_BUFFER,
                   "write_buffer": NEBULA_BUFFER},
        "tun": {"mtu": CABLE_MTU - NEBULA_OVERHEAD, "tx_queue": 2000},
    }

    def bin(self, name):
        return os.path.join(REPO, "build/peers/usr/bin", name)

    def prepare(self):
        if os.path.exists(f"{self.dir}/crt"):
            return
        run(os.path.join(REPO, "tests/peers/fetch.sh"), "nebula")
        ca = f"{self.pair.dir}/ca"
        if not os.path.exists(f"{ca}.crt"):
            run(self.bin("nebula-cert"), "ca", "-name", "bench", "-out-crt", f"{ca}.crt", "-out-key", f"{ca}.key")
        run(self.bin("nebula-cert"), "sign", "-ca-crt", f"{ca}.crt", "-ca-key", f"{ca}.key", "-name", self.name, "-ip",
            f"{self.inner[4]}/24", "-out-crt", f"{self.dir}/crt", "-out-key", f"{self.dir}/key")

    def arguments(self):
        everything = [{"port": "any", "proto": "any", "host": "any"}]
        config = {
            **self.settings,
            "tun": {**self.settings["tun"], "dev": self.interface},
            "pki": {"ca": f"{self.pair.dir}/ca.crt", "cert": f"{self.dir}/crt", "key": f"{self.dir}/key"},
            "static_host_map": {self.other.inner[4]: [f"{self.other.outer[4]}:{PORT}"]},
            "lighthouse": {"am_lighthouse": False, "hosts": []},
            "firewall": {"outbound": everything, "inbound": everything},
            "logging": {"level": "warning"},
        }
        with open(f"{self.dir}/config.yml", "w") as file:
            json.dump(config, file)     # which is YAML, too
        return [self.bin("nebula"), "-config", f"{self.dir}/config.yml"]


class OpenVpn(Program):
    """OpenVPN of Debian 12 without its kernel module. TLS between two that know each other's fingerprint: a static key
    would allow no AEAD. Larger socket buffers and queues make its delay longer, and it no faster."""
    mtu = CABLE_MTU - OPENVPN_OVERHEAD
    own_addresses = True
    cipher = "AES-128-GCM"
    settings = ["--fast-io"]

    def prepare(self):
        if not os.path.exists(f"{self.dir}/crt"):
            run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days", 2, "-subj", f"/CN={self.name}", "-out", f"{self.dir}/crt", "-keyout", f"{self.dir}/key")

    def fingerprint(self):
        said = run("openssl", "x509", "-in", f"{self.dir}/crt", "-noout", "-fingerprint", "-sha256")
        return said.split("=")[1].strip()

    def arguments(self):
        first = self.name == "a"
        return ["openvpn", "--dev", self.interface, "--dev-type", "tun", "--proto", "udp4", "--local", self.outer[4],
                "--remote", self.other.outer[4], "--port", PORT, "--ifconfig", self.inner[4], self.other.inner[4],
                "--tls-client" if first else "--tls-server", *([] if first else ["--dh", "none"]),
                "--cert", f"{self.dir}/crt", "--key", f"{self.dir}/key", "--peer-fingerprint", self.other.fingerprint(),
                "--data-ciphers", self.cipher, "--tun-mtu", self.mtu, "--mssfix", 0, "--reneg-sec", 0, "--disable-dco",
                "--verb", 1, *self.settings]


KINDS = {"ours": Ours, "wireguard-go": WireguardGo, "nebula": Nebula, "openvpn": OpenVpn, "plain": Plain,
         "sealed": Sealed, "sealed-two": SealedTwo}


def open_tunnel(name):
    """A Pair of one kind, that has shown to bring over what it is given; it must be closed."""
    pair = Pair(KINDS[name], KINDS[name])
    try:
        warm(pair)
        traffic.tcp_transfer(pair.a, pair.b, WHOLE_BYTES, address=pair.b.inner[4])
    except BaseException:
        pair.close()
        raise
    return pair


def warm(pair):
    """Packets pass again, after whatever was before: keys may have grown old, queues may be full."""
    for _ in range(10):
        if pair.a.ping(pair.b.inner[4], count=3, wait=1)[0] == 0:
            return
    raise RuntimeError(f"no packet passes\n{pair.logs()}")
