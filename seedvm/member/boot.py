"""`member probe`: is another machine's boot service silent on the wire? Asked as a machine that boots would ask.

A DHCPDISCOVER from the MAC of a machine, a TFTP read request (RFC 1350), a TCP connection per port. It refuses to take an error for
silence: a TFTP error packet is an answer.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from seedvm.base.tcp import tcp_open
from seedvm.wire import WireError
from seedvm.wire.dhcp import ETHERTYPE_IPV4, OFFER, discover_frame, parse_frame

_LONGEST = 2048


@dataclass(frozen=True)
class ProbeRequest:
    """Whom to ask (`address`), by which interface, as which machine (`mac`); TCP ports; how long to wait for each answer."""

    address: str
    interface: str
    mac: str
    ports: tuple[int, ...]
    seconds: float = 1.5


@dataclass(frozen=True)
class BootAnswers:
    """What answered: the DHCP servers that made an offer (by address), TFTP, the open ones of the ports."""

    dhcp: tuple[str, ...]
    tftp: bool
    open: tuple[int, ...]


def probe(request: ProbeRequest) -> BootAnswers:
    """Ask for all of it at once: writes are refused meanwhile."""
    with ThreadPoolExecutor(2) as pool:
        dhcp = pool.submit(offers, request.interface, request.mac, request.seconds)
        tftp = pool.submit(tftp_answers, request.address, request.seconds)
        listening = tuple(port for port in request.ports if tcp_open(request.address, port))
        return BootAnswers(dhcp=tuple(dhcp.result()), tftp=tftp.result(), open=listening)


def offers(interface: str, mac: str, seconds: float) -> list[str]:
    """The servers that offer this MAC an address, by their server identifier."""
    found: set[str] = set()
    transaction = int.from_bytes(os.urandom(4), "big")
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE_IPV4)) as line:
        line.bind((interface, ETHERTYPE_IPV4))
        line.send(discover_frame(mac, transaction))
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            line.settimeout(left)
            with contextlib.suppress(TimeoutError, WireError):
                heard = parse_frame(line.recv(_LONGEST))
                if heard.kind == OFFER and heard.transaction == transaction:
                    found.add(heard.server or "unnamed")
    return sorted(found)


def tftp_answers(address: str, seconds: float) -> bool:
    """Does anything come back on a TFTP read request, be it an error packet?"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.settimeout(seconds)
        try:
            # No connection: a server answers from another port (RFC 1350, section 4).
            line.sendto(b"\0\x01seedvm-probe\0octet\0", (address, 69))
            line.recvfrom(_LONGEST)
        except OSError:
            return False
        return True
