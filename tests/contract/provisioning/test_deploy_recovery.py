"""The deployment and what can go wrong with it, against services that refuse what the real ones refuse: retried, replaced, dropped."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.base.json_tree import JSON
from seedvm.engine.step import Context, Done
from seedvm.site import orders
from seedvm.site.load import parse_site
from seedvm.site.secrets_file import ensure_generated
from seedvm.steps.deploy import DeployStep
from tests.contract.cloud.cloud_http import DIGEST
from tests.contract.cloud.undercloud_api import UndercloudApi, undercloud_api
from tests.contract.isolated import isolated

NODE = "demo-undercloud-1"
SPARE = orders.Spare("172.22.1.29", "EX29", "/dev/sda", "QM29")


class Told:
    """A Report that keeps all of it; `on_phase` is called with each (node, phase)."""

    def __init__(self, on_phase: Any = None) -> None:
        self.lines: list[str] = []
        self.phases: dict[str, list[str]] = {}
        self.resources: list[tuple[str, str]] = []
        self.wiped: list[Mapping[str, JSON]] = []
        self._on_phase = on_phase

    def node(self, node: str, phase: str, *, percent: float | None = None, detail: str = "") -> None:
        seen = self.phases.setdefault(node, [])
        if not seen or seen[-1] != phase:
            seen.append(phase)
        if self._on_phase:
            self._on_phase(node, phase)

    def log(self, message: str, *, node: str | None = None) -> None:
        self.lines.append(f"{node}: {message}")

    def resource(self, resource: str, kind: str, status: str, reason: str = "") -> None:
        self.resources.append((resource, status))

    def confirmed(self, wipe: Sequence[Mapping[str, JSON]]) -> None:
        self.wiped.extend(wipe)

    def progress(self, done: float, total: float, unit: str = "") -> None: ...
    def fact(self, name: str, value: JSON) -> None: ...
    def phase(self, phase: str, state: str, detail: str = "") -> None: ...


def lay_out(folder: Path, api: UndercloudApi, count: int = 3, without: str = "") -> DeployStep:
    """A site whose machines are inspected, registered and reviewed, one spare among them."""
    addresses = ", ".join(f"172.22.0.{11 + number}" for number in range(count))
    text = f"""\
site: demo
seed: {{interface: eth0, address: 172.22.0.10}}
provisioning:
  cidr: 172.22.0.0/24
  gateway: 172.22.0.1
  vip: 172.22.0.5
  undercloud: [{addresses}]
  instances: 172.22.0.50-172.22.0.99
  boot: 172.22.0.100-172.22.0.199
