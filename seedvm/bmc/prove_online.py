"""Where nothing can be tested offline (Redfish, IPMI 1.5): at most one failed attempt per account and window, from the ledger."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from seedvm.base.errors import SeedvmError
from seedvm.bmc.address_block import block, present
from seedvm.bmc.bmc_login import BmcLogin
from seedvm.bmc.findings_redfish import OLD_TLS, SEVERAL, UNUSABLE, redfish_findings
from seedvm.bmc.ipmi import read_identity
from seedvm.bmc.ipmi15_session import NoProof, Unheard, login15
from seedvm.bmc.ipmi20_session import IpmiRefused
from seedvm.bmc.ledger import Charge, NotNow
from seedvm.bmc.login_result import EXPIRED, Proven, Unproven, minutes
from seedvm.bmc.prove_offline import locked, weak
from seedvm.bmc.redfish import RedfishBmc
from seedvm.bmc.redfish_errors import (
    Busy,
    PasswordChangeRequired,
    RedfishUnreachable,
    SessionRefused,
    SeveralSystems,
    Unauthorized,
)
from seedvm.bmc.udp import Silent
from seedvm.site.accounts import Candidate
from seedvm.transport.errors import OldTls
from seedvm.wire import rakp

Attempt = Callable[[Candidate], Awaitable[Proven | Unproven]]
WRONG = "wrong user or password"
READ_ONLY = ("ReadOnly",)


async def prove_redfish(
    bmc: BmcLogin, candidates: Sequence[Candidate], elsewhere: Sequence[Candidate] = ()
) -> Proven | Unproven:
    """Pairs that opened other BMCs of the site go first."""

    async def attempt(candidate: Candidate) -> Proven | Unproven:
        return await try_redfish(bmc, candidate)

    return await _one_by_one(bmc, candidates, attempt, elsewhere, "Redfish")


async def prove_ipmi15(
    bmc: BmcLogin, candidates: Sequence[Candidate], elsewhere: Sequence[Candidate] = ()
) -> Proven | Unproven:
    """As over Redfish; a password that IPMI 1.5 cannot hold is not tried."""

    async def attempt(candidate: Candidate) -> Proven | Unproven:
        return await _try_ipmi15(bmc, candidate)

    short = [one for one in candidates if len(one.password.reveal().encode()) <= 16 and len(one.user.encode()) <= 16]
    return await _one_by_one(bmc, short, attempt, elsewhere, "IPMI 1.5")


async def try_redfish(bmc: BmcLogin, candidate: Candidate) -> Proven | Unproven:
    """One login, counted. The reason begins with WRONG when the pair is wrong and another candidate may be tried.

    A block is what concerns the connection alone, and never what happens after the login has gone through.
    """
    user = candidate.user
    client = bmc.redfish(user, candidate.password)
    try:
        async with bmc.ledger.attempt(bmc.address, user, candidate.password, bmc.window) as charge:
            try:
                return await _read(client, candidate, charge)
            except PasswordChangeRequired as error:
                charge.succeeded()
                return Unproven(f"{error.what}: {error.why}", error.hint, 60, finding=EXPIRED, pair=candidate)
            except SeedvmError as error:
                if charge.outcome == "succeeded":
                    return _unread(error)
                return await _not_logged_in(bmc, user, charge, error)
    except NotNow as wait:
        return Unproven(f"{wait.what}: {wait.why}", wait.hint, retry_seconds=wait.seconds)


async def _read(client: RedfishBmc, candidate: Candidate, charge: Charge) -> Proven | Unproven:
    async with client.session():
        await client.prove_login()
        charge.succeeded()
        system = await client.system()
        if await client.role() in READ_ONLY:
            return weak(candidate.user)
    seen = redfish_findings(client.doubts, client.weakness)
    return Proven(candidate.user, candidate.password, "redfish", system=system, url=client.url, seen=seen)


async def _not_logged_in(bmc: BmcLogin, user: str, charge: Charge, error: SeedvmError) -> Unproven:
    """Why a login did not go through, and whether it counts as failed."""
    match error:
        case Unauthorized():
            charge.failed(error.locked_seconds)
            if error.locked_seconds:
                return locked(f"user {user} is locked", error.locked_seconds)
            return Unproven(f"{WRONG}: {error.what}" if isinstance(error, SessionRefused) else WRONG, "")
        case Busy():
            charge.never_arrived()
            return Unproven(f"{error.what}: {error.why}", error.hint, retry_seconds=error.seconds)
        case OldTls():
            charge.never_arrived()
            return Unproven(
                f"{error.what}: {error.why}", error.hint, 60, finding=OLD_TLS
            )  # the site may allow it by then
    charge.never_arrived()
    if isinstance(error, RedfishUnreachable):
        if await present(bmc.address):
            why = "the BMC answers the presence ping, but Redfish accepts no connection: it blocks this address or is restarting"
            return await block(bmc.address, why, bmc.window, bmc.ledger)
        return Unproven(f"{error.what}: {error.why}", error.hint, retry_seconds=60)
    return _unread(error)


def _unread(error: SeedvmError) -> Unproven:
    """The service answers, and what it answers cannot be used."""
    why = f"{error.what}: {error.why}" if error.why else error.what
    seconds = error.seconds if isinstance(error, Busy) else 60
    if isinstance(error, Busy | RedfishUnreachable):
        return Unproven(why, error.hint, retry_seconds=seconds)
    name = SEVERAL if isinstance(error, SeveralSystems) else UNUSABLE
    return Unproven(why, error.hint, retry_seconds=seconds, finding=name)


async def _try_ipmi15(bmc: BmcLogin, candidate: Candidate) -> Proven | Unproven:
    user = candidate.user
    guard = partial(bmc.ledger.attempt, bmc.address, user, window=bmc.window)
    try:
        async with login15(bmc.address, user, candidate.password, port=bmc.port, guard=guard) as session:
            identity = await read_identity(session)
            if identity.privilege is not None and identity.privilege < rakp.ADMINISTRATOR:
                return weak(user)
            return Proven(user, candidate.password, "ipmi", identity=identity)
    except Unheard:
        return Unproven(WRONG, "")
    except IpmiRefused as refused:
        if refused.status == rakp.STATUS_UNKNOWN_USER:
            return Unproven(WRONG, "")  # by name alone: no password left, nothing was counted
        if refused.status == rakp.STATUS_NO_PRIVILEGE:
            return weak(user)
        return Unproven(
            str(refused), "wait a few minutes or reset the BMC", retry_seconds=300, finding="no-session-slot"
        )
    except NoProof as error:
        cure = "enable MD5 and disable authentication type none on the LAN channel"
        return Unproven(f"{error.what}: {error.why}", cure)
    except NotNow as wait:
        return Unproven(f"{wait.what}: {wait.why}", wait.hint, retry_seconds=wait.seconds)
    except Silent as error:
        return Unproven(f"{error.what}: {error.why}", error.hint, retry_seconds=60)
    except SeedvmError as error:
        return Unproven(f"{error.what}: {error.why}", error.hint)


async def _one_by_one(
    bmc: BmcLogin,
    candidates: Sequence[Candidate],
    attempt: Attempt,
    elsewhere: Sequence[Candidate],
    protocol: str,
) -> Proven | Unproven:
    """Try what the budget allows, best chances first."""
    order = [*(one for one in elsewhere if one in candidates), *candidates]
    wrong: list[str] = []
    wait, told = 0.0, ""
    for candidate in dict.fromkeys(order):
        if lock := bmc.ledger.locked_seconds(bmc.address, candidate.user):
            return locked(f"user {candidate.user} is locked", lock)
        seconds = bmc.ledger.wait_seconds(bmc.address, candidate.user, candidate.password)
        if seconds > 0:
            wait = min(wait, seconds) if wait else seconds
            continue
        answer = await attempt(candidate)
        if isinstance(answer, Proven) or not answer.reason.startswith(WRONG):
            return answer
        wrong.append(candidate.user)
        told = answer.reason.removeprefix(WRONG).removeprefix(": ") or told
    if not candidates:
        return Unproven("there is no password to try", "add a candidate for this BMC")
    users = ", ".join(dict.fromkeys(wrong or [one.user for one in candidates]))
    if wait and len({one.user for one in candidates}) < len(candidates):
        return Unproven(
            f"{told + '; ' if told else ''}{protocol} refused {users}; the next candidate is postponed to avoid locking the account",
            f"run again in {minutes(wait)}, or list only the correct password",
            retry_seconds=wait,
        )
    wrong_for = f"{told}; probably a wrong password for {users}" if told else f"wrong password for {users}"
    return Unproven(
        wrong_for,
        "add the correct password to the candidates, or set this one on the BMC and wait a day",
    )
