"""The questions that make a site.yaml: fields, the values proposed for them, the file they make, and what is wrong with them.

Pure, and the same for the pages and for line mode. What is right and wrong is `seedvm.site.model`'s to say; here its findings are only
brought to the field they are about. Keys of an existing file that no field is about are kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import yaml

from seedvm.base.errors import InvalidFile, SeedvmError
from seedvm.site.load import parse_site
from tui.backend.site_place import placed

Values = Mapping[str, str]

_HEAD = "# Written by the wizard; seedvm plan checks it. Do not put secrets into this file.\n"


@dataclass(frozen=True)
class Field:
    """One question. `key` is the dotted place in site.yaml; `kind` is text, list, number or yes; `may_be_empty` leaves it out.

    `default` is proposed for a new site; `unsaid` is what counts where a site.yaml does not say it."""

    key: str
    label: str
    tell: str
    kind: str = "text"
    default: str = ""
    may_be_empty: bool = False
    unsaid: str = ""


FIELDS = (
    Field("site", "Site name", "lowercase letters, digits, hyphens"),
    Field("seed.interface", "Provisioning NIC", "a NIC of this seed", default="eth0"),
    Field("provisioning.cidr", "Provisioning network", "for example 172.22.0.0/24; F7 fills in the rest"),
    Field("seed.address", "Seed address", "without prefix length"),
    Field("provisioning.gateway", "Gateway", "the router of the provisioning network"),
    Field("provisioning.vip", "Undercloud VIP", "an unused address; it is permanent"),
    Field("provisioning.undercloud", "Undercloud nodes", "3 or 5 addresses, comma-separated", kind="list"),
    Field("provisioning.instances", "Instance range", "first-last; Neutron assigns these addresses"),
    Field("provisioning.boot", "DHCP boot range", "first-last; DHCP assigns these addresses"),
    Field("seed.bmc_interface", "BMC NIC", "empty: BMCs are reached through the gateway", may_be_empty=True),
    Field("seed.bmc_address", "Address on BMC NIC", "with prefix length", may_be_empty=True),
    Field("seed.bmc_vlan", "BMC VLAN", "1 to 4094 if the BMC NIC is a trunk; empty: untagged", "number", may_be_empty=True),
    Field("bmc.link_local", "Link-local BMC NICs", "NICs (eth1.123: a VLAN) with fe80:: BMCs; empty: none", "list", may_be_empty=True),
    Field("bmc.ranges", "BMC address ranges", "comma-separated; nothing else is contacted", "list", may_be_empty=True),
    Field("bmc.learn_mac_by_power_on", "Power on to learn MAC", "yes or no; required for IPMI machines", "yes", "yes", unsaid="no"),
    Field("bmc.rotate_passwords", "Rotate BMC passwords", "yes: a unique password for each BMC; no: unchanged", "yes", "no", unsaid="no"),
    Field("undercloud.needs.cpus", "Minimum CPUs", "each node needs at least this", "number", "4", unsaid="4"),
    Field("undercloud.needs.memory_mib", "Minimum memory (MiB)", "each node needs at least this", "number", "16384", unsaid="16384"),
    Field("undercloud.needs.disk_gib", "Minimum disk (GiB)", "smaller disks are not used", "number", "64", unsaid="64"),
    Field("undercloud.rehearse_on_spare", "Rehearse on a spare", "yes: the undercloud itself deploys a spare", "yes", "yes", unsaid="yes"),
)  # fmt: skip


def defaults() -> dict[str, str]:
    """What the fields hold before anything was entered."""
    return {field.key: field.default for field in FIELDS}


def from_text(text: str) -> dict[str, str]:
    """The fields' values from a site.yaml, also from one that is wrong or not whole; empty where there is none."""
    tree = _tree(text)
    values = defaults() if not tree else {field.key: field.unsaid for field in FIELDS}
    for field in FIELDS:
        found: object = tree
        for part in field.key.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        if found is not None:
            values[field.key] = _shown(found)
    return values


def _tree(text: str) -> dict[str, object]:
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    return tree if isinstance(tree, dict) else {}


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return str(value)


def to_text(values: Values, old: str = "") -> str:
    """The site.yaml that these values make; keys of the old file that no field is about stay."""
    tree = _tree(old)
    for field in FIELDS:
        _place(tree, field, values.get(field.key, "").strip())
    return _HEAD + yaml.safe_dump(tree, sort_keys=False)


def _place(tree: dict[str, object], field: Field, value: str) -> None:
    *path, last = field.key.split(".")
    for part in path:
        below = tree.get(part)
        if not isinstance(below, dict):
            below = tree[part] = {}
        tree = below
    if not value and (field.may_be_empty or field.kind in ("number", "yes")):
        tree.pop(last, None)
    else:
        tree[last] = _typed(field.kind, value)


