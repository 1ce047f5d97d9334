"""Line mode: the same way as the pages, spoken."""

from __future__ import annotations

import contextlib
import os
import pty
import shutil
import sys
import termios
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.base.errors import SeedvmError
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


async def test_help_is_given_as_often_as_it_is_asked_for_and_quit_leaves_all_as_it_is(tmp_path: Path) -> None:
    desk = Script("help", "?", "Help", "quit")
    assert await Talk(EngineClient(tmp_path), desk).run() == 3
    assert (
        desk.text.count("Enter takes the value in brackets") == 3 and desk.text.count("the engine keeps running") == 3
    )
    assert desk.said[-1].startswith("Closed.") and not (tmp_path / "site.yaml").exists()


async def test_the_review_explains_itself_and_quit_confirms_nothing(tmp_path: Path) -> None:
    desk = Script("?", "quit")
    folder = state_dir(tmp_path, until='"verdict":"blocked"}', review=True)
    assert await Talk(EngineClient(folder), desk).run() == 3
    assert "Disks marked WIPE are erased once" in desk.text and not (folder / "confirmed.json").exists()


async def test_a_password_may_be_help_or_quit(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE)
    desk = Script("root", "quit", "admin", "help")
    assert await Talk(EngineClient(tmp_path), desk).run() == 3
    assert [one.password.reveal() for one in load_candidates(tmp_path / "secrets.yaml")] == ["quit", "help"]


@pytest.mark.parametrize("question", ["Site name", "password >"])
def test_control_c_ends_line_mode_at_once_with_one_line_and_gives_the_echo_back(tmp_path: Path, question: str) -> None:
    if question == "password >":
        (tmp_path / "site.yaml").write_text(SITE)
    child, line = pty.fork()
    if child == 0:
        os.chdir(Path(__file__).parents[2])
        os.execv(sys.executable, [sys.executable, "-m", "tui", "--plain", "--state-dir", str(tmp_path)])
    seen = b""
    while question.encode() not in seen:
        seen += os.read(line, 4096)
        if b"user (0 so far) >" in seen and b"admin" not in seen:
            os.write(line, b"admin\n")
    os.write(line, b"\x03")
    rest = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while piece := os.read(line, 4096):
            rest += piece
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 130
    assert b"Closed. An engine that works keeps working" in rest and b"Traceback" not in rest
    assert termios.tcgetattr(line)[3] & termios.ECHO
    os.close(line)


def test_answers_that_come_in_one_piece_are_answers_of_one_question_each(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(SITE)
    argv = [sys.executable, "-m", "tui", "--plain", "--state-dir", str(tmp_path)]
    root = Path(__file__).parents[2]
    done = process.run(process.Command(argv, cwd=root), input="root\none\nadmin\ntwo\nquit\n", timeout=120, check=False)
    assert done.returncode == 3 and "Closed." in done.stdout
    assert [one.user for one in load_candidates(tmp_path / "secrets.yaml")] == ["root", "admin"]


async def test_on_a_controller_line_mode_tells_the_receipt_and_starts_no_engine(tmp_path: Path) -> None:
    folder = tmp_path / "seedvm"
    shutil.copytree(EXAMPLE.with_name("demo"), folder)
    journal = folder / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    cut = next(n for n, line in enumerate(lines) if '"event":"step-started","step":"wipe"' in line)
    journal.write_text("".join(lines[: cut + 1]))
    (folder / "handoff.jsonl").write_text("")
    desk, link = Script(), EngineClient(folder)
    assert await Talk(link, desk).run() == 0
    assert "All steps are done" in desk.said[0] and desk.said[-1].startswith("SAFE TO LEAVE: YES")
    with pytest.raises(SeedvmError, match="controller of the undercloud"):
        await link.start_engine()
