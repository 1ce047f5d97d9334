"""Line mode: the same way as the pages, spoken."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.site.load import load_site
from seedvm.site.secrets_file import load_candidates
from tests.tui.helpers import BROKEN, EXAMPLE, SITE, Script, answers, journal_line, state_dir
from tui.backend.engine import EngineClient
from tui.backend.replay import Replay
from tui.backend.site_form import FIELDS
from tui.line_mode import Talk


async def test_a_finished_site_says_its_receipt_and_the_light(tmp_path: Path) -> None:
    desk = Script()
    assert await Talk(EngineClient(state_dir(tmp_path, review=True, receipt=True)), desk).run() == 0
    assert desk.said[-1].startswith("SAFE TO LEAVE: YES") and "tables compared: 504" in desk.text


async def test_review_lists_every_disk_refuses_a_wrong_name_and_leaves_all_as_it_is_without_one(tmp_path: Path) -> None:
    desk = Script("exampel", "")
    assert await Talk(EngineClient(state_dir(tmp_path, until='"verdict":"blocked"}', review=True)), desk).run() == 3
    assert "serial QM00022" in desk.text and "Not confirmed" in desk.text and "--yes-wipe example" in desk.said[-1]
    assert not (tmp_path / "confirmed.json").exists()


async def test_the_typed_name_confirms(tmp_path: Path) -> None:
    folder = state_dir(tmp_path, until='"verdict":"blocked"}', review=True)
    (folder / "site.yaml").write_text(BROKEN)  # so that the engine that is started says no at once
    desk = Script("example")
    await Talk(EngineClient(folder), desk).run()
    assert (tmp_path / "confirmed.json").exists()


async def test_a_failure_is_told_with_its_hint_and_left_so(tmp_path: Path) -> None:
    folder = state_dir(tmp_path, until='"verdict":"blocked"}', review=True)
    (folder / "confirmed.json").write_text("{}")
    desk = Script()
    with (folder / "journal.jsonl").open("a") as journal:
        journal.write(
            journal_line(900, "step-failed", "deploy", what="no answer", machine="m1", why="cable", hint="plug it in")
            + "\n"
        )
    (folder / "site.yaml").write_text(BROKEN)
    assert await Talk(EngineClient(folder), desk).run() == 1
    assert "site.yaml has" in desk.text


async def test_questions_make_the_site_and_store_the_accounts(tmp_path: Path) -> None:
    given = {"site": "cellar", "provisioning.cidr": "10.20.0.0/24", "bmc.ranges": "10.20.1.21-10.20.1.60"}
    first, *rest = answers(given)
    wrong = ["", "10.20.0.0/33"]  # asked again
    desk = Script(first, *wrong, *rest[1:], "admin", "geheim")  # nobody answers after that: no engine is started
    assert await Talk(EngineClient(tmp_path), desk).run() == 3
    assert any(line.startswith("! ") for line in desk.said)
    assert load_site(tmp_path / "site.yaml").name == "cellar"
    assert [one.user for one in load_candidates(tmp_path / "secrets.yaml")] == ["admin"]
    assert "geheim" not in desk.text


async def test_the_bmcs_wire_is_asked_for_and_refused_by_name(tmp_path: Path) -> None:
    given = {
        "site": "cellar", "provisioning.cidr": "10.20.0.0/24", "seed.bmc_interface": "eth1",
        "seed.bmc_address": "10.20.1.10/24", "seed.bmc_vlan": "123", "bmc.link_local": "eth1.123", "bmc.ranges": "",
    }  # fmt: skip
    wrong = {"seed.bmc_vlan": "4095", "bmc.link_local": "eth1"}  # each is asked again
    keys = [key for field in FIELDS for key in ([field.key] * 2 if field.key in wrong else [field.key])]
    said = [wrong.pop(key) if key in wrong else given.get(key, "") for key in keys]
    desk = Script(*said)
    assert await Talk(EngineClient(tmp_path), desk).run() == 3
    assert "! '4095' is not a VLAN ID; use 1 to 4094" in desk.said
    assert "! eth1 is not an interface of the seed; use one of: eth0, eth1.123" in desk.said
    site = load_site(tmp_path / "site.yaml")
    assert site.seed.bmc_nic == "eth1.123" and site.bmc.link_local == ("eth1.123",) and not site.bmc.ranges


async def test_nobody_there_is_no_answer(tmp_path: Path) -> None:
    assert await Talk(EngineClient(tmp_path), Script("cellar")).run() == 3
    assert not (tmp_path / "site.yaml").exists()


async def test_a_recording_is_told_to_its_end() -> None:
    desk = Script()
    assert await Talk(Replay(EXAMPLE / "journal.jsonl", 0), desk, replaying=True).run() == 0
    assert desk.said[-1].startswith("SAFE TO LEAVE: YES")


@pytest.mark.parametrize("term", ["dumb", "xterm"])
def test_the_program_speaks_lines_on_a_dumb_terminal_and_where_asked(tmp_path: Path, term: str) -> None:
    state_dir(tmp_path, review=True, receipt=True)
    more = [] if term == "dumb" else ["--plain"]
    argv = [sys.executable, "-m", "tui", "--state-dir", str(tmp_path), *more]
    done = process.run(process.Command(argv, env={"TERM": term}, cwd=Path(__file__).parents[2]), timeout=120)
    assert "SAFE TO LEAVE: YES" in done.stdout and "\x1b" not in done.stdout and done.stdout.isascii()


def test_another_sites_file_is_refused(tmp_path: Path) -> None:
    state_dir(tmp_path)
    other = tmp_path / "other.yaml"
    other.write_text(SITE.replace("site: example", "site: other"))
    argv = [sys.executable, "-m", "tui", "--plain", "--state-dir", str(tmp_path), "--site", str(other)]
    done = process.run(process.Command(argv, cwd=Path(__file__).parents[2]), timeout=120, check=False)
    assert done.returncode == 2 and "already exists" in done.stderr
