"""The parameters of the undercloud's stack: the site's metadata, and for each node its machine and its image. It only reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seedvm.base.errors import SeedvmError
from seedvm.base.json_tree import JSON
from seedvm.cloud import glance, ironic, neutron, nova
from seedvm.cloud.connection import Cloud
from seedvm.engine.step import Context
from seedvm.provisioning.images import open_images
from seedvm.provisioning.metadata import NodeMetadata, stack_metadata

FLAVOR = "undercloud"
NETWORK = "provisioning"


@dataclass(frozen=True)
class StackNode(NodeMetadata):
    """A node with the ids of its machine in Ironic and of its image in Glance; the machine is empty for a node that was dropped."""

    machine: str
    image: str


@dataclass(frozen=True)
class StackParameters:
    """The parameters of the undercloud's Heat template, under its names."""

    site: str
    node_count: int
    nodes: tuple[StackNode, ...]
    flavor: str
    network: str
    key_name: str
    seed_is_member: bool
    shared: Mapping[str, JSON]
    with_seed: Mapping[str, JSON]
    without_seed: Mapping[str, JSON]


@dataclass(frozen=True)
class Wanted:
    """What the stack takes, and the id of the newest golden image, which a server that runs may not have."""

    parameters: StackParameters
    golden: str


def key_name(site: str) -> str:
    """The site's key pair in Nova."""
    return f"seedvm-{site}"


async def wanted(context: Context, cloud: Cloud, running: Sequence[nova.Server]) -> Wanted:
    """What the stack takes now. A server that runs keeps the image that it has: another one would have Heat rebuild it, and each other
    one at the same moment. Raises SeedvmError where a part of it is missing."""
    site = context.site
    parts = stack_metadata(site, context.secrets)
    machines = {node.title: node.id for node in await ironic.nodes(cloud, site.name) if node.role == "undercloud"}
    missing = [one.name for one in parts.nodes if one.present and one.name not in machines]
    network = await neutron.network(cloud, NETWORK)
    images = [one for one in await glance.images(cloud, glance.GOLDEN) if one.status == "active"]
    if missing or network is None or not images:
        lacking = [
            *missing,
            *(["the network"] if network is None else []),
            *([] if images else ["the golden image"]),
        ]
        raise SeedvmError(
            "the stack cannot be created",
            why=f"missing: {', '.join(lacking)}",
            hint="run again; earlier steps create them",
        )
    digest = open_images(context.images_dir).golden.sha256
    image = next((one for one in images if one.digest == digest), images[0]).id
    kept = {one.name: one.image for one in running if one.image}
    found = StackParameters(
        site=site.name,
        node_count=len(parts.nodes),
        nodes=tuple(
            StackNode(**vars(one), machine=machines.get(one.name, ""), image=kept.get(one.name, image))
            for one in parts.nodes
        ),
        flavor=FLAVOR,
        network=network.id,
        key_name=key_name(site.name),
        seed_is_member=True,
        shared=parts.shared,
        with_seed=parts.with_seed,
        without_seed=parts.without_seed,
    )
    return Wanted(found, image)
