"""A lab: one internet, the sites attached to it, and the promise that nothing of it is left at the end.

    with Lab() as lab:
        server = lab.public("server")
        a = lab.behind("a", nat="port-restricted", delay_ms=10)
        b = lab.behind("b", nat="symmetric-random", delay_ms=10)   # a - b: 40 ms there and back

Addresses: each site has its own /29 of the documentation ranges and its own 2001:db8:<site>::/48; what stands behind a
translating router has a private network, 192.168.<site>.0/24 unless told otherwise.
"""
import atexit
import ipaddress
import itertools
import json
import os
import shutil
import threading
import time

from . import netns
from .host import Host, Interface, Node, Router
from .wire import Wire

PUBLIC_RANGES = ("198.51.100.0/24", "203.0.113.0/24", "192.0.2.0/24")
STOP_S = 3
CGNAT_RANGE = "100.64.0.0/24"


class Site:
    """Where one wire ends: a /29, of which .1 is the internet's side, and a /48, of which subnet 0 is the wire."""

    def __init__(self, index, net4, interface):
        self.index, self.net4, self.interface = index, net4, interface
        self.net6 = ipaddress.ip_network(f"2001:db8:{index:x}::/48")
        self._numbers4, self._numbers6 = itertools.count(2), itertools.count(2)
        self._subnets6 = self.net6.subnets(new_prefix=64)
        self.link6 = next(self._subnets6)

    def next_addr4(self):
        number = next(self._numbers4)
        if number > 6:
            raise ValueError("this site has used up its public addresses")
        return ipaddress.ip_interface(f"{self.net4[number]}/29")

    def next_addr6(self):
        return ipaddress.ip_interface(f"{self.link6[next(self._numbers6)]}/64")

    def next_subnet6(self):
        return next(self._subnets6)


