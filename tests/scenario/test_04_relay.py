"""lanrage-relay as its owner sees it: it registers, is told apart from an impostor's server, and comes and goes.

    server ---- inet ---- relay
                  |
               member

What it does with datagrams is tested in tests/unit/test_relay.c and, with engines, in the scenarios of parties.
"""
import os
import queue
import signal
import socket
import struct
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab.programs import wait_until  # noqa: E402
from lab.wire import build_dir  # noqa: E402
import rendezvous_wire as wire  # noqa: E402

RELAY = os.path.join(build_dir(), "bin", "lanrage-relay")
SERVER = os.path.join(build_dir(), "bin", "lanrage-server")
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
PORT = 51820
KEY = bytes(range(32))


@pytest.fixture(scope="module")
def hosts(module_lab):
    return {name: module_lab.public(name, wire=False) for name in ("server", "relay", "member")}


@pytest.fixture
def server(hosts):
    fake = wire.FakeServer(hosts["server"], 8667, KEY)
    yield fake
    fake.close()


@pytest.fixture(autouse=True)
def no_relay_stays(hosts):
    """A test that failed half-way leaves its relay; the next wants the port."""
    yield
    process = hosts["relay"].processes.get("lanrage-relay")
    if process and process.poll() is None:
        process.kill()
        process.wait()


@pytest.fixture
def state(hosts, request):
    return os.path.join(hosts["relay"].dir, request.node.name, "state")


def start(hosts, state, url, *extra):
    relay = hosts["relay"]
    process = relay.popen([RELAY, "--listen", f"{relay.addr4}:{PORT}", "--server", url, "--state", state, *extra],
                          name="lanrage-relay")
    wait_until(lambda: relay.netns.port_is_bound("udp", PORT) or process.poll() is not None, 5, "the relay's port")
    return process


def stop(process, sig=signal.SIGTERM):
    """Ends it, and says how long that took."""
    started = time.monotonic()
    process.send_signal(sig)
    assert process.wait(5) == 0
    return time.monotonic() - started


def log_of(hosts):
    with open(os.path.join(hosts["relay"].dir, "lanrage-relay.log")) as file:
        return file.read()


def test_registers_and_drains(hosts, server, state):
    config = os.path.join(hosts["relay"].dir, "relay.conf")
    with open(config, "w") as file:
        file.write("[relay]\nregion = eu-test\nmember_mbit = 50\n")
    process = start(hosts, state, server.url, "--public", "203.0.113.9:4000", "--config", config)
    login = server.logins.get(timeout=5)  # its signature was checked by the fake
    register = server.registers.get(timeout=5)
    assert len(register[1][0]) == 32 and register[3] == [PORT] and register[4] == [b"eu-test"]
    endpoint = wire.decode(register[2][0])
    assert endpoint == {1: [bytes([203, 0, 113, 9])], 2: [4000]}
    assert 7 not in register
    assert stop(process) < 5
    assert server.registers.get(timeout=1)[7] == [1], "it says that it goes"

    # The same relay comes back: same identity, same key.
    process = start(hosts, state, server.url)
    assert server.logins.get(timeout=5)[1] == login[1]
    again = server.registers.get(timeout=5)
    assert again[1] == register[1] and 2 not in again
    server.hang_up()
    assert server.registers.get(timeout=5)[1] == register[1], "it registers again after a lost connection"
    stop(process, signal.SIGINT)
    for name in os.listdir(state):
        assert os.stat(os.path.join(state, name)).st_mode & 0o077 == 0, name


def test_ticket_key_is_pinned(hosts, server, state):
    process = start(hosts, state, server.url)
    server.registers.get(timeout=5)
    stop(process)
    server.registers.get(timeout=1)
    server.ticket_key = bytes(32)[1:] + b"x"
    process = start(hosts, state, server.url)
    server.logins.get(timeout=5)
    server.logins.get(timeout=5)
    with pytest.raises(queue.Empty):
        server.registers.get(timeout=3)
    assert "with another key than at first contact" in log_of(hosts)
    with open(os.path.join(state, "ticket.key"), "rb") as file:
        assert file.read() == KEY
    server.ticket_key = KEY
    server.registers.get(timeout=15)
    stop(process)


