"""What is wrong with a BMC's Redfish service as a login saw it, each with its cure. Refuses findings without something that was seen."""

from __future__ import annotations

from collections.abc import Mapping

from seedvm.machines.inventory import Finding
from seedvm.transport.errors import Fault

OLD_TLS, SEVERAL, UNUSABLE = "old-tls", "several-systems", "redfish-unusable"
CURES = {
    "redfish-part-unread": "none needed for a login; update the BMC's firmware, or reset the BMC, to have this read",
    "session-not-named": "none needed: the session ends by the BMC's own time limit; update its firmware if it runs out of sessions",
}


def redfish_findings(doubts: Mapping[str, str], weakness: str) -> tuple[Finding, ...]:
    """Of a client's doubts (their keys begin with the finding's name) and what is weak about its TLS."""
    found = [Finding(key.partition(" ")[0], detail, CURES[key.partition(" ")[0]]) for key, detail in doubts.items()]
    return (*found, *old_tls(weakness))


def old_tls(weakness: str) -> tuple[Finding, ...]:
    """The finding of a server whose TLS is too old for a password, as "TLS 1.0 only"; none where nothing is weak."""
    detail = f"the BMC's TLS is too old for a password: {weakness}"
    return (Finding(OLD_TLS, detail, Fault.OLD_TLS.value),) if weakness else ()
