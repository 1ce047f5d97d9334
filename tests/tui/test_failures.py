"""Failures of machines stay until they are acknowledged: whatever the engine, the operator or a spare did since."""

from __future__ import annotations

from pathlib import Path

from seedvm.site.orders import spares
from seedvm.site.review import REVIEW, parse_review, text_of
from tests.tui.helpers import grid, journal_line, loaded, name, state_dir, until, wizard

NODE = "example-undercloud-1"
CAUSE = "Deploy step deploy.deploy failed: its power supply is dead"


def tell(folder: Path, number: int, event: str, **fields: object) -> None:
    """A line more of the deploy step in the journal."""
    with (folder / "journal.jsonl").open("a") as journal:
        journal.write(journal_line(number, event, "deploy", seconds=float(number - 900), **fields) + "\n")


def failed(folder: Path) -> Path:
    """The example in the middle of the write, where one machine failed."""
    state_dir(folder, until='"percent":50.0', review=True)
    tell(folder, 900, "node", node=NODE, phase="failed", detail=CAUSE)
    return folder


async def test_a_failure_that_the_engine_retried_stays_to_be_read_until_it_is_acknowledged(tmp_path: Path) -> None:
    folder = failed(tmp_path)
    app = wizard(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("progress")
        await until(pilot, lambda: "1 NEEDS YOU" in grid(app), "the call for somebody")
        tell(folder, 910, "node", node=NODE, phase="pxe")
        await until(pilot, lambda: "1 to read" in grid(app) and "NEEDS YOU" not in grid(app), "what is to be read")
        await pilot.press("n")
        await until(pilot, lambda: name(app) == "node" and "its power supply is dead" in grid(app), "the machine")
        assert "It failed at 00:00:00, retried by the engine; k acknowledges: its power" in " ".join(grid(app).split())
        await pilot.press("k")
        await until(pilot, lambda: "to read" not in grid(app) and "Acknowledged." in grid(app), "the end of it")
        assert "its power supply is dead" in grid(app), "its page still tells its failure"
    again = wizard(folder)
    async with again.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        again.go("progress")
        await until(pilot, lambda: name(again) == "progress", "the page")
        assert "to read" not in grid(again), "another screen knows that it was read"
        tell(folder, 920, "node", node=NODE, phase="failed", detail=CAUSE)
        tell(folder, 921, "log", node=NODE, message=f"requested: retry {NODE}")
        tell(folder, 922, "node", node=NODE, phase="pxe")
        await until(pilot, lambda: "1 to read" in grid(again), "the second failure, which nobody has read")
        await pilot.press("n")
        await until(pilot, lambda: "retried by you" in grid(again), "what came of it")
        await pilot.press("k")
        await until(pilot, lambda: "to read" not in grid(again), "the end of it")
        await pilot.press("k")
        await until(pilot, lambda: "There is no failure of this machine to acknowledge" in grid(again), "an answer")


async def test_the_failure_of_a_replaced_machine_is_told_on_its_own_page_and_not_on_its_spares(tmp_path: Path) -> None:
    folder = failed(tmp_path)
    review = parse_review((folder / REVIEW).read_text())
    old = next(one for one in review.machines if one.name == NODE)
    spare = spares(review)[0]
    (folder / REVIEW).write_text(text_of(review.swapped(NODE, spare.bmc)))
    tell(folder, 910, "log", node=NODE, message=f"requested: replace {NODE} with {spare}")
    tell(folder, 911, "node", node=NODE, phase="pxe")
    app = wizard(folder)
    async with app.run_test(size=(100, 30)) as pilot:
        await loaded(pilot)
        app.go("progress")
        await until(pilot, lambda: "1 to read" in grid(app), "what is to be read")
        assert f"replaced by {spare.bmc}" in grid(app)
        await pilot.press("n")
        await until(pilot, lambda: f"{old.bmc}  BMC" in grid(app), "the page of the machine that failed")
        shown = " ".join(grid(app).split())
        assert old.serial in shown and f"replaced by {spare.bmc}; k acknowledges: its power supply is dead" in shown
        log = grid(app).partition("Log of this machine")[2]
        assert "power supply is dead" in log, "and its log is its own"
        app.open_node(NODE)
        await until(pilot, lambda: f"{NODE}  BMC {spare.bmc}" in grid(app), "the spare's page")
        assert "No problem reported" in grid(app)
        await pilot.press("n", "k")
        await until(pilot, lambda: "to read" not in grid(app), "the end of it")


async def test_a_machine_that_needs_you_and_one_to_be_read_are_counted_apart(tmp_path: Path) -> None:
    folder = failed(tmp_path)
    for number, other in enumerate(("example-undercloud-0", "example-undercloud-2")):
        tell(folder, 910 + number, "node", node=other, phase="failed", detail=CAUSE)
    tell(folder, 920, "node", node=NODE, phase="pxe")
    app = wizard(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("progress")
        await until(pilot, lambda: "2 NEED YOU" in grid(app), "the call for somebody")
        assert "1 to read" in next(line for line in grid(app).splitlines() if "2 NEED YOU" in line)


async def test_a_damaged_list_of_what_was_read_is_said_and_hides_no_failure(tmp_path: Path) -> None:
    folder = failed(tmp_path)
    tell(folder, 910, "node", node=NODE, phase="pxe")
    (folder / "acknowledged.json").write_text('{"failures": [{"node": 7}]}')
    app = wizard(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.open_node(NODE)
        await until(pilot, lambda: "1 to read" in grid(app), "what is to be read")
        await pilot.press("k")
        await until(pilot, lambda: "acknowledged.json" in grid(app), "the refusal")