def test_answers_stun(hosts, server, state):
    process = start(hosts, state, server.url)
    member, relay = hosts["member"], hosts["relay"]
    sock = member.socket(bind=(member.addr4, 4242))
    request = struct.pack(">HHI", 1, 0, 0x2112a442) + os.urandom(12)
    sock.sendto(request, (relay.addr4, PORT))
    answer, source = sock.recvfrom(2048)
    assert source == (relay.addr4, PORT)
    assert answer[:2] == b"\x01\x01" and answer[4:20] == request[4:20]
    mapped = struct.pack(">H", 4242 ^ 0x2112) + bytes(
        a ^ b for a, b in zip(socket.inet_aton(member.addr4), request[4:8]))
    assert b"\x00\x01" + mapped in answer
    # Noise of all kinds is not answered and does not kill it.
    for noise in [b"", b"x", bytes([4]) + bytes(31), bytes([1]) + os.urandom(147), os.urandom(1400), bytes(3000)]:
        sock.sendto(noise, (relay.addr4, PORT))
    sock.sendto(request, (relay.addr4, PORT))
    assert sock.recv(2048)[4:20] == request[4:20]
    sock.close()
    stop(process)


def test_works_while_its_server_is_away(hosts, state):
    process = start(hosts, state, f"ws://{hosts['server'].addr4}:8999")
    sock = hosts["member"].socket()
    sock.sendto(struct.pack(">HHI", 1, 0, 0x2112a442) + bytes(12), (hosts["relay"].addr4, PORT))
    assert sock.recv(2048)[:2] == b"\x01\x01"
    sock.close()
    assert stop(process) < 5


def saved_bindings(members, age_s=0):
    """A bindings file as svc-nat/relay/statefile.c draws it: (address, port, number) each, all of one party, slot 1."""
    data = b"lanrage relay 1\n" + struct.pack(">QII", int(time.time()) - age_s, len(members), 0)
    for address, port, number in members:
        six = ":" in address
        ip = socket.inet_pton(socket.AF_INET6 if six else socket.AF_INET, address)
        data += wire.wireguard_key() + struct.pack(">BBH16sIB3x", 6 if six else 4, 0, port, ip, 0, 1)
        data += struct.pack(">BBHIQ16s", 1, 0, number, 1, int(time.time()) + 3600, b"the party")
    return data


def test_bindings_outlive_a_restart(hosts, server, state):
    """Two members were bound when the relay went. It comes back, and their packets pass before any handshake."""
    member, relay = hosts["member"], hosts["relay"]
    a, b = (member.socket(bind=(member.addr4, port)) for port in (6001, 6002))
    os.makedirs(state)
    with open(os.path.join(state, "bindings"), "wb") as file:
        file.write(saved_bindings([(member.addr4, 6001, 1), (member.addr4, 6002, 2)], age_s=10))
    process = start(hosts, state, server.url)
    for round in range(20):
        sent = [os.urandom(28 + 50 * i) for i in range(20)]
        for body in sent:
            a.sendto(struct.pack(">BBH", 4, 1, 2) + body, (relay.addr4, PORT))
        for body in sent:
            data, source = b.recvfrom(4096)
            assert data == bytes([4, 0, 0, 0]) + body and source == (relay.addr4, PORT)
    b.sendto(struct.pack(">BBH", 4, 1, 1) + bytes(40), (relay.addr4, PORT))
    assert a.recv(4096) == bytes([4, 0, 0, 0]) + bytes(40)
    stranger = member.socket(bind=(member.addr4, 6003))
    stranger.sendto(struct.pack(">BBH", 4, 1, 1) + bytes(40), (relay.addr4, PORT))
    a.settimeout(0.5)
    with pytest.raises(TimeoutError):
        a.recv(4096)
    process.kill()  # and once more, this time without a word
    process.wait()
    process = start(hosts, state, server.url)
    a.sendto(struct.pack(">BBH", 4, 1, 2) + bytes(40), (relay.addr4, PORT))
    assert b.recv(4096) == bytes([4, 0, 0, 0]) + bytes(40)
    stop(process)
    with open(os.path.join(state, "bindings"), "rb") as file:
        assert file.read()[24:28] == struct.pack(">I", 2), "saved again at the end"
    # What is three minutes old is nothing.
    with open(os.path.join(state, "bindings"), "wb") as file:
        file.write(saved_bindings([(member.addr4, 6001, 1), (member.addr4, 6002, 2)], age_s=181))
    process = start(hosts, state, server.url)
    a.sendto(struct.pack(">BBH", 4, 1, 2) + bytes(40), (relay.addr4, PORT))
    b.settimeout(0.5)
    with pytest.raises(TimeoutError):
        b.recv(4096)
    stop(process)
    for sock in (a, b, stranger):
        sock.close()


