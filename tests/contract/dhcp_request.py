"""Sends one DHCPDISCOVER with options 93 and 97 on an interface, as a machine's firmware does: INTERFACE MAC UUID-HEX [ARCHITECTURE]."""

from __future__ import annotations

import socket
import sys

from seedvm.wire.dhcp import discover_frame


def main() -> None:
    interface, mac, guid, *more = sys.argv[1:]
    architecture = int(more[0]) if more else 0
    frame = discover_frame(mac, 1)
    options = 14 + 20 + 8 + 240
    frame = frame[:options] + bytes((53, 1, 1, 93, 2, 0, architecture, 97, 17, 0)) + bytes.fromhex(guid) + b"\xff"
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    wire.bind((interface, 0))
    wire.send(frame)


main()
