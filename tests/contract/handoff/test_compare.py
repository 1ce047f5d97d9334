"""COMPARE: every table, image and secret the same on every member, seen while everybody works."""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import replace
from pathlib import Path

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.engine.step import Done, Todo
from seedvm.services.load import installed
from seedvm.steps.handoff_compare import Compare
from tests.contract.handoff.galera import DATABASES
from tests.contract.handoff.lab import IMAGE, Lab, in_a_lab
from tests.contract.handoff.stages import compared, fenced
from tests.contract.isolated import until


async def refused(lab: Lab) -> SeedvmError:
    """The comparison's failure; nobody had to wait for it."""
    holds = []
    lab.haproxy["seed"].on_hold = lambda: holds.append(True)
    with pytest.raises((SeedvmError, ExceptionGroup)) as failed:
        await Compare(lab.members).apply(lab.told)
    assert not holds and lab.seed.timer("seedvm-hold-end") == []
    assert lab.record.compared is None and lab.record.hold_since is None
    assert lab.told.phases[-1] == "COMPARE failed" and lab.holder() == ["seed"]
    assert isinstance(await Compare(lab.members).check(), Todo)
    error: BaseException = failed.value
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, SeedvmError)
    return error


@in_a_lab
async def test_what_all_members_hold_is_noted_for_the_receipt(lab: Lab) -> None:
    step = Compare(lab.members)
    assert await step.check() == Todo("the members have not been compared")
    await step.apply(lab.told)
    verdict = await step.check()
    assert isinstance(verdict, Done)
    assert verdict.evidence["tables"] == len(DATABASES) and verdict.evidence["rows"] == 3 * len(DATABASES)
    found, canary = lab.record.compared, lab.record.canary
    assert found is not None and found.hold_since is None
    assert canary is not None and list(lab.cloud.credentials) == [canary.id]
    assert [one.sha512 for one in found.images] == [hashlib.sha512(b"golden image").hexdigest()]
    assert found.secrets == {"keystone credential": 1, "fernet token": 1, "heat stack": 1, "bmc": 2}
    assert lab.told.phases[-1] == "COMPARE done" and not lab.haproxy["seed"].held


@in_a_lab
async def test_a_comparison_of_long_ago_is_done_again_also_one_of_another_clock(lab: Lab) -> None:
    await compared(lab)
    assert isinstance(await Compare(lab.members).check(), Done)
    for since in (-3600, 3600):
        known = lab.record
        assert known.compared is not None
        lab.members.save(replace(known, compared=replace(known.compared, at=time.time() + since)))
        assert await Compare(lab.members).check() == Todo("the members were compared long ago")


@in_a_lab
async def test_a_run_that_stopped_under_the_order_of_earlier_versions_begins_in_the_open(lab: Lab) -> None:
    await fenced(lab)  # they compared under the hold, at no time that they noted, and stopped the workers
    known = lab.record
    assert known.compared is not None
    lab.members.save(replace(known, compared=replace(known.compared, at=0.0), watch=None))
    step = Compare(lab.members)
    assert isinstance(await step.check(), Todo)
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done) and not lab.haproxy["seed"].held
    assert all(lab.seed.unit(one) == "active" for one in installed().units("worker"))
    assert lab.told.phases == ["COMPARE started", "FENCE undone", "QUIESCE undone", "COMPARE done"]


@in_a_lab
async def test_a_table_that_differs_is_named_with_its_member(lab: Lab) -> None:
    lab.galera["demo-undercloud-1"].different.add("heat.things")
    error = await refused(lab)
    assert error.what == "the members' tables differ" and "heat.things (demo-undercloud-0: [3, 7001]" in error.why


@in_a_lab
async def test_a_table_that_is_written_all_the_time_is_compared_until_all_agree(lab: Lab) -> None:
    lab.cluster.beating |= {"nova.things", "ironic.things"}
    await Compare(lab.members).apply(lab.told)
    assert lab.record.compared is not None and lab.record.compared.tables == len(DATABASES)


@in_a_lab
async def test_a_difference_in_a_table_that_is_written_all_the_time_is_found_too(lab: Lab) -> None:
    lab.cluster.beating.add("nova.things")
    lab.galera["demo-undercloud-2"].different.add("nova.things")
    error = await refused(lab)
    assert "nova.things" in error.why


@in_a_lab
async def test_an_image_that_is_damaged_or_missing_on_one_node_is_found(lab: Lab) -> None:
    (lab.nodes[2].lib / "glance/images" / IMAGE).write_bytes(b"golden imagf")
    error = await refused(lab)
    assert error.what == "image files differ" and IMAGE in error.why
    assert not error.passing
    (lab.nodes[2].lib / "glance/images" / IMAGE).unlink()
    error = await refused(lab)
    assert "demo-undercloud-2" in error.why and error.passing, "a node fetches what it lacks: the engine waits"
    lab.put_image(IMAGE, "golden", b"golden image")
    lab.cloud.images["new"] = ("new", b"", "")
    await Compare(lab.members).apply(lab.told)
    assert lab.record.compared is not None and len(lab.record.compared.images) == 1, (
        "one that is uploaded has no file yet"
    )


@in_a_lab
async def test_a_node_whose_keys_are_not_those_of_the_site_is_found(lab: Lab) -> None:
    lab.cloud.strange.add("demo-undercloud-0")
    error = await refused(lab)
    assert error.machine == "demo-undercloud-0" and "token" in error.what
    lab.cloud.strange.clear()
    lab.do(lab.nodes[1], lambda: Path("/etc/heat-key").write_text("other"))
    error = await refused(lab)
    assert error.machine == "demo-undercloud-1"


@in_a_lab
async def test_a_kind_of_secret_of_which_there_is_none_proves_nothing(lab: Lab) -> None:
    lab.cluster.bmcs = []
    error = await refused(lab)
    assert error.what == "there is no bmc to decrypt"


@in_a_lab
async def test_one_ironic_node_without_a_bmc_password_is_named_and_fails_nothing(lab: Lab) -> None:
    lab.cluster.bmcs = [*lab.cluster.bmcs, ("node-9", "{}")]
    await Compare(lab.members).apply(lab.told)
    assert lab.record.compared is not None
    assert lab.record.compared.secrets["bmc"] == 2 and lab.record.compared.without_password == ("node-9",)
    assert any("node-9" in line for line in lab.told.lines)


@in_a_lab
async def test_a_node_that_is_lost_ends_it_and_an_engine_that_is_stopped_or_killed_leaves_nothing(lab: Lab) -> None:
    lab.down.add("demo-undercloud-1")
    with pytest.raises(ExceptionGroup):
        await Compare(lab.members).apply(lab.told)
    lab.down.clear()
    task = asyncio.create_task(Compare(lab.members).apply(lab.told))
    await until(lambda: lab.told.phases.count("COMPARE started") == 2)  # the first attempt asked for digests too
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert lab.told.phases[-1] == "COMPARE failed"
    await lab.killed("handoff_compare.Compare", "self.members.save(replace(self.members.record(), canary=made")
    step = Compare(lab.members)
    assert isinstance(await step.check(), Todo)
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done) and len(lab.cloud.credentials) == 1, "the canary of before is gone"
