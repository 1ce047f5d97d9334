"""A list in any format: it is recognised by what it contains, not by its name. A list in no known format is refused with what was tried."""

from __future__ import annotations

import re
from collections.abc import Callable

from seedvm.base.errors import InvalidFile, Problem, SeedvmError
from seedvm.foreign.text import shown
from seedvm.machines.lists import ansible
from seedvm.machines.lists.bifrost import read_bifrost, read_plain
from seedvm.machines.lists.build import entries_of
from seedvm.machines.lists.csv_text import decoded, read_csv
from seedvm.machines.lists.entry import ListEntry, MachineList
from seedvm.machines.lists.ironic import read_ironic
from seedvm.machines.lists.maas import read_maas
from seedvm.machines.lists.node import GIVEN_TWICE
from seedvm.machines.lists.rows import Notebook, Row
from seedvm.machines.lists.table import NoHeading
from seedvm.machines.lists.tree import NoTree, Value, parse_json, parse_yaml
from seedvm.machines.lists.workbook import NoWorkbook, read_workbook

MOST_BYTES = 16 << 20
KNOWN = (
    "xlsx, CSV, instackenv.json, Ironic's nodes (YAML, JSON), inventories of bifrost and Ansible (YAML, JSON, INI) and machines of"
    " MAAS (JSON)"
)
_Shape = Callable[[Value, Notebook], tuple[str, list[Row]] | None]
SHAPES: tuple[_Shape, ...] = (
    ansible.read_inventory,
    read_maas,
    read_ironic,
    ansible.read_host_vars,
    read_bifrost,
    read_plain,
)
# A key at the start of the first line, with no delimiter before its colon: a CSV does not begin so.
_YAML = re.compile(r"---|%YAML|- |-$|[\w.'\"][^,;\t|]*:(\s|$)")
_NOT_TEXT = {
    b"\xd0\xcf\x11\xe0": "an old Excel file (.xls), or a workbook with a password: save it as .xlsx without a password",
    b"\x1f\x8b": "compressed with gzip: decompress it first",
    b"%PDF": "a PDF: save the table as .xlsx or CSV UTF-8",
    b"\x28\xb5\x2f\xfd": "compressed with zstd: decompress it first",
    b"\xfd7zXZ": "compressed with xz: decompress it first",
    b"BZh": "compressed with bzip2: decompress it first",
    b"7z\xbc\xaf": "an archive (7z): extract it first",
    b"Rar!": "an archive (rar): extract it first",
    b"{\\rtf": "a text document (RTF): save the table as .xlsx or CSV UTF-8",
    b"-----BEGIN PGP": "encrypted with OpenPGP: decrypt it first",
    b"Salted__": "encrypted: decrypt it first",
}


def read_list(data: bytes, path: str) -> MachineList:
    """What a list says, with each row that is refused. Raises InvalidFile or SeedvmError for a file that is no list as a whole."""
    path = shown(path, 80)
    if len(data) > MOST_BYTES:
        raise SeedvmError(f"{path} is too large for a list of machines", why=f"more than {MOST_BYTES >> 20} MiB")
    for magic, reason in _NOT_TEXT.items():
        if data.startswith(magic):
            raise SeedvmError(f"{path} cannot be read", why=f"it is {reason}")
    notes = Notebook()
    certain = True
    try:
        if data.startswith(b"PK\x03\x04"):
            form, rows = read_workbook(data, notes)
        else:
            text, certain = decoded(data, path)
            form, rows = _read_text(text, path, notes)
    except (NoHeading, NoWorkbook) as error:
        raise InvalidFile(path, (Problem(0, "", shown(error, 400)), *notes.refused)) from None
    entries, left_out = entries_of(rows, notes)
    if not certain:
        entries, more = _certain(entries, notes)
        left_out += more
    if not rows and not notes.refused:
        notes.refuse(0, "", f"{form}: it contains no machine")
    return MachineList(form, entries, notes.refused, notes.remarks(), left_out)


