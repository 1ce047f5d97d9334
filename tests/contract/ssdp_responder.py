"""A Redfish service's SSDP side on far0, in a network namespace of its own: answers searches as DSP0266 section 13 has it.

Every search that came is a line on standard output.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import time

from seedvm import proc
from tests.unit.test_wire_listen import ANSWER

ADDRESS = "172.22.1.21"


def main() -> None:
    while "far0" not in [name for _, name in socket.if_nameindex()]:
        time.sleep(0.02)
    proc.run(["ip", "address", "add", f"{ADDRESS}/24", "dev", "far0"], timeout=10)
    proc.run(["ip", "link", "set", "far0", "up"], timeout=10)
    group = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    group.bind(("239.255.255.250", 1900))
    member = struct.pack("4s4si", socket.inet_aton("239.255.255.250"), bytes(4), socket.if_nametoindex("far0"))
    group.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    reply = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        data, origin = group.recvfrom(2048)
        if data.startswith(b"M-SEARCH") and b"redfish-rest" in data:
            sys.stdout.write("search\n")
            sys.stdout.flush()
            with contextlib.suppress(OSError):
                reply.sendto(ANSWER, origin)


main()
