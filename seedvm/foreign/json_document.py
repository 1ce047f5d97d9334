"""JSON of foreign origin (RFC 8259), read strictly where leniency could change its meaning.

Accepted beyond the RFC: a byte order mark, NUL bytes at the end (C strings that were sent whole), and the numbers NaN, Infinity and those
of more than 20 digits, each of which is read as null: unknown. Refused: everything else, with a reason that fits into an error.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from seedvm.foreign.numbers import MOST_DIGITS

MOST_NESTED = 64


class NotJson(ValueError):
    """The bytes are no JSON document; the text says why."""


def parse(raw: bytes) -> object:
    """The document: mappings, lists, text, numbers, booleans and None. Raises NotJson."""
    try:
        text = raw.rstrip(b"\0 \t\r\n").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotJson(f"byte {raw[error.start]:#04x} at {error.start} is not UTF-8") from None
    if not text.strip():
        raise NotJson("it is empty")
    _refuse_depth(text)
    try:
        return json.loads(text, parse_constant=_unknown, parse_int=_int, parse_float=_float)
    except ValueError as error:
        raise NotJson(f"{error}"[:120]) from None
    except RecursionError:
        raise NotJson("it is nested too deeply") from None


def parse_object(raw: bytes) -> Mapping[str, object]:
    """The document where it is an object. Raises NotJson."""
    document = parse(raw)
    if not isinstance(document, dict):
        raise NotJson(f"it is not an object but {_kind(document)}")
    return document


def _refuse_depth(text: str) -> None:
    """Count brackets outside of strings only where there are enough of them to matter."""
    if text.count("[") + text.count("{") <= MOST_NESTED:
        return
    depth, inside, escaped = 0, False, False
    for char in text:
        if inside:
            inside = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            inside = True
        elif char in "[{":
            depth += 1
            if depth > MOST_NESTED:
                raise NotJson("it is nested too deeply")
        elif char in "]}":
            depth -= 1


def _unknown(_name: str) -> None:
    return None


def _int(digits: str) -> int | None:
    return int(digits) if len(digits) <= MOST_DIGITS else None


def _float(digits: str) -> float | None:
    if len(digits) > 4 * MOST_DIGITS:
        return None
    value = float(digits)
    return value if math.isfinite(value) else None


def _kind(document: object) -> str:
    if document is None:
        return "null"
    kinds = {list: "a list", str: "text", bool: "a boolean", int: "a number", float: "a number"}
    return kinds.get(type(document), "something else")
