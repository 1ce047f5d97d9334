"""SLP v2 service requests and replies: who says to be a management controller.

Source: RFC 2608 sections 8 (header), 8.1 (SrvRqst), 8.2 (SrvRply), 4.3 (URL entry); 7 (overflow). The service types are those that
BMCs register: `service:ipmi` (ThinkServer), IBM's and Lenovo's management hardware (IMM2, XCC, CMM, SMM, TSM, POWER's service
processor), as Confluent and xCAT ask for them. Refused here: authentication blocks in what we send, replies over 64 KiB.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from seedvm.foreign.text import exact
from seedvm.wire import WireError

GROUP_V4 = "239.255.255.253"
PORT = 427
REQUEST, REPLY = 1, 2
MULTICAST = 0x2000
MOST_URLS = 64
MOST_URL = 1024
TYPES = (
    "service:ipmi",
    "service:management-hardware.IBM:integrated-management-module2",
    "service:management-hardware.IBM:chassis-management-module",
    "service:management-hardware.IBM:cec-service-processor",
    "service:management-hardware.Lenovo:lenovo-xclarity-controller",
    "service:management-hardware.Lenovo:chassis-management-module",
    "service:lenovo-smm",
    "service:lenovo-smm2",
    "service:lenovo-tsm",
)


@dataclass(frozen=True)
class SlpReply:
    """A service reply: the transaction it belongs to, and the URLs (`service:ipmi://10.0.0.5:623`)."""

    transaction: int
    urls: tuple[str, ...]


def group_v6(service: str) -> str:
    """The link-local multicast group of a service type (RFC 3111 section 4.1)."""
    number = 0
    for character in service.encode():
        number = number * 33 + character
    return f"ff02::1:{0x1000 + (number & 0x3FF):x}"


def request(service: str, transaction: int) -> bytes:
    """A multicast service request in scope DEFAULT, language en."""
    if not 0 < transaction <= 0xFFFF:
        raise WireError(f"SLP: transaction {transaction}")
    fields = ("", service, "DEFAULT", "", "")  # previous responders, type, scopes, predicate, SPI
    body = b"".join(struct.pack(">H", len(field)) + field.encode() for field in fields)
    return _header(REQUEST, 16 + len(body), MULTICAST, transaction) + body


def _header(function: int, length: int, flags: int, transaction: int) -> bytes:
    return struct.pack(">BB3sH3sHH2s", 2, function, length.to_bytes(3, "big"), flags, bytes(3), transaction, 2, b"en")


def parse_reply(data: bytes) -> SlpReply:
    """Decode a service reply. URL entries that are cut off (overflow) end the list without an error."""
    if not 14 <= len(data) <= 65536:
        raise WireError(f"SLP: {len(data)} bytes")
    version, function, _, _, _, transaction, tag = struct.unpack_from(">BB3sH3sHH", data)
    if version != 2 or function != REPLY:
        raise WireError(f"SLP: version {version}, function {function}")
    at = 14 + tag
    if at + 4 > len(data):
        raise WireError("SLP: language tag runs over the end")
    error, count = struct.unpack_from(">HH", data, at)
    if error:
        raise WireError(f"SLP: error {error}")
    at += 4
    urls: list[str] = []
    while len(urls) < min(count, MOST_URLS) and at + 5 <= len(data):
        (length,) = struct.unpack_from(">H", data, at + 3)
        url = data[at + 5 : at + 5 + length]
        at += 5 + length + 1
        if len(url) != length or at > len(data):
            break
        urls.append(_url(url))
        if data[at - 1]:  # authentication blocks: their lengths are not ours to trust
            break
    return SlpReply(transaction, tuple(filter(None, urls)))


def service_of(url: str) -> str:
    """The service type of a URL: what stands before its address."""
    return url.partition("://")[0].lower()


def _url(raw: bytes) -> str:
    """A URL whole, "" where it is no text that may be shown or has no end."""
    return exact(raw.decode("utf-8", "replace"), MOST_URL)
