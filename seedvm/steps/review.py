"""The gate before anything is written: which disks of which machines will be wiped, confirmed by typing the site's name.

`review.json` says it to the screen, `confirmed.json` says it back; a confirmation counts for exactly the disks that it names. It
refuses to guess: other disks, another serial, one machine more, and the operator is asked again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from seedvm.base.files import write_private
from seedvm.cloud import ironic
from seedvm.engine.stages import Stage
from seedvm.engine.step import Blocked, Context, Done, Report, Todo, Verdict
from seedvm.machines import inventory
from seedvm.machines.hardware import Disk, Hardware
from seedvm.machines.selection import is_root, remarks
from seedvm.provisioning.ownership import cloud_of, look
from seedvm.site.model import Site

REVIEW, CONFIRMED = "review.json", "confirmed.json"


@dataclass(frozen=True, order=True)
class Wipe:
    """A disk that will be overwritten: the BMC's address, the machine's serial, the disk's device."""

    bmc: str
    serial: str
    disk: str


@dataclass(frozen=True)
class ReviewStep:
    """The operator has confirmed exactly the disks that will be wiped."""

    context: Context
    name: ClassVar[str] = "review"
    title: ClassVar[str] = "Review and confirmation"
    stage: ClassVar[Stage] = "review"
    usual_seconds: ClassVar[float] = 1.0

    async def check(self) -> Verdict:
        cloud = cloud_of(self.context)
        standing = await look(self.context, cloud)
        if not standing.answers:
            return Todo("the seed's cloud does not answer yet")
        if standing.stack is not None:
            return Done({"stack": standing.stack.id, "confirmed": "before the stack was made"})
        review = await self._review()
        wanted = wipes(review)
        if not wanted:
            return Todo("no machine has a role yet")
        if self._confirmed() == wanted and self._written() == review:
            return Done({"wipe": [f"{one.bmc} {one.serial} {one.disk}" for one in sorted(wanted)]})
        if self.context.confirmation == self.context.site.name:
            return Todo(f"--yes-wipe {self.context.site.name} is to be noted for {len(wanted)} disks")
        if self._written() != review:
            return Todo("the review is not written yet")
        listed = "; ".join(f"{one.bmc} serial {one.serial or 'unknown'} {one.disk}" for one in sorted(wanted))
        return Blocked(
            f"these disks will be wiped and nobody has confirmed it: {listed}",
            f"type the site's name on the screen, or: seedvm run --yes-wipe {self.context.site.name}",
        )

    async def apply(self, report: Report) -> None:
        review = await self._review()
        write_private(self.context.state_dir / REVIEW, json.dumps(review, indent=1) + "\n")
        wanted = sorted(wipes(review))
        now = {
            (machine["bmc"], disk["name"]): disk["holds"] for machine in review["machines"] for disk in machine["disks"]
        }
        for one in wanted:
            holds = now[one.bmc, one.disk]
            report.log(f"will be wiped: {one.disk} (serial {one.serial or 'unknown'}), now {holds}", node=one.bmc)
        if self.context.confirmation == self.context.site.name:
            listed = [{"bmc": one.bmc, "serial": one.serial, "disk": one.disk} for one in wanted]
            noted = {
                "site": self.context.site.name,
                "time": datetime.now(UTC).isoformat(timespec="seconds"),
                "wipe": listed,
            }
            write_private(self.context.state_dir / CONFIRMED, json.dumps(noted, indent=1) + "\n")
            report.confirmed(listed)

    async def _review(self) -> dict[str, Any]:
        cloud, site = cloud_of(self.context), self.context.site
        nodes = await ironic.nodes(cloud, site.name)
        found = {node.bmc: await ironic.hardware(cloud, node) for node in nodes}
        known = inventory.load(self.context.state_dir).machines
        return build_review(site, nodes, found, known)

    def _written(self) -> object:
        return _read(self.context, REVIEW)

    def _confirmed(self) -> frozenset[Wipe]:
        """What was confirmed for this site."""
        tree = _read(self.context, CONFIRMED)
        if not isinstance(tree, dict) or tree.get("site") != self.context.site.name:
            return frozenset()
        return frozenset(Wipe(str(one["bmc"]), str(one["serial"]), str(one["disk"])) for one in tree.get("wipe", ()))


