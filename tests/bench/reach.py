#!/usr/bin/python3
"""How peers are reached, and how soon again; README.md says what each figure means.

    a1 - NAT(port-restricted) ─┐            ┌─ server
    b1 - NAT(port-restricted) ─┤            │
      ...                      ├─ internet ─┤             20 ms one way between any two
    a4 - NAT(port-restricted) ─┤            │
    b4 - NAT(port-restricted) ─┘            └─ relay      four parties of two; each pair is measured for itself

LANRAGE_BENCH_RUNS=N makes N runs for each figure instead of 20.
"""
import itertools
import os
import queue
import random
import signal
import sys
import threading
import time

from figures import Figures
from pair import HANG_S, SETTLE_S, WIRE_MS, Pair, Watch
import plot

from lab import Lab, UdpTalk, ping_first_reply, wait_until
from lab.wire import build_dir
from party import join, peer_of

RUNS = int(os.environ.get("LANRAGE_BENCH_RUNS") or 20)
PAIRS = min(4, RUNS)
BUSY_PAIRS = min(2, PAIRS)      # with 1,000 packets/s each
RELAYS = 8
QUIET_S = 1.0                   # before a disturbance, for comparison
AFTER_RELAYED_S = 0.7
AFTER_MOVE_S = 2.5
LOSS_PERCENT, LOSS_WINDOW_S = 5, 12
LOSS_WINDOWS = -(-RUNS // PAIRS)
FLAP_S = 120 if RUNS >= 20 else 20
PING_S = 0.01
WAYS = {"both": (0, 1), "out": (0,), "back": (1,)}  # which of the two flows is cut
DOUBLINGS = ("auto", "on", "off")


def define(figures):
    define = figures.define
    define("join_to_first_reply", "ms", "join to first reply", 1000)
    define("join_to_direct", "ms", "join to direct, both ends", 1500)
    define("upgrade_lost", "packets", "relay to direct at 1,000 packets/s: lost", 0)
    define("upgrade_duplicated", "packets", "relay to direct at 1,000 packets/s: twice", 0)
    define("upgrade_after_free", "ms", "never direct before: way free to direct")
    for doubling, way in itertools.product(DOUBLINGS, WAYS):
        define(f"black_hole_{way}_{doubling}", "ms", f"black hole {way}, doubling {doubling}",
               50 if doubling == "on" else 500)
    for way in ("out", "back"):
        define(f"black_hole_{way}_other_way", "ms", f"black hole {way}: the direction that is free")
    define("direct_again_after_heal", "ms", "healed to direct again, both ends", 2000)
    define("relay_killed", "ms", "relay killed", 1000)
    define("address_changed", "ms", "address changed", 300)
    define("hole_left", "ms", "packets over 600 bytes swallowed", 1000)
    define("doubled_loss", "pct", "5 % + 5 % loss, doubled: lost of 1,200")
    define("doubled_loss_all", "pct", "5 % + 5 % loss, doubled: lost of all", 0.4)
    define("doubled_duplicates", "packets", "5 % + 5 % loss, doubled: twice", 0)
    define(f"path_changes_{FLAP_S}s", "changes", f"5 % loss on the direct way: changes in {FLAP_S} s")
    define("undisturbed_gap", "ms", "nothing happens: longest gap in 1 s")


def on_all(figures, pairs, jobs, work):
    """Every pair does one job after the other until all are done; a run that fails is noted, and not repeated."""
    waiting = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)

    def worker(pair):
        while True:
            try:
                job = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                work(figures, pair, job)
            except Exception as error:
                figures.fail(f"{work.__name__} {job}: {type(error).__name__}: {error}")
                pair.heal()

    threads = [threading.Thread(target=worker, args=(pair,), daemon=True) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def ms(seconds):
    return max(0, seconds * 1000)


# ---- joining ----

def joining(figures, pair, _):
    pair.become_new()
    time.sleep(0.5)     # lanraged has found the server, as one has that was there when its user came
    pressed = time.monotonic()
    pair.join()
    ping_first_reply(pair.b, pair.addresses[0], HANG_S, interval=PING_S)
    replied = time.monotonic()
    pair.look_again()
    figures.add("join_to_first_reply", ms(replied - pressed))
    figures.add("join_to_direct", ms(pair.wait("direct") - pressed))


# ---- from the relay to a direct way ----

def upgrading(figures, pair, _):
    pair.cut()
    pair.meet_again("relay")
    time.sleep(SETTLE_S)
    with pair.talk(pps=1000) as talk:
        time.sleep(QUIET_S)
        free = time.monotonic()
        pair.heal()
        direct = pair.wait("direct")
        time.sleep(QUIET_S)
        since, until = free - QUIET_S / 2, time.monotonic() - QUIET_S / 2
    flows = talk.stop()
    figures.add("upgrade_after_free", ms(direct - free))
    figures.add("upgrade_lost", *(flow.lost(since, until) for flow in flows))
    figures.add("upgrade_duplicated", *(flow.duplicates(since, until) for flow in flows))


# ---- a direct way that swallows everything ----

def black_hole(figures, pair, job):
    way, doubling = job
    pair.set_doubling(doubling)
    pair.meet_again()
    time.sleep(SETTLE_S)
    with pair.talk() as talk:
        time.sleep(QUIET_S + 0.2)
        cut = time.monotonic()
        pair.cut(way)
        pair.wait("relay")
        time.sleep(AFTER_RELAYED_S)
        healed = time.monotonic()
        pair.heal()
        direct = pair.wait("direct")
    flows = talk.stop()
    for index, flow in enumerate(flows):
        name = f"black_hole_{way}_{doubling if index in WAYS[way] else 'other_way'}"
        figures.add(name, ms(flow.gap(cut, healed)))
        figures.add("undisturbed_gap", ms(flow.gap(cut - QUIET_S, cut)))
    figures.add("direct_again_after_heal", ms(direct - healed))


def long_packets(figures, pair, _):
    pair.set_doubling("auto")
    pair.meet_again()
    time.sleep(SETTLE_S)
    with pair.talk(size=900) as talk:
        time.sleep(QUIET_S)
        cut = time.monotonic()
        pair.cut(above=600)
        pair.wait("relay")
        time.sleep(AFTER_RELAYED_S)
        until = time.monotonic()
        pair.heal()
    figures.add("hole_left", *(ms(flow.gap(cut, until)) for flow in talk.stop()))


# ---- another address ----

def moving(figures, pair, number):
    """They do not meet anew: who has just moved is not at the server yet."""
    pair.set_doubling("auto")
    pair.wait("direct")
    time.sleep(SETTLE_S)
    with pair.talk() as talk:
        time.sleep(QUIET_S)
        moved = time.monotonic()
        (pair.a, pair.b)[number % 2].change_address()
        time.sleep(AFTER_MOVE_S)
        until = time.monotonic()
    figures.add("address_changed", *(ms(flow.gap(moved, until)) for flow in talk.stop()))


# ---- loss ----

def doubled_loss(figures, pairs, relay):
    """5 % on the direct way and, independently, 5 % on the way by the relay: where packets enter it."""
    for pair in pairs:
        pair.set_doubling("on")
        pair.meet_again()
        pair.cut(loss=LOSS_PERCENT)
        for member in (pair.a, pair.b):
            pair.lab.block_udp(member, relay, one_way=True, loss=LOSS_PERCENT)
    time.sleep(SETTLE_S)
    talks = [pair.talk() for pair in pairs]
    time.sleep(QUIET_S)
    since = time.monotonic()
    time.sleep(LOSS_WINDOW_S * LOSS_WINDOWS + 0.5)
    sent = lost = 0
    for pair, talk in zip(pairs, talks):
        for flow, window in itertools.product(talk.stop(), range(LOSS_WINDOWS)):
            here = since + window * LOSS_WINDOW_S, since + (window + 1) * LOSS_WINDOW_S
            sent, lost = sent + flow.sent(*here), lost + flow.lost(*here)
            figures.add("doubled_loss", 100 * flow.lost(*here) / flow.sent(*here))
            figures.add("doubled_duplicates", flow.duplicates(*here))
    figures.add("doubled_loss_all", 100 * lost / sent)
    print(f"  {lost} of {sent} lost", flush=True)
    for pair in pairs:
        pair.heal()
        for member in (pair.a, pair.b):
            pair.lab.unblock_udp(member, relay)
        pair.set_doubling("auto")


# ---- the labs ----

def infrastructure(lab):
    server, relay = (lab.public(name, delay_ms=WIRE_MS) for name in ("server", "relay"))
    url = server.start_server()
    relay.start_relay(url)
    return url, relay


def in_pairs(figures):
    with Lab() as lab:
        url, relay = infrastructure(lab)
        pairs = [Pair(lab, number, url) for number in range(1, PAIRS + 1)]
        for pair in pairs:
            pair.wait("direct")
        say("joining")
        on_all(figures, pairs[:1], range(RUNS), joining)
        say("from the relay to a direct way")
        on_all(figures, pairs[:BUSY_PAIRS], range(RUNS), upgrading)
        say("black holes")
        jobs = [(way, doubling) for doubling in DOUBLINGS for way in WAYS for _ in range(RUNS)]
        on_all(figures, pairs, jobs, black_hole)
        say("long packets swallowed")
        on_all(figures, pairs, range(RUNS), long_packets)
        say("loss, doubled")
        doubled_loss(figures, pairs, relay)
        say("other addresses")
        for pair in pairs:
            pair.meet_again()
        on_all(figures, pairs, range(RUNS), moving)


def relays_die(figures):
    """No pair has a direct way; the relay that most use is killed, and soon comes back, to be one of the others."""
    with Lab() as lab:
        server = lab.public("server", delay_ms=WIRE_MS)
        url = server.start_server()
        relays = [lab.public(f"relay{number}", delay_ms=WIRE_MS) for number in range(RELAYS)]
        for relay in relays:
            relay.start_relay(url)
        pairs = []
        for number in range(1, PAIRS + 1):
            pairs.append(Pair(lab, number, url))
            pairs[-1].cut()
            pairs[-1].meet_again("relay")
        measured, deadline = 0, time.monotonic() + 6 * HANG_S
        while measured < RUNS and time.monotonic() < deadline:
            time.sleep(3 * SETTLE_S)
            measured += one_relay_dies(figures, url, relays, pairs)
        if measured < RUNS:
            figures.fail(f"relay killed: {measured} runs only")


def one_relay_dies(figures, url, relays, pairs):
    """Returns how many pairs used it."""
    uses = [[next(relay for relay in relays if peer_of(one, other.name)["endpoint"].startswith(f"{relay.addr4}:"))
             for one, other in ((pair.a, pair.b), (pair.b, pair.a))] for pair in pairs]
    victim = max(relays, key=lambda relay: sum(relay in used for used in uses))
    talks = [pair.talk() for pair in pairs]
    time.sleep(QUIET_S)
    killed = time.monotonic()
    victim.stop("lanrage-relay", sig=signal.SIGKILL)
    time.sleep(2 * QUIET_S + 0.5)
    until = time.monotonic()
    for used, talk in zip(uses, talks):
        for relay, flow in zip(used, talk.stop()):
            if relay is victim:
                figures.add("relay_killed", ms(flow.gap(killed, until)))
    victim.start_relay(url)
    return sum(victim in used for used in uses)


def flapping(figures):
    """One party of so many members that there are as many pairs as runs; each pair's direct way loses 5 %."""
    size = next(n for n in itertools.count(2) if n * (n - 1) // 2 >= RUNS)
    with Lab() as lab:
        url, _ = infrastructure(lab)
        members = [lab.behind(f"m{number}", nat="port-restricted", delay_ms=WIRE_MS) for number in range(size)]
        for member in members:
            member.start_lanraged(url)
        code = members[0].lanrage("party", "create", "crowd", "--name", members[0].name)["code"]
        for member in members[1:]:
            join(member, code, member.name)
        watches = {member.name: Watch(member) for member in members}
        pairs, directions = list(itertools.combinations(members, 2)), list(itertools.permutations(members, 2))
        for one, other in directions:
            wait_until(lambda: watches[one.name].since(other.name, "direct"), HANG_S,
                       f"{one.name}, {other.name}: direct")
        addresses = {member.name: member.lanrage("status")["self"]["virtual_ip"] for member in members}
        talks = [UdpTalk(one, other, (addresses[one.name], addresses[other.name]), port=5000 + number, pps=25)
                 for number, (one, other) in enumerate(pairs)]
        for one, other in pairs:
            lab.block_udp(one, other, loss=LOSS_PERCENT)
        since = time.monotonic()
        time.sleep(FLAP_S)
        for talk in talks:
            talk.stop()
        for one, other in directions:
            changes = watches[one.name].changes_between(other.name, since, since + FLAP_S)
            figures.add(f"path_changes_{FLAP_S}s", changes)


def say(what):
    print(f"{time.monotonic() - START:6.0f} s  {what}", flush=True)


def main():
    random.seed(1)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    figures = Figures()
    define(figures)
    for part in (in_pairs, relays_die, flapping):
        say(part.__name__.replace("_", " "))
        try:
            part(figures)
        except Exception as error:  # the other parts are still worth having
            figures.fail(f"{part.__name__}: {type(error).__name__}: {error}")
    folder = os.path.join(build_dir(), "bench")
    figures.write("reach", f"{folder}/reach.json")
    with open(f"{folder}/reach.svg", "w") as file:
        file.write(plot.draw(figures, "How peers are reached, 20 ms one way between any two hosts"))
    say("done")
    print(figures.table())
    print(f"{folder}/reach.json, reach.svg")
    return 0 if all(figure.values for figure in figures) and not figures.failures else 1


START = time.monotonic()
if __name__ == "__main__":
    sys.exit(main())
