"""What a page shows at its very first paint: nobody at a review may see rows that are cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.screen import Screen

import tui.app
from tests.tui.helpers import THEMES, cable, loaded, state_dir, until
from tui.app import PAGES, WizardApp
from tui.backend.engine import EngineClient
from tui.screens.review import ReviewPage


class Camera(WizardApp):
    """The wizard, keeping every picture that it sends to the terminal, page by page."""

    CSS_PATH = Path(tui.app.__file__).with_name("style.tcss")

    def __init__(self, link: EngineClient, env: dict[str, str]) -> None:
        super().__init__(link, env)
        self.pictures: dict[type[Screen[Any]], list[str]] = {}

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        super()._display(screen, renderable)
        rows = "\n".join(strip.text.rstrip() for strip in screen._compositor.render_strips())
        if not rows.strip():
            return  # nothing is laid out yet, and nothing is shown
        self.pictures.setdefault(type(screen), []).append(rows)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", [(80, 24), (140, 40)])
async def test_the_review_that_opens_by_itself_is_whole_at_first_paint(
    tmp_path: Path, size: tuple[int, int], theme: str
) -> None:
    folder = state_dir(tmp_path, until='"verdict":"blocked"}', review=True)
    app = Camera(EngineClient(folder, sys_net=cable(folder)), THEMES[theme])
    async with app.run_test(size=size) as pilot:
        await loaded(pilot)
        app.go("progress")  # the review is wanted: the wizard leads there by itself
        await until(pilot, lambda: bool(app.pictures.get(ReviewPage)), "the review")
        first = app.pictures[ReviewPage][0]
    assert "WILL BE WIPED: 4 disks of 4 machines" in first
    assert first.count("WIPE /dev/sda  serial QM0002") == 4
    assert "WIPE ~" not in first
    assert "Type the site name (example)" in first


@pytest.mark.parametrize("page", [key for key in PAGES if key not in ("welcome", "review")])
async def test_no_page_paints_rows_for_a_width_that_it_does_not_have(tmp_path: Path, page: str) -> None:
    app = Camera(
        EngineClient(state_dir(tmp_path, review=True, receipt=True), sys_net=cable(tmp_path)), THEMES["colour"]
    )
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go(page)
        await until(pilot, lambda: bool(app.pictures.get(PAGES[page])), page)
        for picture in app.pictures[PAGES[page]]:
            assert not [row for row in picture.splitlines() if row.strip() in ("~", "WIPE ~")], picture
