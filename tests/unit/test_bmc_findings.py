"""Findings that the wire alone shows, and the tables of vendors."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from seedvm.bmc import quirks
from seedvm.bmc.findings import WIRE, wire_findings

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("protocols", "facts", "name"),
    [
        (["ipmi-1.5"], {}, "ipmi-1.5-only"),
        (["ipmi-1.5", "ipmi-2.0"], {"auth-types": "md5,none"}, "no-authentication"),
        (["redfish-http"], {}, "redfish-without-tls"),
        (["redfish"], {"certificate-until": "2025-12-31T00:00:00+00:00"}, "certificate-expired"),
        (["redfish"], {"redfish-root": "asks for a login"}, "redfish-root-closed"),
    ],
)
def test_each_fault_has_its_finding_and_a_cure(protocols: list[str], facts: dict[str, str], name: str) -> None:
    found = wire_findings(protocols, facts, NOW)
    assert [one.name for one in found] == [name]
    assert found[0].cure
    assert name in WIRE


@pytest.mark.parametrize(
    ("protocols", "facts"),
    [
        (["ipmi-1.5", "ipmi-2.0"], {"auth-types": "md5"}),
        (["ipmi-2.0"], {"auth-types": "rmcp+ only", "anonymous": "no"}),
        (["redfish", "redfish-http"], {"certificate-until": "2027-01-01T00:00:00+00:00"}),
    ],
)
def test_a_sound_bmc_has_none(protocols: list[str], facts: dict[str, str]) -> None:
    assert wire_findings(protocols, facts, NOW) == ()


@pytest.mark.parametrize("row", quirks.DEFAULTS, ids=lambda row: row.vendor)
def test_each_factory_account_is_known_by_its_pair_alone_and_names_its_source(row: quirks.Default) -> None:
    known = quirks.default_of(row.user, row.password)
    assert known is not None
    assert (known.user, known.password) == (row.user, row.password)
    assert quirks.default_of(row.user, row.password + "x") is None
    assert row in quirks.default_passwords(row.user)
    assert row.source
    assert len(row.user) <= 16
    assert len(row.password) <= 20


@pytest.mark.parametrize(("number", "name"), [(674, "Dell"), (10876, "Supermicro"), (19046, "Lenovo"), (0, None)])
def test_a_manufacturer_number_names_its_vendor(number: int, name: str | None) -> None:
    assert quirks.vendor(number) == name


@pytest.mark.parametrize("row", quirks.CHANGE_SIGNS, ids=lambda row: row.pattern[:20])
def test_every_sign_of_a_password_to_be_changed_has_an_example_that_it_knows(row: quirks.ChangeSign) -> None:
    assert quirks.must_change(403, row.example)
    assert quirks.must_change(401, row.example) == row.by_id


@pytest.mark.parametrize(
    "said",
    [
        "Invalid user name or password.",
        "The password must be at least 8 characters.",
        "Login failed. Verify that username and password is correct.",
        "The account has been locked.",
    ],
)
def test_what_demands_no_new_password_is_not_taken_for_it(said: str) -> None:
    assert not quirks.must_change(403, said)


@pytest.mark.parametrize("row", quirks.LOCK_SIGNS, ids=lambda row: row.pattern[:20])
def test_each_word_of_a_lock_is_recognised_by_its_example(row: quirks.LockSign) -> None:
    assert quirks.lock_seconds(row.example) is not None
    assert re.search(row.pattern, row.example.lower())
    assert row.source


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("RAC0212: Login failed. Login delayed for 600 seconds.", 600),
        ("The account is locked for 5 minutes.", 300),
        ("The user account has been locked.", 3600),
        ("The user name or the password is wrong.", None),
        ("Wrong password. The account will be locked after 2 more failures.", None),
        ("The maximum number of sessions is reached.", None),
    ],
)
def test_a_lock_is_told_from_a_threat_of_one(said: str, seconds: float | None) -> None:
    assert quirks.lock_seconds(said) == seconds


@pytest.mark.parametrize("row", quirks.LOCKOUTS, ids=lambda row: row.vendor)
def test_each_lockout_gives_the_window_of_its_vendor(row: quirks.Lockout) -> None:
    assert quirks.lock_window(row.vendor) == row.seconds
    assert row.failures >= 2  # the budget of one failed login per window never reaches it
    assert row.source


def test_an_unknown_vendor_gets_the_longest_window_and_names_are_taken_as_bmcs_say_them() -> None:
    assert quirks.lock_window(None) == quirks.lock_window("Nobody Inc.") == 3600
    assert quirks.lock_window("Dell Inc.") == 600


@pytest.mark.parametrize("row", quirks.PASSWORD_RULES, ids=lambda row: row.vendor)
def test_each_rule_for_passwords_is_found_by_its_vendor(row: quirks.PasswordRule) -> None:
    assert quirks.password_rule(row.vendor) == row
    assert 8 <= row.least <= row.most <= 20  # IPMI 2.0 keeps 20 bytes
    assert len(row.classes) >= 3
    assert row.source
