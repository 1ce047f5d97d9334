"""JOIN: every node is a whole controller beside the seed; what is missing is said of the node that lacks it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.engine.step import Done, Todo
from seedvm.site import orders, recovery
from seedvm.site.accounts import Candidate
from seedvm.site.sealed import open_sealed
from seedvm.site.secrets_file import load_secrets, store_proven
from seedvm.steps.join import Join
from tests.contract.handoff.lab import IMAGE, Lab, in_a_lab
from tests.contract.handoff.stages import committed
from tests.contract.isolated import until


def step(lab: Lab, seconds: float = 60.0) -> Join:
    return Join(lab.members, join_seconds=seconds, look_every=0.05)


@in_a_lab
async def test_whole_members_are_told_and_nothing_is_left_to_do(lab: Lab) -> None:
    everybody = ["seed", "demo-undercloud-0", "demo-undercloud-1", "demo-undercloud-2"]
    assert await step(lab).check() == Todo("not on every node yet: clouds.yaml, sealed.age, site.yaml")
    await step(lab).apply(lab.told)
    assert await step(lab).check() == Done({"cluster_size": 4, "members": everybody, "images": 1})
    assert lab.told.phases[-1] == "JOIN done" and lab.told.facts["members_whole"] == "3 of 3"


@in_a_lab
async def test_from_here_on_every_node_keeps_the_site_and_root_of_a_node_reads_no_secret_of_it(lab: Lab) -> None:
    await step(lab).apply(lab.told)
    secrets, key = load_secrets(lab.state_dir / "secrets.yaml"), lab.secrets.generated.recovery_key
    own = (secrets.generated.ssh_private_key, secrets.generated.receipt_key, key)  # the rest is in a node's metadata
    for node in lab.nodes:
        there = [path for path in (node.lib / "seedvm").rglob("*") if path.is_file()]
        assert not [path for path in there for one in own if one.reveal().strip() in path.read_text()]
        manifest, files = open_sealed((node.lib / "seedvm/sealed.age").read_text(), key, node.name)
        assert manifest.site == "demo" and files["secrets.yaml"] == (lab.state_dir / "secrets.yaml").read_bytes()
        with pytest.raises(SeedvmError, match="does not open"):
            open_sealed((node.lib / "seedvm/sealed.age").read_text(), recovery.parse(recovery.make()), node.name)


@in_a_lab
async def test_what_changes_on_the_seed_later_reaches_the_nodes_and_what_older_versions_kept_in_the_open_goes(
    lab: Lab,
) -> None:
    await step(lab).apply(lab.told)
    store_proven(lab.state_dir / "secrets.yaml", {"172.22.1.21": Candidate("root", Secret("rotated"))})
    (lab.nodes[1].lib / "seedvm/site_key").write_text("PRIVATE KEY")
    assert await step(lab).check() == Todo("not on every node yet: sealed.age, site_key")
    await step(lab).apply(lab.told)
    assert isinstance(await step(lab).check(), Done) and not (lab.nodes[1].lib / "seedvm/site_key").exists()
    text = (lab.nodes[2].lib / "seedvm/sealed.age").read_text()
    assert b"rotated" in open_sealed(text, lab.secrets.generated.recovery_key, "node")[1]["secrets.yaml"]


@in_a_lab
async def test_what_a_node_lacks_is_said_of_that_node(lab: Lab) -> None:
    lab.link(lab.nodes[1], "down")
    assert await step(lab).check() == Todo("demo-undercloud-1 does not answer at 172.22.0.12")
    lab.link(lab.nodes[1], "up")
    lab.nodes[2].units("heat-engine.service", state="inactive")
    assert await step(lab).check() == Todo("demo-undercloud-2: no heat-engine is alive")
    lab.nodes[2].units("heat-engine.service")
    lab.galera["demo-undercloud-0"].gone = True
    verdict = await step(lab).check()
    assert isinstance(verdict, Todo) and verdict.why.startswith("demo-undercloud-0: galera: MariaDB does not answer")
    lab.galera["demo-undercloud-0"].gone = False
    lab.cloud.broken.add(("demo-undercloud-1", "image"))
    assert await step(lab).check() == Todo("demo-undercloud-1: glance: HTTP 500")
    lab.cloud.broken.clear()
    (lab.nodes[0].lib / "glance/images" / IMAGE).unlink()
    assert await step(lab).check() == Todo(f"demo-undercloud-0: image {IMAGE} is missing")


@in_a_lab
async def test_a_node_that_joins_late_is_waited_for(lab: Lab) -> None:
    lab.nodes[1].units("mariadb.service", state="activating")
    task = asyncio.create_task(step(lab).apply(lab.told))
    await until(lambda: any("Galera Synced, Primary, 3 members" in line for line in lab.told.lines))
    assert not task.done()
    lab.nodes[1].units("mariadb.service")
    await task
    assert isinstance(await step(lab).check(), Done)


@in_a_lab
async def test_a_node_that_never_joins_is_named_at_the_end(lab: Lab) -> None:
    (lab.nodes[2].run / "rabbit.json").write_text('{"running_nodes": ["rabbit@demo-undercloud-2"]}')
    with pytest.raises(SeedvmError, match="the nodes did not join"):
        await step(lab, 4.0).apply(lab.told)
    assert "still missing: demo-undercloud-2: RabbitMQ runs on demo-undercloud-2" in lab.told.lines


@in_a_lab
async def test_killed_while_it_waits_the_next_run_waits_on_and_after_commit_nobody_asks(lab: Lab) -> None:
    lab.nodes[0].units("heat-engine.service", state="activating")
    await lab.killed("join.Join", "names = [node.name")
    lab.nodes[0].units("heat-engine.service")
    await step(lab).apply(lab.told)
    assert isinstance(await step(lab).check(), Done)
    await committed(lab)
    lab.nodes[0].units("mariadb.service", state="inactive")
    assert await step(lab).check() == Done({"committed": True})


@in_a_lab
async def test_a_dead_node_is_named_with_the_order_that_replaces_it_and_the_order_ends_the_wait(lab: Lab) -> None:
    lab.link(lab.nodes[1], "down")
    dead = replace(step(lab, 4.0), dead_seconds=1.0)
    with pytest.raises(SeedvmError, match="the nodes did not join") as failed:
        await dead.apply(lab.told)
    cure = "seedvm node replace demo-undercloud-1 (a spare takes its place), then seedvm run"
    assert failed.value.machine == "demo-undercloud-1" and failed.value.hint.endswith(cure)
    assert f"no answer for 1 s. Switch it on; if it is dead: {cure}" in lab.told.lines
    assert "JOIN started" in lab.told.phases

    orders.give(lab.state_dir, orders.retry(lab.site.name, "demo-undercloud-1"))
    with pytest.raises(SeedvmError, match="does not answer") as ended:
        await step(lab, 600.0).apply(lab.told)
    assert "requested: retry demo-undercloud-1" in ended.value.why and ended.value.hint == "run again"
