"""YAML that remembers its lines: a cursor over the tree which collects every problem with name and line, and never stops early.

It refuses unknown, missing and duplicate keys, and values of the wrong kind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import yaml

from seedvm.base.errors import Problem

T = TypeVar("T")

_BOOLEANS = {"true": True, "false": False, "yes": True, "no": False}


@dataclass
class Findings:
    """The problems found so far in one file."""

    problems: list[Problem] = field(default_factory=list)

    def add(self, line: int, where: str, message: str) -> None:
        self.problems.append(Problem(line, where, message))


@dataclass(frozen=True)
class Cursor:
    """A place in the tree. Its readers return None after having noted a problem."""

    node: yaml.Node | None
    where: str
    line: int
    findings: Findings

    @property
    def present(self) -> bool:
        return self.node is not None

    def problem(self, message: str) -> None:
        self.findings.add(self.line, self.where, message)

    def mapping(self, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, Cursor]:
        """A cursor per known key; for an absent key one that is not `present`, with the line of the mapping."""
        known = (*required, *optional)
        found: dict[str, Cursor] = {}
        if isinstance(self.node, yaml.MappingNode):
            for key, value in self.node.value:
                self._enter(found, key, value, known)
            for name in required:
                if name not in found:
                    self.findings.add(self.line, self._under(name), "is missing")
        elif self.node is not None:
            self.problem(f"must be a mapping with {', '.join(known)}")
        return {name: found.get(name, Cursor(None, self._under(name), self.line, self.findings)) for name in known}

    def sequence(self) -> list[Cursor]:
        if self.node is None:
            return []
        if not isinstance(self.node, yaml.SequenceNode):
            self.problem("must be a list")
            return []
        return [
            Cursor(node, f"{self.where}[{index}]", node.start_mark.line + 1, self.findings)
            for index, node in enumerate(self.node.value)
        ]

    def text(self) -> str | None:
        if self.node is None:
            return None
        if (
            not isinstance(self.node, yaml.ScalarNode)
            or self.node.value == ""
            or self.node.tag == "tag:yaml.org,2002:null"
        ):
            self.problem("must be a single value")
            return None
        return str(self.node.value)

    def parsed(self, parse: Callable[[str], T]) -> T | None:
        """The value as `parse` makes it; its ValueError is the problem's message."""
        text = self.text()
        if text is None:
            return None
        try:
            return parse(text)
        except ValueError as error:
            self.problem(str(error))
            return None

    def integer(self, default: int, *, minimum: int) -> int:
        def parse(text: str) -> int:
            if not text.isdecimal() or int(text) < minimum:
                raise ValueError(f"'{text}' is not a whole number, {minimum} or more")
            return int(text)

        value = self.parsed(parse)
        return default if value is None else value

    def boolean(self, default: bool) -> bool:
        def parse(text: str) -> bool:
            if text.lower() not in _BOOLEANS:
                raise ValueError(f"'{text}' is not true or false")
            return _BOOLEANS[text.lower()]

        value = self.parsed(parse)
        return default if value is None else value

    def _enter(self, found: dict[str, Cursor], key: yaml.Node, value: yaml.Node, known: tuple[str, ...]) -> None:
        name, line = str(key.value), key.start_mark.line + 1
        if name not in known:
            self.findings.add(line, self._under(name), f"unknown key; known keys: {', '.join(known)}")
        elif name in found:
            self.findings.add(line, self._under(name), f"given twice, first in line {found[name].line}")
        else:
            found[name] = Cursor(value, self._under(name), line, self.findings)

    def _under(self, name: str) -> str:
        return f"{self.where}.{name}" if self.where else name


def open_tree(text: str, findings: Findings) -> Cursor:
    """A cursor on the root. Broken YAML and an empty file are problems too."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        findings.add(mark.line + 1 if mark else 0, "", f"not YAML: {error.problem or error.context}")
        return Cursor(None, "", 0, findings)
    except yaml.YAMLError as error:
        findings.add(0, "", f"not YAML: {error}")
        return Cursor(None, "", 0, findings)
    if node is None:
        findings.add(1, "", "the file is empty")
    return Cursor(node, "", node.start_mark.line + 1 if node else 0, findings)
