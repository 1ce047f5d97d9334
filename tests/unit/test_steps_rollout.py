"""A node's phase and a failure's first cause, read from three services' facts."""

from __future__ import annotations

from typing import Any

import pytest

from seedvm.base.item import Item
from seedvm.cloud.heat import Resource
from seedvm.cloud.ironic import Node, innermost
from seedvm.provisioning.phases import DEPLOYMENT, SERVER, failure, place

NAMES = {0: "demo-undercloud-0", 1: "demo-undercloud-1"}


def node(state: str = "available", power: str = "power off", step: str = "", error: str = "", agent: str = "") -> Node:
    said: dict[str, Any] = {
        "uuid": "u",
        "name": "demo-1-21",
        "driver": "ipmi",
        "provision_state": state,
        "target_provision_state": None,
        "power_state": power,
        "maintenance": False,
        "maintenance_reason": None,
        "last_error": error,
        "instance_uuid": None,
        "extra": {"seedvm_site": "demo", "seedvm_bmc": "172.22.1.21"},
        "traits": [],
        "properties": {},
        "reservation": None,
        "deploy_step": {"step": step} if step else {},
        "inspection_finished_at": None,
        "driver_internal_info": {"agent_url": f"https://{agent}:9999"} if agent else {},
    }
    return Node.of(Item(said, "ironic"))


def resource(kind: str, status: str, reason: str = "", index: int | None = 0, physical: str = "p") -> Resource:
    return Resource("name", kind, status, reason, physical, index)


@pytest.mark.parametrize(
    ("now", "phase"),
    [
        (node(), "power"),
        (node("deploying"), "power"),
        (node("wait call-back", "power on"), "pxe"),
        (node("wait call-back", "power on", agent="172.22.0.101"), "ramdisk"),
        (node("wait call-back", "power on", "write_image"), "write"),
        (node("deploying", "power on", "boot_instance"), "boot"),
        (node("active", "power on"), "boot"),
        (node("deploy failed", error="no disk"), "failed"),
    ],
)
def test_the_phase_is_irons_until_the_disk_boots(now: Node, phase: str) -> None:
    assert place(now, {}, answers=False).phase == phase


def test_a_node_that_answers_is_configuring_until_it_signals() -> None:
    up = node("active", "power on")
    waiting = {DEPLOYMENT: resource(DEPLOYMENT, "CREATE_IN_PROGRESS")}
    assert place(up, waiting, answers=True).phase == "configure"
    assert place(up, {DEPLOYMENT: resource(DEPLOYMENT, "CREATE_COMPLETE")}, answers=True).phase == "joined"
    assert place(up, {DEPLOYMENT: resource(DEPLOYMENT, "CREATE_FAILED", "galera")}, answers=True).phase == "failed"


def test_the_nodes_own_words_go_before_heats() -> None:
    resources = (
        resource(SERVER, "CREATE_FAILED", "CREATE aborted", index=0, physical="s0"),
        resource(DEPLOYMENT, "CREATE_FAILED", "Deployment to server failed", index=1, physical="d1"),
    )
    said = failure(NAMES, resources, {"d1": "40-mariadb: no donor"}, {}, "Resource CREATE failed")
    assert (said.node, said.why) == ("demo-undercloud-1", "40-mariadb: no donor")


def test_a_machine_that_was_not_deployed_is_told_in_the_words_of_who_knows_most() -> None:
    resources = (resource(SERVER, "CREATE_FAILED", "Went to status ERROR", index=0, physical="s0"),)
    assert failure(NAMES, resources, {}, {"s0": "the agent found no disk"}, "failed").why == "the agent found no disk"
    assert failure(NAMES, resources, {}, {}, "failed").why == "Went to status ERROR"


def test_the_innermost_error_is_what_a_screen_has_room_for() -> None:
    said = "Deploy step failed: Redfish exception occurred. Error: Reboot failed. Error: HTTP POST https://bmc/Reset returned code 409."
    told = f"{said} Base.1.0.GeneralError: no power Extended information: [{{'MessageId': 'Base.1.0.GeneralError'}}]"
    assert innermost(told) == "HTTP POST https://bmc/Reset returned code 409. Base.1.0.GeneralError: no power"
    assert innermost("IPMI call failed: power on.") == "IPMI call failed: power on."


def test_a_failure_that_no_node_explains_is_the_stacks() -> None:
    assert failure(NAMES, (), {}, {}, "Stack CREATE timed out").why == "Stack CREATE timed out"
