"""`seedvm replay --tour`: a recorded first install in three minutes, a caption for each page, on screen and as lines."""

from __future__ import annotations

from itertools import pairwise

import pytest

from seedvm.engine.journal import read
from tests.tui.helpers import EXAMPLE, UNICODE, Script, grid, name, until
from tui.app import PAGES, WizardApp
from tui.backend.tour import Tour
from tui.line_mode import Talk
from tui.state.tour import SCENES, SECONDS, parts

DEMO = EXAMPLE.with_name("demo") / "journal.jsonl"


def test_a_tour_shows_all_of_a_recording_in_three_minutes() -> None:
    entries = read(DEMO)
    cut = parts(entries)
    assert (cut[0].begin, cut[-1].end) == (0, len(entries))
    assert all(one.end == after.begin for one, after in pairwise(cut))
    assert sum(one.seconds for one in cut) == pytest.approx(SECONDS)
    assert [one.scene for one in cut] == list(SCENES)


def test_every_scene_has_a_page_and_time_to_be_read() -> None:
    for scene in SCENES:
        assert scene.page in PAGES
        assert len(scene.words.split()) / (scene.share * SECONDS) < 3, "three words a second can be read"


@pytest.mark.parametrize("size", [(80, 24), (160, 45)])
async def test_the_pages_follow_with_their_captions(size: tuple[int, int]) -> None:
    app = WizardApp(Tour(DEMO, seconds=6), UNICODE, replaying=True)
    async with app.run_test(size=size) as pilot:
        for scene in SCENES:
            await until(pilot, lambda scene=scene: name(app) == scene.page, scene.page)  # type: ignore[misc]
        await until(pilot, lambda: "Take the laptop home" in " ".join(grid(app).split()), "the last caption")
        assert "SAFE TO LEAVE: YES" in grid(app)


async def test_lines_have_the_captions_too() -> None:
    desk = Script()
    await Talk(Tour(DEMO, seconds=0), desk, replaying=True).run()
    assert [one for one in desk.said if one.startswith("== ")] == [f"== {scene.words}" for scene in SCENES]
