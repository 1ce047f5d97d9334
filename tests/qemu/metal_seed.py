"""What the test has the seed do: seedvm's own steps and verbs, read by the seed's own Python from its standard input.

`python - WORD ...` with a word of `_WORDS`; the answer is one JSON line, the last one that is printed. It knows no machine but by what the
seed's own Ironic says.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from seedvm.cloud import glance, heat, ironic, nova
from seedvm.cloud.ssh import SshHost, way_in
from seedvm.engine.journal import Journal
from seedvm.engine.lock import engine_lock
from seedvm.engine.run import new_run_id, run
from seedvm.engine.step import Context
from seedvm.machines.selection import TRAIT
from seedvm.plan import build_plan
from seedvm.provisioning.images import open_images
from seedvm.provisioning.ownership import cloud_of
from seedvm.site.load import load_site
from seedvm.site.secrets_file import ensure_generated
from seedvm.steps.deploy import FLAVOR, DeployStep, key_name
from seedvm.steps.handoff_rehearse import spare_template
from seedvm.steps.images import golden
from seedvm.steps.inspect import provide

STATE, IMAGES = Path("/var/lib/seedvm"), Path("/srv/seedvm/images")


async def walk(context: Context, *names: str) -> Any:
    """The engine over some of the road's steps."""
    steps = [step for step in build_plan(context) if step.name in names]
    journal = Journal(STATE / "journal.jsonl", context.site.name, new_run_id())
    ended = await run(steps, journal)
    return {"verdict": ended.verdict, "step": ended.step, "error": str(ended.error or "")}


async def offer(context: Context, *names: str) -> Any:
    """The nodes are Nova's to use, as at the end of an inspection that found enough machines."""
    cloud = cloud_of(context)
    names = names or tuple(node.name for node in await ironic.nodes(cloud, context.site.name))
    for node in [await _node(context, name) for name in names]:
        await ironic.set_traits(cloud, node.id, (TRAIT,))
        await provide(cloud, node)
    await DeployStep(context)._prepare(cloud)
    return await free(context, *names)


async def free(context: Context, *names: str) -> Any:
    """Wait until Nova may use the nodes."""
    cloud = cloud_of(context)
    wanted = {node.id for node in await ironic.nodes(cloud, context.site.name) if node.name in names}
    async with asyncio.timeout(240):
        while not wanted <= await nova.hypervisors(cloud) & await nova.room(cloud, TRAIT):
            await asyncio.sleep(2)
    return sorted(names)


async def deploy(context: Context, name: str) -> Any:
    """A stack of one server on one node, as the rehearsal makes it for a spare machine."""
    cloud = cloud_of(context)
    image = await glance.active(cloud, golden(open_images(IMAGES)))
    assert image is not None
    node = await _node(context, name)
    template = spare_template(image.id, key_name(context.site.name), context.site.name)
    server = template["resources"]["server"]["properties"]
    server |= {"name": f"server-{name}", "flavor": FLAVOR, "availability_zone": f"nova:undercloud:{node.id}"}
    made_of = heat.Template(json.dumps(template), {})
    await heat.create(cloud, made_of, {}, minutes=30, name=f"stack-{name}")
    return image.id


async def drop(context: Context, name: str) -> Any:
    """The stack goes, and its machine is free again."""
    cloud = cloud_of(context)
    async with asyncio.timeout(300):
        while (stack := await heat.stack(cloud, f"stack-{name}")) is not None:
            if stack.status != "DELETE_IN_PROGRESS":
                await heat.delete(cloud, stack)
            await asyncio.sleep(2)
        while (await _node(context, name)).state != "available":
            await asyncio.sleep(2)
    return await free(context, name)


async def look(context: Context) -> Any:
    """Every node with its stack's server."""
    cloud = cloud_of(context)
    nodes = await ironic.nodes(cloud, context.site.name)
    servers = [one.tree for one in await cloud.list_all("nova", "/servers/detail", "servers")]
    of = {one["OS-EXT-SRV-ATTR:hypervisor_hostname"]: one for one in servers}
    return {node.name: _told(node, of.get(node.id)) for node in nodes}


async def cables(context: Context) -> Any:
    """Switch and port of each NIC of every node, as the inspection heard them."""
    cloud = cloud_of(context)
    found = {node.name: await ironic.hardware(cloud, node) for node in await ironic.nodes(cloud, context.site.name)}
    return {name: [f"{nic.switch} {nic.port}" for nic in one.nics] for name, one in found.items() if one is not None}


async def ask(context: Context, address: str, *words: str) -> Any:
    """What a deployed machine says to a command, over SSH with the site's key; an empty answer while it lets nobody in."""
    ssh = way_in(context.secrets.generated.ssh_private_key, Path("/run/metal"))
    done = await ssh.run(SshHost(address, address), words, timeout=60, check=False)
    return done.stdout


def _told(node: ironic.Node, server: Mapping[str, Any] | None) -> dict[str, Any]:
    ports = [one for part in (server or {}).get("addresses", {}).values() for one in part]
    return {
        "state": node.state,
        "power": node.power,
        "error": node.error,
        "boots_in": node.boots_in,
        "step": node.step,
        "properties": dict(node.properties),
        "server": server["status"] if server else "",
        "fault": str(server.get("fault", "")) if server else "",
        "address": ports[0]["addr"] if ports else "",
    }


async def _node(context: Context, name: str) -> ironic.Node:
    return next(node for node in await ironic.nodes(cloud_of(context), context.site.name) if node.name == name)


_WORDS: dict[str, Callable[..., Awaitable[Any]]] = {
    "walk": walk,
    "offer": offer,
    "deploy": deploy,
    "drop": drop,
    "look": look,
    "cables": cables,
    "ask": ask,
}


def main(words: list[str]) -> None:
    site = load_site(STATE / "site.yaml")
    with engine_lock(STATE):
        secrets = ensure_generated(STATE / "secrets.yaml")

    async def do() -> Any:
        return await _WORDS[words[0]](Context(site, secrets, STATE, IMAGES), *words[1:])

    answer = asyncio.run(do())
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
