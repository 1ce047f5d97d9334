"""How far a machine's deployment is, and why one failed: Ironic's, Nova's and Heat's facts read together. Pure; it asks nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from seedvm.cloud.heat import Resource
from seedvm.cloud.ironic import Node
from seedvm.engine.stages import NodePhase
from seedvm.foreign.text import shown

SERVER, DEPLOYMENT, PORT = "OS::Nova::Server", "OS::Heat::StructuredDeployment", "OS::Neutron::Port"
_CONFIGURATION = "its configuration failed"
_SCRIPT = re.compile(r"/os-refresh-config/([a-z-]+)\.d/(\d+)-(\S+)")
_DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
_BOOTING = frozenset({"prepare_instance_boot", "tear_down_agent", "switch_to_tenant_network", "boot_instance"})
PERCENT: Mapping[NodePhase, float] = {
    "power": 2,
    "pxe": 4,
    "ramdisk": 10,
    "write": 12,
    "boot": 25,
    "configure": 35,
    "joined": 100,
    "failed": 0,
}
"""How far on the way a phase begins, by the seconds that phases really took: most of the time is a node configuring itself."""


@dataclass(frozen=True)
class NodeProgress:
    """Where a machine's deployment stands: a phase of a machine and a few words."""

    phase: NodePhase
    detail: str

    def percent_with(self, part: float) -> float:
        """How far it is on the whole way, 0 to 100; `part` is how much of the image is written, 0 to 1."""
        more = (PERCENT["boot"] - PERCENT["write"]) * part if self.phase == "write" else 0.0
        return PERCENT[self.phase] + more


def place(node: Node, resources: Mapping[str, Resource], *, answers: bool) -> NodeProgress:
    """`resources` are the node's own, by type; `answers` says whether its address takes connections."""
    deployment, server = resources.get(DEPLOYMENT), resources.get(SERVER)
    for one in (deployment, server):
        if one is not None and one.status.endswith("FAILED"):
            return NodeProgress("failed", shown(one.reason))
    if deployment is not None and deployment.status in _DONE:
        return NodeProgress("joined", "configured, reported success to Heat")
    if node.state in ("deploy failed", "error"):
        return NodeProgress("failed", shown(node.error))
    if node.state == "active":
        return (
            NodeProgress("configure", "its own system is up")
            if answers
            else NodeProgress("boot", "booting from its own disk")
        )
    if node.state in ("deploying", "wait call-back"):
        return _deploying(node)
    return NodeProgress("power", node.state)


def _deploying(node: Node) -> NodeProgress:
    if node.step == "write_image":
        return NodeProgress("write", "the agent is writing the image")
    if node.step in _BOOTING:
        return NodeProgress("boot", node.step.replace("_", " "))
    if node.state == "wait call-back" or node.power == "power on":
        if not node.agent:
            return NodeProgress("pxe", "booting from the network; the agent has not contacted Ironic yet")
        return NodeProgress("ramdisk", f"the agent is working: {node.step.replace('_', ' ') or 'contacted Ironic'}")
    return NodeProgress("power", f"{node.state}, {node.power}")


def stage(processes: str) -> str:
    """What a node configures right now, from its process list (`pgrep -a -f /os-refresh-config/`)."""
    found = _SCRIPT.findall(processes)
    if not found:
        return "its own system is up; waiting for its turn"
    phase, _, service = found[-1]
    return shown(service) if phase == "configure" else f"{shown(service)} ({phase.replace('-', ' ')})"


def resource_paths(resources: tuple[Resource, ...], names: Mapping[int, str]) -> Iterator[tuple[str, Resource]]:
    """Each resource with a path that people can read: the group, a node by its name, `NODE/server` and its like under it."""
    for one in resources:
        if one.index is not None:
            yield f"{names.get(one.index, f'node {one.index}')}/{one.name}", one
        elif one.name.isdigit():
            yield names.get(int(one.name), f"node {one.name}"), one
        else:
            yield one.name, one


@dataclass(frozen=True)
class NodeFailure:
    """What failed at which node (empty: the stack itself), in the words of the service that knows most."""

    node: str
    what: str
    why: str

    @property
    def configuring(self) -> bool:
        """Whether its own system ran already, so that it can be looked into."""
        return self.what == _CONFIGURATION


def failure(
    names: Mapping[int, str],
    resources: tuple[Resource, ...],
    words: Mapping[str, str],
    faults: Mapping[str, str],
    reason: str,
) -> NodeFailure:
    """The first cause among the failed resources. `words` are deployments' by id, `faults` servers' by id."""
    failed = [one for one in resources if one.status.endswith("FAILED") and one.index is not None]
    failed.sort(
        key=lambda one: ("aborted" in one.reason or "stopped" in one.reason.lower(), one.kind != DEPLOYMENT, one.index)
    )
    for one in failed:
        name = names.get(one.index if one.index is not None else -1, f"node {one.index}")
        if one.kind == DEPLOYMENT:
            return NodeFailure(name, _CONFIGURATION, words.get(one.physical) or one.reason)
        if one.kind == SERVER:
            return NodeFailure(name, "its deployment failed", faults.get(one.physical) or one.reason)
        if one.kind == PORT:
            return NodeFailure(name, "Neutron rejected its port", one.reason)
    return NodeFailure("", "the undercloud stack failed", reason)
