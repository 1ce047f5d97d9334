"""Frozen types from JSON and back: what crosses a wire or a file is checked once, here, and travels as a type from then on.

A type is made of str, int, float, bool, None, Secret, `X | None`, Literal, tuple[X, ...], Mapping[str, X], dataclasses (JSON objects)
and NamedTuples (JSON arrays). It refuses a value of another type and a missing key that has no default; a key that the type does
not name is ignored, so that an older program can read what a newer one wrote.
"""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from seedvm.base.errors import SeedvmError
from seedvm.base.json_tree import JSON
from seedvm.base.secret import Secret

T = TypeVar("T")


def decode(kind: type[T], tree: object, what: str) -> T:
    """`tree` (parsed JSON) as a `kind`. Anything else is a SeedvmError that names `what` and the place in it."""
    try:
        return _decode(kind, tree, "")
    except _WrongError as error:
        raise SeedvmError(f"{what} has an unexpected format", why=str(error)) from None


def parse_own(raw: bytes) -> object:
    """A JSON file of our own. One that is damaged is a ValueError that says in words what is wrong, and in which line."""
    try:
        return json.loads(raw.decode())
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ValueError(f"line {line}: the byte {raw[error.start]:#04x} is not UTF-8") from None
    except json.JSONDecodeError as error:
        if not raw.strip(b"\0 \t\r\n"):
            raise ValueError("it is empty") from None
        raise ValueError(f"line {error.lineno}, column {error.colno}: no JSON ({error.msg})") from None
    except (ValueError, RecursionError):
        raise ValueError("it holds a number without end, or is nested without end") from None


def encode(value: object, *, reveal: bool = False) -> JSON:
    """What `json.dumps` takes. A field that is None by default and is None is left out; a Secret is refused unless `reveal`."""
    match value:
        case Secret():
            if not reveal:
                raise TypeError("a Secret is not written as JSON")
            return value.reveal()
        case Mapping():
            return {str(key): encode(one, reveal=reveal) for key, one in value.items()}
        case tuple() | list():
            return [encode(one, reveal=reveal) for one in value]
    if dataclasses.is_dataclass(value):
        return encode_record(value, reveal=reveal)
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"a {type(value).__name__} is not written as JSON")


def encode_record(value: object, *, reveal: bool = False) -> dict[str, JSON]:
    """A dataclass as the object that `json.dumps` takes, else as `encode`."""
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        raise TypeError(f"a {type(value).__name__} is not a record")
    found = {field: getattr(value, field.name) for field in dataclasses.fields(value)}
    return {
        field.name: encode(one, reveal=reveal)
        for field, one in found.items()
        if not (one is None and field.default is None)
    }


class _WrongError(Exception):
    """What is wrong with the JSON, and where."""


def _decode(kind: object, tree: object, where: str) -> Any:
    origin = get_origin(kind)
    if kind is object:
        return tree
    if origin in (Union, types.UnionType):
        return _optional(kind, tree, where)
    if origin is Literal:
        if tree not in get_args(kind):
            raise _WrongError(f"{where or 'it'} is {tree!r}, not one of {', '.join(map(str, get_args(kind)))}")
        return tree
    if origin is tuple:
        return tuple(
            _decode(get_args(kind)[0], one, f"{where}[{index}]") for index, one in enumerate(_list(tree, where))
        )
    if origin is not None and issubclass(origin, Mapping):
        return {key: _decode(get_args(kind)[1], one, _inside(where, key)) for key, one in _object(tree, where).items()}
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return _dataclass(kind, _object(tree, where), where)
    if isinstance(kind, type) and issubclass(kind, tuple):
        return _row(kind, _list(tree, where), where)
    return _plain(kind, tree, where)


def _plain(kind: object, tree: object, where: str) -> object:
    if kind is Secret and isinstance(tree, str):
        return Secret(tree)
    if kind is float and isinstance(tree, int) and not isinstance(tree, bool):
        return float(tree)
    if not isinstance(kind, type) or not isinstance(tree, kind) or (isinstance(tree, bool) and kind is not bool):
        raise _WrongError(f"{where or 'it'} is {type(tree).__name__}, not {getattr(kind, '__name__', kind)}")
    return tree


def _optional(kind: object, tree: object, where: str) -> object:
    """`X | None`: no other union is understood, for JSON could not say which one is meant."""
    inner = [one for one in get_args(kind) if one is not type(None)]
    if tree is None:
        return None
    return _decode(inner[0], tree, where)


def _dataclass(kind: type, tree: Mapping[str, object], where: str) -> object:
    found = {}
    for field in dataclasses.fields(kind):
        if not field.init:
            continue
        if field.name in tree:
            found[field.name] = _decode(_hints(kind)[field.name], tree[field.name], _inside(where, field.name))
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise _WrongError(f"{_inside(where, field.name)} is missing")
    return kind(**found)


def _row(kind: type, tree: list[object], where: str) -> object:
    hints = _hints(kind)
    if len(tree) != len(hints):
        raise _WrongError(f"{where or 'it'} has {len(tree)} values, not {len(hints)}")
    return kind(
        *(_decode(hint, one, _inside(where, name)) for (name, hint), one in zip(hints.items(), tree, strict=True))
    )


@cache
def _hints(kind: type) -> dict[str, object]:
    return get_type_hints(kind)


def _object(tree: object, where: str) -> Mapping[str, object]:
    if not isinstance(tree, dict):
        raise _WrongError(f"{where or 'it'} is not an object")
    return tree


def _list(tree: object, where: str) -> list[object]:
    if not isinstance(tree, list):
        raise _WrongError(f"{where or 'it'} is not an array")
    return tree


def _inside(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
