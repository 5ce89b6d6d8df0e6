"""Real games in the lab: starting them as a player's user, driving their windows, and seeing what they search by."""
import contextlib
import os
import re
import signal
import subprocess
import time

from lab import wait_until
from lab.capture import Capture, read_pcap
from party import address_of

USER = 65534        # many games refuse to run as root
SOON_S = 60
STOP_S = 3
STEP_S = 0.7        # between two things that a player does in a menu
PCAP_HEADER = 24
CORNER = -2000


def home_of(host):
    """The player's home on that host."""
    home = f"{host.dir}/home"
    if not os.path.exists(home):
        os.mkdir(home)
        os.chown(home, USER, USER)
    return home


def as_player(host, words, **environment):
    """The command that runs words as the player, with no display."""
    settings = {"HOME": home_of(host), "PATH": "/usr/games:/usr/bin:/bin", "SDL_AUDIODRIVER": "dummy",
                "SDL_VIDEODRIVER": "dummy", "LIBGL_ALWAYS_SOFTWARE": "1", **environment}
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "env", "-i",
            *(f"{name}={value}" for name, value in settings.items()), *(str(word) for word in words)]


class Screen:
    """A display that only the programs in the host's namespace reach; mouse and keyboard for it."""

    def __init__(self, host):
        self.host = host

    def __enter__(self):
        words = ["Xvfb", "-displayfd", 1, "-nolisten", "tcp", "-nolisten", "unix", "-noreset", "-screen", 0,
                 "640x480x24"]
        self._process = self.host.popen(as_player(self.host, words), name="xvfb", stdout=subprocess.PIPE)
        self.name = f":{self._process.stdout.readline().decode().strip()}"
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.communicate(timeout=STOP_S)

    def do(self, *words, check=True):
        """One command of xdotool; what it said."""
        return self.host.run(as_player(self.host, ["xdotool", *words], DISPLAY=self.name), check=check).stdout

    def window(self):
        """Waits for a window, and gives it the keyboard."""
        window = wait_until(lambda: self.do("search", "--onlyvisible", "--name", ".", check=False).split(), SOON_S,
                            "a window opens")[-1]
        self.do("windowfocus", "--sync", window)

    def keys(self, *names):
        for name in names:
            self.do("key", name)
            time.sleep(STEP_S)

    def click(self, x, y, times=1):
        self.do("mousemove", x, y, "click", "--repeat", times, "--delay", 50, 1)
        time.sleep(STEP_S)

    def click_own(self, x, y):
        """The same in a game that moves a pointer of its own by what the mouse moves."""
        for to in ((CORNER, CORNER), (x, y)):
            self.do("mousemove_relative", "--", *to)
            time.sleep(STEP_S / 2)
        self.do("click", 1)
        time.sleep(STEP_S)


class Search(Capture):
    """What goes by in search of servers, on all interfaces of one host; to be looked at while it runs."""

    def __init__(self, host, ports):
        super().__init__(host, "any", f"udp portrange {ports}" if "-" in str(ports) else f"udp port {ports}")
        self.own = {host.addr4, address_of(host)}

    def __enter__(self):
        super().__enter__()
        return self

    def seen(self):
        if os.path.getsize(self.path) < PCAP_HEADER:
            return []
        return list(read_pcap(self.path))

    def asked(self):
        """(address, port) of all to which this host has sent."""
        return {(packet.dst, packet.dport) for packet in self.seen() if packet.src in self.own}

    def answered(self, server):
        """Waits until something came from the server's address in the party."""
        address = address_of(server)
        wait_until(lambda: any(packet.src == address for packet in self.seen()), SOON_S, f"{server.name} answers")


class Games(contextlib.ExitStack):
    """What one test starts on the members' machines; ended with it."""

    def __init__(self, members, screen):
        super().__init__()
        self.a, self.b, self.c = members
        self.screen = screen

    def search(self, ports):
        """What a sends to find servers, and what comes; a context manager."""
        return Search(self.a, ports)

    def start(self, host, *words, name=None, on_screen=False, **options):
        """Starts a program, on the screen or with none; its output is in its log."""
        environment = {"DISPLAY": self.screen.name, "SDL_VIDEODRIVER": "x11"} if on_screen else {}
        name = name or words[0]
        process = host.popen(as_player(host, ["stdbuf", "-oL", *words], **environment), name=name,
                             start_new_session=True, **options)
        self.callback(self._end, process)
        return process

    @staticmethod
    def _end(process):
        for sig in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, sig)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S)
        if process.stdin:
            process.stdin.close()

    def serve(self, host, port, *words, protocol="udp", **options):
        """Starts a server, and waits until it listens."""
        process = self.start(host, *words, **options)
        wait_until(lambda: host.netns.port_is_bound(protocol, port), SOON_S, f"{words[0]} listens")
        return process

    def run(self, host, *words):
        """What a program said that ends by itself."""
        return host.run(as_player(host, words), timeout=SOON_S).stdout

    def file(self, host, path, *lines):
        """Puts a file into the player's home; its path."""
        path = f"{home_of(host)}/{path}"
        self.run(host, "mkdir", "-p", os.path.dirname(path))
        with open(path, "w") as file:
            file.writelines(f"{line}\n" for line in lines)
        os.chown(path, USER, USER)
        return path

    def said(self, host, name, text):
        with open(f"{host.dir}/{name}.log", errors="replace") as file:
            return re.search(text, file.read())

    def says(self, host, name, text):
        """Waits until the program has written what matches text; the match."""
        return wait_until(lambda: self.said(host, name, text), SOON_S, f"{name} on {host.name} says {text}",
                          interval=0.2)

    def until(self, host, name, text, *steps):
        """Takes the steps in turn, and again, until the program has written what matches text."""
        deadline = time.monotonic() + SOON_S
        while time.monotonic() < deadline:
            for step in steps:
                if self.said(host, name, text):
                    return
                step()
        raise TimeoutError(f"{name} on {host.name} does not say {text}")

    @staticmethod
    def type_line(process, line):
        process.stdin.write(f"{line}\n".encode())
        process.stdin.flush()
