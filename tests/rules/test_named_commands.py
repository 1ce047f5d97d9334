"""Every `seedvm ...` that a hint, an error, a page, a document, a script or a unit names is a command that there is, with those options.

A word in capitals is a value (NIC, DEVICE), `a|b` are alternatives, `...` leaves the rest open. In a sentence the command ends where
the sentence goes on; in code all of it must be what the parser takes.
"""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from seedvm.cli import parser
from seedvm.member.verbs import VERBS
from tests.rules.test_linters import ROOT, tracked

_SUBJECT = {"against", "and", "did", "does", "for", "from", "sends", "turns", "word"}
"""What follows `seedvm` in a sentence (or in the completion script) where it is no command to type."""
_NAMED = re.compile(r"(?<![\w.:-])(?<!lib/)(?<!opt/)(?<!run/)(`?)((?:/\S+/bin/|\.venv/bin/)?seedvm) ([^\n]*)")
_PARSER = parser()
_VALUE = re.compile(r"^[\[{(<\"']*(\$|[A-Z][A-Z_]*\b|/|~|-$|\d)")
_FIRST = re.compile(r"[a-z][a-z|-]*|--[a-z-]+|[A-Z]+|\.\.\.")
_LISTS = {"machines", "plan", "status", "host check", "host status"}
"""Commands that list what a hint sends the operator to look for."""
_LISTING = re.compile(r"([a-z][a-z -]*?)`? (?:lists|names|prints|reports|shows) ")
_MAKE = re.compile(r"(?:`+|\brun |\bwith )make ([a-z][\w%-]*)")
_MAKE_IN_CODE = re.compile(r"(?:^ *|&& *|; *)make ([a-z][\w%-]*)")
_MAKE_IN_HINT = re.compile(r"\bmake (?!(?:a|an|it|one|room|sure|that|the|them|this)\b)([a-z][\w%-]*)")
_DOCUMENTS = {".md", ".rst"}
_PROGRAMS = {".sh", ".service", ".timer", ".html", ".mustache", ".cfg", ".conf", ""}


@dataclass(frozen=True)
class Named:
    """A command as it is named somewhere; `exact` where it stands as code and no sentence follows."""

    where: str
    text: str
    exact: bool


def wrong(text: str, *, exact: bool) -> str:
    """What is no command, no option or no value in the words after `seedvm`; empty where all is right."""
    command, words, taken = _PARSER, _words(text, exact), 0
    while words:
        word = words.pop(0)
        below = _subcommands(command)
        if word in ("...", "|", "&&", "--help", "--version") or word.startswith(">"):
            return ""
        if word.lstrip("\"'").startswith("$"):
            continue  # what a shell or a unit puts in
        if word.startswith("-") and len(word) > 1:
            option = command._option_string_actions.get(word.partition("=")[0])
            if option is None:
                return f"{command.prog} has no {word}"
            _drop_values(option, words, "=" in word)
        elif below:
            if _VALUE.match(word):
                return ""
            if unknown := [one for one in word.split("|") if one not in below]:
                return f"{command.prog} has no {', '.join(unknown)}"
            command = below[word.split("|")[0]]
        elif exact or _VALUE.match(word) or command.prog.endswith(" member"):
            if fault := _positional(command, taken, word):
                return fault
            taken += 1
        else:
            return ""  # the sentence goes on
    return f"{command.prog} is half a command" if _subcommands(command) else ""


def _words(text: str, exact: bool) -> list[str]:
    found = []
    for word in re.split(r"\s+#|`", text)[0].split():
        bare = word.strip("[]") if exact else re.sub(r"[;,.:)\"']+$", "", word) or "|"
        found.append("..." if "..." in word or "…" in word else bare)
        if bare != word and not exact and not word.endswith("]"):
            break  # a comma ends the command
    return found


