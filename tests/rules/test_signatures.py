"""Between the hand-off's modules go types: no public function takes or returns data of which nobody knows what it holds."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.rules.test_house_rules import SHIPPED, functions, name
from tests.rules.test_linters import ROOT

_PLACES = [ROOT / "seedvm" / one for one in ("handoff", "member", "steps", "site/receipt.py")]
_MAPPING = r"\b(?:dict|Mapping|MutableMapping)\b"
_LOOSE = re.compile(rf"\bAny\b|{_MAPPING}(?!\[)|{_MAPPING}\[\w+, object\]|\b(?:list|Sequence|Iterable)\b(?!\[)")


def loose(text: str) -> list[str]:
    """Each parameter or return of a public function or method whose type holds Any, a bare container or a mapping of objects."""
    return [
        f"{one.name}: {annotation}"
        for one in functions(ast.parse(text))
        if not one.name.startswith("_")
        for annotation in _annotations(one)
        if _LOOSE.search(annotation)
    ]


def _annotations(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    taken = function.args
    for one in (*taken.posonlyargs, *taken.args, *taken.kwonlyargs, taken.vararg, taken.kwarg):
        if one is not None and one.annotation is not None:
            yield ast.unparse(one.annotation)
    if function.returns is not None:
        yield ast.unparse(function.returns)


def test_public_signatures_of_the_hand_off_are_typed() -> None:
    files = [path for path in SHIPPED if any(path.is_relative_to(place) for place in _PLACES)]
    assert len(files) > 40, "the search finds what it is for"
    assert not [f"{name(path)}: {one}" for path in files for one in loose(path.read_text())]


@pytest.mark.parametrize(
    ("signature", "found"),
    [
        ("f(tree: dict[str, Any]) -> None", True),
        ("f() -> Mapping[str, Mapping[str, Any]]", True),
        ("f(*, request: Mapping[str, object] | None = None) -> None", True),
        ("f(**more: dict) -> None", True),
        ("f() -> list", True),
        ("f(tree: Mapping[str, JSON], names: dict[str, str]) -> list[int]", False),
        ("_of_an_old_format(tree: dict[str, Any]) -> None", False),
    ],
)
def test_a_signature_that_says_nothing_is_found(signature: str, found: bool) -> None:
    assert bool(loose(f"def {signature}: ...")) is found
