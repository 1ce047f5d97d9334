"""Inventories of Ansible, as kayobe has them: groups of hosts with variables, in YAML, INI, or as `ansible-inventory --list` prints them.

A host is a machine where its variables name a BMC's address; the others are named. Of Jinja only `{{ variable }}` is replaced.
"""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from seedvm.machines.lists.headings import MachineField, meaning
from seedvm.machines.lists.node import INSIDE, row_of
from seedvm.machines.lists.rows import Notebook, Row
from seedvm.machines.lists.tree import NoTree, Value

MOST_HOSTS = 10_000
_GROUP = {"hosts", "children", "vars"}
_SECTION = re.compile(r"\[([^\[\]:\s'\"]+)(?::(hosts|children|vars))?\]\s*(?:[#;].*)?")
_RANGE = re.compile(r"\[(\w+):(\w+)(?::(\d+))?\]")
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_SEVERAL = "hosts without a BMC's address in their variables are not taken"


@dataclass
class _Group:
    hosts: list[str] = field(default_factory=list)
    children: list[str] = field(default_factory=list)
    variables: dict[str, Value] = field(default_factory=dict)


@dataclass
class _Inventory:
    groups: dict[str, _Group] = field(default_factory=dict)
    hosts: dict[str, Value] = field(default_factory=dict)
    variables: dict[str, dict[str, Value]] = field(default_factory=dict)

    def group(self, name: str) -> _Group:
        return self.groups.setdefault(name, _Group())

    def host(self, pattern: str, at: Value, variables: Mapping[str, Value], group: str) -> None:
        names = list(itertools.islice(_expanded(pattern), MOST_HOSTS + 1))
        if len(self.hosts) + len(names) > MOST_HOSTS:
            raise NoTree(f"it has more than {MOST_HOSTS} hosts", at.line)
        for name in names:
            self.hosts.setdefault(name, at)
            self.variables.setdefault(name, {}).update(variables)
            self.group(group).hosts.append(name)


def is_inventory(root: Value) -> bool:
    """Whether a mapping is an inventory: groups with hosts, children or vars and nothing else."""
    if root.get("_meta"):
        return True
    groups = [value for _, value in root.items or () if value.items is not None]
    return bool(groups) and all({key for key, _ in one.items or ()} <= _GROUP for one in groups)


def read_inventory(root: Value, notes: Notebook) -> tuple[str, list[Row]] | None:
    """The rows of an inventory in YAML or JSON; None where this is not one."""
    if not is_inventory(root):
        return None
    found = _Inventory()
    for name, value in root.items or ():
        if name != "_meta" and value.items is not None:
            _enter(found, name, value, 0)
    hostvars = root.get("_meta") and (root.get("_meta") or root).get("hostvars")
    for name, value in hostvars.items or () if hostvars else ():
        found.host(name, value, dict(value.items or ()), "all")
    return "an inventory of Ansible", _rows(found, notes)


def read_host_vars(root: Value, notes: Notebook) -> tuple[str, list[Row]] | None:
    """The row of one machine whose variables are the root, as in a file of host_vars; None where no variable names its BMC's address."""
    mine = dict(root.items or ())
    if not any(_names_bmc(key, value) for key, value in mine.items()):
        return None
    items = tuple((key, _replaced(value, mine, "{{ inventory_hostname }}", 0)) for key, value in mine.items())
    return "the variables of one machine", [row_of(root._replace(items=items), notes, plain_ip=False)]


def is_ini(text: str) -> bool:
    """Whether text is an inventory in Ansible's INI form: its first line is a group, or a host with variables."""
    lines = (line.strip() for line in text.splitlines())
    first = next((line for line in lines if line and line[0] not in "#;"), "")
    return bool(_SECTION.fullmatch(first) or re.fullmatch(r"[\w.:\[\]-]+(\s+[A-Za-z_]\w*=\S.*)+", first))


def read_ini(text: str, notes: Notebook) -> tuple[str, list[Row]]:
    """The rows of an inventory in Ansible's INI form; a line that cannot be read is refused."""
    found = _Inventory()
    group, kind = "ungrouped", "hosts"
    for number, raw in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if section := _SECTION.fullmatch(line):
            group, kind = section[1], section[2] or "hosts"
            found.group(group)
            continue
        try:
            _ini_line(found, group, kind, line, number)
        except ValueError as error:
            notes.refuse(number, f"[{group}:{kind}]", f"cannot be read: {error}")
    return "an inventory of Ansible (INI)", _rows(found, notes)


