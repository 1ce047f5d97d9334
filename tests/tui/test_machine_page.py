"""The page of one machine: cause and next action, and orders that are written only as they may be."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from seedvm.site import orders
from seedvm.site.load import load_site
from tests.tui.helpers import BROKEN, SITE, grid, hold_lock, journal_line, loaded, name, state_dir, until, wizard

NODE = "example-undercloud-1"
STILL: dict[str, Any] = {
    "node": NODE,
    "phase": "write",
    "percent": 41.0,
    "detail": "615 of 1500 MiB, STALLED for 64 s",
}


def in_trouble(folder: Path, *, failed: bool) -> Path:
    """The example in the middle of the write: one machine stands still, or failed and the engine stopped."""
    state_dir(folder, until='"percent":50.0', review=True)
    with (folder / "journal.jsonl").open("a") as journal:
        journal.write(journal_line(900, "node", "deploy", **STILL) + "\n")
        if failed:
            told = {"what": "it was not deployed", "machine": NODE, "why": "no power", "hint": "seedvm node retry"}
            journal.write(journal_line(901, "node", "deploy", node=NODE, phase="failed", detail="no power") + "\n")
            journal.write(journal_line(902, "step-failed", "deploy", **told) + "\n")
            journal.write(journal_line(903, "run-ended", verdict="failed") + "\n")
    return folder


async def test_a_machine_that_stands_still_is_found_by_enter_and_tried_again(tmp_path: Path) -> None:
    folder = in_trouble(tmp_path, failed=False)
    lock = hold_lock(folder)
    app = wizard(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("progress")
        await until(pilot, lambda: "1 NEEDS YOU" in grid(app), "the call for somebody")
        assert "STALLED" in next(line for line in grid(app).splitlines() if "NEEDS YOU" in line), "why stands beside it"
        await pilot.press("n")
        await until(pilot, lambda: name(app) == "node" and "STALLED" in grid(app), "the machine")
        assert NODE in grid(app) and "EX0022" in grid(app) and "▶ write" in grid(app)
        assert "t cancels this deployment now" in grid(app)
        await pilot.press("t")
        await until(pilot, lambda: bool(orders.pending(folder, "example")), "the order")
        assert orders.pending(folder, "example")[0].do == "retry"
        await until(pilot, lambda: f"Requested: retry {NODE}" in grid(app), "the order on the screen")
        await pilot.press("escape")
        await until(pilot, lambda: name(app) == "progress", "the way back")
    os.close(lock)


async def test_an_order_that_comes_while_the_engine_ends_is_not_lost(tmp_path: Path) -> None:
    folder = in_trouble(tmp_path, failed=False)
    (folder / "site.yaml").write_text(BROKEN)
    lock = hold_lock(folder)
    app = wizard(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.open_node(NODE)
        await until(pilot, lambda: "t cancels this deployment now" in grid(app), "the machine")
        await pilot.press("t")
        await until(pilot, lambda: f"Requested: retry {NODE}" in grid(app), "the order on the screen")
        assert not (folder / "engine.log").exists()
        os.close(lock)
        await until(pilot, (folder / "engine.log").exists, "another engine's start")


async def test_a_replacement_names_machine_and_disk_and_wants_the_sites_name(tmp_path: Path) -> None:
    folder = in_trouble(tmp_path, failed=True)
    (folder / "site.yaml").write_text(BROKEN)
    app = wizard(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("node")
        await until(pilot, lambda: "it was not deployed" in grid(app) and "no power" in grid(app), "the cause")
        await pilot.press("p")
        await until(pilot, lambda: "This WIPES 172.22.1.24" in grid(app), "the question")
        assert "/dev/sda" in grid(app) and "QM00024" in grid(app)
        await pilot.press(*"exampl", "enter")
        await until(pilot, lambda: "Not ordered" in grid(app), "the refusal")
        assert orders.pending(folder, "example") == ()
        await pilot.press("escape")
        await until(pilot, lambda: name(app) == "node" and "This WIPES" not in grid(app), "the question's end")
        await pilot.press("p", *["backspace"] * 8, *"example", "enter")
        await until(pilot, lambda: bool(orders.pending(folder, "example")), "the order")
        spare = orders.pending(folder, "example")[0].spare
        assert spare == orders.Spare("172.22.1.24", "EX0024", "/dev/sda", "QM00024")
        await until(pilot, lambda: name(app) == "progress", "the way on")
        await until(pilot, (folder / "engine.log").exists, "the engine's start")


async def test_one_of_three_is_not_dropped_and_one_of_five_is(tmp_path: Path) -> None:
    folder = in_trouble(tmp_path, failed=True)
    app = wizard(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("node")
        await until(pilot, lambda: "it was not deployed" in grid(app), "the cause")
        await pilot.press("d")
        await until(pilot, lambda: "2 controllers would be left" in " ".join(grid(app).split()), "the refusal")
        assert (folder / "site.yaml").read_text() == SITE
        five = SITE.replace("172.22.0.13]", "172.22.0.13, 172.22.0.14, 172.22.0.15]")
        (folder / "site.yaml").write_text(five)
        lock = hold_lock(folder)
        await until(pilot, lambda: "engine running" in grid(app), "an engine")
        await pilot.press("d")
        await until(pilot, lambda: f"drops {NODE} from the undercloud permanently" in grid(app), "the question")
        await pilot.press(*"example", "enter")
        await until(pilot, lambda: "without" in (folder / "site.yaml").read_text(), "the site")
        assert [one.index for one in load_site(folder / "site.yaml").controllers] == [0, 2, 3, 4]
        os.close(lock)


@pytest.mark.parametrize("key", ["t", "p"])
async def test_nothing_is_ordered_for_a_machine_that_is_well(tmp_path: Path, key: str) -> None:
    folder = in_trouble(tmp_path, failed=False)
    app = wizard(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.open_node("example-undercloud-0")
        await until(pilot, lambda: "No problem reported" in grid(app), "the machine")
        await pilot.press(key)
        await until(pilot, lambda: "Only failed or stalled machines" in grid(app), "the refusal")
        assert orders.pending(folder, "example") == ()
        await pilot.press("n")
        await until(pilot, lambda: f"{NODE}  BMC" in grid(app), "the one that needs somebody")


async def test_rubbish_in_the_question_orders_nothing(tmp_path: Path) -> None:
    folder = in_trouble(tmp_path, failed=True)
    app = wizard(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("node")
        await pilot.press("p")
        await until(pilot, lambda: "This WIPES" in grid(app), "the question")
        app.screen.query_one("#typed", Input).value = "\x1b[2J\u202e" + "x" * 10_000
        await pilot.press("enter")
        await until(pilot, lambda: "Not ordered" in grid(app), "the refusal")
        assert orders.pending(folder, "example") == () and not (folder / "orders").exists()


async def test_the_review_of_a_site_without_spares_offers_none(tmp_path: Path) -> None:
    folder = in_trouble(tmp_path, failed=True)
    review = json.loads((folder / "review.json").read_text())
    review["machines"] = [one for one in review["machines"] if one["role"] != "spare"]
    (folder / "review.json").write_text(json.dumps(review))
    app = wizard(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("node")
        await until(pilot, lambda: "no spare fits" in grid(app), "the offer")
        await pilot.press("p")
        await until(pilot, lambda: "No spare is fit, free" in grid(app), "the refusal")
