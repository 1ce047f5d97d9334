"""One machine of a JSON or YAML list as a row: the keys of instackenv, Ironic, bifrost, kayobe and MAAS, wherever they are nested."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from seedvm.machines.lists import tree
from seedvm.machines.lists.headings import UNKNOWN, MachineField, Meaning, meaning
from seedvm.machines.lists.rows import FALSE, Cell, ListedNic, NamedCell, Notebook, Row, is_about_bmcs, put
from seedvm.machines.lists.tree import Value

INSIDE = {"driver_info", "ironic_driver_info", "power", "power_parameters", "bmc"}
"""Mappings of a node that hold the BMC's own settings: a plain `address` in them is the BMC's."""
PORTS = {"ports", "nics", "interface_set", "interfaces", "ironic_ports", "ironic_nics", "network_interfaces"}
GROUPS = {"portgroups"}
PLACES = {"location", "placement", "position"}
"""Mappings of a node that say where it stands."""
MACS = {"mac", "macs", "mac_address", "mac_addresses", "extra_macs"}
_ADDRESSES = ("address", "mac", "mac_address")
GIVEN_TWICE = "the key '{}' is given twice"
VAULT = "is encrypted with ansible-vault: decrypt the list first"


@dataclass
class _Walk:
    row: Row
    notes: Notebook
    cells: list[NamedCell] = field(default_factory=list)
    nics: list[ListedNic] = field(default_factory=list)


def row_of(
    node: Value,
    notes: Notebook,
    *,
    plain_ip: bool = True,
    name: Value | None = None,
    name_called: str = "key",
    lacks: str = "",
) -> Row:
    """The row of a node. `plain_ip` allows an `ip` without a word about BMCs; `name` is what the node is kept under: `name_called` "key"
    counts where the node itself has no name, "inventory_hostname" before all others;
    `lacks` is the cure for a node without a BMC's address."""
    walk = _Walk(Row(node.line, node.where, lacks_address=lacks), notes)
    for line, where, key in node.given_twice():
        walk.row.failed = True
        notes.refuse(line, where, GIVEN_TWICE.format(key))
    _keys(walk, node, "", inside=False)
    if name is not None:
        walk.cells.append(NamedCell(name_called, Meaning(MachineField.NAME), _cell(name)))
    put(walk.row, walk.cells, plain_ip and not is_about_bmcs(one.meaning for one in walk.cells), notes)
    walk.row.nics += walk.nics
    return walk.row


def _keys(walk: _Walk, node: Value, under: str, *, inside: bool) -> None:
    for key, value in node.items or ():
        bare = re.sub(r"[\s-]+", "_", key.strip().lower()).removeprefix("power_parameters_")
        label = f"{under}{key}"
        if value.is_null:
            continue
        if value.tag and value.tag != "!unsafe":
            _tagged(walk, bare, label, value)
        elif bare in INSIDE | PLACES and _nested(value).items is not None:
            _keys(walk, _nested(value), f"{label}.", inside=bare in INSIDE)
        elif bare in GROUPS:
            _groups(walk, value, label)
        elif bare in PORTS and (value.elements is not None or value.items is not None):
            _ports(walk, value, label)
        elif bare in MACS and value.elements is not None:
            walk.nics += [ListedNic(_cell(one)) for one in value.elements if not one.is_null]
        elif bare == "boot_interface" and value.items is not None:
            _boot(walk, value)
        elif value.text is not None:
            _single(walk, bare, label, value, inside)
        elif meaning(bare).field in (MachineField.ADDRESS, MachineField.USER, MachineField.PASSWORD) and (
            inside or meaning(bare).strong
        ):
            # `password: {{ template }}` without quotes is a mapping to YAML.
            fault = "must be a single value; a template in braces is not replaced here"
            walk.cells.append(NamedCell(label, meaning(bare), Cell("", value.line, value.where, fault)))
        elif value.items or value.elements:
            walk.notes.unused(label, meaning(bare).why)


