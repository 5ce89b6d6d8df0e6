"""Imitations of Discord that take exactly what its documentation says, and answer as they are told.

Webhook: Execute Webhook over HTTPS. Desktop: the local socket of its desktop program.
"""
import contextlib
import http.server
import json
import os
import socket
import ssl
import struct
import subprocess
import threading
import time
import urllib.parse

CONTENT_MAX = 2000
HANDSHAKE, FRAME, CLOSE, PING, PONG = range(5)


def units(text):
    """The length of a text as Discord counts at its strictest: in UTF-16."""
    return len(text.encode("utf-16-le")) // 2


def make_certificate(folder, *names):
    """A certificate for these names that is its own authority: (certificate, key)."""
    certificate, key = f"{folder}/discord.pem", f"{folder}/discord.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=imitation", "-keyout", key, "-out", certificate,
                    "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names)],
                   check=True, capture_output=True)
    os.chmod(certificate, 0o644)
    return certificate, key


class Reply:
    """What the webhook answers once: a status, headers, a body; or raw bytes instead of HTTP; after a while."""

    def __init__(self, status=200, headers=None, body=b"{}", raw=None, wait=None):
        self.status, self.headers, self.body, self.raw, self.wait = status, headers or {}, body, raw, wait


class Message:
    def __init__(self, path, content):
        self.at, self.path, self.content = time.monotonic(), path, content


