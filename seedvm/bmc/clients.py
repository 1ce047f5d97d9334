"""From a machine of the inventory to the clients of its BMC, and back: what came of proving its account.

Refuses protocols that no login was proven by.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from seedvm.base.addresses import parse
from seedvm.base.secret import Secret
from seedvm.bmc.account import BmcAccess
from seedvm.bmc.bmc_login import BmcLogin, BmcProtocol
from seedvm.bmc.credentials import prove, still_opens
from seedvm.bmc.findings import WIRE, login_findings
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.login_result import EXPIRED, Proven, Unproven
from seedvm.bmc.quirks import vendor
from seedvm.bmc.rate_limit import RateLimit
from seedvm.bmc.redfish import RedfishBmc
from seedvm.machines.inventory import KnownMachine
from seedvm.site.accounts import Candidate
from seedvm.site.model import AddressSet

NONE = AddressSet()
IMAGE = "x86_64"  # the golden image's architecture


@dataclass(frozen=True)
class BmcPorts:
    """Where BMCs listen: IPMI by UDP, Redfish with and without TLS by TCP. `old_tls` are the addresses that may get a password over TLS
    that is too old for one."""

    ipmi: int = 623
    redfish: int = 443
    redfish_clear: int = 80
    old_tls: AddressSet = NONE


def redfish_of(machine: KnownMachine, ports: BmcPorts, user: str, password: Secret) -> RedfishBmc:
    """Its Redfish service, pinned to the certificate of the discovery."""
    tls = "redfish" in machine.protocols or "redfish-http" not in machine.protocols
    port = ports.redfish if tls else ports.redfish_clear
    old_tls = parse(machine.bmc) in ports.old_tls
    return RedfishBmc(machine.bmc, user, password, port=port, tls=tls, pin=machine.certificate, old_tls=old_tls)


def login_of(machine: KnownMachine, ledger: Ledger, ports: BmcPorts) -> BmcLogin:
    """The logins of its BMC."""
    make = partial(redfish_of, machine, ports)
    return BmcLogin(machine.bmc, ledger, make, ports.ipmi, machine.vendor, machine.proven_user)


def proven_by(machine: KnownMachine) -> BmcProtocol:
    """The protocol by which its account was proven: the one by which it is tested again."""
    if machine.driver == "redfish":
        return BmcProtocol.REDFISH
    return BmcProtocol.IPMI_15 if machine.old_ipmi else BmcProtocol.IPMI_20


def access_of(machine: KnownMachine, user: str, ledger: Ledger, pace: RateLimit, ports: BmcPorts) -> BmcAccess:
    """The account over every protocol that it was proven by: IPMI 2.0 always comes first, Redfish where it is the driver."""
    some_ipmi = BmcProtocol.IPMI_20 in machine.protocols or machine.old_ipmi
    redfish = machine.driver not in (None, "ipmi") or (machine.driver is None and not some_ipmi)
    old = BmcProtocol.IPMI_15 if machine.old_ipmi and not redfish else None
    ipmi = BmcProtocol.IPMI_20 if BmcProtocol.IPMI_20 in machine.protocols else old
    make = partial(redfish_of, machine, ports) if redfish else None
    return BmcAccess(machine.bmc, user, ledger, pace, ipmi, make, vendor=machine.vendor, port=ports.ipmi)


def expired(machine: KnownMachine) -> bool:
    """Whether its account demands a new password before anything else."""
    return any(one.name == EXPIRED for one in machine.findings)


async def opens(
    machine: KnownMachine,
    pair: Candidate,
    ledger: Ledger,
    pace: RateLimit,
    ports: BmcPorts,
    *,
    gate: asyncio.Semaphore | None = None,
) -> bool:
    """Whether a proven pair still opens it, be it only to change its password. Raises SeedvmError where that is not tried or not told.
    `gate` is as for `identify`."""
    turn = pace.turn(machine.bmc) if machine.old_ipmi else contextlib.nullcontext()
    async with turn, gate or contextlib.nullcontext():
        return await still_opens(login_of(machine, ledger, ports), pair, proven_by(machine))


async def identify(
    machine: KnownMachine,
    candidates: Sequence[Candidate],
    ledger: Ledger,
    pace: RateLimit,
    ports: BmcPorts,
    *,
    elsewhere: Sequence[Candidate] = (),
    gate: asyncio.Semaphore | None = None,
) -> tuple[KnownMachine, Proven | Unproven]:
    """Prove one of the candidates, look for what is wrong with the BMC, and note the findings on the machine. `gate` limits how
    many are asked at once; nobody waits in it for a BMC's pace."""
    talks_ipmi = any(one.startswith("ipmi") for one in machine.protocols)
    turn = pace.turn(machine.bmc) if talks_ipmi else contextlib.nullcontext()
    async with turn, gate or contextlib.nullcontext():
        answer = await prove(login_of(machine, ledger, ports), machine.protocols, candidates, elsewhere)
        found = await login_findings(machine.bmc, machine.protocols, answer, port=ports.ipmi)
    seen = {one.name for one in found}
    kept = tuple(one for one in machine.findings if one.name in WIRE and one.name not in seen)
    return replace(machine, findings=kept + found), answer


def with_account(machine: KnownMachine, answer: Proven) -> KnownMachine:
    """The machine with the account that opened it and what it said of itself."""
    changed = replace(
        machine,
        proven_user=answer.user,
        driver=answer.protocol,
        unfit_reason=None,
        cure=None,
        tried=None,
        retry_at=None,
    )
    if answer.identity:
        changed = replace(
            changed,
            guid=answer.identity.guid.hex() or machine.guid,
            power=answer.identity.power.noted,
            vendor=machine.vendor or vendor(answer.identity.manufacturer),
        )
    if system := answer.system:
        changed = replace(
            changed,
            redfish_url=answer.url,
            redfish_system=system.path,
            uuid=system.uuid or machine.uuid,
            serial=system.serial or machine.serial,
            vendor=system.manufacturer or machine.vendor,
            model=system.model or machine.model,
            power=system.power.noted,
            macs=system.macs,
        )
        if system.boot_nic.mac and changed.boot_mac is None:
            changed = replace(changed, boot_mac=system.boot_nic.mac, boot_mac_source="Redfish EthernetInterfaces")
        if system.architecture not in ("", IMAGE):
            reason = f"Redfish reports {system.architecture} processors, but the image is for {IMAGE}"
            changed = replace(changed, unfit_reason=reason, cure="exclude the machine")
    return changed


def without_account(machine: KnownMachine, answer: Unproven, tried: str) -> KnownMachine:
    """The machine with the reason why it cannot be used. An account that may only change its password is kept: `rotate` does it."""
    retry_at = time.time() + answer.retry_seconds if answer.retry_seconds > 0 else None
    return replace(
        machine,
        proven_user=answer.pair.user if answer.pair else None,
        driver="redfish" if answer.pair else None,
        unfit_reason=answer.reason,
        cure=answer.cure,
        tried=tried,
        retry_at=retry_at,
    )
