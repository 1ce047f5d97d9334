"""Vendors' peculiarities as data: manufacturer numbers, factory passwords, lock-outs and their words, rules for passwords.

Manufacturer numbers are IANA private enterprise numbers as Get Device ID gives them. Every row names its source; a rule
that no document supports is not here. Refused here: branches on vendors; code asks the tables.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass

from seedvm.wire import enterprise

DIGITS = string.digits


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
    return enterprise.vendor(manufacturer)


def default_of(user: str, password: str) -> Default | None:
    """The factory account that this pair is."""
    return next((one for one in DEFAULTS if (one.user, one.password) == (user, password)), None)


def default_passwords(user: str) -> tuple[Default, ...]:
    """The factory accounts with this user name."""
    return tuple(one for one in DEFAULTS if one.user == user)


@dataclass(frozen=True)
class LockSign:
    """How a service says over Redfish or HTTP that it takes no login now; `pattern` is searched in lower-case text."""

    vendor: str
    pattern: str
    example: str
    source: str


LOCK_SIGNS = (
    LockSign(
        "Dell",
        r"login delayed",
        "RAC0212: Login failed. Verify that username and password is correct. Login delayed for 600 seconds.",
        "iDRAC8 User's Guide 2.70, table 7, behaviour with incorrect login attempts",
    ),
    LockSign(
        "any",
        r"(account|user)\b[^.]{0,40}\b(is|has been|was|temporarily) (temporarily )?(locked|disabled due to|blocked)",
        "The account is locked for 300 seconds.",
        "DSP0268 ManagerAccount.Locked; the words of AMI and OpenBMC based services",
    ),
    LockSign(
        "any",
        r"lock(ed)? ?out\b|too many (failed |unsuccessful |invalid )?(login|logins|authentication|attempts)",
        "Too many failed login attempts. Try again in 5 minutes.",
        "RFC 6585 4 and the words of services that answer 429 or 503",
    ),
    LockSign(
        "any",
        r"\b(ip|client|address)\b[^.]{0,40}\bblocked",
        "The client IP address has been blocked.",
        "iDRAC9 User's Guide 3.30, IP Blocking",
    ),
)


def lock_seconds(said: str) -> float | None:
    """For how long a refusal (its text) says that it is locked; the longest window where it does not say, None if it is not."""
    said = said.lower()
    if not any(re.search(one.pattern, said) for one in LOCK_SIGNS):
        return None
    found = re.search(r"(\d{1,5})\s*(second|minute)", said)
    return float(found[1]) * (60 if found[2] == "minute" else 1) if found else lock_window(None)


@dataclass(frozen=True)
class ChangeSign:
    """How a service says over Redfish that a login is right and that its password must be changed first; `pattern` is searched in
    lower-case text. `by_id`: it is a message's identifier and holds with any status, a sentence only with 403."""

    vendor: str
    pattern: str
    by_id: bool
    example: str
    source: str


CHANGE_SIGNS = (
    ChangeSign(
        "any",
        r"passwordchangerequired",
        True,
        "Base.1.8.PasswordChangeRequired",
        "DSP0266 13.2.6 and the Base message registry (bmcweb, AMI, Lenovo XCC, HPE iLO 6)",
    ),
    ChangeSign(
        "Dell",
        r"\bidrac\.[\d.]+\.swc1908\b",
        True,
        "IDRAC.2.9.SWC1908: Unable to complete the operation because the default password is still in use and must be changed.",
        "github.com/dell/iDRAC-Redfish-Scripting issue 346, PowerEdge R6625",
    ),
    ChangeSign(
        "any",
        r"password\b[^.]{0,60}\b(must|has to|needs to|should) be (changed|reset)|default password is still in use",
        False,
        "The password provided for this account must be changed before access is granted.",
        "the Base message registry's sentence, where firmware sends it under a message of its own",
    ),
    ChangeSign(
        "any",
        r"\bpassword\b[^.]{0,20}\b(has |is )?expired\b|(change|reset) (the|your) (default|initial|factory|expired) password",
        False,
        "Password has expired. Please change the default password.",
        "openbmc/docs, expired-password.md; first logins of AMI MegaRAC based services",
    ),
)


