"""A doubt is accepted by typing its name, on the receipt's page and in line mode; the last one has the engine write the receipt again."""

from __future__ import annotations

import json
from pathlib import Path

from seedvm.site.doubts import Doubt, accept, accepted
from seedvm.site.receipt import sign_tree
from seedvm.site.secrets_file import ensure_generated
from tests.tui.helpers import BROKEN, EXAMPLE, Script, grid, loaded, same_as_stored, state_dir, until, wizard
from tui.backend.engine import EngineClient
from tui.line_mode import Talk
from tui.state.watcher import FolderWatch

REBOOT = Doubt(
    "reboot-undercloud-1", "undercloud-1 was rebooted during the hand-off", "undercloud-1", "nobody can measure it"
)
SILENT = Doubt(
    "silent-undercloud-2",
    "undercloud-2 does not answer",
    "undercloud-2",
    "no SSH connection is accepted",
    "bring it back",
)


def doubted(folder: Path) -> Path:
    """The example's state folder with a genuine receipt that waits for two words; an engine that is started refuses at once."""
    state_dir(folder, receipt=True)
    tree = {
        name: value for name, value in json.loads((EXAMPLE / "receipt.json").read_text()).items() if name != "signature"
    }
    why = f"it waits for your word on {REBOOT}; {SILENT}"
    tree |= {"may_leave": False, "why": why, "verdict": f"SAFE TO LEAVE: NO, because {why}", "attempt": "a1"}
    tree |= {"doubts": [vars(REBOOT), vars(SILENT)], "accepted": []}
    key = ensure_generated(folder / "secrets.yaml").generated.receipt_key
    (folder / "receipt.json").write_text(sign_tree(tree, key))
    (folder / "site.yaml").write_text(BROKEN)
    return folder


async def test_the_name_is_typed_and_who_gave_the_word_is_kept(tmp_path: Path) -> None:
    folder = doubted(tmp_path / "site")
    app = wizard(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("receipt")
        await until(pilot, lambda: REBOOT.name in grid(app), "the question")
        await same_as_stored(pilot, "receipt-doubts-80x24", "states")
        await pilot.press("y", *"reboot", "enter")
        await until(pilot, lambda: "no open doubt is named 'reboot'" in grid(app), "the refusal")
        assert accepted(folder) == ()
        await pilot.press(*REBOOT.name.removeprefix("reboot"), "enter")
        await until(pilot, lambda: len(accepted(folder)) == 1, "the first word")
        (word,) = accepted(folder)
        assert word.covers(REBOOT, "a1") and word.by and word.time
        await until(pilot, lambda: f"type its name: {SILENT.name}" in grid(app), "the one that is left")
        assert "SAFE TO LEAVE: NO" in grid(app), "a word is no receipt"
        await pilot.press(*SILENT.name, "enter")
        await until(pilot, lambda: len(accepted(folder)) == 2, "the second word")
        await until(pilot, lambda: (folder / "engine.log").exists(), "the engine that writes the receipt again")


async def test_line_mode_asks_for_the_same_names(tmp_path: Path) -> None:
    folder = doubted(tmp_path / "site")
    desk = Script("wrong", REBOOT.name, "")
    link = EngineClient(folder)
    link.view, _ = FolderWatch(folder).look()
    assert link.view.receipt is not None
    await Talk(link, desk)._doubts(link.view.receipt.open)
    assert "no open doubt is named 'wrong'" in desk.text and f"doubt {SILENT.name}" in desk.text
    assert [word.name for word in accepted(folder)] == [REBOOT.name]


def test_a_word_of_another_hand_off_leaves_the_doubt_open(tmp_path: Path) -> None:
    folder = doubted(tmp_path / "site")
    accept(folder, [REBOOT], REBOOT.name, by="anna", attempt="another")
    view, _ = FolderWatch(folder).look()
    assert view.receipt is not None and [one.name for one in view.receipt.open] == [REBOOT.name, SILENT.name]
