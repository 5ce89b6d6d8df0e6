"""Steps that many stories share: starting the programs, making a party, joining it, looking at a peer."""
import contextlib
import http.client
import itertools
import json
import os
import signal
import socket

from lab import UdpStream, wait_until

API_PORT = 8666
BACK_S = 30
HANG_S = 5      # a gap longer than this is no gap but the end of the game
_ports = itertools.count(5000)


def start_party(server, relay, *members):
    """Starts server, relay and a lanraged on every member; returns the server's URL."""
    url = server.start_server()
    relay.start_relay(url)
    for member in members:
        member.start_lanraged(url)
    return url


def words(error):
    """All that an error of the API says: what happened, and what to do."""
    return error["message"] + (f"; {error['hint']}" if error["hint"] else "")


def join(host, code, name):
    return host.lanrage("join", code, "--name", name)


def connect(host, *others):
    """host makes a party, the others join it by its code, each under the name of its machine; returns the code."""
    code = host.lanrage("party", "create", "party", "--name", host.name)["code"]
    for other in others:
        join(other, code, other.name)
    return code


def peer_of(host, name):
    """What `peers --json` on host says of the member with that name."""
    found = [peer for peer in host.lanrage("peers") if peer["name"] == name]
    assert len(found) == 1, f"{host.name} lists {name} {len(found)} times"
    return found[0]


def address_of(host):
    return host.lanrage("status")["self"]["virtual_ip"]


def log_of(host, service):
    with open(f"{host.run_dir}/logs/{service}.log", errors="replace") as file:
        return file.read()


def all_by(path, a, b):
    """Do both sides send to each other by such a path?"""
    return all(peer["path"] == path and peer["state"] == "connected"
               for host in (a, b) for peer in host.lanrage("peers"))


def direct_both(a, b):
    return all_by("direct", a, b)


def connected_to(member, n):
    """Are there n others, and has it a session with each?"""
    return [peer["state"] for peer in member.lanrage("peers")] == ["connected"] * n


def connected(*members):
    """Does each have a session with every other one?"""
    return all(connected_to(member, len(members) - 1) for member in members)


def together(*members):
    """Waits until each of them is connected to all the others."""
    for member in members:
        wait_until(lambda: connected_to(member, len(members) - 1), BACK_S, f"{member.name} reaches the others")


def stream(a, b, size=64, pps=100):
    """Packets from a to b, which sends each back."""
    return UdpStream(a, b, address=address_of(b), port=next(_ports), size=size, pps=pps)


def uapi_get(host):
    """What the host's data plane answers to `wg show`."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(30)
        sock.connect(f"{host.run_dir}/wireguard/lanrage0.sock")
        sock.sendall(b"get=1\n\n")
        text = b""
        while not text.endswith(b"\n\n"):
            more = sock.recv(65536)
            if not more:
                raise EOFError
            text += more
    return text.decode()


class Member:
    """A host whose own API is asked, from inside its namespace."""

    def __init__(self, host):
        self.host = host

    def ask(self, method, path, body=None):
        """(status, JSON) of the host's own API; the headers are in self.headers until the next question."""
        with open(f"{self.host.run_dir}/token") as file:
            headers = {"Authorization": f"Bearer {file.read().strip()}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", API_PORT, timeout=20)
        with self.host.netns.inside():
            connection.connect()
        with contextlib.closing(connection):
            connection.request(method, f"/api/v1/{path}", body=json.dumps(body) if body is not None else None,
                               headers=headers)
            response = connection.getresponse()
            self.headers = response.headers
            return response.status, json.loads(response.read())

    def do(self, method, path, body=None):
        status, answer = self.ask(method, path, body)
        assert status in (200, 201), answer
        return answer

    @property
    def me(self):
        return self.host.lanrage("status")["self"]

    def kill(self, service):
        """SIGKILL, and waits until the service is back and answers."""
        before = self.do("GET", "status")["services"][service]
        os.kill(before["pid"], signal.SIGKILL)

        def back():
            try:
                status, answer = self.ask("GET", "status")
            except OSError:
                return False    # the API itself is on its way
            now = answer["services"][service] if status == 200 else before
            return now["restarts"] > before["restarts"] and now["state"] == "running"
        wait_until(back, BACK_S, f"{self.host.name}: {service} is back")
