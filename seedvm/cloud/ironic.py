"""Ironic's nodes, ports and conductors as typed facts, and the verbs on them. No policy: which node and why is the steps' part.

It refuses to touch a node that does not carry our site in `extra.seedvm_site`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from seedvm.base.addresses import order
from seedvm.base.errors import SeedvmError
from seedvm.base.item import Item
from seedvm.cloud.connection import Cloud
from seedvm.foreign.text import exact, shown
from seedvm.machines.hardware import Hardware

SITE = "seedvm_site"
BMC = "seedvm_bmc"
UNFIT = "unfit"
UNFIT_AT = "unfit_at"
ROLE = "seedvm_role"
TITLE = "seedvm_name"
_FIELDS = (
    "uuid,name,driver,provision_state,target_provision_state,power_state,maintenance,maintenance_reason,last_error,instance_uuid,"
    "properties,extra,traits,reservation,inspection_finished_at,deploy_step,boot_mode,driver_internal_info"
)

_OURS = "seedvm: "
_WORDS = 1000  # characters of what Ironic says of a failure: it quotes what it was told, by BMCs too
BROKEN = frozenset({"enroll", "inspect failed", "clean failed", "deploy failed", "error"})


@dataclass(frozen=True)
class Node:
    """A node; its words for people (`error`, `kept_away`, `unfit`, `step`) are fit to be shown.

    `bmc` is the BMC's address as we registered it; `unfit` says why it gets no role (`unfit_at` at which requirements), empty when it may;
    `title` is the name that its server will have; `inspected` is when the last inspection ended, empty where none has; `kept_away` is
    the reason of its maintenance; `boot_mode` is what the BMC says ("bios", "uefi"), empty where it says nothing; `agent` is the address
    that its ramdisk calls from."""

    id: str
    name: str
    driver: str
    state: str
    target: str
    power: str
    maintenance: bool
    kept_away: str
    error: str
    instance: str
    site: str
    bmc: str
    unfit: str
    unfit_at: tuple[str, ...]
    role: str
    title: str
    traits: tuple[str, ...]
    properties: Mapping[str, object]
    reserved: bool
    step: str
    inspected: str
    boot_mode: str
    agent: str = ""

    @classmethod
    def of(cls, said: Item) -> Node:
        extra = said.item("extra")
        return cls(
            id=said.text("uuid"),
            name=said.text("name", "") or said.text("uuid"),
            driver=said.text("driver"),
            state=said.text("provision_state"),
            target=said.text("target_provision_state", ""),
            power=said.text("power_state", ""),
            maintenance=said.flag("maintenance"),
            kept_away=(kept_away := shown(said.text("maintenance_reason", ""), _WORDS)),
            error=shown(said.text("last_error", ""), _WORDS) or kept_away,
            instance=said.text("instance_uuid", ""),
            site=extra.text(SITE, ""),
            bmc=extra.text(BMC, ""),
            unfit=shown(why, _WORDS) or UNFIT if (why := extra.text(UNFIT, "")) else "",
            unfit_at=tuple(part for part in extra.text(UNFIT_AT, "").split(",") if part),
            role=extra.text(ROLE, ""),
            title=extra.text(TITLE, ""),
            traits=said.texts("traits"),
            properties=said.item("properties").tree,
            reserved=bool(said.text("reservation", "")),
            step=shown(said.item("deploy_step").text("step", "")),
            inspected=said.text("inspection_finished_at", ""),
            boot_mode=said.text("boot_mode", ""),
            agent=_host(said.item("driver_internal_info").text("agent_url", "")),
        )

    @property
    def root_device(self) -> Mapping[str, object]:
        """The root device hints, empty before the disk was chosen."""
        hints = self.properties.get("root_device")
        return hints if isinstance(hints, dict) else {}

    @property
    def boots_in(self) -> str:
        """The boot mode that Ironic serves this node for: "bios" or "uefi"."""
        pairs = (pair.partition(":") for pair in str(self.properties.get("capabilities") or "").split(","))
        return next((value for name, _, value in pairs if name == "boot_mode"), "")


@dataclass(frozen=True)
class Conductor:
    host: str
    alive: bool


async def nodes(cloud: Cloud, site: str) -> tuple[Node, ...]:
    """The nodes of our site, by BMC address."""
    listed = await cloud.list_all("ironic", f"/nodes?fields={_FIELDS}", "nodes")
    found = [Node.of(one) for one in listed if _is_of(one, site)]
    return tuple(sorted(found, key=lambda node: order(node.bmc)))


def _is_of(said: Item, site: str) -> bool:
    """Whether a node is our site's; those of others may hold what we cannot read."""
    extra = said.tree.get("extra")
    return isinstance(extra, dict) and extra.get(SITE) == site


async def node(cloud: Cloud, node_id: str) -> Node:
    return Node.of(await cloud.get("ironic", f"/nodes/{node_id}"))


async def last_fault(cloud: Cloud, node_id: str, since: str) -> str:
    """Why the node last failed since then (RFC 3339), by its history, which keeps what `last_error` forgets and Nova cuts short. Blank
    where it tells of nothing."""
    found = await cloud.list_all("ironic", f"/nodes/{node_id}/history?detail=true", "history")
    begin = _time(since)
    events = [one.text("event", "") for one in found if _time(one.text("created_at", "")) >= begin]
    return innermost(events[-1]) if events else ""


