"""Text of foreign origin, in two forms that are never mixed: `shown` for people, `exact` for what is compared or handed on.

`shown` is safe for a terminal: one line, no controls (C0, C1, escape sequences), no format characters (bidi overrides, zero-width
signs), no lone surrogates; it may be cut. `exact` is the value itself or nothing: never cut, never cleaned into another value.
Source: Unicode 15.1 chapter 23 (layout and format controls), ECMA-48 (control functions).
"""

from __future__ import annotations

import re
import unicodedata

MOST_SHOWN = 200
MOST_EXACT = 4096
COMBINING = 4  # marks on one character; more only hide the lines around it
_REFUSED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_PLAIN = re.compile(r"[ -~]*")
# ECMA-48: CSI, then the string sequences (OSC, DCS, APC, PM, SOS) up to their end, then two-character escapes.
_ESCAPES = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]{0,256}[ -/]{0,256}[@-~]?"
    "|(?:\x1b[]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c]{0,4096}(?:\x07|\x1b\\\\|\x9c)?"
    "|\x1b[ -~]?"
)


def shown(value: object, most: int = MOST_SHOWN) -> str:
    """A line for people of at most `most` characters, "..." at its end where it was cut; "" for None."""
    text = value if isinstance(value, str) else "" if value is None else str(value)
    if len(text) <= most and _PLAIN.fullmatch(text):
        return text.strip()
    line = " ".join(_printable(_ESCAPES.sub("", text[: most * 8])).split())
    return line if len(line) <= most and len(text) <= most * 8 else f"{line[: max(0, most - 3)]}..."


def shown_bytes(raw: bytes | None, most: int = MOST_SHOWN) -> str:
    """`shown` of UTF-8 text as devices pad it: up to its first NUL, what is not UTF-8 as U+FFFD."""
    return shown((raw or b"").partition(b"\0")[0].decode("utf-8", "replace"), most)


def printable(line: str) -> str:
    """A finished line as a terminal may get it: its spaces stay and it is never cut, but nothing in it moves, colours, hides or ends it.

    For whatever puts text on a terminal, as the last thing done: a line of ours may hold values of foreign origin that nobody cleaned,
    such as those of files that an older version wrote.
    """
    if line.isascii() and line.isprintable():
        return line
    return _printable(_ESCAPES.sub("", line))


def cells(text: str) -> int:
    """How many columns of a terminal a text takes (UAX 11): two for wide characters, none for marks on the one before."""
    if text.isascii():
        return len(text)
    return sum(_cells(char) for char in text)


def fitted(text: str, width: int) -> str:
    """`printable` text in exactly `width` columns: padded, or cut with a tilde at its end."""
    line = printable(text)
    if (taken := cells(line)) <= width:
        return line + " " * (width - taken)
    kept, taken = "", 0
    for char in line:
        if (taken := taken + _cells(char)) > width - 1:
            break
        kept += char
    return kept + "~" + " " * (width - 1 - cells(kept))


def _cells(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def is_clean(text: str) -> bool:
    """Whether a text holds only characters that a terminal prints."""
    return bool(_PLAIN.fullmatch(text)) or all(unicodedata.category(char) not in _REFUSED for char in text)


def exact(value: object, most: int = MOST_EXACT) -> str:
    """The text without spaces around it; "" where it is no text, is longer than `most`, or holds what no terminal prints."""
    if not isinstance(value, str) or len(value) > most:
        return ""
    text = value.strip().rstrip("\0").strip()
    return text if is_clean(text) else ""


def _printable(text: str) -> str:
    """Refused characters become spaces, or nothing where they have no width; combining marks are limited."""
    kept: list[str] = []
    marks = 0
    for char in text:
        category = unicodedata.category(char)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if category in ("Cc", "Zl", "Zp", "Zs"):
            kept.append(" ")
        elif category not in _REFUSED and marks <= COMBINING:
            kept.append(char)
    return "".join(kept)