class Webhook:
    """An HTTPS server on a host of the lab. `messages` are those that came; `script` the next answers, then all are
    well; `complaints` what was not as documented."""

    def __init__(self, host, path, certificate, key):
        self.path, self.messages, self.script, self.complaints = path, [], [], []
        self.changed = threading.Condition()
        self._host, self._context = host, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._server = None

    def start(self):
        imitation = self

        class Handler(http.server.BaseHTTPRequestHandler):
            timeout = 20

            def do_POST(self):
                imitation._take(self)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def get_request(self):
                sock, address = super().get_request()
                return imitation._context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False), address

            def handle_error(self, *_):
                pass

        with self._host.netns.inside():
            self._server = Server(("0.0.0.0", 443), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        """Away: connections are refused."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def _complain(self, text):
        with self.changed:
            self.complaints.append(text)

    def _check(self, handler, body):
        url = urllib.parse.urlsplit(handler.path)
        if url.path != self.path or url.query != "wait=true":
            self._complain(f"asked for {handler.path}")
        if handler.headers["Host"] != "discord.com" or handler.headers["Content-Type"] != "application/json":
            self._complain(f"headers {handler.headers}")
        if not handler.headers["User-Agent"]:
            self._complain("no User-Agent")
        message = json.loads(body)
        if set(message) != {"content", "allowed_mentions", "flags"} or message["flags"] != 4:
            self._complain(f"fields {message}")
        if message["allowed_mentions"] != {"parse": []}:
            self._complain(f"mentions {message}")
        if not 1 <= units(message["content"]) <= CONTENT_MAX:
            self._complain(f"length {units(message['content'])}")
        return message["content"]

    def _take(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        try:
            content = self._check(handler, body)
        except ValueError as error:
            self._complain(f"{error}: {body!r}")
            content = ""
        with self.changed:
            reply = self.script.pop(0) if self.script else Reply()
            self.messages.append(Message(handler.path, content))
            self.changed.notify_all()
        if reply.wait:
            reply.wait.wait(20)
        with contextlib.suppress(OSError):
            self._answer(handler, reply)

    @staticmethod
    def _answer(handler, reply):
        if reply.raw is not None:
            handler.wfile.write(reply.raw)
            handler.close_connection = True
            return
        handler.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(reply.body)))
        handler.end_headers()
        handler.wfile.write(reply.body)

    def wait_for(self, text, n=1, timeout=20):
        """The first n messages that hold this text, once they are there."""
        def found():
            return [message for message in self.messages if text in message.content]
        with self.changed:
            if not self.changed.wait_for(lambda: len(found()) >= n, timeout):
                raise TimeoutError(f"{text!r} {n} times, not in {[message.content for message in self.messages]}")
            return found()[:n]

    @property
    def lines(self):
        return [line for message in self.messages for line in message.content.split("\n")]


class Desktop:
    """Discord's socket. `activities` are those that were set, None for none; `frames` all that came."""

    def __init__(self, path, app_id):
        self.path, self.app_id = path, app_id
        self.activities, self.complaints, self.pongs, self.greetings = [], [], [], 0
        self.changed, self.greeting = threading.Condition(), None
        self._listener = self._connection = None

    def start(self, greeting=None):
        """greeting: bytes to say instead of READY."""
        self.greeting = greeting
        self._listener = socket.socket(socket.AF_UNIX)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        self._listener.bind(self.path)
        self._listener.listen(4)
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        os.unlink(self.path)
        self.hang_up()

    def hang_up(self):
        with contextlib.suppress(OSError):
            if self._connection:
                self._connection.shutdown(socket.SHUT_RDWR)

    def send(self, opcode, body):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._connection.sendall(struct.pack("<II", opcode, len(data)) + data)

    def say(self, data):
        self._connection.sendall(data)

    def _complain(self, text):
        with self.changed:
            self.complaints.append(text)

    def _serve(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self._connection = connection
            with contextlib.suppress(OSError, EOFError):
                self._talk(connection)
            connection.close()

    @staticmethod
    def _exactly(connection, n):
        data = b""
        while len(data) < n:
            more = connection.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def _frame(self, connection):
        opcode, length = struct.unpack("<II", self._exactly(connection, 8))
        return opcode, self._exactly(connection, length)

    def _talk(self, connection):
        opcode, body = self._frame(connection)
        if opcode != HANDSHAKE or json.loads(body) != {"v": 1, "client_id": self.app_id}:
            self._complain(f"handshake {opcode} {body}")
        with self.changed:
            self.greetings += 1
            self.changed.notify_all()
        if self.greeting is not None:
            connection.sendall(self.greeting)
        else:
            self.send(FRAME, {"cmd": "DISPATCH", "evt": "READY", "data": {"v": 1}, "nonce": None})
        while True:
            opcode, body = self._frame(connection)
            with self.changed:
                if opcode == PONG:
                    self.pongs.append(body)
                elif opcode == FRAME:
                    self._take(json.loads(body))
                else:
                    self.complaints.append(f"opcode {opcode}")
                self.changed.notify_all()

    def _take(self, command):
        if command["cmd"] == "SUBSCRIBE":
            if command["evt"] != "ACTIVITY_JOIN" or not command["nonce"]:
                self.complaints.append(f"command {command}")
            return
        args, activity = command["args"], command["args"]["activity"]
        if set(command) != {"cmd", "args", "nonce"} or command["cmd"] != "SET_ACTIVITY" or not command["nonce"]:
            self.complaints.append(f"command {command}")
        if set(args) != {"pid", "activity"} or not isinstance(args["pid"], int):
            self.complaints.append(f"args {args}")
        if activity is not None:
            self._check(activity)
        self.activities.append(activity)
        with contextlib.suppress(OSError):      # it may have said its last word
            self.send(FRAME, {"cmd": "SET_ACTIVITY", "data": activity, "evt": None, "nonce": command["nonce"]})

    def _check(self, activity):
        if not set(activity) <= {"details", "state", "timestamps", "party", "secrets"}:
            self.complaints.append(f"activity {activity}")
        for key in ("details", "state"):
            if not 2 <= units(activity[key]) <= 128:
                self.complaints.append(f"{key} {activity[key]!r}")
        size = activity["party"]["size"]
        if not (len(size) == 2 and 1 <= size[0] <= size[1]) or not activity["party"]["id"]:
            self.complaints.append(f"party {activity['party']}")
        if not abs(activity["timestamps"]["start"] - time.time()) < 600:
            self.complaints.append(f"start {activity['timestamps']}")
        if "secrets" in activity and activity["secrets"].keys() != {"join"}:
            self.complaints.append(f"secrets {activity['secrets']}")

    def wait_for(self, condition, what, timeout=20):
        """Until condition(self) holds; returns what it gave."""
        with self.changed:
            if not self.changed.wait_for(lambda: condition(self), timeout):
                raise TimeoutError(f"{what}: {self.activities}")
            return condition(self)
