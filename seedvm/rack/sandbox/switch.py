"""What the rack's switch tells the machine at the end of a cable: LLDP, so that it can be said which port a machine hangs on.

Source: IEEE 802.1AB section 8. A bridge of the kernel neither sends LLDP nor passes it on; this does so from the bridge's side of the
cable, in a process that ends with the machine's boot. It refuses to say anything else on a wire.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import struct
import time
from pathlib import Path
from typing import NoReturn

EVERY_SECONDS = 5.0
_NEIGHBOURS = bytes.fromhex("0180c200000e")
_ETHERTYPE = 0x88CC
_CLONE_NEWNET = 0x40000000
_HOLD_SECONDS = 120


def announce(namespace: Path, port: str, label: str, system: str) -> NoReturn:
    """Tell who we are on `port` of `namespace`; falls silent when the cable is pulled, and ends by being killed."""
    descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
    os.close(descriptor)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire, contextlib.suppress(OSError):  # the cable is gone
        wire.bind((port, 0))
        frame = lldp_frame(wire.getsockname()[4], label, system)
        while True:
            wire.send(frame)
            time.sleep(EVERY_SECONDS)
    while True:
        signal.pause()


def lldp_frame(chassis: bytes, port: str, system: str) -> bytes:
    """An LLDP frame: the chassis by its MAC (6 bytes), the port by a name that is known on the switch alone, the system's name."""
    tlvs = ((1, b"\x04" + chassis), (2, b"\x07" + port.encode()), (3, struct.pack(">H", _HOLD_SECONDS)))
    words = b"".join(_tlv(kind, value) for kind, value in (*tlvs, (5, system.encode()), (0, b"")))
    return (_NEIGHBOURS + chassis + struct.pack(">H", _ETHERTYPE) + words).ljust(60, b"\x00")


def _tlv(kind: int, value: bytes) -> bytes:
    return struct.pack(">H", kind << 9 | len(value)) + value
