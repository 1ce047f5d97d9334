"""Faults behind the switch: a cable that carries nothing although its link is up, and groups of ports that do not reach each other.

One packet filter on the rack's bridges (nftables, family bridge), made of ports' names, which a machine keeps over each boot. The whole
table is written each time, so that it always is what the list of faults says. It touches the rack's own namespace alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from seedvm.base import process

_TABLE = "table bridge seedvm_faults"


@dataclass(frozen=True)
class Split:
    """Two groups of ports that do not reach each other. The router is on one side, or reaches both (`neither`)."""

    ports: tuple[str, ...]
    others: tuple[str, ...]
    router: Literal["first", "second", "neither"] = "second"

    @property
    def without_router(self) -> tuple[str, ...]:
        """The ports that do not reach the router."""
        return {"first": self.others, "second": self.ports, "neither": ()}[self.router]


def apply(namespace: str, cut: Sequence[str], splits: Sequence[Split]) -> None:
    """Let the switch of a rack have these faults and no other."""
    process.run(process.Command(["nft", "-f", "-"], netns=namespace), timeout=20, input=table(cut, splits))


def table(cut: Sequence[str], splits: Sequence[Split]) -> str:
    """What nftables is told: the table as it must be, in one transaction."""
    text = f"{_TABLE}\ndelete {_TABLE}\n"
    if cut or splits:
        text += f"{_TABLE} {{\n{''.join(_chains(cut, splits))}}}\n"
    return text


def _chains(cut: Sequence[str], splits: Sequence[Split]) -> list[str]:
    came, leaves = (f"{way} {_set(cut)} drop" if cut else "" for way in ("iifname", "oifname"))
    between = [
        f"iifname {_set(one)} oifname {_set(other)} drop"
        for split in splits
        for one, other in ((split.ports, split.others), (split.others, split.ports))
        if one and other
    ]
    cut_off = [split.without_router for split in splits]
    return [
        _chain("prerouting", came),
        _chain("postrouting", leaves),
        _chain("forward", *between),
        _chain("input", *(f"iifname {_set(ports)} drop" for ports in cut_off if ports)),
        _chain("output", *(f"oifname {_set(ports)} drop" for ports in cut_off if ports)),
    ]


def _chain(hook: str, *rules: str) -> str:
    body = "\n".join(rule for rule in rules if rule)
    return f"chain {hook} {{\ntype filter hook {hook} priority -200; policy accept;\n{body}\n}}\n"


def _set(ports: Sequence[str]) -> str:
    return "{ " + ", ".join(sorted({*ports})) + " }"
