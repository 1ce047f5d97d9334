"""The questions that make a site.yaml: fields, the values proposed for them, the file they make, and what is wrong with them.

Pure, and the same for the pages and for line mode. What is right and wrong is `seedvm.site.model`'s to say; here its findings are only
brought to the field they are about. Keys of an existing file that no field is about are kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

import yaml

from seedvm.base.errors import InvalidFile
from seedvm.site.load import parse_site

Values = Mapping[str, str]

_HEAD = "# Written by the wizard; seedvm plan checks it. No secret belongs in here.\n"


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
    Field("site", "Site's name", "lower-case letters, digits, hyphens"),
    Field("seed.interface", "Provisioning NIC", "of this seed", default="eth0"),
    Field("provisioning.cidr", "Provisioning network", "as 172.22.0.0/24; F5 fills in the rest"),
    Field("seed.address", "Seed's address on it", "no prefix length"),
    Field("provisioning.gateway", "Its gateway", "the router of that network"),
    Field("provisioning.vip", "VIP of the undercloud", "free; stays for good"),
    Field("provisioning.undercloud", "Undercloud's nodes", "3 or 5 addresses, commas between", kind="list"),
    Field("provisioning.instances", "For instances", "first-last; Neutron gives them out"),
    Field("provisioning.boot", "For booting", "first-last; DHCP gives them out"),
    Field("seed.bmc_interface", "BMC NIC", "empty: BMCs through the gateway", may_be_empty=True),
    Field("seed.bmc_address", "Seed's address there", "with prefix length", may_be_empty=True),
    Field("seed.bmc_vlan", "VLAN of the BMCs", "1 to 4094 where the BMC NIC is a trunk; empty: no tag", "number", may_be_empty=True),
    Field("bmc.link_local", "Link-local BMCs on", "NICs (eth1.123: a VLAN) with fe80:: BMCs; empty: none", "list", may_be_empty=True),
    Field("bmc.ranges", "Where BMCs may be", "ranges, commas; nothing else is asked", "list", may_be_empty=True),
    Field("bmc.learn_mac_by_power_on", "Power on to learn MAC", "yes or no; IPMI machines need it", "yes", "yes", unsaid="no"),
    Field("bmc.rotate_passwords", "New BMC passwords", "yes: each BMC gets a password of its own; no: as it is", "yes", "no", unsaid="no"),
    Field("undercloud.needs.cpus", "A node needs CPUs", "a machine with less is unfit", "number", "4", unsaid="4"),
    Field("undercloud.needs.memory_mib", "... memory, MiB", "as much at the least", "number", "16384", unsaid="16384"),
    Field("undercloud.needs.disk_gib", "... disk, GiB", "the smallest disk that is taken", "number", "64", unsaid="64"),
    Field("undercloud.rehearse_on_spare", "Rehearse on a spare", "yes: the undercloud deploys a spare alone", "yes", "yes", unsaid="yes"),
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
"""What is said of a part as a whole, and the field that it is told at: the later one, for line mode asks them in turn."""
_KEY = re.compile(
    "|".join(re.escape(key) for key in sorted(_LABELS, key=len, reverse=True)) + r"|\bbmc_(?:interface|address|vlan)\b"
)


def _in_words(message: str) -> str:
    """The labels of the form for the keys of the file, no line of a file that nobody has seen, and no YAML."""
    if message in ("is missing", "must be a single value"):
        return "not answered yet"
    told = re.sub(r"\[\d+\]|, line \d+", "", message)
    return _KEY.sub(lambda key: f'"{_LABELS.get(key[0]) or _LABELS[f"seed.{key[0]}"]}"', told)


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
    tree = _tree(text)
    entries = tree.get("machines")
    machines = [dict(one) for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
    for bmc, role in roles.items():
        entry = next((one for one in machines if str(one.get("bmc")) == bmc), None)
        if entry is None:
            entry = {"bmc": bmc}
            machines.append(entry)
        entry.pop("role", None)
        if role:
            entry["role"] = role
    kept = [one for one in machines if len(one) > 1]
    tree.pop("machines", None)
    if kept:
        tree["machines"] = kept
    return _HEAD + yaml.safe_dump(tree, sort_keys=False)
