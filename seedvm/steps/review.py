"""The gate before anything is written: which disks of which machines will be wiped, confirmed by typing the site's name.

`review.json` says it to the screen, `confirmed.json` says it back; a confirmation counts for exactly the disks that it names. It
refuses to guess: other disks, another serial, one machine more, and the operator is asked again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import ClassVar

from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.cloud import ironic
from seedvm.cloud.connection import Cloud
from seedvm.engine.stages import Stage
from seedvm.engine.step import Blocked, Context, Done, Report, Todo, Verdict
from seedvm.machines import hardware, inventory
from seedvm.machines.hardware import Hardware
from seedvm.machines.selection import is_root, remarks
from seedvm.provisioning.ownership import cloud_of, look
from seedvm.site.bundle import offer
from seedvm.site.model import Site
from seedvm.site.review import (
    CONFIRMED,
    REVIEW,
    Confirmation,
    Review,
    ReviewDisk,
    ReviewMachine,
    ReviewNic,
    confirmation,
    read_confirmed,
    read_review,
    text_of,
)


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
        ownership = await look(self.context, cloud)
        if not ownership.answers:
            return Todo("the seed's cloud does not answer yet")
        if ownership.stack is not None:
            return Done({"stack": ownership.stack.id, "confirmed": "before the stack was created"})
        review = await self._review()
        wanted = review.wipes
        if not wanted:
            return Todo("no machine has a role yet")
        written, confirmed, trouble = self._files()
        if confirmed is not None and confirmed.covers(review) and written == review:
            return Done({"wipe": [f"{one.bmc} {one.serial} {one.disk}" for one in sorted(wanted)]})
        if self.context.confirmation == self.context.site.name:
            return Todo(f"--yes-wipe {self.context.site.name} will be recorded for {len(wanted)} disks")
        if written != review:
            return Todo("the review is not written yet")
        listed = "; ".join(f"{one.bmc} serial {one.serial or 'unknown'} {one.disk}" for one in sorted(wanted))
        return Blocked(
            f"wiping these disks has not been confirmed: {listed}{trouble}",
            f"type the site's name in the wizard, or run: seedvm run --yes-wipe {self.context.site.name}",
        )

    async def apply(self, report: Report) -> None:
        review = await self._review()
        write_private(self.context.state_dir / REVIEW, text_of(review))
        holds = {(machine.bmc, disk.name): disk.holds for machine in review.machines for disk in machine.disks}
        wanted = sorted(review.wipes)
        for one in wanted:
            disk = f"{one.disk} (serial {one.serial or 'unknown'}), now {holds[one.bmc, one.disk]}"
            report.log(f"will be wiped: {disk}", node=one.bmc)
        if words := offer(self.context.state_dir):
            report.log(words)
        if self.context.confirmation == self.context.site.name:
            time = datetime.now(UTC).isoformat(timespec="seconds")
            text = confirmation(review, self.context.confirmation, time)
            write_private(self.context.state_dir / CONFIRMED, text)
            report.confirmed([{"bmc": one.bmc, "serial": one.serial, "disk": one.disk} for one in wanted])

    async def _review(self) -> Review:
        cloud, site = cloud_of(self.context), self.context.site
        nodes = await ironic.nodes(cloud, site.name)
        found = {node.bmc: await _inspected(cloud, node) for node in nodes}
        known = inventory.load(self.context.state_dir).machines
        return build_review(site, nodes, found, known)

    def _files(self) -> tuple[Review | None, Confirmation | None, str]:
        """What is written, and why a file that is there counts for nothing: the review is written again, consent is asked for again."""
        try:
            review = read_review(self.context.state_dir)
        except SeedvmError:
            review = None
        try:
            return review, read_confirmed(self.context.state_dir), ""
        except SeedvmError as error:
            return review, None, f". {error.what}: {error.why}"


async def _inspected(cloud: Cloud, node: ironic.Node) -> Hardware | None:
    """What its inspection found. Where that cannot be read, a machine without a part is listed all the same; one with a part ends the
    review, for nobody could confirm its disks."""
    try:
        return await ironic.hardware(cloud, node)
    except SeedvmError:
        if node.unfit or not node.role:
            return None
        raise


def build_review(
    site: Site,
    nodes: Sequence[ironic.Node],
    found: Mapping[str, Hardware | None],
    known: Sequence[inventory.KnownMachine],
) -> Review:
    """The whole of review.json: nodes first, then the machines that are not in Ironic, with the reason."""
    notes = {one.bmc: one for one in known}
    machines = [_machine(site, node, found.get(node.bmc), notes.get(node.bmc)) for node in nodes]
    registered = {node.bmc for node in nodes}
    machines += [_outsider(one) for one in known if one.bmc not in registered]
    return Review(site.name, tuple(machines))


def written_roles(site: Site) -> tuple[str, ...]:
    """The roles whose root disk this deployment writes: the spare only where the rehearsal may have it."""
    return ("undercloud", "spare") if site.undercloud.rehearse_on_spare else ("undercloud",)


def _machine(
    site: Site, node: ironic.Node, found: Hardware | None, known: inventory.KnownMachine | None
) -> ReviewMachine:
    root = node.root_device
    excluded = site.machine(node.bmc).role == "exclude"
    written = not node.unfit and not excluded and node.role in written_roles(site)
    machine = ReviewMachine(
        bmc=node.bmc,
        name=node.title or node.name,
        role="unfit" if node.unfit else node.role,
        driver=node.driver,
        serial=(found.serial if found else "") or (known.serial if known and known.serial else ""),
        verdict="unfit" if node.unfit else "fit",
        why=node.unfit,
    )
    if found is None:
        return machine
    return replace(
        machine,
        cpus=found.cpus,
        memory_mib=found.memory_mib,
        disks=tuple(_disk(one, written and is_root(one, root)) for one in found.disks),
        product=found.product,
        architecture=found.architecture,
        firmware=found.firmware,
        boot_mode=found.boot_mode,
        boot_mac=found.boot_nic.mac if found.boot_nic else "",
        clock_ahead=found.clock_ahead,
        nics=tuple(ReviewNic(one.name, one.mac, one.mbps, one.switch, one.port) for one in found.nics),
        remarks=tuple(remarks(found)),
    )


def _disk(disk: hardware.Disk, wipe: bool) -> ReviewDisk:
    serial = disk.serial or disk.wwn_with_extension or disk.wwn
    return ReviewDisk(disk.device, serial, round(disk.size / 2**30, 1), wipe, disk.holds)


def _outsider(one: inventory.KnownMachine) -> ReviewMachine:
    why = one.unfit_reason or ("it no longer answers" if one.silent else "it was not registered")
    return ReviewMachine(
        one.bmc, one.bmc, role="unfit", driver=one.driver or "", serial=one.serial or "", verdict="unfit", why=why
    )