def _subcommands(command: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in command._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _drop_values(option: argparse.Action, words: list[str], given: bool) -> None:
    if option.nargs != 0 and not given and words:
        words.pop(0)


def _positional(command: argparse.ArgumentParser, taken: int, word: str) -> str:
    places = [one for one in command._actions if not one.option_strings]
    if not places or (taken >= len(places) and places[-1].nargs not in ("*", "+", argparse.REMAINDER)):
        return f"{command.prog} takes no {word}"
    place = places[min(taken, len(places) - 1)]
    choices = VERBS if command.prog.endswith(" member") else place.choices
    return "" if choices is None or _VALUE.match(word) or word in choices else f"{command.prog}: {word} is none"


def in_text(where: str, text: str, *, exact: bool = False) -> Iterator[Named]:
    """What a text names; what stands between backticks is exact."""
    for found in _NAMED.finditer(text):
        first = re.split(r"[\s;,.:)\"'<`]+(?!\.)", f"{found[3]} ")[0]
        if _FIRST.fullmatch(first) and first not in _SUBJECT:
            yield Named(where, re.sub(r"</.*", "", found[3]), exact or bool(found[1]))


def in_python(path: Path) -> Iterator[Named]:
    """What the texts of a module name, its docstrings among them; a value that is put in at run time is a VALUE."""
    tree = ast.parse(path.read_text())
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(one.value) if isinstance(one, ast.Constant) else "VALUE" for one in node.values)
            yield from in_text(f"{path.relative_to(ROOT)}:{node.lineno}", text)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield from in_text(f"{path.relative_to(ROOT)}:{node.lineno}", node.value)


def in_document(path: Path) -> Iterator[Named]:
    """What a document names in code: between backticks, or in a line that is indented or between fences."""
    fenced = False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        where = f"{path.relative_to(ROOT)}:{number}"
        fenced ^= line.lstrip().startswith("```")
        if fenced or line.startswith("    "):
            for part in re.split(r"&&|;|\|\s", line.partition(" #")[0]):
                yield from in_text(where, part, exact=True)
        else:
            yield from (one for one in in_text(where, line) if one.exact)


def everything() -> Iterator[Named]:
    for path in tracked():
        top = path.relative_to(ROOT).parts[0]
        if top == "tests" or path.name == "CHANGELOG.md":  # a history names what there was
            continue
        if path.suffix == ".py":
            yield from in_python(path)
        elif path.suffix in _DOCUMENTS:
            yield from in_document(path)
        elif path.suffix in _PROGRAMS and path.name != "LICENSE":
            lines = [one for one in path.read_text().splitlines() if not one.lstrip().startswith("#")]
            yield from in_text(str(path.relative_to(ROOT)), "\n".join(lines))


def test_every_command_that_is_named_is_one() -> None:
    named = list(everything())
    assert len({one.where.partition(":")[0] for one in named}) > 40, "the search finds what it is for"
    faults = [
        f"{one.where}: seedvm {one.text}: {fault}" for one in named if (fault := wrong(one.text, exact=one.exact))
    ]
    assert not faults, "\n" + "\n".join(faults)


def misled(text: str) -> str:
    """The command of which a text claims that it lists something, and which does not; empty where there is none."""
    found = _LISTING.match(text)
    return found[1] if found and found[1] not in _LISTS else ""


def test_a_command_that_lists_something_is_one_that_lists() -> None:
    named = list(everything())
    assert any(_LISTING.match(one.text) for one in named), "the search finds what it is for"
    assert not [(one.where, command) for one in named if (command := misled(one.text))]


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("report shows each machine", "report"),
        ("report` prints each machine", "report"),
        ("bmc test reports the accounts", "bmc test"),
        ("machines lists them", ""),
        ("run finds them", ""),
    ],
)
def test_a_command_that_lists_nothing_is_found(text: str, command: str) -> None:
    assert misled(text) == command


def targets(text: str, *wanted: re.Pattern[str]) -> list[str]:
    """The make targets that a text names."""
    return [found for pattern in wanted for found in pattern.findall(text)]


