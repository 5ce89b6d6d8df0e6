"""Games of Debian as they are find each other's servers by their own search of the LAN, and are played over the party.

    a ─ NAT ─┐             ┌─ server
    b ─ NAT ─┼─ internet ──┤
    c ─ NAT ─┘             └─ relay

b runs a game's server; the game on a finds it, joins and plays. None is told an address that it did
not find.
"""
import subprocess

from party import address_of

EVERYBODY = "255.255.255.255"
DOOM = ["-iwad", "/usr/share/games/doom/freedoom1.wad", "-nosound", "-nogui"]
ARENA = ["+set", "dedicated", 1, "+map", "oa_minia"]


def test_chocolate_doom(games):
    """-localsearch lists the server. -autojoin finds and joins it, and a game of two begins."""
    a, b = games.a, games.b
    games.serve(b, 2342, "chocolate-server", "-privateserver", "-servername", "friends")
    with games.search(2342) as search:
        listed = games.run(a, "chocolate-doom", "-localsearch", *DOOM)
        assert address_of(b) in listed and "0/8 friends" in listed and "1 server(s) found" in listed
        assert search.asked() == {(EVERYBODY, 2342)}
    games.start(a, "chocolate-doom", "-autojoin", "-nodes", 2, *DOOM)
    games.says(a, "chocolate-doom", f"Connected to {address_of(b)}")
    games.start(b, "chocolate-doom", "-connect", "127.0.0.1", "-nodes", 2, *DOOM)
    for host, number in ((a, 1), (b, 2)):
        games.says(host, "chocolate-doom", f"player {number} of 2")
    assert "2/4 (ultdoom) (game running) friends" in games.run(a, "chocolate-doom", "-localsearch", *DOOM)


def test_qstat(games):
    """One query to everybody finds both members that run a server."""
    a, b, c = games.a, games.b, games.c
    for host in (b, c):
        games.serve(host, 27960, "openarena-server", *ARENA, "+set", "sv_hostname", f"friends-{host.name}")
        games.says(host, "openarena-server", "AAS initialized")     # it does not answer before
    with games.search(27960) as search:
        for everybody in (EVERYBODY, a.main_interface.addr4.network.broadcast_address):
            found = games.run(a, "quakestat", "-nh", "-q3s", f"+{everybody}").splitlines()
            assert [line for line in found if address_of(b) in line and "friends-b" in line], found
            assert [line for line in found if address_of(c) in line and "friends-c" in line], found
            assert (str(everybody), 27960) in search.asked()


def test_openarena(games):
    """Its menu "Multiplayer" lists the server, "fight" joins it, and what a says there b reads."""
    a, b, screen = games.a, games.b, games.screen
    server = games.serve(b, 27960, "openarena-server", *ARENA, "+set", "sv_hostname", "friends", stdin=subprocess.PIPE)
    games.says(b, "openarena-server", "AAS initialized")
    settings = {"com_pipefile": "pipe", "r_fullscreen": 0, "r_mode": 3, "s_initsound": 0, "com_introplayed": 1,
                "ui_setupchecked": 1, "ui_browserMaster": 0, "name": "Ana"}
    with games.search("27960-27963") as search:
        games.start(a, "openarena", *(word for pair in settings.items() for word in ("+set", *pair)), on_screen=True)
        games.says(a, "openarena", "Opening IP socket")
        screen.window()
        games.until(b, "openarena-server", "Ana.* entered the game",
                    lambda: screen.click_own(320, 183), lambda: screen.click_own(577, 448))
        assert {(EVERYBODY, port) for port in range(27960, 27964)} <= search.asked()
    with open(f"{a.dir}/home/.openarena/baseoa/pipe", "w") as console:
        console.write("say hello from a\n")
    games.says(b, "openarena-server", "Ana.*: hello from a")
    games.type_line(server, "say hello from b")
    games.says(a, "openarena", "hello from b")


