"""What is wrong with a BMC, seen and not guessed, each with its cure. Refuses findings without something that was seen."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from seedvm.base.errors import SeedvmError
from seedvm.bmc.findings_redfish import OLD_TLS, old_tls
from seedvm.bmc.ipmi20_session import exchange, granted_suite
from seedvm.bmc.login_result import Proven, Unproven
from seedvm.machines.inventory import Finding
from seedvm.wire import rakp

WIRE = (
    "ipmi-1.5-only",
    "no-authentication",
    "redfish-without-tls",
    OLD_TLS,
    "placeholder-uuid",
    "certificate-expired",
    "redfish-root-closed",
)
CLOCK_SECONDS = 600.0


def wire_findings(
    protocols: Sequence[str], facts: Mapping[str, str], now: datetime | None = None
) -> tuple[Finding, ...]:
    """Findings that need no password. `facts` are those of the scan by name; `now` is for tests."""
    found: list[Finding] = []
    if "ipmi-1.5" in protocols and "ipmi-2.0" not in protocols and "redfish" not in protocols:
        cure = "update the BMC's firmware; IPMI 1.5 sends passwords that anyone on the wire can replay"
        found.append(Finding("ipmi-1.5-only", "Get Channel Authentication Capabilities does not list IPMI 2.0", cure))
    if "none" in facts.get("auth-types", "").split(","):
        cure = "disable authentication type none on the LAN channel"
        found.append(Finding("no-authentication", "the BMC offers sessions without authentication", cure))
    if "redfish-http" in protocols and "redfish" not in protocols:
        found.append(
            Finding(
                "redfish-without-tls", "Redfish answers on plain HTTP only", "enable HTTPS in the BMC's web interface"
            )
        )
    found += old_tls(facts.get(OLD_TLS, ""))
    if number := facts.get("uuid-placeholder"):
        cure = "none needed; set a UUID with the vendor's tool if the machine's boot MAC cannot be learned"
        found.append(
            Finding("placeholder-uuid", f"the UUID {number} is one that firmware puts into many machines", cure)
        )
    until = facts.get("certificate-until")
    if until and datetime.fromisoformat(until) < (now or datetime.now(UTC)):
        found.append(
            Finding("certificate-expired", f"the certificate expired on {until}", "renew the certificate on the BMC")
        )
    if facts.get("redfish-root") == "asks for a login":
        cure = "none needed; update the firmware if a tool fails to find this service"
        found.append(Finding("redfish-root-closed", "the service root requires a login, contrary to DSP0266", cure))
    return tuple(found)


async def login_findings(
    address: str, protocols: Sequence[str], answer: Proven | Unproven, *, port: int = 623
) -> tuple[Finding, ...]:
    """Findings that need the BMC's word: each is seen in an answer of this BMC, none is taken from a vendor's reputation.

    Costs two handshakes over IPMI 2.0, both given back; no password leaves but by the offline test of an empty one.
    """
    found: list[Finding] = list(answer.seen)
    if "ipmi-2.0" in protocols and not (isinstance(answer, Unproven) and answer.retry_seconds):
        found += [one for one in (await _cipher_zero(address, port), await _anonymous(address, port)) if one]
    if answer.default:
        cure = f"set your own password for {answer.default.user} on the BMC"
        detail = (
            f"user {answer.default.user} has the factory password of {answer.default.vendor} ({answer.default.source})"
        )
        found.append(Finding("default-password", detail, cure))
    if isinstance(answer, Proven) and answer.system and answer.system.ipmi_lan is False:
        cure = "none needed while Redfish works; enable it in the BMC's network settings if a tool needs IPMI"
        found.append(Finding("ipmi-lan-off", "Redfish reports that IPMI over LAN is disabled", cure))
    ahead = answer.clock_ahead if isinstance(answer, Proven) else None
    if ahead is not None and abs(ahead) > CLOCK_SECONDS:
        way = "ahead" if ahead > 0 else "behind"
        cure = "set the BMC's clock, preferably by NTP and in UTC; certificates and logs depend on it"
        found.append(Finding("clock-off", f"the BMC's clock is {abs(ahead) / 60:.0f} minutes {way}", cure))
    return tuple(found)


async def _cipher_zero(address: str, port: int) -> Finding | None:
    """Cipher suite 0, judged by the suite that is granted and not by the status byte."""
    with contextlib.suppress(SeedvmError):
        said = await granted_suite(address, rakp.SUITE_0, port=port)
        if not said.status and said.grants(rakp.SUITE_0):
            cure = "disable cipher suite 0 on the LAN channel (for example ipmitool lan set 1 cipher_privs Xaaaaaaaaaaaaaa)"
            return Finding(
                "cipher-0",
                "cipher suite 0 is enabled: anyone who knows a user name can log in without a password",
                cure,
            )
    return None


async def _anonymous(address: str, port: int) -> Finding | None:
    """The user without a name, with an empty password, tested offline."""
    with contextlib.suppress(SeedvmError):
        said = await exchange(address, "", port=port)
        if said.accepts(b""):
            cure = "delete or disable the user with the empty name in the BMC's user list"
            return Finding("anonymous-user", "the BMC accepts a login with an empty user name and password", cure)
    return None
