"""Review, confirmation and receipt as frozen types: the files of the state folder parsed once, at the edge.

Pure: text in, types out. It refuses a file of the wrong shape with the name of what is missing, and never
guesses that a disk may be wiped or that the seed may leave.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seedvm.base.errors import SeedvmError
from seedvm.base.typed_json import decode
from seedvm.machines.inventory import Finding
from seedvm.site.doubts import Accepted, Doubt, open_of


@dataclass(frozen=True)
class Known:
    """A machine of `inventory.json`: what the network and the first login reported; `facts` are (fact, value, source)."""

    bmc: str
    protocols: tuple[str, ...]
    driver: str
    user: str
    maker: str
    serial: str
    boot_mac: str
    power: str
    unfit: str
    cure: str
    findings: tuple[Finding, ...]
    facts: tuple[tuple[str, str, str], ...]
    name: str = ""
    rack: str = ""
    unit: int | None = None
    height: int | None = None
    place_source: str = ""


@dataclass(frozen=True)
class ShownReceipt:
    """The receipt: whether it lets the seed leave, its page for people where there is one, and its figures. `open` are the doubts on
    which the operator's word is missing, `attempt` the hand-off for which it would be given."""

    may_leave: bool
    since: str
    because: str
    lines: tuple[tuple[str, str], ...]
    page: tuple[str, ...] = ()
    open: tuple[Doubt, ...] = ()
    attempt: str = ""


def _tree(text: str, name: str) -> Mapping[str, Any]:
    try:
        tree = json.loads(text)
    except ValueError as error:
        raise SeedvmError(
            f"{name} cannot be read", why=str(error), hint="run the engine again: it rewrites the file"
        ) from None
    if not isinstance(tree, dict):
        raise SeedvmError(f"{name} cannot be read", why="it is not a JSON object", hint="run the engine again")
    return tree


_LABELS = {
    "may leave": "the laptop may leave",
    "node reboots": "nodes rebooted",
    "longest gap seconds": "longest API gap, seconds",
    "handoff longest gap seconds": "longest API gap, seconds",
    "write pause seconds": "writes refused, seconds",
    "handoff write pause seconds": "writes refused, seconds",
    "secrets proved": "secrets decrypted",
    "ids: changed": "IDs changed",
}
"""What the receipt's figures are called on the page, where their key alone is not plain enough."""


def _label(name: str, doubt: str) -> str:
    if doubt and name == "may leave":
        return "claims that the laptop may leave"
    return _LABELS.get(name, name)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not measured" if value is None else str(value)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for key, value in tree.items():
        name = f"{prefix}{key}".replace("_", " ")
        if isinstance(value, dict):
            lines.extend(_flat(value, f"{name}: "))
        elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            for number, item in enumerate(value, 1):
                lines.extend(_flat(item, f"{name} {number}: "))
        elif isinstance(value, list):
            lines.append((name, ", ".join(str(item) for item in value) or "none"))
        else:
            lines.append((name, _value(value)))
    return lines


def _known(item: Mapping[str, Any]) -> Known:
    def text(key: str) -> str:
        return str(item.get(key) or "")

    findings = tuple(
        Finding(str(one.get("name") or ""), str(one.get("detail") or ""), str(one.get("cure") or ""))
        for one in item.get("findings") or ()
    )
    facts = tuple((str(f.get("fact")), str(f.get("value")), str(f.get("source"))) for f in item.get("facts") or ())
    return Known(
        bmc=str(item["bmc"]), protocols=tuple(map(str, item.get("protocols") or ())), driver=text("driver"),
        user=text("proven_user"), maker=f"{text('vendor')} {text('model')}".strip(), serial=text("serial"),
        boot_mac=text("boot_mac"), power=text("power"), unfit=text("unfit_reason"), cure=text("cure"),
        findings=findings, facts=facts, name=text("name"), rack=text("rack"), unit=item.get("unit"), height=item.get("height"),
        place_source=text("place_source"),
    )  # fmt: skip


def parse_inventory(text: str) -> tuple[Known, ...]:
    """The machines in `inventory.json`. Raises SeedvmError where it is not one."""
    try:
        return tuple(_known(item) for item in _tree(text, "inventory.json").get("machines") or ())
    except (KeyError, TypeError, AttributeError) as error:
        raise SeedvmError(
            "inventory.json cannot be read", why=f"missing or invalid: {error}", hint="run the engine again"
        ) from None


@dataclass(frozen=True)
class _Doubts:
    """What a receipt of this version has of doubts; an older one has none."""

    attempt: str = ""
    doubts: tuple[Doubt, ...] = ()
    accepted: tuple[Accepted, ...] = ()


def parse_receipt(text: str, page: str = "", *, doubt: str, words: Sequence[Accepted] = ()) -> ShownReceipt:
    """The receipt in `receipt.json` with its page `receipt.txt`. It lets the seed leave only where it says `may_leave: true` and there
    is no `doubt` that it is the site's own (see `seedvm.site.receipt.doubt`). `words` are what the operator has accepted since."""
    said = decode(_Doubts, _tree(text, "receipt.json"), "receipt.json")
    tree = {name: value for name, value in _tree(text, "receipt.json").items() if name != "signature"}
    return ShownReceipt(
        may_leave=tree.get("may_leave") is True and not doubt,
        since=str(tree.get("time") or ""),
        because=doubt or str(tree.get("why") or ""),
        lines=(
            *((("NOT TRUSTED", doubt),) if doubt else ()),
            *((_label(name, doubt), value) for name, value in _flat(tree)),
        ),
        page=() if doubt else tuple(page.splitlines()),
        open=() if doubt else open_of(said.doubts, (*said.accepted, *words), said.attempt),
        attempt=said.attempt,
    )
