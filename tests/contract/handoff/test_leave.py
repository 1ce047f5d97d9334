"""The seed leaves: out of Galera and the services' lists, without a secret, and off. Nothing of it without a receipt."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.engine.step import Blocked, Done, Todo
from seedvm.plan import build_plan
from seedvm.site.receipt import departed
from seedvm.steps.departed import Finished
from seedvm.steps.leave import LeaveCluster, SeedOff, WipeStep
from tests.contract.handoff.lab import Lab, in_a_lab, in_a_lab_of
from tests.contract.handoff.machine import mount
from tests.contract.handoff.stages import safe
from tests.contract.isolated import until


async def alone(lab: Lab) -> None:
    """The receipt says yes, and the seed's workers have ended, as FENCE and RETIRE leave them."""
    await safe(lab)
    for unit in ("nova-compute.service", "ironic-conductor.service", "heat-engine.service"):
        lab.seed.units(unit, state="inactive")


@in_a_lab
async def test_galera_is_the_nodes_alone_and_no_service_lists_the_seed(lab: Lab) -> None:
    step = LeaveCluster(lab.members)
    assert await step.check() == Blocked("there is no receipt", "complete the hand-off first")
    await alone(lab)
    assert await step.check() == Todo("the seed's database is still a member of the cluster")
    await step.apply(lab.told)
    assert await step.check() == Done({"members": 3, "status": "Primary", "rows_of_the_seed": 0})
    assert "seed" not in lab.cluster.rows["heat"] | lab.cluster.rows["ironic"]
    assert not any(row.endswith("+seed") for row in lab.cloud.listed) and len(lab.cloud.listed) == 12
    assert not (lab.seed.run / "enabled/mariadb.service").exists()


@in_a_lab
async def test_a_node_that_is_not_whole_is_named_and_the_next_run_goes_on(lab: Lab) -> None:
    await alone(lab)
    lab.galera["demo-undercloud-2"].state = "Donor/Desynced"
    with pytest.raises(SeedvmError, match="the seed stays a member") as failed:
        await LeaveCluster(lab.members, view_seconds=4).apply(lab.told)
    assert "demo-undercloud-2: Donor/Desynced, Primary, 4 members" in failed.value.why
    assert lab.seed.unit("mariadb.service") == "active", "nothing was taken from a cluster that is not well"
    lab.galera["demo-undercloud-2"].state = "Synced"
    await LeaveCluster(lab.members).apply(lab.told)
    assert isinstance(await LeaveCluster(lab.members).check(), Done)


@in_a_lab
async def test_a_silent_controller_on_which_there_is_no_word_keeps_the_seed_a_member(lab: Lab) -> None:
    await alone(lab)
    lab.down.add("demo-undercloud-2")
    with pytest.raises(SeedvmError, match="does not leave while a controller is silent") as failed:
        await LeaveCluster(lab.members).apply(lab.told)
    assert failed.value.machine == "demo-undercloud-2" and lab.seed.unit("mariadb.service") == "active"


@in_a_lab
async def test_a_compute_service_of_the_seed_that_is_up_is_not_taken_out_of_the_lists(lab: Lab) -> None:
    await alone(lab)
    lab.start("nova-compute.service")
    with pytest.raises(SeedvmError, match="nova-compute of the seed is still up"):
        await LeaveCluster(lab.members).apply(lab.told)
    assert "nova-compute+seed" in lab.cloud.listed
    lab.seed.units("nova-compute.service", state="inactive")
    assert await LeaveCluster(lab.members).check() == Todo("heat, ironic, neutron, nova still list the seed")
    await LeaveCluster(lab.members).apply(lab.told)
    assert isinstance(await LeaveCluster(lab.members).check(), Done)


@in_a_lab
async def test_killed_once_the_database_has_left_the_rows_are_removed_by_the_next_run(lab: Lab) -> None:
    await alone(lab)
    await lab.killed("leave.LeaveCluster", "removed = await")
    assert lab.seed.unit("mariadb.service") == "inactive" and "seed" in lab.cluster.rows["heat"]
    step = LeaveCluster(lab.members)
    assert isinstance(await step.check(), Todo)
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done)


def plant(lab: Lab) -> dict[str, Path]:
    """Files as services and logs leave them: each holds a secret, but for the last."""
    made = lab.secrets.generated
    texts = {
        "/etc/heat/heat.conf": f"auth_encryption_key = {made.admin_password.reveal()}",
        "/var/log/site.log": f"token {made.handoff_key.reveal()} was used",
        "/root/id": made.ssh_private_key.reveal(),
        "/var/lib/mysql/keystone/user.ibd": "pages",
        "/etc/keystone/fernet-keys/0": "key",
        "/etc/harmless": "nothing",
    }
    for name, text in texts.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    return {Path(name).name: Path(name) for name in texts}


