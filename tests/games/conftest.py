"""The lab of tests/scenario, and a party of three in it."""
import os
import sys

import pytest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.join(TESTS, "scenario")]
from party import connect, start_party, together  # noqa: E402
from play import Games, Screen  # noqa: E402
from scenario.conftest import module_lab, pytest_configure, pytest_runtest_makereport  # noqa: E402, F401


def with_broadcast(host):
    """Tells the card its broadcast address, as DHCP does: OpenTTD and others ask for it."""
    card = host.main_interface
    host.netns.ip(f"addr del {card.addr4} dev eth0", f"addr add {card.addr4} brd + dev eth0",
                  f"route replace default via {card.gateway4} dev eth0")


@pytest.fixture(scope="module")
def members(module_lab):
    lab = module_lab
    server, relay = lab.public("server"), lab.public("relay")
    hosts = [lab.behind(name) for name in "abc"]
    for host in hosts:
        with_broadcast(host)
    start_party(server, relay, *hosts)
    connect(*hosts)
    together(*hosts)
    return hosts


@pytest.fixture(scope="module")
def screen(members):
    with Screen(members[0]) as made:
        yield made


@pytest.fixture
def games(members, screen):
    with Games(members, screen) as made:
        yield made
