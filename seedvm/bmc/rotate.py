"""Changes a BMC's password so that no crash at any point can lose it.

Both passwords are on the disk before the BMC gets the new one; the old one goes when a fresh login over every proven protocol has
shown that the new one is in force. A failure restores the old one over the session that is still open. What was cut
off is settled by the next run, by looking which of the two opens the BMC. Refuses to begin before an older change is settled.
"""

from __future__ import annotations

import itertools
import secrets as randomness
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.bmc.account import Access, NotTaken
from seedvm.bmc.ledger import NotNow
from seedvm.bmc.quirks import PasswordRule
from seedvm.site.accounts import Candidate, Rotation
from seedvm.site.secrets_file import end_rotation, load_rotations, store_rotation

CONFUSING = "0O1lI"
Tell = Callable[[Candidate], Awaitable[None]]


class RolledBack(SeedvmError):
    """The change failed and the old password is in force, as a login has shown."""


@dataclass(frozen=True)
class Store:
    """secrets.yaml, for one BMC."""

    file: Path
    address: str

    def pending(self) -> Rotation | None:
        return load_rotations(self.file).get(self.address)

    def keep(self, rotation: Rotation) -> None:
        store_rotation(self.file, self.address, rotation)

    def end(self, user: str, password: Secret) -> None:
        end_rotation(self.file, self.address, Candidate(user, password))


def new_password(rule: PasswordRule, longest: int) -> Secret:
    """A password of its own for one BMC: as long as its rule and `longest` allow, of every class, easy to read aloud."""
    length = min(rule.most, longest)
    classes = ["".join(one for one in text if one not in CONFUSING) for text in rule.classes]
    every = "".join(classes)
    while True:
        text = "".join(randomness.choice(every) for _ in range(length))
        varied = all(any(one in text for one in part) for part in classes)
        if varied and text[0].isalnum() and all(a != b for a, b in itertools.pairwise(text)):
            return Secret(text)


async def rotate(access: Access, old: Secret, rule: PasswordRule, store: Store, tell: Tell) -> None:
    """A new password in force and proven, or RolledBack, or SeedvmError with both passwords kept for the next run.

    `tell` passes the proven account on to whoever else holds it; it may be called again after a crash.
    """
    if (pending := store.pending()) is not None:
        if await settle(access, pending, store, tell):
            return
        old = pending.old
    rotation = Rotation(access.user, old, new_password(rule, await access.longest(old)))
    async with access.change(old) as change:
        store.keep(rotation)
        why = "a fresh login with the new password failed"
        try:
            await change(rotation.new)
        except NotTaken as error:
            why = error.why
        else:
            store.keep(replace(rotation, sent=True))
            if await access.opens(rotation.new):
                await _finish(rotation, store, tell)
                return
            await change(old)
            store.keep(rotation)
    await _back(access, rotation, store, why)


async def settle(access: Access, rotation: Rotation, store: Store, tell: Tell) -> bool:
    """End a change that was cut off: True where the new password is in force, False where the old one is."""
    likely = (rotation.new, rotation.old) if rotation.sent else (rotation.old, rotation.new)
    for password in likely:
        if not await access.first_opens(password):
            continue
        if await access.opens(password):
            if password == rotation.new:
                await _finish(rotation, store, tell)
                return True
            store.end(rotation.user, rotation.old)
            return False
        async with access.change(password) as change:  # its protocols disagree: back to where all agreed
            await change(rotation.old)
        if await access.opens(rotation.old):
            store.end(rotation.user, rotation.old)
            return False
    raise SeedvmError(
        "the BMC accepts neither the old nor the new password",
        machine=access.address,
        why="the password has also been changed by someone else",
        hint="both passwords are in secrets.yaml under 'rotating'; set one of them on the BMC and run again",
    )


async def _finish(rotation: Rotation, store: Store, tell: Tell) -> None:
    await tell(Candidate(rotation.user, rotation.new))
    store.end(rotation.user, rotation.new)


async def _back(access: Access, rotation: Rotation, store: Store, why: str) -> None:
    """See that the old password is in force again, and say why."""
    try:
        there = await access.opens(rotation.old)
    except NotNow as wait:
        raise SeedvmError(
            "the password change was rolled back; the rollback is not verified yet",
            machine=access.address,
            why=f"{why}; at most one failed login per lockout window",
            hint=f"run again in {wait.seconds / 60:.0f} minutes; both passwords are kept in secrets.yaml",
        ) from None
    if not there:
        raise SeedvmError(
            "the BMC no longer accepts the old password",
            machine=access.address,
            why=why,
            hint="run again: both passwords are in secrets.yaml under 'rotating'",
        )
    store.end(rotation.user, rotation.old)
    raise RolledBack("the password was not changed", machine=access.address, why=why, hint="check the BMC's log")
