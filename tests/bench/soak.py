#!/usr/bin/python3
"""Six members endure what happens to networks and programs; every pair must be back after each event.

    cone   - NAT(full-cone) ───────┐            ┌─ server
    port   - NAT(port-restricted) ─┤            │
    lan    - in port's LAN ────────┼─ internet ─┤
    random - NAT(symmetric-random) ┤            │
    double - NAT - carrier's NAT ──┤            ├─ relay1
    public ────────────────────────┘            └─ relay2

SOAK_MINUTES=N (30), SOAK_SEED=N (drawn, and printed): the same seed makes the same events.
"""
import itertools
import os
import random
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(sys.path[0], "scenario"))
from lab import Lab, ping, wait_until  # noqa: E402
from lab.netns import pids  # noqa: E402
from lab.wire import build_dir  # noqa: E402
from party import Member, join  # noqa: E402

MINUTES = float(os.environ.get("SOAK_MINUTES") or 30)
SEED = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(10000))
WARM_UP_S = min(180, MINUTES * 60 / 4)
QUIET_S = 35            # entries of a NAT live 30 s
LASTING = ("cone", "port")  # their programs, and relay1, live through everything, so that growth shows
BACK_S = 30             # after an event is over, until every pair is back
SLOW_S = 3
START_S = 30
SERVICES = ("dataplane", "nat", "control", "metrics", "browser", "api")
# What counts as growth, at least so much and so many percent.
RSS_KB, FDS, ENTRIES, GROWTH_PERCENT = 4096, 6, 100, 25


class Party:
    def __init__(self, lab):
        self.lab = lab
        self.server = lab.public("server", delay_ms=5)
        self.relays = [lab.public(f"relay{number}", delay_ms=5) for number in (1, 2)]
        self.url = self.server.start_server()
        for relay in self.relays:
            relay.start_relay(self.url)
        members = [lab.behind("cone", nat="full-cone", delay_ms=5), lab.behind("port", delay_ms=5)]
        members += [lab.behind("lan", router=members[1].router),
                    lab.behind("random", nat="symmetric-random", delay_ms=5),
                    lab.behind("double", nat="double", delay_ms=5), lab.public("public", delay_ms=5)]
        self.members = members
        for member in members:
            member.start_lanraged(self.url)
        code = members[0].lanrage("party", "create", "soak", "--name", members[0].name)["code"]
        for member in members[1:]:
            join(member, code, member.name)
        self.addresses = {member.name: member.lanrage("status")["self"]["virtual_ip"] for member in members}

    def missing(self):
        """Pairs, each way, between which no ping is answered."""
        found, lock = [], threading.Lock()

        def look(member):
            mine = [other.name for other in self.members if other is not member
                    and not ping(member, self.addresses[other.name], count=3, interval=0.1, wait=0.5,
                                 stop_at_first=True)]
            with lock:
                found.extend(f"{member.name} -> {name}" for name in mine)
        threads = [threading.Thread(target=look, args=(member,)) for member in self.members]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found

    def wait_back(self):
        """Seconds until every pair is back; raises after BACK_S, with those that are not. Those that took SLOW_S are
        said."""
        start, missing, slow = time.monotonic(), ["?"], []
        while missing:
            missing = self.missing()
            slow = missing if missing and time.monotonic() - start > SLOW_S else slow
            if missing and time.monotonic() - start > BACK_S:
                raise TimeoutError(f"not back after {BACK_S} s: {', '.join(missing)}")
        if slow:
            print(f"          slow: {', '.join(slow)}", flush=True)
        return time.monotonic() - start


# ---- what happens ----
# Each takes the party and the dice, makes something happen, ends it, and returns what it was.

def link_down(party, dice):
    member, seconds = dice.choice(party.members), dice.choice((0.5, 2, 6))
    member.link_down()
    time.sleep(seconds)
    member.link_up()
    return f"link of {member.name} down for {seconds} s"


def other_address(party, dice):
    member = dice.choice([member for member in party.members if member.router])
    return f"{member.name} has the address {member.change_address()}"


def router_restarts(party, dice):
    member = dice.choice([member for member in party.members if member.router])
    member.router.rebind()
    return f"router of {member.name} forgets its mappings"


def route_flaps(party, dice):
    member, times = dice.choice(party.members), dice.randint(1, 4)
    interface = member.main_interface
    for _ in range(times):
        member.netns.ip("route del default")
        time.sleep(dice.choice((0.1, 0.5, 1)))
        member.netns.ip(f"route replace default via {interface.gateway4} dev {interface.name}")
        time.sleep(0.2)
    return f"default route of {member.name} gone {times} times"


def loss(party, dice):
    member, percent = dice.choice(party.members), dice.choice((5, 20, 50))
    member.wire.set(loss=percent, direction=dice.choice(("up", "down", "both")))
    time.sleep(5)
    member.wire.set(loss=0)
    return f"{percent} % loss for 5 s at {member.name}"


def block(party, dice):
    pairs = [(one, other) for one, other in itertools.combinations(party.members, 2) if one.site is not other.site]
    one, other = dice.choice(pairs)
    one_way, seconds = dice.random() < 0.5, dice.choice((1, 5))
    party.lab.block_udp(one, other, one_way=one_way)
    try:
        time.sleep(seconds)
        party.wait_back()
    finally:
        party.lab.unblock_udp(one, other)
    between = f"from {one.name} to {other.name}" if one_way else f"between {one.name} and {other.name}"
    return f"no UDP {between} for {seconds} s"


def server_restarts(party, dice):
    sig, seconds = dice.choice((signal.SIGTERM, signal.SIGKILL)), dice.choice((0, 5))
    party.server.stop("lanrage-server", sig=sig)
    time.sleep(seconds)
    party.wait_back()
    party.server.start_server()
    return f"server away for {seconds} s after {sig.name}"


