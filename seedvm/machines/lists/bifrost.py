"""Mappings of a name to a machine, as bifrost's inventory in JSON or YAML and kayobe's `kolla_bifrost_servers`; and lists of mappings."""

from __future__ import annotations

from seedvm.machines.lists.headings import MachineField, meaning
from seedvm.machines.lists.node import INSIDE, row_of
from seedvm.machines.lists.rows import Notebook, Row
from seedvm.machines.lists.tree import Value

_UNDER = ("kolla_bifrost_servers", "servers", "machines", "hosts", "bmcs", "baremetal")


def read_bifrost(root: Value, notes: Notebook) -> tuple[str, list[Row]] | None:
    """Machines by name; None where the root is not such a mapping."""
    under = next((found for key in _UNDER if (found := root.get(key)) and found.items is not None), root)
    machines = [(key, one) for key, one in under.items or () if one.items is not None]
    if not any(_is_machine(one) for _, one in machines):
        return None
    rows = []
    for key, one in root.items or ():
        if one is not under and not one.is_null and (under is not root or one.items is None):
            notes.unused(key)
    for key, one in machines:
        if _is_machine(one):
            name = Value(one.line, one.where, text=key)
            rows.append(row_of(one, notes, plain_ip=False, name=name))
        else:
            notes.unused(key)
    return "machines by name, as bifrost has them", rows


def read_plain(root: Value, notes: Notebook) -> tuple[str, list[Row]] | None:
    """A list of mappings with the names that columns of a CSV may have; None where none of them names an address."""
    inside = next((found for key in _UNDER if (found := root.get(key)) and found.elements is not None), root)
    machines = list(inside.mappings())
    if not any(
        meaning(key).field is MachineField.ADDRESS or key.lower() in INSIDE
        for one in machines
        for key, _ in one.items or ()
    ):
        return None
    for one in inside.elements or ():
        if one.items is None and not one.is_null:
            notes.refuse(one.line, one.where, "must be a mapping with the machine's keys")
    return "a list of mappings", [row_of(one, notes) for one in machines]


def _is_machine(value: Value) -> bool:
    keys = [key for key, _ in value.items or ()]
    return any(key.lower() in ("driver_info", "nics") or _names_bmc(key) for key in keys)


def _names_bmc(key: str) -> bool:
    said = meaning(key)
    return said.field is MachineField.ADDRESS and said.strong
