"""The tunnel by itself: two lanrage-dataplane, and one against wireguard-go, set up by `wg set` as a stock WireGuard
would be. engine_pair.py draws the topology. Then: pings of both families, what `wg show` says, bulk data by its hash,
a restart in the middle, and STUN through the tunnel's own socket."""
import base64
import contextlib
import socket
import struct
import time

import pytest
from lab import traffic

from engine_pair import LongRuns, MTU, Ours, Pair, PORT, WireguardGo

KINDS = [(Ours, Ours), (Ours, WireguardGo), (WireguardGo, Ours)]


@pytest.fixture(scope="session", autouse=True)
def long_runs():
    """They end in test_90_engine_rekey.py."""
    LongRuns.start()


@pytest.fixture(params=[(kinds, underlay) for kinds in KINDS for underlay in (4, 6)],
                ids=lambda p: f"{p[0][0].__name__}-{p[0][1].__name__}-ipv{p[1]}")
def pair(request):
    (initiator, responder), underlay = request.param
    with Pair(initiator, responder, underlay) as made:
        made.underlay = underlay
        yield made
        print(made.logs())


def test_pings_and_what_wg_shows(pair):
    # The first packet waits for the handshake and is not lost, whichever family is inside.
    before = time.time()
    for family in (4, 6):
        lost, output = pair.initiator.ping(pair.responder.inner[family])
        assert lost == 0, output
        lost, output = pair.responder.ping(pair.initiator.inner[family])
        assert lost == 0, output

    for side, other in ((pair.a, pair.b), (pair.b, pair.a)):
        shown = side.peer()
        assert shown["public_key"] == other.public_key
        assert shown["preshared_key"] == pair.preshared_key
        host, port = shown["endpoint"].rsplit(":", 1)
        assert (host.strip("[]"), int(port)) == (other.outer[pair.underlay], PORT)
        assert shown["allowed_ips"] == {f"{other.inner[4]}/32", f"{other.inner[6]}/128"}
        assert before - 2 <= shown["handshake"] <= time.time() + 1
        assert shown["rx"] > 20 * 84 and shown["tx"] > 20 * 84
        text = side.wg("show", side.interface).stdout
        assert f"listening port: {PORT}" in text and "latest handshake" in text and "(hidden)" in text


def test_bulk_data_arrives_whole(pair):
    traffic.tcp_transfer(pair.initiator, pair.responder, 30_000_000, address=pair.responder.inner[4])
    traffic.tcp_transfer(pair.responder, pair.initiator, 10_000_000, address=pair.initiator.inner[6])


def test_datagrams_of_every_size(pair):
    # Up to the MTU in one piece, beyond it in fragments, which are the kernel's affair on both ends.
    with pair.responder.socket(bind=(pair.responder.inner[4], 7000)) as sink, pair.initiator.socket() as source:
        for size in (0, 1, 15, 16, 17, 500, MTU - 29, MTU - 28, MTU - 27, 4000, 20000):
            message = bytes(range(256)) * 80
            source.sendto(message[:size], (pair.responder.inner[4], 7000))
            assert sink.recv(65536) == message[:size], size


def test_another_preshared_key_ends_it():
    with Pair(Ours, Ours) as pair:
        assert pair.a.ping(pair.b.inner[4], count=2)[0] == 0
        wrong = pair.b.secret_file("wrong", pair.b.private_key)
        # Both forget what they agreed on: only a new handshake could help, and it must fail.
        for side, other, key in ((pair.a, pair.b, "preshared"), (pair.b, pair.a, None)):
            side.wg("set", side.interface, "peer", other.public_key, "remove")
            words = ["endpoint", f"{other.outer[4]}:{PORT}"] if side is pair.a else []
            path = f"{side.dir}/{key}" if key else wrong
            side.wg("set", side.interface, "peer", other.public_key, "preshared-key", path, "allowed-ips",
                    f"{other.inner[4]}/32", *words)
        assert pair.a.ping(pair.b.inner[4], count=3, interval=0.3, wait=1)[0] == 3
        assert pair.a.peer()["handshake"] == 0


def test_settings_that_wg_may_not_change():
    with Pair(Ours, Ours) as pair:
        refused = pair.a.wg("set", pair.a.interface, "listen-port", "4711", check=False)
        assert refused.returncode != 0 and "not supported" in refused.stderr
        pair.a.wg("set", pair.a.interface, "fwmark", "0x20")
        assert "fwmark: 0x20" in pair.a.wg("show", pair.a.interface).stdout
        assert pair.a.ping(pair.b.inner[4])[0] == 0
        pair.a.wg("set", pair.a.interface, "peer", pair.b.public_key, "remove")
        assert pair.b.public_key not in pair.a.wg("show", pair.a.interface).stdout
        assert pair.a.ping(pair.b.inner[4], count=2, wait=1)[0] == 2


