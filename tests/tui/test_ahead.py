"""Keys typed ahead land where they would have landed had they been typed slowly."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual.events import Key
from textual.widgets import Input

from tests.tui.helpers import grid, loaded, state_dir, until, wizard
from tui.app import WizardApp
from tui.form import FIELDS


def type_at_once(app: WizardApp, *keys: str) -> None:
    """As a serial line brings them after it stood still: all before the first is worked off."""
    for key in keys:
        app.post_message(Key(key, key if len(key) == 1 else None))


async def test_a_password_typed_ahead_of_enter_is_in_its_own_field(tmp_path: Path) -> None:
    app = wizard(state_dir(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("credentials")
        await until(pilot, lambda: "****" in grid(app) or "none yet" in grid(app), "the accounts")
        app.screen.query_one("#user", Input).focus()
        await pilot.pause()
        type_at_once(app, *"root", "enter", *"hunter2")
        await until(pilot, lambda: app.screen.query_one("#password", Input).value == "hunter2", "the password")
        assert app.screen.query_one("#user", Input).value == "root"


async def test_what_follows_tab_or_enter_belongs_to_the_next_field(tmp_path: Path) -> None:
    app = wizard(tmp_path / "state")
    async with app.run_test(size=(80, 24)) as pilot:
        app.go("networks")
        await until(pilot, lambda: isinstance(app.focused, Input), "the form")
        type_at_once(app, *"one", "tab", *"two", "enter", *"three", "tab", *"four", "shift+tab", "x")
        wanted = ["one", "eth0two", "threex", "four"]
        await until(
            pilot, lambda: [app.screen.query_one(f"#field-{n}", Input).value for n in range(4)] == wanted, "four fields"
        )
    assert len(FIELDS) > len(wanted)


async def test_keys_go_on_where_the_field_has_gone(tmp_path: Path) -> None:
    app = wizard(tmp_path / "state")
    async with app.run_test(size=(80, 24)) as pilot:
        app.go("networks")
        await until(pilot, lambda: isinstance(app.focused, Input), "the form")
        type_at_once(app, "enter", *"abc", "escape", "f1")
        await asyncio.sleep(0)
        await until(pilot, lambda: "then describe the site" in grid(app) or "F1" in grid(app), "the way back")


async def test_keys_that_come_while_others_wait_stay_in_their_order(tmp_path: Path) -> None:
    app = wizard(state_dir(tmp_path))
    password = "".join(chr(ord("a") + number % 26) for number in range(60))
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("credentials")
        await until(pilot, lambda: "****" in grid(app) or "none yet" in grid(app), "the accounts")
        app.screen.query_one("#user", Input).focus()
        await pilot.pause()
        type_at_once(app, *"root", "enter")
        for letter in password:
            type_at_once(app, letter)
            await asyncio.sleep(0)
        field = app.screen.query_one("#password", Input)
        await until(pilot, lambda: len(field.value) == len(password), "the password")
        assert field.value == password
