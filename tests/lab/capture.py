"""Packets seen on an interface: tcpdump writes them, a reader of the pcap format returns them as tuples."""
import ipaddress
import os
import signal
import struct
import subprocess
import time
from collections import namedtuple

# time in seconds since the epoch, src and dst as text, protocol a number (17 UDP), ports None without such,
# ip_length in bytes, udp_length the payload's bytes or None, data the payload after the UDP header or the IP header.
Packet = namedtuple("Packet", "time src dst protocol sport dport ip_length udp_length data")

LINK_HEADERS = {1: 14, 12: 0, 101: 0, 276: 20}  # Ethernet, raw IP (two numbers), Linux "any" device
SETTLE_S = 0.1


class Capture:
    """with host.capture("eth0", "udp") as packets: ...; afterwards packets is the filled list, and path the file.

    Of a packet at most so many bytes are kept; large segments, before they are cut up for the wire, can have 64 KiB.
    """
    numbers = 0

    def __init__(self, node, interface, expression, at_most=2048):
        Capture.numbers += 1
        self.path = os.path.join(node.dir, f"{interface}-{Capture.numbers}.pcap")
        self._command = node.netns.command(["tcpdump", "-Z", "root", "-n", "-i", interface, "--immediate-mode", "-U",
                                            "-s", str(at_most), "-w", self.path, *([expression] if expression else [])])
        self.packets = []

    def __enter__(self):
        self._process = subprocess.Popen(self._command, stderr=subprocess.PIPE, text=True)
        said = ""
        while "listening on" not in said:
            line = self._process.stderr.readline()
            said += line
            if not line:
                self._process.wait()
                raise RuntimeError(f"tcpdump: {said}")
        return self.packets

    def __exit__(self, *_):
        time.sleep(SETTLE_S)
        self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=5)
        self.packets.extend(read_pcap(self.path))


def read_pcap(path):
    with open(path, "rb") as file:
        data = file.read()
    link_type = struct.unpack_from("<I", data, 20)[0]
    skip, offset = LINK_HEADERS[link_type], 24
    while offset + 16 <= len(data):
        seconds, micros, length, _ = struct.unpack_from("<IIII", data, offset)
        packet = parse(data[offset + 16 + skip:offset + 16 + length], seconds + micros / 1e6)
        if packet:
            yield packet
        offset += 16 + length


def parse(ip, when):
    """The Packet in bytes that begin with an IP header, or None for anything else; IPv6 without extension headers."""
    version = ip[0] >> 4 if ip else 0
    if version == 4 and len(ip) >= 20:
        header, protocol, ip_length = (ip[0] & 15) * 4, ip[9], struct.unpack_from("!H", ip, 2)[0]
        src, dst = ip[12:16], ip[16:20]
    elif version == 6 and len(ip) >= 40:
        header, protocol, ip_length = 40, ip[6], 40 + struct.unpack_from("!H", ip, 4)[0]
        src, dst = ip[8:24], ip[24:40]
    else:
        return None
    sport = dport = udp_length = None
    data = ip[header:ip_length]
    if protocol in (6, 17) and len(data) >= 8:
        sport, dport = struct.unpack_from("!HH", data)
    if protocol == 17 and len(data) >= 8:
        udp_length = struct.unpack_from("!H", data, 4)[0] - 8
        data = data[8:]
    return Packet(when, str(ipaddress.ip_address(src)), str(ipaddress.ip_address(dst)), protocol, sport, dport,
                  ip_length, udp_length, data)
