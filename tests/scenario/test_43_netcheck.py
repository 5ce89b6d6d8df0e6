"""`lanrage netcheck`: what kind of network this is, measured now.

    a ─ NAT ─┐            ┌─ server
             ├─ internet ─┤
             ┘            └─ relay
"""
import contextlib
import os
import signal
import time

import pytest

from lab import wait_until
from party import Member, start_party

SOON_S = 30
KEYS = {"udp", "mapping", "filtering", "public", "ipv4", "ipv6", "mtu", "port_mapping", "servers", "relays", "firewall"}


def alone(lab, **options):
    """Server, relay, and a in a party of its own."""
    server, relay, a = lab.public("server"), lab.public("relay"), lab.behind("a", **options)
    start_party(server, relay, a)
    time.sleep(1)
    a.lanrage("party", "create", "x", "--name", "a")
    wait_until(lambda: a.lanrage("status")["relay"], SOON_S, "the relay is known")
    return server, relay, a


def check(host):
    began = time.monotonic()
    result = host.lanrage("netcheck")
    print(f"{time.monotonic() - began:.2f} s: {result}")
    assert set(result) == KEYS and result["port_mapping"] is None
    return result


@pytest.mark.parametrize("kind, mapping, filtering", (
    ("full-cone", "endpoint-independent", "port-independent"),
    ("address-restricted", "endpoint-independent", "port-independent"),
    ("port-restricted", "endpoint-independent", "address-and-port-dependent"),
    ("symmetric-random", "address-dependent", "address-and-port-dependent"),
))
def test_kinds_of_nat(lab, kind, mapping, filtering):
    server, relay, a = alone(lab, nat=kind, delay_ms=10)
    found = check(a)
    assert (found["udp"], found["mapping"], found["filtering"]) == (True, mapping, filtering)
    assert found["public"][0].startswith(a.public4 + ":")
    assert (found["ipv4"], found["ipv6"], found["mtu"], found["firewall"]) == (True, False, 1500, [])
    assert [entry["endpoint"] for entry in found["servers"]] == [f"{server.addr4}:8667"]
    assert [entry["endpoint"] for entry in found["relays"]] == [f"{relay.addr4}:51820"]
    assert all(entry["rtt_ms"] >= 20 and entry["mapped"] for entry in found["servers"] + found["relays"])
    # it is measured anew: another NAT, a longer and a narrower line
    a.router.set_kind("port-restricted" if kind != "port-restricted" else "full-cone")
    a.wire.set(delay_ms=40, max_size=1404)
    found = check(a)
    assert found["mapping"] == "endpoint-independent" and found["mtu"] == 1404
    assert found["filtering"] == ("port-independent" if kind == "port-restricted" else "address-and-port-dependent")
    assert all(entry["rtt_ms"] >= 80 for entry in found["servers"] + found["relays"])
    if kind == "full-cone":
        text = a.lanrage("netcheck", json=False)
        assert "1404" in text and "address-and-port-dependent" in text
        assert Member(a).ask("GET", "netcheck")[0] == 200


def test_no_udp(lab):
    """Nothing comes back by UDP, while the server is reached by TCP; then one of the two answers."""
    server, relay, a = alone(lab, nat="udp-blocked")
    found = check(a)
    assert found["udp"] is False and [sign["sign"] for sign in found["firewall"]] == ["tcp-only"]
    assert found["mapping"] is None and found["filtering"] is None and found["mtu"] is None and found["public"] == []
    assert all(entry["rtt_ms"] is None for entry in found["servers"] + found["relays"])
    a.router.set_kind("port-restricted")
    lab.block_udp(a, relay)
    found = check(a)
    assert found["udp"] is True and [sign["sign"] for sign in found["firewall"]] == ["some-silent"]
    assert found["servers"][0]["rtt_ms"] is not None and found["relays"][0]["rtt_ms"] is None


def test_nobody_to_ask(lab):
    """No server is set: nothing is known, and nothing is made up."""
    a = lab.behind("a")
    a.start_lanraged()
    found = check(a)
    assert found["servers"] == found["relays"] == found["public"] == found["firewall"] == []
    assert found["udp"] is found["mapping"] is found["filtering"] is found["mtu"] is found["ipv4"] is None
    assert "no server to ask" in a.lanrage("netcheck", json=False)


def test_data_plane_is_stopped(lab):
    """Nothing is said of the machine's addresses before the data plane told its sockets, and asking again helps."""
    a = lab.behind("a")
    a.start_lanraged()

    def services():
        return a.lanrage("status")["services"]
    before = services()
    os.kill(before["dataplane"]["pid"], signal.SIGSTOP)
    try:
        os.kill(before["nat"]["pid"], signal.SIGKILL)
        wait_until(lambda: services()["nat"]["state"] == "running" and
                   services()["nat"]["pid"] != before["nat"]["pid"], SOON_S, "nat is back")
        with pytest.raises(RuntimeError, match="the data plane does not answer: try again"):
            check(a)
    finally:
        os.kill(before["dataplane"]["pid"], signal.SIGCONT)

    def answers():
        with contextlib.suppress(RuntimeError):
            return check(a)["ipv4"] is None
    wait_until(answers, SOON_S, "the data plane answers")
