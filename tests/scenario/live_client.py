"""A reader of the API's live events: WebSocket (RFC 6455) and JSON Patch (RFC 6902), as much as is needed."""
import base64
import json
import os
import socket

from rendezvous_wire import Connection


class Refused(Exception):
    """The answer's status and JSON instead of a WebSocket."""

    def __init__(self, status, answer):
        super().__init__(status, answer)
        self.status, self.answer = status, answer


def _pointer(path):
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def apply(state, patch):
    for operation in patch:
        *way, last = _pointer(operation["path"])
        target = state
        for name in way:
            target = target[name]
        if operation["op"] == "remove":
            del target[last]
        else:
            assert (last in target) == (operation["op"] == "replace"), operation
            target[last] = operation["value"]


class Reader:
    """state is what the messages so far add up to."""

    def __init__(self, host, port, headers, path="/api/v1/events", timeout=10):
        self.sock = host.socket(kind=socket.SOCK_STREAM, timeout=timeout)
        self.sock.connect(("127.0.0.1", port))
        lines = {"Host": f"127.0.0.1:{port}", "Upgrade": "websocket", "Connection": "Upgrade",
                 "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(), "Sec-WebSocket-Version": "13",
                 **headers}
        self.sock.sendall((f"GET {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items())
                           + "\r\n").encode())
        self.connection = Connection(self.sock, client=True)
        head = self.connection.head()
        if " 101 " not in head.split("\r\n")[0]:
            body = b""
            while more := self.sock.recv(65536):
                body += more
            self.sock.close()
            raise Refused(int(head.split()[1]), json.loads(self.connection.buffer + body))
        self.state = self.sequence = None

    def message(self):
        """The next one, applied."""
        message = json.loads(self.connection.receive())
        if message["type"] == "snapshot":
            self.state = message["state"]
        else:
            assert message["sequence"] == self.sequence + 1
            apply(self.state, message["patch"])
        self.sequence = message["sequence"]
        return message

    def until(self, condition):
        """Reads on until condition(state) holds."""
        while self.state is None or not condition(self.state):
            self.message()

    def close(self):
        self.sock.close()