def test_killed_and_started_again():
    # Port, address and routes outlive the process, because the descriptors do; peers of `wg set` do not.
    with Pair(Ours, Ours) as pair:
        assert pair.a.ping(pair.b.inner[4])[0] == 0
        private_key, routes = pair.a.private_key, pair.a.run("ip -4 route show").stdout
        pair.a.kill()
        # What was sent to nobody must not come out later.
        assert pair.b.ping(pair.a.inner[4], count=50, interval=0.002, wait=1)[0] == 50
        pair.a.run(["ping", "-n", "-c", "20", "-i", "0.002", "-W", "1", pair.b.inner[4]], check=False)
        pair.a.start()
        assert pair.a.run("ip -4 route show").stdout == routes
        key = pair.a.secret_file("key", private_key)
        pair.a.wg("set", pair.a.interface, "private-key", key, "peer", pair.b.public_key, "preshared-key",
                  f"{pair.a.dir}/preshared", "allowed-ips", f"{pair.b.inner[4]}/32", "endpoint",
                  f"{pair.b.outer[4]}:{PORT}")
        lost, output = pair.a.ping(pair.b.inner[4])
        assert lost == 0, output


def test_ends_at_once_on_sigterm():
    with Pair(Ours, Ours) as pair:
        before = time.monotonic()
        pair.a.process.terminate()
        assert pair.a.process.wait(5) == 0
        assert time.monotonic() - before < 5
        assert pair.a.inner[4] in pair.a.run(["ip", "addr", "show", pair.a.interface]).stdout


def test_a_request_longer_than_one_read():
    # 300 peers are some 40 KB in one piece.
    with Pair(Ours, Ours) as pair:
        keys = [base64.b64encode(number.to_bytes(31, "big") + b"\x09").decode() for number in range(1, 301)]
        words = [word for number, key in enumerate(keys)
                 for word in ("peer", key, "allowed-ips", f"10.77.{number // 256}.{number % 256}/32")]
        pair.a.wg("set", pair.a.interface, *words)
        assert set(pair.a.wg("show", pair.a.interface, "peers").stdout.split()) == {pair.b.public_key, *keys}
        assert pair.a.ping(pair.b.inner[4])[0] == 0


def test_several_wg_clients_at_once():
    with Pair(Ours, Ours) as pair:
        # Clients that say nothing, half a request, or too much do not keep others out.
        clients = [socket.socket(socket.AF_UNIX) for _ in range(40)]
        for number, client in enumerate(clients):
            client.connect(pair.a.own_socket)  # waits while the queue is full
            client.settimeout(5)
            with contextlib.suppress(BrokenPipeError):  # those that came first make way
                client.sendall([b"", b"get=1\n", b"nonsense\n\n"][number % 3])
        with socket.socket(socket.AF_UNIX) as flood:
            flood.connect(pair.a.own_socket)
            flood.settimeout(5)
            with pytest.raises(OSError):
                for _ in range(64):
                    flood.sendall(b"x" * 65536)
        assert pair.a.peer()["public_key"] == pair.b.public_key
        for client in clients:
            client.close()


STUN_HEADER = struct.Struct("=16sIHBxQQII")  # struct stunpipe_header; struct addr is its first four
STUN_REQUEST = bytes.fromhex("0001" "0000" "2112a442") + b"transaction1"
STUN_SUCCESS = bytes.fromhex("0101" "0000" "2112a442") + b"transaction1"


def test_stun_shares_the_socket():
    with Pair(Ours, Ours) as pair:
        assert pair.a.ping(pair.b.inner[4])[0] == 0
        for family, kind in ((socket.AF_INET, 4), (socket.AF_INET6, 6)):
            address = pair.b.outer[kind]
            packed = socket.inet_pton(family, address)
            with pair.b.socket(family, bind=(address, 3478)) as server:
                pair.a.stun.settimeout(5)
                pair.a.stun.send(STUN_HEADER.pack(packed, 0, 3478, kind, 0, 0, len(STUN_REQUEST), 0) + STUN_REQUEST)
                request, source = server.recvfrom(2048)
                assert request == STUN_REQUEST
                assert source[:2] == (pair.a.outer[kind], PORT)
                time.sleep(0.05)
                server.sendto(STUN_SUCCESS, source)
                answer = pair.a.stun.recv(2048)
                ip, _, port, got_kind, sent_us, received_us, length, _ = STUN_HEADER.unpack_from(answer)
                assert answer[STUN_HEADER.size:] == STUN_SUCCESS and length == len(STUN_SUCCESS)
                assert (ip[:len(packed)], port, got_kind) == (packed, 3478, kind)
                assert 50_000 <= received_us - sent_us < 1_000_000
        assert pair.a.ping(pair.b.inner[4])[0] == 0