@in_a_lab_of(sealed=True)
async def test_no_secret_is_left_but_the_operators_own_way_in(lab: Lab) -> None:
    step = WipeStep(lab.members)
    assert isinstance(await step.check(), Blocked)
    await safe(lab)
    files = plant(lab)
    (lab.state_dir / "journal.jsonl").write_text("the journal\n")
    assert await step.check() == Todo("the site's secrets are still on the seed")
    await step.apply(lab.told)
    assert await step.check() == Done({"secrets.yaml": "gone", "kept by design": "clouds.yaml, 0600"})
    assert [name for name, path in files.items() if path.exists()] == ["harmless"]
    assert not (lab.state_dir / "secrets.yaml").exists()
    clouds = lab.state_dir / "clouds.yaml"
    assert (
        lab.secrets.generated.admin_password.reveal() in clouds.read_text() and clouds.stat().st_mode & 0o777 == 0o600
    )
    assert all((node.lib / "seedvm/journal.jsonl").read_text() == "the journal\n" for node in lab.nodes)
    (Path("/var/lib/mysql")).mkdir()
    assert isinstance(await step.check(), Done), "a mount point may stay, empty"
    (Path("/var/lib/mysql/ibdata1")).write_text("pages")
    assert await step.check() == Todo("still there: /var/lib/mysql")


@in_a_lab_of(sealed=True)
async def test_a_file_that_cannot_be_removed_is_named_and_the_secrets_stay_until_it_is(lab: Lab) -> None:
    await safe(lab)
    plant(lab)
    stubborn = Path("/etc/stubborn")
    stubborn.mkdir()
    mount("none", str(stubborn), "tmpfs")
    (stubborn / "heat.conf").write_text(lab.secrets.generated.admin_password.reveal())
    mount("none", str(stubborn), "none", 1 | 32)  # read-only now
    with pytest.raises(SeedvmError, match="secrets remain on the seed") as failed:
        await WipeStep(lab.members).apply(lab.told)
    assert failed.value.why == "/etc/stubborn/heat.conf"
    assert await WipeStep(lab.members).check() == Todo("the site's secrets are still on the seed")
    assert departed(lab.state_dir, "demo") is None
    mount("none", str(stubborn), "none", 32)
    await WipeStep(lab.members).apply(lab.told)
    assert isinstance(await WipeStep(lab.members).check(), Done) and departed(lab.state_dir, "demo") is not None


@in_a_lab_of(sealed=True)
async def test_a_wipe_that_lost_its_nodes_has_not_begun(lab: Lab) -> None:
    await safe(lab)
    files = plant(lab)
    lab.down.add("demo-undercloud-1")
    with pytest.raises(SeedvmError, match="does not leave while a controller is silent"):
        await WipeStep(lab.members).apply(lab.told)
    assert all(path.exists() for path in files.values()) and (lab.state_dir / "secrets.yaml").exists()
    lab.down.clear()
    task = asyncio.create_task(WipeStep(lab.members).apply(lab.told))
    await until(lambda: not files["user.ibd"].exists())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await WipeStep(lab.members).check() == Todo("the site's secrets are still on the seed")
    await WipeStep(lab.members).apply(lab.told)
    assert isinstance(await WipeStep(lab.members).check(), Done)


@in_a_lab
async def test_the_seed_goes_off_a_moment_later_and_has_nothing_to_do_when_it_is_started_again(lab: Lab) -> None:
    step = SeedOff(lab.members)
    assert isinstance(await step.check(), Blocked)
    await safe(lab)
    assert await step.check() == Todo("the seed is on")
    await lab.killed("leave.SeedOff", "await units.timer(_OFF_UNIT")
    assert await step.check() == Todo("the seed is on")
    await step.apply(lab.told)
    assert await step.check() == Done({"power": "powers off within 5 s"})
    assert lab.seed.timer("seedvm-off") == ["5", "systemctl", "poweroff"]
    lab.boot(lab.seed)
    assert await step.check() == Done({"power": "was off"})
    (lab.state_dir / "secrets.yaml").unlink()
    plan = build_plan(lab.context)
    assert all(isinstance(one, Finished) for one in plan[:-1])
    assert all([isinstance(await one.check(), Done) for one in plan])
