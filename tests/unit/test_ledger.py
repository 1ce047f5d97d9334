"""The ledger: one failed login per account and window, whoever asks and whatever crashes."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from seedvm.bmc.ledger import Ledger
from seedvm.errors import SeedvmError
from seedvm.secret import Candidate, Secret

ADDRESS = "172.22.1.21"


def fail(ledger: Ledger, user: str, password: str, locked: float = 0.0) -> None:
    with ledger.attempt(ADDRESS, user, Secret(password)) as charge:
        charge.failed(locked)


def test_a_fresh_account_may_be_tried_at_once(tmp_path: Path) -> None:
    assert Ledger(tmp_path).wait_seconds(ADDRESS, "admin", Secret("a")) == 0


def test_after_a_failure_another_password_waits_for_the_window(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    fail(ledger, "admin", "a")
    assert 3590 < ledger.wait_seconds(ADDRESS, "admin", Secret("b")) <= 3600
    with pytest.raises(SeedvmError, match="not tried now"), ledger.attempt(ADDRESS, "admin", Secret("b")):
        pytest.fail("an attempt was let through")


def test_a_vendor_s_own_window_may_be_shorter(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    with ledger.attempt(ADDRESS, "admin", Secret("a"), window=300) as charge:
        charge.failed()
    assert 290 < ledger.wait_seconds(ADDRESS, "admin", Secret("b")) <= 300


def test_a_bmc_that_blocks_us_is_left_alone_whoever_asks_with_whatever_account(tmp_path: Path) -> None:
    Ledger(tmp_path).hold(ADDRESS, 600, "it refuses connections")
    again = Ledger(tmp_path)
    hold = again.held(ADDRESS)
    assert hold is not None and hold.why == "it refuses connections"
    assert 590 < again.wait_seconds(ADDRESS, "root", Secret("never tried")) <= 600
    with pytest.raises(SeedvmError, match="not tried now"), again.attempt(ADDRESS, "admin", Secret("a")):
        pytest.fail("an attempt was let through")
    assert again.held("172.22.1.22") is None
    again.hold(ADDRESS, 0, "over")
    assert again.held(ADDRESS) is None


def test_the_same_pair_waits_for_a_day(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, window=0)
    fail(ledger, "admin", "a")
    assert ledger.wait_seconds(ADDRESS, "admin", Secret("a")) > 86000
    assert ledger.wait_seconds(ADDRESS, "admin", Secret("b")) == 0


def test_another_account_has_its_own_budget(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    fail(ledger, "admin", "a")
    assert ledger.wait_seconds(ADDRESS, "root", Secret("a")) == 0
    assert ledger.wait_seconds("172.22.1.22", "admin", Secret("a")) == 0


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    fail(Ledger(tmp_path), "admin", "a")
    assert Ledger(tmp_path).wait_seconds(ADDRESS, "admin", Secret("b")) > 0


def crash(ledger: Ledger, password: str) -> None:
    with pytest.raises(RuntimeError), ledger.attempt(ADDRESS, "admin", Secret(password)):
        raise RuntimeError


def test_after_a_crash_the_same_pair_is_tried_once_more_and_no_other(tmp_path: Path) -> None:
    crash(Ledger(tmp_path), "a")
    assert Ledger(tmp_path).wait_seconds(ADDRESS, "admin", Secret("a")) == 0
    assert Ledger(tmp_path).wait_seconds(ADDRESS, "admin", Secret("b")) > 0
    crash(Ledger(tmp_path), "a")
    assert Ledger(tmp_path).wait_seconds(ADDRESS, "admin", Secret("a")) > 0


def test_a_success_after_a_crash_clears_the_account(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    crash(ledger, "a")
    with ledger.attempt(ADDRESS, "admin", Secret("a")) as charge:
        charge.succeeded()
    assert ledger.failures() == ()


def test_a_bmc_that_was_not_reached_costs_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    with ledger.attempt(ADDRESS, "admin", Secret("a")) as charge:
        charge.never_arrived()
    assert ledger.failures() == ()


def test_a_success_costs_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    with ledger.attempt(ADDRESS, "admin", Secret("a")) as charge:
        charge.succeeded()
    assert ledger.failures() == ()


def test_a_lock_that_the_bmc_named_is_waited_out(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, window=0)
    fail(ledger, "admin", "a", locked=1800)
    assert ledger.wait_seconds(ADDRESS, "admin", Secret("b")) > 1700


def test_a_lock_says_nothing_of_the_password_which_may_be_tried_when_it_is_over(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    fail(ledger, "admin", "a", locked=600)
    assert 590 < ledger.wait_seconds(ADDRESS, "admin", Secret("a")) <= 600
    assert 590 < ledger.locked_seconds(ADDRESS, "admin") <= 600
    assert ledger.locked_seconds(ADDRESS, "root") == 0


def test_no_password_stands_in_the_file(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    fail(ledger, "admin", "correct-horse")
    file = tmp_path / "bmc-ledger.json"
    assert "correct-horse" not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_ledger_that_cannot_be_read_stops_everything(tmp_path: Path) -> None:
    (tmp_path / "bmc-ledger.json").write_text("{")
    with pytest.raises(SeedvmError, match="cannot be read"):
        Ledger(tmp_path).wait_seconds(ADDRESS, "admin", Secret("a"))


def test_the_fingerprint_changes_with_the_candidates_and_survives_a_restart(tmp_path: Path) -> None:
    one, two = Candidate("admin", Secret("a")), Candidate("admin", Secret("b"))
    first = Ledger(tmp_path).fingerprint([one])
    assert Ledger(tmp_path).fingerprint([one]) == first
    assert Ledger(tmp_path).fingerprint([one, two]) != first
