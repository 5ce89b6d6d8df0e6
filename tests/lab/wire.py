"""The wire between two namespaces, seen from Python; wire.c does the work and documents the settings."""
import os
import socket
import subprocess
import time

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "wire.c")


def build_dir():
    """The folder the programs are built in: LANRAGE_BUILD, or build/ of this repository."""
    return os.path.abspath(os.environ.get("LANRAGE_BUILD") or os.path.join(REPO, "build"))


def program():
    """Path of the wire program, compiled now if it is missing or older than its source."""
    path = os.path.join(build_dir(), "tests", "wire")
    if not os.path.exists(path) or os.path.getmtime(path) < os.path.getmtime(SOURCE):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        fresh = f"{path}.{os.getpid()}"
        subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-o", fresh, SOURCE], check=True)
        os.rename(fresh, path)
    return path


def control(path, line):
    """Sends one line to the wire whose control socket is path and returns the answer; an error raises."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(5)
        client.connect(path)
        client.sendall(line.encode() + b"\n")
        answer = client.recv(1024).decode().strip()
    if answer.split()[:1] != ["ok"]:
        raise ValueError(f"wire {path}: {line}: {answer}")
    return answer[3:]


def settings_words(settings):
    return " ".join(f"{key} {float(value):g}" for key, value in settings.items())


class Wire:
    """A link from ifname_a in namespace a (the site) to ifname_b in namespace b (the internet).

    Directions: "up" from the site to the internet, "down" towards the site, "both".
    """

    def __init__(self, a, ifname_a, b, ifname_b, control_path, log_path):
        self.control_path = control_path
        with open(log_path, "wb") as log:
            self._process = subprocess.Popen([program(), a.name, ifname_a, b.name, ifname_b, control_path],
                                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        if self._process.stdout.readline() != b"ready\n":
            self.close()
            with open(log_path) as log:
                raise RuntimeError(log.read())

    def set(self, direction="both", **settings):
        """Changes settings at once: delay_ms, jitter_ms, reorder, loss (percent), rate_mbit, queue_ms, max_size (bytes
        of IP), blackhole; frames already in the wire keep their time."""
        control(self.control_path, f"set {direction} {settings_words(settings)}")

    def far(self, address, more_ms, direction="both"):
        """Makes the way from and to one IPv4 address longer, by so much in each direction."""
        control(self.control_path, f"far {direction} {address} {more_ms:g}")

    def get(self, direction):
        """Settings and counters of one direction as a dict of numbers."""
        words = control(self.control_path, f"get {direction}").split()
        return {key: float(value) for key, value in zip(words[::2], words[1::2])}

    def wait_empty(self, timeout=5):
        """Waits until nothing is on its way in the wire (timeout in seconds)."""
        deadline = time.monotonic() + timeout
        while self.get("up")["queued"] or self.get("down")["queued"]:
            if time.monotonic() > deadline:
                raise TimeoutError("the wire does not run empty")
            time.sleep(0.005)

    def close(self):
        """Ends the wire; its two interfaces vanish."""
        self._process.stdin.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
