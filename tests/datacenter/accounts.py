"""The accounts of one BMC, shared by its protocols: lock-out and address block as vendors document them.

OpenBMC (AccountLockoutThreshold 5, AccountLockoutDuration 300 s; a try while locked starts the time again), iDRAC8 and 9 (three
failures, 600 s; from iDRAC9 on the client's address is blocked). A success takes the count back.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.datacenter.model import Host
from tests.datacenter.record import Record


@dataclass
class _Count:
    failures: int = 0
    locked_until: float = 0.0


class Accounts:
    def __init__(self, host: Host, record: Record) -> None:
        self.host = host
        self.record = record
        self.passwords = dict(host.users)
        self.expired = set(host.users) if host.expired else set()
        self._counts: dict[str, _Count] = {}
        self._sources: dict[str, _Count] = {}
        if host.locked_before:
            until = time.monotonic() + host.lock_seconds
            self._counts = {user: _Count(host.lock_after, until) for user in host.users}

    def locked(self, user: str) -> bool:
        count = self._counts.get(user)
        return bool(count and count.locked_until > time.monotonic())

    def blocks(self, source: str) -> bool:
        count = self._sources.get(source)
        return bool(count and count.locked_until > time.monotonic())

    def judge(self, source: str, protocol: str, user: str, right: bool) -> str:
        """in, wrong, unknown, locked, blocked or expired; counted and noted."""
        outcome = self._judge(source, user, right)
        self.record.login(protocol, user, outcome)
        return outcome

    def _judge(self, source: str, user: str, right: bool) -> str:
        if self.blocks(source):
            return "blocked"
        if self.locked(user):
            self.record.tries_while_locked += 1
            if self.host.restart:
                self._counts[user].locked_until = time.monotonic() + self.host.lock_seconds
            return "locked"
        known = user in self.passwords
        if known and right:
            self._counts.pop(user, None)
            self._sources.pop(source, None)
            return "expired" if user in self.expired else "in"
        self.failed(source, user)
        return "wrong" if known else "unknown"

    def change(self, user: str, password: str) -> None:
        """A new password; one that had to be changed is changed by it (DSP0266 13.2.6)."""
        if password != self.passwords[user]:
            self.expired.discard(user)
        self.passwords[user] = password
        self.record.changes.append(f"password of {user}")

    def failed(self, source: str, user: str) -> None:
        """One more failure of a user, and of the address that it came from."""
        now = time.monotonic()
        if self.host.lock_after and user in self.passwords:
            count = self._counts.setdefault(user, _Count())
            count.failures += 1
            if count.failures >= self.host.lock_after:
                count.locked_until = now + self.host.lock_seconds
                self.record.locked_by_visitor = True
        if self.host.block_after:
            count = self._sources.setdefault(source, _Count())
            count.failures += 1
            if count.failures >= self.host.block_after:
                count.locked_until = now + self.host.lock_seconds
                self.record.blocked_visitor = True
