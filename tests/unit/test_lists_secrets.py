"""Passwords and users of a list: placeholders are refused by their place, odd ones are taken as they are, and none is shown."""

from __future__ import annotations

import json

import pytest

from seedvm.base.secret import Secret
from tests.unit.lists_read import only, reading, refused

LOGIN = "BMC IP,user,password\n192.0.2.1,admin,{}\n"


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("{{ vault_ipmi_password }}", "is a template that was not replaced by its value"),
        ("{% if x %}a{% endif %}", "is a template that was not replaced by its value"),
        ("$(cat ~/.ssh/id_rsa)", "is a shell variable or command that was not replaced by its value"),
        ("${IPMI_PASSWORD}", "is a shell variable or command that was not replaced by its value"),
        ("$IPMI_PASSWORD", "is a shell variable or command that was not replaced by its value"),
        ("%BMC_PASSWORD%", "is a shell variable or command that was not replaced by its value"),
        ("<password>", "is a placeholder: put the value in"),
        ("<your password>", "is a placeholder: put the value in"),
        ("!vault |", "is kept in a vault or elsewhere: put the value in, or decrypt the list first"),
        ("$ANSIBLE_VAULT;1.1;AES256", "is kept in a vault or elsewhere: put the value in, or decrypt the list first"),
        ("vault:secret/bmc#password", "is kept in a vault or elsewhere: put the value in, or decrypt the list first"),
        ("ENC[AES256_GCM data]", "is kept in a vault or elsewhere: put the value in, or decrypt the list first"),
        ("******", "is hidden in this list (stars or a word instead of the value): put the value in"),
        ("REDACTED", "is hidden in this list (stars or a word instead of the value): put the value in"),
        ("[redacted]", "is hidden in this list (stars or a word instead of the value): put the value in"),
        ("<%= @password %>", "is a template that was not replaced by its value"),
        ("__BMC_PASSWORD__", "is a placeholder: put the value in"),
        ("@PASSWORD@", "is a placeholder: put the value in"),
        ("your_password_here", "is a placeholder: put the value in"),
        ("env:BMC_PASSWORD", "is kept in a vault or elsewhere: put the value in, or decrypt the list first"),
        ("$6$saltsalt$0123456789abcdef", "is a hash of a password, not the password"),
        ("{SSHA}0123456789", "is a hash of a password, not the password"),
        ("None", "is a word for nothing, not a password: leave it empty"),
        ("n/a", "is a word for nothing, not a password: leave it empty"),
        ("#REF!", "is an error of the spreadsheet"),
        ("=VLOOKUP(A1)", "is a formula: save its value"),
        ("=B12", "is a formula: save its value"),
    ],
)
def test_a_placeholder_is_refused_by_its_line_and_is_not_shown(password: str, reason: str) -> None:
    assert refused(LOGIN.format(password)) == [f"line 2: password: {reason}"]


@pytest.mark.parametrize(
    "password",
    [
        "calvin",
        "0penBmc",
        "ADMIN",
        "$ecret1",
        "pa$$word",
        "a{b}c",
        "=secret",
        "<3",
        "100%",
        "x",
        "P@ss{{w",
        "$tr0ng$",
        "#1#",
        "@home@9",
        "my-p4ss",
    ],
)
def test_a_password_that_only_looks_odd_is_taken_as_it_is(password: str) -> None:
    assert only(LOGIN.format(password)).password == Secret(password)


@pytest.mark.parametrize("password", ["changeme", "password"])
def test_a_factory_password_is_taken_and_remarked_on_without_showing_it(password: str) -> None:
    found = reading(LOGIN.format(password))
    assert found.entries[0].password == Secret(password)
    assert [one for one in found.remarks if one.startswith("line 2: the password may be a placeholder")]


@pytest.mark.parametrize("cell", ['="0123456"', '"=""0123456"""'])
def test_the_text_of_a_spreadsheet_is_unwrapped(cell: str) -> None:
    assert only(LOGIN.format(cell)).password == Secret("0123456")


def test_a_vault_in_yaml_is_refused_as_such() -> None:
    text = "nodes:\n- pm_addr: 192.0.2.1\n  pm_user: admin\n  pm_password: !vault |\n    $ANSIBLE_VAULT;1.1;AES256\n    6162\n"
    assert refused(text) == ["line 4: nodes[0].pm_password: is encrypted with ansible-vault: decrypt the list first"]


def test_a_template_without_quotes_in_yaml_is_not_passed_by() -> None:
    text = "nodes:\n- pm_addr: 192.0.2.1\n  pm_user: admin\n  pm_password: {{ password }}\n"
    assert refused(text)[0].startswith("line 4: nodes[0].pm_password: must be a single value; a template")


@pytest.mark.parametrize("user", ["{{ user }}", "$USER", "$BMC_USER", "<username>"])
def test_a_placeholder_is_not_a_user_either(user: str) -> None:
    assert len(refused(json.dumps([{"pm_addr": "192.0.2.1", "pm_user": user, "pm_password": "x"}]))) == 1
