"""What is true when the road is at its end: asked from outside, with the stock client and the database's own view."""

from __future__ import annotations

import io
import json
import re
import sys
import tarfile
from functools import partial
from pathlib import Path

import yaml

from tests.e2e.leaks import leaks, secrets_of
from tests.e2e.walk import ROTATED
from tests.e2e.world import VIP, World
from tests.terminal import wait_until

SECOND_ROUND_SECONDS = 180
"""Two machines of three fail on purpose: what failed is deployed in a second round."""


def test_the_demo_ends_with_a_receipt_that_says_safe_to_leave(finished: World) -> None:
    assert finished.receipt()["verdict"].startswith("SAFE TO LEAVE: YES")
    assert finished.report()["verdict"] == "done"


def test_the_engine_was_killed_three_times_on_the_way_and_went_on(finished: World) -> None:
    events = finished.journal()
    started = [event["run"] for event in events if event["event"] == "run-started"]
    ended = {event["run"] for event in events if event["event"] == "run-ended"}
    killed = [run for run in started if run not in ended]
    last_steps = {event["run"]: event["step"] for event in events if event["event"] == "step-started"}
    assert [last_steps[run] for run in killed] == ["inspect", "deploy", "handoff-own"]


def test_the_failed_machine_was_replaced_by_the_spare_and_put_aside_unwritten(finished: World) -> None:
    nodes = finished.nodes()
    old, new = nodes["172.22.1.21"], nodes["172.22.1.24"]
    assert old["extra"]["seedvm_role"] == "replaced"
    assert (old["provision_state"], old["power_state"], old["instance_uuid"]) == ("manageable", "power off", None)
    assert new["extra"]["seedvm_name"] == "demo-undercloud-0" and new["provision_state"] == "active"
    assert finished.machine_at("172.22.0.11") == "m4"
    assert finished.disk_is_blank("m1")
    review = json.loads((finished.state / "review.json").read_text())
    (aside,) = (one for one in review["machines"] if one["bmc"] == "172.22.1.21")
    assert (aside["role"], aside["why"]) == ("unfit", "replaced by 172.22.1.24")


def test_the_other_failed_machine_was_tried_again_where_it_stood(finished: World) -> None:
    assert finished.machine_at("172.22.0.13") == "m3"
    events = [one["event"] for one in finished.machine_events("m3")]
    assert "power-on" in events[events.index("power-on-refused") :]


def test_the_first_failure_was_told_with_machine_and_cause_while_the_others_went_on(finished: World) -> None:
    told = [
        event
        for event in finished.journal()
        if event["event"] == "log" and "the other nodes continue" in event["message"]
    ]
    assert told and told[0]["node"] in ("demo-undercloud-0", "demo-undercloud-2")
    assert "its power supply is dead" in told[0]["message"]


def test_two_bmcs_have_passwords_of_their_own_and_ironic_works_with_them(finished: World) -> None:
    node = next(iter(finished.undercloud().values()))
    proven = yaml.safe_load(finished.kept(node)["secrets.yaml"])["proven"]
    rack = yaml.safe_load((finished.demo / "rack.yaml").read_text())
    given = {one["bmc"]["address"]: one["bmc"]["password"] for one in rack["machines"]}
    rows = finished.on_machine(node, "mariadb", "-N", "-r", "-e", "SELECT extra, driver_info FROM ironic.nodes")
    ironic = {json.loads(extra)["seedvm_bmc"]: json.loads(info) for extra, info in map(_two, rows.splitlines())}
    assert len(ironic) == 6
    for bmc, info in ironic.items():
        known = info.get("redfish_password") or info["ipmi_password"]
        assert known == proven[bmc]["password"], bmc
        assert (known != given[bmc]) == (bmc in ROTATED), bmc
    nodes = finished.nodes()
    for node_id in (nodes[bmc]["uuid"] for bmc in ROTATED):
        finished.stock_client("baremetal", "node", "power", "on", node_id)
        wait_until("Ironic asked the BMC", partial(_power_is_asked, finished, node_id), 60)
        shown = finished.openstack("baremetal", "node", "show", node_id)
        assert (shown["power_state"], shown["last_error"]) == ("power on", None)


def _power_is_asked(world: World, node: str) -> bool:
    return world.openstack("baremetal", "node", "show", node)["target_power_state"] is None


def _two(row: str) -> tuple[str, str]:
    first, _, second = row.partition("\t")
    return first, second


def test_no_row_is_lost_that_was_acknowledged_to_a_user_during_the_hand_off(finished: World) -> None:
    acknowledged = (finished.rows / "acknowledged").read_text().split()
    words = (
        "env",
        f"PYTHONPATH={finished.repo}",
        sys.executable,
        "-m",
        "tests.storm.writer",
        str(finished.rows),
        "list",
    )
    lost = {*acknowledged} - {*json.loads(finished.inside(*words))}
    finished.note_fact("rows_lost", len(lost))
    assert len(acknowledged) > 50
    assert not lost


def test_nothing_of_the_seed_answers(finished: World) -> None:
    status = finished.seedvm("rack", "status", "--file", "build/demo/rack.yaml", "--json")
    assert '"seed"' in status.stdout
    assert not finished.inside("ping", "-c", "1", "-W", "1", "172.22.0.10", check=False).count("1 received")
    for port in (5000, 8004, 3306, 4567, 80):
        assert not finished.answers(f"http://172.22.0.10:{port}/", timeout=1)


