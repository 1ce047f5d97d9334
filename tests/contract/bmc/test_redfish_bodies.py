"""Broken answers, limits and systems: what can be read safely is read, and nothing is told as a block, a wrong password or emptiness."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.contract.bmc.redfish_tried import SYSTEM, V1, both_logins, presence, tried
from tests.datacenter.script import Reply


@both_logins
@pytest.mark.parametrize("count", [110, 300])
async def test_many_header_lines_are_no_block(tmp_path: Path, root: Mapping[str, object], count: int) -> None:
    lines = [(f"X-Feature-{number}", "yes") for number in range(count)]
    with presence():
        seen = await tried(tmp_path, {V1: Reply(fields=root, headers=lines), "*": Reply(headers=lines)})
    assert seen.proven.system and seen.findings == {}


FAULTS: dict[str, tuple[Reply, str]] = {
    "headers without end": (Reply(headers=[(f"X-{n}", "y") for n in range(2000)]), "not HTTP"),
    "more than 4 MiB": (Reply(body=b"{" + b" " * (5 << 20) + b"}"), "too large"),
    "cut in the middle": (Reply(cut=30), "cut off"),
    "reset in the middle": (Reply(cut=30, end="reset"), "cut off"),
    "another protocol": (Reply(raw=b"220 mail.example ESMTP\r\n"), "not HTTP"),
    "HTTP 500": (Reply(500), "HTTP 500"),
    "no JSON": (Reply(body=b"<html>"), "no JSON at"),
}


@pytest.mark.parametrize(("reply", "why"), FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("path", [f"{V1}/Systems", SYSTEM])
@both_logins
async def test_our_limits_and_broken_answers_are_neither_a_block_nor_a_wrong_password(
    tmp_path: Path, root: Mapping[str, object], path: str, reply: Reply, why: str
) -> None:
    with presence():
        seen = await tried(tmp_path, {path: reply}, root=root)
    assert why in seen.unproven.reason and path in seen.unproven.reason
    assert "block" not in seen.unproven.reason and "wrong password" not in seen.unproven.reason
    assert seen.unproven.retry_seconds <= 60
    assert (seen.counted, seen.ledger.held(seen.bmc.address)) == (0, None)


@pytest.mark.parametrize("end", ["drop", "reset"])
async def test_a_connection_that_is_closed_without_an_answer_is_a_block_where_presence_is_answered(
    tmp_path: Path, end: str
) -> None:
    reply = Reply(first=True, end=end, cut=0, raw=b"" if end == "reset" else None)
    with presence():
        seen = await tried(tmp_path, {V1: reply})
    assert seen.unproven.finding == "address-blocked"
    assert seen.ledger.held(seen.bmc.address) is not None


async def test_a_connection_that_is_closed_after_the_login_is_no_block(tmp_path: Path) -> None:
    with presence():
        seen = await tried(tmp_path, {f"{V1}/Systems": Reply(first=True, end="drop")})
    assert seen.unproven.finding == ""
    assert seen.ledger.held(seen.bmc.address) is None and seen.counted == 0


UNREADABLE = {
    "a byte that is no UTF-8": lambda raw: raw[:-1] + b', "x": "\xff"}',
    "a control character": lambda raw: raw[:-1] + b', "x": "\x01"}',
    "a comma too many": lambda raw: raw[:-1] + b",}",
    "gzip that is not announced": gzip.compress,
    "a list": lambda raw: b"[]",
    "nothing": lambda raw: b"",
    "half of it": lambda raw: raw[: len(raw) // 2],
}


@pytest.mark.parametrize("change", UNREADABLE.values(), ids=UNREADABLE)
async def test_a_system_that_cannot_be_read_is_not_taken_for_an_empty_one(tmp_path: Path, change: Any) -> None:
    seen = await tried(tmp_path, {SYSTEM: Reply(body=change)})
    assert f"answers no JSON at {SYSTEM}" in seen.unproven.reason
    assert seen.counted == 0


LENIENT = {
    "NUL at the end": Reply(body=lambda raw: raw + b"\0"),
    "a byte order mark": Reply(body=lambda raw: b"\xef\xbb\xbf" + raw),
    "gzip that is announced": Reply(encode=True),
    "small chunks": Reply(chunks=7),
    "Infinity": Reply(body=lambda raw: raw[:-1] + b', "x": Infinity, "y": NaN}'),
    "a number of 4,000 digits": Reply(body=lambda raw: raw[:-1] + b', "x": ' + b"7" * 4000 + b"}"),
}


@pytest.mark.parametrize("reply", LENIENT.values(), ids=LENIENT)
async def test_what_can_be_read_safely_is_read(tmp_path: Path, reply: Reply) -> None:
    seen = await tried(tmp_path, {SYSTEM: reply})
    assert seen.proven.system and (seen.proven.system.model, seen.findings) == ("Emulated", {})


async def test_numbers_that_nobody_can_hold_are_unknown(tmp_path: Path) -> None:
    huge = (b'"ProcessorSummary": {"Count": Infinity}', b'"MemorySummary": {"TotalSystemMemoryGiB": 1e999}')
    seen = await tried(tmp_path, {SYSTEM: Reply(body=lambda raw: raw[:-1] + b", " + b", ".join(huge) + b"}")})
    assert seen.proven.system and (seen.proven.system.cpus, seen.proven.system.memory_mib) == (0, 0)


async def test_a_long_serial_is_not_cut(tmp_path: Path) -> None:
    long = "S" + "0123456789ABCDEF" * 12
    seen = await tried(
        tmp_path, {SYSTEM: Reply(fields={"SerialNumber": long, "UUID": "03000200-0400-0500-0006-000700080009"})}
    )
    assert seen.proven.system and (seen.proven.system.serial, seen.proven.system.uuid) == (long, "")


async def test_two_systems_have_a_cure_that_fits_the_machine(tmp_path: Path) -> None:
    two = {f"{V1}/Systems": Reply(fields={"Members": [{"@odata.id": SYSTEM}, {"@odata.id": f"{V1}/Systems/2"}]})}
    alone = await tried(tmp_path, two)
    assert "2 systems" in alone.unproven.reason and "IPMI" not in alone.unproven.cure
    beside = await tried(tmp_path, two, protocols=("redfish", "ipmi-1.5"))
    assert "IPMI" in beside.unproven.cure
    none = await tried(tmp_path, {f"{V1}/Systems": Reply(fields={"Members": []})})
    assert "0 systems" in none.unproven.reason


async def test_a_system_that_is_listed_twice_is_one(tmp_path: Path) -> None:
    twice = {f"{V1}/Systems": Reply(fields={"Members": [{"@odata.id": SYSTEM}, {"@odata.id": SYSTEM}]})}
    assert (await tried(tmp_path, twice)).proven.system


@pytest.mark.parametrize("members", [None, 7, "x", {}, ...])
async def test_systems_that_are_no_list_are_not_taken_for_none(tmp_path: Path, members: object) -> None:
    seen = await tried(tmp_path, {f"{V1}/Systems": Reply(fields={"Members": members, "Members@odata.count": ...})})
    assert f"Redfish answers no list at {V1}/Systems: its Members is not a list" in seen.unproven.reason or (
        members is ... and "it has no Members" in seen.unproven.reason
    )
    assert seen.counted == 0


@pytest.mark.parametrize("following", ["http://[", "https://192.0.2.9/x", f"{V1}/nowhere"])
async def test_a_page_beyond_the_one_system_is_not_needed(tmp_path: Path, following: str) -> None:
    fields = {"Members": [{"@odata.id": SYSTEM}], "Members@odata.nextLink": following}
    for name in ("told", "silent"):
        (tmp_path / name).mkdir()
    told = await tried(tmp_path / "told", {f"{V1}/Systems": Reply(fields={**fields, "Members@odata.count": 1})})
    assert told.machine().usable
    silent = await tried(tmp_path / "silent", {f"{V1}/Systems": Reply(fields={**fields, "Members@odata.count": ...})})
    assert silent.unproven.reason and silent.counted == 0


async def test_a_system_without_a_reference_is_not_called_several(tmp_path: Path) -> None:
    seen = await tried(tmp_path, {f"{V1}/Systems": Reply(fields={"Members": [None]})})
    assert "1 system: its list has one entry, without a reference" in seen.unproven.reason
    assert "exclude" not in seen.unproven.cure
