"""A list of BMCs as lines of text, for a terminal of 80 columns, and what contradicts itself in it. Prints nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from seedvm.scan.evidence import Bmc

WIDTHS = (21, 22, 33)
HEAD = ("ADDRESS", "SPEAKS", "SAYS OF ITSELF")


def row(bmc: Bmc) -> str:
    """One BMC in one line of at most 80 columns."""
    cells = (bmc.address, " ".join(bmc.protocols) or "a presence pong", about(bmc))
    return _line(cells)


def head() -> str:
    return _line(HEAD)


def about(bmc: Bmc) -> str:
    """Vendor and model where it says so, else its identity; a BMC that has said neither is not given a name by us."""
    named = " ".join(value for name in ("vendor", "product") if (value := bmc.fact(name)))
    return named or (bmc.fact("uuid") or bmc.fact("guid") or bmc.fact("certificate-subject") or "")


def contradictions(bmcs: Iterable[Bmc]) -> tuple[str, ...]:
    """Facts that cannot all be true: one address with two identities, two addresses with one."""
    found = []
    owners: dict[str, list[str]] = {}
    for bmc in bmcs:
        for name in ("guid", "uuid", "certificate"):
            values = bmc.facts(name)
            if len(values) > 1:
                found.append(f"{bmc.address}: {name} is {' and '.join(values)}: two BMCs with one address?")
        identities = {value.replace("-", "").lower() for name in ("guid", "uuid") for value in bmc.facts(name)}
        for identity in identities:
            owners.setdefault(identity, []).append(bmc.address)
    for identity, addresses in owners.items():
        if len(addresses) > 1:
            found.append(
                f"{' and '.join(addresses)} have one identity ({identity}): one BMC with two addresses, or a copied UUID?"
            )
    return tuple(found)


def _line(cells: Sequence[str]) -> str:
    shown = [cell if len(cell) <= width else cell[: width - 1] + "~" for cell, width in zip(cells, WIDTHS, strict=True)]
    return " ".join(cell.ljust(width) for cell, width in zip(shown, WIDTHS, strict=True)).rstrip()
