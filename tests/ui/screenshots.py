#!/usr/bin/python3
"""`make screenshots`: the pictures of the README, of the page of one member of a running party.

    kira, tomás  ── NAT ─┐
    ben          ── NAT ─┼─ internet ─ server, relay
    mar (symmetric) NAT ─┤
    Olamide      ── NAT ─┘
"""
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("scenario", ""):
    sys.path.insert(0, os.path.join(os.path.dirname(HERE), folder))
from lab import Lab, wait_until  # noqa: E402
from page import Page  # noqa: E402
from party import Member, connected_to, join, start_party  # noqa: E402

PICTURES = os.path.join(HERE, "pictures")
HISTORY_S = 75      # that charts and lines have something to show
WIDE, PHONE = (1280, 800), (390, 844)
SHOTS = (
    ("party", "party", WIDE, "dark", ".mesh"),
    ("party-phone", "party", PHONE, "light", ".mesh"),
    ("servers", "servers", WIDE, "dark", ".servers"),
    ("metrics", "metrics", WIDE, "light", ".uplot"),
    ("network", "network", WIDE, "dark", ".chain"),
)
SERVERS = (
    ("ben", {"name": "The Longest Yard", "game": "OpenArena", "port": 27960, "players": 3, "max_players": 8, "map": "oa_dm1",
             "mode": "ffa", "tags": ["instagib"]}),
    ("Olamide", {"name": "Saturday race", "game": "Teeworlds", "port": 8303, "players": 0, "max_players": 16, "map": "ctf5"}),
    ("kira", {"name": "kira's vault", "game": "OpenTTD", "port": 3979, "players": 1, "max_players": 4, "password": True}),
    ("tomás", {"name": "First to 15", "game": "Blobby Volley", "port": 1234, "players": 2, "max_players": 2}),
)


def make_party(lab):
    """The hosts by the names of their members."""
    server, relay = lab.public("server"), lab.public("relay")
    kira = lab.behind("kira", nat="port-restricted", delay_ms=6)
    hosts = {
        "kira": kira,
        "ben": lab.behind("ben", nat="full-cone", delay_ms=9),
        "mar": lab.behind("mar", nat="symmetric-random", delay_ms=14),
        "Olamide": lab.behind("olamide", nat="address-restricted", delay_ms=4),
        "tomás": lab.behind("tomas", router=kira.router),
    }
    start_party(server, relay, *hosts.values())
    code = kira.lanrage("party", "create", "friday night", "--name", "kira")["code"]
    for name, host in hosts.items():
        if host is not kira:
            join(host, code, name)
    wait_until(lambda: connected_to(kira, len(hosts) - 1), 60, "all are there")
    return hosts


def register(hosts):
    """Again and again: a server whose heartbeats stay away is gone."""
    for name, server in SERVERS:
        Member(hosts[name]).do("POST", "servers", {"id": "one", **server})


def favourite(host, name):
    server = next(server for server in host.lanrage("servers") if server["name"] == name)
    Member(host).do("PUT", f"servers/{server['id']}/favourite")


def take(page, name, view, size, theme, css):
    page.do("size", width=size[0], height=size[1])
    page.do("theme", theme=theme)
    page.go(view)
    page.see(css=css)
    time.sleep(1)
    page.do("shot", path=os.path.join(PICTURES, f"{name}.png"))


def main():
    os.makedirs(PICTURES, exist_ok=True)
    with Lab() as lab:
        hosts = make_party(lab)
        with Page(hosts["kira"]) as page:
            page.enter()
            for _ in range(HISTORY_S // 25):
                register(hosts)
                time.sleep(25)
            favourite(hosts["kira"], SERVERS[0][1]["name"])
            for shot in SHOTS:
                take(page, *shot)
            assert page.complaints() == []
    print(PICTURES)


if __name__ == "__main__":
    main()
