"""Vendors' peculiarities as data: who a manufacturer number is, and the passwords that BMCs leave the factory with.

Manufacturer numbers are IANA private enterprise numbers as Get Device ID gives them. Defaults are from the vendors'
own manuals, named in each row. Refused here: branches on vendors; code asks the tables.
"""

from __future__ import annotations

from dataclasses import dataclass

VENDORS = {
    2: "IBM",
    11: "HP",
    42: "Oracle",
    343: "Intel",
    674: "Dell",
    2011: "Huawei",
    2623: "ASUS",
    5771: "Cisco",
    7244: "Quanta",
    10368: "Fujitsu",
    10876: "Supermicro",
    15370: "Gigabyte",
    19046: "Lenovo",
    20301: "Lenovo",
    47196: "HPE",
    47488: "Supermicro",
}


@dataclass(frozen=True)
class Default:
    """An account as it leaves the factory."""

    vendor: str
    user: str
    password: str
    source: str


DEFAULTS = (
    Default("Dell", "root", "calvin", "iDRAC User's Guide, default login"),
    Default("Supermicro", "ADMIN", "ADMIN", "BMC User's Guide, systems built before 2020"),
    Default("Lenovo", "USERID", "PASSW0RD", "XClarity Controller User's Guide, default account"),
    Default("OpenBMC", "root", "0penBmc", "openbmc/docs, README, logging in"),
    Default("Oracle", "root", "changeme", "ILOM Administrator's Guide, default root account"),
    Default("Fujitsu", "admin", "admin", "iRMC User Guide, default administrator"),
    Default("Cisco", "admin", "password", "CIMC Getting Started Guide, default login"),
    Default("Huawei", "root", "Huawei12#$", "iBMC User Guide, default user"),
    Default("Gigabyte", "admin", "password", "Server Management Console User's Guide, default login"),
    Default("Quanta", "admin", "cmb9.admin", "QCT server manuals, default login"),
    Default("Intel", "root", "superuser", "Integrated BMC Web Console guide, default user"),
)


def vendor(manufacturer: int) -> str | None:
    """The vendor behind a manufacturer number; None where the table does not know it."""
    return VENDORS.get(manufacturer)


def default_of(user: str, password: str) -> Default | None:
    """The factory account that this pair is."""
    return next((one for one in DEFAULTS if (one.user, one.password) == (user, password)), None)


def default_passwords(user: str) -> tuple[Default, ...]:
    """The factory accounts with this user name."""
    return tuple(one for one in DEFAULTS if one.user == user)
