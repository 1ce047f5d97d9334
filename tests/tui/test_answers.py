"""A site file as an answer file: the wizard begins with it filled in, and stops only where something is missing or wrong."""

from __future__ import annotations

import sys
from pathlib import Path

from textual.widgets import Input

from seedvm.base import process
from seedvm.base.secret import Secret
from seedvm.site.accounts import Candidate
from seedvm.site.load import load_site
from seedvm.site.secrets_file import store_candidates
from tests.tui.helpers import SITE, Script, answers, first, grid, until, wizard
from tui.backend.engine import EngineClient
from tui.line_mode import Talk

ROOT = Path(__file__).parents[2]


def begun(folder: Path, site: str, *, accounts: bool) -> EngineClient:
    """A state folder to which a site file was given."""
    folder.mkdir(exist_ok=True)
    given = folder.with_name("given.yaml")
    given.write_text(site)
    link = EngineClient(folder)
    link.adopt_site(given)
    if accounts:
        store_candidates(folder / "secrets.yaml", (Candidate("admin", Secret("geheim")),))
    return link


async def test_a_whole_site_with_accounts_lacks_nothing(tmp_path: Path) -> None:
    view = await first(begun(tmp_path / "state", SITE, accounts=True))
    assert view.lacks == ()


async def test_the_first_page_leads_to_what_is_wrong_and_then_to_what_is_missing(tmp_path: Path) -> None:
    begun(tmp_path / "state", SITE.replace("vip: 172.22.0.5", "vip: 172.22.9.5"), accounts=False)
    app = wizard(tmp_path / "state")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "Enter: fix errors in the site settings" in grid(app), "the first page")
        await pilot.press("enter")
        await until(pilot, lambda: "! 172.22.9.5 is not a usable" in grid(app), "what is wrong")
        assert app.focused is not None and app.focused.id == "field-5"
        app.screen.query_one("#field-5", Input).value = "172.22.0.5"
        await pilot.press("f10")
        await until(pilot, lambda: "Discovery" in grid(app).splitlines()[0], "the way on")
    assert str(load_site(tmp_path / "state" / "site.yaml").provisioning.vip) == "172.22.0.5"
    assert "role: spare" in (tmp_path / "state" / "site.yaml").read_text()  # what no question is about is kept


async def test_line_mode_asks_only_what_is_wrong(tmp_path: Path) -> None:
    link = begun(tmp_path / "state", SITE.replace("gateway: 172.22.0.1", "gateway: nowhere"), accounts=False)
    desk = Script("172.22.0.1")  # then nobody gives an account
    assert await Talk(link, desk).run() == 3
    asked = [said for said in desk.said if said.endswith("> ")]
    assert len(asked) == 2 and asked[0].startswith("Gateway") and asked[1].startswith("user")
    assert load_site(tmp_path / "state" / "site.yaml").name == "example"


async def test_line_mode_does_not_ask_for_ever_about_what_no_question_is_about(tmp_path: Path) -> None:
    desk = Script("never asked")
    assert await Talk(begun(tmp_path / "state", SITE + "colour: red\n", accounts=True), desk).run() == 3
    assert "colour" in desk.text and "Fix this in site.yaml" in desk.text and desk.answers


async def test_what_an_interactive_run_wrote_begins_another_without_a_question(tmp_path: Path) -> None:
    said = answers({"site": "cellar", "provisioning.cidr": "10.20.0.0/24", "bmc.ranges": "10.20.1.21-10.20.1.60"})
    await Talk(EngineClient(tmp_path / "one"), Script(*said, "admin", "geheim")).run()
    saved = (tmp_path / "one" / "site.yaml").read_text()
    again = begun(tmp_path / "two", saved, accounts=True)
    assert (await first(again)).lacks == () and (tmp_path / "two" / "site.yaml").read_text() == saved
    # Headless the same file is taken as it is: a word that does not fit the site is all that is wrong here.
    words = [
        "run",
        "--state-dir",
        str(tmp_path / "two"),
        "--site",
        str(tmp_path / "one" / "site.yaml"),
        "--yes-wipe",
        "other",
    ]
    done = process.run(process.Command([sys.executable, "-m", "seedvm", *words], cwd=ROOT), timeout=120, check=False)
    assert done.returncode == 2 and "the site is cellar" in done.stderr
