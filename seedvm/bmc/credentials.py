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
from seedvm.bmc.bmc_login import BmcLogin, BmcProtocol
from seedvm.bmc.findings_redfish import OLD_TLS, SEVERAL, UNUSABLE
from seedvm.bmc.ipmi15_session import Unheard, login15
from seedvm.bmc.ipmi20_session import IpmiRefused, exchange
from seedvm.bmc.login_result import Proven, Unproven, minutes
from seedvm.bmc.prove_offline import prove_ipmi
from seedvm.bmc.prove_online import prove_ipmi15, prove_redfish, try_redfish
from seedvm.bmc.redfish_errors import PasswordChangeRequired, Unauthorized
from seedvm.machines.inventory import Finding
from seedvm.site.accounts import Candidate
from seedvm.wire import rakp

USE_IPMI = "use IPMI: enable IPMI over LAN, version 2.0, in the BMC's web interface"


async def prove(
    bmc: BmcLogin, protocols: Sequence[str], candidates: Sequence[Candidate], elsewhere: Sequence[Candidate] = ()
) -> Proven | Unproven:
    """The best account there is: IPMI 2.0 first because it is free of risk, then Redfish with the pair that IPMI proved.

    `protocols` are the inventory's names. `elsewhere`: pairs that opened other BMCs of the site.
    """
    if hold := bmc.ledger.held(bmc.address):
        return waiting(hold, hold.until - time.time())
    redfish = any(one.startswith(BmcProtocol.REDFISH) for one in protocols)
    if BmcProtocol.IPMI_20 in protocols:
        answer = await prove_ipmi(bmc, candidates, has_redfish=redfish)
        off = isinstance(answer, Unproven) and answer.finding == "ipmi-lan-off"
        if redfish and isinstance(answer, Proven):
            both = await try_redfish(bmc, Candidate(answer.user, answer.password))
            if isinstance(both, Unproven) or any(one.name == OLD_TLS for one in both.seen):
                return replace(
                    answer, seen=tuple(_beside_ipmi(one) for one in both.seen)
                )  # Ironic would have to speak old TLS as well
            return replace(both, identity=answer.identity)
        if not (redfish and off):
            return answer
    if redfish:
        answer = await prove_redfish(bmc, candidates, elsewhere)
        if isinstance(answer, Unproven) and answer.finding == SEVERAL and any("ipmi" in one for one in protocols):
            return replace(answer, cure=USE_IPMI)
        return answer
    if BmcProtocol.IPMI_15 in protocols:
        return await prove_ipmi15(bmc, candidates, elsewhere)
    return Unproven("the address answers neither IPMI nor Redfish", "remove the address from the BMC ranges")


def _beside_ipmi(one: Finding) -> Finding:
    """What is wrong with Redfish where IPMI does the work."""
    return (
        replace(one, cure=f"none needed while IPMI works; else: {one.cure}") if one.name in (SEVERAL, UNUSABLE) else one
    )


async def still_opens(bmc: BmcLogin, pair: Candidate, protocol: BmcProtocol) -> bool:
    """Whether a proven pair still opens the BMC, be it only to change its password. Over IPMI 2.0 this is an offline test: nothing is
    logged in; over the others a login is the only test. Raises SeedvmError while nothing may be tried.
    """
    if hold := bmc.ledger.held(bmc.address):
        hint = f"run again in {minutes(hold.until - time.time())}"
        raise SeedvmError(hold.why, machine=bmc.address, why="no login is sent until this ends", hint=hint)
    if protocol is BmcProtocol.IPMI_20:
        try:
            said = await exchange(bmc.address, pair.user, port=bmc.port)
        except IpmiRefused:
            return False
        return rakp.first_accepted(said, (pair.password,)) is not None
    async with bmc.ledger.attempt(bmc.address, pair.user, pair.password) as charge:
        try:
            if protocol is BmcProtocol.IPMI_15:
                async with login15(bmc.address, pair.user, pair.password, port=bmc.port):
                    charge.succeeded()
            else:
                client = bmc.redfish(pair.user, pair.password)
                async with client.session():
                    await client.prove_login()
        except (Unauthorized, Unheard) as error:
            charge.failed(error.locked_seconds if isinstance(error, Unauthorized) else 0.0)
            return False
        except PasswordChangeRequired:
            pass  # only the right pair gets this answer
        except SeedvmError:
            charge.never_arrived()
            raise
        charge.succeeded()
        return True
