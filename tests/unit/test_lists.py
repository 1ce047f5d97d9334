"""Lists of machines from spreadsheets and from TripleO and Ironic: cleaned, or refused by row and column."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seedvm.base.errors import InvalidFile, SeedvmError
from seedvm.base.secret import Secret
from seedvm.machines.lists.entry import ListEntry
from seedvm.machines.lists.read import read_list
from seedvm.machines.lists.values import mac_of
from seedvm.machines.lists.write import write

CLEAN = "name,address,driver,user,password,mac\nn1,172.22.1.21,ipmi,admin,horse,52:54:00:aa:00:01\n"
MAC = "52:54:00:aa:00:01"
ONE = (ListEntry("172.22.1.21", "admin", Secret("horse"), (MAC,), "n1", "ipmi", 2, MAC),)


def read(data: bytes, path: str) -> tuple[ListEntry, ...]:
    found = read_list(data, path)
    if found.refused:
        raise InvalidFile(path, found.refused)
    return found.entries


def problems(text: str) -> list[str]:
    with pytest.raises(InvalidFile) as caught:
        read(text.encode(), "list.csv")
    return [str(one) for one in caught.value.problems]


@pytest.mark.parametrize(
    "data",
    [
        CLEAN.encode(),
        CLEAN.encode("utf-8-sig"),
        CLEAN.encode("utf-16"),
        CLEAN.replace("\n", "\r\n").encode(),
        CLEAN.replace("n1", "\u201cn1\u201d").encode("cp1252"),
        CLEAN.replace("172.22.1.21", "\u00a0172.22.1.21").encode("cp1252"),
        CLEAN.replace(",", ";").encode(),
        CLEAN.replace(",", "\t").encode(),
        CLEAN.replace("172.22.1.21", "\u00a0172.22.1.21 ").encode(),
        CLEAN.replace("172.22.1.21", "'172.22.1.21'").encode(),
        CLEAN.replace("n1", "\u201cn1\u201d").encode(),
        CLEAN.replace("address", "BMC IP").replace("user", "User Name").encode(),
        CLEAN.replace("52:54:00:aa:00:01", "52-54-00-AA-00-01").encode(),
        CLEAN.replace("52:54:00:aa:00:01", "5254.00aa.0001").encode(),
        CLEAN.replace("ipmi", "pxe_ipmitool").encode(),
        (CLEAN + CLEAN.splitlines()[1] + "\n").encode(),
        (CLEAN + ",,,,,\n\n").encode(),
    ],
)
def test_a_spreadsheets_dirt_is_cleaned(data: bytes) -> None:
    assert read(data, "list.csv") == ONE


def test_every_fault_is_named_by_row_and_column_at_once() -> None:
    text = CLEAN + "n2,172.22.1.999,ipmi,admin,x,52:54:00:aa:00:02\nn3,172.22.1.23,telnet,admin,x,52:54:00\n"
    assert problems(text) == [
        "line 3: address: '172.22.1.999' is not an address",
        "line 4: driver: 'telnet' is not supported; use one of: idrac, ipmi, redfish",
        "line 4: mac: '52:54:00' is not a MAC address",
    ]


def test_a_password_with_a_space_at_its_edge_is_asked_about_and_not_shown() -> None:
    found = problems(CLEAN.replace("horse", '"horse "'))
    assert len(found) == 1
    assert "password" in found[0]
    assert "horse" not in found[0]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("n1,172.22.1.21,ipmi,admin,other,52:54:00:aa:00:01", "line 3: address: 172.22.1.21 is also in line 2"),
        ("n2,172.22.1.22,ipmi,admin,horse,52:54:00:aa:00:01", "line 3: mac: 52:54:00:aa:00:01 is also in line 2"),
        ("n2,,ipmi,admin,horse,", "line 3: address: is missing"),
        ("n2,172.22.1.22,ipmi,admin,ho,rse,52:54:00:aa:00:02", "7 cells for 6 columns"),
    ],
)
def test_rows_that_contradict_or_lack_something_are_refused(row: str, said: str) -> None:
    assert any(said in problem for problem in problems(CLEAN + row + "\n"))


def test_an_old_code_page_is_read_but_never_for_a_password() -> None:
    row = CLEAN.replace("n1", "K\u00f6ln")
    assert read(row.encode("cp1252"), "list.csv")[0].name == "K\u00f6ln"
    with pytest.raises(InvalidFile) as caught:
        read(row.replace("horse", "h\u00f6rse").encode("cp1252"), "list.csv")
    assert "line 2: password: has characters beyond ASCII" in str(caught.value)


def test_bytes_that_are_no_text_are_told_with_their_line() -> None:
    with pytest.raises(SeedvmError, match="line 2: byte 0x81"):
        read(CLEAN.encode().replace(b"n1", b"n\x81"), "list.csv")


def test_a_list_without_addresses_says_how_the_column_may_be_called() -> None:
    said = problems("host,user\nn1,admin\n")[0]
    assert said.startswith("line 1: no column is known to hold the BMC's address among 'host', 'user'; ")
    assert "BMC IP, bmc_address, IPMI address" in said


def test_instackenv_is_read_in_both_of_its_shapes() -> None:
    old = {
        "pm_type": "pxe_ipmitool",
        "pm_addr": "172.22.1.21",
        "pm_user": "admin",
        "pm_password": "horse",
        "mac": ["52540 0AA0001"],
    }
    new = {
        **old,
        "name": "n2",
        "pm_type": "pxe_ilo",
        "pm_addr": "172.22.1.22",
        "cpu": "4",
        "ports": [{"address": "52:54:00:aa:00:02"}],
    }
    del new["mac"]
    first, second = read(json.dumps({"nodes": [old, new]}, indent="\t").encode(), "instackenv.json")
    assert (first.address, first.driver, first.macs) == ("172.22.1.21", "ipmi", ("52:54:00:aa:00:01",))
    assert (second.name, second.driver, second.macs) == ("n2", "redfish", ("52:54:00:aa:00:02",))


def test_ironic_yaml_is_read_with_the_line_of_its_faults() -> None:
    text = """\
