"""IPMI 1.5 sessions: one login that counts, for BMCs that know no RMCP+.

Source: IPMI v2.0 sections 13.6, 22.16, 22.17. Nothing here can be tested offline: the BMC signs nothing by the password
before Activate Session. So that packet leaves once, never again for a retry, and only under a `guard` that counts it.
Refused here: authentication type none, and a password of more than 16 bytes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.bmc.ipmi20_session import Guard, IpmiRefused
from seedvm.bmc.udp import Silent, UdpSocket, link_to
from seedvm.wire import WireError, lan, rakp
from seedvm.wire.rmcp import (
    NETFN_APP,
    AuthCapabilities,
    Message,
    auth_capabilities_request,
    encode_request,
    parse_auth_capabilities,
    parse_sessionless,
)

ACTIVATE_SECONDS = 4.0
NAMES = {0x81: "an unknown user", 0x82: "the user without a name"}  # 22.16


class NoProof(SeedvmError):
    """The BMC offers no authentication type under which a login shows that a password is right."""


class Unheard(SeedvmError):
    """Activate Session was not answered while the BMC answers everything else: how 1.5 refuses a password."""


class Session15:
    """A session that is logged in. One command at a time."""

    def __init__(self, link: UdpSocket, seal: lan.Seal, sequence: int, password: Secret) -> None:
        self.password = password
        self._link = link
        self._seal = seal
        self._sequence = sequence
        self._request = 0

    @property
    def guid(self) -> bytes:
        """IPMI 1.5 tells none in its setup."""
        return b""

    async def command(self, netfn: int, command: int, data: bytes = b"", *, tries: int = 3) -> Message:
        """Send a command; the answer may carry a completion code other than 0."""
        self._request = (self._request + 1) & 0x3F
        request = encode_request(netfn, command, data, self._request)

        def make() -> bytes:
            sequence = self._sequence
            self._sequence = self._sequence % 0xFFFFFFFF + 1  # 0 stands for "outside of a session"
            return lan.signed(self._seal, sequence, request)

        def decode(raw: bytes) -> Message | None:
            answer = lan.open_signed(self._seal, raw)
            same = (answer.netfn, answer.command, answer.sequence) == (netfn, command, self._request)
            return answer if same else None

        return await self._link.ask(make, decode, f"command {netfn:#04x}/{command:#04x}", tries)

    async def close(self) -> None:
        """Close Session (22.19)."""
        with contextlib.suppress(Silent):
            await self.command(NETFN_APP, 0x3C, self._seal.session.to_bytes(4, "little"), tries=2)


async def capabilities(link: UdpSocket) -> AuthCapabilities:
    """What logins the channel takes, asked as IPMI 1.5 asks."""
    number = os.urandom(1)[0] & 0x3F

    def decode(raw: bytes) -> AuthCapabilities | None:
        answer = parse_sessionless(raw)
        return parse_auth_capabilities(answer) if answer.sequence == number else None

    packet = auth_capabilities_request(number, extended=False)
    return await link.ask(lambda: packet, decode, "Get Channel Authentication Capabilities")


@contextlib.asynccontextmanager
async def login15(
    address: str, user: str, password: Secret, *, port: int = 623, guard: Guard | None = None
) -> AsyncIterator[Session15]:
    """A session as administrator; closed at the end. `guard` counts the one attempt.

    Raises Refused (status of table 13-15) for a user or privilege that is refused by name, Unheard where the password is
    passed over in silence, NoProof, Silent.
    """
    async with link_to(address, port) as link:
        offered = (await capabilities(link)).auth_types
        auth = lan.strongest(offered)
        if auth is None:
            types = ", ".join(sorted(offered)) or "nothing"
            raise NoProof(
                "no password can be verified", machine=address, why=f"the BMC offers {types} for IPMI 1.5 logins"
            )
        challenge = await _challenge(link, auth, user)
        seal = lan.Seal(lan.NUMBERS[auth], challenge.session, password.reveal().encode())
        active = await _counted(link, seal, challenge, password, guard)
        session = Session15(link, lan.Seal(active.auth, active.session, seal.password), active.sequence, password)
        try:
            granted = await session.command(NETFN_APP, 0x3B, bytes((rakp.ADMINISTRATOR,)))
            if granted.code:
                raise IpmiRefused(address, f"privilege for {user}", rakp.STATUS_NO_PRIVILEGE)
            yield session
        finally:
            await session.close()


async def _challenge(link: UdpSocket, auth: str, user: str) -> lan.Challenge:
    number = os.urandom(1)[0] & 0x3F

    def decode(raw: bytes) -> Message | None:
        answer = parse_sessionless(raw)
        return answer if (answer.command, answer.sequence) == (lan.CMD_CHALLENGE, number) else None

    packet = lan.challenge_request(auth, user, number)
    answer = await link.ask(lambda: packet, decode, f"Get Session Challenge for user {user}")
    if answer.code in NAMES:
        raise IpmiRefused(link.address, f"user {user}", rakp.STATUS_UNKNOWN_USER)
    try:
        return lan.parse_challenge(answer)
    except WireError as error:
        raise SeedvmError("the challenge was refused", machine=link.address, why=str(error)) from None


async def _counted(
    link: UdpSocket, seal: lan.Seal, challenge: lan.Challenge, password: Secret, guard: Guard | None
) -> lan.Activated:
    if guard is None:
        return await _activate(link, seal, challenge)
    async with guard(password) as charge:
        try:
            active = await _activate(link, seal, challenge)
        except IpmiRefused as refused:
            if refused.status == rakp.STATUS_NO_PRIVILEGE:
                charge.succeeded()  # judged after the password
            else:
                charge.never_arrived()
            raise
        except Unheard:
            charge.failed()
            raise
        charge.succeeded()
        return active


async def _activate(link: UdpSocket, seal: lan.Seal, challenge: lan.Challenge) -> lan.Activated:
    """The one packet that carries proof of the password, sent once."""
    number = os.urandom(1)[0] & 0x3F
    begin = int.from_bytes(os.urandom(3), "little") + 1
    packet = lan.activate_request(seal, challenge, rakp.ADMINISTRATOR, begin, number)

    def decode(raw: bytes) -> Message | None:
        try:
            answer = lan.open_signed(seal, raw)
        except WireError:
            answer = parse_sessionless(raw)  # refusals come unsigned
            if not answer.code:
                return None
        return answer if (answer.command, answer.sequence) == (lan.CMD_ACTIVATE, number) else None

    try:
        answer = await link.ask(lambda: packet, decode, "Activate Session", tries=1, seconds=ACTIVATE_SECONDS)
    except Silent:
        await capabilities(link)  # raises Silent in its turn if the BMC as a whole is gone
        raise Unheard("the BMC did not answer the login", machine=link.address, why="wrong password") from None
    if answer.code in lan.NO_SLOT:
        raise IpmiRefused(link.address, "a session", rakp.STATUS_NO_RESOURCES)
    if answer.code == lan.ABOVE_LIMIT:
        raise IpmiRefused(link.address, "privilege", rakp.STATUS_NO_PRIVILEGE)
    if answer.code in lan.ACTIVATE_REFUSALS:
        raise SeedvmError("Activate Session was refused", machine=link.address, why=lan.ACTIVATE_REFUSALS[answer.code])
    if answer.code:
        raise Unheard("the login was refused", machine=link.address, why=f"IPMI completion code {answer.code:#04x}")
    return lan.parse_activated(answer)
