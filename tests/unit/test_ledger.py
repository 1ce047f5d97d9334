"""The ledger: one failed login per account and window, whoever asks and whatever crashes."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.bmc.ledger import Ledger
from seedvm.site.accounts import Candidate

ADDRESS = "172.22.1.21"


async def fail(ledger: Ledger, user: str, password: str, locked: float = 0.0) -> None:
    async with ledger.attempt(ADDRESS, user, Secret(password)) as charge:
        charge.failed(locked)


def test_a_fresh_account_may_be_tried_at_once(tmp_path: Path) -> None:
    assert Ledger(tmp_path).wait_seconds(ADDRESS, "admin", Secret("a")) == 0


async def test_after_a_failure_another_password_waits_for_the_window(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    await fail(ledger, "admin", "a")
    assert 3590 < ledger.wait_seconds(ADDRESS, "admin", Secret("b")) <= 3600
    with pytest.raises(SeedvmError, match="postponed"):
        async with ledger.attempt(ADDRESS, "admin", Secret("b")):
            pytest.fail("an attempt was let through")


async def test_a_vendor_s_own_window_may_be_shorter(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    async with ledger.attempt(ADDRESS, "admin", Secret("a"), window=300) as charge:
        charge.failed()
    assert 290 < ledger.wait_seconds(ADDRESS, "admin", Secret("b")) <= 300


async def test_a_bmc_that_blocks_us_is_left_alone_whoever_asks_with_whatever_account(tmp_path: Path) -> None:
    await Ledger(tmp_path).hold(ADDRESS, 600, "it refuses connections")
    again = Ledger(tmp_path)
    hold = again.held(ADDRESS)
    assert hold is not None and hold.why == "it refuses connections"
    assert 590 < again.wait_seconds(ADDRESS, "root", Secret("never tried")) <= 600
    with pytest.raises(SeedvmError, match="postponed"):
        async with again.attempt(ADDRESS, "admin", Secret("a")):
            pytest.fail("an attempt was let through")
    assert again.held("172.22.1.22") is None
    await again.hold(ADDRESS, 0, "over")
    assert again.held(ADDRESS) is None


async def test_the_same_pair_waits_for_a_day(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, window=0)
    await fail(ledger, "admin", "a")
    assert ledger.wait_seconds(ADDRESS, "admin", Secret("a")) > 86000
    assert ledger.wait_seconds(ADDRESS, "admin", Secret("b")) == 0


async def test_another_account_has_its_own_budget(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    await fail(ledger, "admin", "a")
    assert ledger.wait_seconds(ADDRESS, "root", Secret("a")) == 0
    assert ledger.wait_seconds("172.22.1.22", "admin", Secret("a")) == 0


async def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    await fail(Ledger(tmp_path), "admin", "a")
    assert Ledger(tmp_path).wait_seconds(ADDRESS, "admin", Secret("b")) > 0


async def crash(ledger: Ledger, password: str) -> None:
    with pytest.raises(RuntimeError):
        async with ledger.attempt(ADDRESS, "admin", Secret(password)):
            raise RuntimeError


async def test_after_a_crash_the_same_pair_is_tried_once_more_and_no_other(tmp_path: Path) -> None:
    await crash(Ledger(tmp_path), "a")
    assert Ledger(tmp_path).wait_seconds(ADDRESS, "admin", Secret("a")) == 0
    assert Ledger(tmp_path).wait_seconds(ADDRESS, "admin", Secret("b")) > 0
    await crash(Ledger(tmp_path), "a")
    assert Ledger(tmp_path).wait_seconds(ADDRESS, "admin", Secret("a")) > 0


async def test_a_success_after_a_crash_clears_the_account(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    await crash(ledger, "a")
    async with ledger.attempt(ADDRESS, "admin", Secret("a")) as charge:
        charge.succeeded()
    assert ledger.failures() == ()


async def test_a_bmc_that_was_not_reached_costs_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    async with ledger.attempt(ADDRESS, "admin", Secret("a")) as charge:
        charge.never_arrived()
    assert ledger.failures() == ()


async def test_a_success_costs_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    async with ledger.attempt(ADDRESS, "admin", Secret("a")) as charge:
        charge.succeeded()
    assert ledger.failures() == ()


async def test_a_lock_that_the_bmc_named_is_waited_out(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, window=0)
    await fail(ledger, "admin", "a", locked=1800)
    assert ledger.wait_seconds(ADDRESS, "admin", Secret("b")) > 1700


async def test_a_lock_says_nothing_of_the_password_which_may_be_tried_when_it_is_over(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    await fail(ledger, "admin", "a", locked=600)
    assert 590 < ledger.wait_seconds(ADDRESS, "admin", Secret("a")) <= 600
    assert 590 < ledger.locked_seconds(ADDRESS, "admin") <= 600
    assert ledger.locked_seconds(ADDRESS, "root") == 0


async def test_no_password_stands_in_the_file(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    await fail(ledger, "admin", "correct-horse")
    file = tmp_path / "bmc-ledger.json"
    assert "correct-horse" not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"{", "line 1, column 2: no JSON"),
        (b'{"salt":\n"\xff"}', "line 2: the byte 0xff is not UTF-8"),
        (b"\0\0\0", "it is empty"),
        (b"[" * 100_000, "nested without end"),
        (b"9" * 5000, "a number without end"),
        (b"[]", "it is not an object"),
        (b'{"salt": "00"}', "attempts is missing"),
        (b'{"salt": "zz", "attempts": []}', "salt"),
        (b'{"salt": "00", "attempts": [{"address": "a"}]}', "attempts[0].user is missing"),
    ],
)
def test_a_ledger_that_cannot_be_read_stops_everything_and_says_where_it_is_damaged(
    tmp_path: Path, raw: bytes, why: str
) -> None:
    (tmp_path / "bmc-ledger.json").write_bytes(raw)
    with pytest.raises(SeedvmError, match="cannot be read") as refused:
        Ledger(tmp_path).wait_seconds(ADDRESS, "admin", Secret("a"))
    assert why in refused.value.why and "Error" not in refused.value.why
    assert (tmp_path / "bmc-ledger.json").read_bytes() == raw


def test_the_fingerprint_changes_with_the_candidates_and_survives_a_restart(tmp_path: Path) -> None:
    one, two = Candidate("admin", Secret("a")), Candidate("admin", Secret("b"))
    first = Ledger(tmp_path).fingerprint([one])
    assert Ledger(tmp_path).fingerprint([one]) == first
    assert Ledger(tmp_path).fingerprint([one, two]) != first


async def test_many_attempts_at_once_are_on_disk_before_any_is_made(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)

    async def one(number: int) -> None:
        address = f"10.66.{number // 250}.{number % 250}"
        async with ledger.attempt(address, "admin", Secret("a")) as charge:
            assert (address, True) in {(row.address, row.begun) for row in Ledger(tmp_path).failures()}
            charge.failed() if number % 100 == 0 else charge.succeeded()

    async with asyncio.TaskGroup() as group:
        for number in range(300):
            group.create_task(one(number))
    assert sorted(row.address for row in ledger.failures()) == ["10.66.0.0", "10.66.0.100", "10.66.0.200"]


async def test_of_many_passwords_for_an_account_in_the_same_moment_one_is_tried(tmp_path: Path) -> None:
    async def one(ledger: Ledger, password: str) -> bool:
        try:
            await fail(ledger, "admin", password)
        except SeedvmError:
            return False
        return True

    ledger, other = Ledger(tmp_path), Ledger(tmp_path)
    tried = await asyncio.gather(
        *(one(each, word) for each, words in ((ledger, "abcd"), (other, "efgh")) for word in words)
    )
    assert sum(tried) == 1
    assert len(ledger.failures()) == 1


async def test_a_failure_is_on_disk_although_its_caller_was_cancelled(tmp_path: Path) -> None:
    ledger, failed = Ledger(tmp_path), asyncio.Event()

    async def login() -> None:
        async with ledger.attempt(ADDRESS, "admin", Secret("a")) as charge:
            charge.failed()
            failed.set()
            task.cancel()

    task = asyncio.create_task(login())
    with pytest.raises(asyncio.CancelledError):
        await task
    await ledger.hold("172.22.1.22", 60, "behind it in the queue")
    assert failed.is_set()
    assert [row.begun for row in ledger.failures()] == [False]
    with pytest.raises(SeedvmError, match="postponed"):
        await fail(Ledger(tmp_path), "admin", "a")
