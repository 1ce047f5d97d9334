"""Every function of ours that takes foreign bytes, found by discovery, so that a new parser is fuzzed the day it lands.

A target is a public function, or a classmethod `decode`, with exactly one parameter that is bytes and others that we can supply.
Deeper layers, which random bytes would not reach behind a checksum or a seal, have targets by hand (`deeper`). What a target makes
is handed on to every function that takes that type (Message, Frame, ...). Such code may refuse with WireError or SeedvmError and
do nothing else: no other exception, no hang, no memory without bound.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.foreign.json_document import NotJson
from seedvm.scan.root import RedfishRoot
from seedvm.wire import WireError, rakp
from tests.fuzz.deeper import DEEPER

PACKAGES = ("seedvm.foreign", "seedvm.wire", "seedvm.scan", "seedvm.bmc", "seedvm.machines.lists", "seedvm.rack")
REFUSALS = (WireError, SeedvmError, NotJson)
KEYS = rakp.SessionKeys(b"s" * 32, b"1" * 32, b"2" * 32)
SUPPLIES: dict[Any, Any] = {
    str: "x",
    int: 1,
    Secret: Secret("key"),
    rakp.Suite: rakp.SUITE_3,
    rakp.SessionKeys: KEYS,
    RedfishRoot: RedfishRoot("redfish", "1.0.0"),
}
Call = Callable[[Any], Any]


@dataclass(frozen=True)
class Target:
    """`takes` is bytes, or the type of another target's result."""

    name: str
    takes: Any
    call: Call


def modules() -> Iterator[ModuleType]:
    for package in PACKAGES:
        home = importlib.import_module(package)
        yield home
        for found in pkgutil.iter_modules(home.__path__, f"{package}."):
            yield importlib.import_module(found.name)


def all_targets() -> list[Target]:
    """Every target once, in the order of the names."""
    found = {}
    for module in modules():
        for name, made in vars(module).items():
            if name.startswith("_") or getattr(made, "__module__", None) != module.__name__:
                continue
            if inspect.isfunction(made):
                found[f"{module.__name__}.{name}"] = made
            elif inspect.isclass(made) and inspect.ismethod(getattr(made, "decode", None)):
                found[f"{module.__name__}.{name}.decode"] = made.decode
    targets = (_target(name, found[name]) for name in sorted(found))
    return [one for one in targets if one is not None]


def entrances() -> list[Target]:
    """The targets that take bytes, those by hand among them."""
    found = [one for one in all_targets() if one.takes is bytes]
    return found + [Target(f"deeper.{name}", bytes, call) for name, call in DEEPER.items()]


def _target(name: str, function: Callable[..., Any]) -> Target | None:
    """The function as a target; None where it is async, takes nothing that we know, or wants what we cannot supply."""
    if inspect.iscoroutinefunction(function):
        return None
    try:
        hints = typing.get_type_hints(function)
    except NameError:  # a name for the type checker alone
        return None
    known = inspect.signature(function).parameters.values()
    needed = [
        one for one in known if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]
    foreign = [one for one in needed if _is_foreign(hints.get(one.name))]
    rest = [one for one in needed if one not in foreign]
    if len(foreign) != 1 or any(hints.get(one.name) not in SUPPLIES for one in rest):
        return None
    supplied = {one.name: SUPPLIES[hints[one.name]] for one in rest}
    name_of_it = foreign[0].name
    return Target(name, hints[name_of_it], lambda value: function(**{name_of_it: value}, **supplied))


def _is_foreign(takes: Any) -> bool:
    """Bytes, or a type of the wire that a parser makes."""
    return takes is bytes or (
        inspect.isclass(takes) and takes.__module__.startswith("seedvm.wire.") and takes not in SUPPLIES
    )


class Chain:
    """Runs a target on bytes, and what it makes through whoever takes it."""

    def __init__(self, targets: list[Target]) -> None:
        self._next: dict[Any, list[Target]] = {}
        for one in targets:
            if one.takes is not bytes:
                self._next.setdefault(one.takes, []).append(one)

    def run(self, target: Target, value: Any, depth: int = 4) -> None:
        try:
            made = target.call(value)
        except REFUSALS:
            return
        if depth:
            for one in self._next.get(type(made), []):
                self.run(one, made, depth - 1)
