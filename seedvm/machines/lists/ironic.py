"""Lists of Ironic and of TripleO's instackenv.json: nodes, also in chassis, as a list alone, and as the OpenStack client prints them."""

from __future__ import annotations

from collections.abc import Iterator

from seedvm.machines.lists.node import row_of
from seedvm.machines.lists.rows import Notebook, Row
from seedvm.machines.lists.tree import Value

_KEYS = {"driver", "driver_info", "driver info", "provisioning state", "provision_state", "power_interface"}
_INSTACKENV = ("pm_addr", "pm_type", "pm_user", "pm_password")
_LONG = (
    "the BMC address is missing: the list of the OpenStack client contains it only with --long, as in"
    " `openstack baremetal node list --long -f json`"
)


def is_node(value: Value) -> bool:
    """Whether a mapping is a node of Ironic or instackenv."""
    keys = {key.lower() for key, _ in value.items or ()}
    return bool(keys & _KEYS) or any(key.startswith("pm_") for key in keys)


def read_ironic(root: Value, notes: Notebook) -> tuple[str, list[Row]] | None:
    """The format's name and its rows; None where this is not such a list."""
    nodes = list(_nodes(root, notes))
    if not nodes and not _has_nodes(root):
        return None
    return _form(root, nodes), [_row(node, notes) for node in nodes]


def _row(node: Value, notes: Notebook) -> Row:
    printed = any(key in ("Name", "UUID", "Power State") for key, _ in node.items or ())
    lacks = _LONG if printed and node.get("driver info") is None else ""
    return row_of(node, notes, lacks=lacks)


def _form(root: Value, nodes: list[Value]) -> str:
    if any(node.get(key) for node in nodes for key in _INSTACKENV):
        return "instackenv"
    if any(key in ("Name", "UUID", "Driver Info") for node in nodes for key, _ in node.items or ()):
        return "nodes as the OpenStack client prints them"
    return "nodes of Ironic" if root.elements is not None or _has_nodes(root) else "a node of Ironic"


def _has_nodes(root: Value) -> bool:
    return any(key.lower() in ("nodes", "chassis") for key, _ in root.items or ())


def _nodes(root: Value, notes: Notebook) -> Iterator[Value]:
    if root.elements is not None:
        if any(is_node(one) for one in root.mappings()):
            yield from _mappings(root, notes)
        return
    if not _has_nodes(root):
        if is_node(root):
            yield root
        return
    for key, value in root.items or ():
        if key.lower() == "nodes" and value.elements is not None:
            yield from _mappings(value, notes)
        elif key.lower() == "chassis" and value.elements is not None:
            for chassis in _mappings(value, notes):
                yield from _nodes(chassis, notes) if _has_nodes(chassis) else ()
        elif key.lower() in ("nodes", "chassis") and not value.is_null:
            notes.refuse(value.line, value.where, "must be a list")
        elif not value.is_null:
            notes.unused(key)


def _mappings(value: Value, notes: Notebook) -> Iterator[Value]:
    """The elements; what is not a mapping is refused."""
    for one in value.elements or ():
        if one.items is not None:
            yield one
        elif not one.is_null:
            notes.refuse(one.line, one.where, "must be a mapping with the machine's keys")