def must_change(status: int, said: str) -> bool:
    """Whether an answer (its text) demands a new password of an account that is right."""
    said = said.lower()
    return any((one.by_id or status == 403) and re.search(one.pattern, said) for one in CHANGE_SIGNS)


@dataclass(frozen=True)
class Lockout:
    """After how many failed logins a BMC locks, and for how many seconds, as it leaves the factory."""

    vendor: str
    failures: int
    seconds: float
    source: str


LOCKOUTS = (
    Lockout("Dell", 3, 600, "iDRAC8 User's Guide 2.70, table 7; the counter itself resets after 600 s"),
    Lockout(
        "OpenBMC",
        5,
        300,
        "AccountService of bmcweb; a try while locked starts the time again (pam_tally2, pam_faillock)",
    ),
    Lockout("Lenovo", 5, 3600, "LENOVO-XCC-MIB maxLoginFailures; BLADE-MIB lockoutPeriod at security level high"),
    Lockout("HPE", 2, 10, "iLO 5 User Guide, Authentication Failure Delay Time: from the second failure on, 10 s"),
)


def lock_window(vendor: str | None) -> float:
    """Seconds between two failed logins to one account that keep it open: of the vendor, else the longest there is."""
    longest = max(one.seconds for one in LOCKOUTS)
    return next((one.seconds for one in LOCKOUTS if _is(vendor, one.vendor)), longest)


@dataclass(frozen=True)
class PasswordRule:
    """What a BMC takes as a password. `most` counts for every protocol of the BMC, so that one password opens them all.

    `classes` are sets of characters of which at least one each must be in it; nothing outside of them is ever used.
    """

    vendor: str
    least: int
    most: int
    classes: tuple[str, ...]
    source: str


UPPER_LOWER_DIGIT = (string.ascii_uppercase, string.ascii_lowercase, DIGITS)
ANY_RULE = PasswordRule(
    "any", 8, 16, (*UPPER_LOWER_DIGIT, "-_."), "IPMI 2.0 section 22.30: 16 bytes are stored by every version, 20 by 2.0"
)
PASSWORD_RULES = (
    PasswordRule("Dell", 8, 20, (*UPPER_LOWER_DIGIT, "-!*._"), "iDRAC9 User's Guide 3.30, tables 22 and 23"),
    PasswordRule(
        "HPE", 8, 20, (*UPPER_LOWER_DIGIT, "-!*._"), "iLO User Guide, password guidelines and IPMI/DCMI users"
    ),
    PasswordRule(
        "HP", 8, 20, (*UPPER_LOWER_DIGIT, "-!*._"), "iLO 3 User Guide, password guidelines and IPMI/DCMI users"
    ),
    PasswordRule("Lenovo", 8, 20, (*UPPER_LOWER_DIGIT, "-_."), "ThinkSystem SD530 manual, table 15: 8 to 20"),
    PasswordRule(
        "Supermicro", 8, 19, UPPER_LOWER_DIGIT, "reported: longer than 19 is accepted and opens nothing (jm.technology)"
    ),
    PasswordRule("Inspur", 8, 16, (*UPPER_LOWER_DIGIT, "-_@"), "OB5161M5 User Manual 5.12.1, IPMI user"),
    PasswordRule(
        "OpenBMC", 8, 20, (*UPPER_LOWER_DIGIT, "-_."), "phosphor-host-ipmid: IPMI passwords of at most 20 bytes"
    ),
)


def password_rule(vendor: str | None) -> PasswordRule:
    """The rule of a vendor; one that every BMC takes where the table does not know it."""
    return next((one for one in PASSWORD_RULES if _is(vendor, one.vendor)), ANY_RULE)


def _is(said: str | None, vendor: str) -> bool:
    """Whether what a BMC calls its maker ("Dell Inc.") is this vendor."""
    return bool(said) and f"{said} ".lower().startswith(vendor.lower())
