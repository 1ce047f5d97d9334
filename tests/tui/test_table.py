"""A table of a thousand: the mark stays on its machine, keys move it, and only what is seen is made."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import App, ComposeResult

from seedvm.base.rows import Line, Rows
from tests.tui.helpers import grid, until
from tui.widgets.table import Table


class Bench(App[None]):
    """A table alone."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[str] = []
        self.chosen: list[str] = []

    def compose(self) -> ComposeResult:
        yield Table(id="table")

    def on_mount(self) -> None:
        self.query_one(Table).focus()

    def show(self, keys: Sequence[str]) -> None:
        def line(key: str) -> Line:
            self.made.append(key)
            return [(key, "")]

        self.query_one(Table).set_rows(keys, lambda _width: Rows(keys, line))

    def on_table_chosen(self, event: Table.Chosen) -> None:
        self.chosen.append(event.key)


KEYS = [f"node-{number:04d}" for number in range(1000)]


async def test_keys_move_the_mark_and_enter_chooses() -> None:
    app = Bench()
    async with app.run_test(size=(80, 24)) as pilot:
        app.show(KEYS)
        await pilot.pause()
        table = app.query_one(Table)
        assert table.marked == "node-0000"
        await pilot.press("down", "down", "enter", "up", "end", "enter", "home", "pagedown", "enter")
        wanted = ["node-0002", "node-0999", f"node-{table.scrollable_content_region.height - 1:04d}"]
        await until(pilot, lambda: app.chosen == wanted, f"the choice of {wanted}")
        assert len(app.made) < 500


async def test_the_mark_stays_on_its_key_when_rows_change_places() -> None:
    app = Bench()
    async with app.run_test(size=(80, 24)) as pilot:
        app.show(KEYS)
        await pilot.press("down", "down", "down")
        table = app.query_one(Table)
        await until(pilot, lambda: table.marked == "node-0003", "the mark")
        app.show(["node-0500", *KEYS])
        assert table.marked == "node-0003"
        app.show(KEYS[:2])
        assert table.marked == "node-0001"
        app.show([])
        assert table.marked == ""
        await pilot.press("down", "enter", "pagedown", "end")
        assert app.chosen == []


async def test_a_row_whose_words_changed_since_it_was_painted_is_painted_again() -> None:
    """Rows are made when they are read: compared with itself an old row would always be the same as the new one."""
    app, words = Bench(), {"node-0000": "as proposed"}

    def show() -> None:
        table = app.query_one(Table)
        table.set_rows(KEYS[:3], lambda _width: Rows(KEYS[:3], lambda key: [(f"{key} {words.get(key, '')}", "")]))

    async with app.run_test(size=(80, 24)) as pilot:
        show()
        await until(pilot, lambda: "node-0000 as proposed" in grid(app), "the first words")
        words["node-0000"] = "spare"
        show()
        await until(pilot, lambda: "node-0000 spare" in grid(app), "the words of now")
