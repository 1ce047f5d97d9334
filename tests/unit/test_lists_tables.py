"""CSV in every dialect and encoding, and workbooks: the same rows, or a reason by line and column."""

from __future__ import annotations

import io
import itertools
import zipfile
from collections.abc import Callable

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.machines.lists.entry import ListEntry, MachineList
from seedvm.machines.lists.read import read_list

HEADERS = (
    ("name", "address", "user", "password", "mac"),
    ("Hostname", "BMC IP", "User Name", "Password", "MAC Address"),
    ("server_name", "ipmi_address", "ipmi_username", "ipmi_password", "pxe_mac"),
    ("Node", "iDRAC IP", "iDRAC User", "iDRAC Password", "Boot MAC"),
    ("HOST", "OOB-IP", "BMC-USER", "BMC-PASS", "eth0 mac"),
    ("machine", "IPMI", "login", "pwd", "NIC1 MAC"),
)
ROWS = (
    ("n1", "192.0.2.1", "admin", 'a;b,c|d\t"e', "52-54-00-AA-00-01"),
    ("n2", "192.0.2.2", "root", "p w", "5254.00aa.0002"),
)
EXPECTED = (
    ListEntry("192.0.2.1", "admin", Secret('a;b,c|d\t"e'.replace("\t", "")), ("52:54:00:aa:00:01",), "n1"),
    ListEntry("192.0.2.2", "root", Secret("p w"), ("52:54:00:aa:00:02",), "n2"),
)


def csv_text(header: tuple[str, ...], delimiter: str, end: str, quoted: bool) -> str:
    def cell(text: str) -> str:
        text = text.replace("\t", "")  # no password has a tab
        needs = quoted or any(char in text for char in f'{delimiter}"')
        return '"' + text.replace('"', '""') + '"' if needs else text

    return "".join(delimiter.join(map(cell, row)) + end for row in (header, *ROWS))


def told(found: MachineList) -> list[tuple[object, ...]]:
    assert not found.refused
    return [(one.address, one.user, one.password, one.macs, one.name, one.boot_mac) for one in found.entries]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_csv_is_read_in_any_dialect(delimiter: str, encoding: str) -> None:
    expected = [(one.address, one.user, one.password, one.macs, one.name, one.macs[0]) for one in EXPECTED]
    for header, end, quoted, above in itertools.product(HEADERS, ("\n", "\r\n", "\r"), (False, True), (False, True)):
        text = (f"sep={delimiter}{end}" if above else "") + csv_text(header, delimiter, end, quoted)
        assert told(read_list(text.encode(encoding), "list.csv")) == expected, (header, end, quoted, above)


def test_a_heading_may_stand_below_a_title_and_above_comments() -> None:
    text = "Machines of Example Ltd,,\n,,\n#,BMC IP,user\n1,192.0.2.1,admin\n# note,,\nname,BMC IP,user\n"
    found = read_list(text.replace("name,BMC IP,user\n", "").encode(), "list.csv")
    assert [(one.line, one.user) for one in found.entries] == [(4, "admin")]


def test_a_heading_that_is_repeated_is_not_a_machine() -> None:
    text = "BMC IP,user\n192.0.2.1,admin\nBMC IP,user\n192.0.2.2,admin\n"
    assert [one.line for one in read_list(text.encode(), "list.csv").entries] == [2, 4]


def test_a_quote_that_is_not_closed_is_told_with_its_line() -> None:
    text = 'BMC IP,note\n192.0.2.1,ok\n192.0.2.2,"open\n192.0.2.3,x\n192.0.2.4,x\n'
    found = read_list(text.encode(), "list.csv")
    assert [str(one) for one in found.refused] == ["line 3: a quote is opened here and not closed: check the quotes"]
    assert [one.address for one in found.entries] == ["192.0.2.1"]


def test_two_columns_for_two_makers_are_one_address() -> None:
    text = "iDRAC IP,iLO IP,user\n192.0.2.1,,admin\n,192.0.2.2,admin\n192.0.2.3,192.0.2.4,admin\n"
    found = read_list(text.encode(), "list.csv")
    assert [one.address for one in found.entries] == ["192.0.2.1", "192.0.2.2"]
    assert [str(one) for one in found.refused] == [
        "line 4: iLO IP: is another value for the BMC's address than 'iDRAC IP'"
    ]


