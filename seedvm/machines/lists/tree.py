"""JSON and YAML as one kind of tree, in which every value knows its line and its path. Tags, text and merge keys stay as they are written.

Refused, with a reason: what is nested too deeply, and aliases that expand without bound. A number is the text that the list has: a YAML
loader would make 42798 of the password 0123456.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

import yaml

MOST_ALIASED = 50_000
MOST_NESTED = 64
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml: a list of MAAS has megabytes
_YAML_ORG = "tag:yaml.org,2002:"
_NULL = f"{_YAML_ORG}null"
_MERGE = f"{_YAML_ORG}merge"
_PLAIN_TAGS = {
    _YAML_ORG + name for name in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value", "map", "seq")
}
_LAST_MARKS = re.compile(r"\n(?:---|\.\.\.)[ \t\r]*(?:#[^\n]*)?(?:\n(?:---|\.\.\.)?[ \t\r]*(?:#[^\n]*)?)*\Z")
_UNKNOWN = ("null", "NaN", "Infinity", "-Infinity")
_TOKEN = re.compile(r'[ \t\r\n]*(?:"((?:[^"\\]|\\.)*)"|([{}\[\]:,])|([^\s{}\[\]:,"]+))')


class NoTree(ValueError):
    """The text is not such a document; the reason fits into an error. `line` counts from 1, 0 where it is not known."""

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(reason)
        self.line = line


class Value(NamedTuple):
    """A value and its place. Exactly one of `text` (a single value), `items` (a mapping) and `elements` (a list) is set, none for null."""

    line: int
    where: str
    text: str | None = None
    items: tuple[tuple[str, Value], ...] | None = None
    elements: tuple[Value, ...] | None = None
    tag: str = ""
    twice: tuple[str, ...] = ()

    @property
    def is_null(self) -> bool:
        return self.text is None and self.items is None and self.elements is None

    def get(self, key: str) -> Value | None:
        """The value of a key, whatever its case; None where there is none or it is null."""
        found = next((value for name, value in self.items or () if name.lower() == key), None)
        return None if found is None or found.is_null else found

    def given_twice(self) -> Iterator[tuple[int, str, str]]:
        """Line, path and key of every key that a mapping has twice, here and below."""
        for key in self.twice:
            yield self.line, self.where, key
        for one in (*(value for _, value in self.items or ()), *(self.elements or ())):
            if one.text is None:
                yield from one.given_twice()

    def mappings(self) -> Iterator[Value]:
        """The elements that are mappings."""
        return (one for one in self.elements or () if one.items is not None)


def parse_json(text: str) -> Value:
    """A JSON document; raises NoTree. NaN and Infinity are null: unknown, and no name or password."""
    _refuse_depth(text)
    try:
        json.loads(text, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        raise NoTree(f"{_said(error)} (line {error.lineno}, column {error.colno})", error.lineno) from None
    except RecursionError:
        raise NoTree("it is nested too deeply") from None
    return _Json(text).value("", 0)


def _said(error: json.JSONDecodeError) -> str:
    if error.msg == "Extra data" and error.doc[error.pos : error.pos + 1] in ("{", "["):
        return "it has several documents: put them into one list, as `jq -s .` does"
    if re.match(r"//|/\*|#", error.doc[error.pos :].lstrip()):
        return "JSON has no comments: remove them"
    return error.msg


def parse_yaml(text: str, where: str = "", line: int = 1) -> Value:
    """One YAML document, merged as a safe loader does; `where` and `line` are its place in the list. Raises NoTree."""
    _refuse_depth(text)
    try:
        node = yaml.compose(_LAST_MARKS.sub("\n", text), Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = mark.line + line if mark else 0
        said = error.problem or error.context or "not YAML"
        if "another document" in said:
            said = "it has several documents: import each of them from a file of its own"
        raise NoTree(said + (f" (line {at})" if at else ""), at) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise NoTree(" ".join(str(error).split())[:120]) from None
    if node is None or (not where and node.tag == _NULL):
        raise NoTree("it is empty")
    return _Builder(line - 1).value(node, where, 0)


class _Json:
    """Reads a text that is known to be JSON. A YAML parser would take a minute for what MAAS prints of 300 machines."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = self._counted = 0
        self._line = 1

    def value(self, where: str, depth: int) -> Value:
        if depth > MOST_NESTED:
            raise NoTree("it is nested too deeply")
        string, sign, bare = self._token()
        line = self._line_here()
        if sign == "{":
            return self._mapping(line, where, depth)
        if sign == "[":
            return self._list(line, where, depth)
        return Value(line, where, text=(None if bare in _UNKNOWN else bare) if string is None else _unescaped(string))

    def _mapping(self, line: int, where: str, depth: int) -> Value:
        items: dict[str, Value] = {}
        twice: list[str] = []
        under = f"{where}." if where else ""
        while True:
            string, sign, _ = self._token()
            if sign == "}":
                return Value(line, where, items=tuple(items.items()), twice=tuple(twice))
            if string is None:
                continue  # the comma
            key = _unescaped(string)
            self._token()  # the colon
            if key in items:
                twice.append(key)
            items[key] = self.value(f"{under}{key}", depth + 1)

    def _list(self, line: int, where: str, depth: int) -> Value:
        elements: list[Value] = []
        while True:
            before = self._at
            sign = self._token()[1]
            if sign == "]":
                return Value(line, where, elements=tuple(elements))
            if sign != ",":
                self._at = before
                elements.append(self.value(f"{where}[{len(elements)}]", depth + 1))

    def _token(self) -> tuple[str | None, str | None, str | None]:
        """The next string, sign or bare word."""
        found = _TOKEN.match(self._text, self._at)
        if found is None:
            raise NoTree("it is not JSON")
        self._at = found.end()
        return found[1], found[2], found[3]

    def _line_here(self) -> int:
        """The line on which the last token ends; no token of JSON has several lines."""
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = max(self._counted, self._at)
        return self._line


