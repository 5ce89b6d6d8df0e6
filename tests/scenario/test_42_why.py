"""`lanrage why PEER`: in each broken set-up the one right cause, with a remedy.

    a ─ NAT ─┐            ┌─ server
             ├─ internet ─┤              what is broken is said at each test
    b ─ NAT ─┘            └─ relay
"""
import contextlib
import os
import shutil

import pytest

from lab import UdpStream, wait_until
from lab.programs import with_port
from party import Member, connect, direct_both, join, peer_of
from wrong_clock import shift_clock

SOON_S = 40
YEARS_S = 3 * 365 * 86400
PORT = 8667


def members(lab, nat_a="port-restricted", nat_b="port-restricted", **wire):
    return [lab.behind(name, nat=nat, **wire) for name, nat in (("a", nat_a), ("b", nat_b))]


def two_friends(lab, *nats, relay=True, relay_config=None, **wire):
    """Server, a and b in one party, and a relay unless it is left out."""
    server, (a, b) = lab.public("server"), members(lab, *nats, **wire)
    url = server.start_server()
    if relay:
        relay = lab.public("relay")
        relay.start_relay(url, extra_args=config_file(relay, relay_config) if relay_config else ())
    for member in (a, b):
        member.start_lanraged(url)
    connect(a, b)
    return server, a, b


def config_file(host, text):
    path = os.path.join(host.dir, "relay.conf")
    with open(path, "w") as file:
        file.write(text)
    return ["--config", path]


def expect(host, name, cause, path=None):
    """Soon `why` names that cause; it, the REST interface and `peers` then say the same."""
    seen = []

    def named():
        why = host.lanrage("why", name)
        if not seen or seen[-1] != why["cause"]:
            seen.append(why["cause"])
        return why["cause"] == cause and why
    try:
        why = wait_until(named, SOON_S, f"{host.name}: why {name}: {cause}", interval=0.2)
    except TimeoutError as error:
        raise AssertionError(f"{error}; it said {seen}") from None
    assert set(why) == {"peer", "path", "cause", "text", "remedy"}
    assert why["peer"] == name and why["text"]
    assert bool(why["remedy"]) == (cause is not None)
    if path:
        assert why["path"] == path
    text = host.lanrage("why", name, json=False)
    assert why["text"] in text and (cause is None or why["remedy"] in text)
    status, answer = Member(host).ask("GET", f"peers/{name}/why")
    assert (status, answer["cause"]) == (200, cause)
    return why


def expect_in_doctor(host, check, words):
    """`lanrage doctor` fails, and that check says so."""
    done = host.run(host._lanrage_command("doctor"), check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("problem") and line.split()[1] == check]
    assert done.returncode == 1 and lines and words in lines[0], done.stdout


def test_direct_and_well(lab):
    """Nothing is broken: `why` says so, and no member has a reason; one who does not exist has no answer."""
    _, a, b = two_friends(lab, relay=False)
    wait_until(lambda: direct_both(a, b), SOON_S, "both direct")
    assert expect(a, "b", None, "direct")["remedy"] is None
    assert peer_of(a, "b")["reason"] is None
    for words in (("why", "nobody"), ("why", "a")):
        done = a.run(a._lanrage_command(*words), check=False)
        assert done.returncode == 1 and done.stderr and not done.stdout
    assert a.run(a._lanrage_command("why"), check=False).returncode == 2


def test_udp_blocked(lab):
    """a's router lets no UDP through: the relay is reached by TCP."""
    _, a, b = two_friends(lab, "udp-blocked")
    expect(a, "b", "udp-blocked-here", "relay")
    expect(b, "a", "udp-blocked-there", "relay")
    assert peer_of(a, "b")["reason"].startswith("nothing that is sent by UDP is answered here")
    expect_in_doctor(a, "udp", "UDP")


@pytest.mark.parametrize("hook", ("output", "input"))
def test_host_firewall(lab, hook):
    """The firewall of a's own machine drops UDP on its way out, or in."""
    _, a, b = two_friends(lab)
    a.run(["nft", "-f", "-"], stdin=f"table inet own {{\n chain own {{\n  type filter hook {hook} priority 0;\n"
          "  meta l4proto udp drop\n }\n}\n")
    expect(a, "b", "firewall-here", "none")
    expect_in_doctor(a, "udp", "this machine's own firewall")


def test_symmetric_nats(lab):
    """Both routers give each destination another port: only a relay helps."""
    _, a, b = two_friends(lab, "symmetric-random", "symmetric-random")
    for host, name in ((a, "b"), (b, "a")):
        expect(host, name, "both-symmetric", "relay")
        assert "symmetric" in peer_of(host, name)["reason"]


def test_no_relay(lab):
    """Likewise, and there is none."""
    _, a, b = two_friends(lab, "symmetric-random", "symmetric-random", relay=False)
    for host, name in ((a, "b"), (b, "a")):
        expect(host, name, "no-relay", "none")


def test_relay_full(lab):
    """The relay has one place, and the first to come has it."""
    _, a, b = two_friends(lab, "symmetric-random", "symmetric-random", relay_config="[relay]\nmembers=1\n")
    inside = wait_until(lambda: [host for host in (a, b) if (host.lanrage("status")["relay"] or {}).get("state")
                                 == "connected"], SOON_S, "one of the two is at the relay")[0]
    outside, names = (b, "ab") if inside is a else (a, "ba")
    expect(outside, names[0], "relay-full", "none")
    expect(inside, names[1], "no-relay-there", "none")
    expect_in_doctor(outside, "relay", "full")


