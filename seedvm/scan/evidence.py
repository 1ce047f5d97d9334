"""What is known of a BMC, each fact with the packet it came from and the time. Refuses facts without a source."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from seedvm.base.typed_json import decode

IPMI_15 = "ipmi-1.5"
IPMI_20 = "ipmi-2.0"
REDFISH = "redfish"
REDFISH_CLEAR = "redfish-http"
PROOFS = ("asf-enterprise", "auth-types", "redfish-version", "redfish-root")
REMARK = "remark"
OLD_TLS = "old-tls"


def now() -> str:
    """The time as evidence has it: RFC 3339, UTC, milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class Evidence:
    """One fact: its name, its value as text, the packet that said so, and when (RFC 3339, UTC)."""

    fact: str
    value: str
    source: str
    time: str


@dataclass(frozen=True)
class HostRemark:
    """What is odd about a host, in a line; `time` as evidence has it. Of a BMC it is kept among its evidence."""

    address: str
    text: str
    time: str

    @property
    def evidence(self) -> Evidence:
        return Evidence(REMARK, self.text, "scan", self.time)

    def to_json(self) -> dict[str, object]:
        return {"address": self.address, "text": self.text, "time": self.time}

    @classmethod
    def from_json(cls, tree: object) -> HostRemark:
        """The inverse of `to_json`; raises SeedvmError for what it did not write."""
        return decode(cls, tree, "a remark of the scan")


@dataclass(frozen=True)
class Bmc:
    """A BMC as the wire shows it, `also` its other addresses. Nothing here needed a password."""

    address: str
    protocols: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    also: tuple[str, ...] = ()

    def fact(self, name: str) -> str | None:
        """The latest value of a fact, None when nobody said."""
        return next((e.value for e in reversed(self.evidence) if e.fact == name), None)

    def facts(self, name: str) -> tuple[str, ...]:
        """All different values of a fact in the order they came: more than one is a contradiction."""
        return tuple(dict.fromkeys(e.value for e in self.evidence if e.fact == name))

    @property
    def answered(self) -> bool:
        """It answered a question put to itself; what only announces a service may be anything."""
        return any(one.fact in PROOFS for one in self.evidence)

    def with_(self, protocols: Iterable[str] = (), evidence: Iterable[Evidence] = ()) -> Bmc:
        """This BMC with more known of it; a fact said twice by the same source is kept once."""
        seen = {(e.fact, e.value, e.source) for e in self.evidence}
        new = tuple(e for e in evidence if (e.fact, e.value, e.source) not in seen)
        known = tuple(sorted({*self.protocols, *protocols}))
        return replace(self, protocols=known, evidence=self.evidence + new)

    def to_json(self) -> dict[str, object]:
        rows = [{"fact": e.fact, "value": e.value, "source": e.source, "time": e.time} for e in self.evidence]
        return {
            "address": self.address,
            "also": list(self.also),
            "protocols": list(self.protocols),
            "evidence": rows,
        }

    @classmethod
    def from_json(cls, tree: object) -> Bmc:
        """The inverse of `to_json`; raises SeedvmError for what it did not write."""
        return decode(cls, tree, "a BMC of the scan")