def _read_text(text: str, path: str, notes: Notebook) -> tuple[str, list[Row]]:
    """Rows of a text: JSON and YAML by their first sign, INI by its first line, else CSV. One is never read as another."""
    lines = (line.strip() for line in text.splitlines())
    first = next((line for line in lines if line and not line.startswith("#")), "")
    if first.startswith("$ANSIBLE_VAULT;"):
        raise SeedvmError(f"{path} is encrypted", why="it is a file of ansible-vault", hint="decrypt it first")
    if first.startswith("<"):
        raise SeedvmError(f"{path} is not a list of machines", why="it is HTML or XML", hint=f"these are read: {KNOWN}")
    if re.fullmatch(r"\+[-+=]{3,}\+", first):
        why = "it is a table as the OpenStack client prints it for people"
        raise SeedvmError(f"{path} is not a list of machines", why=why, hint="add -f json to the command")
    if ansible.is_ini(text):
        return ansible.read_ini(text, notes)
    if first[:1] in ("{", "["):
        return _shape(_json_or_yaml(text, path), path, notes)
    if _YAML.match(first):
        try:
            return _shape(parse_yaml(_spaces(text)), path, notes)
        except NoTree as error:
            raise InvalidFile(path, (Problem(error.line, "", shown(f"not YAML: {error}", 400)),)) from None
    return read_csv(text, notes)


def _json_or_yaml(text: str, path: str) -> Value:
    try:
        return parse_json(text)
    except NoTree as error:
        json_error = error
    try:
        return parse_yaml(_spaces(text))
    except NoTree as error:
        said = f"not JSON: {json_error}; not YAML either: {error}"
        raise InvalidFile(path, (Problem(json_error.line or error.line, "", shown(said, 400)),)) from None


def _shape(root: Value, path: str, notes: Notebook) -> tuple[str, list[Row]]:
    for line, where, key in root.given_twice():
        notes.refuse(line, where, GIVEN_TWICE.format(key))
    if root.get("apiversion") and root.get("kind"):
        raise InvalidFile(path, (Problem(root.line, "", f"manifests of Kubernetes are not read; these are: {KNOWN}"),))
    for read_shape in SHAPES:
        tried = Notebook()
        try:
            found = read_shape(root, tried)
        except (NoTree, ValueError) as error:
            raise InvalidFile(path, (Problem(0, "", shown(error, 400)),)) from None
        if found is not None:
            notes.take(tried)
            return found
    kind = "a list" if root.elements is not None else "a mapping" if root.items is not None else "a single value"
    keys = ", ".join(f"'{shown(key, 40)}'" for key, _ in (root.items or ())[:8])
    said = (
        f"it is {kind}"
        + (f" with the keys {keys}" if keys else "")
        + ", and not: an inventory of Ansible (groups with hosts and vars),"
        " machines of MAAS (power_type, hostname), nodes of Ironic or instackenv (nodes, chassis, driver_info, pm_addr), machines by"
        " name as bifrost has them (driver_info), or a list of mappings with a BMC's address (bmc_ip, ipmi_address)"
    )
    raise InvalidFile(path, (Problem(root.line, "", said),))


def _spaces(text: str) -> str:
    """Tabs that indent, which YAML refuses, as spaces."""
    return re.sub(r"^\t+", lambda tabs: "  " * len(tabs[0]), text, flags=re.MULTILINE)


def _certain(entries: tuple[ListEntry, ...], notes: Notebook) -> tuple[tuple[ListEntry, ...], tuple[str, ...]]:
    """Entries without those whose password depends on which old code page the list is in, and the names of those."""
    kept, gone = [], []
    for entry in entries:
        if entry.password and not entry.password.reveal().isascii():
            said = "has characters beyond ASCII, but the list is not UTF-8: save it as CSV UTF-8"
            notes.refuse(entry.line, entry.at.password, said)
            gone.append(f"{entry.name or entry.address} (line {entry.line})")
        else:
            kept.append(entry)
    return tuple(kept), tuple(gone)
