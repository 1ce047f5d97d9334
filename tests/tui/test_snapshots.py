"""Stored pictures of every page: 80x24, 100x30 and 160x45, in both themes."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedvm.base.secret import Secret
from seedvm.site.accounts import Candidate
from seedvm.site.secrets_file import store_candidates
from tests.tui.helpers import THEMES, SteadyLink, cable, grid, loaded, same_as_stored, state_dir, until, wizard
from tui.app import PAGES

SIZES = {"80x24": (80, 24), "100x30": (100, 30), "160x45": (160, 45)}
AT = {
    "welcome": '"phase":"write"', "progress": '"percent":50.0', "review": '"verdict":"blocked"}',
    "handoff": '"phase":"OWN","state":"started"', "receipt": "", "node": '"percent":50.0',
}  # fmt: skip

WINDOWS = {"jump": ("f2", "Receipt"), "help": ("f1", "closes the wizard"), "commands": ("ctrl+p", "Go to Discovery")}
"""Windows over a page: the key that opens each, and a word of it."""

READY = {
    "preflight": "Gi0/4",
    "networks": "172.22.1.10/24",
    "credentials": "1. admin",
    "discovery": "F5 scans 6 addresses",
    "hardware": "spare",
}
"""What a page has read in a thread by the time its picture is taken."""


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("page", PAGES)
async def test_page_looks_as_stored(tmp_path: Path, page: str, size: str, theme: str) -> None:
    until_line = AT.get(page, "")
    folder = state_dir(tmp_path, until=until_line, review=page != "welcome", receipt=not until_line)
    app = wizard(folder, THEMES[theme], SteadyLink(folder, Path("/images"), cable(folder)))
    store_candidates(tmp_path / "secrets.yaml", (Candidate("admin", Secret("never-shown")),))
    async with app.run_test(size=SIZES[size]) as pilot:
        await loaded(pilot)
        app.go(page)
        await until(pilot, lambda: PAGES[page].NAME in grid(app).splitlines()[0])
        await until(pilot, lambda: READY[page] in grid(app) if page in READY else True, READY.get(page, ""))
        await same_as_stored(pilot, f"{page}-{size}-{theme}")
        shown = grid(app)
        assert "never-shown" not in shown
        assert theme == "colour" or shown.isascii()
        assert all(len(line) <= SIZES[size][0] for line in shown.splitlines())


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("window", WINDOWS)
async def test_window_looks_as_stored(tmp_path: Path, window: str, size: str, theme: str) -> None:
    folder = state_dir(tmp_path, until='"percent":50.0', review=True)
    app = wizard(folder, THEMES[theme], SteadyLink(folder, Path("/images"), cable(folder)))
    async with app.run_test(size=SIZES[size]) as pilot:
        await loaded(pilot)
        app.go("progress")
        await until(pilot, lambda: "Log of all machines" in grid(app), "the whole page")
        key, word = WINDOWS[window]
        await pilot.press(key)
        seen_through = window == "commands"
        await until(
            pilot, lambda: word in grid(app) and ("Progress" in grid(app).splitlines()[0]) == seen_through, window
        )
        await same_as_stored(pilot, f"{window}-{size}-{theme}")
        assert theme == "colour" or grid(app).isascii()
