"""The seed is lost for good: another one takes the hand-off up from the nodes, by the recovery key, and is never a controller."""

from __future__ import annotations

import asyncio
from pathlib import Path

from seedvm.base import process
from seedvm.base.secret import Secret
from seedvm.cli import main
from seedvm.controller import handed_over
from seedvm.controller.local_data import LOCAL_DATA
from seedvm.engine.step import Blocked, Context, Done, Todo
from seedvm.handoff.members import Members
from seedvm.plan import build_plan
from seedvm.services.load import installed
from seedvm.site import recovery
from seedvm.site.accounts import Candidate
from seedvm.site.receipt import trusted, witnesses
from seedvm.site.secrets_file import load_secrets, store_proven
from seedvm.steps.handoff_commit import Commit
from seedvm.steps.handoff_own import Own, Retire
from seedvm.steps.handoff_receipt import WriteReceipt
from seedvm.steps.join import Join
from seedvm.steps.leave import LeaveCluster
from seedvm.steps.preflight import PreflightStep
from seedvm.steps.seed import SeedNetworkStep, SeedServicesStep
from tests.contract.cloud.cloud_http import VIP
from tests.contract.handoff.lab import Lab, in_a_lab
from tests.contract.handoff.stages import committed, compared, owned, rehearsed

EVERY = [unit for role in ("worker", "vip", "server", "database") for unit in installed().units(role)]


async def joined(lab: Lab) -> None:
    await Join(lab.members, join_seconds=30, look_every=0.05).apply(lab.told)


def key_file(lab: Lab, key: str | None = None) -> Path:
    path = Path("/run/recovery.key")
    path.write_text(key or recovery.grouped(lab.secrets.generated.recovery_key).lower())
    return path


async def adopt(lab: Lab, *words: str) -> int:
    """As on its command line, which has an event loop of its own."""
    argv = ["--state-dir", str(lab.state_dir), "adopt", VIP, "--interface", "eth0", *words]
    return await asyncio.to_thread(main, argv)


async def adopted(lab: Lab) -> Members:
    assert await adopt(lab, "--key-file", str(key_file(lab)), "--seed-is-lost", "demo") == 0
    return Members(lab.site, load_secrets(lab.state_dir / "secrets.yaml"), lab.state_dir, lab.connect)


def assert_nothing_changed(lab: Lab) -> None:
    assert not handed_over.PATH.exists() and not (lab.state_dir / "site.yaml").exists()
    assert lab.holder() == ["demo-undercloud-0"]


async def ends_safe(lab: Lab, members: Members, *doubts: str) -> None:
    """The rest of the deployment, by the steps themselves: the receipt waits for these words, then the seed may leave."""
    for step in (Commit(members), Own(members), Retire(members)):
        if not isinstance(await step.check(), Done):
            await step.apply(lab.told)
        assert isinstance(await step.check(), Done), step.name
    rehearsed(lab)
    receipt = WriteReceipt(members)
    await receipt.apply(lab.told)
    blocked = await receipt.check()
    assert isinstance(blocked, Blocked) and f"seedvm handoff accept {' '.join(doubts)} " in f"{blocked.hint} ".replace(
        ";", " "
    )
    argv = ["--state-dir", str(lab.state_dir), "handoff", "accept", *doubts]
    assert await asyncio.to_thread(main, argv) == 0
    await receipt.apply(lab.told)
    assert isinstance(await receipt.check(), Done) and trusted(lab.state_dir, "demo").may_leave
    assert set(witnesses((lab.state_dir / "receipt.json").read_text())) == {node.name for node in lab.nodes}
    leaving = LeaveCluster(members)
    await leaving.apply(lab.told)
    assert isinstance(await leaving.check(), Done)
    assert [unit for unit in EVERY if lab.seed.unit(unit) == "active"] == [] and lab.holder() == ["demo-undercloud-0"]


@in_a_lab
async def test_lost_after_own_the_undercloud_ends_alone_with_a_receipt_of_its_own(lab: Lab) -> None:
    await joined(lab)
    await owned(lab)
    store_proven(lab.state_dir / "secrets.yaml", {"172.22.1.21": Candidate("root", Secret("rotated"))})
    await Own(lab.members).apply(lab.told)
    before = lab.record
    lab.lose_seed()
    members = await adopted(lab)
    assert "rotated" in (lab.state_dir / "secrets.yaml").read_text(), "as the nodes keep it, to the last rotation"
    assert members.record().quiesced == before.quiesced and members.record().attempt == before.attempt
    await ends_safe(lab, members, "seed-lost")
    assert "after OWN done, after COMMIT" in (lab.state_dir / "receipt.json").read_text()


@in_a_lab
async def test_lost_after_commit_it_goes_forward_from_the_nodes(lab: Lab) -> None:
    await joined(lab)
    await committed(lab)
    lab.lose_seed()
    members = await adopted(lab)
    context = Context(lab.site, members.secrets, lab.state_dir, lab.state_dir)
    plan = build_plan(context)
    assert await plan[1].check() == Done({"handed_over": True}), "what was before the hand-off is past"
    assert isinstance(await SeedServicesStep(context).check(), Done) and not LOCAL_DATA.exists()
    process.run(
        ["ip", "address", "delete", "172.22.0.10/24", "dev", "eth0"], timeout=20
    )  # gone with a boot of the new seed
    network = SeedNetworkStep(context)
    assert await network.check() == Todo("172.22.0.10/24 is not configured yet"), (
        "the BMC network is not needed any more"
    )
    await network.apply(lab.told)
    assert await network.check() == Done({"handed_over": True})
    await ends_safe(lab, members, "seed-lost", "pause-unknown")


