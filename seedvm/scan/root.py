"""The Redfish service root of one address, over TLS or in clear, with what the certificate says.

The service root needs no login (DMTF DSP0266 section 6.6) and none is sent. The certificate is kept as evidence and
not verified: a BMC out of the box has a self-signed one. Refuses answers over 256 KiB and anything that is not JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import json
import re
import socket
import ssl
import struct
from dataclasses import dataclass, replace

from cryptography import x509

from seedvm.base import addresses as addr
from seedvm.scan.evidence import REDFISH, REDFISH_CLEAR
from seedvm.scan.pace import Pace
from seedvm.scan.radio import NO_ROOM_SECONDS, NO_ROOM_TRIES

MOST_BYTES = 256 * 1024
CONNECT_SECONDS = 0.6
TALK_SECONDS = 8.0
ANSWER_SECONDS = 5.0
CLOSE_SECONDS = 0.5
TALK_PACKETS = 12  # handshake, request, answer, close
TCP_INFO_BYTES, SEGMENTS_SENT = 144, 136  # tcpi_segs_out in struct tcp_info, linux/tcp.h


@dataclass(frozen=True)
class RedfishRoot:
    """A service root; empty text where it says nothing. `closed` if even the root asks for a login, against DSP0266."""

    protocol: str
    version: str
    uuid: str = ""
    vendor: str = ""
    product: str = ""
    fingerprint: str = ""
    subject: str = ""
    until: str = ""
    closed: bool = False


def discovery_context() -> ssl.SSLContext:
    """TLS as old BMCs still speak it, the peer not verified; nothing secret may travel over it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


async def probe_root(address: str, port: int, *, tls: bool, pace: Pace) -> tuple[RedfishRoot | None, bool]:
    """Ask for /redfish/v1/: the root or None, and whether a host is there at all.

    Waits for the connection so shortly that the kernel sends one SYN and not a second one past the pace. What a long answer took in
    acknowledgements beyond the usual is paid to the pace afterwards.
    """
    await pace.turn()
    try:
        reader, writer = await _connect(address, port)
    except ConnectionRefusedError:
        return None, True
    except (OSError, TimeoutError):
        return None, False
    try:
        await pace.turn(TALK_PACKETS)
        async with asyncio.timeout(TALK_SECONDS):
            return await _talk(address, reader, writer, tls=tls), True
    except (OSError, TimeoutError, EOFError, ValueError, asyncio.LimitOverrunError):
        return None, True
    finally:
        more = (
            _segments_sent(writer) + 1 - TALK_PACKETS
        )  # the SYN had its turn before, FIN and the last acknowledgement are to come
        writer.close()
        with contextlib.suppress(OSError, TimeoutError, ssl.SSLError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await writer.wait_closed()
        if more > 0:
            await pace.turn(more)


def _segments_sent(writer: asyncio.StreamWriter) -> int:
    """How many TCP segments have left, acknowledgements among them; 0 where the kernel does not say."""
    made = writer.get_extra_info("socket")
    with contextlib.suppress(OSError, AttributeError, struct.error):
        said = made.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, TCP_INFO_BYTES)
        return int(struct.unpack_from("=I", said, SEGMENTS_SENT)[0])
    return 0


async def _connect(address: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect; where the kernel's table of neighbours is full nothing has left, and it is tried again (see `radio`)."""
    for _ in range(NO_ROOM_TRIES):
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await asyncio.open_connection(address, port, limit=MOST_BYTES)
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
        await asyncio.sleep(NO_ROOM_SECONDS)
    raise TimeoutError


async def _talk(
    address: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, tls: bool
) -> RedfishRoot | None:
    der = b""
    if tls:
        await writer.start_tls(discovery_context(), server_hostname=addr.bare(address))
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True) or b""
    writer.write(
        f"GET /redfish/v1/ HTTP/1.1\r\nHost: {addr.in_header(address)}\r\nAccept: application/json\r\n"
        "OData-Version: 4.0\r\nConnection: close\r\n\r\n".encode()
    )
    await writer.drain()
    raw = b""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ANSWER_SECONDS):
            while len(raw) <= MOST_BYTES and not whole(raw) and (more := await reader.read(65536)):
                raw += more
    root = parse_root(raw, REDFISH if tls else REDFISH_CLEAR)
    return with_certificate(root, der) if root and der else root


def whole(raw: bytes) -> bool:
    """Whether an HTTP answer has all that its header promises; some servers do not close afterwards."""
    head, found, body = raw.partition(b"\r\n\r\n")
    if not found:
        return False
    length = re.search(rb"\r\ncontent-length:[ \t]*(\d{1,9})", head, re.IGNORECASE)
    if length:
        return len(body) >= int(length[1])
    return b"chunked" in head.lower() and body.endswith(b"0\r\n\r\n")


def parse_root(raw: bytes, protocol: str) -> RedfishRoot | None:
    """Decode an HTTP answer to the service root; None when it is none. Any bytes may come in."""
    head, _, body = raw.partition(b"\r\n\r\n")
    status = head.split(b"\r\n", 1)[0].split(b" ")
    if (
        len(raw) > MOST_BYTES
        or len(status) < 2
        or not status[0].startswith(b"HTTP/")
        or status[1] not in (b"200", b"401")
    ):
        return None
    if b"chunked" in head.lower():
        body = _dechunk(body)
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if status[1] == b"401":
        return RedfishRoot(protocol, "", closed=True) if _is_redfish_error(said) else None
    if not isinstance(said, dict) or not isinstance(said.get("RedfishVersion"), str):
        return None

    def text(name: str) -> str:
        value = said.get(name)
        return value[:200] if isinstance(value, str) else ""

    return RedfishRoot(protocol, text("RedfishVersion"), text("UUID"), text("Vendor"), text("Product"))


def _is_redfish_error(said: object) -> bool:
    """An error object as Redfish has it: its code names a message of a registry (DSP0266 section 8.6).

    Other APIs answer {"error": {"code": 401, "message": ...}}; a password must not go to one of them.
    """
    error = said.get("error") if isinstance(said, dict) and len(said) == 1 else None
    code = error.get("code") if isinstance(error, dict) and "message" in error else None
    return isinstance(code, str) and re.fullmatch(r"[A-Za-z][\w-]*(\.\d+)+\.\w+", code) is not None


def _dechunk(body: bytes) -> bytes:
    """The data of a chunked body (RFC 9112 section 7.1), as far as it is well formed."""
    data = b""
    while body:
        size_text, found, rest = body.partition(b"\r\n")
        try:
            size = int(size_text.split(b";")[0], 16)
        except ValueError:
            return data
        if not found or size <= 0:
            return data
        data, body = data + rest[:size], rest[size + 2 :]
    return data


def with_certificate(root: RedfishRoot, der: bytes) -> RedfishRoot:
    """The root with the certificate's SHA-256 and, if it can be read, its subject and last day."""
    known = replace(root, fingerprint=f"sha256:{hashlib.sha256(der).hexdigest()}")
    with contextlib.suppress(ValueError, TypeError):
        parsed = x509.load_der_x509_certificate(der)
        until = parsed.not_valid_after_utc.isoformat(timespec="seconds")
        known = replace(known, subject=parsed.subject.rfc4514_string()[:200], until=until)
    return known
