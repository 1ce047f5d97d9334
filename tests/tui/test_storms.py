"""What hands, clipboards and window managers do: rubbish pasted into every field, and a size that will not hold still."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events
from textual.widgets import Input

from tests.tui.helpers import CONSOLE, grid, loaded, name, state_dir, until, wizard
from tui.app import PAGES

RUBBISH = ("\x1b[2J\x1b]0;x\x07\u202e{[<&'\"\\\x00" + "y" * 10_000, "\n\r\t\n" * 50, "\udcff\ufeff漢" * 3000)


@pytest.mark.parametrize("page", PAGES)
async def test_rubbish_pasted_into_every_field_harms_nothing(tmp_path: Path, page: str) -> None:
    folder = state_dir(tmp_path, until='"percent":50.0', review=True)
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    app = wizard(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go(page)
        await until(pilot, lambda: name(app) == page and PAGES[page].NAME in grid(app).splitlines()[0], page)
        for field in list(app.screen.query(Input)):
            field.disabled = False
            for text in RUBBISH:
                field.post_message(events.Paste(text))
                await pilot.pause()
            assert len(field.value) <= (field.max_length or 0)
        await until(pilot, lambda: PAGES[page].NAME in grid(app).splitlines()[0], page)
        assert all(len(line) <= 80 for line in grid(app).splitlines())
        app.go("welcome")
        await until(pilot, lambda: name(app) == "welcome", "the way back")
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name in before} == before


@pytest.mark.parametrize("page", PAGES)
async def test_a_storm_of_sizes_keeps_every_page(tmp_path: Path, page: str) -> None:
    app = wizard(state_dir(tmp_path, review=True, receipt=True), CONSOLE)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go(page)
        for width, height in [(1, 1), (20, 5), (300, 100), (79, 23), (2, 50), (120, 3)]:
            await pilot.resize_terminal(width, height)
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: name(app) == page and PAGES[page].NAME in grid(app).splitlines()[0], page)
        assert all(len(line) <= 80 for line in grid(app).splitlines()) and "SAFE TO LEAVE: YES" in grid(app)


@pytest.mark.parametrize("page", [page for page in PAGES if PAGES[page].SEARCHES])
async def test_a_search_for_rubbish_finds_nothing_and_escape_ends_it(tmp_path: Path, page: str) -> None:
    app = wizard(state_dir(tmp_path, review=True, receipt=True))
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go(page)
        await until(pilot, lambda: name(app) == page and bool(app.screen.query("#search")), page)
        field = app.screen.query_one("#search", Input)
        app.screen.action_search()  # type: ignore[attr-defined]
        field.post_message(events.Paste("(((*" + "z" * 100))
        await until(pilot, lambda: field.value.startswith("(((*"), "the search")
        await pilot.press("escape")
        await until(pilot, lambda: not field.value and name(app) == page, "the search's end")