def test_both_families(hosts, server, state):
    relay = hosts["relay"]
    process = relay.popen([RELAY, "--listen", f"[::]:{PORT}", "--server", server.url, "--state", state],
                          name="lanrage-relay")
    server.registers.get(timeout=5)
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        sock = relay.socket(family)
        sock.sendto(struct.pack(">HHI", 1, 0, 0x2112a442) + bytes(12), (address, PORT))
        assert sock.recv(2048)[:2] == b"\x01\x01"
        sock.close()
    stop(process)


def refused(hosts, *words):
    done = hosts["relay"].run([RELAY, *words], check=False, timeout=10)
    return done.returncode, done.stderr


def test_refusals(hosts, server, state):
    listen = f"{hosts['relay'].addr4}:{PORT}"
    process = start(hosts, state, server.url)
    server.registers.get(timeout=5)
    code, words = refused(hosts, "--listen", listen, "--server", server.url, "--state", state + "2")
    assert code == 1 and "in use" in words and "--listen" in words
    code, words = refused(hosts, "--listen", f"{hosts['relay'].addr4}:9999", "--server", server.url, "--state", state)
    assert code == 1 and "another relay uses the state directory" in words
    stop(process)
    code, words = refused(hosts, "--listen", "192.0.2.77:51820", "--server", server.url, "--state", state)
    assert code == 1 and "cannot listen at 192.0.2.77:51820" in words
    code, words = refused(hosts, "--listen", listen, "--server", server.url, "--state", "/proc/nowhere")
    assert code == 1 and "/proc/nowhere" in words
    for wrong in (["--listen", listen], ["--listen", "here", "--server", server.url, "--state", state],
                  ["--listen", listen, "--server", "http://x", "--state", state],
                  ["--listen", listen, "--server", server.url, "--state", state, "--public", "0.0.0.0:1"],
                  ["--listen", listen, "--server", server.url, "--state", state, "surplus"]):
        code, words = refused(hosts, *wrong)
        assert code == 2 and "usage:" in words, wrong
    config = os.path.join(hosts["relay"].dir, "wrong.conf")
    with open(config, "w") as file:
        file.write("[relay]\nmember_mbits = 50\n")
    code, words = refused(hosts, "--listen", listen, "--server", server.url, "--state", state, "--config", config)
    assert code == 1 and "member_mbits" in words


@pytest.mark.skipif(not os.path.exists(SERVER), reason="lanrage-server is not built")
def test_real_server_gives_tickets(hosts, state):
    server = hosts["server"]
    url = server.start_server(port=8700)
    process = start(hosts, state, url)
    member = wire.Client(hosts["member"], url[len("ws://"):])
    party = os.urandom(16)
    member.ask(wire.CREATE_PARTY, {1: party, 2: bytes([10, 66, 0, 0]), 3: 16, 4: 1, 5: KEY})

    def relays():
        tickets = wire.decode(member.ask(wire.GET_TICKETS, {1: party})[wire.TICKETS][0])
        return [wire.decode(relay) for relay in tickets.get(2, [])]
    relay = wait_until(relays, 10, "the relay at the server")[0]
    endpoint = wire.decode(relay[2][0])
    assert socket.inet_ntoa(endpoint[1][0]) == hosts["relay"].addr4 and endpoint[2] == [PORT]
    ticket, signing_key = relay[5][0], member.welcome[1][0]
    assert len(ticket) == 176 and ticket[32:64] == relay[1][0] and ticket[64:96] == KEY
    assert wire.verifies(signing_key, ticket[112:], b"lanrage ticket 1" + ticket[:112])
    with open(os.path.join(state, "ticket.key"), "rb") as file:
        assert file.read() == signing_key
    stop(process)
    wait_until(lambda: not relays(), 10, "a relay that drains is no longer named")
    member.close()
    server.stop("lanrage-server")


def test_memory_is_modest(hosts, server, state):
    process = start(hosts, state, server.url)
    server.registers.get(timeout=5)
    with open(f"/proc/{process.pid}/status") as file:  # `ip netns exec` became the relay
        resident = next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
    stop(process)
    if "san" not in RELAY:  # sanitizers take their own
        assert resident < 30000, f"{resident} kB before the first member"
