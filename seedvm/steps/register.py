"""Every machine with a proven account and a certain boot MAC is a node of Ironic, once, and managed.

Before that the deploy ramdisk goes to Glance, since nodes name it. It refuses machines without a proven account: they are not in
Ironic at all, so nothing can power or write them.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from seedvm.base.addresses import in_url
from seedvm.base.errors import SeedvmError
from seedvm.base.json_tree import JSON
from seedvm.bmc.rate_limit import RateLimit
from seedvm.cloud import glance, ironic
from seedvm.cloud.connection import Cloud
from seedvm.engine.stages import Stage
from seedvm.engine.step import Blocked, Context, Done, Report, Todo, Verdict
from seedvm.machines import inventory
from seedvm.machines.each import MachineRemark, each
from seedvm.machines.inventory import KnownMachine
from seedvm.provisioning.enrolment import UNMANAGED, add_port_once, manage
from seedvm.provisioning.images import ImageFiles, open_images
from seedvm.provisioning.ownership import cloud_of, look
from seedvm.site.accounts import Candidate
from seedvm.site.secrets_file import load_proven

RESOURCE_CLASS = "baremetal"
KERNEL, INITRAMFS = "seedvm-ramdisk-kernel", "seedvm-ramdisk-initramfs"
FAILED = "its registration failed"
MOST_NAMED = 3


@dataclass(frozen=True)
class RamdiskStep:
    """The deploy ramdisk is in Glance."""

    context: Context
    name: ClassVar[str] = "ramdisk"
    title: ClassVar[str] = "Upload the deploy ramdisk to Glance"
    stage: ClassVar[Stage] = "register"
    usual_seconds: ClassVar[float] = 8.0

    async def check(self) -> Verdict:
        cloud = cloud_of(self.context)
        ownership = await look(self.context, cloud)
        if not ownership.answers:
            return Todo("the seed's cloud does not answer yet")
        if ownership.handed_over and ownership.stack is not None and ownership.stack.complete:
            return Done({"handed_over": True})
        found = [
            (source.name, await glance.active(cloud, source))
            for source in ramdisk(open_images(self.context.images_dir))
        ]
        missing = [name for name, image in found if image is None]
        if missing:
            return Todo(f"not in Glance: {', '.join(missing)}")
        return Done({name: image.id for name, image in found if image})

    async def apply(self, report: Report) -> None:
        cloud = cloud_of(self.context)
        for source in ramdisk(open_images(self.context.images_dir)):
            if await glance.active(cloud, source) is None:
                report.log(f"uploading {source.name}")
                await glance.bring(
                    cloud, source, self.context.site.name, lambda done, total: report.progress(done, total, "bytes")
                )


class RegisterStep:
    """The usable machines are managed nodes of Ironic; one that cannot be registered is set aside with the reason."""

    name: ClassVar[str] = "register"
    title: ClassVar[str] = "Register the machines"
    stage: ClassVar[Stage] = "register"
    usual_seconds: ClassVar[float] = 20.0

    def __init__(self, context: Context) -> None:
        self.context = context
        self._fallen: dict[str, MachineRemark] = {}  # in this run: the next one tries them again

    async def check(self) -> Verdict:
        cloud = cloud_of(self.context)
        if not await cloud.answers():
            return Todo("the seed's cloud does not answer yet")
        machines = usable(self.context, self._fallen)
        there = {node.bmc: node for node in await ironic.nodes(cloud, self.context.site.name)}
        if not machines and self._fallen:
            cures = dict.fromkeys(remark.cure for remark in self._fallen.values())
            return Blocked(f"no machine could be registered: {self._told()}", "; ".join(list(cures)[:MOST_NAMED]))
        if not machines and not there:
            return Todo("no machine with a proven account and a boot MAC is known")
        missing = [one.bmc for one in machines if one.bmc not in there]
        if missing:
            return Todo(f"not in Ironic: {', '.join(missing)}")
        waiting = [node.name for bmc, node in there.items() if node.state in UNMANAGED and bmc not in self._fallen]
        if waiting:
            return Todo(f"not managed yet: {', '.join(waiting)}")
        owners = await ironic.owners(cloud)
        for machine in machines:
            node = there[machine.bmc]
            if owners.get(boot_mac(machine)) != node.id:
                return Todo(f"{node.name} has no port yet")
            if mode := other_mode(node, machine):
                return Todo(f"{node.name} boots in {mode} mode, which is not set in Ironic yet")
        return Done({node.name: {"id": node.id, "bmc": bmc, "driver": node.driver} for bmc, node in there.items()})

    async def apply(self, report: Report) -> None:
        cloud = cloud_of(self.context)
        machines = usable(self.context, self._fallen)
        if not machines:
            raise SeedvmError(
                "no machine can be registered",
                why="no machine has both a proven account and a known boot MAC",
                hint="run seedvm machines; it lists for each machine what to do",
            )
        fallen = await self._register(cloud, machines, report)
        if fallen:  # raises where it is Ironic that does not answer: no machine is to blame, and the engine tries the step again
            await ironic.nodes(cloud, self.context.site.name)
        if passing := [one for one in machines if one.bmc in fallen and fallen[one.bmc].passing]:
            fallen = {bmc: remark for bmc, remark in fallen.items() if not remark.passing}
            fallen |= await self._register(cloud, passing, report)
        for machine in machines:
            if remark := fallen.get(machine.bmc):
                self._fallen[machine.bmc] = remark
                self._put_aside(machine, f"{FAILED}: {remark.reason}", remark.cure, report)

    async def _register(
        self, cloud: Cloud, machines: Sequence[KnownMachine], report: Report
    ) -> dict[str, MachineRemark]:
        """Register these machines side by side; the remarks of those that could not be."""
        images = await ramdisk_ids(cloud, self.context)
        proven = load_proven(self.context.state_dir / "secrets.yaml")
        there = {node.bmc: node for node in await ironic.nodes(cloud, self.context.site.name)}
        owners = await ironic.owners(cloud)
        done, fallen = 0, dict[str, MachineRemark]()

        async def one(machine: KnownMachine) -> None:
            nonlocal done
            account, node = proven[machine.bmc], there.get(machine.bmc)
            owner = owners.get(boot_mac(machine))
            if owner is not None and (node is None or owner != node.id):
                raise doubled(machine, owner)
            if node is None:
                node = await ironic.create(cloud, enrolment(self.context.site.name, machine, account, images))
            elif node.state == "enroll":
                node = await self._refresh(cloud, node, machine, account, images)
            inventory.change(self.context.state_dir, machine.bmc, node=node.id, unfit_reason=None, cure=None)
            await add_port_once(cloud, node, boot_mac(machine))
            if machine.driver == "ipmi":  # Ironic keeps its own pace; its first command keeps ours
                await asyncio.sleep(RateLimit(self.context.state_dir).seconds_left(machine.bmc))
            node = await manage(cloud, node)
            if mode := other_mode(node, machine):
                node = await ironic.set_boot_mode(cloud, node, mode)
            done += 1
            report.node(machine.bmc, "registered", detail=f"{node.name}, {node.driver}, {node.boots_in}")
            report.progress(done, len(machines), "machines")

        async def fell(machine: KnownMachine, remark: MachineRemark) -> None:
            fallen[machine.bmc] = remark

        await each(machines, one, fell, where=self.name)
        return fallen

    def _told(self) -> str:
        named = [f"{bmc}: {remark.reason}" for bmc, remark in self._fallen.items()]
        return "; ".join(named[:MOST_NAMED]) + (
            f"; and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
        )

    def _put_aside(self, machine: KnownMachine, why: str, cure: str, report: Report) -> None:
        inventory.change(self.context.state_dir, machine.bmc, unfit_reason=why, cure=cure)
        report.node(machine.bmc, "unfit", detail=f"{why}. To fix: {cure}")

    async def _refresh(
        self, cloud: Cloud, node: ironic.Node, machine: KnownMachine, account: Candidate, images: Mapping[str, str]
    ) -> ironic.Node:
        """A node that never became managed gets its account again: it may have been registered with an older one."""
        return await ironic.patch(cloud, node.id, {"/driver_info": driver_info(machine, account, images)})


def usable(context: Context, fallen: Container[str] = ()) -> tuple[KnownMachine, ...]:
    """The machines that may be registered: proven account, boot MAC known and nobody else's, nothing against them, not excluded. One
    whose registration failed is tried again, but for the `fallen` of this run."""
    proven = load_proven(context.state_dir / "secrets.yaml")
    machines = [
        replace(one, unfit_reason=None, cure=None)
        if (one.unfit_reason or "").startswith(FAILED) and one.bmc not in fallen
        else one
        for one in inventory.load(context.state_dir).machines
    ]
    claims = Counter(boot_mac(one) for one in machines if one.usable and not one.silent)
    return tuple(
        one
        for one in machines
        if one.usable
        and one.boot_mac
        and claims[boot_mac(one)] == 1
        and one.bmc in proven
        and context.site.machine(one.bmc).role != "exclude"
    )


def doubled(machine: KnownMachine, owner: str) -> SeedvmError:
    """A second node for a machine that is there already would have two conductors' orders meet in one machine."""
    return SeedvmError(
        f"its boot MAC {machine.boot_mac} already belongs to the node {owner} in Ironic",
        hint="if the BMC's address has changed, delete the old node: openstack baremetal node delete",
    )