def test_offline_then_server_away(lab):
    """b goes; then the server does, too, and where b is cannot be known."""
    server, a, b = two_friends(lab)
    b.stop_lanraged()
    expect(a, "b", "offline", "none")
    server.stop("lanrage-server")
    expect(a, "b", "server-away", "none")
    expect_in_doctor(a, "server", "does not answer")


def test_kicked_and_disconnected(lab):
    """a disconnects, and comes back; then removes b: on b there is nobody left to ask about."""
    _, a, b = two_friends(lab, relay=False)
    a.lanrage("down")
    expect(a, "b", "disconnected", "none")
    a.lanrage("up")
    a.lanrage("kick", "b")
    assert expect(b, "a", "kicked")["path"] is None
    expect_in_doctor(b, "party", "removed this machine")
    a.lanrage("leave")
    expect(a, "b", "no-party")


def test_long_packets_are_swallowed(lab):
    """Between a and b nothing above 600 bytes passes: they notice when they play."""
    _, a, b = two_friends(lab)
    wait_until(lambda: direct_both(a, b), SOON_S, "both direct")
    with UdpStream(a, b, address=b.lanrage("status")["self"]["virtual_ip"], port=5000, size=900, pps=100):
        lab.block_udp(a, b, above=600)
        for host, name in ((a, "b"), (b, "a")):
            expect(host, name, "mtu-hole", "relay")


@pytest.mark.parametrize("cause, wire", (("lossy", {"loss": 12}), ("slow", {"delay_ms": 180})))
def test_direct_but_not_well(lab, cause, wire):
    """a's line loses packets, or is slow."""
    _, a, b = two_friends(lab, relay=False)
    wait_until(lambda: direct_both(a, b), SOON_S, "both direct")
    a.wire.set(**wire)
    with UdpStream(a, b, address=b.lanrage("status")["self"]["virtual_ip"], port=5000, size=64, pps=50):
        assert expect(b, "a", cause)["path"] == "direct"


def test_ipv4_only_and_ipv6_only(lab):
    """a has IPv4 alone, b IPv6 alone; the relay has both, and carries it all."""
    server, relay = (lab.public(name, ipv6=True) for name in ("server", "relay"))
    a, b = lab.behind("a"), lab.behind("b", ipv4=False, ipv6=True)
    server.start_server(address="::")
    urls = [f"ws://{with_port(address, PORT)}" for address in (server.addr4, server.addr6)]
    relay.start_relay(urls[0], address="::", extra_args=["--public", f"{relay.addr4}:51820",
                                                         "--public", f"[{relay.addr6}]:51820"])
    a.start_lanraged(urls[0])
    b.start_lanraged(urls[1])
    connect(a, b)
    expect(a, "b", "no-common-family", "relay")
    expect(b, "a", "no-common-family", "relay")


def test_clock_is_years_ahead(lab):
    """b's clock is reset while it is off: what others say looks expired to it, and it looks wrong to them. With such a
    clock no code is good, and the refusal says why."""
    server, a, b = two_friends(lab, relay=False)
    c = lab.behind("c")
    code = a.lanrage("invite")["code"]
    b.stop_lanraged()
    shift_clock(b, YEARS_S)
    shift_clock(c, YEARS_S)
    url = f"ws://{server.addr4}:{PORT}"
    b.start_lanraged(url)
    expect(b, "a", "clock-here")
    expect_in_doctor(b, "clock", "ahead")
    expect(a, "b", "clock-there", "none")
    c.start_lanraged(url)
    with pytest.raises(RuntimeError, match="clock"):
        join(c, code, "c")


@contextlib.contextmanager
def names(host, server_addr):
    """host knows the server as meet.example, by a hosts file of its own; yields its path."""
    folder = f"/etc/netns/{host.netns.name}"
    os.makedirs(folder)
    try:
        with open(f"{folder}/resolv.conf", "w") as file:
            file.write("nameserver 127.0.0.1\n")
        rename(f"{folder}/hosts", server_addr)
        yield f"{folder}/hosts"
    finally:
        shutil.rmtree(folder)
        with contextlib.suppress(OSError):
            os.rmdir("/etc/netns")


def rename(hosts, addr):
    with open(hosts, "w") as file:
        file.write(f"127.0.0.1 localhost\n{addr} meet.example\n" if addr else "127.0.0.1 localhost\n")


PORTAL = """
import http.server
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(302)
        self.send_header("Location", "http://login.example/")
        self.send_header("Content-Length", "0")
        self.end_headers()
http.server.HTTPServer(("", %d), Page).serve_forever()
""" % PORT


def test_names_fail(lab):
    """The server's name is looked up in vain; then a captive portal answers for it; then it is an address where nobody
    listens. Meanwhile b is off."""
    server, portal = lab.public("server"), lab.public("portal")
    a, b = members(lab)
    with names(a, server.addr4) as hosts:
        b.start_lanraged(server.start_server())
        a.start_lanraged(f"ws://meet.example:{PORT}")
        connect(a, b)
        b.stop_lanraged()
        portal.popen(["/usr/bin/python3", "-c", PORTAL], name="portal")
        for addr, cause, words in ((None, "server-name", "looked up"), (portal.addr4, "server-foreign", "no LANrage"),
                                   (b.router.addr4, "server-away", "does not answer")):
            rename(hosts, addr)
            if addr is None:
                server.stop("lanrage-server")
            expect(a, "b", cause, "none")
            expect_in_doctor(a, "server", words)