def _single(walk: _Walk, bare: str, label: str, value: Value, inside: bool) -> None:
    said = meaning(bare)
    if inside and said.field in (MachineField.MAC, MachineField.BOOT_MAC):
        said = replace(UNKNOWN, why="the BMC is found by its address, not by its MAC")
    elif inside and said.field in (MachineField.ADDRESS, MachineField.USER, MachineField.PASSWORD, MachineField.PORT):
        said = replace(said, strong=True)
    elif inside and said.field is MachineField.NAME:
        said = UNKNOWN if bare != "host" else replace(said, field=MachineField.ADDRESS, strong=True)
    walk.cells.append(NamedCell(label, said, _cell(value)))


def _tagged(walk: _Walk, bare: str, label: str, value: Value) -> None:
    """A value with a tag of its own, as !vault: it is not what its text says."""
    fault = VAULT if value.tag in ("!vault", "!vault-encrypted") else f"has the tag {value.tag}, which is not supported"
    if bare in INSIDE | PORTS | GROUPS:
        walk.row.failed = True
        walk.notes.refuse(value.line, value.where, fault)
        return
    walk.cells.append(NamedCell(label, meaning(bare), Cell(value.text or "", value.line, value.where, fault)))


def _groups(walk: _Walk, groups: Value, label: str) -> None:
    """Port groups: the ports in them are NICs, a group's own address is that of a bond."""
    for group in groups.mappings():
        for key, value in group.items or ():
            if key.lower() == "ports":
                _ports(walk, value, f"{label}.{key}")
            elif not value.is_null:
                walk.notes.unused(f"{label}.{key}", "bonds are not configured from a list")


def _ports(walk: _Walk, ports: Value, label: str) -> None:
    """NICs. Ironic boots from each port that is not `pxe_enabled: false`; where no port of a node says so, it is not known."""
    alone = ports.items is not None and any(ports.get(key) for key in _ADDRESSES)
    found = [ports] if alone else list(ports.elements or (value for _, value in ports.items or ()))
    said = any(port.get("pxe_enabled") for port in found)
    for port in found:
        if port.text is not None:
            walk.nics.append(ListedNic(_cell(port)))
        at = next((one for key in _ADDRESSES if (one := port.get(key))), None)
        if at is None or _is_virtual(port):
            if at is not None:
                walk.notes.unused(f"{label}.{(port.get('type') or at).text}", "virtual interfaces do not boot")
            continue
        pxe = port.get("pxe_enabled")
        boots = None if not said else pxe is None or (pxe.text or "").strip().lower() not in FALSE
        walk.nics.append(ListedNic(_cell(at), boots))
        for key, value in port.items or ():
            if key.lower() in ("local_link_connection", "physical_network") and not value.is_null:
                walk.notes.unused(f"{label}.{key}", "network settings of a BMC or a switch are not used")


def _boot(walk: _Walk, interface: Value) -> None:
    """MAAS's boot_interface: the NIC that boots."""
    if at := interface.get("mac_address"):
        walk.nics.append(ListedNic(_cell(at), True))


def _is_virtual(port: Value) -> bool:
    """MAAS lists bonds, bridges and VLANs beside the NICs."""
    kind = port.get("type")
    return kind is not None and (kind.text or "").lower() in ("bond", "bridge", "vlan", "alias", "unknown")


def _nested(value: Value) -> Value:
    """A mapping; also one that a tool wrote as text, as columns of the OpenStack client in YAML and CSV."""
    if value.text is None or not value.text.lstrip().startswith("{"):
        return value
    try:
        return tree.parse_yaml(value.text, value.where, value.line)
    except tree.NoTree:
        return value


def _cell(value: Value) -> Cell:
    text = value.text
    fault = "" if text is not None else "must be a single value"
    if value.tag and value.tag != "!unsafe":
        fault = VAULT
    return Cell(text or "", value.line, value.where, fault)
