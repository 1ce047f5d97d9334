"""Every page on a state folder whose texts paint on the terminal: the page stands as ever, and nothing in it acts on the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.datacenter.paint import MARK, PAINTS, SCREEN, remains
from tests.painted import more_events, painted_state
from tests.tui.helpers import CONSOLE, SITE, UNICODE, grid, loaded, name, until, wizard
from tui.app import PAGES


def folder(path: Path) -> Path:
    """The state folder of tests/painted.py, with a site."""
    more_events(painted_state(path))
    (path / "site.yaml").write_text(SITE)
    return path


async def stands(pilot: Pilot[None], page: str) -> str:
    """What stands on a page once it has its title and its light."""
    app = pilot.app
    await until(pilot, lambda: name(app) == page and "F1 Help" in grid(app), page)
    return grid(app)


@pytest.mark.parametrize("theme", [UNICODE, CONSOLE], ids=["colour", "plain"])
@pytest.mark.parametrize("page", PAGES)
async def test_no_page_shows_a_control(tmp_path: Path, page: str, theme: dict[str, str]) -> None:
    app = wizard(folder(tmp_path / "state"), theme)
    async with app.run_test(size=(120, 40)) as pilot:
        await loaded(pilot)
        app.go(page)
        shown = await stands(pilot, page)
        assert remains(shown.encode("utf-8", "surrogatepass")) == []
        sent = "".join(strip.render(app.console) for strip in app.screen._compositor.render_strips())
        assert remains(sent.encode("utf-8", "surrogatepass"), own=SCREEN) == []
        assert len(shown.splitlines()) == 40


async def test_a_notice_shows_markup_as_the_text_that_it_is(tmp_path: Path) -> None:
    app = wizard(folder(tmp_path / "state"))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await loaded(pilot)
        app.notify(f"{MARK}{PAINTS['markup-open']}", markup=False, timeout=60)
        await until(pilot, lambda: f"{MARK}[reverse][/" in grid(app), "the notice")
