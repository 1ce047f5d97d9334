"""The undercloud is highly available: it loses the node that holds the VIP, goes on, and gets it back with nothing lost."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial

import pytest

from seedvm.controller.rabbit import parse_running
from tests.e2e.world import VIP, World
from tests.terminal import wait_until

GAP_LIMIT_SECONDS = 10
BROKERS_SECONDS = 60
"""RabbitMQ knows a silent node in 15 to 25 s as it is set up here, in 60 to 75 s as it comes: until then calls to Heat's engines hang."""


def holder_of_the_vip(world: World) -> str:
    return world.machine_at(VIP)


def power(world: World, machine: str, action: str) -> None:
    """Through the machine's own BMC, with ipmitool or over Redfish, as an operator would."""
    world.seedvm("rack", "power", "--file", "build/demo/rack.yaml", machine, action)


def galera_size(world: World, machine: str) -> str:
    rows = world.on_machine(machine, "mariadb", "-N", "-e", "SHOW STATUS LIKE 'wsrep_cluster_size'", check=False)
    return rows.split()[-1] if rows.split() else ""


@dataclass(frozen=True)
class Loss:
    """The machine that was lost, the other controllers, and for how many seconds the slowest API was away."""

    machine: str
    others: tuple[str, ...]
    gap: float


@pytest.fixture(scope="module")
def lost(finished: World) -> Loss:
    machine = holder_of_the_vip(finished)
    others = tuple(name for name in finished.undercloud().values() if name != machine)
    power(finished, machine, "off")
    begin = time.monotonic()
    wait_until("the VIP is gone", lambda: not finished.answers(f"http://{VIP}:5000/", timeout=0.5), 5, every=0.1)
    for port in (5000, 8004, 8774, 6385):
        wait_until(f"port {port} answers", partial(finished.answers, f"http://{VIP}:{port}/", 1), 60, every=0.1)
    gap = round(time.monotonic() - begin, 1)
    finished.note_fact("node_loss_gap_seconds", gap)
    return Loss(machine, others, gap)


def test_the_apis_are_back_within_ten_seconds(lost: Loss, finished: World) -> None:
    assert lost.gap <= GAP_LIMIT_SECONDS
    assert finished.report()["node_loss_gap_seconds"] == lost.gap


def running_brokers(world: World, machine: str) -> int:
    """How many RabbitMQ nodes the broker on this machine counts as running."""
    words = ("rabbitmqctl", "--quiet", "cluster_status", "--formatter", "json")
    said = world.on_machine(machine, *words, check=False)
    return len(parse_running(said)) if said.strip().startswith("{") else 0


def brokers_agree(world: World, lost: Loss) -> bool:
    """The lost node is out, or in again: Ironic, which wants it to be on, switches it on within a minute."""
    return running_brokers(world, lost.others[0]) == 2 or running_brokers(world, lost.machine) == 3


def heat_shows_a_stack(world: World) -> bool:
    """Through the VIP, Keystone, Heat's API, a queue, one of its engines and the database."""
    return "spare" in world.stock_client("stack", "show", "spare", "-c", "stack_name", check=False)


def test_a_stack_is_updated_with_two_nodes_left(lost: Loss, finished: World) -> None:
    wait_until("the brokers agree on who is there", lambda: brokers_agree(finished, lost), BROKERS_SECONDS, every=1)
    wait_until("Heat works", lambda: heat_shows_a_stack(finished), 60, every=1)
    before = finished.openstack("stack", "show", "spare")["updated_time"]
    finished.stock_client("stack", "update", "--existing", "--tags", "with-two-nodes", "--wait", "spare", timeout=300)
    after = finished.openstack("stack", "show", "spare")
    assert after["stack_status"] == "UPDATE_COMPLETE"
    assert after["updated_time"] != before


def test_the_lost_node_rejoins_by_itself_with_nothing_lost(lost: Loss, finished: World) -> None:
    servers = finished.openstack("server", "list")
    power(finished, lost.machine, "on")
    wait_until("the database has three members", lambda: galera_size(finished, lost.others[0]) == "3", 300, every=2)
    assert {s["ID"] for s in finished.openstack("server", "list")} == {s["ID"] for s in servers}
