"""Proves one account per BMC without ever locking one.

IPMI 2.0: one handshake per user tests every candidate password offline; only a password that the BMC itself has shown
to know leaves, in one confirming login on the same handshake. Redfish is tried with the proven pair; where Redfish is
all there is, each account gets one attempt per window, counted in the ledger. Refuses addresses it is not given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from seedvm.bmc.ipmi import Identity, read_identity
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.link import Silent
from seedvm.bmc.quirks import Default, default_of, default_passwords
from seedvm.bmc.redfish import PasswordChangeRequired, RedfishBmc, System, Unauthorized
from seedvm.bmc.session import Refused, exchange, login
from seedvm.errors import SeedvmError
from seedvm.secret import Candidate, Secret
from seedvm.wire import rakp

MakeRedfish = Callable[[str, Secret], RedfishBmc]


@dataclass(frozen=True)
class Proven:
    """An account that logged in, and what its first session read."""

    user: str
    password: Secret
    protocol: str
    identity: Identity | None = None
    system: System | None = None
    url: str = ""

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
    """No account: what happened and what the operator does about it. `default` is a factory account that would open it."""

    reason: str
    cure: str
    retry_seconds: float = 0.0
    default: Default | None = None


@dataclass
class _Notes:
    """What each user's try ended in, for one clear sentence at the end."""

    unknown: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    weak: list[str] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    default: Default | None = None


async def prove_ipmi(
    address: str, candidates: Sequence[Candidate], ledger: Ledger, *, port: int = 623
) -> Proven | Unproven:
    """One handshake per user, every candidate password tested offline."""
    notes = _Notes()
    for user in dict.fromkeys(one.user for one in candidates):
        own = [one.password for one in candidates if one.user == user]
        passwords = tuple(dict.fromkeys(own + [one.password for one in candidates]))
        try:
            guard = partial(ledger.attempt, address, user)
            async with login(address, user, passwords, port=port, guard=guard) as session:
                identity = await read_identity(session, address)
                if identity.privilege is None or identity.privilege >= rakp.ADMINISTRATOR:
                    return Proven(user, session.password, "ipmi", identity=identity)
                notes.weak.append(user)
        except Refused as refused:
            notes.default = notes.default or factory_account(user, refused.exchange)
            if not _noted(refused.status, user, notes):
                return Unproven(str(refused), _cure(refused.status))
        except Silent as silent:
            if "RAKP 1" not in silent.what:
                return Unproven(silent.what, silent.hint, retry_seconds=60)
            notes.silent.append(user)  # some BMCs do not answer for users they do not know
        except SeedvmError as error:
            return Unproven(f"{error.what}: {error.why}", error.hint)
    return _sum_up(notes, len({one.password for one in candidates}))


async def prove_redfish(
    address: str,
    candidates: Sequence[Candidate],
    ledger: Ledger,
    make: MakeRedfish,
    *,
    elsewhere: Sequence[Candidate] = (),
) -> Proven | Unproven:
    """At most one failed attempt per account and window; pairs that opened other BMCs of the site go first."""
    order = [*(one for one in elsewhere if one in candidates), *candidates]
    wrong: list[str] = []
    wait = 0.0
    for candidate in dict.fromkeys(order):
        seconds = ledger.wait_seconds(address, candidate.user, candidate.password)
        if seconds > 0:
            wait = min(wait, seconds) if wait else seconds
            continue
        answer = await try_redfish(address, candidate, ledger, make)
        if isinstance(answer, Proven):
            return answer
        if answer.retry_seconds > 0:
            return answer
        wrong.append(candidate.user)
    users = ", ".join(dict.fromkeys(wrong or [one.user for one in candidates]))
    if not candidates:
        return Unproven("there is no password to try", "add a candidate for this BMC")
    if wait and len({one.user for one in candidates}) < len(candidates):
        return Unproven(
            f"Redfish refused {users}; the next candidate waits so that the account is not locked",
            f"run again in {wait / 60:.0f} minutes, or give the right password alone",
            retry_seconds=wait,
        )
    return Unproven(
        f"wrong password for {users}",
        "add the right password to the candidates, or set this one on the BMC and wait a day",
    )


