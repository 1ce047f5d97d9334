"""Who is in the datacenter: so many of each species, shuffled over the addresses, the same on every run.

Shares are of the whole. A species is what a vendor ships or an operator meets; the bad wire is laid over one BMC in six.
"""

from __future__ import annotations

import ipaddress
import random
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from tests.datacenter.model import STRANGERS, Host
from tests.datacenter.oddities import ODDITIES

FIRST = ipaddress.IPv4Address("10.66.0.1")
RANGE = "10.66.0.1-10.66.4.254"
CANDIDATES = (("admin", "horse-42"), ("root", "calvin"), ("ADMIN", "ADMIN"), ("admin", "Second-77"))
UNKNOWN = {"admin": "nobody-knows-it"}
BOTH = ("1.5", "2.0")
DELL, SUPERMICRO, OPENBMC, LENOVO, HPE = 674, 10876, 49871, 19046, 47196

AWAITED: tuple[str, ...] = ()
"""Names of ODDITIES that seedvm does not handle yet. To be empty."""


def odd(name: str) -> dict[str, Any]:
    """The fields of a host with one of ODDITIES: it is as strict as the strictest, and one of the candidates is right."""
    strict = {"users": dict([CANDIDATES[0]]), "lock_after": 3, "block_after": 3, "lock_seconds": 600.0}
    return strict | dict(ODDITIES[name].host) | {"odd": name, "dark": not ODDITIES[name].root}


# (name, share in thousandths, fields). The vendor's behaviour of each row is in the comments of `model.Host` and `Accounts`.
SPECIES: tuple[tuple[str, int, dict[str, Any]], ...] = (
    ("ipmi", 180, {"ipmi": BOTH, "users": dict([CANDIDATES[2]]), "manufacturer": SUPERMICRO}),
    ("ipmi-second-password", 60, {"ipmi": BOTH, "users": dict([CANDIDATES[3]])}),
    ("ipmi-no-pong", 40, {"ipmi": ("2.0",), "pong": False, "users": dict([CANDIDATES[0]])}),
    (
        "ipmi-suite-17",
        40,
        {"ipmi": ("2.0",), "suites": (17,), "users": dict([CANDIDATES[0]]), "lock_after": 5, "restart": True},
    ),
    ("ipmi-suite-3", 40, {"ipmi": BOTH, "suites": (3,), "users": dict([CANDIDATES[0]])}),
    ("ipmi-cipher-0", 20, {"ipmi": BOTH, "suites": (0, 3, 17), "users": dict([CANDIDATES[0]])}),
    ("ipmi-anonymous", 10, {"ipmi": BOTH, "users": {"": "", "admin": "horse-42"}}),
    ("ipmi-operator", 10, {"ipmi": BOTH, "users": dict([CANDIDATES[0]]), "privilege": 3}),
    ("ipmi-wrong", 30, {"ipmi": BOTH, "users": UNKNOWN, "lock_after": 3}),
    ("ipmi-counts-aborted", 10, {"ipmi": BOTH, "users": UNKNOWN, "lock_after": 3, "counts_aborted": True}),
    (
        "ipmi-locked",
        10,
        {"ipmi": BOTH, "users": dict([CANDIDATES[0]]), "lock_after": 3, "locked_before": True, "restart": True},
    ),
    ("ipmi-two-slots", 30, {"ipmi": BOTH, "users": dict([CANDIDATES[0]]), "slots": 2, "held": 1}),
    ("ipmi-no-slot", 10, {"ipmi": BOTH, "users": dict([CANDIDATES[0]]), "slots": 4, "held": 4}),
    ("ipmi-1.5", 30, {"ipmi": ("1.5",), "users": dict([CANDIDATES[0]]), "lock_after": 3}),
    ("redfish", 120, {"redfish": "tls", "users": dict([CANDIDATES[1]]), "lock_after": 3, "lock_seconds": 600.0}),
    (
        "redfish-openbmc",
        60,
        {"redfish": "tls", "users": dict([CANDIDATES[0]]), "lock_after": 5, "restart": True, "ssdp": True},
    ),
    ("redfish-clear", 20, {"redfish": "clear", "users": dict([CANDIDATES[0]])}),
    ("redfish-wrong", 20, {"redfish": "tls", "users": UNKNOWN, "lock_after": 3, "restart": True}),
    (
        "redfish-locked",
        10,
        {"redfish": "tls", "users": dict([CANDIDATES[0]]), "lock_after": 3, "locked_before": True, "restart": True},
    ),
    ("redfish-blocks", 20, {"redfish": "tls", "users": dict([CANDIDATES[2]]), "block_after": 3, "lock_seconds": 600.0}),
    ("redfish-expired", 10, {"redfish": "tls", "users": dict([CANDIDATES[0]]), "expired": True}),
    ("both", 120, {"ipmi": BOTH, "redfish": "tls", "users": dict([CANDIDATES[0]]), "lock_after": 3}),
    ("both-wrong", 20, {"ipmi": BOTH, "redfish": "tls", "users": UNKNOWN, "lock_after": 3, "block_after": 3}),
    ("hangs-after-connect", 10, {"ipmi": BOTH, "hang": "connect", "users": dict([CANDIDATES[0]])}),
    ("hangs-after-request", 10, {"ipmi": BOTH, "redfish": "tls", "hang": "answer", "users": dict([CANDIDATES[0]])}),
    *(
        (f"ipmi-{bad}", 4, {"ipmi": BOTH, "ipmi_bad": bad})
        for bad in ("truncated", "garbage", "huge", "checksum", "echo")
    ),
    *(
        (f"redfish-{bad}", 2, {"redfish": "tls", "redfish_bad": bad})
        for bad in ("truncated", "garbage", "huge", "checksum", "deep")
    ),
    *((f"odd-{name}", 1, odd(name)) for name in ODDITIES if name not in AWAITED),
    *((f"not-{kind}", 3, {"stranger": kind}) for kind in STRANGERS),
)
BAD_WIRE: dict[str, float] = {"loss": 0.1, "duplicate": 0.1, "reorder": 0.1, "late": 0.3}


