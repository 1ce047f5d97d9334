"""Where a machine stands. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seedvm.site.model import Site


@dataclass(frozen=True)
class Place:
    """`unit` is the lowest that it takes up, None where it is unknown; `source` says who told."""

    rack: str = ""
    unit: int | None = None
    height: int = 1
    source: str = ""

    def __str__(self) -> str:
        """A1-U21, U21, A1, or nothing."""
        unit = f"U{self.unit:02d}" if self.unit is not None else ""
        return "-".join(filter(None, (self.rack, unit)))


def places_of(site: Site) -> Mapping[str, Place]:
    """What site.yaml says, by the BMC's address."""
    return {
        str(one.bmc): Place(one.rack or "", one.unit, one.height or 1, "site.yaml")
        for one in site.machines
        if one.rack or one.unit is not None
    }
