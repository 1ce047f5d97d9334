"""The machines as they stand in the rack: place, part, power and fault of each, in an order that does not change while they work. Pure.

Where a machine stands is said by site.yaml, the operator's list or its BMC (Redfish). Where nobody says it, machines are in the order of
the switch ports that they are plugged into (LLDP), then of their BMCs' addresses, and their unit is unknown: none is made up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from seedvm.base.addresses import order
from seedvm.engine.state import NodeView
from seedvm.site.review import Review, ReviewMachine
from tui.state.cause import plain_cause
from tui.state.files import Known
from tui.state.needs import needs_somebody
from tui.state.place import Place
from tui.state.watcher import View

_RUNNING = ("inspecting", "pxe", "ramdisk", "write", "boot", "configure", "joined", "active")


@dataclass(frozen=True)
class MachineView:
    """`key` names it to other pages and to orders; `part` is what it is to be: undercloud-0, spare, left out, excluded, or empty. `fault`
    is what is wrong and needs somebody, `lacks` why it is left out; `node` what the journal says of it."""

    key: str
    bmc: str
    name: str
    part: str
    node: NodeView | None
    place: Place
    power: str = ""
    fault: str = ""
    lacks: str = ""
    serial: str = ""
    switch: str = ""
    port: str = ""

    @property
    def is_free(self) -> bool:
        """Nothing is written to it: a spare, or one that is left out."""
        return not self.part.startswith("undercloud")


def machines_of(view: View) -> tuple[MachineView, ...]:
    """All that are known, from the top of the first rack down; those whose unit is unknown after them."""
    reviewed = {one.bmc: one for one in view.review.machines} if view.review else {}
    known = {one.bmc: one for one in view.inventory}
    named = names(view.review)
    lone = [
        key for key in view.state.nodes if key not in set(named.values()) and key not in reviewed and key not in known
    ]
    made = [_machine(view, bmc, reviewed.get(bmc), known.get(bmc)) for bmc in {**known, **reviewed}]
    made += [_machine(view, key, None, None) for key in lone]
    return tuple(sorted(made, key=_order))


class Census:
    """The machines of the last view that was asked for: made once, whoever shows them."""

    def __init__(self) -> None:
        self._view: View | None = None
        self._made: tuple[MachineView, ...] = ()

    def of(self, view: View) -> tuple[MachineView, ...]:
        """`machines_of`."""
        if self._view is not view:
            self._view, self._made = view, machines_of(view)
        return self._made


def names(review: Review | None) -> dict[str, str]:
    """BMC address to the machine's name in the deployment."""
    return {machine.bmc: machine.name for machine in review.machines if machine.name} if review else {}


def _machine(view: View, bmc: str, reviewed: ReviewMachine | None, known: Known | None) -> MachineView:
    lane = reviewed.name if reviewed and reviewed.name else bmc
    nodes = view.state.nodes
    node = nodes.get(lane) or nodes.get(bmc)
    nic = next((one for one in reviewed.nics if one.switch), None) if reviewed else None
    unfit = (reviewed is not None and reviewed.verdict == "unfit") or bool(known and known.unfit) or _is(node, "unfit")
    fault = _cause(view, node) if node is not None and needs_somebody(node) else ""
    return MachineView(
        key=lane if lane in nodes or bmc not in nodes else bmc,
        bmc=bmc,
        name=(known.name if known else "") or _plain(lane, view, bmc),
        part=_part(view, reviewed, unfit=unfit),
        node=node,
        place=_place(view.places, known, bmc),
        power=_power(node, known),
        fault=fault,
        lacks=(reviewed.why if reviewed and unfit else "")
        or (known.unfit if known else "")
        or (node.detail if unfit and node else ""),
        serial=(reviewed.serial if reviewed else "") or (known.serial if known else ""),
        switch=nic.switch if nic else "",
        port=nic.port if nic else "",
    )


def _cause(view: View, node: NodeView) -> str:
    """Why it needs somebody: what was said of its failure at length, where the last word of it is the shorter one."""
    log = view.state.log if node.phase == "failed" else ()
    said = [line.message for line in log if line.node == node.node and line.message.startswith("failed ")]
    told = [plain_cause(text.removeprefix("failed ")) for text in said[-4:]]
    return max((plain_cause(node.detail), *told), key=len) or node.phase


def _is(node: NodeView | None, phase: str) -> bool:
    return node is not None and node.phase == phase


def _plain(lane: str, view: View, bmc: str) -> str:
    """Its own name where nobody's list has one: not what it is to be, which stands beside it."""
    return bmc if f"{view.state.site}-undercloud-" in lane else lane


def _part(view: View, reviewed: ReviewMachine | None, *, unfit: bool) -> str:
    if unfit:
        return "left out"
    if reviewed is None:
        return ""
    if reviewed.role == "undercloud":
        return reviewed.name.removeprefix(f"{view.state.site}-") if reviewed.name else "undercloud"
    return "excluded" if reviewed.role == "exclude" else reviewed.role


def _place(places: Mapping[str, Place], known: Known | None, bmc: str) -> Place:
    if (said := places.get(bmc)) is not None:
        return said
    if known is not None and (known.rack or known.unit is not None):
        return Place(known.rack, known.unit, known.height or 1, known.place_source)
    return Place()


def _power(node: NodeView | None, known: Known | None) -> str:
    if node is not None and node.phase in _RUNNING:
        return "on"
    return known.power if known is not None else ""


def _order(one: MachineView) -> tuple[object, ...]:
    place, port = one.place, natural(f"{one.switch} {one.port}") if one.switch else []
    return (place.unit is None, natural(place.rack), -(place.unit or 0), not one.switch, port, order(one.bmc))


def natural(text: str) -> list[tuple[int, str]]:
    """An order in which port-m9 comes before port-m10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.findall(r"\d+|\D+", text)]
