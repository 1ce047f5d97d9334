"""RabbitMQ on this machine: which nodes run in its cluster, and forgetting one that is gone for good."""

from __future__ import annotations

import json

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.foreign.text import shown

_CTL = ("rabbitmqctl", "--quiet")


def running() -> tuple[str, ...]:
    """The names of the cluster's running nodes, without the `rabbit@`."""
    return parse_running(_status())


def forget(name: str) -> bool:
    """Take a node (without the `rabbit@`) that does not run out of the cluster: a blank one of its name is refused until then. False where
    the cluster does not know it. Raises SeedvmError where it runs."""
    said = _status()
    if name not in parse_names(said, "disk_nodes"):
        return False
    if name in parse_names(said, "running_nodes"):
        raise SeedvmError("RabbitMQ still runs there", machine=name, hint="switch the machine off, then run again")
    process.run([*_CTL, "forget_cluster_node", f"rabbit@{name}"], timeout=120)
    return True


def _status() -> str:
    return process.run([*_CTL, "cluster_status", "--formatter", "json"], timeout=40).stdout


def parse_running(text: str) -> tuple[str, ...]:
    """The JSON of `rabbitmqctl cluster_status` -> sorted names of what runs."""
    return parse_names(text, "running_nodes")


def parse_names(text: str, key: str) -> tuple[str, ...]:
    """A list of nodes in the JSON of `rabbitmqctl cluster_status` -> sorted names."""
    try:
        nodes = json.loads(text)[key]
    except (ValueError, KeyError, TypeError) as error:
        raise SeedvmError("the answer of rabbitmqctl has an unexpected format", why=shown(text)) from error
    return tuple(sorted(str(node).split("@", 1)[-1] for node in nodes))
