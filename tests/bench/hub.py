"""One machine with many live peers, none of which says anything.

          [ns a]  eth0 ----------------- eth0  [ns b]
                  192.0.2.1/24           192.0.2.2/24, ports 51822, 51823, ...
          hub     10.9.0.1/24            10.9.0.2, 10.9.0.3, ...         one lanrage-dataplane each
"""
import time

import load
from tunnels import KINDS, PORT, Ours, Pair

PEERS = 50
FIRST = 2           # number of the first peer, and last byte of its address
QUIET_S = 35        # after the last data: beyond the keepalives that answer it, 10 s later, and retries
WATCH_S = 30        # whatever comes twice a minute is seen once


class Hub(Pair):
    """A pair, with more machines like b in b's place; every one has exchanged packets with a, and a began."""

    def __init__(self, kind):
        super().__init__(kind, Ours, configure=False)
        try:
            self.peers = [self.b]
            for number in range(FIRST + 1, FIRST + PEERS):
                self.peers.append(Ours(self, f"p{number}", number, self.b.netns, PORT + number))
                self.sides.append(self.peers[-1])   # closed with the pair
                self.peers[-1].start()
            for peer in self.peers:
                peer.set_up(self.a, 4, initiator=False)
                self.answer_by(peer)
            self.set_up_hub()
            for peer in self.peers:
                lost, said = self.a.ping(peer.inner[4], count=2)
                if lost == 2:
                    raise RuntimeError(f"peer {peer.name}: {said}")
        except BaseException:
            self.close()
            raise

    def answer_by(self, peer):
        """What a peer sends leaves by its own tunnel, though all of them are in one namespace."""
        peer.netns.ip(f"rule add from {peer.inner[4]} lookup {peer.number}",
                      f"route add {self.a.inner[4]} dev {peer.interface} table {peer.number}")

    def set_up_hub(self):
        hub, preshared = self.a, self.a.secret_file("preshared", self.preshared_key)
        hub.wg("set", hub.interface, "private-key", hub.secret_file("key", hub.private_key))
        for peer in self.peers:
            hub.wg("set", hub.interface, "peer", peer.public_key, "preshared-key", preshared, "allowed-ips",
                   f"{peer.inner[4]}/32", "endpoint", f"{self.b.outer[4]}:{peer.listen_port}")
        hub.netns.ip(f"link set {hub.interface} up", f"addr add {hub.inner[4]}/24 dev {hub.interface}")

    def connected(self):
        """How many peers have a session."""
        return sum(int(line.split("\t")[1]) > 0
                   for line in self.a.wg("show", self.a.interface, "latest-handshakes").stdout.splitlines())


def watch(hubs):
    """{name: (memory in MB, context switches a second)} of each hub by name, after it was left alone."""
    time.sleep(QUIET_S)
    before = {name: (time.monotonic(), load.context_switches(hub.a.process.pid)) for name, hub in hubs.items()}
    time.sleep(WATCH_S)
    result = {}
    for name, hub in hubs.items():
        since, switches = before[name]
        per_s = (load.context_switches(hub.a.process.pid) - switches) / (time.monotonic() - since)
        result[name] = load.memory_mb(hub.a.process.pid, "VmRSS"), per_s
        if hub.connected() != PEERS:
            raise RuntimeError(f"{name}: only {hub.connected()} peers are connected")
    return result


def open_hub(name):
    return Hub(KINDS[name])