def relay_restarts(party, dice):
    relay, sig = party.relays[1], dice.choice((signal.SIGTERM, signal.SIGKILL))
    seconds = dice.choice((0, 5, 15))
    relay.stop("lanrage-relay", sig=sig)
    time.sleep(seconds)
    relay.start_relay(party.url)
    return f"{relay.name} away for {seconds} s after {sig.name}"


def mortal(party):
    return [member for member in party.members if member.name not in LASTING]


def service_killed(party, dice):
    member, service = dice.choice(mortal(party)), dice.choice(SERVICES)
    Member(member).kill(service)
    return f"{service} of {member.name} killed"


def member_restarts(party, dice):
    member, sig = dice.choice(mortal(party)), dice.choice((signal.SIGTERM, signal.SIGKILL))
    member.stop("lanraged", sig=sig)
    wait_until(lambda: not pids(member.netns.name), START_S, f"{member.name}: all services have ended")
    member.start_lanraged(party.url)
    return f"lanraged of {member.name} started again after {sig.name}"


EVENTS = (link_down, other_address, router_restarts, route_flaps, loss, block, server_restarts, relay_restarts,
          service_killed, service_killed, member_restarts)


# ---- what is used ----

def programs(party):
    """{"host program": (pid, RSS in KiB, descriptors)}; of two of one name the older, as the key holder of control."""
    found = {}
    for node in [party.server, *party.relays, *party.members]:
        for pid in sorted(pids(node.netns.name)):
            try:
                with open(f"/proc/{pid}/cmdline") as file:
                    program = os.path.basename(file.read().split("\0")[0])
                with open(f"/proc/{pid}/statm") as file:
                    resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
                found.setdefault(f"{node.name} {program}", (pid, resident, len(os.listdir(f"/proc/{pid}/fd"))))
            except (FileNotFoundError, ProcessLookupError):
                pass    # it has just ended
    return found


def entries(party):
    """{"router": entries in its table of connections}."""
    counts = {}
    for name, node in party.lab.nodes.items():
        if hasattr(node, "rebind"):
            with node.netns.inside(), open("/proc/sys/net/netfilter/nf_conntrack_count") as file:
                counts[name] = int(file.read())
    return counts


def usage(party):
    """What is used in quiet: {(who, what): number}, and which pid each program has."""
    time.sleep(QUIET_S)
    numbers, processes = {}, {}
    for who, (pid, resident, descriptors) in programs(party).items():
        processes[who] = pid
        numbers[who, "RSS, KiB"] = resident
        numbers[who, "descriptors"] = descriptors
    return numbers | {(router, "NAT entries"): count for router, count in entries(party).items()}, processes


LEAST = {"RSS, KiB": RSS_KB, "descriptors": FDS, "NAT entries": ENTRIES}


def grown(what, before, after):
    return after - before > max(LEAST[what], before * GROWTH_PERCENT / 100)


def compare(before, after):
    """Prints the table; returns how many have grown and how many have not."""
    (old, old_pids), (new, new_pids) = before, after
    failed = passed = 0
    print(f"\n{'who':34} {'what':12} {'warm':>8} {'end':>8}")
    for who, what in sorted(set(old) | set(new)):
        first, last = old.get((who, what)), new.get((who, what))
        bad = first is None or last is None or grown(what, first, last)
        note = "another process" if old_pids.get(who) != new_pids.get(who) else ""
        failed, passed = failed + bad, passed + (not bad and not note)
        print(f"{who:34} {what:12} {first if first is not None else '-':>8} {last if last is not None else '-':>8} "
              f"{'grown ' if bad else ''}{note}".rstrip())
    return failed, passed


# ---- the whole ----

def happen(party, dice, number):
    """One event; returns whether every pair came back."""
    event, start, what = dice.choice(EVENTS), time.monotonic() - START, ""
    seed = dice.getrandbits(32)     # so that what an event draws does not change those after it
    try:
        what = event(party, random.Random(seed))
        took = party.wait_back()
    except Exception as error:
        print(f"{start:6.0f} s  {number}. {what or event.__name__}: FAILED: {error}", flush=True)
        return False
    print(f"{start:6.0f} s  {number}. {what}: back in {took:.1f} s", flush=True)
    return True


def endure(party, dice):
    end, warm = START + MINUTES * 60, START + WARM_UP_S
    passed = failed = 0
    before = None
    for number in itertools.count(1):
        if time.monotonic() > end - QUIET_S:
            break
        if before is None and time.monotonic() > warm:
            before = usage(party)
            print(f"{time.monotonic() - START:6.0f} s  warm", flush=True)
        fine = happen(party, dice, number)
        passed, failed = passed + fine, failed + (not fine)
        if not fine:
            keep_logs(party)
            if not recovers(party):
                print("the party does not come back: the end")
                break
        time.sleep(1)
    before = before or usage(party)
    grew, flat = compare(before, usage(party))
    return passed + flat, failed + grew


def recovers(party):
    try:
        print(f"          later: back after another {party.wait_back():.1f} s", flush=True)
        return True
    except TimeoutError:
        return False


def keep_logs(party):
    """All logs as they are now."""
    path = os.path.join(build_dir(), "bench", "soak-failed.log")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "a") as file:
        file.write(party.lab.logs() + "\n")
    print(f"          logs: {path}")


def main():
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(f"{MINUTES:g} minutes, SOAK_SEED={SEED}", flush=True)
    with Lab() as lab:
        party = Party(lab)
        party.wait_back()
        passed, failed = endure(party, random.Random(SEED))
        lab.stop_programs()
        for complaint in lab.complaints():
            print(complaint)
            failed += 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


START = time.monotonic()
if __name__ == "__main__":
    sys.exit(main())
