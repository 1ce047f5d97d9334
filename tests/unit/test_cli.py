"""The command line: exit codes that programs can rely on, errors that people can act on."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.cli import COMMANDS, main, parser
from seedvm.engine import events
from seedvm.engine.events import PlannedStep
from seedvm.engine.journal import Journal
from seedvm.engine.lock import engine_lock
from tests.rules.test_linters import ROOT


def test_help_is_quick_and_loads_no_library() -> None:
    """The interpreter runs without site packages, so nothing but the standard library can be there."""
    code = f"import sys; sys.path.append({str(ROOT)!r}); from seedvm.cli import main; main(['--help'])"
    done = process.run([sys.executable, "-I", "-S", "-c", code], timeout=60)
    assert "run the deployment" in done.stdout


def test_each_command_has_a_file_of_its_name() -> None:
    modules = [command.__name__.rpartition(".")[2] for command in COMMANDS]
    listed = re.findall(r"^    ([a-z]+) ", parser().format_help(), re.MULTILINE)
    assert [name.removesuffix("_list") for name in modules] == listed


def leaves(command: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    below = [one for one in command._actions if isinstance(one, argparse._SubParsersAction)]
    for verb in [verb for one in below for verb in one.choices.values()]:
        yield verb
        yield from leaves(verb)


def test_every_command_and_verb_takes_the_shared_options() -> None:
    shared = {"--state-dir", "--images-dir", "--json", "--trace"}
    lacking = {one.prog: shared - one._option_string_actions.keys() for one in leaves(parser())}
    assert len(lacking) > len(COMMANDS)
    assert not {prog: options for prog, options in lacking.items() if options}


def test_every_command_option_and_argument_has_help() -> None:
    for command in (parser(), *leaves(parser())):
        for action in command._actions:
            parts = action._choices_actions if isinstance(action, argparse._SubParsersAction) else (action,)
            lacking = [part.dest for part in parts if not part.help]
            assert not lacking, f"{command.prog}: {lacking}"


@pytest.mark.parametrize("words", ["--json bmc test", "bmc --json test", "bmc test --json", "completion --json bash"])
def test_a_shared_option_counts_wherever_it_stands(words: str) -> None:
    args = parser().parse_args(words.split())
    assert args.json and args.state_dir == Path("/var/lib/seedvm")


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_wrong_site_is_told_whole_with_exit_code_2(
    state_dir: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    site = state_dir / "site.yaml"
    site.write_text(site.read_text().replace("vip:", "vop:"))
    assert main([command, "--state-dir", str(state_dir)]) == 2
    said = capsys.readouterr().err
    assert "line 3: provisioning.vip: is missing" in said
    assert "line 6: provisioning.vop: unknown key" in said
    assert [path.name for path in state_dir.iterdir()] == ["site.yaml"]


def test_a_consent_for_another_site_is_refused(state_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--state-dir", str(state_dir), "--yes-wipe", "production"]) == 2
    assert "the site is demo" in capsys.readouterr().err
    assert not (state_dir / "secrets.yaml").exists()


def test_a_second_engine_is_refused_with_exit_code_4(state_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with engine_lock(state_dir):
        assert main(["--state-dir", str(state_dir), "run"]) == 4
    assert "another engine is running for this site" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["status", "report"])
def test_before_the_first_run_there_is_nothing_to_tell(
    state_dir: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--json", "--state-dir", str(state_dir)]) == 1
    assert json.loads(capsys.readouterr().err)["error"]["hint"] == "start the deployment: seedvm run"


def test_status_reads_the_journal(state_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = Journal(state_dir / "journal.jsonl", "demo", "r1")
    steps = (PlannedStep("scan", "find BMCs", "discover", 5), PlannedStep("login", "prove passwords", "credentials", 5))
    journal.append(events.RunStarted(1, steps))
    journal.append(events.StepChecked("done", {"found": ["a", "b"]}), step="scan")
    journal.append(events.StepFailed("locked", "m1", "five tries", "wait"), step="login")
    journal.append(events.NodeReached("m1", "failed", "locked"), step="login")
    journal.append(events.RunEnded("failed"))
    assert main(["status", "--state-dir", str(state_dir)]) == 1
    said = capsys.readouterr().out
    assert said.splitlines()[0] == "site demo: failed (run r1)"
    assert "found a b" in said
    assert "locked: five tries" in said
    assert "node m1: failed locked" in said
    assert main(["status", "--json", "--state-dir", str(state_dir)]) == 1
    assert [step["state"] for step in json.loads(capsys.readouterr().out)["steps"]] == ["done", "failed"]