def test_nexuiz(games):
    """net_slist of its engine DarkPlaces lists the server; once it has joined, what one says the other reads."""
    a, b = games.a, games.b
    server = games.serve(b, 26000, "nexuiz-server", "+hostname", "friends", "+sv_public", 0, "+map", "farewell",
                         stdin=subprocess.PIPE)
    client = games.start(a, "nexuiz", "-window", "-width", 640, "-height", 480, "-nosound", "+_cl_name", "Ana",
                         on_screen=True, stdin=subprocess.PIPE)
    games.says(a, "nexuiz", "CD Audio Initialized")
    with games.search(26000) as search:
        games.until(a, "nexuiz", f"{address_of(b)}:26000 ", lambda: games.type_line(client, "net_slist"))
        assert (EVERYBODY, 26000) in search.asked()
    games.type_line(client, f"connect {address_of(b)}:26000")
    games.says(b, "nexuiz-server", "Ana.* is spectating now")
    games.type_line(client, "say hello from a")
    games.says(b, "nexuiz-server", "Ana.*: hello from a")
    games.type_line(server, "say hello from b")
    games.says(a, "nexuiz", "hello from b")


def test_cube2(games):
    """The command lanconnect joins who answers everybody, and what a says there b reads."""
    a, b = games.a, games.b
    games.serve(b, 28785, "cube2-server", "-nfriends", "-m")
    with games.search(28785) as search:
        games.start(a, "cube2", "-t0", "-w640", "-h480", "-xname Ana; sleep 1000 [lanconnect]; sleep 8000 [say hello]",
                    on_screen=True)
        games.says(a, "cube2", "attempting to connect over LAN\n(.*\n)*?connected to server")
        assert (EVERYBODY, 28785) in search.asked()
    games.says(b, "cube2-server", f"client connected .{address_of(a)}")
    games.says(b, "cube2-server", "Ana: hello")


def test_blobby(games):
    """Its menu "LAN game" lists the server, "OK" joins it."""
    a, b, screen = games.a, games.b, games.screen
    with open("/usr/share/blobby/config.xml") as file:
        settings = file.read().replace("Right Player", "Ana")
    games.file(a, ".blobby/config.xml", settings)
    games.serve(b, 1234, "blobby-server", "-n", "-p")
    with games.search(1234) as search:
        games.start(a, "blobby", on_screen=True)
        screen.window()
        games.until(b, "blobby-server", "New player \"Ana\" connected",
                    lambda: screen.click(450, 293),     # LAN game
                    lambda: screen.click(280, 17),      # the first in the list
                    lambda: screen.click(175, 474))     # OK
        assert (EVERYBODY, 1234) in search.asked()


def test_openttd(games):
    """"Search LAN" lists the server, "Join game" joins it, and what a says there b reads."""
    a, b, screen = games.a, games.b, games.screen
    world = games.file(b, "ttd/openttd.cfg", "[network]", "server_name = friends", "server_game_type = local",
                       "client_name = Ben", "[game_creation]", "map_x = 6", "map_y = 6", "[difficulty]",
                       "number_towns = 0", "industry_density = 0")
    games.serve(b, 3979, "openttd", "-D", "-c", world, name="openttd-server")
    mine = games.file(a, "ttd/openttd.cfg", "[misc]", "resolution = 640,480", "language = english.lng",
                      "graphicsset = OpenGFX", "[network]", "client_name = Ana")
    with games.search(3979) as search:
        games.start(a, "openttd", "-x", "-v", "sdl", "-r", "640x480", "-s", "null", "-m", "null", "-c", mine,
                    on_screen=True)
        screen.window()
        games.until(b, "openttd-server", "Ana has joined the game",
                    lambda: screen.click(398, 188),     # Multiplayer
                    lambda: screen.click(190, 463),     # Search LAN
                    lambda: screen.click(90, 62),       # the first in the list
                    lambda: screen.click(460, 438))     # Join game
        cable = str(a.main_interface.addr4.network.broadcast_address)
        assert {(cable, 3979), ("10.66.255.255", 3979)} <= search.asked()
    games.until(b, "openttd-server", "Ana: hello from a", lambda: screen.keys("Return"),
                lambda: screen.do("type", "hello from a"), lambda: screen.keys("Return"))