def boot_mac(machine: KnownMachine) -> str:
    """The machine's boot MAC as Ironic writes it, empty where it is not known."""
    return (machine.boot_mac or "").lower()


def driver_of(machine: KnownMachine) -> str:
    """Ironic's driver by what was proven: `idrac` only where the machine's own Redfish service says Dell in both places, since nothing
    else speaks that dialect; else the protocol whose login was proven."""
    dell = (machine.vendor or "").lower().startswith("dell")
    if machine.driver == "redfish" and dell and (machine.redfish_system or "").endswith("/System.Embedded.1"):
        return "idrac"
    return machine.driver or ""


def other_mode(node: ironic.Node, machine: KnownMachine) -> str:
    """The boot mode that is proven and that Ironic does not serve the node for yet: the BMC's word, else the architecture in the
    machine's own DHCP request. Empty once an inspection has seen how it boots."""
    proven = node.boot_mode or machine.boot_mode or ""
    return proven if not node.inspected and proven != node.boots_in else ""


def ramdisk(files: ImageFiles) -> tuple[glance.Source, ...]:
    """The two halves of the deploy ramdisk as Glance takes them."""
    return (
        glance.Source(KERNEL, files.kernel.path, files.kernel.sha256, "aki", {}),
        glance.Source(INITRAMFS, files.initramfs.path, files.initramfs.sha256, "ari", {}),
    )


