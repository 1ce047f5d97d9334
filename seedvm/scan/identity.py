"""Who a BMC is, with the certainty that its evidence deserves; and which addresses are one BMC. Pure functions over evidence.

Certainty: `said` where it names itself (the Redfish root), `likely` where a number or a certificate names its maker, `guess` where only
its MAC's prefix does. Addresses are put together only where nothing speaks against it: by one MAC, or by one UUID (in any byte order)
that exactly two addresses of different families have. Refuses to merge what may be a copied UUID or a chassis speaking for its blades.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from seedvm.base import addresses as addr
from seedvm.foreign.identity import uuid_of
from seedvm.scan.evidence import Bmc, Evidence
from seedvm.wire.enterprise import vendor
from seedvm.wire.rmcp import guid_readings

SAID, LIKELY, GUESS = "said", "likely", "guess"
ONE_MACHINE = 4  # a MAC with more addresses is a router's
NUMBERS = (
    ("oem", "manufacturer number in the authentication capabilities"),
    ("asf-enterprise", "manufacturer number in the pong"),
)
SERVICES = (
    ("_obmc_", "OpenBMC"),
    ("integrated-management-module", "IBM"),
    ("cec-service-processor", "IBM"),
    ("lenovo", "Lenovo"),
)


@dataclass(frozen=True)
class Maker:
    """Vendor and model as far as they are known; `certainty` is SAID, LIKELY, GUESS or empty, `source` what it rests on."""

    vendor: str = ""
    model: str = ""
    certainty: str = ""
    source: str = ""


def maker(bmc: Bmc, of_mac: Callable[[str], str] | None = None) -> Maker:
    """The best that is known; `of_mac` names the owner of a MAC's prefix, where a guess is wanted."""
    if said := bmc.fact("vendor") or bmc.fact("product"):
        return Maker(bmc.fact("vendor") or said, bmc.fact("product") or "", SAID, "Redfish service root")
    for name, source in NUMBERS:
        number = bmc.fact(name) or ""
        if number.isdigit() and (found := vendor(int(number))):
            return Maker(found, "", LIKELY, source)
    organisation = re.search(r"(?:^|,)O=((?:[^,\\]|\\.)+)", bmc.fact("certificate-subject") or "")
    if organisation:
        return Maker(organisation[1].replace("\\", ""), "", LIKELY, "TLS certificate's subject")
    for service in bmc.facts("bmc-service"):
        for sign, name in SERVICES:
            if sign in service.lower():
                return Maker(name, "", LIKELY, f"service {service}")
    macs = bmc.facts("mac")
    owner = of_mac(macs[0]) if of_mac and len(macs) == 1 else ""
    return Maker(owner, "", GUESS, "MAC prefix") if owner else Maker()


def identities(bmc: Bmc) -> frozenset[uuid.UUID]:
    """Every UUID that this BMC may mean by what it said, in every byte order; empty where it said nothing of use: firmware's placeholders
    are no UUID."""
    said = [known for name in ("guid", "uuid") for value in bmc.facts(name) if (known := uuid_of(value))]
    return frozenset(reading for one in said for reading in guid_readings(one.bytes))


@dataclass(frozen=True)
class _Signs:
    """What two addresses are compared by."""

    bmc: Bmc
    macs: tuple[str, ...]
    uuids: frozenset[uuid.UUID]


def merged(bmcs: Iterable[Bmc], heard: Iterable[tuple[str, Sequence[Evidence]]] = ()) -> tuple[Bmc, ...]:
    """One entry per BMC: `also` holds its other addresses. `heard` is what was listened to, by MAC, and is put to the BMC of that MAC."""
    every = [
        _Signs(one, one.facts("mac"), identities(one)) for one in sorted(bmcs, key=lambda one: addr.order(one.address))
    ]
    holders: dict[object, list[_Signs]] = {}
    for one in every:
        for sign in (*one.macs, *one.uuids):
            holders.setdefault(sign, []).append(one)
    groups: list[list[_Signs]] = []
    group_of: dict[str, list[_Signs]] = {}
    for one in every:
        near = {
            other.bmc.address: other for sign in (*one.macs, *one.uuids) for other in holders[sign][: ONE_MACHINE + 1]
        }
        fitting = {id(group): group for address in near if (group := group_of.get(address)) is not None}
        chosen = [group for group in fitting.values() if all(_one(one, other, holders) for other in group)]
        group = chosen[0] if len(chosen) == 1 else []
        if not group:
            groups.append(group)
        group.append(one)
        group_of[one.bmc.address] = group
    said = dict(heard)
    return tuple(_with_heard(_joined([one.bmc for one in group]), said) for group in groups)


def _joined(group: Sequence[Bmc]) -> Bmc:
    first, *rest = group
    for other in rest:
        first = first.with_(other.protocols, other.evidence)
    return replace(first, also=tuple(other.address for other in rest))


def _with_heard(bmc: Bmc, said: dict[str, Sequence[Evidence]]) -> Bmc:
    macs = bmc.facts("mac")
    return bmc.with_((), said.get(macs[0], ())) if len(macs) == 1 else bmc


def _one(left: _Signs, right: _Signs, holders: Mapping[object, Sequence[_Signs]]) -> bool:
    """Whether two addresses are one BMC beyond doubt."""
    common = left.uuids & right.uuids
    if left.uuids and right.uuids and not common:
        return False
    if len(left.macs) == 1 and len(right.macs) == 1:
        return left.macs == right.macs and len(holders[left.macs[0]]) <= ONE_MACHINE
    if len(left.macs) > 1 or len(right.macs) > 1 or not common:
        return False
    families = {":" in one.bmc.address for one in (left, right)}
    return len(families) == 2 and all(len(holders[one]) == 2 for one in common)
