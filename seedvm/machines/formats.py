"""Lists of machines as other tools write them: CSV, TripleO's instackenv.json, Ironic's `baremetal create` YAML.

A spreadsheet's dirt (BOM, UTF-16, Windows-1252, no-break spaces, curly quotes, MAC notations, rows given twice) is cleaned; what could be
meant in two ways is refused by row and column, everything at once. Passwords are never cleaned and never shown.
"""

from __future__ import annotations

import csv
import io
import ipaddress
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import yaml

from seedvm.base.errors import InvalidFile, SeedvmError
from seedvm.base.secret import Secret
from seedvm.base.yaml_cursor import Cursor, Findings, open_tree

FORMATS = ("csv", "instackenv", "ironic")
DRIVERS = {
    "ipmi": "ipmi",
    "pxe_ipmitool": "ipmi",
    "ipmitool": "ipmi",
    "redfish": "redfish",
    "idrac": "idrac",
    "pxe_drac": "idrac",
}
GONE = ("ilo", "pxe_ilo", "ilo5", "irmc", "pxe_irmc")  # left Ironic; these BMCs support Redfish
COLUMNS = {
    "address": ("address", "bmc", "ip", "bmc address", "bmc ip", "pm_addr", "ipmi_address", "ipmi ip", "idrac", "ilo"),
    "user": ("user", "username", "user name", "login", "pm_user", "ipmi_username"),
    "password": ("password", "pass", "pm_password", "ipmi_password"),
    "mac": ("mac", "macs", "mac address", "boot mac", "mac_address", "pxe mac"),
    "name": ("name", "hostname", "host", "node", "server"),
    "driver": ("driver", "type", "pm_type", "protocol"),
}
Where = Callable[[str], tuple[int, str]]
DIRT = str.maketrans(
    {"\u00a0": " ", "\u2007": " ", "\u202f": " ", "\u200b": "", "\ufeff": "", "\u201c": '"', "\u201d": '"'}
)


T = TypeVar("T")


@dataclass(frozen=True)
class ListEntry:
    """One machine of a list; what the list does not say is None or empty. `line` counts from 1."""

    address: str
    user: str | None = None
    password: Secret | None = None
    macs: tuple[str, ...] = ()
    name: str | None = None
    driver: str | None = None
    line: int = 0


def read(data: bytes, path: str) -> tuple[ListEntry, ...]:
    """The machines of a list in any of the three formats; InvalidFile names every problem."""
    text, certain = decoded(data, path)
    findings = Findings()
    if text.lstrip().startswith("{") or re.search(r"^nodes\s*:", text, re.MULTILINE):
        entries = _tree_entries(text, findings)
    else:
        entries = _csv_entries(text, findings)
    for entry in () if certain else entries:
        if entry.password and not entry.password.reveal().isascii():
            findings.add(
                entry.line, "password", "has characters beyond ASCII, but the list is not UTF-8: save it as CSV UTF-8"
            )
    entries = _once(entries, findings)
    if findings.problems:
        raise InvalidFile(path, findings.problems)
    return tuple(entries)


def write(entries: Iterable[ListEntry], form: str, *, passwords: bool = False) -> str:
    """The list in one of FORMATS; without `passwords` it may be handed around."""
    rows = [entry if passwords else replace(entry, password=None) for entry in entries]
    if form == "csv":
        return _as_csv(rows)
    if form == "instackenv":
        return json.dumps({"nodes": [_instackenv(row) for row in rows]}, indent=2, ensure_ascii=False) + "\n"
    if form == "ironic":
        return yaml.safe_dump({"nodes": [_ironic(row) for row in rows]}, sort_keys=False, allow_unicode=True)
    raise SeedvmError(f"unknown format {form}", hint=f"use one of: {', '.join(FORMATS)}")


def decoded(data: bytes, path: str) -> tuple[str, bool]:
    """Text as spreadsheets save it: UTF-8 with or without BOM, UTF-16 with BOM, else Windows-1252; and whether that is certain."""
    codes = ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252")
    for code in codes:
        try:
            return data.decode(code), code != "cp1252"
        except UnicodeDecodeError as error:
            at = error.start
    hint = "save it as CSV UTF-8"
    line = data[:at].count(b"\n") + 1
    raise SeedvmError(
        f"{path} is not text", why=f"line {line}: byte {data[at]:#04x} is not a character", hint=hint
    ) from None


def clean(text: str) -> str:
    """A cell without the dirt around it."""
    return text.translate(DIRT).strip().strip("'\"").strip()


