"""Hosts, routers and an internet made of network namespaces; README.md tells how to use it."""
from . import topology
from .lab import Lab
from .programs import wait_until
from .traffic import Flow, StreamResult, UdpStream, UdpTalk, ping, ping_first_reply, tcp_transfer, udp_exchange

__all__ = ["Flow", "Lab", "StreamResult", "UdpStream", "UdpTalk", "ping", "ping_first_reply", "tcp_transfer",
           "topology", "udp_exchange", "wait_until"]
