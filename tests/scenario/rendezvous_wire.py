"""The rendezvous protocol by hand: just enough protobuf, WebSocket and Ed25519 to play either side in a test.

Messages are dicts {field number: value}; a value is an int, bytes, or a list of them for repeated fields.
"""
import base64
import ctypes
import ctypes.util
import hashlib
import os
import queue
import socket
import struct
import threading
import time

_sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
_sodium.sodium_init()
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
LOGIN, CREATE_PARTY, PUT_INVITE, ANNOUNCE, RESUME = 2, 3, 4, 9, 10
GET_TICKETS, RELAY_REGISTER, RENEW = 11, 12, 15
CHALLENGE, WELCOME, ERROR, PARTY, INVITE, TICKETS, DONE, GENERATIONS = 2, 3, 4, 5, 6, 7, 8, 9


# ---- Ed25519

def keypair(seed):
    public, secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(64)
    _sodium.crypto_sign_seed_keypair(public, secret, seed)
    return public.raw, secret.raw


def sign(secret, text):
    signature = ctypes.create_string_buffer(64)
    _sodium.crypto_sign_detached(signature, None, text, ctypes.c_ulonglong(len(text)), secret)
    return signature.raw


def verifies(public, signature, text):
    return _sodium.crypto_sign_verify_detached(signature, text, ctypes.c_ulonglong(len(text)), public) == 0


def login_text(address, server_nonce, client_nonce):
    return b"lanrage login 1" + struct.pack(">H", len(address)) + address + server_nonce + client_nonce


def wireguard_key():
    """The public key of somebody."""
    public = ctypes.create_string_buffer(32)
    _sodium.crypto_scalarmult_base(public, os.urandom(32))
    return public.raw


# ---- protobuf

def _varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def encode(fields):
    out = b""
    for number, values in fields.items():
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, int):
                out += _varint(number << 3) + _varint(value)
            else:
                out += _varint(number << 3 | 2) + _varint(len(value)) + value
    return out


def _read_varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 128:
            return value, at


def decode(data):
    """Every field as a list."""
    fields, at = {}, 0
    while at < len(data):
        key, at = _read_varint(data, at)
        value, at = _read_varint(data, at)
        if key & 7 == 2:
            value, at = data[at:at + value], at + value
        fields.setdefault(key >> 3, []).append(value)
    return fields


# ---- WebSocket

def _masked(payload, mask):
    key = int.from_bytes((mask * (len(payload) // 4 + 1))[:len(payload)], "big")
    return (int.from_bytes(payload, "big") ^ key).to_bytes(len(payload), "big")


class Connection:
    """One WebSocket, from either end; masks what it sends if it is the client's."""

    def __init__(self, sock, client):
        self.sock, self.client, self.buffer = sock, client, b""
        self.sending = threading.Lock()

    def _take(self, length):
        while len(self.buffer) < length:
            more = self.sock.recv(65536)
            if not more:
                raise EOFError
            self.buffer += more
        taken, self.buffer = self.buffer[:length], self.buffer[length:]
        return taken

    def head(self):
        text = b""
        while not text.endswith(b"\r\n\r\n"):
            text += self._take(1)
        return text.decode()

    def send(self, payload, opcode=2):
        length, mask = len(payload), os.urandom(4)
        if length < 126:
            size = bytes([length])
        else:
            size = bytes([126]) + struct.pack(">H", length) if length < 65536 else bytes([127]) + struct.pack(">Q", length)
        if self.client:
            size = bytes([size[0] | 128]) + size[1:] + mask
            payload = _masked(payload, mask)
        with self.sending:
            self.sock.sendall(bytes([128 | opcode]) + size + payload)

    def receive(self):
        """The next message; answers pings."""
        while True:
            opcode, size = self._take(2)
            length = size & 127
            if length == 126:
                length = struct.unpack(">H", self._take(2))[0]
            elif length == 127:
                length = struct.unpack(">Q", self._take(8))[0]
            mask = self._take(4) if size & 128 else bytes(4)
            payload = _masked(self._take(length), mask)
            if opcode & 15 in (1, 2):
                return payload
            if opcode & 15 == 8:
                raise EOFError
            if opcode & 15 == 9:
                self.send(payload, 10)


class FakeServer:
    """A rendezvous server that lets anybody in and keeps what relays say.

    registers and logins are queues of decoded bodies; a login's signature has been verified.
    """

    def __init__(self, host, port, ticket_key=bytes(32)):
        self.address, self.ticket_key = f"{host.addr4}:{port}", ticket_key
        self.registers, self.logins = queue.Queue(), queue.Queue()
        self.listener = host.socket(kind=socket.SOCK_STREAM, bind=(host.addr4, port), timeout=None)
        self.listener.listen()
        self.connections = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return f"ws://{self.address}"

    def close(self):
        for sock in [self.listener, *self.connections]:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()

    def hang_up(self):
        """Ends every connection; new ones are welcome."""
        for sock in self.connections:
            sock.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            self._talk(Connection(sock, client=False))
        except (EOFError, OSError):
            pass

    def _talk(self, connection):
        head = connection.head()
        key = next(line.split(": ")[1] for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key"))
        accept = base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()
        connection.sock.sendall(
            ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             f"Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: lanrage.1\r\n\r\n").encode())
        nonce = os.urandom(32)
        connection.send(encode({CHALLENGE: encode({1: nonce})}))
        while True:
            frame = decode(connection.receive())
            body = self._answer(frame, nonce)
            connection.send(encode({1: frame[1][0], **body}))

    def _answer(self, frame, nonce):
        if LOGIN in frame:
            login = decode(frame[LOGIN][0])
            text = login_text(self.address.encode(), nonce, login[3][0])
            assert login[2][0] == self.address.encode() and verifies(login[1][0], login[4][0], text)
            self.logins.put(login)
            return {WELCOME: encode({1: self.ticket_key, 2: encode({1: bytes([192, 0, 2, 1]), 2: 4000}), 3: 1,
                                     4: int(time.time())})}
        if RELAY_REGISTER in frame:
            self.registers.put(decode(frame[RELAY_REGISTER][0]))
        return {DONE: b""}


class Client:
    """A member's session with a real server."""

    def __init__(self, host, address):
        self.public, self.secret = keypair(os.urandom(32))
        ip, port = address.rsplit(":", 1)
        sock = host.socket(kind=socket.SOCK_STREAM, timeout=5)
        sock.connect((ip, int(port)))
        self.connection, self.requests = Connection(sock, client=True), 0
        sock.sendall((f"GET /rendezvous HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                      f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n"
                      "Sec-WebSocket-Protocol: lanrage.1\r\n\r\n").encode())
        assert " 101 " in self.connection.head()
        nonce, own = decode(decode(self.connection.receive())[CHALLENGE][0])[1][0], os.urandom(32)
        signature = sign(self.secret, login_text(address.encode(), nonce, own))
        self.welcome = decode(self.ask(LOGIN, {1: self.public, 2: address.encode(), 3: own, 4: signature,
                                               5: 1})[WELCOME][0])

    def ask(self, body, fields):
        """The answer's frame; pushed ones are skipped."""
        self.requests += 1
        self.connection.send(encode({1: self.requests, body: encode(fields)}))
        while True:
            frame = decode(self.connection.receive())
            if frame.get(1) == [self.requests]:
                assert ERROR not in frame, frame
                return frame

    def close(self):
        self.connection.sock.close()