def test_columns_for_nics_are_not_the_boot_mac() -> None:
    text = "BMC IP,eth0 mac,eth1 mac,PXE MAC\n192.0.2.1,52:54:00:aa:00:01,52:54:00:aa:00:02,52:54:00:aa:00:02\n"
    entry = read_list(text.encode(), "list.csv").entries[0]
    assert entry.macs == ("52:54:00:aa:00:01", "52:54:00:aa:00:02")
    assert entry.boot_mac == "52:54:00:aa:00:02"
    plain = text.replace(",PXE MAC", "").replace(",52:54:00:aa:00:02\n", "\n")
    assert read_list(plain.encode(), "list.csv").entries[0].boot_mac is None


def test_the_bmcs_own_mac_is_not_a_nic_and_is_said_so() -> None:
    found = read_list(b"BMC IP,BMC MAC\n192.0.2.1,52:54:00:aa:00:01\n", "list.csv")
    assert found.entries[0].macs == ()
    assert found.remarks == ("not used: 'BMC MAC': the BMC is found by its address, not by its MAC",)


def test_numbers_that_a_spreadsheet_made_of_values_are_told() -> None:
    found = read_list(b"BMC IP,mac\n192.0.2.1,5.254E+11\n10.1,\n", "list.csv")
    assert [str(one) for one in found.refused] == [
        "line 2: mac: '5.254E+11' is a number that a spreadsheet made of a MAC address: format it as text",
        "line 3: BMC IP: '10.1' is not an address; a spreadsheet may have made a number of it: format it as text",
    ]


def test_rows_that_contradict_each_other_are_both_left_out() -> None:
    text = "name,BMC IP,user\nn1,192.0.2.1,a\nn2,192.0.2.1,b\nn3,192.0.2.3,a\n"
    found = read_list(text.encode(), "list.csv")
    assert [str(one) for one in found.refused] == [
        "line 3: BMC IP: 192.0.2.1 is also in line 2, with other values (user, name)"
    ]
    assert found.left_out == ("n1 (line 2)", "n2 (line 3)")
    assert [one.name for one in found.entries] == ["n3"]


