"""The node metadata of docs/architecture.md, made from Site and Secrets. Pure: it reads no file and asks no service.

The seed gets its tree whole. The undercloud's trees are put together by Heat from three parts, so that the one parameter
`seed_is_member` switches all nodes from one view of the cluster to the other; `node_tree` puts the same parts together here.
What comes out holds secrets in the open: it goes into a 0600 file or a hidden parameter, nowhere else.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TypeAlias

from seedvm.base.json_tree import JSON
from seedvm.site.model import Site
from seedvm.site.secrets_file import Secrets

Tree: TypeAlias = dict[str, JSON]
Host: TypeAlias = dict[str, str]

SEED_NAME = "seed"
VIRTUAL_ROUTER_ID = 51
_SEED_PRIORITY = 150
_FIRST_NODE_PRIORITY = 100
_NODE_INTERFACE = "eth0"  # the image boots with net.ifnames=0


@dataclass(frozen=True)
class NodeMetadata:
    """What is one node's own; `priority` is VRRP's. `present` is false for one that was dropped."""

    name: str
    address: str
    priority: int
    interface: str
    present: bool


@dataclass(frozen=True)
class StackMetadata:
    """The parts as the stack's parameters take them; `nodes` is in the order of the site's addresses, those that were dropped with
    `present` false, so that nobody's place changes."""

    shared: Tree
    with_seed: Tree
    without_seed: Tree
    nodes: tuple[NodeMetadata, ...]


def seed_tree(site: Site, secrets: Secrets) -> Tree:
    """The seed's own metadata: it makes the cluster, and RabbitMQ and HAProxy know the seed alone."""
    seed = _host(SEED_NAME, site.seed.address)
    everyone = [seed, *_nodes(site)]
    cluster = _cluster(site, members=everyone, backends=[seed], galera="gcomm://", seed_is_member=True)
    node: Tree = {
        **seed,
        "interface": site.seed.interface,
        "priority": _SEED_PRIORITY,
        "bootstrap": True,
    }
    return _dated({**_shared(site, secrets), "node": node, "cluster": cluster}, site, "seed")


def stack_metadata(site: Site, secrets: Secrets) -> StackMetadata:
    """The parts of the undercloud's metadata."""
    shared = _shared(site, secrets)
    return StackMetadata(
        shared=shared,
        with_seed=_members(site, shared, seed_is_member=True),
        without_seed=_members(site, shared, seed_is_member=False),
        nodes=tuple(
            NodeMetadata(
                name=site.node_name(index),
                address=str(address),
                priority=_FIRST_NODE_PRIORITY - 10 * index,
                interface=_NODE_INTERFACE,
                present=address not in site.undercloud.without,
            )
            for index, address in enumerate(site.provisioning.undercloud)
        ),
    )


def node_tree(site: Site, secrets: Secrets, index: int, *, seed_is_member: bool) -> Tree:
    """The whole metadata of one undercloud node as Heat makes it of the parts."""
    parts = stack_metadata(site, secrets)
    members = parts.with_seed if seed_is_member else parts.without_seed
    node = {name: value for name, value in asdict(parts.nodes[index]).items() if name != "present"}
    return {**parts.shared, **members, "node": {**node, "bootstrap": False}}


def _members(site: Site, shared: Tree, *, seed_is_member: bool) -> Tree:
    nodes = _nodes(site)
    members = [_host(SEED_NAME, site.seed.address), *nodes] if seed_is_member else nodes
    galera = "gcomm://" + ",".join(member["address"] for member in members)
    cluster = _cluster(site, members=members, backends=nodes, galera=galera, seed_is_member=seed_is_member)
    whole = _dated({**shared, "cluster": cluster}, site, "undercloud")
    return {"seedvm": whole["seedvm"], "cluster": cluster}


def _cluster(site: Site, *, members: list[Host], backends: list[Host], galera: str, seed_is_member: bool) -> Tree:
    return {
        "vip": str(site.provisioning.vip),
        "prefix": site.provisioning.cidr.prefixlen,
        "virtual_router_id": VIRTUAL_ROUTER_ID,
        "galera_name": f"seedvm-{site.name}",
        "galera_address": galera,
        "galera_hosts": ",".join(member["address"] for member in members),
        "rabbit_nodes": backends,
        "backends": backends,
        "hosts": members,
        "seed_is_member": seed_is_member,
    }


def _shared(site: Site, secrets: Secrets) -> Tree:
    net = site.provisioning
    network = {
        "cidr": str(net.cidr),
        "netmask": str(net.cidr.netmask),
        "gateway": str(net.gateway),
        "dhcp_start": str(net.boot.first),
        "dhcp_end": str(net.boot.last),
        "instance_start": str(net.instances.first),
        "instance_end": str(net.instances.last),
    }
    return {"network": network, "secrets": secrets.generated.metadata()}


def _dated(tree: Tree, site: Site, role: str) -> Tree:
    """`tree` with its `seedvm` part, whose generation is the hash of all the rest."""
    return {"seedvm": {"site": site.name, "role": role, "generation": _hash(tree)}, **tree}


def _hash(tree: Tree) -> str:
    return hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()[:16]


def _nodes(site: Site) -> list[Host]:
    return [_host(one.name, one.address) for one in site.controllers]


def _host(name: str, address: object) -> Host:
    return {"name": name, "address": str(address)}
