"""Traffic between hosts, measured: UDP streams, TCP transfers, pings.

As a program it is one end of a UDP stream, run inside a namespace; it prints JSON when its standard input ends:

    traffic.py echo ADDRESS PORT                 -> [[number, arrival_s], ...]
    traffic.py stream ADDRESS PORT PPS BYTES     -> {"sent": [time_s, ...], "arrivals": [[number, arrival_s], ...]}

and one end of a conversation, in which both send of their own accord:

    traffic.py talk OWN,OTHER PORT PPS BYTES     -> {"sent": [time_s, ...], "arrivals": [[number, arrival_s], ...]}

All times are seconds of the monotonic clock, the same in every namespace and in time.monotonic() of the test.
"""
import hashlib
import json
import os
import select
import socket
import struct
import subprocess
import sys
import threading
import time

DRAIN_S = 0.5
SO_RCVBUFFORCE = 33
TALK_BUFFER = 4 << 20   # bytes: a receiver that waits for the processor loses nothing
NUMBER = struct.Struct("!Q")
ICMP_ECHO = {socket.AF_INET: 8, socket.AF_INET6: 128}
ICMP_REPLY = {socket.AF_INET: 0, socket.AF_INET6: 129}


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


# ---- UDP stream: the two programs ----

def run_echo(address, port):
    sock = socket.socket(family_of(address), socket.SOCK_DGRAM)
    sock.bind((address, port))
    print("ready", flush=True)
    arrivals = []
    while True:
        ready, _, _ = select.select([sock, sys.stdin], [], [])
        if sock in ready:
            data, source = sock.recvfrom(65536)
            arrivals.append((NUMBER.unpack_from(data)[0], time.monotonic()))
            _send(sock, data, source)
        elif not sys.stdin.read(1):
            return arrivals


def _send(sock, data, destination):
    try:
        sock.sendto(data, destination)
    except OSError:
        pass  # no route or a port closed: to the stream this is a lost packet


def _run_sender(sock, destination, pps, size):
    """Sends a numbered packet pps times a second until standard input ends, and notes what arrives meanwhile."""
    padding = bytes(max(0, size - NUMBER.size))
    sent, arrivals = [], []
    print("ready", flush=True)
    start, end = time.monotonic(), None
    while end is None or time.monotonic() < end:
        due = start + len(sent) / pps if end is None else end
        ready, _, _ = select.select([sock] if end else [sock, sys.stdin], [], [], max(0, due - time.monotonic()))
        if sock in ready:
            try:
                arrivals.append((NUMBER.unpack_from(sock.recv(65536))[0], time.monotonic()))
            except OSError:
                pass  # an ICMP error
        elif sys.stdin in ready and not sys.stdin.read(1):
            end = time.monotonic() + DRAIN_S
        if end is None and time.monotonic() >= due:
            sent.append(time.monotonic())
            _send(sock, NUMBER.pack(len(sent) - 1) + padding, destination)
    return {"sent": sent, "arrivals": arrivals}


def run_stream(address, port, pps, size):
    return _run_sender(socket.socket(family_of(address), socket.SOCK_DGRAM), (address, port), pps, size)


def run_talk(addresses, port, pps, size):
    own, other = addresses.split(",")
    sock = socket.socket(family_of(own), socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, TALK_BUFFER)
    sock.bind((own, port))
    return _run_sender(sock, (other, port), pps, size)


# ---- UDP stream: the tests' side ----

class StreamResult:
    """A finished stream. Every packet has its index as number; an echoed packet has a round trip."""

    def __init__(self, sent, answers, arrivals):
        self.sent_times = sent          # s, by number
        self.arrivals = arrivals        # [(number, s)] at the far end, in order of arrival
        self.answers = answers          # [(number, s)] back at the sender
        self.first_answer = {}
        for number, when in answers:
            self.first_answer.setdefault(number, when)

    @property
    def sent(self):
        return len(self.sent_times)

    @property
    def received(self):
        """Distinct packets that came back."""
        return len(self.first_answer)

    @property
    def lost(self):
        return self.sent - self.received

    @property
    def lost_upwards(self):
        """Packets that did not reach the far end."""
        return self.sent - len({number for number, _ in self.arrivals})

    @property
    def duplicates(self):
        return len(self.answers) - self.received

    @property
    def reordered(self):
        """Packets that reached the far end after one with a higher number."""
        late, highest = 0, -1
        for number, _ in self.arrivals:
            late += number < highest
            highest = max(highest, number)
        return late

    @property
    def rtts_ms(self):
        """Round trips in ms in order of sending, of packets that came back."""
        return [(when - self.sent_times[number]) * 1000 for number, when in sorted(self.first_answer.items())]

    @property
    def longest_gap_s(self):
        """The longest time without an answer between two that came."""
        times = sorted(when for _, when in self.answers)
        return max((b - a for a, b in zip(times, times[1:])), default=float("inf"))

    def gap_at(self, when):
        """The time from `when` to the first answer to a packet sent after that."""
        answered = [at for number, at in self.answers if self.sent_times[number] >= when]
        assert answered, "nothing came back any more"
        return min(answered) - when

    def lost_between(self, since, until):
        """Numbers of packets sent in that time (time.monotonic() seconds) that did not come back."""
        return [number for number, when in enumerate(self.sent_times)
                if since <= when < until and number not in self.first_answer]


