"""Why a request came to nothing, told apart: only some of it concerns the connection, and only that can be a BMC's block.

Refuses to guess: a fault of the format, of a limit of ours or of a certificate is never called silence.
"""

from __future__ import annotations

from enum import Enum

from seedvm.base.errors import SeedvmError


class Fault(Enum):
    """What went wrong; the value is its cure."""

    REFUSED = "check the BMC's network; some BMCs block an address after failed logins"
    SILENT = "check the BMC's network and its load, then run again"
    CLOSED = "run again; reset the BMC if this continues"
    TLS_CLOSED = "run again; enable HTTPS with TLS 1.2 in the BMC's web interface if this continues"
    TLS = "renew the certificate on the BMC, or update its firmware; check which service listens at this port"
    OLD_TLS = "update the BMC's firmware, or add its address to bmc.allow_old_tls in site.yaml"
    OTHER_CERTIFICATE = "find out which device answers at this address, then scan again"
    SLOW = "reset the BMC if this continues; update its firmware"
    CUT = "run again; update the BMC's firmware if this continues"
    TOO_LARGE = "update the BMC's firmware; report the resource to its vendor"
    NOT_HTTP = "check which service listens at this port; update the BMC's firmware"
    ELSEWHERE = "set the BMC's web interface to answer at this address and port itself"


TURNED_AWAY = (Fault.REFUSED, Fault.SILENT, Fault.CLOSED, Fault.TLS_CLOSED)
ASKED = (Fault.SILENT, Fault.CLOSED, Fault.SLOW, Fault.CUT, Fault.TOO_LARGE, Fault.NOT_HTTP)


class TransportError(SeedvmError):
    """A request without an answer: `fault` says of what kind."""

    def __init__(self, what: str, fault: Fault, *, machine: str, why: str = "") -> None:
        super().__init__(what, machine=machine, why=why, hint=fault.value)
        self.fault = fault

    @property
    def turned_away(self) -> bool:
        """Whether the connection itself was refused, ignored or closed before a byte of an answer."""
        return self.fault in TURNED_AWAY

    @property
    def answer_lost(self) -> bool:
        """Whether the server may have done what was asked, and only its answer is missing."""
        return self.fault in ASKED


class OldTls(TransportError):
    """The server speaks TLS that is too old or too weak for a password; `weakness` says what, as "TLS 1.0 only"."""

    def __init__(self, address: str, weakness: str) -> None:
        super().__init__(
            "its TLS is too old for a login",
            Fault.OLD_TLS,
            machine=address,
            why=weakness,
        )
        self.weakness = weakness
