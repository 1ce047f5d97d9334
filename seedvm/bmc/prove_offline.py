"""IPMI 2.0: one handshake per user tests every candidate password offline, one login confirms the one that is right.

A login that is refused after the password was shown to be right tells a locked or disabled account from a wrong password.
A handshake for a locked account is a try too on some BMCs (OpenBMC asks PAM at RAKP 1): refused ones are not repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.base.tcp import connects
from seedvm.bmc.address_block import block, present
from seedvm.bmc.bmc_login import BmcLogin
from seedvm.bmc.ipmi import read_identity
from seedvm.bmc.ipmi20_session import IpmiRefused, granted_suite, login
from seedvm.bmc.ledger import NotNow
from seedvm.bmc.login_result import Proven, Unproven, minutes
from seedvm.bmc.quirks import Default, default_passwords
from seedvm.bmc.udp import Silent
from seedvm.site.accounts import Candidate
from seedvm.wire import rakp

_CONNECT_SECONDS = 5.0
WEAK = (rakp.STATUS_NO_PRIVILEGE, 0x0B, 0x0E)  # table 13-15: not for this user, no room at this privilege, unsupported


@dataclass
class TriedLogins:
    """What each user's try ended in, for one clear sentence at the end."""

    unknown: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    weak: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    default: Default | None = None


async def prove_ipmi(bmc: BmcLogin, candidates: Sequence[Candidate], *, has_redfish: bool = False) -> Proven | Unproven:
    """One handshake per user, every candidate password tested offline. `has_redfish`: it answers over Redfish as well."""
    notes = TriedLogins()
    for user in dict.fromkeys(one.user for one in candidates):
        own = [one.password for one in candidates if one.user == user]
        passwords = tuple(dict.fromkeys(own + [one.password for one in candidates]))
        try:
            guard = partial(bmc.ledger.attempt, bmc.address, user, window=bmc.window)
            async with login(bmc.address, user, passwords, port=bmc.port, guard=guard) as session:
                identity = await read_identity(session)
                if identity.privilege is None or identity.privilege >= rakp.ADMINISTRATOR:
                    return Proven(user, session.password, "ipmi", identity=identity)
                notes.weak.append(user)
        except IpmiRefused as refused:
            notes.default = notes.default or factory_account(user, refused.exchange)
            if (verdict := _judged(refused, user, bmc, notes)) is not None:
                return verdict
        except Silent as silent:
            if "RAKP 1" not in silent.what:
                return await _silence(bmc, silent, has_redfish)
            notes.silent.append(user)  # some BMCs do not answer for users they do not know
        except NotNow as wait:
            return Unproven(f"{wait.what}: {wait.why}", wait.hint, retry_seconds=wait.seconds)
        except SeedvmError as error:
            return Unproven(f"{error.what}: {error.why}", error.hint)
    return _sum_up(notes, len({one.password for one in candidates}))


def factory_account(user: str, said: rakp.Exchange | None) -> Default | None:
    """The factory password that this user still has, tested offline on an exchange that took place anyway."""
    if said is None:
        return None
    return next((one for one in default_passwords(user) if said.accepts(one.password.encode())), None)


def weak(user: str) -> Unproven:
    """The account is right and may not do what is needed."""
    return Unproven(
        f"user {user} lacks the Administrator privilege",
        f"give {user} the Administrator privilege on the BMC (for IPMI: on the LAN channel)",
        finding="privilege-too-low",
    )


def locked(reason: str, seconds: float) -> Unproven:
    """The account is locked: nothing is tried before the time is over."""
    cure = f"wait {minutes(seconds)}; seedvm does not retry until then, because each attempt would restart the lockout"
    return Unproven(reason, cure, retry_seconds=seconds, finding="account-locked")


def _judged(refused: IpmiRefused, user: str, bmc: BmcLogin, notes: TriedLogins) -> Unproven | None:
    """What a refusal means for the BMC as a whole; None after noting one after which the next user may be asked."""
    if refused.status in WEAK:
        notes.weak.append(user)
    elif refused.proven and refused.status != rakp.STATUS_NO_RESOURCES:
        said = rakp.status_text(refused.status)
        return locked(
            f"the password of {user} is correct, but {refused.what} ({said}): the account is locked or disabled",
            bmc.window,
        )
    elif refused.status == rakp.STATUS_UNKNOWN_USER and user == bmc.opened_by:
        return locked(
            f"user {user} could log in to this BMC before, but the name is refused now: locked, disabled or renamed",
            bmc.window,
        )
    elif refused.status == rakp.STATUS_UNKNOWN_USER:
        notes.unknown.append(user)
    elif refused.status == rakp.STATUS_BAD_INTEGRITY_CHECK:
        notes.wrong.append(user)
    elif refused.status == rakp.STATUS_NO_RESOURCES:
        cure = "wait a few minutes or reset the BMC: all its session slots are in use"
        return Unproven(str(refused), cure, retry_seconds=300, finding="no-session-slot")
    elif refused.status == rakp.STATUS_NO_SUITE:
        return Unproven(str(refused), "enable cipher suite 3 or 17 on the BMC")
    else:
        return Unproven(str(refused), "check the BMC's log; reset the BMC if this continues")
    return None


async def _silence(bmc: BmcLogin, silent: Silent, has_redfish: bool) -> Unproven:
    """Gone, blocking us, or with IPMI sessions turned off: looked at from every side that counts nothing."""
    try:
        await granted_suite(bmc.address, rakp.SUITE_3, port=bmc.port)
    except Silent:
        if await present(bmc.address, bmc.port):
            if not (has_redfish and await _redfish_connects(bmc)):
                why = "the BMC answers the presence ping but no session request: it blocks this address, or IPMI sessions are disabled"
                return await block(bmc.address, why, bmc.window, bmc.ledger)
            cure = "enable IPMI over LAN in the BMC's web interface, or use Redfish only"
            return Unproven("the BMC answers the presence ping but no session request", cure, finding="ipmi-lan-off")
    except SeedvmError:
        pass  # it answers after all: packets were lost
    return Unproven(silent.what, silent.hint, retry_seconds=60)


async def _redfish_connects(bmc: BmcLogin) -> bool:
    return await connects(bmc.address, bmc.redfish("", Secret("")).port, seconds=_CONNECT_SECONDS)


def _sum_up(notes: TriedLogins, passwords: int) -> Unproven:
    if notes.weak:
        return weak(notes.weak[0])
    if notes.wrong:
        users = ", ".join(notes.wrong)
        tested = "1 candidate" if passwords == 1 else f"{passwords} candidates"
        cure = "add the correct password to the candidates, or set one of them on the BMC"
        if notes.default:
            cure = f"the account has {notes.default.vendor}'s factory password: set your own on the BMC, or add that one to the candidates"
        return Unproven(
            f"wrong password for user {users} ({tested} checked without a login)", cure, default=notes.default
        )
    users = ", ".join(notes.unknown + notes.silent)
    if not users:
        return Unproven("there is no password to try", "add a candidate for this BMC")
    cure = "add the correct user name to the candidates; OpenBMC also answers this for a locked user"
    return Unproven(f"the BMC does not know user {users}", cure)
