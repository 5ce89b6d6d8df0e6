"""Six members say much to everybody at once, two of them on one physical LAN: each hears each word once.

    a, b, c, d ─ each behind its own NAT ─┐
    e ─┐                                  ├─ internet ─ server, relay
    f ─┼ NAT ─────────────────────────────┘
    x ─┘            x is on the LAN of e and f, but in no party
"""
import collections
import struct
import threading
import time

import pytest
from lab import wait_until
from party import address_of, connect, start_party, together
from test_60_lan import EVERYBODY, PORT, Ear, mouth

WORDS = 10_000
PER_S = 300
SOON_S = 30

pytestmark = pytest.mark.alone    # 60,000 words, none lost: nothing else may want the processors


def speak(host, number):
    """WORDS numbered packets to everybody, by the default route."""
    begin = time.monotonic()
    with mouth(host, ("", 6000 + number)) as sock:
        for n in range(WORDS):
            sock.sendto(struct.pack("<BL", number, n), (EVERYBODY, PORT))
            # woken late, it does not make up for that by a burst beyond the limits
            time.sleep(max(1 / (3 * PER_S), begin + n / PER_S - time.monotonic()))


def test_each_hears_each_once(lab):
    server, relay = lab.public("server"), lab.public("relay")
    members = [lab.behind(name) for name in "abcde"]
    members.append(lab.behind("f", router=members[-1].router))
    stranger = lab.behind("x", router=members[-1].router)
    start_party(server, relay, *members)
    connect(*members)
    together(*members)
    source = {address_of(member): number for number, member in enumerate(members)}
    cable = {member.addr4: number for number, member in enumerate(members)}
    ears = [Ear(host) for host in (*members, stranger)]
    try:
        speakers = [threading.Thread(target=speak, args=(host, number)) for number, host in enumerate(members)]
        for thread in speakers:
            thread.start()
        for thread in speakers:
            thread.join()
        wait_until(lambda: all(len(ear.heard) >= 5 * WORDS for ear in ears[:-1]), SOON_S, "all have heard all")
        time.sleep(1)
    finally:
        for ear in ears:
            ear.close()

    def words(ear, addresses):
        """How often each word of each speaker came from those addresses."""
        heard = collections.Counter()
        for one in ear.heard:
            if one.source in addresses:
                number, n = struct.unpack("<BL", one.payload)
                assert addresses[one.source] == number and one.port == 6000 + number
                heard[number, n] += 1
        return heard
    for number, ear in enumerate(ears[:-1]):
        once = {(other, n): 1 for other in range(6) if other != number for n in range(WORDS)}
        assert words(ear, source) == once, members[number].name
        # what the kernel gives back to the speaker itself is the cable's
        neighbours = {4, 5} if number in (4, 5) else {number}
        assert set(words(ear, cable).values()) <= {1} and {who for who, _ in words(ear, cable)} <= neighbours
    assert words(ears[-1], cable) == {(who, n): 1 for who in (4, 5) for n in range(WORDS)}
    assert not words(ears[-1], source)
