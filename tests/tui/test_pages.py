"""Every page by its keys: what it shows, where it leads, and the way back."""

from __future__ import annotations

import asyncio
import json
import os
import re
from pathlib import Path

import pytest
from textual.widgets import Input

from tests.tui.helpers import (
    BROKEN,
    CONSOLE,
    EXAMPLE,
    cable,
    grid,
    hold_lock,
    journal_line,
    loaded,
    name,
    state_dir,
    until,
    wizard,
)
from tui.app import PAGES, WizardApp
from tui.backend.engine import EngineClient
from tui.screens.notes import Help, Jump
from tui.widgets.keys import Keys


@pytest.mark.parametrize("page", [key for key in PAGES if key != "welcome"])
async def test_every_page_is_reached_by_the_list_and_left_by_escape(tmp_path: Path, page: str) -> None:
    app = wizard(state_dir(tmp_path, review=True, receipt=True))
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        await pilot.press("f2", *["down"] * list(PAGES).index(page), "enter")
        await until(pilot, lambda: name(app) == page, f"page {page}")
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, Help), "the help")
        await pilot.press("escape", "escape")
        await until(pilot, lambda: name(app) == "welcome", "page welcome")


@pytest.mark.parametrize("page", PAGES)
def test_help_fits_eighty_columns(page: str) -> None:
    assert PAGES[page].HELP and all(len(line) <= 78 for line in PAGES[page].HELP.splitlines())


