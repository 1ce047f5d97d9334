"""COMPARE: every table, image and secret the same on every member; and writes pass again when they are not."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.engine.step import Done, Todo
from seedvm.steps.handoff_compare import Compare
from tests.contract.handoff.galera import DATABASES
from tests.contract.handoff.lab import IMAGE, Lab, in_a_lab
from tests.contract.handoff.stages import quiesced
from tests.contract.isolated import until


async def refused(lab: Lab) -> SeedvmError:
    """The comparison's failure; by it nothing was handed over, and the undercloud may be changed again."""
    await quiesced(lab)
    with pytest.raises((SeedvmError, ExceptionGroup)) as failed:
        await Compare(lab.members).apply(lab.told)
    assert not lab.haproxy["seed"].held and lab.seed.timer("seedvm-hold-end") == []
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
    await quiesced(lab)
    step = Compare(lab.members)
    assert await step.check() == Todo("the members have not been compared since writes were put on hold")
    await step.apply(lab.told)
    verdict = await step.check()
    assert isinstance(verdict, Done)
    assert verdict.evidence["tables"] == len(DATABASES) and verdict.evidence["rows"] == 3 * len(DATABASES)
    compared = lab.record.compared
    assert compared is not None and compared.hold_since == lab.record.hold_since
    assert [one.sha512 for one in compared.images] == [hashlib.sha512(b"golden image").hexdigest()]
    assert compared.secrets == {"keystone credential": 1, "fernet token": 1, "heat stack": 1, "bmc": 2}
    assert lab.told.phases[-1] == "COMPARE done" and lab.haproxy["seed"].held


@in_a_lab
async def test_writes_that_passed_afterwards_make_it_worthless(lab: Lab) -> None:
    await quiesced(lab)
    await Compare(lab.members).apply(lab.told)
    lab.haproxy["seed"].held = False
    assert await Compare(lab.members).check() == Todo("writes were allowed again after the comparison")
    await quiesced(lab)
    assert await Compare(lab.members).check() == Todo(
        "the members have not been compared since writes were put on hold"
    )


@in_a_lab
async def test_a_table_that_differs_is_named_with_its_member(lab: Lab) -> None:
    lab.galera["demo-undercloud-1"].different.add("heat.things")
    error = await refused(lab)
    assert error.what == "the members' tables differ" and "heat.things (demo-undercloud-0: [3, 7001]" in error.why


@in_a_lab
async def test_a_table_that_is_written_all_the_time_is_compared_until_all_agree(lab: Lab) -> None:
    lab.cluster.beating |= {"nova.things", "ironic.things"}
    await quiesced(lab)
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
    (lab.nodes[2].lib / "glance/images" / IMAGE).unlink()
    error = await refused(lab)
    assert "demo-undercloud-2" in error.why


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
    await quiesced(lab)
    await Compare(lab.members).apply(lab.told)
    assert lab.record.compared is not None
    assert lab.record.compared.secrets["bmc"] == 2 and lab.record.compared.without_password == ("node-9",)
    assert any("node-9" in line for line in lab.told.lines)


@in_a_lab
async def test_a_node_that_is_lost_and_an_engine_that_is_stopped_let_writes_pass_again(lab: Lab) -> None:
    await quiesced(lab)
    lab.down.add("demo-undercloud-1")
    with pytest.raises(ExceptionGroup):
        await Compare(lab.members).apply(lab.told)
    assert not lab.haproxy["seed"].held
    lab.down.clear()
    await quiesced(lab)
    task = asyncio.create_task(Compare(lab.members).apply(lab.told))
    await until(lambda: lab.told.phases.count("COMPARE started") == 2)  # the first attempt asked for digests too
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not lab.haproxy["seed"].held and lab.told.phases[-1] == "COMPARE failed"


@in_a_lab
async def test_killed_before_it_was_noted_it_is_done_again(lab: Lab) -> None:
    await quiesced(lab)
    await lab.killed("handoff_compare.Compare", "self.members.save(replace(known, compared=compared))")
    step = Compare(lab.members)
    assert lab.haproxy["seed"].held and isinstance(await step.check(), Todo)
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done)
