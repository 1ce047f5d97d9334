"""What comes of trying accounts at a BMC: one that is proven, or the reason why there is none. Refuses nothing: data only."""

from __future__ import annotations

from dataclasses import dataclass

from seedvm.base.secret import Secret
from seedvm.bmc.ipmi import Identity
from seedvm.bmc.quirks import Default, default_of
from seedvm.bmc.redfish import System
from seedvm.machines.inventory import Finding
from seedvm.site.accounts import Candidate

EXPIRED = "password-change-required"  # the finding that a new password cures


@dataclass(frozen=True)
class Proven:
    """An account that logged in, and what its first session read. `protocol` is Ironic's driver: "ipmi" or "redfish". `seen` is
    what spoke against the other protocol."""

    user: str
    password: Secret
    protocol: str
    identity: Identity | None = None
    system: System | None = None
    url: str = ""
    seen: tuple[Finding, ...] = ()

    @property
    def default(self) -> Default | None:
        """The factory account that this pair is."""
        return default_of(self.user, self.password.reveal())

    @property
    def clock_ahead(self) -> float | None:
        """Seconds by which the BMC's clock is ahead, if it said."""
        if self.system and self.system.clock_ahead is not None:
            return self.system.clock_ahead
        return self.identity.clock_ahead if self.identity else None


@dataclass(frozen=True)
class Unproven:
    """No account: what happened and what the operator does about it.

    `retry_seconds`: when a new try makes sense by itself; 0 if only other candidates do. `default` is a factory account that
    would open it. `finding` names what was seen to be wrong with the account or the BMC, where it was seen. `pair` is right,
    and may only change its own password.
    """

    reason: str
    cure: str
    retry_seconds: float = 0.0
    default: Default | None = None
    finding: str = ""
    pair: Candidate | None = None

    @property
    def seen(self) -> tuple[Finding, ...]:
        """The reason as a finding, where it is one."""
        return (Finding(self.finding, self.reason, self.cure),) if self.finding else ()


def minutes(seconds: float) -> str:
    """ "5 minutes", rounded up."""
    whole = max(1, -int(-seconds // 60))
    return f"{whole} minute{'' if whole == 1 else 's'}"