def address_of(text: str) -> str:
    """An IPv4 or IPv6 address; a URL's host is taken, as Ironic's redfish_address is one."""
    host = re.sub(r"^https?://", "", clean(text)).split("/")[0]
    bare = host[1:].split("]")[0] if host.startswith("[") else host if host.count(":") > 1 else host.split(":")[0]
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        raise ValueError(f"'{text[:60]}' is not an address") from None


def mac_of(text: str) -> str:
    """A MAC in any notation as aa:bb:cc:dd:ee:ff."""
    digits = re.sub(r"[\s:.\-]", "", clean(text)).lower()
    if not re.fullmatch(r"[0-9a-f]{12}", digits):
        raise ValueError(f"'{text[:60]}' is not a MAC address")
    if int(digits[:2], 16) & 1 or digits == "0" * 12:
        raise ValueError(f"'{text[:60]}' is not the MAC address of a NIC")
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def driver_of(text: str) -> str:
    """Ironic's driver today."""
    name = clean(text).lower()
    if name in GONE:
        return "redfish"
    if name not in DRIVERS:
        raise ValueError(f"driver '{text[:40]}' is not supported; use one of: {', '.join(sorted({*DRIVERS.values()}))}")
    return DRIVERS[name]


def _password(text: str) -> Secret | None:
    if not text:
        return None
    if text != text.strip() or text.translate(DIRT) != text:
        raise ValueError("has a space at its start or end, or a special space or curly quote in it: remove it")
    return Secret(text)


def _csv_entries(text: str, findings: Findings) -> list[ListEntry]:
    lines = text.splitlines()
    head = next((line for line in lines if line.strip()), "")
    delimiter = max(",;\t|", key=head.count)
    rows = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    names: dict[int, str] | None = None
    width = 0
    entries = []
    try:
        for row in rows:
            if not any(clean(cell) for cell in row) or clean(row[0]).startswith("#"):
                continue
            if names is None:
                names, width = _header(row, rows.line_num, findings), len(row)
                continue
            if (entry := _csv_entry(row, names, width, rows.line_num, findings)) is not None:
                entries.append(entry)
    except csv.Error as error:
        findings.add(rows.line_num, "", f"not CSV: {error}")
    if names is None:
        findings.add(1, "", "the list is empty")
    return entries


def _header(row: Sequence[str], line: int, findings: Findings) -> dict[int, str]:
    """Our name of each column that we know; other columns are ignored."""
    names: dict[int, str] = {}
    for at, cell in enumerate(row):
        said = clean(cell).lower()
        name = next((name for name, known in COLUMNS.items() if said in known), None)
        if name in names.values():
            findings.add(line, cell.strip(), f"is a second column for {name}")
        elif name:
            names[at] = name
    if "address" not in names.values():
        findings.add(line, "address", f"column is missing; accepted names: {', '.join(COLUMNS['address'][:5])}")
    return names


def _csv_entry(
    row: Sequence[str], names: Mapping[int, str], width: int, line: int, findings: Findings
) -> ListEntry | None:
    cells = {name: row[at] for at, name in names.items() if at < len(row)}
    if any(clean(cell) for cell in row[width:]):
        findings.add(line, "", f"{len(row)} cells for {width} columns: is there a delimiter in a cell without quotes?")
    return _entry(cells, lambda name: (line, name), line, findings)


def _entry(cells: Mapping[str, str], where: Where, line: int, findings: Findings) -> ListEntry | None:
    """An entry of cells by our names; `where` gives line and column for a problem."""

    def take(name: str, parse: Callable[[str], T]) -> T | None:
        text = cells.get(name, "")
        try:
            return parse(text) if text.strip() else None
        except ValueError as error:
            findings.add(*where(name), message=str(error))
            return None

    address = take("address", address_of)
    made = ListEntry(
        address or "",
        user=take("user", clean),
        password=take("password", _password),
        macs=take("mac", _macs) or (),
        name=take("name", clean),
        driver=take("driver", driver_of),
        line=line,
    )
    if not cells.get("address", "").strip():
        findings.add(*where("address"), message="is missing")
    return made if address else None


def _macs(text: str) -> tuple[str, ...]:
    parts = re.split(r"[,;|]|\s(?=[0-9A-Fa-f]{2}[:\-])", clean(text))
    return tuple(dict.fromkeys(mac_of(part) for part in parts if part.strip()))


