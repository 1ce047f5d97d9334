"""Before COMMIT a controller of a stack that stands may die, or be written again on purpose; a retry touches no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.json_tree import JSON
from seedvm.cloud.ssh import SshHost
from seedvm.engine.step import Done, Todo
from seedvm.handoff.members import Members
from seedvm.site import orders
from seedvm.steps.deploy import DeployStep
from tests.contract.cloud.undercloud_api import UndercloudApi, undercloud_api
from tests.contract.isolated import isolated
from tests.contract.provisioning.test_deploy_recovery import NODE, SPARE, Told, lay_out, running

MACHINE = "172.22.1.22"


class Asked:
    """How a member is reached: what each of them was asked."""

    def __init__(self) -> None:
        self.verbs: list[tuple[str, str, JSON]] = []

    async def verb(
        self, machine: SshHost, verb: str, request: Mapping[str, JSON] | None = None, *, timeout: float = 60
    ) -> object:
        self.verbs.append((machine.name, verb, dict(request or {})))
        return {"was_member": True}

    async def run(self, machine: SshHost, argv: Sequence[str], **_: Any) -> process.Completed:
        raise SeedvmError("nothing is run", machine=machine.name)

    def forget_host_keys(self) -> None: ...


@asynccontextmanager
async def deployed(folder: Path, api: UndercloudApi, *silent: int) -> AsyncIterator[tuple[DeployStep, Asked]]:
    """A stack that stands; the nodes answer at their addresses, but for some of them."""
    asked = Asked()
    step = lay_out(folder, api)
    members = Members(step.context.site, step.context.secrets, folder, connect=lambda _: asked)
    step = replace(step, members=members, off_seconds=0.5)
    await step.apply(Told())
    servers = []
    for number, node in enumerate(step.context.site.controllers):
        process.run(["ip", "address", "add", f"{node.address}/32", "dev", "lo"], timeout=20)
        if number not in silent:
            servers.append(await asyncio.start_server(lambda _, writer: writer.close(), str(node.address), 22))
    try:
        yield step, asked
    finally:
        for one in servers:
            one.close()


@isolated
async def test_a_controller_that_died_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    with undercloud_api() as api:
        async with deployed(tmp_path, api, 1) as (step, asked):
            assert isinstance(await step.check(), Done)
            before = running(api)
            orders.give(tmp_path, orders.replace("demo", NODE, SPARE, "demo"))
            assert await step.check() == Todo(f"requested: replace {NODE} with {SPARE}")
            told = Told()
            await step.apply(told)
            assert isinstance(await step.check(), Done)
        after, new, old = running(api), api.node(SPARE.bmc), api.node(MACHINE)
        assert {name: after[name] for name in before if name != NODE} == {
            name: one for name, one in before.items() if name != NODE
        }
        assert api.servers[after[NODE]]["machine"] == new["uuid"] and after[NODE] != before[NODE]
        assert old["power_state"] == "power off" and old["extra"]["seedvm_role"] == "replaced"
        assert asked.verbs == [("demo-undercloud-0", "forget", {"node": NODE})]
        assert told.wiped == [{"bmc": SPARE.bmc, "serial": SPARE.serial, "disk": SPARE.disk}]
        assert orders.pending(tmp_path, "demo") == () and api.rebuilt == []


@isolated
async def test_one_whose_bmc_is_dead_too_is_replaced_and_the_operator_is_told_to_unplug_it(tmp_path: Path) -> None:
    with undercloud_api() as api:
        async with deployed(tmp_path, api, 1) as (step, _):
            api.dead.add(MACHINE)
            orders.give(tmp_path, orders.retry("demo", NODE))
            with pytest.raises(SeedvmError, match="cannot be powered off") as refused:
                await step.apply(Told())
            assert f"seedvm node replace {NODE}" in refused.value.hint
            orders.give(tmp_path, orders.replace("demo", NODE, SPARE, "demo"))
            told = Told()
            await step.apply(told)
            assert isinstance(await step.check(), Done)
        assert f"{NODE}: {MACHINE} does not power it off: unplug it, its address is given to {SPARE.bmc}" in told.lines
        assert api.node(MACHINE)["maintenance"] and api.node(SPARE.bmc)["provision_state"] == "active"


@isolated
async def test_a_running_controller_is_never_replaced_nor_tried_again(tmp_path: Path) -> None:
    with undercloud_api() as api:
        async with deployed(tmp_path, api) as (step, asked):
            before = running(api)
            orders.give(tmp_path, orders.retry("demo", NODE))
            assert isinstance(await step.check(), Done)
            orders.give(tmp_path, orders.replace("demo", NODE, SPARE, "demo"))
            with pytest.raises(SeedvmError, match="refusing to replace a running node"):
                await step.apply(Told())
            assert isinstance(await step.check(), Done) and running(api) == before and asked.verbs == []


@isolated
async def test_a_golden_image_that_was_built_again_rebuilds_nobody_and_one_node_on_purpose(tmp_path: Path) -> None:
    with undercloud_api() as api:
        async with deployed(tmp_path, api) as (step, _):
            before = running(api)
            api.golden = "newer"
            api.remove(before[NODE])  # somebody deleted it: Heat does not know
            assert await step.check() == Todo("the server of node 1 does not exist")
            api.unhealthy.add(before[NODE])  # marked by a run that was killed then
            api.group[1].state = "FAILED"
            assert await step.check() == Todo("the server of node 1 does not exist")
            told = Told()
            await step.apply(told)
            assert api.rebuilt == [] and isinstance(await step.check(), Done)
            kept = [line for line in told.lines if "keeps the golden image golden" in line]
            assert len(kept) == 2 and "seedvm node retry demo-undercloud-0 --yes-wipe demo" in kept[0]
            images = {name: api.servers[one]["image"]["id"] for name, one in running(api).items()}
            assert images == {NODE: "newer", "demo-undercloud-0": "golden", "demo-undercloud-2": "golden"}

            orders.give(tmp_path, orders.retry("demo", "demo-undercloud-0", "demo"))
            orders.give(tmp_path, orders.retry("demo", "demo-undercloud-2", "demo"))
            seen: list[int] = []
            await step.apply(Told(lambda *_: seen.append(len(running(api)))))
            assert isinstance(await step.check(), Done) and min(seen) == 2, "one after the other"
            assert {api.servers[one]["image"]["id"] for one in running(api).values()} == {"newer"}
            assert running(api)["demo-undercloud-0"] != before["demo-undercloud-0"] and api.rebuilt == []


@isolated
async def test_no_controller_is_written_again_while_another_is_silent(tmp_path: Path) -> None:
    with undercloud_api() as api:
        async with deployed(tmp_path, api, 2) as (step, _):
            orders.give(tmp_path, orders.retry("demo", NODE, "demo"))
            with pytest.raises(SeedvmError, match="refusing to write a running node again") as refused:
                await step.apply(Told())
            assert "demo-undercloud-2 does not answer" in refused.value.why and len(running(api)) == 3
