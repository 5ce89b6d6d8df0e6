"""Steps that many stories share: starting the programs, making a party, joining it, looking at a peer."""
import contextlib
import http.client
import json
import os
import signal

from lab.programs import wait_until

API_PORT = 8666
BACK_S = 30


def start_party(server, relay, *members):
    """Starts server, relay and a lanraged on every member; returns the server's URL."""
    url = server.start_server()
    relay.start_relay(url)
    for member in members:
        member.start_lanraged(url)
    return url


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


def direct_both(a, b):
    """Do both sides send to each other directly?"""
    return all(peer["path"] == "direct" and peer["state"] == "connected"
               for host in (a, b) for peer in host.lanrage("peers"))


class Member:
    """A host whose own API is asked, from inside its namespace."""

    def __init__(self, host):
        self.host = host

    def ask(self, method, path, body=None):
        """(status, JSON) of the host's own API."""
        with open(f"{self.host.run_dir}/token") as file:
            headers = {"Authorization": f"Bearer {file.read().strip()}", "Content-Type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", API_PORT, timeout=20)
        with self.host.netns.inside():
            connection.connect()
        with contextlib.closing(connection):
            connection.request(method, f"/api/v1/{path}", body=json.dumps(body) if body is not None else None,
                               headers=headers)
            response = connection.getresponse()
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
