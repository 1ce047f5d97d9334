"""Targets by hand, for layers that random bytes do not reach: behind an HMAC, behind a checksum, or in several packets."""

from __future__ import annotations

import functools
import io
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from seedvm.machines.lists.read import read_list
from seedvm.rack.firmware import gpt, ipxe
from seedvm.scan.listen import Neighbour, hear
from seedvm.wire import WireError, lanplus, rakp, rmcp

KEYS = rakp.SessionKeys(b"s" * 32, b"1" * 32, b"2" * 32)
IV = bytes(16)
SPLIT = b"\xde\xad\xbe\xef"
MOST_TEXT = 1 << 20


def sealed(data: bytes) -> None:
    """What a BMC that knows the key may put into its session: any clear text with any padding, rightly sealed."""
    clear = data + bytes(-len(data) % 16) or bytes(16)
    for suite in (rakp.SUITE_3, rakp.SUITE_17):
        secret = IV + Cipher(algorithms.AES(KEYS.k2[:16]), modes.CBC(IV)).encryptor().update(clear)
        body = struct.pack("<BBIIH", 6, 0xC0, 1, 1, len(secret) & 0xFFFF) + secret
        body += b"\xff" * (-(len(body) + 2) % 4) + b"\x00\x07"
        try:
            opened = lanplus.open_sealed(
                suite, KEYS, rmcp.rmcp(rmcp.CLASS_IPMI, body + suite.hmac(KEYS.k1, body)[: suite.icv])
            )
            rmcp.parse_response(opened.payload)
        except WireError:
            continue


def frames(data: bytes) -> None:
    """Frames one after the other, as a listener hears them."""
    seen: dict[str, Neighbour] = {}
    for raw in data.split(SPLIT):
        hear(seen, raw, "eth1")
    for one in seen.values():
        one.to_json()


def message(data: bytes) -> None:
    """A response with right checksums around any data, through every decoder of a message."""
    if len(data) < 2:
        return
    head = bytes((0x81, (data[0] & 0x3E | 1) << 2))
    body = bytes((0x20, 0)) + data[1:]
    packet = head + bytes((rmcp.checksum(head),)) + body
    packet += bytes((rmcp.checksum(packet[3:]),))
    try:
        said = rmcp.parse_response(packet)
    except WireError:
        return
    for decode in (rmcp.parse_auth_capabilities, rmcp.parse_system_guid):
        try:
            decode(said)
        except WireError:
            continue


class _Console:
    """A machine's console that keeps nothing and finds its own script wherever it looks."""

    def __init__(self, script: str) -> None:
        self._script = script

    def text(self, url: str) -> str:
        return self._script

    def file(self, url: str) -> str:
        return "/dev/null"

    def disk_boots(self) -> bool:
        return False

    def say(self, message: str) -> None:
        assert len(message) < MOST_TEXT, "a script made a text without bound"

    def sleep(self, seconds: float) -> None: ...


def script(data: bytes) -> None:
    """An iPXE script as a boot server gives it."""
    text = "#!ipxe\n" + data.decode("utf-8", "replace")
    ipxe.run(text, "http://boot/x", _Console(text), mac="52:54:00:00:00:01")


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Gone when this process ends."""
    return tempfile.TemporaryDirectory(prefix="seedvm-fuzz-")


def _disk() -> Path:
    return Path(_folder().name) / "disk"


def disk(data: bytes) -> None:
    """A partition table with right checksums around any header and any entries."""
    header, entries = data[:72].ljust(72, b"\x00"), data[72:]
    head = bytearray(b"EFI PART" + bytes(4) + struct.pack("<I", 92) + bytes(8) + header[:40] + bytes(16))
    count, size = 1 + len(entries) // 128, 128
    at = struct.unpack_from("<Q", header, 40)[0] if header[48] & 1 else 2
    head = head[:72] + struct.pack("<QIII", at, count, size, 0)
    area = entries.ljust(count * size, b"\x00")
    head[88:92] = struct.pack("<I", zlib.crc32(area if at == 2 else b""))
    head[16:20] = struct.pack("<I", zlib.crc32(bytes(head[:16]) + bytes(4) + bytes(head[20:92])))
    _disk().write_bytes(bytes(512) + bytes(head).ljust(512, b"\x00") + area.ljust(4096, b"\x00"))
    gpt.root_of(gpt.partitions(_disk()))


def raw_disk(data: bytes) -> None:
    """A disk of any bytes and any size."""
    _disk().write_bytes(data)
    gpt.partitions(_disk())


@functools.cache
def _parts() -> dict[str, bytes]:
    """The parts of a workbook with one sheet."""
    book = openpyxl.Workbook()
    book.active.append(["BMC IP", "user", "password"])
    out = io.BytesIO()
    book.save(out)
    with zipfile.ZipFile(out) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def workbook(data: bytes) -> None:
    """A sheet of any bytes in a workbook that is whole otherwise."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, part in _parts().items():
            packed.writestr(name, data if name == "xl/worksheets/sheet1.xml" else part)
    read_list(out.getvalue(), "list.xlsx")


def ini(data: bytes) -> None:
    """An inventory of Ansible in its INI form, with any lines."""
    read_list(b"[a]\n" + data, "hosts")


DEEPER: dict[str, Callable[[bytes], Any]] = {
    one.__name__: one for one in (sealed, frames, message, script, disk, raw_disk, workbook, ini)
}