class UdpStream:
    """Numbered datagrams from src to dst and back, until stop(). Use it as a context manager or call stop().

    address is dst's (its addr4 or addr6 unless given), pps packets a second, size payload bytes.
    """

    def __init__(self, src, dst, address=None, port=5000, pps=100, size=64):
        address = address or dst.addr4 or dst.addr6
        self._echo = self._start(dst, "udp-echo", "echo", address, port)
        self._stream = self._start(src, "udp-stream", "stream", address, port, pps, size)
        self.result = None

    @staticmethod
    def _start(host, name, *words):
        process = host.popen(["/usr/bin/python3", "-S", "-E", os.path.abspath(__file__), *words], name=name,
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if process.stdout.readline() != "ready\n":
            raise RuntimeError(f"{host.name}: {name} did not start\n{host.logs()}")
        return process

    def stop(self):
        """Ends the stream, waits DRAIN_S for what is on its way, and returns the StreamResult."""
        if self.result is None:
            stream = json.loads(self._stream.communicate(timeout=10)[0])
            arrivals = json.loads(self._echo.communicate(timeout=10)[0])
            self.result = StreamResult(stream["sent"], stream["arrivals"], arrivals)
        return self.result

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Flow:
    """One direction of a conversation."""

    def __init__(self, sent, arrivals, interval_s):
        self.sent_times = sent      # s, by number
        self.arrivals = arrivals    # [(number, s)] in order of arrival
        self.interval_s = interval_s

    def _sent_between(self, since, until):
        return {number for number, when in enumerate(self.sent_times) if since <= when < until}

    def sent(self, since, until):
        """How many packets were sent in that time (time.monotonic() seconds)."""
        return len(self._sent_between(since, until))

    def lost(self, since, until):
        """How many packets sent in that time never arrived."""
        return len(self._sent_between(since, until) - {number for number, _ in self.arrivals})

    def duplicates(self, since, until):
        """How often a packet sent in that time arrived again."""
        sent = self._sent_between(since, until)
        numbers = [number for number, _ in self.arrivals if number in sent]
        return len(numbers) - len(set(numbers))

    def gap(self, since, until):
        """The longest time without an arrival that touches this time, less the interval of sending, in seconds. It ends
        at `until` at the latest."""
        times = [when for _, when in self.arrivals if when <= until] + [until]
        return max([later - earlier for earlier, later in zip(times, times[1:]) if later >= since],
                   default=until - since) - self.interval_s


class UdpTalk:
    """Numbered datagrams from a to b and from b to a, neither the answer to the other, until stop().

    addresses are a's and b's, pps packets a second each way, size payload bytes.
    """

    def __init__(self, a, b, addresses, port=5000, pps=100, size=64):
        self.interval_s = 1 / pps
        ends = ((a, addresses), (b, addresses[::-1]))
        self._ends = [UdpStream._start(host, "udp-talk", "talk", ",".join(pair), port, pps, size)
                      for host, pair in ends]
        self._flows = None

    def stop(self):
        """Ends both, waits DRAIN_S for what is on its way, and returns the two Flows, a to b and b to a."""
        if self._flows is None:
            for process in self._ends:
                process.stdin.close()
            said = []
            for process in self._ends:
                said.append(json.loads(process.stdout.read()))
                process.wait(10)
            a, b = said
            self._flows = (Flow(a["sent"], b["arrivals"], self.interval_s),
                           Flow(b["sent"], a["arrivals"], self.interval_s))
        return self._flows

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def udp_exchange(src, dst, count, pps=100, **options):
    """Runs a stream of about count packets and returns its StreamResult."""
    stream = UdpStream(src, dst, pps=pps, **options)
    time.sleep(count / pps)
    return stream.stop()


# ---- TCP ----

def tcp_transfer(src, dst, nbytes, address=None, port=5001, timeout=60):
    """Sends nbytes each way at once over one connection from src to dst; returns the seconds it took.

    Raises if anything arrives changed, short or late (timeout in seconds).
    """
    address = address or dst.addr4 or dst.addr6
    family = family_of(address)
    with dst.socket(family, socket.SOCK_STREAM, bind=(address, port), timeout=timeout) as listener, \
            src.socket(family, socket.SOCK_STREAM, timeout=timeout) as client:
        listener.listen(1)
        start = time.monotonic()
        client.connect((address, port))
        server, _ = listener.accept()
        with server:
            server.settimeout(timeout)
            digests = {}
            ways = [("up", client, server), ("down", server, client)]
            threads = [threading.Thread(target=work, args=(sock, nbytes, digests, (name, role)), daemon=True)
                       for name, source, sink in ways
                       for role, work, sock in (("sent", _send_random, source), ("received", _hash_received, sink))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(max(0, start + timeout - time.monotonic()))
            for name, _, _ in ways:
                if digests.get((name, "sent"), "unsent") != digests.get((name, "received"), "unreceived"):
                    raise RuntimeError(f"tcp {src.name} -> {dst.name} {address}: {name}: {nbytes} bytes did not arrive "
                                       f"whole within {timeout} s: {digests}")
            return time.monotonic() - start


def _send_random(sock, nbytes, digests, key):
    digest, block = hashlib.sha256(), os.urandom(1 << 20)
    left = nbytes
    try:
        while left:
            chunk = block[:left]
            sock.sendall(chunk)
            digest.update(chunk)
            left -= len(chunk)
        digests[key] = digest.hexdigest()
    except OSError as error:
        digests[key] = f"sender: {error}"


def _hash_received(sock, nbytes, digests, key):
    digest, left = hashlib.sha256(), nbytes
    try:
        while left:
            data = sock.recv(min(left, 1 << 18))
            if not data:
                break
            digest.update(data)
            left -= len(data)
        digests[key] = digest.hexdigest() if not left else f"{left} bytes missing"
    except OSError as error:
        digests[key] = f"receiver: {error}, {left} bytes missing"


# ---- ping ----

def _checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff


def _echo_request(family, ident, number):
    body = struct.pack("!HHQ", ident, number & 0xffff, number)
    head = struct.pack("!BBH", ICMP_ECHO[family], 0, 0)
    if family == socket.AF_INET:  # for IPv6 the kernel fills it in
        head = head[:2] + struct.pack("!H", _checksum(head + body))
    return head + body


def _echo_answer(family, data, ident):
    """The number in an answer to us, or None."""
    icmp = data[(data[0] & 15) * 4:] if family == socket.AF_INET else data
    if len(icmp) < 16 or icmp[0] != ICMP_REPLY[family]:
        return None
    answered, _, number = struct.unpack_from("!HHQ", icmp, 4)
    return number if answered == ident else None


def ping(host, address, count=10, interval=0.02, wait=1.0, stop_at_first=False):
    """Round trips in ms by number of the request, without lost ones; interval and wait (for the last) in seconds."""
    family = family_of(address)
    protocol = socket.IPPROTO_ICMP if family == socket.AF_INET else socket.IPPROTO_ICMPV6
    with host.netns.inside():
        sock = socket.socket(family, socket.SOCK_RAW, protocol)
    ident = struct.unpack("!H", os.urandom(2))[0]
    sent, rtts, start = [], {}, time.monotonic()
    with sock:
        while len(rtts) < count and not (stop_at_first and rtts):
            now = time.monotonic()
            due = start + len(sent) * interval if len(sent) < count else sent[-1] + wait
            if now >= due and len(sent) == count:
                break
            if now >= due:
                sent.append(now)
                _send(sock, _echo_request(family, ident, len(sent) - 1), (address, 0))
                continue
            if select.select([sock], [], [], due - now)[0]:
                number = _echo_answer(family, sock.recv(2048), ident)
                if number is not None and number < len(sent):
                    rtts.setdefault(number, (time.monotonic() - sent[number]) * 1000)
    return rtts


def ping_first_reply(host, address, deadline, interval=0.02):
    """Seconds from now until the first answer to a ping every interval; raises if none comes in deadline seconds."""
    start = time.monotonic()
    if not ping(host, address, count=max(1, round(deadline / interval)), interval=interval, wait=interval,
                stop_at_first=True):
        raise TimeoutError(f"{host.name}: no answer from {address} within {deadline} s")
    return time.monotonic() - start


if __name__ == "__main__":
    role, where, numbers = sys.argv[1], sys.argv[2], [int(word) for word in sys.argv[3:]]
    print(json.dumps({"echo": run_echo, "stream": run_stream, "talk": run_talk}[role](where, *numbers)))
