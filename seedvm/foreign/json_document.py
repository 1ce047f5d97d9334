"""JSON of foreign origin (RFC 8259), read strictly where leniency could change its meaning, and written so that a terminal can show it.

Accepted beyond the RFC: a byte order mark, NUL bytes at the end (C strings that were sent whole), and the numbers NaN, Infinity and those
of more than 20 digits, each of which is read as null: unknown. Refused: everything else, with a reason that fits into an error.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping

from seedvm.foreign.numbers import MOST_DIGITS
from seedvm.foreign.text import is_clean

MOST_NESTED = 64
_BEYOND_ASCII = re.compile(r"[^ -~\n]+")


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


def dumps(
    tree: object,
    *,
    indent: int | None = None,
    compact: bool = False,
    default: Callable[[object], object] | None = None,
) -> str:
    """A document in which every character that a terminal would act on is escaped: controls, C1 and bidi too, lone surrogates. The same
    document for every reader of JSON; letters of all scripts stay readable. Infinity and NaN are null.
    Without `indent` on one line, `compact` without blanks."""
    separators = (",", ":") if compact else None
    try:
        text = json.dumps(
            tree, indent=indent, separators=separators, default=default, ensure_ascii=False, allow_nan=False
        )
    except ValueError:
        finite = json.loads(json.dumps(tree, default=default), parse_constant=_unknown)
        text = json.dumps(finite, indent=indent, separators=separators, ensure_ascii=False)
    if text.isascii() and "\x7f" not in text:
        return text
    return _BEYOND_ASCII.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    """Characters that are not printed as JSON's escapes; the others as they are."""
    return "".join(one if is_clean(one) else "\\u007f" if one == "\x7f" else json.dumps(one)[1:-1] for one in found[0])


def is_json(raw: bytes) -> bool:
    """Whether the bytes are a document of any kind."""
    try:
        parse(raw)
    except NotJson:
        return False
    return True


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
