"""What identifies hardware: MAC addresses, UUIDs, serial numbers. Firmware's placeholders identify nothing.

Source: IEEE 802-2014 8.2 (MACs), SMBIOS 3.7 section 7.2.1 (UUID: all 0 and all F mean "none"), the texts that BIOS vendors' reference
code leaves where a board maker fills in nothing. Refused here: a placeholder as an identity, whatever its notation or byte order.
"""

from __future__ import annotations

import itertools
import re
import uuid

from seedvm.foreign.text import exact

_PLACEHOLDER_UUIDS = frozenset(
    bytes(sorted(uuid.UUID(text).bytes))  # firmware and tools disagree on the order of bytes in each field
    for text in (
        "03000200-0400-0500-0006-000700080009",  # AMI's reference BIOS
        "12345678-1234-5678-90ab-cddeefaabbcc",  # reference boards, Supermicro samples among them
        "12345678-1234-5678-1234-567812345678",
        "12345678-1234-1234-1234-123456789012",
        "12345678-1234-1234-1234-123456789abc",
        "12345678-9abc-def0-1234-56789abcdef0",
        "01234567-89ab-cdef-0123-456789abcdef",
        "11111111-2222-3333-4444-555555555555",
        "deadbeef-dead-beef-dead-beefdeadbeef",
        "a5000288-6462-4524-986a-9b7737e315cf",  # EDK II's sample platforms
        "4c4c4544-0000-2010-8020-80c04f202020",  # Dell's, made from a service tag of seven spaces
        "4c4c4544-0000-1010-8010-c4c04f313233",  # another one of Dell
        "07090201-0103-0301-0807-060504030201",  # these four: FreeBSD's rc.d/hostid and lists of PXE servers
        "890e2d14-cacd-45d1-ae66-bc80e8bfeb0f",
        "8e275844-178f-44a8-aceb-a7d7e5178c63",
        "dc698397-fa54-4cf2-82c8-b1b5307a6a7f",
    )
)
_PLACEHOLDERS = re.compile(
    r"(to be )?fill(ed)? (in )?by (o\.?e\.?m\.?|system manufacturer|manufacturer)\.?"
    r"|(system|chassis|chasis|base ?board|board|product|module|asset|mb)?[ -]*"
    r"(serial|version|name|manufacturer|product|asset|part|tag|sku)[ -]*(number|num|no\.?|name|tag|s/?n|#)?"
    r"|default( string)?|o\.?e\.?m\.?( default.*| string| specified.*)?"
    r"|(not|none) (specified|applicable|available|present|provided|defined|set|settable)"
    r"|no (serial|asset)([ -](number|no\.?|tag))?|unset|unavailable|system ?serial ?numb"
    r"|n/?a|none|null|nil|empty|unknown|undefined|invalid|unspecified|type\d* ?- ?.*|sn|s/n|xxx+|serial|tbd|test|string"
    r"|(0|\.|-|_|x|f|#|\*| )+|(0?123456789?(0|a.*)?)|1234567|abcdefg.*",
    re.IGNORECASE,
)

_MAC = re.compile(
    r"(?:0[xX])?[0-9A-Fa-f]{12}|[0-9A-Fa-f]{1,2}([:. -])(?:[0-9A-Fa-f]{1,2}\1){4}[0-9A-Fa-f]{1,2}"
    r"|[0-9A-Fa-f]{4}([:.-])[0-9A-Fa-f]{4}\2[0-9A-Fa-f]{4}|[0-9A-Fa-f]{6}[:-][0-9A-Fa-f]{6}"
)
_UUID = re.compile(
    r"(?:urn:)?(?:uuid[:=]? ?)?[({]?(?:0x)?([0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})[)}]?"
)


def mac(value: object) -> str | None:
    """A NIC's address in any notation (colons, dashes, dots, spaces, bare) as aa:bb:cc:dd:ee:ff; None for groups, zeros and all else."""
    text = exact(value, 64)
    if not _MAC.fullmatch(text):
        return None
    parts = re.split(r"[:. -]", text.removeprefix("0x").removeprefix("0X"))
    digits = "".join(part.zfill(2) for part in parts) if len(parts) == 6 else "".join(parts)
    return mac_of_bytes(bytes.fromhex(digits))


def mac_of_bytes(raw: bytes) -> str | None:
    """Six bytes as a NIC's address; None for groups and zeros."""
    if len(raw) != 6 or raw[0] & 1 or not any(raw):
        return None
    return ":".join(f"{byte:02x}" for byte in raw)


def is_locally_administered(address: str) -> bool:
    """Whether software chose this MAC (bit 1 of its first byte): host interfaces of BMCs have such ones, and virtual machines."""
    return bool(int(address[:2], 16) & 2)


def uuid_of(value: object) -> uuid.UUID | None:
    """A UUID in text, in any notation of `any_uuid`; None for placeholders."""
    found = any_uuid(value)
    return None if found is None or is_placeholder_uuid(found) else found


def any_uuid(value: object) -> uuid.UUID | None:
    """A UUID in text, a placeholder too: with or without dashes, brackets, 0x, uuid: and urn:uuid:."""
    found = _UUID.fullmatch(exact(value, 64).lower())
    return uuid.UUID(found[1]) if found else None


def is_placeholder_uuid(value: uuid.UUID) -> bool:
    """Whether firmware puts this UUID into many machines, whatever the order of its bytes: one byte repeated, bytes that count, nothing
    but F after the first four bytes, known samples. Two bytes, or the halves of a field, are swapped in many ways, and no genuine UUID has
    the same sixteen bytes in another order. 00112233-4455-6677-8899-aabbccddeeff is none: emulators have it, no firmware is known to."""
    raw = bytes(sorted(value.bytes))
    steps = {after - before for before, after in itertools.pairwise(raw)}
    return steps <= {0} or steps == {1} or raw.count(0xFF) >= 12 or raw in _PLACEHOLDER_UUIDS


def serial(value: object, most: int = 256) -> str:
    """A serial number, asset tag or product name as it was sent; "" for what a firmware has where nobody filled it in."""
    text = exact(value, most)
    return "" if is_placeholder(text) else text


def is_placeholder(text: str) -> bool:
    """Whether a text identifies nothing: reference firmware's fillers, one character repeated, digits that count up."""
    words = text.strip().removeprefix("$").strip("()<>[]'\" ")
    spaced = re.sub(r"(?<=[A-Za-z])[_-](?=[A-Za-z])", " ", words)
    return any(_PLACEHOLDERS.fullmatch(one) for one in (text.strip(), words, spaced)) or (
        len(text) > 1 and len(set(text)) == 1 and not text.isalnum()
    )
