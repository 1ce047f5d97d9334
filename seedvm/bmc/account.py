"""One account of one BMC over every protocol that it was proven by: does a password open it, and changing it.

Source: IPMI v2.0 section 22.30 (Set User Password), 22.20 (Get Session Info), 22.29 (Get User Name); DSP0268
ManagerAccount. Refused here: to guess a user's number. Each login is counted in the ledger where it may fail.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.bmc.bmc_login import BmcLogin, BmcProtocol, MakeRedfish
from seedvm.bmc.credentials import still_opens
from seedvm.bmc.ipmi import Session
from seedvm.bmc.ipmi15_session import login15
from seedvm.bmc.ipmi20_session import IpmiRefused, login
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.quirks import lock_window
from seedvm.bmc.rate_limit import RateLimit
from seedvm.bmc.redfish import RedfishBmc, Rejected
from seedvm.site.accounts import Candidate
from seedvm.wire import rakp
from seedvm.wire.rmcp import NETFN_APP

SET_PASSWORD = 0x02
IPMI_BYTES = 16  # every version keeps 16; the 20 of IPMI 2.0 are cut by some (ipmi_sim among them) and win nothing
Change = Callable[[Secret], Awaitable[None]]


class NotTaken(SeedvmError):
    """The BMC refused a new password; the old one is unchanged."""


class Access(Protocol):
    """What a rotation needs of a BMC. `longest` is the most characters that every protocol of it takes."""

    address: str
    user: str

    async def longest(self, password: Secret) -> int: ...

    async def opens(self, password: Secret) -> bool:
        """Whether a fresh login with it works over every protocol."""

    async def first_opens(self, password: Secret) -> bool:
        """Whether it works over the protocol by which passwords are changed."""

    def change(self, password: Secret) -> contextlib.AbstractAsyncContextManager[Change]:
        """Log in with it; the way to set another stays open until the end."""


@dataclass
class BmcAccess:
    """`ipmi` is its version of IPMI or None, `redfish` makes its client or is None: those that were proven. Passwords are changed over
    Redfish where it is there. IPMI sessions keep the pace, also the fresh login beside the one that changes."""

    address: str
    user: str
    ledger: Ledger
    pace: RateLimit
    ipmi: BmcProtocol | None
    redfish: MakeRedfish | None
    vendor: str | None = None
    port: int = 623
    _turn: bool = field(default=False, init=False)

    async def longest(self, password: Secret) -> int:
        most = 255 if self.ipmi is None else IPMI_BYTES
        if self.redfish is None:
            return most
        if not await self._redfish_opens(password):  # counted; what follows is not, and needs not be
            why = "its password has been changed since then"
            hint = "add the current password to the candidates, then run again"
            raise SeedvmError("the BMC no longer accepts the proven account", machine=self.address, why=why, hint=hint)
        said = await self.redfish(self.user, password).longest_password()
        return min(most, said or most)

    async def opens(self, password: Secret) -> bool:
        # IPMI 2.0 first: it detects a wrong password without a failed login
        if self.ipmi is not None and not await self._ipmi_opens(password):
            return False
        return self.redfish is None or await self._redfish_opens(password)

    async def first_opens(self, password: Secret) -> bool:
        return await (self._ipmi_opens(password) if self.redfish is None else self._redfish_opens(password))

    @contextlib.asynccontextmanager
    async def change(self, password: Secret) -> AsyncIterator[Change]:
        if self.redfish is not None:
            bmc = self.redfish(self.user, password)
            async with bmc.session(expired=True):
                yield partial(self._set_redfish, bmc)
        else:
            async with self._session(password) as session:
                yield partial(self._set_ipmi, session, await self._user_number(session))

    @property
    def _login(self) -> BmcLogin:
        return BmcLogin(self.address, self.ledger, self.redfish, self.port, self.vendor)

    async def _redfish_opens(self, password: Secret) -> bool:
        return await still_opens(self._login, Candidate(self.user, password), BmcProtocol.REDFISH)

    async def _ipmi_opens(self, password: Secret) -> bool:
        if self.ipmi is BmcProtocol.IPMI_15:
            return await still_opens(self._login, Candidate(self.user, password), self.ipmi)
        try:
            async with self._session(password):
                return True
        except IpmiRefused as refused:
            if refused.status == rakp.STATUS_BAD_INTEGRITY_CHECK and not refused.proven:
                return False
            raise

    @contextlib.asynccontextmanager
    async def _session(self, password: Secret) -> AsyncIterator[Session]:
        guard = partial(self.ledger.attempt, self.address, self.user, window=lock_window(self.vendor))
        async with contextlib.AsyncExitStack() as stack:
            if not self._turn:
                await stack.enter_async_context(self.pace.turn(self.address))
                stack.callback(setattr, self, "_turn", False)
                self._turn = True
            else:
                await asyncio.sleep(self.pace.gap)  # the turn is ours already, by the session that changes
            if self.ipmi is BmcProtocol.IPMI_15:
                old = login15(self.address, self.user, password, port=self.port, guard=guard)
                session: Session = await stack.enter_async_context(old)
            else:
                new = login(self.address, self.user, (password,), port=self.port, guard=guard)
                session = await stack.enter_async_context(new)
            yield session

    async def _user_number(self, session: Session) -> int:
        """Our own number: of this session, or the one whose name is ours."""
        info = await session.command(NETFN_APP, 0x3D, b"\x00")
        if not info.code and len(info.data) >= 4 and info.data[3] & 0x3F:
            return info.data[3] & 0x3F
        for number in range(1, 17):
            said = await session.command(NETFN_APP, 0x46, bytes((number,)))
            if not said.code and said.data.rstrip(b"\0").decode(errors="replace") == self.user:
                return number
        raise SeedvmError(
            f"could not find the BMC user ID of {self.user}",
            machine=self.address,
            why="checked 16 slots",
            hint="change the password in the BMC's web interface and add it to the candidates",
        )

    async def _set_redfish(self, bmc: RedfishBmc, password: Secret) -> None:
        try:
            await bmc.set_password(password)
        except Rejected as error:
            raise NotTaken(error.what, machine=self.address, why=error.why, hint=error.hint) from None

    async def _set_ipmi(self, session: Session, number: int, password: Secret) -> None:
        """The old password may be one of 20 bytes, which then goes back in the long form (22.30)."""
        raw = password.reveal().encode()
        long = len(raw) > IPMI_BYTES
        data = bytes((number | (0x80 if long else 0), SET_PASSWORD)) + raw.ljust(20 if long else IPMI_BYTES, b"\0")
        said = await session.command(NETFN_APP, 0x47, data)
        if said.code:
            raise NotTaken(
                "the BMC refused the new password",
                machine=self.address,
                why=f"IPMI completion code {said.code:#04x}",
                hint="see the BMC's rules for passwords",
            )