def workbook(fill: Callable[[Worksheet, openpyxl.Workbook], None]) -> bytes:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.title = "Rack 1"
    fill(book.active, book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_workbook_is_read_by_sheet_row_and_column() -> None:
    def fill(sheet: Worksheet, book: openpyxl.Workbook) -> None:
        sheet.append(["Example Ltd"])
        sheet.append(["Name", "BMC IP", "User", "Password", "PXE MAC", "Rack"])
        sheet.append(["n1", "192.0.2.1", "admin", "pw", "52:54:00:aa:00:01", "A1"])
        sheet.append([102, "192.0.2.2", "admin", "0123", 525400123456])
        sheet.append(["n3", "192.0.2.3", "admin", 123456])
        sheet.append(["n4", "192.0.2.4", "admin", '="pw"&A1'])
        sheet.append(["n5", "192.0.2.5", "admin", "hidden"])
        sheet.row_dimensions[7].hidden = True
        book.create_sheet("Notes").append(["call Bob"])
        old = book.create_sheet("Old")
        old.append(["BMC IP"])
        old.append(["192.0.2.99"])
        old.sheet_state = "hidden"

    found = read_list(workbook(fill), "machines.xlsx")
    assert found.form == "xlsx (sheet 'Rack 1')"
    assert [(one.address, one.name, one.password, one.boot_mac, one.line) for one in found.entries] == [
        ("192.0.2.1", "n1", Secret("pw"), "52:54:00:aa:00:01", 3),
        ("192.0.2.2", "102", Secret("0123"), "52:54:00:12:34:56", 4),
    ]
    assert [str(one) for one in found.refused] == [
        "line 5: Rack 1!D5 (Password): is a number in the sheet, which has no leading zeros: format the column as text and enter"
        " the password again",
        "line 6: Rack 1!D6 (Password): is a formula without a saved value: open the list in the spreadsheet program and save it",
    ]
    assert found.remarks == (
        "sheet 'Rack 1': hidden rows were not taken: 7; unhide them to import them",
        "sheet 'Old' is hidden and was not read",
        "read from sheet 'Rack 1'; no column of BMC addresses, so not read: sheet 'Notes'",
    )


def test_every_sheet_with_a_column_of_bmcs_is_read() -> None:
    def fill(sheet: Worksheet, book: openpyxl.Workbook) -> None:
        for number, one in enumerate((sheet, book.create_sheet("Rack 2")), 1):
            one.append(["BMC IP"])
            one.append([f"192.0.2.{number}"])

    found = read_list(workbook(fill), "machines.xlsx")
    assert found.form == "xlsx (sheets 'Rack 1', 'Rack 2')"
    assert [one.address for one in found.entries] == ["192.0.2.1", "192.0.2.2"]


def test_a_workbook_without_a_column_of_bmcs_says_what_it_has() -> None:
    with pytest.raises(SeedvmError, match=r"sheet 'Rack 1': line 1: no column is known .* among 'Name' and 1 more"):
        read_list(workbook(lambda sheet, _: sheet.append(["Name", "Notes"])), "machines.xlsx")


def test_a_far_cell_does_not_make_a_sheet_endless() -> None:
    def fill(sheet: Worksheet, _: openpyxl.Workbook) -> None:
        sheet.append(["BMC IP"])
        sheet["XFD1048576"] = "x"

    with pytest.raises(SeedvmError, match="more than 20000 rows"):
        read_list(workbook(fill), "machines.xlsx")


@pytest.mark.parametrize("at", [0, 1])
def test_a_sheet_with_nothing_but_a_chart_is_passed_by(at: int) -> None:
    def fill(sheet: Worksheet, book: openpyxl.Workbook) -> None:
        sheet.append(["BMC IP"])
        sheet.append(["192.0.2.1"])
        book.create_chartsheet("Power", at)

    assert [one.address for one in read_list(workbook(fill), "machines.xlsx").entries] == ["192.0.2.1"]


def packed(**parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name.replace("__", "/"), data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (packed(**{"xl__workbook.xml": b"<a/>", "xl__sheet.xml": bytes(65 << 20)}), "unpacks to more than 64 MiB"),
        (packed(**{"content.xml": b"<a/>"}), "an OpenDocument spreadsheet"),
        (packed(readme=b""), "an archive without a workbook"),
        (packed(**{"xl__workbook.xml": b"<a/>"}), "the workbook is damaged"),
        (b"PK\x03\x04 and nothing", "not a workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "save it as .xlsx without a password"),
        (b"\x1f\x8b\x08", "decompress it first"),
        (b"%PDF-1.7", "save the table"),
        (b" " * (17 << 20), "more than 16 MiB"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_it_is(data: bytes, reason: str) -> None:
    with pytest.raises(SeedvmError) as caught:
        read_list(data, "list")
    assert reason in str(caught.value)


def test_an_account_that_is_merged_over_a_rack_is_every_rows() -> None:
    def fill(sheet: Worksheet, _: openpyxl.Workbook) -> None:
        sheet.append(["BMC IP", "user", "password"])
        for number in (1, 2, 3):
            sheet.append([f"192.0.2.{number}", "admin" if number == 1 else None, "pw" if number == 1 else None])
        sheet.merge_cells("B2:B3")
        sheet.merge_cells("C2:C3")

    found = read_list(workbook(fill), "machines.xlsx")
    assert [(one.user, one.password) for one in found.entries] == [
        ("admin", Secret("pw")),
        ("admin", Secret("pw")),
        (None, None),
    ]


def test_text_that_a_formula_only_wraps_is_its_text() -> None:
    def fill(sheet: Worksheet, _: openpyxl.Workbook) -> None:
        sheet.append(["BMC IP", "user", "password"])
        sheet.append(["192.0.2.1", "admin", '="0123456"'])

    assert read_list(workbook(fill), "machines.xlsx").entries[0].password == Secret("0123456")


def test_a_row_with_too_many_cells_shows_no_piece_of_a_password() -> None:
    found = read_list(b"BMC IP,user,password,mac\n192.0.2.1,admin,ho,rse,52:54:00:aa:00:01\n", "list.csv")
    assert [str(one) for one in found.refused] == [
        "line 2: 5 cells for 4 columns: is there a delimiter in a cell without quotes?"
    ]


def test_twenty_thousand_refused_rows_are_all_named() -> None:
    rows = "".join(f"n{number},nowhere-{number},52:54\n" for number in range(20_000))
    found = read_list(f"name,BMC IP,mac\n{rows}".encode(), "list.csv")
    assert (len(found.refused), len(found.left_out)) == (40_000, 20_000)