@in_a_lab
async def test_lost_before_commit_the_nodes_have_taken_over_and_it_goes_forward_as_well(lab: Lab) -> None:
    await joined(lab)
    lab.lose_seed()
    members = await adopted(lab)
    assert all(lab.lines(node)[-1] == "COMMIT started" for node in lab.nodes)
    doubts = ("seed-lost", "before-unknown", "gap-not-measured", "comparison-unknown", "pause-unknown")
    adopted_ = members.record().adopted
    assert adopted_ is not None and adopted_.before_commit and adopted_.last == "JOIN done"
    for step in (Commit(members), Own(members)):
        await step.apply(lab.told)
    rehearsed(lab)
    await WriteReceipt(members).apply(lab.told)
    assert {one.name for one in trusted(lab.state_dir, "demo").open} == set(doubts)


@in_a_lab
async def test_with_the_sites_bundle_no_key_is_asked_for_and_the_nodes_know_better(lab: Lab) -> None:
    await joined(lab)
    old = {name: (lab.state_dir / name).read_bytes() for name in ("site.yaml", "secrets.yaml")}
    await compared(lab)
    store_proven(lab.state_dir / "secrets.yaml", {"172.22.1.21": Candidate("root", Secret("rotated"))})
    await Join(lab.members, look_every=0.05).apply(lab.told)
    lab.lose_seed()
    lab.state_dir.mkdir(mode=0o700)
    for name, data in old.items():  # an old bundle, opened here
        (lab.state_dir / name).write_bytes(data)
        (lab.state_dir / name).chmod(0o600)
    context = Context(lab.site, load_secrets(lab.state_dir / "secrets.yaml"), lab.state_dir, lab.state_dir)
    blocked = await PreflightStep(context).check()
    assert isinstance(blocked, Blocked) and f"seedvm adopt {VIP}" in blocked.hint, (
        "it never configures itself as the seed"
    )
    assert await adopt(lab, "--seed-is-lost", "demo") == 0
    assert "rotated" in (lab.state_dir / "secrets.yaml").read_text()
    assert await adopt(lab, "--seed-is-lost", "demo") == 1, "done once"


@in_a_lab
async def test_what_does_not_prove_itself_changes_nothing_and_says_what_to_do(lab: Lab) -> None:
    async def refused(*words: str, key: str | None = None) -> str:
        argv = ["--json", "--state-dir", str(lab.state_dir), "adopt", *words, "--interface", "eth0"]
        argv += ["--key-file", str(key_file(lab, key)), "--seed-is-lost", "demo"]
        return await asyncio.to_thread(said, argv)

    def said(argv: list[str]) -> str:
        done = process.run(["seedvm", *argv], timeout=60, check=False)
        assert done.returncode == 1, done.stdout
        return done.stdout + done.stderr

    await committed(lab)
    lab.lose_seed()
    assert "do not keep the site" in await refused(VIP), "it was lost before JOIN had ended"
    assert "not a recovery key" in await refused(VIP, key="AGE-SECRET-KEY-1AAAA")
    text = await refused(VIP, key=recovery.make())
    assert "does not let this site's key in" in text and "Permission denied" in text
    assert "no machine answers at 172.22.0.99" in await refused("172.22.0.99")
    assert_nothing_changed(lab)


@in_a_lab
async def test_a_first_seed_that_lives_or_nodes_that_are_not_whole_are_left_alone(lab: Lab) -> None:
    async def refused(*words: str) -> str:
        argv = ["--json", "--state-dir", str(lab.state_dir), "adopt", *words, "--interface", "eth0"]
        argv += ["--key-file", str(key_file(lab)), "--seed-is-lost", "demo"]
        done = await asyncio.to_thread(lambda: process.run(["seedvm", *argv], timeout=60, check=False))
        return done.stdout + done.stderr

    await joined(lab)
    await committed(lab)
    lab.lose_seed()
    lab.seed.units("mariadb.service")  # it is a member of the cluster still
    assert "still a member of the nodes' database cluster" in await refused(VIP)
    lab.seed.units("mariadb.service", state="inactive")
    lab.nodes[2].do(lambda: process.run(["ip", "address", "add", "172.22.0.10/24", "dev", "eth0"], timeout=20))
    assert "172.22.0.10 is in use by" in await refused(VIP)
    lab.nodes[2].do(lambda: process.run(["ip", "address", "delete", "172.22.0.10/24", "dev", "eth0"], timeout=20))
    lab.down |= {"demo-undercloud-1", "demo-undercloud-2"}
    assert "only 1 of 3 nodes answer" in await refused(VIP)
    lab.down.clear()
    for name in ("demo-undercloud-1", "demo-undercloud-2"):
        lab.galera[name].component = "non-Primary"
    assert "database cluster is not whole" in await refused(VIP)
    for name in ("demo-undercloud-1", "demo-undercloud-2"):
        lab.galera[name].component = "Primary"
    assert await adopt(lab, "--key-file", str(key_file(lab)), "--seed-is-lost", "dmeo") == 2
    assert_nothing_changed(lab)


@in_a_lab
async def test_a_controller_and_the_sites_own_seed_take_nothing_up(lab: Lab) -> None:
    await joined(lab)
    LOCAL_DATA.parent.mkdir(parents=True)
    LOCAL_DATA.write_text("{}")
    assert await adopt(lab, "--seed-is-lost", "demo") == 1
    await committed(lab)
    assert not LOCAL_DATA.exists() and await adopt(lab, "--seed-is-lost", "demo") == 1
    assert members_unchanged(lab)


def members_unchanged(lab: Lab) -> bool:
    return lab.record.adopted is None and lab.lines(lab.nodes[0])[-1] == "COMMIT done"
