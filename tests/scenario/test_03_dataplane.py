"""The dataplane as a service: party and plan over the bus instead of `wg set`, and what a restart keeps. The two machines
and their cable are those of engine_pair.py; dataplane_client.c plays svc-control and svc-nat."""
import subprocess
import time

import pytest

from engine_pair import client_program, Ours, Pair, PORT, wait_for

PREFIX = "10.66.0"
UP, DOWN = "1", "0"  # enum dataplane_interface_state


def address(side):
    return f"{PREFIX}.{side.number}"


def key(side):
    return dict((line[0], line[1]) for line in side.ask("key"))["key"]


def party(side, other, counter=1, members=True):
    other_member = [f"{other.key},{address(other)},{other.number}"] if members else []
    side.ask("party", str(counter), "up", f"{address(side)}/24", str(side.number), *other_member)


def plan(side, other, counter=1):
    side.ask("plan", str(counter), f"{other.key},{other.outer[4]}:{PORT},[{other.outer[6]}]:{PORT}")


def value(side, name):
    return next(line[1] for line in side.ask("state") if line[0] == name)


@pytest.fixture
def pair():
    with Pair(Ours, Ours, configure=False) as made:
        for side in (made.a, made.b):
            side.key = key(side)
        yield made
        print(made.logs())


@pytest.fixture
def joined(pair):
    for side, other in ((pair.a, pair.b), (pair.b, pair.a)):
        party(side, other)
        plan(side, other)
    return pair


def addresses(side):
    return side.run(["ip", "-brief", "addr", "show", side.interface]).stdout


def routes(side):
    return side.run(["ip", "-4", "route", "show", "dev", side.interface]).stdout


def test_party_and_plan_make_a_tunnel(joined):
    lost, output = joined.a.ping(address(joined.b), wait=3)
    assert lost == 0, output
    assert value(joined.a, "interface_state") == UP
    assert f"{address(joined.a)}/24" in addresses(joined.a) and "fe80" not in addresses(joined.a)
    shown = joined.a.run(["ip", "addr", "show", joined.a.interface]).stdout
    assert "mtu 1420" in shown and f"brd {PREFIX}.255" in shown
    assert "BROADCAST" in shown and "MULTICAST" in shown and "NOARP" in shown
    assert int(joined.a.ask("probe", joined.b.key)[0][1]) > 0
    assert joined.a.ask("probe", "07" * 32, check=False) == [["error", "-2"]]


def test_older_revisions_and_nonsense_change_nothing(joined):
    party(joined.a, joined.b, counter=5)
    old = joined.a.ask("party", "4", "down", f"{address(joined.a)}/24", "1", check=False)
    assert old == [["error", "-116"]]  # ESTALE
    for request in ("2", "3", "5"):
        assert joined.a.ask("raw", request, "ffffffff", check=False) == [["error", "-74"]]  # EBADMSG
    assert joined.a.ask("raw", "77", "00", check=False)[0][0] == "error"
    assert value(joined.a, "party") == "5"
    assert joined.a.ping(address(joined.b), wait=3)[0] == 0


def test_down_takes_address_and_routes_away(joined):
    assert joined.a.ping(address(joined.b), wait=3)[0] == 0
    joined.a.ask("party", "2", "down", f"{address(joined.a)}/24", "1")
    assert PREFIX not in addresses(joined.a) and routes(joined.a) == ""
    assert value(joined.a, "interface_state") == DOWN
    party(joined.a, joined.b, counter=3)
    plan(joined.a, joined.b, counter=3)
    # b may hold on to the old keys for a second when a comes back so soon after they were made.
    wait_for(lambda: joined.a.ping(address(joined.b), count=1, wait=1)[0] == 0, 3, "the party does not come back")
    assert joined.a.ping(address(joined.b), wait=3)[0] == 0


@pytest.mark.parametrize("how", ["kill", "terminate"])
def test_restart_resumes_before_anybody_speaks(joined, how):
    assert joined.a.ping(address(joined.b), wait=3)[0] == 0
    time.sleep(1.5)  # where the peer answers is stored a second after it changed
    before = addresses(joined.a), routes(joined.a)
    with subprocess.Popen(joined.b.netns.command(["ping", "-n", "-D", "-i", "0.01", "-c", "300", address(joined.a)]),
                          stdout=subprocess.PIPE, text=True) as pings:
        time.sleep(1)
        if how == "kill":
            joined.a.kill()
        else:
            joined.a.process.terminate()
            joined.a.process.wait()
        assert (addresses(joined.a), routes(joined.a)) == before
        stopped = time.monotonic()
        joined.a.start()
        away = time.monotonic() - stopped
        output = pings.communicate(timeout=30)[0]
    # Nobody has sent it anything over the bus. Only what was sent while it was away may be lost.
    lost = 300 - output.count("bytes from")
    assert lost * 0.01 < away + 0.5, output[-300:]
    assert value(joined.a, "party") == "1" and value(joined.a, "plan") == "1"
    assert key(joined.a) == joined.a.key
    assert (addresses(joined.a), routes(joined.a)) == before


def test_damaged_state_is_ignored_but_not_a_damaged_key(joined):
    folder = f"{joined.a.state_dir}/dataplane"
    joined.a.kill()
    for name in ("party", "plan", "timestamp"):
        with open(f"{folder}/{name}", "r+b") as file:
            file.truncate(20)
    joined.a.start()
    assert value(joined.a, "party") == "0" and key(joined.a) == joined.a.key
    assert joined.a.log().count("is damaged or not ours: ignored") == 3
    joined.a.kill()
    with open(f"{folder}/private.key", "r+b") as file:
        file.truncate(40)
    with pytest.raises(RuntimeError, match="private.key is damaged"):
        joined.a.start()


def test_another_route_over_the_prefix(pair):
    # a's own network has 10.66.0.0/16 behind eth0: each member gets a route of its own.
    pair.a.netns.ip(f"route add 10.66.0.0/16 via {pair.b.outer[4]}")
    for side, other in ((pair.a, pair.b), (pair.b, pair.a)):
        party(side, other)
        plan(side, other)
    assert pair.a.ping(address(pair.b), wait=3)[0] == 0
    assert routes(pair.a).split()[:1] == [address(pair.b)] and f"{PREFIX}.0/24" not in routes(pair.a)
    assert "overlaps" in pair.a.log() and "overlaps" not in pair.b.log()
    party(pair.a, pair.b, counter=2, members=False)
    assert routes(pair.a) == ""
    pair.a.netns.ip("route del 10.66.0.0/16")
    party(pair.a, pair.b, counter=3)
    assert routes(pair.a).startswith(f"{PREFIX}.0/24 ")


def test_events(pair):
    with subprocess.Popen(pair.a.netns.command([client_program(), pair.a.run_dir, "events", "4"]),
                          stdout=subprocess.PIPE, text=True) as listener:
        time.sleep(0.5)
        for side, other in ((pair.a, pair.b), (pair.b, pair.a)):
            party(side, other)
            plan(side, other)
        pair.a.ping(address(pair.b), wait=3)
        events = listener.communicate(timeout=20)[0].splitlines()
    kinds = {line.split()[1] for line in events}
    assert {"1", "4"} <= kinds, events  # a peer, the interface