def is_target(name: str) -> bool:
    """Whether the Makefile has it, `bench-NAME` by its pattern."""
    rules = re.findall(r"^([a-z%-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return any(re.fullmatch(rule.replace("%", r"\w+"), name) for rule in rules)


def made() -> Iterator[tuple[str, str]]:
    """Where, and the target of each `make TARGET` in hints, docstrings, errors and documents."""
    for path in tracked():
        where = str(path.relative_to(ROOT))
        if path.suffix == ".py" and not where.startswith("tests/rules/"):
            tree = ast.parse(path.read_text())
            for node in ast.walk(tree):
                if isinstance(node, ast.keyword) and node.arg == "hint":
                    yield from ((where, one) for one in targets(ast.unparse(node.value), _MAKE_IN_HINT))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield from ((where, one) for one in targets(node.value, _MAKE))
        elif path.suffix in _DOCUMENTS | {".sh"} and path.name != "CHANGELOG.md":
            for line in path.read_text().splitlines():
                patterns = (_MAKE, _MAKE_IN_CODE) if line.startswith("    ") and path.suffix != ".sh" else (_MAKE,)
                yield from ((where, one) for one in targets(line, *patterns))


def test_every_make_target_that_is_named_is_one() -> None:
    found = list(made())
    assert len(found) > 20, "the search finds what it is for"
    assert not [f"{where}: make {one}" for where, one in found if not is_target(one)]


@pytest.mark.parametrize(
    ("text", "patterns", "unknown"),
    [
        ("build them with make images, then copy", (_MAKE,), ["images"]),
        ("`make host` and ``make hosts``", (_MAKE,), ["hosts"]),
        ("    cd seedvm && make everything", (_MAKE_IN_CODE,), ["everything"]),
        ("make venvs", (_MAKE_IN_HINT,), ["venvs"]),
        ("make it smaller, or make the disk larger", (_MAKE_IN_HINT,), []),
        ("`make bench-scan`, `make bench-NAME`, `make story NAME=fuzz`", (_MAKE,), []),
    ],
)
def test_a_make_target_that_is_made_up_is_found(
    text: str, patterns: tuple[re.Pattern[str], ...], unknown: list[str]
) -> None:
    assert [one for one in targets(text, *patterns) if not is_target(one)] == unknown


def test_only_one_place_knows_how_python_packages_are_installed() -> None:
    """A checkout has make, a wheel has pip: seedvm/base/install.py says which fits."""
    hints = [path for path in tracked() if path.suffix == ".py" and re.search(r"\bpip install\b", path.read_text())]
    assert [name for path in hints if (name := str(path.relative_to(ROOT))).startswith(("seedvm/", "tui/"))] == [
        "seedvm/base/install.py"
    ]


@pytest.mark.parametrize(
    ("text", "exact", "fault"),
    [
        ("run tries again; if it fails", False, ""),
        ("run --yes-wipe VALUE", False, ""),
        ("frobnicate lists each machine", False, "seedvm has no frobnicate"),
        ("report --machines", False, "seedvm report has no --machines"),
        ("host up --port NIC, then wait", False, ""),
        ("host start", False, "seedvm host has no start"),
        ("host", True, "seedvm host is half a command"),
        ("host ...", True, ""),
        ("node retry|replace|drop NAME", True, ""),
        ("node retry|mend NAME", True, "seedvm node has no mend"),
        ("rack fault --file FILE MACHINE dead-power", True, ""),
        ("rack fault --file FILE MACHINE on-fire", True, "seedvm rack fault: on-fire is none"),
        ("status of it all", True, "seedvm status takes no of"),
        ("member status", False, ""),
        ("member dance", False, "seedvm member: dance is none"),
        ("--state-dir DIR machines", True, ""),
    ],
)
def test_a_command_that_is_made_up_is_found(text: str, exact: bool, fault: str) -> None:
    assert wrong(text, exact=exact) == fault


def test_what_is_named_is_found_in_sentences_and_code(tmp_path: Path) -> None:
    assert [one.text for one in in_text("", "first: seedvm plan shows it, `seedvm run` acts")] != []
    assert [(one.text, one.exact) for one in in_text("", "see `.venv/bin/seedvm status`")] == [("status`", True)]
    assert not list(in_text("", "seedvm turns racks into clouds")) and not list(in_text("", "in /var/lib/seedvm there"))
