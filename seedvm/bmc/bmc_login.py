"""What every login at one BMC needs, in one place: where it is, the ledger that counts, how its clients are made, what is known of it.

Data only: whether and in which order logins are tried is decided in `credentials`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from seedvm.base.secret import Secret
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.quirks import lock_window
from seedvm.bmc.redfish import RedfishBmc

MakeRedfish = Callable[[str, Secret], RedfishBmc]


class BmcProtocol(StrEnum):
    """The protocols that have logins, by their names in the inventory. `redfish-http` there is REDFISH without TLS."""

    REDFISH = "redfish"
    IPMI_20 = "ipmi-2.0"
    IPMI_15 = "ipmi-1.5"


@dataclass(frozen=True)
class BmcLogin:
    """The logins of one BMC. `make` is None where Redfish is not asked; `port` is IPMI's. `vendor` and `opened_by`, the user
    who opened it before, are None where they are not known."""

    address: str
    ledger: Ledger
    make: MakeRedfish | None = None
    port: int = 623
    vendor: str | None = None
    opened_by: str | None = None

    @property
    def window(self) -> float:
        """Seconds after which its locks are over."""
        return lock_window(self.vendor)

    def redfish(self, user: str, password: Secret) -> RedfishBmc:
        """Its Redfish client for one pair."""
        assert self.make is not None
        return self.make(user, password)
