"""Shell completion and the man page are in step with the parser: what `--help` names, both know."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.cli import main, parser
from seedvm.cli.tree import commands

WORDS = [command.words[1:] for command in commands(parser())]


def options(words: Iterable[str], capsys: pytest.CaptureFixture[str]) -> set[str]:
    """The long options that `--help` lists."""
    with pytest.raises(SystemExit):
        main([*words, "--help"])
    listed = re.findall(r"^  (-.+?)(?:  |$)", capsys.readouterr().out, re.MULTILINE)
    return {option for line in listed for option in re.findall(r"--[a-z-]+", line)}


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As a shell would load it, and a loop that completes each line of its input."""
    path = tmp_path_factory.mktemp("completion") / "complete.bash"
    made = process.run(["seedvm", "completion", "bash"], timeout=60).stdout
    asking = 'COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _seedvm; echo "${COMPREPLY[*]}"'
    path.write_text(f'{made}\nwhile IFS= read -r line; do eval "COMP_WORDS=($line)"; {asking}; done\n')
    return path


def completed(script: Path, *lines: str) -> list[set[str]]:
    """What bash offers at the end of each line; a line that ends in a blank asks for a new word."""
    asked = "".join(f"{line}''\n" if line.endswith(" ") else f"{line}\n" for line in lines)
    done = process.run(["bash", "--norc", script], timeout=60, input=asked)
    assert not done.stderr
    return [set(line.split()) for line in done.stdout.splitlines()]


def test_the_shell_is_offered_all_that_the_help_names(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    offered = completed(script, *(shlex.join(["seedvm", *words]) + " " for words in WORDS))
    assert len(offered) == len(WORDS)
    for words, found in zip(WORDS, offered, strict=True):
        verbs = {one[len(words)] for one in WORDS if len(one) == len(words) + 1 and one[: len(words)] == words}
        assert verbs <= found
        assert {one for one in found if one.startswith("--")} == options(words, capsys)


def test_the_shell_is_offered_what_an_option_accepts_and_no_more(script: Path) -> None:
    lines = (
        "seedvm export --format i",
        "seedvm --json export --format ",
        "seedvm run --site ",
        "seedvm hos",
        "seedvm completion b",
    )
    assert completed(script, *lines) == [
        {"instackenv", "ironic"},
        {"csv", "instackenv", "ironic"},
        set(),
        {"host"},
        {"bash"},
    ]


def test_the_man_page_names_every_command_and_option(capsys: pytest.CaptureFixture[str]) -> None:
    listed = {words: options(words, capsys) for words in WORDS}
    assert main(["manpage"]) == 0
    page = capsys.readouterr().out.replace("\\-", "-")
    parts = dict(re.findall(r'^\.SS "seedvm ([^"]*)"\n(.*?)(?=^\.S[SH] |\Z)', page, re.MULTILINE | re.DOTALL))
    assert set(parts) == {" ".join(words) for words in WORDS if words}
    parts[""] = page.partition(".SH COMMANDS")[0]
    for words in WORDS:
        assert not [one for one in listed[words] if one not in parts[" ".join(words)] + parts[""]]


def test_no_line_of_the_man_page_is_a_request_by_accident(capsys: pytest.CaptureFixture[str]) -> None:
    main(["manpage"])
    requests = {line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith((".", "'"))}
    assert requests == {".TH", ".SH", ".SS", ".P", ".TP", ".B"}


def test_the_help_says_where_to_start(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out.partition("start here:\n")[2]
    assert [line.split()[1] for line in said.splitlines()] == ["demo", "wizard", "host", "status"]
    assert all(len(line) <= 80 for line in said.splitlines())
