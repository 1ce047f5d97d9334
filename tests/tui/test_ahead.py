"""Keys typed ahead land where they would have landed had they been typed slowly."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual.events import Key, Paste
from textual.pilot import Pilot
from textual.widgets import Input

from seedvm.base.nics import SystemNic
from seedvm.base.secret import Secret
from seedvm.site.accounts import Candidate
from seedvm.site.load import load_site
from seedvm.site.secrets_file import load_candidates, store_candidates
from tests.tui.helpers import HANGS, cable, grid, loaded, state_dir, until, wizard
from tui.app import PAGES, WizardApp
from tui.backend.engine import EngineClient
from tui.backend.site_form import FIELDS
from tui.screens.networks import NetworksPage
from tui.screens.notes import Help


def type_at_once(app: WizardApp, *keys: str) -> None:
    """As a serial line brings them after it stood still: all before the first is worked off."""
    for key in keys:
        app.post_message(Key(key, key if len(key) == 1 else None))


async def at_the_user(pilot: Pilot[None], app: WizardApp) -> None:
    """On the credentials page, its accounts read, in the field for a user's name."""
    await loaded(pilot)
    app.go("credentials")
    await until(pilot, lambda: "****" in grid(app) or "none yet" in grid(app), "the accounts")
    app.screen.query_one("#user", Input).focus()
    await pilot.pause()


async def test_a_password_typed_ahead_of_enter_is_in_its_own_field(tmp_path: Path) -> None:
    app = wizard(state_dir(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await at_the_user(pilot, app)
        type_at_once(app, *"root", "enter", *"hunter2")
        await until(pilot, lambda: app.screen.query_one("#password", Input).value == "hunter2", "the password")
        assert app.screen.query_one("#user", Input).value == "root"


async def test_a_password_pasted_behind_enter_is_in_its_own_field(tmp_path: Path) -> None:
    app = wizard(state_dir(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await at_the_user(pilot, app)
        type_at_once(app, *"root", "enter")
        app.post_message(Paste("hunter2"))
        type_at_once(app, "!")
        await until(pilot, lambda: app.screen.query_one("#password", Input).value == "hunter2!", "the password")
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
        await at_the_user(pilot, app)
        type_at_once(app, *"root", "enter")
        for letter in password:
            type_at_once(app, letter)
            await asyncio.sleep(0)
        field = app.screen.query_one("#password", Input)
        await until(pilot, lambda: len(field.value) == len(password), "the password")
        assert field.value == password


async def test_keys_for_pages_that_are_not_built_yet_go_to_them(tmp_path: Path) -> None:
    app = wizard(state_dir(tmp_path))
    down = list(PAGES).index("networks")
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        type_at_once(app, "f2", *["down"] * down, "enter", "x", "f1", "escape", "escape", "f2", "escape", "f1")
        await until(pilot, lambda: isinstance(app.screen, Help) and "Help: Welcome" in grid(app), "the help")
        type_at_once(app, "escape", "f2", *["down"] * down, "enter")
        await until(pilot, lambda: isinstance(app.screen, NetworksPage), "the form")
        await until(pilot, lambda: app.screen.query_one("#field-0", Input).value.endswith("x"), "what was typed")


async def test_however_long_a_page_takes_a_password_waits_for_its_field(tmp_path: Path) -> None:
    app = wizard(state_dir(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("credentials")
        await until(pilot, lambda: "****" in grid(app) or "none yet" in grid(app), "the accounts")
        user, free = app.screen.query_one("#user", Input), asyncio.Event()
        app.screen.call_later(free.wait)  # the page is busy
        app.set_timer(1.5, free.set)
        type_at_once(app, *"root", "enter", *"hunter2")
        await asyncio.wait_for(free.wait(), HANGS)
        await until(pilot, lambda: app.screen.query_one("#password", Input).value == "hunter2", "the password")
        assert user.value == "root"


class LateLink(EngineClient):
    """A link that reads accounts and site when it is told so."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, sys_net=cable(folder))
        self.go_on = asyncio.Event()

    async def candidates(self) -> tuple[Candidate, ...]:
        await self.go_on.wait()
        return await super().candidates()

    async def site_values(self) -> tuple[dict[str, str], tuple[SystemNic, ...]]:
        await self.go_on.wait()
        return await super().site_values()


async def test_accounts_typed_in_one_go_are_all_stored_beside_those_that_were_there(tmp_path: Path) -> None:
    folder = state_dir(tmp_path)
    secrets = folder / "secrets.yaml"
    store_candidates(secrets, (Candidate("old", Secret("geheim")),))
    link = LateLink(folder)
    app = wizard(folder, link=link)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("credentials")
        type_at_once(app, *"root", "enter", *"calvin", "enter", *"admin", "enter", *"hunter2", "enter")
        await until(pilot, lambda: len(app.workers) >= 4, "three that wait for the accounts, and the follower")
        link.go_on.set()
        await until(pilot, lambda: len(load_candidates(secrets)) == 3, "three accounts")
        told = [(one.user, one.password.reveal()) for one in load_candidates(secrets)]
        assert told == [("old", "geheim"), ("root", "calvin"), ("admin", "hunter2")]
        await until(pilot, lambda: "3. admin  ****" in grid(app), "the list")


async def test_what_is_typed_before_the_site_was_read_stays_and_the_rest_is_the_sites(tmp_path: Path) -> None:
    folder = state_dir(tmp_path)
    link = LateLink(folder)
    app = wizard(folder, link=link)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("networks")
        type_at_once(app, *"half", "tab")
        await until(pilot, lambda: bool(app.screen.query("#field-0")), "the form")
        await until(pilot, lambda: app.screen.query_one("#field-0", Input).value == "half", "what was typed")
        link.go_on.set()
        await until(pilot, lambda: "172.22.1.10/24" in grid(app), "the site")
        assert [app.screen.query_one(f"#field-{n}", Input).value for n in range(2)] == ["half", "none0"]


async def test_words_on_two_machines_in_one_go_are_both_written(tmp_path: Path) -> None:
    folder = state_dir(tmp_path, review=True)
    app = wizard(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("hardware")
        await until(pilot, lambda: "172.22.1.22" in grid(app), "the table")
        type_at_once(app, "x", "down", "u", "down", "s")
        await until(pilot, lambda: "172.22.1.23: spare" in grid(app), "the last word")
        site = load_site(folder / "site.yaml")
        assert [site.machine(f"172.22.1.2{n}").role for n in (1, 2, 3)] == ["exclude", "undercloud", "spare"]
