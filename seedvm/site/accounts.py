"""BMC accounts as the operator gives them, and a change of one that has not come to its end."""

from __future__ import annotations

from dataclasses import dataclass

from seedvm.base.secret import Secret


@dataclass(frozen=True)
class Candidate:
    """A BMC account to try: user name and password."""

    user: str
    password: Secret


@dataclass(frozen=True)
class Rotation:
    """A BMC password that is being changed: while this stands in the file either of the two may be in force.

    `sent` is set once the BMC was told the new one.
    """

    user: str
    old: Secret
    new: Secret
    sent: bool = False
