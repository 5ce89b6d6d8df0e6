"""Games of Debian as they are find each other's servers by their own search of the LAN, and are played over the party.

    a ─ NAT ─┐             ┌─ server
    b ─ NAT ─┼─ internet ──┤
    c ─ NAT ─┘             └─ relay

b runs a game's server, and the game on a finds it, joins and plays.
"""
import subprocess

from party import address_of

EVERYBODY = "255.255.255.255"
DOOM = ["-iwad", "/usr/share/games/doom/freedoom1.wad", "-nosound", "-nogui"]


def test_chocolate_doom(games):
    """-localsearch lists the server. -autojoin finds and joins it, and a game of two begins."""
    a, b = games.a, games.b
    games.serve(b, 2342, "chocolate-server", "-privateserver", "-servername", "friends")
    with games.search(2342) as search:
        listed = games.run(a, "chocolate-doom", "-localsearch", *DOOM)
        assert f"{address_of(b)}" in listed and "0/8 friends" in listed and "1 server(s) found" in listed
        assert (EVERYBODY, 2342) in search.asked()
    games.start(a, "chocolate-doom", "-autojoin", "-nodes", 2, *DOOM)
    games.start(b, "chocolate-doom", "-connect", "127.0.0.1", *DOOM)
    for host, number in ((a, 1), (b, 2)):
        games.says(host, "chocolate-doom", f"player {number} of 2")
