"""What an operator reads is plain, modern English: messages, help, wizard, documents. CONTRIBUTING.md has the words to use instead."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rules.test_house_rules import SHIPPED
from tests.rules.test_linters import ROOT, tracked

# The word, and what to write instead.
AVOID = {
    r"\bmend(s|ed|ing)?\b": "fix",
    r"\banew\b|\bafresh\b": "again, from the start",
    r"\btold\b|\btells? of\b": "reported, shown; name who reports",
    r"\bunasked\b": "without asking",
    r"\bwalk(s|ed)? the road\b|\bthe road\b|\broad's\b": "deployment",
    r"\bstretch(es)?\b": "stage",
    r"\brooms?\b(?! for| is left| to )": "element",
    r"\bstand(s|ing)? still\b|\bstood still\b": "stalled",
    r"\bat rest\b|\bto rest\b": "idle, finished",
    r"\bput(s)? aside\b": "taken out of service",
    r"\bgoes off\b|\bwent off\b": "powers off",
    r"\b(is|was|are) taken back\b|\btook back\b|\btakes back\b": "rolled back, restored",
    r"(?<!there )\bis no (?!longer\b|more\b)": "is not a",
    r"(?<!there )\bare no (?!longer\b|more\b)": "are not",
    r"\bis none of\b|\bnone of the site's\b": "is not one of",
    r"\bat the (least|most)\b": "at least, at most",
    r"\bmay not\b": "must not, cannot, or might not",
    r"\bfor good\b": "permanently",
    r"\bgo(es)? on\b|\bwent on\b|\bgoing on\b": "continue, resume",
    r"\bwho(ever)? (comes|came) (second|first)\b": "name the process",
    r"\bwhere (it|they|the site|things) stands?\b": "status, state",
    r"\bcom(es|e) to (its|their|an) end\b|\bcame to (its|their|an) end\b": "finishes",
    r"\blet (it|them) be\b": "leave unchanged",
    r"\ba way back\b|\bthe way back\b": "undo, rollback",
    r"\b(nobody|somebody|no one)\b": "name who: the operator, another engine, no machine",
    r"\bthe likeliest\b": "the most likely",
    r"\bwhat is (wanted|asked)\b": "name it",
    r"\bas ever\b|\bas ordered\b": "as before, as requested",
    r"\bby and by\b|\bhenceforth\b|\bthereof\b|\bwherein\b|\bhitherto\b": "plain words",
    r"\bwants? to be\b": "must be",
    r"\bfell at\b|\bfalls at\b": "rejected because of",
    r"\bdead end\b": "say what blocks it",
    r"\bbegun\b": "started",
    r"\bspoken\b|\bspeaks\b": "supports, sends",
    r"\bgave up\b|\bgives up\b": "stopped trying after",
}
CODE = re.compile(r"`[^`]*`")  # names of keys and files are not words
PATTERNS = [(re.compile(pattern, re.IGNORECASE), instead) for pattern, instead in AVOID.items()]
# Documents that operators read. Decisions and this project's own history are for developers.
DOCUMENTS = [
    path
    for path in tracked()
    if (path.suffix == ".md" and path.parent in (ROOT, ROOT / "docs") and path.name != "CHANGELOG.md")
    or (path.suffix == ".rst" and path.is_relative_to(ROOT / "elements"))
]
UNITS = [path for path in tracked() if path.suffix in (".service", ".timer", ".target")]


def odd(text: str) -> Iterator[str]:
    for pattern, instead in PATTERNS:
        for hit in pattern.finditer(text):
            yield f"'{hit.group()}' (write: {instead}) in: {' '.join(text.split())[:120]}"


def visible(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Text of a module that may reach a person: every literal of two words or more but docstrings."""
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or isinstance(parents[node], ast.Expr):
            continue
        if isinstance(node.value, str) and " " in node.value.strip():
            yield node.lineno, node.value


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_messages_are_in_plain_words(path: Path) -> None:
    found = [f"line {line}: {said}" for line, text in visible(ast.parse(path.read_text())) for said in odd(text)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", (*DOCUMENTS, *UNITS), ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_and_units_are_in_plain_words(path: Path) -> None:
    lines = enumerate(path.read_text().splitlines(), 1)
    if path.name == "CONTRIBUTING.md":
        lines = ((number, line) for number, line in lines if not line.startswith("| "))  # the glossary names them
    found = [f"line {number}: {said}" for number, line in lines for said in odd(CODE.sub("", line))]
    assert not found, "\n".join(found)
