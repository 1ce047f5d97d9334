"""What is wrong with a BMC, seen and not guessed, each with its cure. Refuses findings without something that was seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from seedvm.inventory import Finding


def wire_findings(
    protocols: Sequence[str], facts: Mapping[str, str], now: datetime | None = None
) -> tuple[Finding, ...]:
    """Findings that need no password. `facts` are those of the scan by name; `now` is for tests."""
    found = []
    if "ipmi-1.5" in protocols and "ipmi-2.0" not in protocols and "redfish" not in protocols:
        cure = "update the BMC's firmware; IPMI 1.5 sends passwords that anyone on the wire can replay"
        found.append(Finding("ipmi-1.5-only", "Get Channel Authentication Capabilities names no IPMI 2.0", cure))
    if facts.get("anonymous") == "yes":
        cure = "delete or disable the user without a name in the BMC's user list"
        found.append(Finding("anonymous-user", "the BMC says that it takes a login without a user name", cure))
    if "none" in facts.get("auth-types", "").split(","):
        cure = "turn authentication type none off for the LAN channel"
        found.append(Finding("no-authentication", "the BMC offers sessions without authentication", cure))
    if "redfish-http" in protocols and "redfish" not in protocols:
        found.append(
            Finding("redfish-without-tls", "Redfish answers on plain HTTP only", "turn HTTPS on in the BMC's web page")
        )
    until = facts.get("certificate-until")
    if until and datetime.fromisoformat(until) < (now or datetime.now(UTC)):
        found.append(
            Finding("certificate-expired", f"the certificate ended {until}", "renew the certificate on the BMC")
        )
    return tuple(found)
