"""Tells a BMC that is gone from one that is there and turns us away, without another login.

A block of our address shows as silence or refused connections where presence is still answered (RMCP's ASF ping,
IPMI v2.0 13.2.3, or Get Channel Authentication Capabilities, 22.13: neither needs an account). Refused here: to ask
anything that a BMC could count.
"""

from __future__ import annotations

import contextlib
import os

from seedvm.bmc.ledger import Hold, Ledger
from seedvm.bmc.login_result import Unproven, minutes
from seedvm.bmc.udp import Silent, link_to
from seedvm.wire import WireError
from seedvm.wire.rmcp import auth_capabilities_request, parse_pong, parse_sessionless, presence_ping


async def present(address: str, port: int = 623) -> bool:
    """Whether a BMC answers at all over RMCP."""
    tag, number = os.urandom(1)[0] % 0xFF, os.urandom(1)[0] & 0x3F

    def pong(raw: bytes) -> bool | None:
        return parse_pong(raw).tag == tag or None

    def capable(raw: bytes) -> bool | None:
        with contextlib.suppress(WireError):
            return pong(raw)
        return parse_sessionless(raw).sequence == number or None

    ping, question = presence_ping(tag), auth_capabilities_request(number, extended=False)
    with contextlib.suppress(Silent):
        async with link_to(address, port) as link:
            with contextlib.suppress(Silent):
                return await link.ask(lambda: ping, pong, "the presence ping", tries=3)
            return await link.ask(lambda: question, capable, "Get Channel Authentication Capabilities", tries=3)
    return False


async def block(address: str, why: str, seconds: float, ledger: Ledger) -> Unproven:
    """Send this BMC nothing for `seconds`, and the answer that says so."""
    await ledger.hold(address, seconds, why)
    return waiting(Hold(address, 0, why), seconds)


def waiting(hold: Hold, seconds: float) -> Unproven:
    """The answer while a BMC is held."""
    cure = f"wait {minutes(seconds)}; seedvm sends no login until then, because each attempt would restart the lockout"
    return Unproven(hold.why, cure, retry_seconds=seconds, finding="address-blocked")
