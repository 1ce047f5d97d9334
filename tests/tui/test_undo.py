"""The key that undoes a hand-off: only before COMMIT, only with the site's name, by the command itself."""

from __future__ import annotations

from pathlib import Path

from seedvm.site.secrets_file import ensure_generated
from tests.tui.helpers import SITE, grid, loaded, name, state_dir, until, wizard

FENCED = '"phase":"FENCE","state":"done"'
OWNED = '"phase":"OWN","state":"started"'


def words(app: object) -> str:
    return " ".join(grid(app).split())  # type: ignore[arg-type]


async def test_a_hand_off_before_commit_is_undone_with_the_sites_name(tmp_path: Path) -> None:
    folder = state_dir(tmp_path, until=FENCED, review=True)
    (folder / "site.yaml").write_text(SITE)
    ensure_generated(folder / "secrets.yaml")
    app = wizard(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("handoff")
        await until(pilot, lambda: "z Undo" in grid(app), "the key")
        await pilot.press("z")
        await until(pilot, lambda: "To confirm, type the site's name: example" in words(app), "the question")
        await pilot.press(*"exampl", "enter")
        await until(pilot, lambda: "Not undone: the site's name is example" in words(app), "the refusal")
        await pilot.press("e", "enter")
        await until(pilot, lambda: "No hand-off is under way; nothing was changed." in words(app), "the answer")
        assert name(app) == "handoff" and "To confirm" not in grid(app)
        await pilot.press("z", "escape")
        await until(pilot, lambda: "To confirm" not in grid(app), "the question's end")
        assert name(app) == "handoff"


async def test_what_the_command_refuses_is_said_with_its_reason(tmp_path: Path) -> None:
    folder = state_dir(tmp_path, until=FENCED, review=True)
    (folder / "site.yaml").write_text(SITE)
    app = wizard(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("handoff")
        await pilot.press("z", *"example", "enter")
        await until(pilot, lambda: "no deployment has been run yet" in words(app), "the refusal")


async def test_there_is_no_such_key_after_commit(tmp_path: Path) -> None:
    folder = state_dir(tmp_path, until=OWNED, review=True)
    app = wizard(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("handoff")
        await until(pilot, lambda: name(app) == "handoff" and "passed" in grid(app), "the page")
        await pilot.press("z")
        await pilot.pause()
        assert "z Undo" not in grid(app) and "To confirm" not in grid(app)