def population(count: int = 1000, *, links: int = 4) -> list[Host]:
    """About `count` hosts on IPv4, at least one of each species, and `links` BMCs that have an IPv6 link-local address only."""
    dice = random.Random(20260)
    rows = [
        fields | {"species": name}
        for name, share, fields in SPECIES
        for _ in range(max(5 if name == "ipmi" else 1, share * count // 1000))
    ]
    dice.shuffle(rows)
    hosts = [host_of(number, fields, dice) for number, fields in enumerate(rows)]
    hosts = [replace(host, **BAD_WIRE) if host.is_bmc and dice.random() < 1 / 6 else host for host in hosts]
    return [*_doubles(hosts), *(_link(number, dice) for number in range(links))]


def oddities() -> list[Host]:
    """One host with each of ODDITIES, on a good wire."""
    dice = random.Random(11)
    names = [name for name in ODDITIES if name not in AWAITED]
    return [host_of(number, {"species": f"odd-{name}", **odd(name)}, dice) for number, name in enumerate(names)]


def host_of(number: int, fields: dict[str, Any], dice: random.Random) -> Host:
    """The host at the address FIRST + `number`."""
    mac = f"52:54:00:66:{number >> 8:02x}:{number & 0xFF:02x}"
    made = {"guid": uuid.UUID(int=dice.getrandbits(128), version=4).hex} | fields
    return Host(str(FIRST + number), mac, **made)


def _doubles(hosts: Sequence[Host]) -> list[Host]:
    """Two BMCs with one MAC, one address with two MACs, and two BMCs that a copied firmware gave one UUID."""
    plain = [host for host in hosts if host.species == "ipmi"]
    changed = {
        plain[1].address: replace(plain[1], species="same-mac", mac=plain[0].mac),
        plain[2].address: replace(plain[2], species="two-macs", second_mac="52:54:00:66:ff:01"),
        plain[4].address: replace(plain[4], species="same-guid", guid=plain[3].guid),
    }
    return [changed.get(host.address, host) for host in hosts]


def _link(number: int, dice: random.Random) -> Host:
    """A BMC which nobody gave an IPv4 address, on a link of its own at the same cable."""
    guid = uuid.UUID(int=dice.getrandbits(128), version=4).hex
    return Host(
        f"fe80::5054:ff:fe66:fe0{number}",
        f"52:54:00:66:fe:0{number}",
        species="link-local",
        ipmi=BOTH,
        redfish="tls",
        guid=guid,
        users=dict([CANDIDATES[0]]),
        interface=f"link{number}",
        ssdp=True,
    )
