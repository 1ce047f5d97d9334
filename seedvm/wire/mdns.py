"""Multicast DNS: the question for services, and answers as far as they name services: which kind, by which name.

Source: RFC 1035 section 4 (message, compression), RFC 6762, RFC 6763 (PTR records of services). OpenBMC announces
_obmc_redfish._tcp, _obmc_rest._tcp and _obmc_console._tcp. Refused here: compression that does not lead backwards.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from seedvm.foreign.text import exact, shown
from seedvm.wire import WireError

GROUP_V4 = "224.0.0.251"
GROUP_V6 = "ff02::fb"
PORT = 5353
PTR = 12
MOST_RECORDS = 64
MOST_NAME = 255  # RFC 1035 section 2.3.4
_ASK = struct.pack(">HH", PTR, 0x8000 | 1)  # class IN, unicast answer wanted
BMC_SERVICES = ("_obmc_redfish._tcp.local", "_obmc_rest._tcp.local", "_obmc_console._tcp.local", "_redfish._tcp.local")


@dataclass(frozen=True)
class MdnsService:
    """A service that somebody has: `kind` such as _http._tcp.local, and the name of this one."""

    kind: str
    name: str

    @property
    def is_bmc(self) -> bool:
        return self.kind in BMC_SERVICES


def question(kinds: tuple[str, ...] = BMC_SERVICES) -> bytes:
    """One query for the PTR records of all `kinds`; the answer is wanted by unicast (RFC 6762 section 5.4)."""
    asked = b"".join(
        b"".join(bytes((len(label),)) + label.encode() for label in kind.split(".")) + b"\0" + _ASK for kind in kinds
    )
    return struct.pack(">6H", 0, 0, len(kinds), 0, 0, 0) + asked


def parse_services(data: bytes) -> tuple[MdnsService, ...]:
    """The services named by the PTR records of an answer; none where it is a question or speaks of other things."""
    if len(data) < 12:
        raise WireError(f"mDNS: {len(data)} bytes")
    _, flags, questions, *counts = struct.unpack_from(">6H", data)
    if not flags & 0x8000:
        return ()
    if questions + sum(counts) > MOST_RECORDS:
        raise WireError(f"mDNS: {questions + sum(counts)} records")
    at, found = 12, []
    for _ in range(questions):
        _, at = _name(data, at)
        at += 4
    for _ in range(sum(counts)):
        owner, at = _name(data, at)
        if at + 10 > len(data):
            raise WireError("mDNS: record runs over the end")
        kind, _, _, length = struct.unpack_from(">HHIH", data, at)
        at += 10
        if at + length > len(data):
            raise WireError("mDNS: record data runs over the end")
        if kind == PTR:
            found.append(MdnsService(exact(owner).lower(), shown(_name(data, at)[0])))
        at += length
    return tuple(found)


def _name(data: bytes, at: int) -> tuple[str, int]:
    """A name as it was sent, and where the record goes on after it. Pointers must lead backwards, so none can be followed for ever."""
    labels: list[str] = []
    after = None
    limit, long = at, 1
    while True:
        if at >= len(data):
            raise WireError("mDNS: name runs over the end")
        length = data[at]
        if length & 0xC0 == 0xC0:
            if at + 1 >= len(data):
                raise WireError("mDNS: pointer runs over the end")
            target = (length & 0x3F) << 8 | data[at + 1]
            after = at + 2 if after is None else after
            if target >= limit:
                raise WireError("mDNS: pointer does not lead backwards")
            at = limit = target
            continue
        if length & 0xC0:
            raise WireError("mDNS: label type")
        if length == 0:
            return ".".join(labels), (at + 1 if after is None else after)
        if at + 1 + length > len(data):
            raise WireError("mDNS: label runs over the end")
        labels.append(data[at + 1 : at + 1 + length].decode("utf-8", "replace"))
        at += 1 + length
        long += 1 + length
        if long > MOST_NAME:
            raise WireError(f"mDNS: name of more than {MOST_NAME} bytes")