async def prove(
    address: str,
    protocols: Sequence[str],
    candidates: Sequence[Candidate],
    ledger: Ledger,
    make: MakeRedfish,
    **options: Any,
) -> Proven | Unproven:
    """The best account there is: IPMI first because it is free of risk, then Redfish with the pair that IPMI proved.

    `options`: `port` for IPMI, `elsewhere` for pairs that opened other BMCs.
    """
    redfish = any(one.startswith("redfish") for one in protocols)
    if "ipmi-2.0" in protocols:
        answer = await prove_ipmi(address, candidates, ledger, port=options.get("port", 623))
        if isinstance(answer, Unproven) or not redfish:
            return answer
        both = await try_redfish(address, Candidate(answer.user, answer.password), ledger, make)
        return replace(both, identity=answer.identity) if isinstance(both, Proven) else answer
    if redfish:
        return await prove_redfish(address, candidates, ledger, make, elsewhere=options.get("elsewhere", ()))
    if "ipmi-1.5" in protocols:
        return Unproven(
            "this BMC speaks IPMI 1.5 only, where every wrong password counts",
            "update its firmware to IPMI 2.0 or Redfish",
        )
    return Unproven("something answers here that is neither IPMI nor Redfish", "take the address out of the BMC ranges")


async def still_opens(
    address: str, pair: Candidate, ledger: Ledger, make: MakeRedfish | None, *, port: int = 623
) -> bool:
    """Whether a proven pair still opens the BMC. Over IPMI (`make` is None) this is an offline test: nothing is logged in."""
    if make is None:
        try:
            said = await exchange(address, pair.user, port=port)
        except Refused:
            return False
        return rakp.first_accepted(said, (pair.password,)) is not None
    with ledger.attempt(address, pair.user, pair.password) as charge:
        try:
            await make(pair.user, pair.password).get("/redfish/v1/Systems")
        except Unauthorized as error:
            charge.failed(error.locked_seconds)
            return False
        except SeedvmError:
            charge.never_arrived()
            raise
        charge.succeeded()
        return True


async def try_redfish(address: str, candidate: Candidate, ledger: Ledger, make: MakeRedfish) -> Proven | Unproven:
    """One login, counted. `retry_seconds` is 0 when the pair is wrong and another candidate may be tried."""
    bmc = make(candidate.user, candidate.password)
    with ledger.attempt(address, candidate.user, candidate.password) as charge:
        try:
            await bmc.get("/redfish/v1/Systems")
            charge.succeeded()
            return Proven(candidate.user, candidate.password, "redfish", system=await bmc.system(), url=bmc.url)
        except Unauthorized as error:
            charge.failed(error.locked_seconds)
            if error.locked_seconds:
                cure = f"wait {error.locked_seconds / 60:.0f} minutes; seedvm does not try before"
                return Unproven(f"user {candidate.user} is locked", cure, retry_seconds=error.locked_seconds)
            return Unproven(error.why, "")
        except PasswordChangeRequired as error:
            charge.succeeded()
            return Unproven(f"{error.what}: {error.why}", error.hint, retry_seconds=60)
        except SeedvmError as error:
            charge.never_arrived()
            return Unproven(f"{error.what}: {error.why}", error.hint, retry_seconds=60)


def factory_account(user: str, said: rakp.Exchange | None) -> Default | None:
    """The factory password that this user still has, tested offline on an exchange that took place anyway."""
    if said is None:
        return None
    return next((one for one in default_passwords(user) if said.accepts(one.password.encode())), None)


def _noted(status: int, user: str, notes: _Notes) -> bool:
    """Note a refusal after which the next user may be asked; False if it concerns the BMC as a whole."""
    lists = {
        rakp.STATUS_UNKNOWN_USER: notes.unknown,
        rakp.STATUS_BAD_INTEGRITY_CHECK: notes.wrong,
        rakp.STATUS_NO_PRIVILEGE: notes.weak,
    }
    if (mine := lists.get(status)) is None:
        return False
    mine.append(user)
    return True


def _cure(status: int) -> str:
    if status == rakp.STATUS_NO_RESOURCES:
        return "all session slots are taken: wait a few minutes or reset the BMC"
    if status == rakp.STATUS_NO_SUITE:
        return "allow cipher suite 3 or 17 on the BMC"
    return "look at the BMC's log; reset it if it goes on"


def _sum_up(notes: _Notes, passwords: int) -> Unproven:
    if notes.weak:
        user = notes.weak[0]
        return Unproven(
            f"user {user} may not be administrator over LAN",
            f"make {user} administrator on the LAN channel",
        )
    if notes.wrong:
        users = ", ".join(notes.wrong)
        tested = "the one candidate was" if passwords == 1 else f"{passwords} candidates were"
        cure = "add the right password to the candidates, or set one on the BMC"
        if notes.default:
            cure = f"it has the factory password of {notes.default.vendor}: set your own on the BMC, or add that one to the candidates"
        return Unproven(f"wrong password for user {users} ({tested} tested, offline)", cure, default=notes.default)
    users = ", ".join(notes.unknown + notes.silent)
    if not users:
        return Unproven("there is no password to try", "add a candidate for this BMC")
    return Unproven(f"the BMC does not know user {users}", "add the right user name to the candidates")