def _host(url: str) -> str:
    """The host of a URL that a ramdisk gave; "" where it is none."""
    try:
        return urlsplit(exact(url)).hostname or ""
    except ValueError:
        return ""


def _time(text: str) -> datetime:
    """RFC 3339; a time without an offset is UTC, as Ironic's are."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def innermost(words: str) -> str:
    """The error that the others are wrapped around ("A failed. Error: B failed. Error: C"), without what a Redfish service adds to it."""
    return shown(words.partition(" Extended information:")[0].rpartition(" Error: ")[2], _WORDS)


async def conductors(cloud: Cloud) -> tuple[Conductor, ...]:
    found = await cloud.list_all("ironic", "/conductors", "conductors")
    return tuple(Conductor(one.text("hostname"), one.flag("alive")) for one in found)


async def ports(cloud: Cloud, node_id: str) -> tuple[str, ...]:
    """The MACs of a node's ports."""
    found = await cloud.list_all("ironic", f"/ports?node={node_id}&fields=uuid,address", "ports")
    return tuple(one.text("address").lower() for one in found)


async def owners(cloud: Cloud) -> dict[str, str]:
    """The node's id of every MAC that Ironic knows, whoever's node it is."""
    found = await cloud.list_all("ironic", "/ports?fields=address,node_uuid", "ports")
    return {one.text("address").lower(): one.text("node_uuid") for one in found}


async def create(cloud: Cloud, body: Mapping[str, object]) -> Node:
    """Enrol a node; `body` must carry the site."""
    extra = body.get("extra")
    if not isinstance(extra, Mapping) or not extra.get(SITE):
        raise SeedvmError(
            "refusing to register a node without a site",
            machine=str(body.get("name")),
            hint="this is a bug in seedvm; please report it",
        )
    return Node.of(await cloud.send("POST", "ironic", "/nodes", dict(body)))


async def add_port(cloud: Cloud, node_id: str, mac: str, network: str) -> None:
    """A NIC that boots, on a physical network: without its name Neutron cannot bind it."""
    body = {"node_uuid": node_id, "address": mac, "pxe_enabled": True, "physical_network": network}
    await cloud.send("POST", "ironic", "/ports", body)


async def patch(cloud: Cloud, node_id: str, changes: Mapping[str, object]) -> Node:
    """Set paths (`/extra/unfit`) to values; None takes the path away."""
    steps = [
        {"op": "remove", "path": path} if value is None else {"op": "add", "path": path, "value": value}
        for path, value in changes.items()
    ]
    return Node.of(await cloud.send("PATCH", "ironic", f"/nodes/{node_id}", steps))


async def set_boot_mode(cloud: Cloud, node: Node, mode: str) -> Node:
    """Serve the node for another boot mode ("bios", "uefi") from now on; its other capabilities stay."""
    said = [pair for pair in str(node.properties.get("capabilities") or "").split(",") if pair]
    others = [pair for pair in said if not pair.startswith("boot_mode:")]
    return await patch(cloud, node.id, {"/properties/capabilities": ",".join([*others, f"boot_mode:{mode}"])})


async def set_traits(cloud: Cloud, node_id: str, traits: tuple[str, ...]) -> None:
    await cloud.send("PUT", "ironic", f"/nodes/{node_id}/traits", {"traits": list(traits)})


async def provision(cloud: Cloud, node_id: str, target: str) -> None:
    """Ask for a provision verb: manage, inspect, provide, abort, deleted."""
    await cloud.send("PUT", "ironic", f"/nodes/{node_id}/states/provision", {"target": target})


async def keep_away(cloud: Cloud, node_id: str, reason: str) -> None:
    """Maintenance: Ironic neither powers nor uses the node until it is taken back."""
    await cloud.send("PUT", "ironic", f"/nodes/{node_id}/maintenance", {"reason": f"{_OURS}{reason}"})


async def take_back(cloud: Cloud, node: Node) -> bool:
    """End the maintenance that `keep_away` began; False where it is somebody else's."""
    if node.kept_away.startswith(_OURS):
        await cloud.delete("ironic", f"/nodes/{node.id}/maintenance")
    return node.kept_away.startswith(_OURS)


async def let_go(cloud: Cloud, node_id: str) -> None:
    """Take the instance off a node in maintenance (Ironic allows exactly this patch): Nova finds no machine of its server any more."""
    await cloud.send("PATCH", "ironic", f"/nodes/{node_id}", [{"op": "remove", "path": "/instance_uuid"}])


async def power(cloud: Cloud, node_id: str, target: str) -> None:
    """Ask for `power on` or `power off`."""
    await cloud.send("PUT", "ironic", f"/nodes/{node_id}/states/power", {"target": target})


async def hardware(cloud: Cloud, node: Node) -> Hardware | None:
    """What the last inspection found, None when there was none."""
    found = await cloud.find("ironic", f"/nodes/{node.id}/inventory")
    return Hardware.of(found.tree, node.inspected) if found else None
