"""Lint, types, imports, shell and elements: every rule a test, so that `make test` is the one judge."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from seedvm.base import process

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def tracked() -> list[Path]:
    """The repository's files: what git knows and, in a tree being worked on, what it would add."""
    listed = process.run(
        process.Command(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT), timeout=20
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def first_line(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.readline(80)


def starts_python(path: Path) -> bool:
    """A program in Python that can be imported: no WSGI file, which imports its service."""
    return first_line(path).startswith(b"#!/usr/bin/python3") and not path.suffix


def shell_scripts() -> list[Path]:
    found = []
    for path in tracked():
        first = first_line(path)
        if first.startswith(b"#!") and first.split(b"/")[-1].strip().split()[-1:][0] in (b"sh", b"bash", b"dash"):
            found.append(path)
    return found


def content(*argv: str | Path, **env: str) -> None:
    """Fail with what the linter says unless it is content."""
    path = f"{BIN}:/usr/sbin:/usr/bin:/sbin:/bin"
    done = process.run(process.Command(argv, cwd=ROOT, env={"PATH": path, **env}), timeout=600, check=False)
    if done.returncode != 0:
        said = (
            line for line in (done.stdout + done.stderr).splitlines() if not line.startswith(("Checking ", "Parsing "))
        )
        pytest.fail("\n".join([process.pasteable(argv), *said]), pytrace=False)


def test_ruff_finds_nothing() -> None:
    content("ruff", "check", "--no-cache", "--output-format=concise", ".")


def test_everything_is_formatted() -> None:
    content("ruff", "format", "--no-cache", "--check", ".")


def test_types_are_strict_and_right() -> None:
    content("mypy")


def test_types_of_the_images_own_scripts_are_strict_and_right() -> None:
    """They have no suffix, and run with the image's Python packages: mypy takes them by path."""
    scripts = [path for path in tracked() if path.is_relative_to(ROOT / "elements") and starts_python(path)]
    assert len(scripts) >= 5
    content("mypy", "--scripts-are-modules", *scripts)


def test_names_that_do_not_exist_do_not_pass_the_types(tmp_path: Path) -> None:
    """Phases and states are literals, and no step can be made under another name."""
    wrong = tmp_path / "wrong_names.py"
    wrong.write_text(
        "from seedvm.engine.step import Context, Report\n"
        "from seedvm.steps.deploy import DeployStep\n"
        "def names(report: Report, context: Context) -> None:\n"
        "    report.node('172.22.1.20', 'pxe')\n"
        "    report.node('172.22.1.20', 'pxee')\n"
        "    report.phase('FENSE', 'done')\n"
        "    report.phase('FENCE', 'began')\n"
        "    DeployStep(context, 'deploi')\n"
    )
    argv = [BIN / "mypy", "--no-error-summary", "--follow-imports=silent", wrong]
    done = process.run(process.Command(argv, cwd=ROOT), timeout=600, check=False)
    lines = [line.split(":")[1] for line in done.stdout.splitlines()]
    assert lines == ["5", "6", "7", "8"], done.stdout


def test_imports_run_one_way() -> None:
    content("lint-imports", "--no-cache")


@pytest.mark.parametrize("path", shell_scripts(), ids=lambda path: str(path.relative_to(ROOT)))
def test_nobody_leaves_a_pipe_before_its_end(path: Path) -> None:
    """Under pipefail a writer that meets a closed pipe fails the whole line, now and then: `grep -q` and `head` read a variable."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    assert not [line for line in lines if re.search(r"(?<!\|)\|\s*(grep\s+-\w*q|grep\s+-m|head\b)", line)]


def test_shellcheck_finds_nothing() -> None:
    scripts = shell_scripts()
    assert scripts
    content("shellcheck", "--external-sources", "--severity=warning", *scripts)


def test_dib_lint_finds_nothing() -> None:
    """Rules that it does not hold us to are named in tox.ini, the only place where dib-lint looks for them."""
    content("dib-lint", ELEMENTS_DIR="elements", LIB_DIR="elements")
