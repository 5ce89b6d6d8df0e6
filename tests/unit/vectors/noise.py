#!/usr/bin/python3
"""Writes noise.h: golden values for test_noise.c, test_cookie.c and test_session.c.

A second implementation of the handshake, from the WireGuard whitepaper and RFC 7748, 8439 and 2104,
slow and plain, sharing nothing with svc-dataplane but the documents. Of the standard library it
uses BLAKE2s alone.

    tests/unit/vectors/noise.py >tests/unit/vectors/noise.h
"""

import hashlib
import struct


# --- BLAKE2s, HMAC (RFC 2104), KDF (whitepaper 5.4)

def hash_(*parts):
    return hashlib.blake2s(b"".join(parts)).digest()


def mac(key, data):
    return hashlib.blake2s(data, key=key, digest_size=16).digest()


def hmac(key, data):
    key = key.ljust(64, b"\0")
    inner = hash_(bytes(k ^ 0x36 for k in key), data)
    return hash_(bytes(k ^ 0x5C for k in key), inner)


def kdf(count, key, data):
    secret, block, out = hmac(key, data), b"", []
    for i in range(count):
        block = hmac(secret, block + bytes([i + 1]))
        out.append(block)
    return out


# --- X25519 (RFC 7748)

P = 2**255 - 19


def x25519(private, public=(9).to_bytes(32, "little")):
    k = bytearray(private)
    k[0] &= 248
    k[31] = k[31] & 127 | 64
    k = int.from_bytes(k, "little")
    u = int.from_bytes(public, "little") & (2**255 - 1)
    # Montgomery ladder: (x2:z2) = n*u and (x3:z3) = (n+1)*u for the bits n of k seen so far.
    x2, z2, x3, z3 = 1, 0, u, 1
    for i in reversed(range(255)):
        if k >> i & 1:
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb, aa, bb = d * a, c * b, a * a, b * b
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % P, u * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
        if k >> i & 1:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


# --- ChaCha20, Poly1305 (RFC 8439), and the extended nonce

MASK = 0xFFFFFFFF


def chacha_rounds(state):
    s = list(state)

    def quarter(a, b, c, d):
        for x, y, z, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[x] = (s[x] + s[y]) & MASK
            s[z] ^= s[x]
            s[z] = (s[z] << n | s[z] >> (32 - n)) & MASK

    for _ in range(10):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return s


def chacha_state(key, tail):
    return struct.unpack("<16I", b"expand 32-byte k" + key + tail)


