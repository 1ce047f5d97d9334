"""The rack as a picture: places by whoever says them, an order that stays, a light that blinks, and what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from seedvm.engine.codec import decode
from seedvm.engine.reducer import fold
from seedvm.engine.state import LogLine, NodeView, State
from seedvm.site.load import load_site
from seedvm.site.review import parse_review
from tests.tui.helpers import EXAMPLE, grid, loaded, name, state_dir, until, wizard
from tui.state.cause import plain_cause
from tui.state.files import parse_inventory
from tui.state.machines import machines_of, natural
from tui.state.place import Place
from tui.state.watcher import View
from tui.text.machine import about_of, todo
from tui.text.rack import rack_lines
from tui.text.sentences import Story

STATE = fold(State(), [decode(line) for line in (EXAMPLE / "journal.jsonl").read_text().splitlines()[:150]])
VIEW = View(
    state=STATE,
    review=parse_review((EXAMPLE / "review.json").read_text()),
    inventory=parse_inventory((EXAMPLE / "inventory.json").read_text()),
)
PLACES = {"172.22.1.21": Place("A1", 21), "172.22.1.22": Place("A1", 24, 2), "172.22.1.24": Place("B2", 3)}


def test_units_that_are_known_come_from_the_top_down_and_the_others_are_said_to_be_unknown() -> None:
    view = replace(VIEW, places=PLACES)
    shown = machines_of(view)
    assert [str(one.place) for one in shown[:3]] == ["A1-U24", "A1-U21", "B2-U03"]
    picture = ["".join(text for text, _ in line) for line in rack_lines(shown, shown[1].key, 24)]
    assert [line.strip() for line in picture if line.startswith("rack")] == ["rack A1", "rack B2"]
    assert picture[1].startswith("25") and picture[2].startswith("24") and "2 U empty" in picture[3]
    assert any("unknown units" in line for line in picture)
    assert all(len(line) <= 24 for line in picture)


def test_the_order_does_not_change_when_machines_fail_or_go_on() -> None:
    before = [one.bmc for one in machines_of(VIEW)]
    nodes = {key: NodeView(key, "failed", detail="no power") for key in VIEW.state.nodes}
    assert [one.bmc for one in machines_of(replace(VIEW, state=replace(STATE, nodes=nodes)))] == before
    assert natural("port-m9") < natural("port-m10")


def test_a_fault_has_a_numbered_list_with_keys_and_names_the_machine_that_would_be_wiped() -> None:
    failed = NodeView("example-undercloud-1", "failed", detail="its power supply is dead")
    view = replace(VIEW, state=replace(STATE, nodes={**STATE.nodes, failed.node: failed}), places=PLACES)
    machine = next(one for one in machines_of(view) if one.key == failed.node)
    steps = todo(about_of(view, machine))
    assert [key for key, _ in steps] == ["l", "t", "p", "d"]
    assert "power lead" in steps[0][1] and "A1-U24" in steps[0][1] and "WIPES" in steps[2][1]


def test_the_cause_is_told_without_what_each_service_wraps_around_it() -> None:
    said = (
        'ResourceInError: resources.server: Went to status ERROR due to "Message: Failed to provision instance '
        "577a9872-b516-4d56-ac8b-70abac78430f: Deploy step deploy.deploy failed: Redfish exception occurred. Error: Reboot failed"
        " for node fbd4b12e-f98e-4b9e-b1f8-fd82e338bce7 when setting power state to power on"
    )
    assert plain_cause(said) == "Reboot failed when setting power state to power on"
    assert plain_cause("no power") == "no power" and plain_cause("ResourceInError: ") == "ResourceInError:"


def test_the_log_is_sentences_and_what_repeats_is_counted() -> None:
    dead = "Reboot failed when setting power state to power on, says its BMC"
    log = (
        LogLine(1.0, "write the agent prepares the disk", "n1"),
        LogLine(2.0, "write 8 of 9 MiB, 4 MiB/s", "n1"),
        LogLine(3.0, "write 9 of 9 MiB, 4 MiB/s", "n1"),
        LogLine(4.0, f"failed ResourceInError: {dead}", "n2"),
        LogLine(5.0, f"server create failed: ResourceInError: resources.server: {dead}", "n2"),
        LogLine(6.0, "configure mariadb", "n1"),
        LogLine(7.0, "what no version has said before", "n1"),
    )
    told = Story().read(log, len(log))
    assert [(one.text, one.times) for one in told] == [
        ("its disk is being prepared", 1),
        ("image is being written", 2),
        (f"✖ {dead}", 2),
        ("MariaDB is being set up", 1),
        ("what no version has said before", 1),
    ]
    story = Story()
    assert [*story.read(log[:3], 3)] == list(told[:2])
    assert story.read(log, len(log)) == told, "read in two pieces it is the same story"


async def test_rack_and_unit_are_typed_and_kept_in_site_yaml(tmp_path: Path) -> None:
    folder = state_dir(tmp_path, until='"verdict":"blocked"}', review=True)
    app = wizard(folder)
    async with app.run_test(size=(100, 30)) as pilot:
        await loaded(pilot)
        app.go("hardware")
        await until(pilot, lambda: "172.22.1.21" in grid(app), "the machines")
        await pilot.press("home", "i")
        await until(pilot, lambda: "Where is 172.22.1.21?" in grid(app), "the question")
        await pilot.press(*"A1 x", "enter")
        await until(pilot, lambda: "is not a rack and unit" in grid(app), "the refusal")
        await pilot.press("backspace", *"21", "enter")
        await until(pilot, lambda: "stands at A1-U21" in grid(app), "the place")
        said = load_site(folder / "site.yaml").machine("172.22.1.21")
        assert (said.rack, said.unit, said.role) == ("A1", 21, None)
        await pilot.press("home", "i", *"A1 5", "escape")
        await until(pilot, lambda: "Rack and U >" not in grid(app), "the question's end")
        assert name(app) == "hardware" and load_site(folder / "site.yaml").machine("172.22.1.21").unit == 21


async def test_l_says_that_it_blinks_and_why_it_cannot(tmp_path: Path) -> None:
    app = wizard(state_dir(tmp_path, until='"percent":50.0', review=True))
    async with app.run_test(size=(160, 45), notifications=True) as pilot:
        await loaded(pilot)
        app.go("progress")
        await until(pilot, lambda: "undercloud-0" in grid(app), "the machines")
        await pilot.press("l")
        await until(pilot, lambda: "is asked to blink" in grid(app), "the light")
        await until(pilot, lambda: "no account is proven for it" in " ".join(grid(app).split()), "why it cannot")