def _typed(kind: str, value: str) -> str | int | bool | list[str]:
    if kind == "list":
        return [part.strip() for part in value.split(",") if part.strip()]
    if kind == "number" and value.isdecimal():
        return int(value)
    if kind == "yes" and value.lower() in ("yes", "no", "y", "n"):
        return value.lower().startswith("y")
    return value


def problems(text: str) -> dict[str, str]:
    """What is wrong with a site.yaml, by the key of the field it is about, in the form's words; what belongs to none is under ''."""
    try:
        parse_site(text)
    except InvalidFile as error:
        found: dict[str, str] = {}
        for problem in error.problems:
            key = _PAIRED.get(problem.where, problem.where.split("[")[0])
            known = key if key in _LABELS else ""
            said = _in_words(problem.message) if known else f"{problem.where}: {problem.message}"
            found[known] = f"{found[known]}; {said}" if known in found else said
        return found
    return {}


_LABELS = {field.key: field.label for field in FIELDS}
_PAIRED = {"seed": "seed.bmc_address"}
"""A problem of a part as a whole, and the field that shows it: the later one, because line mode asks them in turn."""
_KEY = re.compile(
    "|".join(re.escape(key) for key in sorted(_LABELS, key=len, reverse=True)) + r"|\bbmc_(?:interface|address|vlan)\b"
)


def _in_words(message: str) -> str:
    """The labels of the form for the keys of the file, no line number of a file that the operator has not seen, and no YAML."""
    if message in ("is missing", "must be a single value"):
        return "not answered yet"
    told = re.sub(r"\[\d+\]|, line \d+", "", message)
    return _KEY.sub(lambda key: f'"{_LABELS.get(key[0]) or _LABELS[f"seed.{key[0]}"]}"', told)


PROPOSED = (
    "provisioning.gateway", "provisioning.vip", "seed.address", "provisioning.undercloud", "provisioning.instances",
    "provisioning.boot",
)  # fmt: skip
"""The fields for which `propose` has a value."""


def propose(values: Values) -> dict[str, str]:
    """The values with empty addresses filled in from the provisioning network; what was entered stays."""
    filled = dict(values)
    try:
        network = IPv4Network(values.get("provisioning.cidr", "").strip())
    except ValueError:
        return filled
    if network.num_addresses < 256:
        return filled
    first = network.network_address
    offered = {
        "provisioning.gateway": _at(first, 1), "provisioning.vip": _at(first, 5), "seed.address": _at(first, 10),
        "provisioning.undercloud": ", ".join(_at(first, number) for number in (11, 12, 13)),
        "provisioning.instances": f"{_at(first, 50)}-{_at(first, 99)}",
        "provisioning.boot": f"{_at(first, 100)}-{_at(first, 199)}",
    }  # fmt: skip
    for key, value in offered.items():
        filled[key] = filled.get(key, "").strip() or value
    return filled


def _at(first: IPv4Address, number: int) -> str:
    return str(first + number)


def roles_of(text: str) -> dict[str, str]:
    """What a site.yaml says of machines: BMC address to role."""
    entries = _tree(text).get("machines")
    listed = entries if isinstance(entries, list) else []
    return {str(one["bmc"]): str(one.get("role") or "") for one in listed if isinstance(one, dict) and "bmc" in one}


def with_roles(text: str, roles: Mapping[str, str]) -> str:
    """The site.yaml with these roles; an empty role takes the role out, other keys of a machine (its MAC) stay."""

    def with_role(entry: dict[str, Any]) -> dict[str, Any]:
        role = roles[str(entry["bmc"])]
        return {key: value for key, value in entry.items() if key != "role"} | ({"role": role} if role else {})

    return _with_machines(text, roles, with_role)


def with_place(text: str, bmc: str, typed: str) -> str:
    """The site.yaml in which this machine stands there; nothing typed takes its place out. Raises SeedvmError where another one does."""
    made = _with_machines(text, (bmc,), lambda entry: placed(entry, typed))
    taken = next((said for said in problems(made).get("", "").split("; ") if "].u: " in said), "")
    if taken:
        raise SeedvmError("Not saved", why=taken.partition("].u: ")[2], hint="type another unit")
    return made


def _with_machines(text: str, bmcs: Iterable[str], change: Callable[[dict[str, Any]], dict[str, Any]]) -> str:
    """The site.yaml with the entries of these machines changed; one of which nothing is said any more goes."""
    tree = _tree(text)
    entries = tree.get("machines")
    machines = [dict(one) for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
    for bmc in bmcs:
        at = next((n for n, one in enumerate(machines) if str(one.get("bmc")) == bmc), len(machines))
        machines[at : at + 1] = [change(machines[at] if at < len(machines) else {"bmc": bmc})]
    kept = [one for one in machines if len(one) > 1]
    tree.pop("machines", None)
    if kept:
        tree["machines"] = kept
    return _HEAD + yaml.safe_dump(tree, sort_keys=False)