def _ini_line(found: _Inventory, group: str, kind: str, line: str, number: int) -> None:
    if kind == "vars":
        key, equals, text = line.partition("=")
        if not equals:
            raise ValueError("a variable needs the form name=value")
        key, text = key.strip(), text.strip()
        if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
            text = text[1:-1]
        found.group(group).variables[key] = Value(number, f"[{group}:vars] {key}", text=text)
    elif kind == "children":
        found.group(group).children.append(line.split()[0])
        found.group(line.split()[0])
    else:
        host, *pairs = shlex.split(line, comments=True)
        variables = {}
        for pair in pairs:
            key, equals, text = pair.partition("=")
            if not equals:
                raise ValueError("a host's variables need the form name=value")
            variables[key] = Value(number, f"{host} {key}", text=text)
        found.host(host, Value(number, host, text=host), variables, group)


def _enter(found: _Inventory, name: str, value: Value, depth: int) -> None:
    """A group of a YAML inventory, with the groups in it."""
    group = found.group(name)
    hosts, children, variables = value.get("hosts"), value.get("children"), value.get("vars")
    for key, at in hosts.items or () if hosts else ():
        found.host(key, at, dict(at.items or ()), name)
    for at in hosts.elements or () if hosts else ():
        found.host(at.text or "", at, {}, name)
    for key, at in children.items or () if children else ():
        group.children.append(key)
        _enter(found, key, at, depth + 1)
    group.children += [at.text or "" for at in children.elements or ()] if children else []
    group.variables.update(variables.items or () if variables else ())


def _rows(found: _Inventory, notes: Notebook) -> list[Row]:
    order = _by_depth(found)
    members = {name: set(group.hosts) for name, group in found.groups.items()}
    for name in reversed(order):
        for child in found.groups[name].children:
            members[name] |= members.get(child, set())
    rows: list[Row] = []
    others: list[str] = []
    for host, at in found.hosts.items():
        mine: dict[str, Value] = {}
        for name in order:
            if name == "all" or host in members[name]:
                mine.update(found.groups[name].variables)
        mine.update(found.variables[host])
        if any(_names_bmc(key, value) for key, value in mine.items()):
            node = Value(
                at.line, at.where, items=tuple((key, _replaced(value, mine, host, 0)) for key, value in mine.items())
            )
            rows.append(
                row_of(
                    node,
                    notes,
                    plain_ip=False,
                    name=Value(at.line, at.where, text=host),
                    name_called="inventory_hostname",
                )
            )
        else:
            others.append(host)
    if others:
        notes.remark(
            f"{_SEVERAL}: {', '.join(others[:10])}" + (f" and {len(others) - 10} more" if len(others) > 10 else "")
        )
    if not rows:
        notes.refuse(
            1, "", "no host has a variable for its BMC's address, such as ipmi_address, bmc_address or redfish_address"
        )
    return rows


def _by_depth(found: _Inventory) -> list[str]:
    """The groups, parents before children: a child's variables win."""
    depth = dict.fromkeys(found.groups, 0)
    for _ in range(min(len(depth), 64)):
        before = dict(depth)
        for name, group in found.groups.items():
            for child in group.children:
                if child in depth and child != name:
                    depth[child] = max(depth[child], min(depth[name] + 1, 64))
        if depth == before:
            break
    return sorted(depth, key=lambda name: (name != "all", depth[name]))


def _names_bmc(key: str, value: Value) -> bool:
    if key.lower() in INSIDE and value.items is not None:
        return any(meaning(inner).field is MachineField.ADDRESS or _names_bmc(inner, one) for inner, one in value.items)
    said = meaning(key)
    return said.field is MachineField.ADDRESS and said.strong


def _replaced(value: Value, variables: Mapping[str, Value], host: str, depth: int) -> Value:
    """A value whose `{{ variable }}` is replaced; what else Jinja can do stays, and is refused where it is used."""
    if value.items is not None:
        return value._replace(
            items=tuple((key, _replaced(one, variables, host, depth + 1)) for key, one in value.items)
        )
    found = _VARIABLE.fullmatch((value.text or "").strip())
    if not found or depth > 8 or value.tag:
        return value
    if found[1] == "inventory_hostname":
        return value._replace(text=host)
    other = variables.get(found[1])
    if other is None or other.text is None:
        return value
    return _replaced(other, variables, host, depth + 1)._replace(line=value.line, where=value.where)


def _expanded(pattern: str) -> Iterator[str]:
    """The hosts of a pattern such as node[01:10] or rack-[a:d:2]."""
    found = _RANGE.search(pattern)
    if not found:
        yield pattern
        return
    first, last, step = found[1], found[2], int(found[3] or 1)
    if not step or len(found[0]) > 30:
        raise ValueError(f"'{pattern[:60]}' is not a range")
    if first.isdecimal() and last.isdecimal():
        names = [str(one).zfill(len(first)) for one in range(int(first), int(last) + 1, step)[: MOST_HOSTS + 1]]
    elif len(first) == len(last) == 1:
        names = [chr(one) for one in range(ord(first), ord(last) + 1, step)]
    else:
        raise ValueError(f"'{pattern[:60]}' is not a range")
    for name in names:
        yield from _expanded(f"{pattern[: found.start()]}{name}{pattern[found.end() :]}")