bmc: {{ranges: [172.22.1.21-172.22.1.29]}}
undercloud: {{rehearse_on_spare: true{without}}}
"""
    for number in range(count):
        api.add(f"172.22.1.{21 + number}", "undercloud", f"demo-undercloud-{number}", f"QM{21 + number}")
    api.add(SPARE.bmc, "spare", "demo-29", SPARE.disk_serial)
    for name in ("golden.raw", "ramdisk.kernel", "ramdisk.initramfs"):
        (folder / name).write_bytes(b"x")
    for name in ("golden.json", "ramdisk.json"):
        (folder / name).write_text(json.dumps({"sha256": DIGEST}))
    context = Context(parse_site(text), ensure_generated(folder / "secrets.yaml"), folder, folder)
    return DeployStep(context, look_every=0.05)


def running(api: UndercloudApi) -> dict[str, str]:
    """Name to id of the servers that run."""
    return {one["name"]: one["id"] for one in api.servers.values() if one["status"] == "ACTIVE"}


@isolated
async def test_a_deployment_is_told_stage_by_stage_and_resource_by_resource(tmp_path: Path) -> None:
    with undercloud_api() as api:
        step, told = lay_out(tmp_path, api), Told()
        await step.apply(told)
        assert isinstance(await step.check(), Done)
        assert told.phases[NODE] == ["power", "pxe", "ramdisk", "write", "boot", "joined"]
        assert (f"{NODE}/server", "CREATE_IN_PROGRESS") in told.resources
        assert (f"{NODE}/configured", "CREATE_COMPLETE") in told.resources
        assert told.resources.count((f"{NODE}/server", "CREATE_COMPLETE")) == 1


@isolated
async def test_a_machine_that_hangs_is_ended_by_an_order_and_tried_again_and_the_others_stay(tmp_path: Path) -> None:
    with undercloud_api() as api:
        step = lay_out(tmp_path, api)
        api.hangs.add("172.22.1.22")

        def order_once(node: str, phase: str) -> None:
            if node == "demo-undercloud-0" and phase == "joined" and api.hangs:
                api.hangs.clear()
                first.update(running(api))
                orders.give(tmp_path, orders.retry("demo", NODE))

        first: dict[str, str] = {}
        told = Told(order_once)
        await step.apply(told)
        assert isinstance(await step.check(), Done)
        assert api.orders("172.22.1.22")[0] == "deleted"
        assert len(running(api)) == 3 and first and first.items() <= running(api).items()
        assert orders.pending(tmp_path, "demo") == ()
        assert any("its deployment has been cancelled as requested" in line for line in told.lines)


@isolated
async def test_a_machine_that_failed_is_named_with_its_cause_and_a_second_run_tries_it_again(tmp_path: Path) -> None:
    with undercloud_api() as api:
        step = lay_out(tmp_path, api)
        api.fails.add("172.22.1.22")
        with pytest.raises(SeedvmError) as failed:
            await step.apply(Told())
        assert (failed.value.machine, failed.value.why) == (NODE, "the disk does not take the image, whole")
        assert f"seedvm node retry {NODE}" in failed.value.hint
        before = running(api)
        api.fails.clear()
        await step.apply(Told())
        assert isinstance(await step.check(), Done)
        assert before.items() <= running(api).items() and len(running(api)) == 3


@isolated
async def test_a_dead_machine_is_replaced_by_the_spare_whose_disk_was_confirmed(tmp_path: Path) -> None:
    with undercloud_api() as api:
        step = lay_out(tmp_path, api)
        api.fails.add("172.22.1.22")
        api.dead.add("172.22.1.22")
        with pytest.raises(SeedvmError):
            await step.apply(Told())
        before = running(api)
        orders.give(tmp_path, orders.replace("demo", NODE, SPARE, "demo"))
        told = Told()
        await step.apply(told)
        assert isinstance(await step.check(), Done)
        new, old = api.node(SPARE.bmc), api.node("172.22.1.22")
        assert new["extra"]["seedvm_name"] == NODE and api.servers[running(api)[NODE]]["machine"] == new["uuid"]
        assert old["extra"]["seedvm_role"] == "replaced" and old["traits"] == []
        assert old["maintenance"] and "replaced by 172.22.1.29" in old["maintenance_reason"]
        assert told.wiped == [{"bmc": SPARE.bmc, "serial": SPARE.serial, "disk": SPARE.disk}]
        assert before.items() <= running(api).items() and orders.pending(tmp_path, "demo") == ()


@isolated
async def test_a_spare_with_another_disk_is_not_taken_and_nothing_is_changed(tmp_path: Path) -> None:
    with undercloud_api() as api:
        step = lay_out(tmp_path, api)
        api.fails.add("172.22.1.22")
        with pytest.raises(SeedvmError):
            await step.apply(Told())
        api.node(SPARE.bmc)["properties"]["root_device"] = {"serial": "OTHER"}
        orders.give(tmp_path, orders.replace("demo", NODE, SPARE, "demo"))
        with pytest.raises(SeedvmError, match="was not replaced") as refused:
            await step.apply(Told())
        assert "QM29 was confirmed" in refused.value.why
        assert api.node(SPARE.bmc)["extra"]["seedvm_role"] == "spare" and orders.pending(tmp_path, "demo") == ()


@isolated
async def test_a_stack_in_which_no_server_ever_ran_is_made_anew(tmp_path: Path) -> None:
    with undercloud_api() as api:
        step = lay_out(tmp_path, api)
        api.fails.update(f"172.22.1.{last}" for last in (21, 22, 23))
        with pytest.raises(SeedvmError):
            await step.apply(Told())
        assert api.stack is not None
        first = api.stack["id"]
        api.fails.clear()
        await step.apply(Told())
        assert isinstance(await step.check(), Done)
        assert api.stack["id"] != first and len(running(api)) == 3


@isolated
async def test_a_dropped_node_has_no_server_and_the_others_keep_name_and_place(tmp_path: Path) -> None:
    with undercloud_api() as api:
        step = lay_out(tmp_path, api, count=5, without=", without: [172.22.0.12]")
        await step.apply(Told())
        assert isinstance(await step.check(), Done)
        assert sorted(running(api)) == [f"demo-undercloud-{number}" for number in (0, 2, 3, 4)]
        assert api.node("172.22.1.22")["instance_uuid"] is None and api.orders("172.22.1.22") == []
