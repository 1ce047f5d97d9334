"""The light is on for the site's own receipt alone: not for one that was edited, is unsigned, or is another site's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from seedvm.base.secret import Secret
from seedvm.site.evidence import fingerprint
from seedvm.site.generate import generate
from seedvm.site.receipt import sign_tree
from seedvm.site.secrets_file import ensure_generated
from tests.tui.helpers import EXAMPLE, grid, loaded, same_as_stored, state_dir, until, wizard
from tui.state.watcher import FolderWatch
from tui.text.progress import light

GENUINE = (EXAMPLE / "receipt.json").read_text()
TREE = {name: value for name, value in json.loads(GENUINE).items() if name != "signature"}


def shown(folder: Path) -> tuple[bool, str]:
    """The light of a state folder."""
    view, _ = FolderWatch(folder).look()
    return light(view.state, view.receipt)


def test_the_light_is_on_for_the_sites_own_receipt_before_and_after_the_wipe(tmp_path: Path) -> None:
    folder = state_dir(tmp_path, receipt=True)
    assert shown(folder)[0], "its secrets are wiped, its key is beside it"
    made = ensure_generated(folder / "secrets.yaml").generated
    (folder / "receipt.pub").unlink()
    assert not shown(folder)[0]
    (folder / "receipt.json").write_text(sign_tree(TREE, made.receipt_key))
    assert shown(folder) == (True, f"SAFE TO LEAVE: YES, since {TREE['time']}")


def edited() -> str:
    return GENUINE.replace('"node_reboots": 0', '"node_reboots": 2')


def unsigned() -> str:
    return json.dumps(TREE)


def another_sites() -> str:
    return sign_tree({**TREE, "site": "cellar"}, Secret(generate()["receipt_key"]))


@pytest.mark.parametrize(
    ("receipt", "why"),
    [
        (edited, "the receipt has been changed since it was signed"),
        (unsigned, "the receipt is not signed"),
        (another_sites, "the receipt is signed by another site's key"),
    ],
)
def test_the_light_stays_off_and_says_why(tmp_path: Path, receipt: Callable[[], str], why: str) -> None:
    folder = state_dir(tmp_path, receipt=True)
    (folder / "receipt.json").write_text(receipt())
    assert shown(folder) == (False, f"SAFE TO LEAVE: NO, because {why}")


def test_the_light_stays_off_where_the_sites_key_is_not_known_or_the_site_is_another(tmp_path: Path) -> None:
    folder = state_dir(tmp_path, receipt=True)
    site = (folder / "site.yaml").read_text()
    (folder / "site.yaml").write_text(site.replace("site: example", "site: cellar"))
    assert shown(folder) == (False, "SAFE TO LEAVE: NO, because the receipt is for site example, but this is cellar")
    (folder / "site.yaml").write_text(site)
    (folder / "receipt.pub").unlink()
    assert "receipt key is not known" in shown(folder)[1]


async def test_a_receipt_that_is_edited_puts_the_light_out_on_the_page(tmp_path: Path) -> None:
    app = wizard(state_dir(tmp_path, receipt=True))
    async with app.run_test(size=(100, 30)) as pilot:
        await loaded(pilot)
        app.go("receipt")
        await until(pilot, lambda: "SAFE TO LEAVE: YES" in grid(app), "the light")
        (tmp_path / "receipt.json").write_text(edited())
        await until(pilot, lambda: "SAFE TO LEAVE: NO, because the receipt has been changed" in grid(app), "no light")
        assert "NOT TRUSTED" in grid(app)


async def test_the_first_page_names_the_key_that_signs_the_receipt(tmp_path: Path) -> None:
    folder = state_dir(tmp_path / "site", receipt=True)
    async with wizard(folder).run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        await until(pilot, lambda: fingerprint((folder / "receipt.pub").read_text()) in grid(pilot.app), "the key")
        await same_as_stored(pilot, "welcome-key-80x24", "states")