def _unescaped(string: str) -> str:
    return str(json.loads(f'"{string}"')) if "\\" in string else string


class _Builder:
    def __init__(self, above: int) -> None:
        self._above = above
        self._seen: set[int] = set()
        self._left = MOST_ALIASED

    def value(self, node: yaml.Node, where: str, depth: int) -> Value:
        self._visit(node, depth)
        line = node.start_mark.line + 1 + self._above
        tag = "" if node.tag in _PLAIN_TAGS else str(node.tag).replace(_YAML_ORG, "!!")
        if isinstance(node, yaml.ScalarNode):
            return Value(line, where, None if node.tag == _NULL else str(node.value), tag=tag)
        if isinstance(node, yaml.SequenceNode):
            made = (self.value(one, f"{where}[{at}]", depth + 1) for at, one in enumerate(node.value))
            return Value(line, where, elements=tuple(made), tag=tag)
        pairs: dict[str, yaml.Node] = {}
        twice: list[str] = []
        self._pairs(node, pairs, twice, depth)
        under = f"{where}." if where else ""
        items = tuple((key, self.value(one, f"{under}{key}", depth + 1)) for key, one in pairs.items())
        return Value(line, where, items=items, tag=tag, twice=tuple(twice))

    def _visit(self, node: yaml.Node, depth: int) -> None:
        """Refuse depth, and values that are there only because an alias repeats them."""
        if depth > MOST_NESTED:
            raise NoTree("it is nested too deeply")
        if id(node) in self._seen:
            self._left -= 1 + len(node.value) if isinstance(node, yaml.MappingNode) else 1
            if self._left < 0:
                raise NoTree(f"its aliases expand to more than {MOST_ALIASED} values")
        self._seen.add(id(node))

    def _pairs(self, node: yaml.Node, pairs: dict[str, yaml.Node], twice: list[str], depth: int) -> None:
        """The keys of a mapping: its own before those that are merged in, of several merged mappings the first."""
        merged: list[yaml.Node] = []
        for key, one in node.value:
            if key.tag == _MERGE:
                merged += one.value if isinstance(one, yaml.SequenceNode) else [one]
                continue
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
            if name in pairs:
                twice.append(name)
            pairs[name] = one
        for one in merged:
            more: dict[str, yaml.Node] = {}
            self._visit(one, depth)
            if isinstance(one, yaml.MappingNode):
                self._pairs(one, more, [], depth + 1)
            for name, found in more.items():
                pairs.setdefault(name, found)


def _refuse_depth(text: str) -> None:
    """Refuse what would exhaust a parser's own stack, before it is parsed: brackets, and indented lists."""
    depth = 0
    for bracket in re.finditer(r"[\[{\]}]", text):
        depth = depth + 1 if bracket[0] in "[{" else max(0, depth - 1)
        if depth > MOST_NESTED * 8:
            raise NoTree("it is nested too deeply")
    if re.search(r"^[ \t\-?:!&*]{800}", text, re.MULTILINE) or re.search(r"(?:[-?:] ){200}", text):
        raise NoTree("it is nested too deeply")
