"""Rules of the house that no linter knows: docstrings, sizes, one gateway to processes, nothing unfinished, nothing pretended."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import seedvm
from tests.rules.test_linters import ROOT, tracked

MODULE_LINES = 350
FUNCTION_LINES = 55
ANY_PER_THOUSAND_LINES = 3
COMPLEXITY = 12

SHIPPED = sorted(path for folder in ("seedvm", "tui") for path in (ROOT / folder).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize("path", SHIPPED, ids=name)
def test_a_module_says_its_job_and_stays_small(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert not text.strip() or ast.get_docstring(tree), "its first line says its job and what it refuses"
    assert text.count("\n") <= MODULE_LINES
    long = [f"{f.name}: {(f.end_lineno or 0) - f.lineno + 1} lines" for f in functions(tree)]
    assert not [told for told in long if int(told.split()[-2]) > FUNCTION_LINES]


@pytest.mark.parametrize("package", ["seedvm", "tui"])
def test_any_is_for_edges_alone(package: str) -> None:
    """Counted is the word, in types and in prose, outside imports."""
    lines = [line for path in SHIPPED if path.is_relative_to(ROOT / package) for line in path.read_text().splitlines()]
    counted = sum(len(re.findall(r"\bAny\b", line)) for line in lines if not re.match(r"\s*(from|import) ", line))
    assert counted <= ANY_PER_THOUSAND_LINES * len(lines) / 1000, "parse foreign data at the edge, into frozen types"


def test_a_class_name_stands_for_one_thing() -> None:
    trees = {name(path): ast.parse(path.read_text()) for path in SHIPPED}
    classes = [(one.name, where) for where, tree in trees.items() for one in tree.body if isinstance(one, ast.ClassDef)]
    places: dict[str, list[str]] = {}
    for title, where in classes:
        if not title.startswith("_"):
            places.setdefault(title, []).append(where)
    assert not {title: where for title, where in places.items() if len(where) > 1}


def test_ruff_holds_the_complexity_of_functions() -> None:
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert "C90" in lint["select"] and "C901" not in str(lint["ignore"]) + str(lint["per-file-ignores"])
    assert lint["mccabe"]["max-complexity"] <= COMPLEXITY
    assert not [name(path) for path in SHIPPED if re.search(r"noqa: *[A-Z0-9, ]*C901", path.read_text())]


@pytest.mark.parametrize("path", TESTS, ids=name)
def test_a_test_pretends_nothing(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and node.attr == "setattr" and isinstance(node.value, ast.Name):
            assert node.value.id != "monkeypatch", (
                f"line {node.lineno}: real services and pure functions, nothing patched"
            )


@pytest.mark.parametrize("path", SHIPPED, ids=name)
def test_only_the_command_line_prints_or_exits(path: Path) -> None:
    if path.parts[-2] == "cli" or path.name == "__main__.py":
        return
    module = ast.parse(path.read_text())
    module.body = [
        node for node in module.body if not isinstance(node, ast.If)
    ]  # `if __name__ == "__main__"`: a program of its own
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            called = "" if any(word.arg == "file" for word in node.keywords) else ast.unparse(node.func)
            assert called not in ("print", "sys.exit", "exit", "quit", "os._exit"), f"line {node.lineno}: {called}"


def test_every_command_prints_by_the_two_functions_that_make_text_safe() -> None:
    calls = {
        path.name
        for path in SHIPPED
        if path.parts[-2] == "cli"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print"
    }
    assert calls == {"common.py"}, "say and answer keep what a device said from acting on the terminal"


def test_a_notice_of_the_screen_is_text_and_no_markup() -> None:
    notices = [
        (path, node)
        for path in (ROOT / "tui").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("notify", "Static")
    ]
    assert notices
    assert not [f"{path}:{node.lineno}" for path, node in notices if "markup=False" not in ast.unparse(node)]


def test_nothing_unfinished_is_left() -> None:
    mark = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    kinds = {".py", ".sh", ".yaml", ".yml", ".toml", ".tcss", ".service", ".md", ".cfg", ".conf", ""}
    found = []
    for path in tracked():
        if path.suffix in kinds and "recorded" not in path.parts:
            lines = path.read_text(errors="replace").splitlines()
            found += [f"{name(path)}:{number}" for number, line in enumerate(lines, 1) if mark.search(line)]
    assert not found


def test_the_version_is_written_in_one_place() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in project["project"]
    assert project["tool"]["setuptools"]["dynamic"] == {"version": {"attr": "seedvm.__version__"}}
    written = re.compile(r"\b(version|VERSION)\b\W{0,8}" + re.escape(seedvm.__version__))
    assert [name(path) for path in SHIPPED if written.search(path.read_text())] == []


def test_no_shipped_code_knows_of_tests() -> None:
    word = re.compile(r"dry_run|PYTEST|unittest|is_test\b")
    assert not [name(path) for path in SHIPPED if word.search(path.read_text())]


def test_no_secret_value_is_in_the_repository() -> None:
    key = re.compile(r"-----BEGIN (OPENSSH |EC |RSA |)PRIVATE " + r"KEY-----\n[A-Za-z0-9+/=]{40}")
    assert not [name(path) for path in tracked() if key.search(path.read_text(errors="replace"))]
