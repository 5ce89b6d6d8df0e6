"""Steps that many stories share: starting the programs, making a party, joining it, looking at a peer."""


def start_party(server, relay, *members):
    """Starts server, relay and a lanraged on every member; returns the server's URL."""
    url = server.start_server()
    relay.start_relay(url)
    for member in members:
        member.start_lanraged(url)
    return url


def join(host, code, name):
    return host.lanrage("join", code, "--name", name)


def connect(host, *others):
    """host makes a party, the others join it by its code, each under the name of its machine; returns the code."""
    code = host.lanrage("party", "create", "party", "--name", host.name)["code"]
    for other in others:
        join(other, code, other.name)
    return code


def peer_of(host, name):
    """What `peers --json` on host says of the member with that name."""
    found = [peer for peer in host.lanrage("peers") if peer["name"] == name]
    assert len(found) == 1, f"{host.name} lists {name} {len(found)} times"
    return found[0]


def direct_both(a, b):
    """Do both sides send to each other directly?"""
    return all(peer["path"] == "direct" and peer["state"] == "connected"
               for host in (a, b) for peer in host.lanrage("peers"))
