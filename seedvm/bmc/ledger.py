"""What was tried against which BMC account, on disk, so that no account is ever locked by us.

Budget: one failed attempt per account (address and user) and window. A pair that was refused is not offered again for
a day. Passwords are kept as salted scrypt digests only. The file survives restarts and is shared by all who talk to
BMCs: every read and write happens under a lock. Refuses to count attempts that could not fail (offline tests).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from seedvm.errors import SeedvmError
from seedvm.secret import Candidate, Secret, write_private

WINDOW_SECONDS = 900.0  # iDRAC 600 s, OpenBMC 300 s: longer than both
SAME_PAIR_SECONDS = 86400.0
KEPT_SECONDS = 7 * 86400.0


@dataclass(frozen=True)
class Attempt:
    """A login that failed, or one that `begun` and was never heard of again because we were killed.

    `digest` is of the password, `until` the end of a lock-out that the BMC named.
    """

    address: str
    user: str
    digest: str
    time: float
    until: float = 0.0
    begun: bool = False


class Ledger:
    """Opened by its folder; `window` in seconds."""

    def __init__(self, folder: Path, window: float = WINDOW_SECONDS) -> None:
        self._file = folder / "bmc-ledger.json"
        self._lock = folder / ".bmc-ledger.lock"
        self._window = window

    def wait_seconds(self, address: str, user: str, password: Secret) -> float:
        """Seconds until this pair may be tried: 0 means now."""
        with self._locked():
            return self._wait(address, user, password, time.time())

    @contextlib.contextmanager
    def attempt(self, address: str, user: str, password: Secret) -> Iterator[Charge]:
        """Spend the budget before the attempt and give it back if it succeeds.

        After a crash in between nobody knows how the attempt ended: the same pair may be tried once more, another may not.
        """
        with self._locked():
            now = time.time()
            wait = self._wait(address, user, password, now)
            if wait > 0:
                raise SeedvmError(
                    f"user {user} is not tried now",
                    machine=address,
                    why="one failed login per account and window, so that no account is locked",
                    hint=f"run again in {wait / 60:.0f} minutes",
                )
            salt, attempts = self._read()
            entry = Attempt(address, user, _digest(salt, password), now, begun=True)
            self._write(salt, [*attempts, entry])
        charge = Charge()
        try:
            yield charge
        finally:
            if charge.outcome is not None:
                with self._locked():
                    salt, attempts = self._read()
                    rest = [one for one in attempts if one != entry]
                    if charge.outcome == "failed":
                        rest.append(replace(entry, begun=False, until=charge.until))
                    elif charge.outcome == "succeeded":
                        rest = [one for one in rest if entry_key(one) != entry_key(entry)]
                    self._write(salt, rest)

    def failures(self) -> tuple[Attempt, ...]:
        """All failed attempts that are still remembered."""
        with self._locked():
            return tuple(self._read()[1])

    def fingerprint(self, candidates: Iterable[Candidate]) -> str:
        """A digest of these candidates that tells another list from this one and no password."""
        with self._locked():
            salt, attempts = self._read()
            if not self._file.exists():
                self._write(salt, attempts)
        text = json.dumps([[one.user, one.password.reveal()] for one in candidates])
        return _digest(salt, Secret(text))

    def _wait(self, address: str, user: str, password: Secret, now: float) -> float:
        salt, attempts = self._read()
        mine = [one for one in attempts if (one.address, one.user) == (address, user)]
        if not mine:
            return 0.0
        digest = _digest(salt, password)
        lost = [one for one in mine if one.begun and one.time + self._window > now]
        if lost and len(lost) == 1 and lost[0].digest == digest:
            mine.remove(lost[0])
        ends = [max(one.time + self._window, one.until) for one in mine]
        ends += [one.time + SAME_PAIR_SECONDS for one in mine if one.digest == digest and not one.begun]
        return max(0.0, *ends, now) - now

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _read(self) -> tuple[str, list[Attempt]]:
        try:
            tree = json.loads(self._file.read_text())
            return str(tree["salt"]), [Attempt(**row) for row in tree["attempts"]]
        except FileNotFoundError:
            return os.urandom(16).hex(), []
        except (ValueError, KeyError, TypeError) as error:
            raise SeedvmError(
                f"{self._file} cannot be read",
                why=f"{type(error).__name__}; without it we may lock an account",
                hint="move it away only when no BMC was tried in the last hour",
            ) from None

    def _write(self, salt: str, attempts: list[Attempt]) -> None:
        oldest = time.time() - KEPT_SECONDS
        rows = [asdict(one) for one in attempts if max(one.time, one.until) > oldest]
        write_private(self._file, json.dumps({"salt": salt, "attempts": rows}, indent=1) + "\n")


class Charge:
    """An attempt under way: say how it ended. Saying nothing leaves it open."""

    def __init__(self) -> None:
        self.outcome: str | None = None
        self.until = 0.0

    def succeeded(self) -> None:
        self.outcome = "succeeded"

    def failed(self, locked_seconds: float = 0.0) -> None:
        """The BMC refused; `locked_seconds` if it said for how long the account is locked."""
        self.outcome = "failed"
        self.until = time.time() + locked_seconds if locked_seconds else 0.0

    def never_arrived(self) -> None:
        """The BMC was not reached or did not judge the password: nothing to count."""
        self.outcome = "nothing"


def entry_key(one: Attempt) -> tuple[str, str, str]:
    return one.address, one.user, one.digest


def _digest(salt: str, password: Secret) -> str:
    return hashlib.scrypt(password.reveal().encode(), salt=bytes.fromhex(salt), n=2**12, r=8, p=1, dklen=16).hex()
