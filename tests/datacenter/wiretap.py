"""The cable's far end: counts every frame that the visitor sends, and answers ARP for each host with that host's own MAC."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import time
from collections import Counter
from collections.abc import Sequence

from tests.datacenter.model import Host

ETH_P_ALL, SOL_PACKET, PACKET_STATISTICS, OUTGOING = 0x0003, 263, 6, 4
SLICE_SECONDS = 0.1


class Wiretap:
    """`slices` are {(tenth of a second, kind): frames}; kinds are arp, udp, syn, tcp, icmp6, other."""

    def __init__(self, interface: str, hosts: Sequence[Host]) -> None:
        self._macs = {socket.inet_aton(one.address): one for one in hosts if ":" not in one.address}
        self.slices: Counter[tuple[int, str]] = Counter()
        self.asked: Counter[str] = Counter()
        self.dropped = 0
        self._dice = random.Random(len(hosts))
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
        self._socket.bind((interface, ETH_P_ALL))
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket, self._readable)

    def report(self) -> dict[str, object]:
        self._readable()
        _, drops = struct.unpack("II", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        self.dropped += drops
        rows = sorted((at, kind, count) for (at, kind), count in self.slices.items())
        return {"slices": rows, "dropped": self.dropped, "asked": dict(self.asked)}

    def clear(self) -> None:
        self.slices.clear()
        self.asked.clear()

    def _readable(self) -> None:
        while True:
            try:
                frame, origin = self._socket.recvfrom(96)
            except BlockingIOError:
                return
            if origin[2] == OUTGOING:
                continue
            kind, target = classify(frame)
            self.slices[int(time.monotonic() / SLICE_SECONDS), kind] += 1
            if target:
                self.asked[target] += 1
            if kind == "arp":
                self._answer(frame)

    def _answer(self, frame: bytes) -> None:
        host = self._macs.get(frame[38:42])
        if host is None or frame[20:22] != b"\x00\x01":
            return
        if self._dice.random() < host.arp_loss:  # the question
            return
        for mac in filter(None, (host.mac, host.second_mac)):
            if self._dice.random() < host.arp_loss:
                continue
            raw = bytes.fromhex(mac.replace(":", ""))
            body = b"\x00\x01\x08\x00\x06\x04\x00\x02" + raw + frame[38:42] + frame[22:28] + frame[28:32]
            self._socket.send(frame[6:12] + raw + b"\x08\x06" + body)


def classify(frame: bytes) -> tuple[str, str]:
    """(kind, destination) of a frame; the destination is that of a UDP datagram or a SYN over IPv4, else empty."""
    ethertype = frame[12:14]
    if ethertype == b"\x08\x06":
        return "arp", ""
    if ethertype == b"\x86\xdd":
        return ("icmp6" if frame[20:21] == b"\x3a" else "udp6" if frame[20:21] == b"\x11" else "tcp"), ""
    if ethertype != b"\x08\x00" or len(frame) < 34:
        return "other", ""
    target = socket.inet_ntoa(frame[30:34])
    if frame[23] == 17:
        return "udp", target
    if frame[23] == 6:
        flags = frame[14 + (frame[14] & 0x0F) * 4 + 13]
        return ("syn", target) if flags & 0x12 == 0x02 else ("tcp", "")
    return "other", ""
