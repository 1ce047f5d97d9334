"""Faults that were found once, and that no linter finds: a search without an end, code that nobody calls, a limit written down twice."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.rules.test_house_rules import SHIPPED, name
from tests.rules.test_linters import ROOT

_ENDLESS = {"seedvm/wire/md2.py"}
"""Where `next` is asked of a generator that never ends."""
_KEPT = {
    "node_tree": "the metadata that Heat puts together, as one function: what the template is compared with",
    "EndingWebDriver": "tui/web/server.py gives its name to Textual",
    "save": "an inventory written whole, as tests give one to a step",
}
"""What only a test uses, or what is found by its name at run time."""
_CALLERS = sorted(
    path for folder in ("bench", "elements", "scripts", "tests") for path in (ROOT / folder).rglob("*.py")
)


def searches(tree: ast.AST) -> Iterator[int]:
    """Lines of every `next()` that would end in StopIteration."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "next" and len(node.args) == 1:
            yield node.lineno


def names_of_types(tree: ast.AST) -> Iterator[int]:
    """Lines that compare the name of a class with a text: `isinstance` does not miss a class that was renamed."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and re.match(r".*\.__name__ (==|!=) ['\"]", ast.unparse(node)):
            yield node.lineno


@pytest.mark.parametrize("path", SHIPPED, ids=name)
def test_a_search_has_an_answer_for_nothing_found(path: Path) -> None:
    assert name(path) in _ENDLESS or not list(searches(ast.parse(path.read_text())))


@pytest.mark.parametrize("path", [one for one in SHIPPED if one.name != "__main__.py"], ids=name)
def test_an_error_is_known_by_its_class_and_not_by_its_name(path: Path) -> None:
    assert not list(names_of_types(ast.parse(path.read_text())))


def test_the_rules_find_what_they_are_for() -> None:
    tree = ast.parse("a = next(x for x in y)\nb = next((x for x in y), None)\nc = type(e).__name__ == 'Busy'\n")
    assert list(searches(tree)) == [1] and list(names_of_types(tree)) == [3]


@cache
def words(path: Path) -> Counter[str]:
    """Every name in a file, those in texts too: what is found by its name at run time stands in one."""
    found: Counter[str] = Counter()
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type == tokenize.NAME:
            found[token.string] += 1
        elif token.type != tokenize.COMMENT and not token.string.startswith('"""'):
            found.update(re.findall(r"\w+", token.string))
    return found


@cache
def imports(path: Path) -> frozenset[str]:
    """Modules that a file imports or takes names from, with their packages' names in front."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
        elif isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
    return frozenset(found)


def defined(path: Path) -> Iterator[str]:
    """Functions, classes and constants of a module."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (one.id for one in targets if isinstance(one, ast.Name))


def unused(path: Path) -> list[str]:
    """What a module defines and nothing that is shipped uses: neither it nor whoever imports it."""
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    shipped = not module.startswith("seedvm.rack")  # the rack is there for tests as well
    callers = [one for one in _CALLERS if "tests" not in one.parts or not shipped]
    users = [other for other in (*SHIPPED, *callers) if other != path and module in imports(other)]
    return [
        one
        for one in defined(path)
        if words(path)[one] < 2 and not one.startswith("__") and not any(words(other)[one] for other in users)
    ]


@pytest.mark.parametrize("path", SHIPPED, ids=name)
def test_what_is_written_is_used(path: Path) -> None:
    assert not [one for one in unused(path) if one not in _KEPT]


_MEASURE = re.compile(r"(MIB|GIB|MBIT|BYTES)$")


@pytest.mark.parametrize("file", ["seedvm/steps/preflight.py", "seedvm/host/nics.py", "tui/backend/seed_checks.py"])
def test_the_limits_of_a_seed_are_in_one_place(file: str) -> None:
    assert not [one for one in defined(ROOT / file) if _MEASURE.search(one)], "it belongs into seedvm/site/limits.py"


_CUT = re.compile(r"[?&]limit=\d")


def cut(tree: ast.AST) -> list[str]:
    """Paths that ask a service for so many and no more: whatever lies beyond is left out silently."""
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return [text for text in texts if _CUT.search(text)]


@pytest.mark.parametrize("path", SHIPPED, ids=name)
def test_a_list_is_read_to_its_last_page(path: Path) -> None:
    assert not cut(ast.parse(path.read_text())), "Client.list_all follows the pages"


def test_a_list_that_is_cut_is_found() -> None:
    assert cut(ast.parse("api.get('/nodes?limit=1000')\napi.get(f'/images?name={name}&limit=100')")) != []
    assert not cut(ast.parse("api.list_all('ironic', '/nodes?fields=uuid', 'nodes')"))
