"""The machines of a lab: Node is any namespace with addresses; Router and Host are what stands in a home."""
import ipaddress
import os
import socket
import subprocess

from . import nat
from .capture import Capture
from .netns import Namespace
from .programs import Programs


class Interface:
    """What an interface is configured with, kept for link_up(). Addresses are ip_interface objects."""

    def __init__(self, name, addr4=None, addr6=None, gateway4=None, gateway6=None, metric=None):
        self.name, self.addr4, self.addr6 = name, addr4, addr6
        self.gateway4, self.gateway6, self.metric = gateway4, gateway6, metric

    def commands(self):
        metric = f" metric {self.metric}" if self.metric else ""
        lines = [f"link set {self.name} up"]
        lines += [f"addr replace {addr} dev {self.name}" for addr in [self.addr4] if addr]
        lines += [f"addr replace {addr} dev {self.name} nodad" for addr in [self.addr6] if addr]
        lines += [f"route replace default via {gateway} dev {self.name}{metric}"
                  for gateway in (self.gateway4, self.gateway6) if gateway]
        return lines


class Node:
    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        self.netns = Namespace(f"{lab.id}-{name}")
        self.dir = os.path.join(lab.dir, name)
        os.mkdir(self.dir, 0o755)
        self.interfaces = {}
        self.site = None
        self.wire = None    # towards the internet; shared by all hosts behind one router
        self.processes = {}  # name -> Popen, of what popen() started

    def __repr__(self):
        return f"<{type(self).__name__} {self.name} {self.addr4 or ''} {self.addr6 or ''}>"

    @property
    def main_interface(self):
        return next(iter(self.interfaces.values()), None)

    @property
    def addr4(self):
        """IPv4 address of the first interface as text, or None."""
        interface = self.main_interface
        return str(interface.addr4.ip) if interface and interface.addr4 else None

    @property
    def addr6(self):
        interface = self.main_interface
        return str(interface.addr6.ip) if interface and interface.addr6 else None

    def add_interface(self, interface):
        self.interfaces[interface.name] = interface
        self.netns.ip(*interface.commands())

    # ---- programs ----

    def run(self, cmd, check=True, timeout=30, stdin=None):
        """Runs cmd (list, or string for the shell) in the namespace; timeout in seconds; returns a CompletedProcess."""
        return self.netns.run(cmd, check=check, timeout=timeout, stdin=stdin)

    def popen(self, cmd, name=None, **options):
        """Starts cmd in the namespace, with output to <lab dir>/<host>/<name>.log; options are those of Popen."""
        words = self.netns.command(cmd)
        name = name or os.path.basename(words[4])
        with open(os.path.join(self.dir, f"{name}.log"), "ab") as log:
            process = subprocess.Popen(words, **{"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, **options})
        self.processes[name] = process
        return process

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_DGRAM, bind=None, timeout=2.0):
        """A Python socket that lives in the namespace; bind is (address, port), timeout in seconds."""
        with self.netns.inside():
            sock = socket.socket(family, kind)
        sock.settimeout(timeout)
        if bind:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(bind)
        return sock

    def capture(self, interface="eth0", filter="", **options):
        """A context manager around tcpdump; see Capture."""
        return Capture(self, interface, filter, **options)

    # ---- links ----

    def link_down(self, name=None):
        """Takes an interface down, the first one unless named: its routes and IPv6 addresses go, as in real life."""
        self.netns.ip(f"link set {name or self.main_interface.name} down")

    def link_up(self, name=None):
        """Brings it back with its addresses and routes."""
        self.netns.ip(*self.interfaces[name or self.main_interface.name].commands())

    def set_mtu(self, mtu, name=None):
        """MTU of an interface in bytes. At a router's "wan" longer packets get an ICMP error; wire.set(max_size=) makes
        a hole that swallows them."""
        self.netns.ip(f"link set {name or self.main_interface.name} mtu {mtu}")

    def _readdress(self, addr4, addr6):
        interface = self.main_interface
        old = [addr for addr in (interface.addr4, interface.addr6) if addr]
        interface.addr4, interface.addr6 = addr4, addr6
        self.netns.ip(*[f"addr del {addr} dev {interface.name}" for addr in old], *interface.commands())


class Router(Node):
    """A router with "wan" outside and the bridge "lan" inside; nat.py tells what its kinds do.

    upstream is the router it stands behind (CGNAT), or None at the internet.
    """

    def __init__(self, lab, name, kind, upstream=None, ipv6_firewall=True, udp_timeout_s=30):
        super().__init__(lab, name)
        self.kind, self.upstream = kind, upstream
        self.ipv6_firewall, self.udp_timeout_s = ipv6_firewall, udp_timeout_s
        self.lan4 = self.lan6 = None  # networks
        self._next_host, self._ports, self._rebinds = 10, 0, 0
        self.netns.sysctl("net.ipv4.ip_forward", 1)
        self.netns.sysctl("net.ipv6.conf.all.forwarding", 1)

    def open_lan(self, lan4, lan6):
        """Makes the inner side; the router itself has address 1 of each network."""
        self.lan4, self.lan6 = lan4, lan6
        self.netns.ip("link add lan type bridge")
        self.add_interface(Interface("lan", self._lan_address(lan4, 1), self._lan_address(lan6, 1)))
        self.load_rules()

    @staticmethod
    def _lan_address(network, number):
        return ipaddress.ip_interface(f"{network[number]}/{network.prefixlen}") if network else None

    def _next_addresses(self):
        """A free pair of addresses in the LAN."""
        number, self._next_host = self._next_host, self._next_host + 1
        if self.lan4 and self.lan4.num_addresses <= 16:  # a small public network is numbered from 2
            return self._lan_address(self.lan4, number - 8), self._lan_address(self.lan6, number)
        return self._lan_address(self.lan4, number), self._lan_address(self.lan6, number)

    def connect(self, node, ifname, metric=None):
        """Plugs node into the LAN by a veth without offloads."""
        self._ports += 1
        port = f"p{self._ports}"
        self.netns.ip(f"link add {port} type veth peer name {ifname} netns {node.netns.name}",
                      f"link set {port} master lan up")
        for side, name in ((self, port), (node, ifname)):
            side.run(["ethtool", "-K", name, "tso", "off", "gso", "off", "gro", "off", "tx-udp-segmentation", "off"])
        addr4, addr6 = self._next_addresses()
        gateway4, gateway6 = self.lan4 and self.lan4[1], self.lan6 and self.lan6[1]
        node.add_interface(Interface(ifname, addr4, addr6, gateway4, gateway6, metric))

    @property
    def main_interface(self):
        return self.interfaces.get("wan")

    def load_rules(self):
        """Loads the NAT afresh: all mappings and connections are forgotten."""
        for key in ("nf_conntrack_udp_timeout", "nf_conntrack_udp_timeout_stream"):
            self.netns.sysctl(f"net.netfilter.{key}", self.udp_timeout_s)
        rules = nat.ruleset(self.kind, self.addr4, self.udp_timeout_s, keep_ports=self._rebinds == 0,
                            first_sequential_port=20000 + 5000 * (self._rebinds % 8), ipv6_firewall=self.ipv6_firewall)
        self.run(["nft", "-f", "-"], stdin=rules)
        self.run(["conntrack", "-F"], timeout=10)

    def rebind(self):
        """Forgets every mapping, as after a restart: the same inner port then gets another outer port."""
        self._rebinds += 1
        self.load_rules()

    def set_kind(self, kind):
        """Becomes another kind of NAT, without memory."""
        self.kind = kind
        self.load_rules()

    def set_udp_timeout(self, seconds):
        """How long an idle UDP mapping lives; forgets those there are."""
        self.udp_timeout_s = seconds
        self.load_rules()

    def change_address(self):
        """A new outer IPv4 address, as after a reconnect of the line; the IPv6 address stays."""
        new4, _ = self.upstream._next_addresses() if self.upstream else (self.site.next_addr4(), None)
        self._readdress(new4, self.main_interface.addr6)
        self.load_rules()
        return self.addr4


class Host(Programs, Node):
    """A machine that runs programs. router is None at a public address."""

    def __init__(self, lab, name, router=None):
        super().__init__(lab, name)
        self.router = router

    @property
    def public4(self):
        """The IPv4 address the internet sees: of the outermost router that translates, or the host's own."""
        outermost, router = self, self.router
        while router:
            outermost = router if router.kind != "none" else outermost
            router = router.upstream
        return outermost.addr4

    def change_address(self):
        """Moves to other addresses in the same network, as with a new DHCP lease; open sockets keep the old ones."""
        if self.router:
            addr4, addr6 = self.router._next_addresses()
        else:
            addr4, addr6 = self.site.next_addr4(), self.site.next_addr6()
        interface = self.main_interface
        self._readdress(addr4 if interface.addr4 else None, addr6 if interface.addr6 else None)
        return self.addr4 or self.addr6