class Lab:
    _count = itertools.count(1)

    def __init__(self):
        netns.sweep()
        number = next(Lab._count)
        self.id = f"lr{os.getpid()}-{number}"
        self.dir = f"{netns.TEMP_PREFIX}{os.getpid()}-{number}"
        self.nodes = {}
        self._nets4 = itertools.chain.from_iterable(
            ipaddress.ip_network(block).subnets(new_prefix=29) for block in PUBLIC_RANGES)
        self._sites = itertools.count(1)
        self._wires = []
        self._udp_blocks = []
        self._udp_blocks_lock = threading.Lock()    # several pairs may be cut off at the same time
        os.mkdir(self.dir, 0o755)
        atexit.register(self.close)
        try:
            self.inet = self._add(Node(self, "inet"))
            self.inet.netns.sysctl("net.ipv4.ip_forward", 1)
            self.inet.netns.sysctl("net.ipv6.conf.all.forwarding", 1)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- building ----

    def public(self, name, ipv4=True, ipv6=False, wire=True, **wire_settings):
        """A host with a public address. wire_settings (delay_ms=...) hold for both directions; wire=False is a veth."""
        host = self._add(Host(self, name))
        self._attach(host, "eth0", ipv4, ipv6, wire, wire_settings)
        return host

    def router(self, name, nat="port-restricted", upstream=None, ipv4=True, ipv6=False, lan=None, wire=True,
               ipv6_firewall=True, udp_timeout_s=30, **wire_settings):
        """A router at the internet, or in the LAN of the router upstream; kinds of nat are in nat.py.

        lan is its inner IPv4 network as text (private by default, public with nat "none").
        """
        if upstream and not upstream.lan4:
            ipv4 = False
        router = self._add(Router(self, name, nat, upstream, ipv6_firewall, udp_timeout_s))
        if upstream:
            router.site, router.wire = upstream.site, upstream.wire
            upstream.connect(router, "wan")
        else:
            self._attach(router, "wan", ipv4, ipv6, wire, wire_settings)
        lan4 = self._lan4(router, lan) if ipv4 else None
        lan6 = router.site.next_subnet6() if router.addr6 else None
        router.open_lan(lan4, lan6)
        if lan6:
            inwards = lan6 if upstream else router.site.net6
            (upstream or self.inet).netns.ip(f"route replace {inwards} via {router.addr6}")
        return router

    def _lan4(self, router, wanted):
        if wanted:
            return ipaddress.ip_network(wanted)
        if router.kind == "none":
            network = next(self._nets4)
            self.inet.netns.ip(f"route replace {network} via {router.addr4}")
            return network
        return ipaddress.ip_network(f"192.168.{router.site.index}.0/24")

    def behind(self, name, nat="port-restricted", router=None, **options):
        """A host behind a router of its own (options as for router()) or behind a given one, in the same LAN.

        nat="double" is a port-restricted router behind a port-restricted CGNAT.
        """
        if router is None and nat == "double":
            carrier = self.router(f"{name}-cgn", lan=CGNAT_RANGE, ipv6_firewall=False,
                                  **{key: value for key, value in options.items() if key != "lan"})
            router = self.router(f"{name}-router", upstream=carrier, lan=options.get("lan"),
                                 udp_timeout_s=options.get("udp_timeout_s", 30))
        elif router is None:
            router = self.router(f"{name}-router", nat=nat, **options)
        elif options:
            raise TypeError(f"{', '.join(options)} belong to the router that is there already")
        host = self._add(Host(self, name, router))
        host.site, host.wire = router.site, router.wire
        router.connect(host, "eth0")
        return host

    def second_uplink(self, host, router, ifname="eth1", metric=100):
        """Connects a host to another router as well; its default route there has the given metric."""
        router.connect(host, ifname, metric)

    def _add(self, node):
        if node.name in self.nodes:
            raise ValueError(f"there is a {node.name} already")
        self.nodes[node.name] = node
        self._describe()
        return node

    def _attach(self, node, ifname, ipv4, ipv6, wire, wire_settings):
        """Connects node's interface ifname to the internet as a new site."""
        index = next(self._sites)
        site = node.site = Site(index, next(self._nets4), f"s{index}")
        if wire:
            node.wire = Wire(node.netns, ifname, self.inet.netns, site.interface, f"{self.dir}/{node.name}.wire",
                             f"{self.dir}/{node.name}-wire.log")
            self._wires.append(node.wire)
            node.wire.set(**wire_settings)
        elif wire_settings:
            raise TypeError("a veth has no settings")
        else:
            node.netns.ip(f"link add {ifname} type veth peer name {site.interface} netns {self.inet.netns.name}")
        self.inet.add_interface(Interface(site.interface,
                                          ipaddress.ip_interface(f"{site.net4[1]}/29") if ipv4 else None,
                                          ipaddress.ip_interface(f"{site.link6[1]}/64") if ipv6 else None))
        node.add_interface(Interface(ifname, site.next_addr4() if ipv4 else None, site.next_addr6() if ipv6 else None,
                                     site.net4[1] if ipv4 else None, site.link6[1] if ipv6 else None))

    # ---- the internet's own faults ----

    def block_udp(self, a, b, one_way=False, above=0, loss=100):
        """From now on no UDP passes between the sites of hosts a and b; their way to others stays.

        one_way: only from a to b; above: only what is longer in bytes of IP; loss: only so many percent of it.
        """
        with self._udp_blocks_lock:
            self._udp_blocks += [(one.site, other.site, above, loss)
                                 for one, other in ((a, b), (b, a))[:1 if one_way else 2]]
            self._load_blocks()

    def unblock_udp(self, a, b):
        with self._udp_blocks_lock:
            self._udp_blocks = [block for block in self._udp_blocks if set(block[:2]) != {a.site, b.site}]
            self._load_blocks()

    def _load_blocks(self):
        rules = [f'    iifname "{one.interface}" oifname "{other.interface}" meta l4proto udp meta length > {above} '
                 + (f"numgen random mod 100 < {loss} " if loss < 100 else "") + "drop"
                 for one, other, above, loss in self._udp_blocks]
        self.inet.run(["nft", "-f", "-"], stdin="table inet lab\ndelete table inet lab\ntable inet lab {\n"
                      "  chain blocks {\n    type filter hook forward priority 0; policy accept;\n"
                      + "\n".join(rules) + "\n  }\n}\n")

    # ---- the end ----

    def _describe(self):
        """Writes who owns what, for `lab list` and `lab shell`."""
        with open(f"{self.dir}/lab.json", "w") as file:
            json.dump({"id": self.id, "pid": os.getpid(), "nodes": list(self.nodes)}, file)

    def logs(self):
        """What every program of every host last wrote."""
        parts = [node.logs() for node in self.nodes.values() if isinstance(node, Host)]
        return "\n".join(part for part in parts if part) or "(no program has written anything)"

    def complaints(self):
        """Lines in which a sanitizer found fault with a program, from every log of every host."""
        return [f"{node.name}: {line}" for node in self.nodes.values() if isinstance(node, Host)
                for line in node.complaints()]

    def stop_programs(self):
        """SIGTERM to what popen() started, and STOP_S for all of it to end in its own way."""
        processes = [process for node in self.nodes.values() for process in node.processes.values()]
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + STOP_S
        while any(process.poll() is None for process in processes) and time.monotonic() < deadline:
            time.sleep(0.01)

    def close(self):
        """Ends all programs and removes namespaces, wires and the temporary folder; may be called twice.

        LANRAGE_LAB_KEEP=1 keeps the folder.
        """
        atexit.unregister(self.close)
        self.stop_programs()
        prefix = f"{self.id}-"
        netns.remove_namespaces([name for name in netns.namespaces() if name.startswith(prefix)])
        for wire in self._wires:
            wire.close()
        for node in self.nodes.values():
            for process in node.processes.values():
                process.wait()
        if not os.environ.get("LANRAGE_LAB_KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)
