"""Every machine with a proven account and a certain boot MAC is a node of Ironic, once, and managed.

Before that the deploy ramdisk goes to Glance, since nodes name it. It refuses machines without a proven account: they are not in
Ironic at all, so nothing can power or write them.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from seedvm.base.addresses import in_url
from seedvm.base.errors import SeedvmError
from seedvm.base.json_tree import JSON
from seedvm.base.waiting import NO_ERROR, NotYet, wait_for
from seedvm.bmc.rate_limit import RateLimit
from seedvm.cloud import glance, ironic
from seedvm.cloud.connection import Cloud, Refused
from seedvm.engine.stages import Stage
from seedvm.engine.step import Context, Done, Report, Todo, Verdict
from seedvm.machines import inventory
from seedvm.machines.inventory import KnownMachine
from seedvm.provisioning.images import ImageFiles, open_images
from seedvm.provisioning.ownership import cloud_of, look
from seedvm.site.accounts import Candidate
from seedvm.site.secrets_file import load_proven

RESOURCE_CLASS = "baremetal"
NETWORK = "provisioning"
KERNEL, INITRAMFS = "seedvm-ramdisk-kernel", "seedvm-ramdisk-initramfs"
_MANAGE_SECONDS = 240.0
_MANAGE_TRIES = 3
_LOOK_EVERY = 2.0


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


@dataclass(frozen=True)
class RegisterStep:
    """The usable machines are managed nodes of Ironic."""

    context: Context
    name: ClassVar[str] = "register"
    title: ClassVar[str] = "Register the machines"
    stage: ClassVar[Stage] = "register"
    usual_seconds: ClassVar[float] = 20.0

    async def check(self) -> Verdict:
        cloud = cloud_of(self.context)
        if not await cloud.answers():
            return Todo("the seed's cloud does not answer yet")
        machines = usable(self.context)
        there = {node.bmc: node for node in await ironic.nodes(cloud, self.context.site.name)}
        if not machines and not there:
            return Todo("no machine with a proven account and a boot MAC is known")
        missing = [one.bmc for one in machines if one.bmc not in there]
        if missing:
            return Todo(f"not in Ironic: {', '.join(missing)}")
        waiting = [node.name for node in there.values() if node.state in ("enroll", "verifying")]
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
        machines = usable(self.context)
        if not machines:
            raise SeedvmError(
                "no machine can be registered",
                why="no machine has both a proven account and a known boot MAC",
                hint="run seedvm machines; it lists for each machine what to do",
            )
        images = await ramdisk_ids(cloud, self.context)
        proven = load_proven(self.context.state_dir / "secrets.yaml")
        there = {node.bmc: node for node in await ironic.nodes(cloud, self.context.site.name)}
        owners = await ironic.owners(cloud)
        done = 0

        async def one(machine: KnownMachine) -> None:
            nonlocal done
            account, node = proven[machine.bmc], there.get(machine.bmc)
            owner = owners.get(boot_mac(machine))
            if owner is not None and (node is None or owner != node.id):
                self._doubled(machine, owner, report)
                return
            if node is None:
                node = await ironic.create(cloud, enrolment(self.context.site.name, machine, account, images))
            elif node.state == "enroll":
                node = await self._refresh(cloud, node, machine, account, images)
            inventory.change(self.context.state_dir, machine.bmc, node=node.id)
            await add_port_once(cloud, node, boot_mac(machine))
            if machine.driver == "ipmi":  # Ironic keeps its own pace; its first command keeps ours
                await asyncio.sleep(RateLimit(self.context.state_dir).seconds_left(machine.bmc))
            node = await manage(cloud, node)
            if mode := other_mode(node, machine):
                node = await ironic.set_boot_mode(cloud, node, mode)
            done += 1
            report.node(machine.bmc, "registered", detail=f"{node.name}, {node.driver}, {node.boots_in}")
            report.progress(done, len(machines), "machines")

        async with asyncio.TaskGroup() as group:
            for machine in machines:
                group.create_task(one(machine))

    def _doubled(self, machine: KnownMachine, owner: str, report: Report) -> None:
        """A second node for a machine that is there already would have two conductors' orders meet in one machine."""
        why = f"its boot MAC {machine.boot_mac} already belongs to the node {owner} in Ironic"
        cure = "if the BMC's address has changed, delete the old node: openstack baremetal node delete"
        self._put_aside(machine, why, cure, report)

    def _put_aside(self, machine: KnownMachine, why: str, cure: str, report: Report) -> None:
        inventory.change(self.context.state_dir, machine.bmc, unfit_reason=why, cure=cure)
        report.node(machine.bmc, "unfit", detail=f"{why}. To fix: {cure}")

    async def _refresh(
        self, cloud: Cloud, node: ironic.Node, machine: KnownMachine, account: Candidate, images: Mapping[str, str]
    ) -> ironic.Node:
        """A node that never became managed gets its account again: it may have been registered with an older one."""
        return await ironic.patch(cloud, node.id, {"/driver_info": driver_info(machine, account, images)})


def usable(context: Context) -> tuple[KnownMachine, ...]:
    """The machines that may be registered: proven account, boot MAC known and nobody else's, nothing against them, not excluded."""
    proven = load_proven(context.state_dir / "secrets.yaml")
    machines = inventory.load(context.state_dir).machines
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


async def add_port_once(cloud: Cloud, node: ironic.Node, mac: str) -> None:
    """The port, unless it is there; a MAC that another node has is a contradiction that is told."""
    if mac in await ironic.ports(cloud, node.id):
        return
    try:
        await ironic.add_port(cloud, node.id, mac, NETWORK)
    except Refused as error:
        raise SeedvmError(
            f"Ironic rejected the port {mac}",
            machine=node.name,
            why=error.why,
            hint="check whether two machines claim this MAC",
        ) from error


async def manage(cloud: Cloud, node: ironic.Node) -> ironic.Node:
    """enroll -> manageable: Ironic's own proof that the BMC obeys. A busy BMC gets three tries."""
    tries = 0

    async def managed() -> ironic.Node | NotYet:
        nonlocal tries
        now = await ironic.node(cloud, node.id)
        if now.state not in ("enroll", "verifying"):
            return now
        if now.state == "enroll" and not now.reserved:
            if tries == _MANAGE_TRIES:
                raise SeedvmError(
                    "Ironic cannot manage the machine",
                    machine=now.name,
                    why=now.error,
                    hint="check its BMC, then run again",
                )
            tries += 1
            await ironic.provision(cloud, node.id, "manage")
        return NotYet(now.error or now.state)

    return await wait_for(
        managed,
        seconds=_MANAGE_SECONDS,
        what="Ironic did not finish verifying the node",
        machine=node.name,
        hint="run again",
        pause=_LOOK_EVERY,
        passing=NO_ERROR,
    )
