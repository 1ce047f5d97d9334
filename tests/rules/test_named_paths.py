"""Every file or folder of the repository that a document or a docstring names is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rules.test_linters import ROOT, tracked

_TOP = "appliance|bench|docs|elements|requirements|scripts|seedvm|tests|tui"
_NAMED = re.compile(rf"(?<![\w/.<>{{}}$*-])(?:{_TOP})/[\w./*<>{{}},\[\]-]*")
_PLACEHOLDER = re.compile(r"[*<>{}\[\]]|\.\.\.|\b[A-Z]{2,}\b(?!\.md|\.rst|\b$)")


def named(text: str) -> Iterator[str]:
    """The paths that a text names, but for patterns and placeholders."""
    for found in _NAMED.finditer(text):
        path = re.sub(r"[.,]+$", "", found[0])
        if not _PLACEHOLDER.search(found[0]):
            yield path


def lost(text: str) -> list[str]:
    """What the text names and is not there; a module may go without its suffix."""
    return [path for path in named(text) if not (ROOT / path).exists() and not (ROOT / f"{path}.py").is_file()]


def docstrings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def texts() -> Iterator[tuple[str, str]]:
    for path in tracked():
        name = str(path.relative_to(ROOT))
        if path.suffix in (".md", ".rst") and name != "CHANGELOG.md":  # a history names what there was
            yield name, path.read_text()
        elif path.suffix == ".py":
            yield from ((name, text) for text in docstrings(path))


def test_every_path_that_is_named_is_there() -> None:
    found = list(texts())
    assert sum(1 for _, text in found for _ in named(text)) > 50, "the search finds what it is for"
    assert not [f"{where}: {path}" for where, text in found for path in lost(text)]


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("see `seedvm/bmc/no_such.py`.", ["seedvm/bmc/no_such.py"]),
        ("([0099](docs/decisions/0099-none.md))", ["docs/decisions/0099-none.md"]),
        ("seedvm/plan.py, tui/state/ and tests/rules/test_linters", []),
        ("elements/<service>/README.rst, elements/*/service.yaml, seedvm/cli/NAME.py", []),
        ("what is in /opt/seedvm/bin is no file of ours", []),
    ],
)
def test_a_path_that_is_made_up_is_found(text: str, paths: list[str]) -> None:
    assert lost(text) == paths