async def test_escape_on_the_first_page_stays(tmp_path: Path) -> None:
    app = wizard(state_dir(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("escape", "escape")
        await until(pilot, lambda: name(app) == "welcome", "page welcome")
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(app.screen, Jump), "the list")
        await pilot.press("escape")
        await until(pilot, lambda: name(app) == "welcome", "page welcome")


async def test_welcome_says_where_it_stands_and_enter_shows_the_work(tmp_path: Path) -> None:
    app = wizard(state_dir(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        assert "Status    All steps are done" in grid(app)
        await pilot.press("enter")
        await until(pilot, lambda: name(app) == "progress", "page progress")


async def test_progress_follows_the_journal_as_it_grows(tmp_path: Path) -> None:
    folder = state_dir(tmp_path, until='"phase":"write"', review=True)
    lock = hold_lock(folder)
    app = wizard(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        await pilot.press("enter")
        await until(
            pilot,
            lambda: "Deploy the undercloud by Heat: " in grid(app) and " so far, usually 2:30" in grid(app),
            "the work",
        )
        with (folder / "journal.jsonl").open("a") as journal:
            journal.write(journal_line(900, "log", "deploy", message="freshly said") + "\n")
        await until(pilot, lambda: "freshly said" in grid(app), "the new line")
    os.close(lock)


async def test_log_is_filtered_by_machine_and_by_search_and_escape_ends_the_search(tmp_path: Path) -> None:
    app = wizard(state_dir(tmp_path, review=True))
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: name(app) == "progress", "page progress")
        await pilot.press("end", "f")
        await until(
            pilot, lambda: "Log of 172.22.1.26" in grid(app) and "galera" not in grid(app).lower(), "one machine's log"
        )
        await pilot.press("f")
        await until(pilot, lambda: "Log of all machines" in grid(app), "all logs")
        await pilot.press("slash", *"keystone")
        await until(pilot, lambda: "keystone answers" in grid(app), "what is searched")
        assert "mariadb answers" not in grid(app)
        await pilot.press("end")
        await pilot.press("escape")
        await until(
            pilot, lambda: name(app) == "progress" and "matching 'keystone'" not in grid(app), "the search's end"
        )


async def test_failure_says_what_to_do_and_retry_starts_the_engine(tmp_path: Path) -> None:
    folder = state_dir(tmp_path, until='"phase":"write"', review=True)
    (folder / "site.yaml").write_text(BROKEN)
    with (folder / "journal.jsonl").open("a") as journal:
        told = {
            "what": "the node never came back",
            "machine": "example-undercloud-1",
            "why": "no lease",
            "hint": "look at its cable",
        }
        journal.write(journal_line(900, "step-failed", "deploy", **told) + "\n")
        journal.write(journal_line(901, "run-ended", verdict="failed") + "\n")
    app = wizard(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("progress")
        await until(pilot, lambda: "look at its cable" in grid(app), "the hint")
        assert "example-undercloud-1" in grid(app) and "r retry" in grid(app)
        await pilot.press("r")
        await until(pilot, (folder / "engine.log").exists, "the engine's start")


async def test_blocked_at_review_leads_there_and_the_typed_name_confirms(tmp_path: Path) -> None:
    folder = state_dir(tmp_path, until='"verdict":"blocked"}', review=True)
    (folder / "site.yaml").write_text(BROKEN)
    app = wizard(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("progress")
        (folder / "review.json").touch()
        await until(pilot, lambda: name(app) == "review", "the review")
        assert "QM00021" in grid(app) and "nobody knows its password" in grid(app)
        await pilot.press(*"exampl", "enter")
        await until(pilot, lambda: "Not confirmed" in grid(app), "the refusal")
        assert not (folder / "confirmed.json").exists()
        await pilot.press(*"example", "enter")
        await until(pilot, (folder / "confirmed.json").exists, "the confirmation")
        assert len(json.loads((folder / "confirmed.json").read_text())["wipe"]) == 4
        await until(pilot, lambda: name(app) == "progress", "the way on")


async def test_review_takes_rubbish_and_ten_thousand_characters(tmp_path: Path) -> None:
    app = wizard(state_dir(tmp_path, review=True))
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("review")
        await until(pilot, lambda: "Type the site name" in grid(app), "the question")
        app.screen.query_one("#typed", Input).value = "\x1b[2J\u202e" + "x" * 10_000
        await pilot.press("enter")
        await until(pilot, lambda: "Not confirmed" in grid(app), "the refusal")
        assert not (tmp_path / "confirmed.json").exists()


async def test_receipt_page_says_yes_only_with_the_receipt(tmp_path: Path) -> None:
    app = wizard(state_dir(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("receipt")
        await until(pilot, lambda: "No receipt yet" in grid(app))
        assert "SAFE TO LEAVE: NO" in grid(app)
        (tmp_path / "receipt.pub").write_text((EXAMPLE / "receipt.pub").read_text())
        (tmp_path / "receipt.json").write_text((EXAMPLE / "receipt.json").read_text())
        await until(pilot, lambda: "SAFE TO LEAVE: YES" in grid(app), "the light")


async def test_f4_changes_the_theme_and_the_console_begins_plain(tmp_path: Path) -> None:
    app = wizard(state_dir(tmp_path), CONSOLE)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        assert not colours(app)
        await pilot.press("f4")
        await until(pilot, lambda: bool(colours(app)), "the colours")
        await pilot.press("f4")
        await until(pilot, lambda: not colours(app) and grid(app).isascii(), "the plain theme")


async def test_no_color_is_obeyed(tmp_path: Path) -> None:
    app = wizard(state_dir(tmp_path), {"TERM": "xterm", "LANG": "C.UTF-8", "NO_COLOR": "1"})
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        assert not colours(app)


async def test_resizing_in_a_storm_keeps_the_page(tmp_path: Path) -> None:
    app = wizard(state_dir(tmp_path, review=True, receipt=True))
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("progress")
        for width, height in [(1, 1), (20, 5), (300, 100), (79, 23), (80, 24)] * 4:
            await pilot.resize_terminal(width, height)
        await until(pilot, lambda: "All steps are done" in grid(app))


def colours(app: WizardApp) -> bool:
    """Whether any cell on the screen has a colour."""
    return any(
        segment.style is not None and (segment.style.color or segment.style.bgcolor)
        for strip in app.screen._compositor.render_strips()
        for segment in strip
    )


class SlowLink(EngineClient):
    """A link whose bundle is written when it is told so."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, sys_net=cable(folder))
        self.go_on = asyncio.Event()

    async def bundle(self) -> Path:
        """After a while."""
        await self.go_on.wait()
        return self.state_dir / "seedvm-bundle.tar.gz"


async def test_every_page_says_what_is_waited_for_how_long_it_takes_and_has_taken(tmp_path: Path) -> None:
    link = SlowLink(state_dir(tmp_path))
    app = wizard(tmp_path, CONSOLE, link)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("progress")
        await pilot.press("b")
        await until(pilot, lambda: "writing a bundle: 0 s so far, usually 5 s" in grid(app).splitlines()[0], "the wait")
        app.go("receipt")
        told = re.compile(r"writing a bundle: [1-9]\d* s so far, usually 5 s")
        await until(pilot, lambda: told.search(grid(app).splitlines()[0]) is not None, "the time")
        link.go_on.set()
        await until(pilot, lambda: "engine not running" in grid(app).splitlines()[0], "the end")


async def test_a_name_that_was_typed_for_other_disks_is_taken_out(tmp_path: Path) -> None:
    folder = state_dir(tmp_path, until='"verdict":"blocked"}', review=True)
    app = wizard(folder, CONSOLE)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("review")
        await until(pilot, lambda: "WILL BE WIPED: 4 disks" in grid(app), "the review")
        await pilot.press(*"example", "escape")
        app.go("review")
        assert app.screen.query_one("#typed", Input).value == "example"  # the way back loses nothing
        other = json.loads((folder / "review.json").read_text())
        other["machines"] = other["machines"][1:]
        (folder / "review.json").write_text(json.dumps(other))
        await until(pilot, lambda: "WILL BE WIPED: 3 disks" in grid(app), "the other review")
        assert app.screen.query_one("#typed", Input).value == ""


async def test_a_click_on_a_key_is_the_key_and_a_key_that_does_not_fit_is_left_out_whole(tmp_path: Path) -> None:
    app = wizard(state_dir(tmp_path), CONSOLE)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("progress")
        await until(pilot, lambda: "v View" in grid(app), "the keys")
        await pilot.click(Keys, offset=(grid(app).splitlines()[-1].index("v View"), 0))
        await until(pilot, lambda: "\nSteps" in grid(app), "the next part")
        await pilot.resize_terminal(60, 24)
        await until(pilot, lambda: grid(app).rstrip().endswith("v View"), "the keys that fit")
