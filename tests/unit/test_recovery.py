"""The way back of a machine, and when a spare may take a place."""

from __future__ import annotations

from typing import Any

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.base.item import Item
from seedvm.cloud.ironic import Node
from seedvm.provisioning.recovery import hangs, refuse, way_back
from seedvm.site.orders import Order, Spare, replace
from seedvm.site.review import Review, ReviewDisk, ReviewMachine

SPARE = Spare("172.22.1.24", "EX0024", "/dev/sda", "QM00024")
ORDER: Order = replace("demo", "demo-undercloud-1", SPARE, "demo")


def node(state: str = "available", role: str = "spare", **more: Any) -> Node:
    said: dict[str, Any] = {
        "uuid": "u", "name": "demo-1-24", "driver": "ipmi", "provision_state": state, "target_provision_state": None,
        "power_state": "power off", "maintenance": False, "maintenance_reason": None, "last_error": "", "instance_uuid": None,
        "extra": {"seedvm_site": "demo", "seedvm_bmc": "172.22.1.24", "seedvm_role": role, "seedvm_name": "demo-1-24"},
        "traits": [], "properties": {"root_device": {"serial": "QM00024"}}, "reservation": None, "deploy_step": {},
        "inspection_finished_at": None, "driver_internal_info": {"agent_url": "https://172.22.0.104:9999"},
    }  # fmt: skip
    return Node.of(Item(said | more, "ironic"))


@pytest.mark.parametrize(
    ("state", "verb"),
    [
        ("deploy failed", "deleted"),
        ("error", "deleted"),
        ("wait call-back", "deleted"),
        ("clean failed", "manage"),
        ("manageable", "provide"),
        ("available", None),
        ("deleting", None),
        ("cleaning", None),
    ],
)
def test_every_state_of_a_failed_deployment_has_its_verb(state: str, verb: str | None) -> None:
    assert way_back(node(state)) == verb


def test_what_is_locked_or_in_use_is_left_alone() -> None:
    assert way_back(node("error", reservation="seed")) is None
    assert way_back(node("wait call-back", instance_uuid="i")) is None
    assert way_back(node("deploy failed", instance_uuid="i")) == "deleted"
    assert (
        hangs(node("wait call-back"))
        and not hangs(node("active"))
        and not hangs(node("wait call-back", reservation="s"))
    )


def test_the_agents_address_is_read() -> None:
    assert node().agent == "172.22.0.104"


def test_a_free_spare_with_the_confirmed_disk_may() -> None:
    refuse(ORDER, SPARE, node())
    refuse(ORDER, SPARE, node(properties={"root_device": {"wwn": "QM00024"}}))


@pytest.mark.parametrize(
    ("machine", "why"),
    [
        (None, "not registered"),
        (node(role="undercloud"), "its role is undercloud"),
        (node(instance_uuid="i"), "in use"),
        (node(properties={"root_device": {"serial": "OTHER"}}), "QM00024 was confirmed"),
        (node(properties={}), "root disk is unknown"),
    ],
)
def test_any_other_machine_or_disk_may_not(machine: Node | None, why: str) -> None:
    with pytest.raises(SeedvmError) as refused:
        refuse(ORDER, SPARE, machine)
    assert why in refused.value.why


def test_the_review_tells_who_was_replaced() -> None:
    disk = ReviewDisk("/dev/sda", "x", wipe=True)
    replaced = ReviewMachine("172.22.1.22", "demo-undercloud-1", "undercloud", verdict="fit", disks=(disk,))
    spare = ReviewMachine("172.22.1.24", "demo-1-24", "spare", verdict="fit", disks=(disk,))
    old, new = Review("demo", (replaced, spare)).swapped("demo-undercloud-1", "172.22.1.24").machines
    assert (old.role, old.name, old.disks[0].wipe, old.why) == (
        "unfit",
        "172.22.1.22",
        False,
        "replaced by 172.22.1.24",
    )
    assert (new.role, new.name, new.disks[0].wipe) == ("undercloud", "demo-undercloud-1", True)