def test_freeciv(games):
    """
    Its page "Local Area Network" lists the server, and joins it. Servers are asked, and answer, by multicast. They
    tell their machine's name, which friends cannot look up; with "none" the game takes the address that answered.
    """
    a, b, screen = games.a, games.b, games.screen
    games.serve(b, 5556, "freeciv-server", "-A", "IPv4", "-i", "none", protocol="tcp", stdin=subprocess.PIPE)
    with games.search("4555-4556") as search:
        games.start(a, "freeciv-gtk3.22", "-n", "Ana", "-A", "IPv4", "-P", "none", on_screen=True)
        screen.window()
        games.until(b, "freeciv-server", f"Ana has connected from {address_of(a)}",
                    lambda: screen.click(431, 317),     # Connect to Network Game
                    lambda: screen.click(130, 105, 2))  # the first in the list
        assert ("225.1.1.1", 4555) in search.asked()
        assert ("225.1.1.1", 4556) in {(packet.dst, packet.dport) for packet in search.seen()
                                       if packet.src == address_of(b)}


def test_teeworlds(games):
    """Its page "Local" lists the server, "Connect" joins it, and what a says there b reads."""
    a, b, screen = games.a, games.b, games.screen
    games.serve(b, 8303, "teeworlds-server", "sv_name friends;sv_register 0")
    games.file(a, ".teeworlds/settings07.cfg", "player_name Ana", "gfx_screen_width 640", "gfx_screen_height 480",
               "gfx_fullscreen 0", "snd_enable 0", "cl_show_welcome 0", "ui_browser_page 6")
    with games.search("8303-8310") as search:
        games.start(a, "teeworlds", on_screen=True)
        search.answered(b)
        screen.window()
        games.until(b, "teeworlds-server", "player has entered the game", lambda: screen.keys("p"),
                    lambda: screen.keys("Down"), lambda: screen.keys("Return"))
        assert {(EVERYBODY, port) for port in range(8303, 8311)} <= search.asked()
    games.says(b, "teeworlds-server", "team_join player='0:Ana'")
    games.until(b, "teeworlds-server", "0:Ana: hello", lambda: screen.keys("t"),
                lambda: screen.do("type", "hello"), lambda: screen.keys("Return"))


def test_armagetron(games):
    """Its menu "LAN Multiplayer" lists the server and joins it, and a round begins."""
    a, b, screen = games.a, games.b, games.screen
    games.file(b, "ag/var/user.cfg")
    games.file(b, "ag/settings_custom.cfg", "SERVER_NAME friends", "TALK_TO_MASTER 0",
               "MAP_FILE Your_mom/clever/repeat-0.3.2.aamap.xml")
    games.serve(b, 4534, "/usr/games/armagetronad-dedicated.real", "--datadir", "/usr/share/games/armagetronad",
                "--configdir", "/etc/armagetronad-dedicated", "--userdatadir", f"{b.dir}/home/ag", "-d",
                name="armagetronad-dedicated")
    games.file(a, ".armagetronad/data/empty")
    games.file(a, ".armagetronad/var/user.cfg", "FIRST_USE 0", "LANGUAGE_FIRST American English",
               "PLAYER_1 Ana", "SOUND_QUALITY 0")
    with games.search("4534-4540") as search:
        games.start(a, "armagetronad", "-w", on_screen=True)
        screen.window()
        screen.keys(*["Left"] * 8, "Return", "Return", "Down", "Return")     # the title, until a key or 5 s later
        search.answered(b)
        games.until(b, "armagetronad-dedicated", "Ana entered the game", lambda: screen.keys("Down", "Return"))
        assert {(EVERYBODY, port) for port in range(4534, 4541)} <= search.asked()
    games.says(b, "armagetronad-dedicated", "Go .round 1 of 10")
