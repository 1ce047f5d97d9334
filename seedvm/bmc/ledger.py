"""What was tried against which BMC account, on disk, so that no account is ever locked by us.

Budget: one failed attempt per account (address and user) and window. A pair that was refused is not offered again for
a day. A BMC that blocks us is held: no login of any kind leaves for it. Passwords are kept as salted scrypt digests
only. The file survives restarts and is shared by all who talk to BMCs: every change happens under a lock, and those that come
together are one write. A file is always whole, so that who only reads needs no lock. While an attempt is made no other task or
process makes one at that BMC: who comes second sees how the first one ended.
Refuses to count attempts that could not fail (offline tests).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.base.file_lock import LOOK_AGAIN, locked, try_lock
from seedvm.base.files import write_private
from seedvm.base.group_commit import Together
from seedvm.base.secret import Secret
from seedvm.base.typed_json import decode, parse_own
from seedvm.site.accounts import Candidate

WINDOW_SECONDS = 3600.0  # the longest lock-out in seedvm.bmc.quirks; a known vendor's own window may be shorter
SAME_PAIR_SECONDS = 86400.0
KEPT_SECONDS = 7 * 86400.0
TURN_SECONDS = 180.0  # longer than any login takes, with what is read in it


@dataclass(frozen=True)
class Attempt:
    """A login that failed, or one that `begun` and was never heard of again because we were killed.

    `digest` is of the password, empty where the account was locked and so nothing was said about it; `until` is when the
    account may be tried again (0: a window after `time`).
    """

    address: str
    user: str
    digest: str
    time: float
    until: float = 0.0
    begun: bool = False


@dataclass(frozen=True)
class Hold:
    """A BMC to which no login is sent until `until`, and why."""

    address: str
    until: float
    why: str


@dataclass(frozen=True)
class _Book:
    """The file; `salt` is hexadecimal. One without `attempts` is not taken for one without failures."""

    salt: str
    attempts: tuple[Attempt, ...]
    holds: tuple[Hold, ...] = ()


_Change = Callable[[_Book], tuple[_Book, Attempt | None]]


class Ledger:
    """Opened by its folder; `window` in seconds where the caller names none."""

    def __init__(self, folder: Path, window: float = WINDOW_SECONDS) -> None:
        self._file = folder / "bmc-ledger.json"
        self._lock = folder / ".bmc-ledger.lock"
        self._turns = folder / "bmc-attempts"
        self._window = window
        self._digests: dict[tuple[str, Secret], str] = {}
        self._disk: Together[_Change, Attempt | None] = Together(self._commit)

    def wait_seconds(self, address: str, user: str, password: Secret) -> float:
        """Seconds until this pair may be tried: 0 means now."""
        return self._wait(self._read(), address, user, password, time.time())

    def locked_seconds(self, address: str, user: str) -> float:
        """Seconds until a lock that the BMC spoke of is over; 0 where it spoke of none."""
        now = time.time()
        rows = [row for row in self._read().attempts if (row.address, row.user, row.digest) == (address, user, "")]
        return max([0.0, *(row.until - now for row in rows)])

    @contextlib.asynccontextmanager
    async def attempt(
        self, address: str, user: str, password: Secret, window: float | None = None
    ) -> AsyncIterator[Charge]:
        """Spend the budget, on disk, before the attempt and give it back if it succeeds; `window` is that of the BMC's vendor.

        It is made alone at that BMC. After a crash in between nobody knows how the attempt ended: the same pair may be tried once
        more, another may not.
        """
        turn = await self._turn(address, user)
        charge = Charge(self._window if window is None else window)
        try:
            entry = await self._disk.do(partial(self._begin, address, user, password))
            yield charge
        finally:
            if charge.outcome is None:
                os.close(turn)
            else:  # the next one may come when it is written down, also where we do not wait for that
                assert entry is not None
                written = asyncio.ensure_future(self._disk.surely(partial(_settle, entry, charge)))
                written.add_done_callback(lambda _: os.close(turn))
                await asyncio.shield(written)

    async def _turn(self, address: str, user: str) -> int:
        """Wait until nobody tries an account of this BMC; the descriptor that keeps it so."""
        deadline = time.monotonic() + TURN_SECONDS
        self._turns.mkdir(mode=0o700, exist_ok=True)
        while (descriptor := try_lock(self._turns / address)) is None:
            if time.monotonic() > deadline:
                why = f"another process has been testing accounts on this BMC for {TURN_SECONDS:.0f} s"
                raise NotNow(address, user, 60.0, why)
            await asyncio.sleep(LOOK_AGAIN)
        return descriptor

    async def hold(self, address: str, seconds: float, why: str) -> None:
        """Send this BMC no login for so long: it blocks us, and every try would start its clock again."""

        def change(book: _Book) -> tuple[_Book, None]:
            others = tuple(hold for hold in book.holds if hold.address != address)
            return replace(book, holds=(*others, Hold(address, time.time() + seconds, why))), None

        await self._disk.surely(change)

    def held(self, address: str) -> Hold | None:
        """The hold on a BMC, None where it may be talked to."""
        return _held(self._read(), address, time.time())

    def failures(self) -> tuple[Attempt, ...]:
        """All failed attempts that are still remembered."""
        return self._read().attempts

    def fingerprint(self, candidates: Iterable[Candidate]) -> str:
        """A digest of these candidates that tells another list from this one and no password."""
        with locked(self._lock):
            book = self._read()
            if not self._file.exists():
                self._write(book)
        text = json.dumps([[candidate.user, candidate.password.reveal()] for candidate in candidates])
        return _digest(book.salt, Secret(text))

    def _commit(self, changes: Sequence[_Change]) -> list[Attempt | Exception | None]:
        """Several changes, each seeing those before it, in one write. What is refused changes nothing."""
        said: list[Attempt | Exception | None] = []
        with locked(self._lock):
            book = before = self._read()
            for change in changes:
                try:
                    book, entry = change(book)
                    said.append(entry)
                except SeedvmError as error:
                    said.append(error)
            if book != before:
                self._write(book)
        return said

    def _begin(self, address: str, user: str, password: Secret, book: _Book) -> tuple[_Book, Attempt]:
        """Note an attempt that is about to be made."""
        now = time.time()
        wait = self._wait(book, address, user, password, now)
        if wait > 0:
            raise NotNow(address, user, wait)
        entry = Attempt(address, user, self._digest(book.salt, password), now, begun=True)
        return replace(book, attempts=(*book.attempts, entry)), entry

    def _wait(self, book: _Book, address: str, user: str, password: Secret, now: float) -> float:
        if hold := _held(book, address, now):
            return hold.until - now
        mine = [row for row in book.attempts if (row.address, row.user) == (address, user)]
        if not mine:
            return 0.0
        digest = self._digest(book.salt, password)
        lost = [row for row in mine if row.begun and row.time + self._window > now]
        if lost and len(lost) == 1 and lost[0].digest == digest:
            mine.remove(lost[0])
        ends = [row.until or row.time + self._window for row in mine]
        ends += [row.time + SAME_PAIR_SECONDS for row in mine if row.digest == digest and not row.begun]
        return max(0.0, *ends, now) - now

    def _digest(self, salt: str, password: Secret) -> str:
        """Made once for each password: it is slow on purpose."""
        key = salt, password
        if key not in self._digests:
            self._digests[key] = _digest(salt, password)
        return self._digests[key]

    def _read(self) -> _Book:
        try:
            book = decode(_Book, parse_own(self._file.read_bytes()), str(self._file))
            if not re.fullmatch(r"([0-9a-f]{2})+", book.salt):
                raise ValueError("its salt is not hexadecimal")
            return book
        except FileNotFoundError:
            return _Book(os.urandom(16).hex(), ())
        except SeedvmError as error:
            why = error.why
        except ValueError as error:
            why = str(error)
        raise SeedvmError(
            f"{self._file} cannot be read",
            why=f"{why}; without this file, an account could be locked",
            hint="restore it from a copy; move it away only if no login was attempted in the last hour",
        )

    def _write(self, book: _Book) -> None:
        oldest = time.time() - KEPT_SECONDS
        rows = [asdict(row) for row in book.attempts if max(row.time, row.until) > oldest]
        holds = [asdict(hold) for hold in book.holds if hold.until > time.time()]
        tree = {"salt": book.salt, "attempts": rows, "holds": holds}
        write_private(self._file, json.dumps(tree, indent=1) + "\n")


BUDGET = "at most one failed login per account and lockout window, to avoid locking the account"


class NotNow(SeedvmError):
    """The budget of this account is spent; `seconds` until there is one again."""

    def __init__(self, address: str, user: str, seconds: float, why: str = BUDGET) -> None:
        super().__init__(
            f"login for {user} postponed",
            machine=address,
            why=why,
            hint=f"run again in {seconds / 60:.0f} minutes",
        )
        self.seconds = seconds


class Charge:
    """An attempt under way: say how it ended. Saying nothing leaves it open."""

    def __init__(self, window: float) -> None:
        self.outcome: str | None = None
        self.until = 0.0
        self.locked = False
        self._window = window

    def succeeded(self) -> None:
        self.outcome = "succeeded"

    def failed(self, locked_seconds: float = 0.0) -> None:
        """The BMC refused; `locked_seconds` if it said for how long the account is locked."""
        self.outcome = "failed"
        self.locked = locked_seconds > 0
        self.until = time.time() + (locked_seconds or self._window)

    def locked_out(self) -> None:
        """The BMC refused a password that is right: the account is locked for as long as the vendor's window."""
        self.failed(self._window)

    def never_arrived(self) -> None:
        """The BMC was not reached or did not judge the password: nothing to count."""
        self.outcome = "nothing"


def _settle(entry: Attempt, charge: Charge, book: _Book) -> tuple[_Book, None]:
    """Note how an attempt ended."""
    rest = [row for row in book.attempts if row != entry]
    if charge.outcome == "failed":
        digest = "" if charge.locked else entry.digest
        rest.append(replace(entry, begun=False, until=charge.until, digest=digest))
    elif charge.outcome == "succeeded":
        rest = [row for row in rest if entry_key(row) != entry_key(entry)]
    return replace(book, attempts=tuple(rest)), None


def _held(book: _Book, address: str, now: float) -> Hold | None:
    return next((hold for hold in book.holds if hold.address == address and hold.until > now), None)


def entry_key(row: Attempt) -> tuple[str, str, str]:
    return row.address, row.user, row.digest


def _digest(salt: str, password: Secret) -> str:
    return hashlib.scrypt(password.reveal().encode(), salt=bytes.fromhex(salt), n=2**12, r=8, p=1, dklen=16).hex()
