"""The operator's orders for one node of the undercloud: try it again, put a spare in its place, do without it.

An order is a file of its own, `orders/NODE.json` in the state folder, written whole by screen or command line; the deploy step obeys
it and removes it. Doing without a node is stated in site.yaml, because it is permanent. It refuses an order that wipes another disk
than it names, one without the typed name of the site, and an undercloud of fewer than three.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias

import yaml

from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.site.load import parse_site
from seedvm.site.model import Site
from seedvm.site.review import Review

FOLDER = "orders"
Verb: TypeAlias = Literal["retry", "replace"]


@dataclass(frozen=True)
class Spare:
    """The machine that takes a node's place: its BMC's address, its serial, and the disk to be wiped, by device and serial or WWN."""

    bmc: str
    serial: str
    disk: str
    disk_serial: str

    def __str__(self) -> str:
        return f"{self.bmc} (serial {self.serial or 'unknown'}), disk {self.disk} serial {self.disk_serial}"


@dataclass(frozen=True)
class Order:
    """What is to be done with a node, named as its server is; `spare` belongs to `replace` alone. `time` is RFC 3339, UTC. `wipe`: the
    operator has typed the site's name, and a node that runs is written again as well."""

    node: str
    do: Verb
    site: str
    time: str
    spare: Spare | None = None
    wipe: bool = False

    def __str__(self) -> str:
        if self.spare:
            return f"replace {self.node} with {self.spare}"
        return f"retry {self.node}, which wipes its disk" if self.wipe else f"retry {self.node}"


def give(state_dir: Path, order: Order) -> Path:
    """Write the order; one per node, the last one counts. Raises SeedvmError where its spare is to take another node's place already."""
    if order.spare is not None:
        _refuse_taken(order.spare, order.node, pending(state_dir, order.site))
    folder = state_dir / FOLDER
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    path = folder / f"{order.node}.json"
    write_private(path, json.dumps(asdict(order), indent=1) + "\n")
    return path


def pending(state_dir: Path, site: str) -> tuple[Order, ...]:
    """The orders that wait for this site, by node. A file that is no order raises SeedvmError with its name."""
    paths = sorted((state_dir / FOLDER).glob("*.json"))
    return tuple(order for order in map(_read, paths) if order.site == site)


def done(state_dir: Path, order: Order) -> None:
    """Take away an order that was obeyed or refused."""
    (state_dir / FOLDER / f"{order.node}.json").unlink(missing_ok=True)


def retry(site: str, node: str, typed: str = "") -> Order:
    """Try a node again on its own machine; a node that runs only where the site's name was typed. Raises SeedvmError on a wrong one."""
    if typed and typed != site:
        raise _mistyped(site)
    return Order(node, "retry", site, _now(), wipe=bool(typed))


def replace(site: str, node: str, spare: Spare, typed: str) -> Order:
    """Put a spare in a node's place, which wipes the spare's disk. Raises SeedvmError unless the site's name was typed."""
    if typed != site:
        raise _mistyped(site)
    return Order(node, "replace", site, _now(), spare)


def spares(review: Review, taken: Sequence[str] = ()) -> tuple[Spare, ...]:
    """The spares of a review that can take a node's place: fit, with one disk to be written for sure, and not in `taken` (BMCs)."""
    found = []
    for machine in review.machines:
        disks = machine.wiped or (machine.disks if len(machine.disks) == 1 else ())
        free = machine.role == "spare" and machine.verdict == "fit" and machine.bmc not in taken
        if free and len(disks) == 1 and disks[0].serial:
            found.append(Spare(machine.bmc, machine.serial, disks[0].name, disks[0].serial))
    return tuple(found)


def without(text: str, node: str, typed: str) -> str:
    """The site.yaml that does without a node. Raises SeedvmError on a wrong name, and InvalidFile where too few would be left."""
    site = parse_site(text)
    if typed != site.name:
        raise SeedvmError("Not dropped", why="the text does not match the site name", hint=f"type {site.name} exactly")
    address = next((one.address for one in site.controllers if one.name == node), None)
    if address is None:
        raise SeedvmError(
            "Not dropped", machine=node, why="the site has no such node", hint="list the nodes with seedvm status"
        )
    tree = yaml.safe_load(text)
    listed = (tree.get("undercloud") or {}).get("without") or []
    tree["undercloud"] = {**(tree.get("undercloud") or {}), "without": [*listed, str(address)]}
    changed = yaml.safe_dump(tree, sort_keys=False)
    refuse_too_few(site, node)
    parse_site(changed)
    return changed


def refuse_too_few(site: Site, node: str) -> None:
    """Raise SeedvmError where the undercloud would be fewer than three without the node."""
    left = len(site.controllers) - 1
    if left < 3:
        raise SeedvmError(
            "the node cannot be dropped",
            machine=node,
            why=f"{left} controllers would be left; the undercloud needs at least three to survive the loss of one",
            hint="retry the node, or replace it with a spare",
        )


def _refuse_taken(spare: Spare, node: str, others: Sequence[Order]) -> None:
    for other in others:
        if other.spare is not None and other.spare.bmc == spare.bmc and other.node != node:
            raise SeedvmError(
                "Not ordered",
                machine=node,
                why=f"{spare.bmc} is already chosen to replace {other.node}",
                hint="choose another spare (o in the wizard, --by BMC on the command line)",
            )


def _mistyped(site: str) -> SeedvmError:
    return SeedvmError("Not ordered", why="the text does not match the site name", hint=f"type {site} exactly")


def _read(path: Path) -> Order:
    try:
        tree = json.loads(path.read_text())
        spare = Spare(**tree["spare"]) if tree.get("spare") else None
        if tree["do"] not in ("retry", "replace") or (tree["do"] == "replace") != (spare is not None):
            raise ValueError(f"'{tree['do']}' is not an order")
        return Order(
            str(tree["node"]), tree["do"], str(tree["site"]), str(tree["time"]), spare, tree.get("wipe") is True
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SeedvmError(
            f"{path} is not an order", why=str(error), hint="remove the file, then give the order again"
        ) from None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
