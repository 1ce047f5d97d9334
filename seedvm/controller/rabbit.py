"""RabbitMQ on this machine: which nodes run in its cluster."""

from __future__ import annotations

import json

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.foreign.text import shown


def running() -> tuple[str, ...]:
    """The names of the cluster's running nodes, without the `rabbit@`."""
    said = process.run(["rabbitmqctl", "--quiet", "cluster_status", "--formatter", "json"], timeout=40)
    return parse_running(said.stdout)


def parse_running(text: str) -> tuple[str, ...]:
    """The JSON of `rabbitmqctl cluster_status` -> sorted names."""
    try:
        nodes = json.loads(text)["running_nodes"]
    except (ValueError, KeyError, TypeError) as error:
        raise SeedvmError("the answer of rabbitmqctl has an unexpected format", why=shown(text)) from error
    return tuple(sorted(str(node).split("@", 1)[-1] for node in nodes))