nodes:
  - name: n1
    driver: redfish
    driver_info: {redfish_address: "https://172.22.1.21:443", redfish_username: admin, redfish_password: horse}
    ports: [{address: "52:54:00:aa:00:01", pxe_enabled: true}]
  - name: n2
    driver: redfish
    driver_info:
      redfish_address: nowhere
"""
    with pytest.raises(InvalidFile) as caught:
        read(text.encode(), "nodes.yaml")
    assert [str(one) for one in caught.value.problems] == [
        "line 9: nodes[1].driver_info.redfish_address: 'nowhere' is a host name, not an address: enter the BMC's IP address"
    ]


SEVERAL = ("52:54:00:aa:00:02", "52:54:00:aa:00:03")


@pytest.mark.parametrize("form", ["csv", "instackenv", "ironic"])
@pytest.mark.parametrize("boot", [None, SEVERAL[1]])
def test_what_is_written_is_read_again(form: str, boot: str | None) -> None:
    entries = (
        *ONE,
        ListEntry("172.22.1.22", "root", Secret("a,b'c"), SEVERAL, "n2", "redfish", boot_mac=boot),
    )
    again = read(write(entries, form, passwords=True).encode(), "again")
    assert [(e.address, e.user, e.password, set(e.macs), e.name, e.driver, e.boot_mac) for e in again] == [
        (e.address, e.user, e.password, set(e.macs), e.name, e.driver, e.boot_mac) for e in entries
    ]


@pytest.mark.parametrize("form", ["csv", "instackenv", "ironic"])
def test_passwords_are_left_out_unless_asked_for(form: str) -> None:
    assert "horse" not in write(ONE, form)


@given(data=st.binary(max_size=300))
def test_any_bytes_are_a_list_or_a_refusal(data: bytes) -> None:
    with contextlib.suppress(SeedvmError):
        read(data, "list")


@given(text=st.text(alphabet=' ,;\t"\n\r:{}[]-#nodes12.aF', max_size=120))
def test_any_text_is_a_list_or_a_refusal(text: str) -> None:
    with contextlib.suppress(SeedvmError):
        read(text.encode(), "list")


@pytest.mark.parametrize("text", ["01:00:5e:00:00:01", "00:00:00:00:00:00", "52:54:00:aa:00:0g", ""])
def test_what_no_nic_has_is_no_mac(text: str) -> None:
    with pytest.raises(ValueError, match="MAC"):
        mac_of(text)