async def ramdisk_ids(cloud: Cloud, context: Context) -> dict[str, str]:
    """The ramdisk's image ids as Ironic's driver_info names them."""
    found = {}
    for key, source in zip(("deploy_kernel", "deploy_ramdisk"), ramdisk(open_images(context.images_dir)), strict=True):
        image = await glance.active(cloud, source)
        if image is None:
            raise SeedvmError(
                "the deploy ramdisk is not in Glance",
                why=f"{source.name} is missing",
                hint="seedvm run uploads it first",
            )
        found[key] = image.id
    return found


def node_name(site: str, bmc: str) -> str:
    """`demo-1-21` for BMC 172.22.1.21: the last two octets tell machines apart on every network up to a /16.

    An IPv6 address is written out, its zone with it: `demo-fe80--21-eth1`."""
    if ":" in bmc:
        return "-".join([site, bmc.replace(":", "-").replace("%", "-")])
    return "-".join([site, *bmc.split(".")[-2:]])


def enrolment(site: str, machine: KnownMachine, account: Candidate, images: Mapping[str, str]) -> dict[str, JSON]:
    """A new node as Ironic takes it. Nothing in it is typed by a person but the account."""
    extra = {ironic.SITE: site, ironic.BMC: machine.bmc}
    for name in ("serial", "vendor", "model", "uuid"):
        if value := getattr(machine, name):
            extra[f"seedvm_{name}"] = value
    return {
        "name": node_name(site, machine.bmc),
        "driver": driver_of(machine),
        "driver_info": driver_info(machine, account, images),
        "resource_class": RESOURCE_CLASS,
        "properties": {"capabilities": f"boot_mode:{machine.boot_mode or 'bios'}", "cpu_arch": "x86_64"},
        "automated_clean": False,
        "inspect_interface": "agent",
        "extra": extra,
    }


def driver_info(machine: KnownMachine, account: Candidate, images: Mapping[str, str]) -> dict[str, JSON]:
    """How Ironic reaches the BMC. The password goes to Ironic, which stores it in its database and shows stars."""
    if machine.driver == "redfish":
        return {
            "redfish_address": machine.redfish_url or f"https://{in_url(machine.bmc)}",
            "redfish_system_id": machine.redfish_system,
            "redfish_username": account.user,
            "redfish_password": account.password.reveal(),
            "redfish_verify_ca": False,  # no BMC of a new rack has a certificate that anybody signed; discovery pinned what it saw
            **images,
        }
    return {
        "ipmi_address": machine.bmc,
        "ipmi_username": account.user,
        "ipmi_password": account.password.reveal(),
        **({"ipmi_protocol_version": "1.5"} if machine.old_ipmi else {}),
        **images,
    }
