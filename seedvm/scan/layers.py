"""Decoding by scapy where it has the layers: CDP, DHCPv6, IPv6 neighbour discovery. scapy is imported on first use (1 to 2 s).

What comes in is hostile: longer than a frame is refused unread, whatever scapy raises becomes a WireError, and of what it finds
only short text and numbers are kept. Source: Cisco Discovery Protocol as scapy documents it, RFC 8415 (21.2, 21.16), RFC 5970
(option 61), RFC 6355 (DUID-UUID), RFC 4861 (sections 4.1 to 4.4, 4.6.1).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from seedvm.foreign.text import shown, shown_bytes
from seedvm.wire import WireError

Layer: TypeAlias = Callable[[bytes], object]
MOST_BYTES = 1514
CDP_SNAP = bytes.fromhex("aaaa0300000c2000")
DHCP6_NAMES = {
    1: "Solicit",
    2: "Advertise",
    3: "Request",
    5: "Renew",
    6: "Rebind",
    7: "Reply",
    11: "Information-request",
}
DHCP6_SERVER = (2, 7)
ND_NAMES = {
    133: "router solicitation",
    134: "router advertisement",
    135: "neighbour solicitation",
    136: "neighbour advertisement",
}


@dataclass(frozen=True)
class Cdp:
    """What a Cisco switch says of the port at the other end; None or empty where it says nothing."""

    device: str
    port: str
    platform: str
    vlan: int | None


@dataclass(frozen=True)
class Dhcp6:
    """A DHCPv6 message. `uuid` is the 16 raw bytes of a DUID of type 4, `mac` that of a DUID of type 1 or 3."""

    kind: int
    uuid: bytes | None
    mac: str | None
    vendor_class: str
    architecture: int | None

    @property
    def name(self) -> str:
        return f"DHCPv6 {DHCP6_NAMES[self.kind]}"

    @property
    def from_server(self) -> bool:
        return self.kind in DHCP6_SERVER


@dataclass(frozen=True)
class Discovery:
    """A neighbour discovery message: its kind, the target of an advertisement, and the MAC that it names for it."""

    kind: int
    target: str | None
    mac: str | None

    @property
    def name(self) -> str:
        return ND_NAMES[self.kind]


def cdp(payload: bytes) -> Cdp:
    """Decode an 802.3 payload with LLC and SNAP header."""
    if not payload.startswith(CDP_SNAP):
        raise WireError("not CDP")
    found: dict[str, object] = {}
    for message in _items(_dissect(_layers().cdp, payload[8:]), "msg"):
        found.setdefault(type(message).__name__, message)
    device, port = _text(found.get("CDPMsgDeviceID"), "val"), _text(found.get("CDPMsgPortID"), "iface")
    if not device or not port:
        raise WireError("CDP: no device or no port")
    vlan = getattr(found.get("CDPMsgNativeVLAN"), "vlan", None)
    return Cdp(device, port, _text(found.get("CDPMsgPlatform"), "val"), vlan if isinstance(vlan, int) else None)


def dhcp6(data: bytes) -> Dhcp6:
    """Decode a DHCPv6 message between client and server; what relays wrap is refused."""
    kind = data[0] if data else 0
    if kind not in DHCP6_NAMES or len(data) < 4:
        raise WireError(f"DHCPv6: message type {kind}")
    packet = _dissect(_layers().dhcp6[kind], data)
    duid = getattr(_layer(packet, "DHCP6OptClientId"), "duid", None)
    vendor = _items(_layer(packet, "DHCP6OptVendorClass"), "vcdata")
    kinds = _items(_layer(packet, "DHCP6OptClientArchType"), "archtypes")
    uuid = getattr(getattr(duid, "uuid", None), "bytes", None)
    mac = getattr(duid, "lladdr", None)
    return Dhcp6(
        kind,
        uuid if isinstance(uuid, bytes) and len(uuid) == 16 else None,
        mac if isinstance(mac, str) and len(mac) == 17 else None,
        next((text for one in vendor if (text := _text(one, "data"))), ""),
        next((one for one in kinds if isinstance(one, int)), None),
    )


def discovery(data: bytes) -> Discovery:
    """Decode an ICMPv6 message of neighbour discovery."""
    kind = data[0] if data else 0
    if kind not in ND_NAMES:
        raise WireError(f"ICMPv6: type {kind}")
    packet = _dissect(_layers().discovery[kind], data)
    option = _layer(packet, "ICMPv6NDOptDstLLAddr") or _layer(packet, "ICMPv6NDOptSrcLLAddr")
    target, mac = getattr(packet, "tgt", None), getattr(option, "lladdr", None)
    if not isinstance(target, str) or kind != 136:
        target = None
    return Discovery(kind, target, mac.lower() if isinstance(mac, str) and len(mac) == 17 else None)


@dataclass(frozen=True)
class _Layers:
    """scapy's classes, by message type where there are several."""

    cdp: Layer
    dhcp6: Mapping[int, Layer]
    discovery: Mapping[int, Layer]


@functools.cache
def _layers() -> _Layers:
    """scapy's classes, imported once."""
    from scapy.contrib.cdp import CDPv2_HDR
    from scapy.layers import dhcp6 as six
    from scapy.layers import inet6

    return _Layers(
        cdp=CDPv2_HDR,
        dhcp6={
            1: six.DHCP6_Solicit,
            2: six.DHCP6_Advertise,
            3: six.DHCP6_Request,
            5: six.DHCP6_Renew,
            6: six.DHCP6_Rebind,
            7: six.DHCP6_Reply,
            11: six.DHCP6_InfoRequest,
        },
        discovery={133: inet6.ICMPv6ND_RS, 134: inet6.ICMPv6ND_RA, 135: inet6.ICMPv6ND_NS, 136: inet6.ICMPv6ND_NA},
    )


def owner_of_mac(mac: str) -> str:
    """Whose prefix a MAC has by the IEEE's list that comes with scapy; empty where it has none or is locally administered."""
    from scapy.config import conf

    if int(mac[:2], 16) & 2:
        return ""
    short, long = conf.manufdb.lookup(mac)
    return "" if short.lower() == mac.lower() else str(long or short)


def ready() -> None:
    """Import scapy now (in a thread, before listening starts), so that the first packet is not kept waiting."""
    _layers()


def _dissect(layer: Layer, data: bytes) -> object:
    if len(data) > MOST_BYTES:
        raise WireError(f"{len(data)} bytes are too many for a frame")
    try:
        return layer(data)
    except Exception as error:  # scapy raises whatever its fields raise, RecursionError among it
        raise WireError(f"{getattr(layer, '__name__', layer)}: {type(error).__name__}") from None


def _layer(packet: object, name: str) -> object:
    """The first layer of a name, walking the payloads; None where there is none."""
    for _ in range(64):
        if packet is None or type(packet).__name__ in ("NoPayload", "Raw"):
            return None
        if type(packet).__name__ == name:
            return packet
        packet = getattr(packet, "payload", None)
    return None


def _items(holder: object, name: str) -> Iterable[object]:
    found = getattr(holder, name, None)
    return found[:64] if isinstance(found, list) else ()


def _text(holder: object, name: str) -> str:
    value = getattr(holder, name, b"")
    return shown_bytes(value) if isinstance(value, bytes) else shown(value)
