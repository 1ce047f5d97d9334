"""The page that saves the site: offered at the review, a passphrase typed twice, and no secret on the screen that was not asked for."""

from __future__ import annotations

from pathlib import Path

from textual.widgets import Input

from seedvm.base.secret import Secret
from seedvm.site import recovery
from seedvm.site.accounts import Candidate
from seedvm.site.bundle import read_bundle
from seedvm.site.secrets_file import ensure_generated, store_proven
from tests.tui.helpers import SITE, grid, loaded, name, state_dir, until, wizard

WORDS = "four words of a sentence"


def words(app: object) -> str:
    return " ".join(grid(app).split())  # type: ignore[arg-type]


async def test_it_is_offered_at_the_review_and_written_and_asked_for_again_when_a_password_has_changed(
    tmp_path: Path,
) -> None:
    folder = state_dir(tmp_path, until='"verdict":"blocked"}', review=True)
    (folder / "site.yaml").write_text(SITE)
    secrets = ensure_generated(folder / "secrets.yaml")
    stick = tmp_path / "stick"
    stick.mkdir()
    app = wizard(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("review")
        await until(pilot, lambda: "F9: save them to a stick" in words(app), "the offer")
        await pilot.press("f9")
        await until(pilot, lambda: name(app) == "bundle" and "No bundle yet" in words(app), "the page")
        app.screen.query_one("#file", Input).value = str(stick)
        await pilot.press("enter", *"four words", "enter", *"five words", "enter")
        await until(pilot, lambda: "the two passphrases differ" in words(app), "the refusal")
        assert not list(stick.iterdir())
        for field in ("passphrase", "again"):
            app.screen.query_one(f"#{field}", Input).value = "short"
        await pilot.press("f10")
        await until(pilot, lambda: "fewer than 12 characters" in words(app), "another refusal")
        for field in ("passphrase", "again"):
            app.screen.query_one(f"#{field}", Input).value = WORDS
        await pilot.press("f10")
        await until(pilot, lambda: "The last bundle holds the passwords" in words(app), "it is written")
        (written,) = stick.iterdir()
        assert read_bundle(written, Secret(WORDS))[0].site == "example" and WORDS not in grid(app)
        store_proven(folder / "secrets.yaml", {"172.22.1.21": Candidate("root", Secret("rotated"))})
        await until(pilot, lambda: "have changed since the last bundle" in words(app), "it is old")
        await pilot.press("f8")
        shown = recovery.grouped(secrets.generated.recovery_key)
        await until(pilot, lambda: shown[:40] in words(app), "the recovery key")
        await pilot.press("escape")
        await until(pilot, lambda: "The passwords have changed since the last bundle. F9" in words(app), "the offer")
        await pilot.press("f9")
        await until(pilot, lambda: name(app) == "bundle", "the page again")
        assert shown[:40] not in words(app) and not app.screen.query_one("#again", Input).value