def build_review(
    site: Site,
    nodes: Sequence[ironic.Node],
    found: Mapping[str, Hardware | None],
    known: Sequence[inventory.Machine],
) -> dict[str, Any]:
    """The whole of review.json: nodes first, then the machines that are not in Ironic, with the reason."""
    notes = {one.bmc: one for one in known}
    machines = [_machine(site, node, found.get(node.bmc), notes.get(node.bmc)) for node in nodes]
    registered = {node.bmc for node in nodes}
    machines += [_outsider(one) for one in known if one.bmc not in registered]
    return {"site": site.name, "machines": machines}


def wipes(review: Mapping[str, Any]) -> frozenset[Wipe]:
    """The disks that a review marks for wiping."""
    return frozenset(
        Wipe(machine["bmc"], machine["serial"], disk["name"])
        for machine in review["machines"]
        for disk in machine["disks"]
        if disk["wipe"]
    )


def written_roles(site: Site) -> tuple[str, ...]:
    """The roles whose root disk is written on this road: the spare only where the rehearsal may have it."""
    return ("undercloud", "spare") if site.undercloud.rehearse_on_spare else ("undercloud",)


def _machine(site: Site, node: ironic.Node, found: Hardware | None, known: inventory.Machine | None) -> dict[str, Any]:
    root = node.root_device
    excluded = site.machine(node.bmc).role == "exclude"
    written = not node.unfit and not excluded and node.role in written_roles(site)
    serial = (found.serial if found else "") or (known.serial if known and known.serial else "")
    return {
        "bmc": node.bmc,
        "name": node.title or node.name,
        "role": "unfit" if node.unfit else node.role,
        "driver": node.driver,
        "serial": serial,
        "cpus": found.cpus if found else 0,
        "memory_mib": found.memory_mib if found else 0,
        "disks": [_disk(one, written and is_root(one, root)) for one in (found.disks if found else ())],
        "verdict": "unfit" if node.unfit else "fit",
        "why": node.unfit,
        **_more(found),
    }


def _more(found: Hardware | None) -> dict[str, Any]:
    """What inspection found beyond size and disks; `clock_ahead` in seconds, `mbps` null where there is no link."""
    if found is None:
        return {}
    nics = [
        {"name": one.name, "mac": one.mac, "mbps": one.mbps, "switch": one.switch, "port": one.port}
        for one in found.nics
    ]
    return {
        "product": found.product,
        "architecture": found.architecture,
        "firmware": found.firmware,
        "boot_mode": found.boot_mode,
        "boot_mac": found.boot_nic.mac if found.boot_nic else "",
        "clock_ahead": found.clock_ahead,
        "nics": nics,
        "remarks": list(remarks(found)),
    }


def _disk(disk: Disk, wipe: bool) -> dict[str, Any]:
    return {
        "name": disk.device,
        "serial": disk.serial or disk.wwn_with_extension or disk.wwn,
        "size_gib": round(disk.size / 2**30, 1),
        "wipe": wipe,
        "holds": disk.holds,
    }


def _outsider(one: inventory.Machine) -> dict[str, Any]:
    why = one.unfit_reason or ("it no longer answers" if one.silent else "it was not registered")
    return {
        "bmc": one.bmc,
        "name": one.bmc,
        "role": "unfit",
        "driver": one.driver or "",
        "serial": one.serial or "",
        "cpus": 0,
        "memory_mib": 0,
        "disks": [],
        "verdict": "unfit",
        "why": why,
    }


def _read(context: Context, name: str) -> object:
    try:
        return json.loads((context.state_dir / name).read_text())
    except (OSError, ValueError):
        return None
