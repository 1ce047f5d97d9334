"""Proves one account per BMC without ever locking one.

IPMI 2.0: one handshake per user tests every candidate password offline; only a password that the BMC itself has shown
to know leaves, in one confirming login on the same handshake. Redfish is tried with the proven pair; where Redfish or
IPMI 1.5 is all there is, each account gets one attempt per window, counted in the ledger. A BMC that blocks us is left
alone until it is over. Refuses addresses it is not given.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from seedvm.base.errors import SeedvmError
from seedvm.bmc.address_block import waiting
from seedvm.bmc.ipmi15_session import Unheard, login15
from seedvm.bmc.ipmi20_session import Refused, exchange
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.login_result import Proven, Unproven
from seedvm.bmc.prove_offline import Known, prove_ipmi
from seedvm.bmc.prove_online import MakeRedfish, prove_ipmi15, prove_redfish, try_redfish
from seedvm.bmc.redfish_http import PasswordChangeRequired, Unauthorized
from seedvm.site.accounts import Candidate
from seedvm.wire import rakp

__all__ = ["Known", "MakeRedfish", "Proven", "Unproven", "prove", "prove_ipmi", "prove_redfish", "still_opens"]


async def prove(
    address: str,
    protocols: Sequence[str],
    candidates: Sequence[Candidate],
    ledger: Ledger,
    make: MakeRedfish,
    *,
    port: int = 623,
    elsewhere: Sequence[Candidate] = (),
    known: Known | None = None,
) -> Proven | Unproven:
    """The best account there is: IPMI 2.0 first because it is free of risk, then Redfish with the pair that IPMI proved.

    `elsewhere`: pairs that opened other BMCs of the site. `port` is IPMI's.
    """
    if hold := ledger.held(address):
        return waiting(hold, hold.until - time.time())
    known = known or Known()
    redfish = any(one.startswith("redfish") for one in protocols)
    if redfish and candidates:
        known = replace(known, redfish_port=make("", candidates[0].password).port)
    if "ipmi-2.0" in protocols:
        answer = await prove_ipmi(address, candidates, ledger, port=port, known=known)
        off = isinstance(answer, Unproven) and answer.finding == "ipmi-lan-off"
        if redfish and isinstance(answer, Proven):
            both = await try_redfish(address, Candidate(answer.user, answer.password), ledger, make, known=known)
            if isinstance(both, Unproven):
                return replace(answer, seen=both.seen)
            return replace(both, identity=answer.identity)
        if not (redfish and off):
            return answer
    if redfish:
        return await prove_redfish(address, candidates, ledger, make, elsewhere=elsewhere, known=known)
    if "ipmi-1.5" in protocols:
        return await prove_ipmi15(address, candidates, ledger, elsewhere=elsewhere, port=port, known=known)
    return Unproven("something answers here that is neither IPMI nor Redfish", "take the address out of the BMC ranges")


async def still_opens(
    address: str,
    pair: Candidate,
    ledger: Ledger,
    make: MakeRedfish | None,
    *,
    port: int = 623,
    old: bool = False,
) -> bool:
    """Whether a proven pair still opens the BMC, be it only to change its password. Over IPMI 2.0 (`make` is None) this is an
    offline test: nothing is logged in.

    `old`: the BMC speaks IPMI 1.5 only, where a login is the only test. Raises SeedvmError while nothing may be tried.
    """
    if hold := ledger.held(address):
        raise SeedvmError(hold.why, machine=address, why="no login is sent before it is over")
    if make is None and not old:
        try:
            said = await exchange(address, pair.user, port=port)
        except Refused:
            return False
        return rakp.first_accepted(said, (pair.password,)) is not None
    async with ledger.attempt(address, pair.user, pair.password) as charge:
        try:
            if make is None:
                async with login15(address, pair.user, pair.password, port=port):
                    charge.succeeded()
            else:
                bmc = make(pair.user, pair.password)
                async with bmc.session():
                    await bmc.get("/redfish/v1/Systems")
        except (Unauthorized, Unheard) as error:
            charge.failed(error.locked_seconds if isinstance(error, Unauthorized) else 0.0)
            return False
        except PasswordChangeRequired:
            pass  # said to nobody but the right pair
        except SeedvmError:
            charge.never_arrived()
            raise
        charge.succeeded()
        return True
