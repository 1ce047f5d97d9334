"""After YES: the word large, the list of what is to be done, what was proved, what is left, and the whole receipt below."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from seedvm.engine.journal import read
from seedvm.engine.reducer import fold
from seedvm.engine.state import State
from tests.tui.helpers import grid, loaded, name, state_dir, until, wizard
from tui.state.watcher import View
from tui.text.ascii import ascii_text
from tui.text.leaving import closing_words, leave_lines

DEMO = Path(__file__).parents[1] / "recorded" / "demo" / "journal.jsonl"
WHOLE = fold(State(), read(DEMO))


def words(state: State, width: int = 100) -> str:
    return "\n".join("".join(text for text, _ in line) for line in leave_lines(View(state), width))


def test_the_list_says_what_is_done_already_and_what_is_left_undone() -> None:
    told = words(WHOLE)
    assert (
        "[x] switch off" in told
        and "[x] secrets deleted" in told
        and "[ ] keep the key" in told
        and "[ ] cables" in told
    )
    assert "504 tables, 3 images, 13 secrets the same on every controller" in told and "API gap 0.647 s" in told
    assert "172.22.1.25: unfit: wrong password" in told and "Took     21:41" in told
    running = replace(
        WHOLE, steps=tuple(replace(one, state="todo") if one.name == "seed-off" else one for one in WHOLE.steps)
    )
    assert "[ ] switch off" in words(running)


def test_every_line_fits_and_has_an_ascii_likeness() -> None:
    for width in (60, 80, 160):
        assert all(sum(len(text) for text, _ in line) <= width for line in leave_lines(View(WHOLE), width))
    assert "?" not in ascii_text(words(WHOLE))


def test_the_last_words_say_whether_work_continues() -> None:
    assert "the engine keeps running" in closing_words(View(WHOLE, running=True), replaying=False)
    assert "no engine is running" in closing_words(View(WHOLE), replaying=False)
    assert closing_words(View(), replaying=True) == "The recording is closed."


async def test_a_search_leaves_only_the_receipts_own_lines_and_esc_brings_the_list_back(tmp_path: Path) -> None:
    app = wizard(state_dir(tmp_path, review=True, receipt=True))
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("receipt")
        await until(pilot, lambda: name(app) == "receipt" and "Before the laptop goes" in grid(app), "the list")
        await pilot.press("slash", *"tables", "enter")
        await until(pilot, lambda: "Before the laptop goes" not in grid(app), "only what was found")
        await pilot.press("escape")
        await until(pilot, lambda: "Before the laptop goes" in grid(app), "all of it again")