def test_the_stock_client_lists_everything_through_the_vip(finished: World) -> None:
    stacks = finished.openstack("stack", "list")
    assert {s["Stack Name"]: s["Stack Status"] for s in stacks}["undercloud"] == "UPDATE_COMPLETE"
    servers = finished.openstack("server", "list")
    assert len([s for s in servers if s["Status"] == "ACTIVE"]) == 4
    assert {i["Status"] for i in finished.openstack("image", "list")} == {"active"}
    nodes = finished.openstack("baremetal", "node", "list")
    assert len([n for n in nodes if n["provision_state"] == "active"]) == 4


def test_three_galera_members_form_one_primary_component(finished: World) -> None:
    members = finished.undercloud()
    assert len(set(members.values())) == 3
    for machine in members.values():
        rows = finished.on_machine(machine, "mariadb", "-N", "-e", "SHOW STATUS LIKE 'wsrep_%'")
        status = dict(line.split("\t", 1) for line in rows.splitlines() if "\t" in line)
        assert status["wsrep_cluster_size"] == "3"
        assert status["wsrep_cluster_status"] == "Primary"
        assert status["wsrep_local_state_comment"] == "Synced"


def test_no_id_changed_on_the_way(finished: World) -> None:
    receipt = finished.receipt()
    before, after = receipt["ids"]["before"], receipt["ids"]["after"]
    assert before and before == after
    assert {s["ID"] for s in finished.openstack("server", "list")} >= set(before["servers"].values())
    assert {n["uuid"] for n in finished.openstack("baremetal", "node", "list")} == set(before["nodes"].values())
    assert {i["ID"] for i in finished.openstack("image", "list")} == set(before["images"].values())
    assert finished.report()["ids_changed"] == 0
    assert finished.report()["node_reboots"] == 0


def test_the_spare_answers_with_the_golden_images_manifest(finished: World) -> None:
    servers = finished.openstack("server", "list", "--long")
    spare = next(s for s in servers if not s["Name"].startswith("demo-undercloud"))
    address = re.search(r"172\.22\.0\.\d+", str(spare["Networks"]))
    assert address is not None
    image = json.loads(finished.on_machine(finished.machine_at(address.group()), "cat", "/etc/seedvm-image.json"))
    manifest = json.loads((finished.repo / "build/cache/images/current/golden.json").read_text())
    assert image["hash"] == manifest["hash"]
    finished.inside("ping", "-c", "1", "-W", "2", address.group())
    (bmc,) = (bmc for bmc, node in finished.nodes().items() if node["instance_uuid"] == spare["ID"])
    phases = [event["phase"] for event in finished.journal() if event["event"] == "node" and event["node"] == bmc]
    assert phases[-1] == "active"


def test_unusable_machines_are_reported_and_never_touched(finished: World) -> None:
    inventory = finished.inventory()
    assert "password" in inventory["172.22.1.25"]["unfit_reason"]
    assert "memory" in inventory["172.22.1.26"]["unfit_reason"]
    assert not [e for e in finished.machine_events("m5") if e["event"] == "power-on"]
    assert finished.disk_is_blank("m5")
    assert finished.disk_is_blank("m6")


def test_a_second_run_says_done_and_changes_nothing(finished: World) -> None:
    before = finished.openstack("stack", "list")
    again = finished.seedvm("demo", "--headless", timeout=300)
    assert "done" in again.stdout
    assert finished.openstack("stack", "list") == before


def test_the_figures_are_within_their_limits(finished: World) -> None:
    report = finished.report()
    assert report["road_seconds"] <= 15 * 60 + SECOND_ROUND_SECONDS
    assert report["seed_pss_mib"] <= 2.6 * 1024
    assert report["handoff_longest_gap_seconds"] <= 2
    assert report["handoff_write_pause_seconds"] <= 60


def test_no_secret_of_the_run_is_in_any_log_journal_or_report(finished: World, tmp_path: Path) -> None:
    secrets = secrets_of(finished)
    assert len(secrets) > 12
    assert leaks(finished, secrets, tmp_path / "patterns") == []


def test_the_support_bundle_that_a_key_made_in_mid_deploy_helps_and_holds_no_secret(finished: World) -> None:
    (path,) = finished.state.glob("seedvm-bundle-*.tar.gz")
    assert path.stat().st_mode & 0o077 == 0
    with tarfile.open(path) as tar:
        held = {member.name.partition("/")[2]: (tar.extractfile(member) or io.BytesIO()).read() for member in tar}
    assert {
        "journal.jsonl",
        "site.yaml",
        "versions.txt",
        "network-addresses.txt",
        "system-journal.txt",
    } <= set(held)
    assert b"172.22.0.10" in held["network-addresses.txt"]
    assert b"heat-engine[" in held["system-journal.txt"], "the services write to the system's journal"
    assert [name for name, text in held.items() for secret in secrets_of(finished) if secret.encode() in text] == []


def test_secret_files_are_for_their_owner_alone(finished: World) -> None:
    for path in (finished.demo / "rack.yaml", finished.state / "clouds.yaml"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_the_vip_answers_like_any_openstack(finished: World) -> None:
    for port in (5000, 9292, 8778, 8774, 9696, 6385, 8004):
        assert finished.answers(f"http://{VIP}:{port}/"), port