def chacha_xor(key, counter, nonce, data):
    out = bytearray()
    for i in range(0, len(data), 64):
        state = chacha_state(key, struct.pack("<I", counter + i // 64) + nonce)
        mixed = chacha_rounds(state)
        stream = struct.pack("<16I", *((a + b) & MASK for a, b in zip(state, mixed)))
        out += bytes(a ^ b for a, b in zip(data[i:i + 64], stream))
    return bytes(out)


def poly1305(key, data):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for i in range(0, len(data), 16):
        total = (total + int.from_bytes(data[i:i + 16] + b"\1", "little")) * r % (2**130 - 5)
    return ((total + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


def seal_nonce(key, nonce, text, ad):
    sealed = chacha_xor(key, 1, nonce, text)
    covered = b"".join(part + bytes(-len(part) % 16) for part in (ad, sealed))
    covered += struct.pack("<QQ", len(ad), len(sealed))
    return sealed + poly1305(chacha_xor(key, 0, nonce, bytes(32)), covered)


def seal(key, counter, text, ad):
    return seal_nonce(key, bytes(4) + struct.pack("<Q", counter), text, ad)


def xseal(key, nonce, text, ad):
    mixed = chacha_rounds(chacha_state(key, nonce[:16]))
    subkey = struct.pack("<8I", *(mixed[0:4] + mixed[12:16]))
    return seal_nonce(subkey, bytes(4) + nonce[16:], text, ad)


# --- the handshake (whitepaper 5.4.2, 5.4.3, 5.4.5), both sides at once

def handshake(static_i, static_r, eph_i, eph_r, psk, timestamp, index_i, index_r):
    pub_i, pub_r, epub_i, epub_r = map(x25519, (static_i, static_r, eph_i, eph_r))
    chain = hash_(b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s")
    transcript = hash_(hash_(chain, b"WireGuard v1 zx2c4 Jason@zx2c4.com"), pub_r)

    chain, = kdf(1, chain, epub_i)
    transcript = hash_(transcript, epub_i)
    chain, key = kdf(2, chain, x25519(eph_i, pub_r))
    sealed_static = seal(key, 0, pub_i, transcript)
    transcript = hash_(transcript, sealed_static)
    chain, key = kdf(2, chain, x25519(static_i, pub_r))
    sealed_time = seal(key, 0, timestamp, transcript)
    transcript = hash_(transcript, sealed_time)
    initiation = struct.pack("<II", 1, index_i) + epub_i + sealed_static + sealed_time
    initiation += mac(hash_(b"mac1----", pub_r), initiation) + bytes(16)

    chain, = kdf(1, chain, epub_r)
    transcript = hash_(transcript, epub_r)
    chain, = kdf(1, chain, x25519(eph_r, epub_i))
    chain, = kdf(1, chain, x25519(eph_r, pub_i))
    chain, tau, key = kdf(3, chain, psk)
    transcript = hash_(transcript, tau)
    response = struct.pack("<III", 2, index_r, index_i) + epub_r + seal(key, 0, b"", transcript)
    response += mac(hash_(b"mac1----", pub_i), response) + bytes(16)

    forward, backward = kdf(2, chain, b"")
    return initiation, response, forward, backward


def emit(name, value):
    text = value.hex()
    print(f"static const char vector_{name}[] =")
    lines = [text[i:i + 64] for i in range(0, len(text), 64)] or [""]
    print("\n".join(f'\t"{line}"' for line in lines) + ";")


def bytes_from(text, size=32):
    """Fixed bytes that look random and can be made again by anybody."""
    return hashlib.blake2s(text.encode(), digest_size=size).digest()


def check_primitives():
    """RFC 7748 section 5.2, first vector. The ciphers meet their judge in the C tests."""
    scalar = "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"
    point = "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"
    result = "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"
    assert x25519(bytes.fromhex(scalar), bytes.fromhex(point)).hex() == result


def main():
    check_primitives()
    print("/* Made by noise.py: do not edit. Hexadecimal. */")
    print("/* clang-format off */")
    print("#ifndef LANRAGE_TESTS_VECTORS_NOISE_H\n#define LANRAGE_TESTS_VECTORS_NOISE_H\n")

    key = bytes_from("kdf key")
    emit("kdf_key", key)
    for name, data in (("empty", b""), ("short", b"lanrage"), ("long", bytes(range(200)))):
        emit(f"input_{name}", data)
        emit(f"hmac_{name}", hmac(key, data))
        for i, output in enumerate(kdf(3, key, data)):
            emit(f"kdf_{name}_{i + 1}", output)

    static_i, static_r = bytes_from("initiator"), bytes_from("responder")
    eph_i, eph_r = bytes_from("initiator ephemeral"), bytes_from("responder ephemeral")
    timestamp = struct.pack(">QI", 0x400000000000000A + 1700000000, 0x01000000)
    psk = bytes_from("preshared")
    for name, value in (("static_i", static_i), ("static_r", static_r), ("eph_i", eph_i),
                        ("eph_r", eph_r), ("public_i", x25519(static_i)),
                        ("public_r", x25519(static_r)), ("timestamp", timestamp), ("psk", psk)):
        emit(name, value)
    for name, secret in (("plain", bytes(32)), ("psk", psk)):
        initiation, response, forward, backward = handshake(
            static_i, static_r, eph_i, eph_r, secret, timestamp, 0x11223344, 0xAABBCCDD)
        emit(f"initiation_{name}", initiation)
        emit(f"response_{name}", response)
        emit(f"forward_{name}", forward)
        emit(f"backward_{name}", backward)

    # A data message under the keys of the last handshake: 20 bytes, padded to 32.
    packet = bytes(range(20))
    data = struct.pack("<IIQ", 4, 0xAABBCCDD, 5) + seal(forward, 5, packet.ljust(32, b"\0"), b"")
    emit("packet", packet)
    emit("data", data)

    # The responder, under load, answers that initiation with a cookie; the initiator stamps it.
    secret, nonce = bytes_from("cookie secret"), bytes_from("cookie nonce", 24)
    source = bytes([203, 0, 113, 7, 0x15, 0xB3])
    cookie = mac(secret, source)
    mac1 = initiation[116:132]
    sealed = xseal(hash_(b"cookie--", x25519(static_r)), nonce, cookie, mac1)
    emit("cookie_secret", secret)
    emit("cookie_nonce", nonce)
    emit("cookie_source", source)
    emit("cookie_reply", struct.pack("<II", 3, 0x11223344) + nonce + sealed)
    emit("mac2", mac(cookie, initiation[:132]))
    print("\n#endif")


if __name__ == "__main__":
    main()
