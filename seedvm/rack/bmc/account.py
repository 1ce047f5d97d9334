"""Who may come in at a BMC: its account, whose password may be changed, and the lock after too many wrong ones.

As BMCs do: the time of a lock starts again with each try while it lasts (OpenBMC, iDRAC). It refuses to keep a password
anywhere but in the file it is given (0600), so that a changed one outlives the BMC's process.
"""

from __future__ import annotations

import hmac
import time
from pathlib import Path

from seedvm.base.files import write_private
from seedvm.base.secret import Secret


class Door:
    """One account. `lock_after` failures in a row lock it for `lock_seconds`; 0 never does."""

    def __init__(
        self,
        user: str,
        password: Secret,
        *,
        lock_after: int = 0,
        lock_seconds: float = 300.0,
        kept: Path | None = None,
    ) -> None:
        self.user = user
        self.lock_after = lock_after
        self.lock_seconds = lock_seconds
        self.failures = 0
        self._kept = kept
        self._until = 0.0
        self._password = Secret(kept.read_text()) if kept is not None and kept.exists() else password

    @property
    def password(self) -> Secret:
        return self._password

    @property
    def locked(self) -> bool:
        """Whether it is locked now, without trying it."""
        return time.monotonic() < self._until

    def knock(self) -> bool:
        """Whether a try may be judged at all; one while it is locked starts the time again."""
        if self.locked:
            self._until = time.monotonic() + self.lock_seconds
            return False
        return True

    def judge(self, user: str, password: str) -> bool:
        """A try with name and password."""
        right = hmac.compare_digest(f"{self.user}\0{self._password.reveal()}".encode(), f"{user}\0{password}".encode())
        if not self.knock():
            return False
        self.result(right)
        return right

    def result(self, right: bool) -> None:
        """Count a try that was judged elsewhere."""
        self.failures = 0 if right else self.failures + 1
        if self.lock_after and self.failures >= self.lock_after:
            self._until = time.monotonic() + self.lock_seconds
            self.failures = 0

    def change(self, password: Secret) -> None:
        """A new password, kept before it counts."""
        if self._kept is not None:
            write_private(self._kept, password.reveal())
        self._password = password
