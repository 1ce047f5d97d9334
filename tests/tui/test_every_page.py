"""What every page has to have: a place in the list, its pictures, a test of the way back, search, keys and help that fit.

A page that is added without one of these fails here.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest

import tui.screens
from tests.tui.helpers import CONSOLE, THEMES, grid, loaded, name, state_dir, until, wizard
from tests.tui.test_pages import test_every_page_is_reached_by_the_list_and_left_by_escape
from tests.tui.test_snapshots import SIZES, WINDOWS
from tui.app import PAGES
from tui.screens.notes import Help
from tui.screens.page import Page
from tui.widgets.lines import Lines

PICTURES = Path(__file__).with_name("snapshots")


def test_every_page_that_there_is_can_be_gone_to() -> None:
    modules = [
        importlib.import_module(f"tui.screens.{found.name}") for found in pkgutil.iter_modules(tui.screens.__path__)
    ]
    there = {thing for module in modules for thing in vars(module).values() if isinstance(thing, type)}
    assert {one for one in there if issubclass(one, Page) and one.NAME} == set(PAGES.values())


def test_every_page_has_its_pictures_and_every_picture_its_page() -> None:
    wanted = {f"{page}-{size}-{theme}.txt" for page in (*PAGES, *WINDOWS) for size in SIZES for theme in THEMES}
    assert {path.name for path in PICTURES.iterdir()} == wanted


def test_every_page_has_a_test_of_the_way_back() -> None:
    (mark,) = test_every_page_is_reached_by_the_list_and_left_by_escape.pytestmark
    assert set(mark.args[1]) == set(PAGES) - {"welcome"}


@pytest.mark.parametrize("page", PAGES)
async def test_keys_and_help_fit_the_smallest_screen_and_rows_can_be_searched(tmp_path: Path, page: str) -> None:
    app = wizard(state_dir(tmp_path, review=True, receipt=True), CONSOLE)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go(page)
        await until(pilot, lambda: name(app) == page and "F1 Help" in grid(app), page)
        shown = grid(app).splitlines()[-1]
        keys = [
            one.binding.description for one in app.screen.active_bindings.values() if one.binding.show and one.enabled
        ]
        assert not [key for key in keys if key not in shown], shown
        assert bool(app.screen.query(Lines)) == PAGES[page].SEARCHES
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, Help) and "closes the wizard" in grid(app), "the whole help")
        assert f"Help: {PAGES[page].NAME}" in grid(app)
