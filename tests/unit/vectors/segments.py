#!/usr/bin/python3
"""Writes segments.h: golden values for test_split.c, which are what Linux makes of the same packets.

Each packet is given with its offload description to a tun device, forwarded, and read from a second
one that takes no offload, so the kernel has to split it and to complete its checksums. Needs root
and Linux 6.2 (USO in tun).

    unshare --net tests/unit/vectors/segments.py >tests/unit/vectors/segments.h
"""

import fcntl
import os
import select
import socket
import struct
import subprocess

NEEDS_CSUM, TCPV4, TCPV6, UDP_L4, ECN = 1, 1, 4, 5, 0x80
FIN_PSH_ACK_ECE_CWR = 0xD9


def tun(name, flags):
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, 0x400454CA, struct.pack("16sH22x", name, 0x1001 | flags))
    return tap


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def networks():
    inward, outward = tun(b"in", 0x4000), tun(b"out", 0)
    fcntl.ioctl(inward, 0x400454D0, 0x6F)  # CSUM, TSO4, TSO6, ECN, USO4, USO6
    for name, net in ("in", 1), ("out", 2):
        # No packets of the devices' own.
        run("sysctl", "-q", f"net.ipv6.conf.{name}.router_solicitations=0",
            f"net.ipv6.conf.{name}.addr_gen_mode=1", f"net.ipv4.conf.{name}.rp_filter=0")
        run("ip", "link", "set", name, "up", "mtu", "1500")
        run("ip", "addr", "add", f"10.0.{net}.1/24", "dev", name)
        run("ip", "addr", "add", f"fd00:0:0:{net}::1/64", "dev", name, "nodad")
    run("sysctl", "-q", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    return inward, outward


def total(data):
    data += b"\0" * (len(data) % 2)
    value = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while value > 0xFFFF:
        value = (value >> 16) + (value & 0xFFFF)
    return value


def ip(version, protocol, ttl, behind, extra=b"", first=None):
    """The packet, with the sum of the pseudo-header where `behind` has its checksum."""
    if version == 4:
        ends = socket.inet_aton("10.0.1.2") + socket.inet_aton("10.0.2.2")
    else:
        ends = (socket.inet_pton(socket.AF_INET6, "fd00:0:0:1::2")
                + socket.inet_pton(socket.AF_INET6, "fd00:0:0:2::2"))
    pseudo = total(ends + struct.pack("!HH", protocol, len(behind)))
    at = 16 if protocol == 6 else 6
    behind = behind[:at] + struct.pack("!H", pseudo) + behind[at + 2:]
    if version == 6:
        return struct.pack("!IHBB", 6 << 28 | 0xB8 << 20 | 0x12345, len(extra) + len(behind),
                           first or protocol, ttl) + ends + extra + behind
    header = struct.pack("!BBHHHBBH", 0x45 + len(extra) // 4, 2, 20 + len(extra) + len(behind),
                         0xFFFE, 0x4000 if extra else 0, ttl, protocol, 0) + ends + extra
    return header[:10] + struct.pack("!H", 0xFFFF - total(header)) + header[12:] + behind


def tcp(flags, options, payload):
    return struct.pack("!HHIIBBHHH", 40000, 443, 0xFFFFFFE8, 0x01020304,
                       (20 + len(options)) // 4 << 4, flags, 0x2000, 0, 0) + options + payload


def udp(payload):
    return struct.pack("!HHHH", 50000, 27015, 8 + len(payload), 0) + payload


def payload(length):
    return bytes(i * 7 + 1 & 0xFF for i in range(length))


def zero_sum(version, length):
    """Payload with which the checksum comes out as zero."""
    plain = ip(version, 17, 1, udp(payload(length)))
    start = 20 if version == 4 else 40
    word = struct.unpack("!H", plain[start + 8:start + 10])[0]
    word = total(struct.pack("!HH", word, 0xFFFF - total(plain[start:])))
    return struct.pack("!H", word) + payload(length)[2:]


STAMPS = bytes.fromhex("0101080a0000100000002000")
ROUTER_ALERT = bytes.fromhex("94040000")
HOP_BY_HOP = bytes([6, 0, 1, 4, 0, 0, 0, 0])
CASES = {
    "tso4": (4, TCPV4 | ECN, 24, 20, 16, tcp(FIN_PSH_ACK_ECE_CWR, STAMPS, payload(60)), b"", None),
    "tso4_options": (4, TCPV4, 30, 24, 16, tcp(0x18, b"", payload(60)), ROUTER_ALERT, None),
    "tso6": (6, TCPV6 | ECN, 24, 40, 16, tcp(FIN_PSH_ACK_ECE_CWR, STAMPS, payload(60)), b"", None),
    "tso6_extension": (6, TCPV6, 25, 48, 16, tcp(0x10, b"", payload(60)), HOP_BY_HOP, 60),
    "uso4": (4, UDP_L4, 20, 20, 6, udp(payload(50)), b"", None),
    "uso6": (6, UDP_L4, 25, 40, 6, udp(payload(50)), b"", None),
    "uso4_zero": (4, UDP_L4, 20, 20, 6, udp(zero_sum(4, 20) + payload(11)), b"", None),
    "sum4": (4, 0, 0, 20, 6, udp(payload(13)), b"", None),
    "sum4_zero": (4, 0, 0, 20, 6, udp(zero_sum(4, 13)), b"", None),
    "sum6": (6, 0, 0, 40, 16, tcp(0x11, STAMPS, payload(13)), b"", None),
}


def split(inward, outward, case):
    version, kind, segment, start, offset, behind, extra, first = case
    protocol = 6 if offset == 16 else 17
    # One hop is used up by forwarding.
    given, packet = (ip(version, protocol, ttl, behind, extra, first) for ttl in (65, 64))
    header = start + (behind[12] >> 4) * 4 if protocol == 6 else start + 8
    os.write(inward, struct.pack("<BBHHHH", NEEDS_CSUM, kind, header, segment, start, offset) + given)
    segments = []
    while select.select([outward], [], [], 0.3)[0]:
        segments.append(os.read(outward, 65536))
    return packet, segments


def line(data):
    rows = [data.hex()[i:i + 90] for i in range(0, len(data) * 2, 90)]
    return "\n".join(f'\t "{row}"' for row in rows)


def main():
    inward, outward = networks()
    while select.select([outward], [], [], 1)[0]:
        os.read(outward, 65536)
    print("/* Made by segments.py: do not edit. Hexadecimal. */\n/* clang-format off */")
    print("#ifndef LANRAGE_TESTS_VECTORS_SEGMENTS_H\n#define LANRAGE_TESTS_VECTORS_SEGMENTS_H\n")
    print('#include "svc-dataplane/split.h"\n')
    print("static const struct vector_segments {\n\tconst char *name;\n"
          "\tstruct split_offload offload;\n\tconst char *packet, *segments[6];\n"
          "} vector_segments[] = {")
    for name, case in CASES.items():
        packet, segments = split(inward, outward, case)
        kind = "SPLIT_NONE" if case[1] == 0 else "SPLIT_UDP" if case[1] == UDP_L4 else "SPLIT_TCP"
        print(f'\t{{"{name}",\n\t {{.kind = {kind}, .checksum = true, .start = {case[3]}, '
              f".offset = {case[4]}, .segment = {case[2]}}},")
        print(",\n".join(map(line, [packet])) + ",\n\t {")
        print(",\n".join(map(line, segments)) + "}},")
    print("};\n\n#endif")


main()
