"""The server that lies: a man in the middle between real members and a real lanrage-server.

    member ──ws── Middleman ──ws── lanrage-server

It stands on the server's own machine, at another port, so that STUN at the address the members dialled still works. All
requests pass unchanged, the Host header too: logins are signed for the address that the members dialled. What passes is
kept. Each member has a Line, found by the address it comes from, on which frames are held back, altered and made up.
"""
import itertools
import os
import socket
import struct
import threading

from rendezvous_wire import LOGIN, PARTY, WELCOME, Connection, decode, encode

# Party and Member, as in proto/rendezvous.proto
PARTY_ID, HOST, GENERATION, CHANGE, WHOLE, MEMBERS, MORE = 1, 2, 5, 6, 7, 8, 9
IDENTITY, NUMBER, LEASE, ADDRESS, KEY, ONLINE, LEFT, SEALED, TOUCHED = 1, 2, 3, 4, 5, 6, 7, 8, 9
CONNECT_S = 20


def with_fields(fields, **changes):
    """A copy with other values by number (f2=...); None takes a field away: a canonical frame has no empty ones."""
    made = {**fields, **{int(name[1:]): value for name, value in changes.items()}}
    return {number: value for number, value in made.items() if value is not None}


class Line:
    """The way between one member and the server, over any number of connections.

    up and down are lists of functions from a frame (dict of lists) to the frames that go on in its place; raw bytes
    among those go on as they are. What they see and make is decoded only as far as the frame's own fields.
    """

    def __init__(self):
        self.up, self.down = [], []
        self.lasting = []                       # of those in down, what a file of tests does not take back
        self.member = self.server = None        # Connection
        self.said, self.heard = [], []          # every payload, as the member sent it, and as the server did
        self.identity = None
        self.party = {}                         # of the last Party frame: its fields but the members
        self.members = {}                       # by identity: the Member as the server last had it
        self.sealed = {}                        # by identity: every announcement that came past, in order
        self.sessions = 0
        self.open = False                       # the member is logged in

    # ---- telling lies

    def send(self, frame):
        """To the member, as if the server had said it: a frame or a whole payload."""
        self.member.send(frame if isinstance(frame, bytes) else encode(frame))

    def send_party(self, *members, **changes):
        """News of the party about these members (dicts), numbered like the latest unless changes say otherwise."""
        party = with_fields(self.party, **{"f7": None, "f9": None, **changes})
        self.send({PARTY: encode({**party, MEMBERS: [encode(member) for member in members]})})

    def hang_up(self):
        """The member has to come back, and does by itself."""
        self.open = False
        for connection in (self.member, self.server):
            if connection:
                try:
                    connection.sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    # ---- what passes

    def note_up(self, payload, frame):
        self.said.append(payload)
        if LOGIN in frame:
            self.identity = decode(frame[LOGIN][0])[1][0]

    def note_down(self, payload, frame):
        self.heard.append(payload)
        self.open = self.open or WELCOME in frame
        if PARTY not in frame:
            return
        party = decode(frame[PARTY][0])
        self.party = {number: values for number, values in party.items() if number != MEMBERS}
        for packed in party.get(MEMBERS, []):
            member = {number: values[0] for number, values in decode(packed).items()}
            self.members[member[IDENTITY]] = member
            seen = self.sealed.setdefault(member[IDENTITY], [])
            if SEALED in member and member[SEALED] not in seen:
                seen.append(member[SEALED])

    @staticmethod
    def altered(frame, hooks):
        frames = [frame]
        for hook in list(hooks):
            frames = [made for one in frames for made in ([one] if isinstance(one, bytes) else hook(one))]
        return frames


class Middleman:
    """Listens at port on the server's host. host_header, if given, replaces what the members say they dialled."""

    def __init__(self, host, server_url, port=8700, host_header=None):
        self.host, self.host_header = host, host_header
        self.server = server_url.removeprefix("ws://").rsplit(":", 1)
        self.url = f"ws://{host.addr4}:{port}"
        self.lines, self._guard = {}, threading.Lock()
        self.listener = host.socket(kind=socket.SOCK_STREAM, bind=(host.addr4, port), timeout=None)
        self.listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def line(self, member):
        """The line of a host of the lab."""
        with self._guard:
            return self.lines.setdefault(member.public4, Line())

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for line in self.lines.values():
            line.hang_up()

    def payloads(self):
        """Everything that passed, both ways, without WebSocket's masks."""
        return [payload for line in self.lines.values() for payload in line.said + line.heard]

    def _accept(self):
        while True:
            try:
                sock, (address, _) = self.listener.accept()
            except OSError:
                return
            with self._guard:
                line = self.lines.setdefault(address, Line())
            threading.Thread(target=self._serve, args=(sock, line), daemon=True).start()

    def _serve(self, sock, line):
        try:
            member, server = self._introduce(sock)
        except (EOFError, OSError):
            sock.close()
            return
        line.member, line.server = member, server
        line.sessions, line.open = line.sessions + 1, False
        threading.Thread(target=self._pump, args=(member, server, line.note_up, line, "up"), daemon=True).start()
        self._pump(server, member, line.note_down, line, "down")
        if line.member is member:
            line.open = False

    def _introduce(self, sock):
        """Hands the opening handshake through, but for extensions: frames are to be legible."""
        member = Connection(sock, client=False)
        head = [line for line in member.head().split("\r\n") if not line.lower().startswith("sec-websocket-extensions")]
        if self.host_header:
            head = [f"Host: {self.host_header}" if line.lower().startswith("host:") else line for line in head]
        upstream = self.host.socket(kind=socket.SOCK_STREAM, timeout=CONNECT_S)
        upstream.connect((self.server[0], int(self.server[1])))
        upstream.settimeout(None)
        upstream.sendall("\r\n".join(head).encode())
        server = Connection(upstream, client=True)
        sock.sendall(server.head().encode())
        return member, server

    @staticmethod
    def _pump(source, sink, note, line, way):
        try:
            while True:
                payload = source.receive()
                frame = decode(payload)
                note(payload, frame)
                hooks = getattr(line, way)
                for made in line.altered(frame, hooks) if hooks else [payload]:
                    sink.send(made if isinstance(made, bytes) else encode(made))
        except (EOFError, OSError):
            pass
        for connection in (source, sink):
            try:
                connection.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


_numbers = itertools.count(5000)


def stranger(line, **changes):
    """A Member that nobody invited: well-formed, with keys that somebody might have, and what nobody else has."""
    number = next(_numbers)
    address = line.party[3][0][:2] + struct.pack(">H", number)
    return with_fields({IDENTITY: os.urandom(32), NUMBER: number, LEASE: number, ADDRESS: address, KEY: os.urandom(32),
                        ONLINE: 1, TOUCHED: line.party[CHANGE][0]}, **changes)


