"""Tables as people draw them, and files that are nearly a list: each is read as it is meant, or refused in words that say what to do."""

from __future__ import annotations

import io

import openpyxl
import pytest

from seedvm.base.errors import InvalidFile, SeedvmError
from seedvm.base.secret import Secret
from seedvm.machines.lists.read import read_list

MAC = "52:54:00:aa:00:01"


def test_a_heading_of_two_lines_names_each_column_by_its_group() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Server", None, "BMC", None, None, "Network", None])
    for merged in ("A1:B1", "C1:E1", "F1:G1"):
        sheet.merge_cells(merged)
    sheet.append(["Name", "Serial", "IP", "User", "Password", "IP", "MAC"])
    sheet.append(["n1", "S1", "192.0.2.1", "root", "calvin", "10.0.0.1", MAC])
    data = io.BytesIO()
    book.save(data)
    found = read_list(data.getvalue(), "list.xlsx")
    entry = found.entries[0]
    assert (entry.address, entry.user, entry.password, entry.macs) == ("192.0.2.1", "root", Secret("calvin"), (MAC,))
    assert any("'Network IP'" in one for one in found.remarks)


def test_rows_that_sum_up_are_named_and_not_taken() -> None:
    text = b"name,bmc ip,user,password\nn1,192.0.2.1,a,b\nTotal,1,,\nTotal servers: 1,,,\nsum-1,192.0.2.2,a,b\n"
    found = read_list(text, "list")
    assert [one.name for one in found.entries] == ["n1", "sum-1"]
    assert not found.refused
    assert [one for one in found.remarks if "total" in one] == [
        "line 3 is a total and was not taken",
        "line 4 is a total and was not taken",
    ]


def test_a_comment_of_several_lines_is_no_open_quote() -> None:
    text = b'name,bmc ip,user,password,comment\nn1,192.0.2.1,a,b,"one\ntwo, three\nfour\nfive"\nn2,192.0.2.2,a,b,\n'
    found = read_list(text, "list")
    assert [(one.name, one.line) for one in found.entries] == [("n1", 2), ("n2", 6)]


def test_a_quote_that_swallows_rows_is_refused_without_their_passwords() -> None:
    text = b'name,bmc ip,user,password\n"n1,192.0.2.1,a,S3cret1\nn2,192.0.2.2,a,S3cret2\n'
    found = read_list(text, "list")
    assert not found.entries
    assert [str(one) for one in found.refused] == ["line 2: a quote is opened here and not closed: check the quotes"]
    assert found.left_out == ("line 2",)
    assert "S3cret" not in repr(found)


@pytest.mark.parametrize(("said", "boots"), [("no", None), ("False", None), ("yes", MAC), ("", MAC)])
def test_a_column_that_excludes_a_nic_counts(said: str, boots: str | None) -> None:
    found = read_list(f"name,bmc ip,mac,pxe_enabled\nn1,192.0.2.1,{MAC},{said}\n".encode(), "list")
    assert (found.entries[0].macs, found.entries[0].boot_mac) == ((MAC,), boots)


@pytest.mark.parametrize("text", ["bmc1.example.com,root,S3cretPw\n", "node,root,S3cretPw\n", "srv;S3cretPw;x\n"])
def test_a_list_without_a_heading_shows_no_password(text: str) -> None:
    with pytest.raises(InvalidFile) as raised:
        read_list(text.encode(), "list")
    assert "S3cretPw" not in str(raised.value) + repr(raised.value.problems)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"name   bmc_ip   user\nn1   192.0.2.1   root\n", "the columns are separated by spaces"),
        (b"| name | bmc ip |\n|------|:-----|\n| n1 | 192.0.2.1 |\n", "it is a table of Markdown: save it as CSV"),
        (b"00000000-0000-4000-8000-000000000001 n1 None power on active False\n", "use -f json"),
        (b"BZh91AY&SY" + bytes(20), "compressed with bzip2"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(20), "an archive"),
        (b"a.csv" + bytes(252) + b"ustar" + bytes(250), "it has a zero byte"),
        (b"-----BEGIN PGP MESSAGE-----\n\nabc\n", "encrypted with OpenPGP"),
    ],
)
def test_a_file_that_is_nearly_a_list_says_what_it_is(data: bytes, said: str) -> None:
    with pytest.raises(SeedvmError, match=said):
        read_list(data, "list")


def test_a_list_in_utf_32_is_read() -> None:
    assert len(read_list("name\tBMC IP\r\nn1\t192.0.2.1\r\n".encode("utf-32"), "list").entries) == 1


def test_a_file_of_host_vars_is_one_machine() -> None:
    text = """\
bmc_type: idrac
ipmi_address: 192.0.2.1
ipmi_username: root
ironic_driver: redfish
ironic_driver_info:
  redfish_address: "{{ ipmi_address }}"
  redfish_password: calvin
ironic_properties: {capabilities: "boot_mode:uefi"}
"""
    found = read_list(text.encode(), "list")
    assert not found.refused
    assert [(one.address, one.user, one.password) for one in found.entries] == [("192.0.2.1", "root", Secret("calvin"))]
    assert any("'ironic_properties'" in one for one in found.remarks)


def test_what_stands_beside_machines_by_name_is_named() -> None:
    text = "version: 1\nkolla_bifrost_servers:\n  n1: {driver_info: {ipmi_address: 192.0.2.1}}\n"
    found = read_list(text.encode(), "list")
    assert len(found.entries) == 1
    assert any("'version'" in one for one in found.remarks)
