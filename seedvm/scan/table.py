"""A list of BMCs as lines of text, for a terminal of 80 columns, and what contradicts itself in it. Prints nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from seedvm.foreign.text import fitted, shown
from seedvm.scan.evidence import REMARK, Bmc, Evidence, HostRemark
from seedvm.scan.identity import SAID, identities, maker

if TYPE_CHECKING:
    from seedvm.scan.listen import Neighbour

WIDTHS = (21, 22, 33)
MOST_LINE = 500
HEAD = ("ADDRESS", "PROTOCOLS", "IDENTITY")


def row(bmc: Bmc) -> str:
    """One BMC in one line of at most 80 columns."""
    silent = "presence only" if bmc.answered else "announced only"
    return _line((bmc.address, " ".join(bmc.protocols) or silent, about(bmc)))


def head() -> str:
    return _line(HEAD)


def about(bmc: Bmc) -> str:
    """Vendor and model where it says so, with a question mark where they are likely and no more; else its identity. A BMC that has said
    neither is not given a name by us."""
    known = maker(bmc)
    named = f"{known.vendor} {known.model}".strip()
    if named:
        return named if known.certainty == SAID else f"{named}?"
    number = (bmc.fact("uuid") or bmc.fact("guid")) if identities(bmc) else ""
    return number or bmc.fact("certificate-subject") or ""


def contradictions(bmcs: Iterable[Bmc]) -> tuple[str, ...]:
    """Facts that cannot all be true, and what was put together: one address with two owners, one BMC with two addresses."""
    found = []
    owners: dict[UUID, list[str]] = {}
    for bmc in bmcs:
        macs = tuple(dict.fromkeys(one.value for one in bmc.evidence if (one.fact, one.source) == ("mac", "ARP reply")))
        if len(macs) > 1:
            found.append(f"{bmc.address}: {' and '.join(macs)} answer ARP for it: two BMCs with one address?")
        for name in ("guid", "uuid", "certificate"):
            values = bmc.facts(name)
            if len(values) > 1 and not _alike(values):
                found.append(f"{bmc.address}: {name} is {' and '.join(values)}: two BMCs with one address?")
        if bmc.also:
            found.append(f"{bmc.address} is also {' and '.join(bmc.also)}: one BMC with {1 + len(bmc.also)} addresses")
        for identity in identities(bmc):
            owners.setdefault(identity, []).append(bmc.address)
    shared = {tuple(addresses): identity for identity, addresses in owners.items() if len(addresses) > 1}
    for addresses, identity in shared.items():
        found.append(
            f"{_named(addresses)} share one identity ({identity}): one BMC with several addresses, or a copied UUID?"
        )
    return tuple(found)


def remark_lines(bmcs: Iterable[Bmc], others: Iterable[HostRemark] = ()) -> tuple[str, ...]:
    """What is odd about BMCs, and about hosts that are none as far as is known: a line for each remark, with all who have it."""
    rows = [(bmc.address, text) for bmc in bmcs for text in bmc.facts(REMARK)]
    return lines_of((*rows, *((one.address, one.text) for one in others)))


def lines_of(rows: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """(address, text) as a line for each text, with all who have it."""
    having: dict[str, dict[str, None]] = {}
    for address, text in rows:
        having.setdefault(text, {})[address] = None
    return tuple(f"{_named(tuple(addresses))}: {shown(text, MOST_LINE)}" for text, addresses in having.items())


def _named(addresses: Sequence[str]) -> str:
    """The first of many."""
    return " and ".join(addresses[:4]) + (f" and {len(addresses) - 4} more" if len(addresses) > 4 else "")


def tagged_vlans(heard: Iterable[Neighbour]) -> str:
    """Which tagged VLANs were heard on a trunk and how one of them is asked; empty where there were none."""
    tags = sorted({int(tag) for one in heard for tag in one.facts("vlan")})
    return f"tagged VLANs heard: {', '.join(map(str, tags))} (scan one with --nic NIC.{tags[0]})" if tags else ""


def _alike(values: Sequence[str]) -> bool:
    """Whether these are one UUID in different byte orders."""
    readings = [identities(Bmc("", (), (Evidence("uuid", value, "", ""),))) for value in values]
    return all(one & readings[0] for one in readings)


def _line(cells: Sequence[str]) -> str:
    return " ".join(fitted(shown(cell, MOST_LINE), width) for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()
