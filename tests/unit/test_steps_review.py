"""The review names every disk that will be written, by serial, and none besides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from seedvm.base.item import Item
from seedvm.cloud.ironic import Node
from seedvm.machines.hardware import Disk, Hardware
from seedvm.machines.inventory import KnownMachine
from seedvm.site.load import parse_site
from seedvm.site.model import Site
from seedvm.site.review import Review, Wipe, confirmation, parse_confirmed, parse_review, text_of
from seedvm.steps.review import build_review

FOUND = Hardware(
    2, 6144, "x86_64", (Disk("/dev/sda", "R", 20 << 30, ""), Disk("/dev/sdb", "D", 99 << 30, "")), "SN1", "Acme"
)


def node(bmc: str, role: str = "", unfit: str = "", root: str = "R", title: str = "", hint: Any = None) -> Node:
    extra: dict[str, Any] = {
        "seedvm_site": "demo",
        "seedvm_bmc": bmc,
        "seedvm_role": role,
        "unfit": unfit,
        "seedvm_name": title,
    }
    said = {
        "uuid": bmc,
        "name": f"demo-{bmc}",
        "driver": "redfish",
        "provision_state": "available",
        "target_provision_state": None,
        "power_state": "power off",
        "maintenance": False,
        "maintenance_reason": None,
        "last_error": None,
        "instance_uuid": None,
        "extra": extra,
        "traits": [],
        "properties": {"root_device": hint or {"serial": root}} if root else {},
        "reservation": None,
        "deploy_step": None,
        "inspection_finished_at": "now",
    }
    return Node.of(Item(said, "ironic"))


def review(site: Site) -> Review:
    nodes = [
        node("172.22.1.21", "undercloud", title="demo-undercloud-0"),
        node("172.22.1.24", "spare"),
        node("172.22.1.26", unfit="too small", root=""),
    ]
    known = [KnownMachine("172.22.1.21", serial="BMC-SAID"), KnownMachine("172.22.1.25", unfit_reason="wrong password")]
    return build_review(site, nodes, {one.bmc: FOUND for one in nodes}, known)


def test_root_disks_alone_are_wiped(site: Site) -> None:
    assert review(site).wipes == {Wipe("172.22.1.21", "SN1", "/dev/sda"), Wipe("172.22.1.24", "SN1", "/dev/sda")}


def test_the_spare_is_left_alone_where_the_rehearsal_may_not_have_it(site_text: str) -> None:
    site = parse_site(site_text.replace("rehearse_on_spare: true", "rehearse_on_spare: false"))
    assert review(site).wipes == {Wipe("172.22.1.21", "SN1", "/dev/sda")}


def test_machines_that_cannot_be_used_are_listed_with_the_reason(site: Site) -> None:
    machines = {one.bmc: one for one in review(site).machines}
    assert (machines["172.22.1.26"].role, machines["172.22.1.26"].why) == ("unfit", "too small")
    assert (machines["172.22.1.25"].disks, machines["172.22.1.25"].why) == ((), "wrong password")
    assert machines["172.22.1.21"].name == "demo-undercloud-0"


def test_what_is_on_a_disk_stands_beside_it(site: Site) -> None:
    disk = replace(FOUND.disks[0], holds="gpt: ext4 'db' 20.0 GiB")
    made = build_review(site, [node("172.22.1.21", "undercloud")], {"172.22.1.21": replace(FOUND, disks=(disk,))}, ())
    shown = parse_review(text_of(made)).machines[0].disks[0]
    assert (shown.wipe, shown.holds) == (True, "gpt: ext4 'db' 20.0 GiB")


def test_a_disk_that_is_known_by_its_wwn_alone_is_the_one_that_is_wiped(site: Site) -> None:
    known = replace(FOUND.disks[0], serial="", wwn="0x5000")
    chosen = node("172.22.1.21", "undercloud", hint={"wwn": "0x5000"})
    made = build_review(site, [chosen], {"172.22.1.21": replace(FOUND, disks=(FOUND.disks[1], known))}, ())
    assert [(one.name, one.serial) for one in made.machines[0].wiped] == [("/dev/sda", "0x5000")]


def test_the_screen_confirms_exactly_what_the_engine_asked(site: Site) -> None:
    asked = review(site)
    shown = parse_review(text_of(asked))
    assert shown == asked
    answered = parse_confirmed(confirmation(shown, "demo", "2026-11-22T00:00:00+00:00"))
    assert answered.covers(asked) and not answered.covers(replace(asked, site="other"))
