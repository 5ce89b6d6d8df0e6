"""One network namespace: made, entered, filled with processes, and removed with everything in it.

Names are lr<pid>-<n>-<node>: the pid of the program that owns the lab, the number of the lab in that program.
So labs live side by side, and one whose owner died is recognised and swept away by the next.
"""
import contextlib
import ctypes
import os
import re
import shutil
import signal
import subprocess
import time

NETNS_DIR = "/run/netns"
NAMES_DIR = "/etc/netns"    # what `ip netns exec` lays over /etc
TEMP_PREFIX = "/tmp/lanrage-lab-"
LAB_ID = re.compile(r"lr(\d+)-(\d+)")
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _setns(fd):
    if _libc.setns(fd, _CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"setns: {os.strerror(error)}")


class Namespace:
    def __init__(self, name):
        self.name = name
        subprocess.run(["ip", "netns", "add", name], check=True)
        try:
            self.sysctl("net.ipv6.conf.all.accept_ra", 0)
            self.sysctl("net.ipv6.conf.default.accept_ra", 0)
            self.sysctl("net.ipv6.conf.default.accept_dad", 0)
            self.sysctl("net.ipv4.conf.all.rp_filter", 0)
            self.sysctl("net.ipv4.conf.default.rp_filter", 0)
            self.ip("link set lo up")
        except BaseException:
            self.remove()
            raise

    @contextlib.contextmanager
    def inside(self):
        """The calling thread is in the namespace: sockets opened and /proc/net files read here belong to it."""
        with open("/proc/thread-self/ns/net", "rb") as home, open(f"{NETNS_DIR}/{self.name}", "rb") as there:
            _setns(there.fileno())
            try:
                yield
            finally:
                _setns(home.fileno())

    def command(self, cmd):
        """The argument list that runs cmd (a list, or a string for the shell) in the namespace."""
        words = ["sh", "-c", cmd] if isinstance(cmd, str) else [str(word) for word in cmd]
        return ["ip", "netns", "exec", self.name, *words]

    def run(self, cmd, check=True, timeout=30, stdin=None):
        """Runs cmd to its end (timeout in seconds) and returns the CompletedProcess, output as text."""
        done = subprocess.run(self.command(cmd), input=stdin, capture_output=True, text=True, timeout=timeout)
        if check and done.returncode != 0:
            raise RuntimeError(f"{self.name}: {cmd!r} ended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def ip(self, *lines):
        """Feeds lines of `ip` commands, each without the word ip; the first that fails raises."""
        done = subprocess.run(["ip", "-n", self.name, "-batch", "-"], input="\n".join(lines) + "\n",
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{self.name}: {'; '.join(lines)}: {done.stderr}")

    def sysctl(self, key, value):
        with self.inside(), open("/proc/sys/" + key.replace(".", "/"), "w") as file:
            file.write(str(value))

    def names(self, addresses):
        """Programs started in the namespace from now on find these: {name: address}."""
        folder = f"{NAMES_DIR}/{self.name}"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/hosts", "w") as file:
            file.write("127.0.0.1 localhost\n" + "".join(f"{addr} {name}\n" for name, addr in addresses.items()))

    def port_is_bound(self, protocol, port):
        """Whether a socket in the namespace listens (tcp) or is bound (udp) at port."""
        wanted_state = {"tcp": "0A", "udp": "07"}[protocol]
        for family in ("", "6"):
            with self.inside(), open(f"/proc/thread-self/net/{protocol}{family}") as table:
                rows = [line.split() for line in table.readlines()[1:]]
            if any(int(row[1].rsplit(":", 1)[1], 16) == port and row[3] == wanted_state for row in rows):
                return True
        return False

    def remove(self):
        remove_namespaces([self.name])


def namespaces():
    """Names of all namespaces of all labs on this machine."""
    try:
        return sorted(name for name in os.listdir(NETNS_DIR) if LAB_ID.match(name))
    except FileNotFoundError:
        return []


def pids(name):
    """Processes in the namespace, this one excepted."""
    listing = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True).stdout
    return [int(pid) for pid in listing.split() if int(pid) != os.getpid()]


def _signal_all(numbers, sig):
    for pid in numbers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, sig)


def remove_namespaces(names, grace_s=1.0):
    """Ends every process in the namespaces, with SIGKILL after grace_s, and deletes them."""
    deadline = time.monotonic() + grace_s
    alive = [pid for name in names for pid in pids(name)]
    _signal_all(alive, signal.SIGTERM)
    while alive:
        time.sleep(0.02)
        alive = [pid for name in names for pid in pids(name)]
        if time.monotonic() > deadline:
            _signal_all(alive, signal.SIGKILL)
    for name in names:
        subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)
        shutil.rmtree(f"{NAMES_DIR}/{name}", ignore_errors=True)


def owner_lives(pid):
    """Whether the program that made a lab still exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def sweep():
    """Removes what dead programs left: their namespaces, the processes in them and the temporary folders."""
    dead = [name for name in namespaces() if not owner_lives(int(LAB_ID.match(name)[1]))]
    remove_namespaces(dead, grace_s=0)
    for entry in os.listdir("/tmp"):
        match = re.fullmatch(r"lanrage-lab-(\d+)-\d+", entry)
        if match and not owner_lives(int(match[1])):
            shutil.rmtree(f"/tmp/{entry}", ignore_errors=True)