def _tree_entries(text: str, findings: Findings) -> list[ListEntry]:
    root = open_tree(re.sub(r"^\t+", lambda tabs: "  " * len(tabs[0]), text, flags=re.MULTILINE), findings)
    entries = []
    nodes = _keys(root).get("nodes")
    if nodes is None:
        findings.add(root.line, "nodes", "is missing")
    for node in nodes.sequence() if nodes else ():
        if entry := _node(node, findings):
            entries.append(entry)
    return entries


def _node(node: Cursor, findings: Findings) -> ListEntry | None:
    """A node of either JSON or YAML: instackenv has pm_..., Ironic has driver_info."""
    keys = _keys(node)
    info = _keys(keys["driver_info"]) if "driver_info" in keys else keys
    cursors: dict[str, Cursor] = {}
    for name, known in (
        ("address", ("pm_addr", "ipmi_address", "redfish_address", "drac_address")),
        ("user", ("pm_user", "ipmi_username", "redfish_username", "drac_username")),
        ("password", ("pm_password", "ipmi_password", "redfish_password", "drac_password")),
        ("driver", ("pm_type", "driver")),
        ("name", ("name",)),
    ):
        at = next((tree[key] for tree in (info, keys) for key in known if key in tree), None)
        if at is not None:
            cursors[name] = at
    cells = {name: at.text() or "" for name, at in cursors.items()}
    macs = [one.text() or "" for one in _mac_cursors(keys)]
    if macs:
        cells["mac"] = ",".join(macs)

    def where(name: str) -> tuple[int, str]:
        at = cursors.get(name, node)
        return at.line, at.where

    return _entry(cells, where, node.line, findings)


def _mac_cursors(keys: Mapping[str, Cursor]) -> list[Cursor]:
    if "mac" in keys:
        return keys["mac"].sequence()
    ports = keys["ports"].sequence() if "ports" in keys else []
    return [fields["address"] for port in ports if "address" in (fields := _keys(port))]


def _keys(cursor: Cursor) -> dict[str, Cursor]:
    """All keys of a mapping: lists of others hold much that is not used here."""
    if not isinstance(cursor.node, yaml.MappingNode):
        if cursor.present:
            cursor.problem("must be a mapping")
        return {}
    pairs = cursor.node.value
    under = f"{cursor.where}." if cursor.where else ""
    return {
        str(key.value): Cursor(value, f"{under}{key.value}", key.start_mark.line + 1, cursor.findings)
        for key, value in pairs
    }


def _once(entries: Sequence[ListEntry], findings: Findings) -> list[ListEntry]:
    """Rows given twice become one; rows that contradict each other are problems."""
    kept: dict[str, ListEntry] = {}
    owners: dict[str, ListEntry] = {}
    for entry in entries:
        first = kept.setdefault(entry.address, entry)
        if replace(first, line=0) != replace(entry, line=0):
            findings.add(entry.line, "address", f"{entry.address} is also in line {first.line}, with other values")
        for mac in entry.macs if first is entry else ():
            owner = owners.setdefault(mac, entry)
            if owner is not entry:
                findings.add(entry.line, "mac", f"{mac} is also in line {owner.line}, for {owner.address}")
    return list(kept.values())


def _as_csv(rows: Sequence[ListEntry]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("name", "address", "driver", "user", "password", "mac"))
    for row in rows:
        secret = row.password.reveal() if row.password else ""
        writer.writerow((row.name or "", row.address, row.driver or "", row.user or "", secret, " ".join(row.macs)))
    return out.getvalue()


def _instackenv(row: ListEntry) -> dict[str, object]:
    tree = {"name": row.name, "pm_type": row.driver or "ipmi", "pm_addr": row.address, "pm_user": row.user}
    tree["pm_password"] = row.password.reveal() if row.password else None
    return {name: value for name, value in tree.items() if value} | {"ports": [{"address": mac} for mac in row.macs]}


def _ironic(row: ListEntry) -> dict[str, object]:
    driver = row.driver or "ipmi"
    prefix = "ipmi" if driver == "ipmi" else "redfish"
    host = f"[{row.address}]" if ":" in row.address else row.address
    info = {f"{prefix}_address": row.address if prefix == "ipmi" else f"https://{host}", f"{prefix}_username": row.user}
    info[f"{prefix}_password"] = row.password.reveal() if row.password else None
    tree: dict[str, object] = {"name": row.name} if row.name else {}
    tree |= {"driver": driver, "driver_info": {name: value for name, value in info.items() if value}}
    return tree | ({"ports": [{"address": mac} for mac in row.macs]} if row.macs else {})
