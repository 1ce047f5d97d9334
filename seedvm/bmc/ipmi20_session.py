"""RMCP+ sessions: the exchange that tests passwords offline, and one real login with a proven password.

Source: IPMI v2.0 sections 13.14 to 13.24 (setup), 22.18 (Set Session Privilege), 22.19 (Close Session). Every exchange
that is not finished gives its session slot back. Refused here: to finish a login with a password that the exchange
does not accept, so that no BMC ever counts a failure because of us.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeVar

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.bmc.udp import TRIES, Silent, UdpSocket, link_to
from seedvm.wire import WireError, lanplus, rakp
from seedvm.wire.rmcp import NETFN_APP, Message, encode_request, parse_response

T = TypeVar("T")
PREFERRED = (rakp.SUITE_17, rakp.SUITE_3)
UNKNOWN_SESSION = (0x02, 0x08)  # what a BMC says to a repeated message of a handshake that it has finished or dropped
STARTS = 3
GIVE_BACK = 0x01  # "insufficient resources": reads least like a wrong password


class IpmiRefused(SeedvmError):
    """The BMC answered with a status other than 0; `status` is that of table 13-15.

    `exchange` is there where none of the passwords given was right: others may be tested on it. `proven` is set where the BMC
    refused although it had shown that the password is right.
    """

    def __init__(
        self, address: str, what: str, status: int, exchange: rakp.Exchange | None = None, *, proven: bool = False
    ) -> None:
        super().__init__(f"{what} was refused", machine=address, why=rakp.status_text(status))
        self.status = status
        self.exchange = exchange
        self.proven = proven


class _Forgotten(IpmiRefused):
    """The BMC knows nothing of the handshake any more, and its first answer, which says why, did not come."""


Guard = Callable[[Secret], AbstractAsyncContextManager["Counted"]]


class Counted(Protocol):
    """An attempt that is being counted, see seedvm.bmc.ledger.Charge."""

    def succeeded(self) -> None: ...

    def failed(self, locked_seconds: float = 0.0) -> None: ...

    def locked_out(self) -> None: ...

    def never_arrived(self) -> None: ...


async def exchange(
    address: str,
    user: str,
    *,
    port: int = 623,
    suites: Sequence[rakp.Suite] = PREFERRED,
    privilege: int = rakp.ADMINISTRATOR,
) -> rakp.Exchange:
    """Go as far as RAKP 2 for one user, give the slot back, and return what tests any password offline."""
    async with link_to(address, port) as link:
        said = await _exchange(link, user, suites, privilege)
        give_back(link, said.bmc_id)
        return said


async def _exchange(link: UdpSocket, user: str, suites: Sequence[rakp.Suite], privilege: int) -> rakp.Exchange:
    """Open and RAKP 1; from the start again where a refusal was lost and the BMC no longer knows the handshake."""
    for _ in range(STARTS - 1):
        with contextlib.suppress(_Forgotten):
            return await _exchange_once(link, user, suites, privilege)
    return await _exchange_once(link, user, suites, privilege)


async def _exchange_once(link: UdpSocket, user: str, suites: Sequence[rakp.Suite], privilege: int) -> rakp.Exchange:
    opened, suite = await _open(link, suites, privilege)
    console_id = opened.console_id
    one = rakp.Rakp1(_tag(), opened.bmc_id, os.urandom(16), user.encode(), privilege | rakp.NAME_ONLY)
    packet = rakp.setup_packet(rakp.PAYLOAD_RAKP1, one.encode())
    sent = 0

    def ask() -> bytes:
        nonlocal sent
        sent += 1
        return packet

    def two(raw: bytes) -> rakp.Rakp2 | None:
        said = _expect(raw, rakp.PAYLOAD_RAKP2, rakp.Rakp2.decode)
        if said.status in UNKNOWN_SESSION and sent == 1:
            return None  # what a copy that the wire made is told: the answer to the message itself is under way
        return said if said.tag == one.tag and (said.status or said.console_id == console_id) else None

    try:
        answer = await link.ask(ask, two, f"RAKP 1 for user {user}")
        if answer.status:
            kind = _Forgotten if answer.status in UNKNOWN_SESSION else IpmiRefused
            raise kind(link.address, f"user {user}", answer.status)
    except BaseException:
        give_back(link, opened.bmc_id)
        raise
    return rakp.Exchange(suite, console_id, opened.bmc_id, one, answer)


def give_back(link: UdpSocket, bmc_id: int) -> None:
    """End a handshake that is not going to be finished (RAKP 3 with a status), so that no slot stays taken.

    Nothing answers it, so it is said once more when the link is closed.
    """

    def say() -> None:
        link.send(rakp.setup_packet(rakp.PAYLOAD_RAKP3, rakp.Rakp3(_tag(), bmc_id, b"", GIVE_BACK).encode()))

    say()
    link.farewell.append(say)


async def granted_suite(address: str, suite: rakp.Suite, *, port: int = 623) -> rakp.OpenResponse:
    """Ask for a suite and see which one is granted; nothing is logged in and the slot is given back."""
    async with link_to(address, port) as link:
        opened = await _ask_open(link, suite, rakp.ADMINISTRATOR)
        if not opened.status:
            give_back(link, opened.bmc_id)
        return opened


async def _open(link: UdpSocket, suites: Sequence[rakp.Suite], privilege: int) -> tuple[rakp.OpenResponse, rakp.Suite]:
    """Open with the first suite that is granted; a BMC that grants another strong suite is taken at its word."""
    status = rakp.STATUS_NO_SUITE
    for suite in suites:
        opened = await _ask_open(link, suite, privilege)
        granted = next((one for one in suites if not opened.status and opened.grants(one)), None)
        if granted:
            return opened, granted
        if not opened.status:
            give_back(link, opened.bmc_id)
        else:
            status = opened.status
            if status == rakp.STATUS_NO_RESOURCES:
                break
    raise IpmiRefused(link.address, "a session", status)


async def _ask_open(link: UdpSocket, suite: rakp.Suite, privilege: int) -> rakp.OpenResponse:
    console_id = int.from_bytes(os.urandom(4), "little") or 1
    request = rakp.OpenRequest(_tag(), console_id, suite, privilege)
    packet = rakp.setup_packet(rakp.PAYLOAD_OPEN_REQUEST, request.encode())
    granted: list[rakp.OpenResponse] = []
    sent = 0

    def ask() -> bytes:
        nonlocal sent
        sent += 1
        link.owe(1)
        return packet

    def mine(raw: bytes) -> rakp.OpenResponse | None:
        said = _expect(raw, rakp.PAYLOAD_OPEN_RESPONSE, rakp.OpenResponse.decode)
        return said if said.tag == request.tag and (said.status or said.console_id == console_id) else None

    def overhear(raw: bytes) -> None:
        """A question that arrived more than once has a slot of its own for each time: keep the first, give back the rest."""
        with contextlib.suppress(WireError):
            said = mine(raw)
            if said is None or said in granted:
                return
            link.owe(-1)
            if not said.status:
                granted.append(said)
                if said is not granted[0]:
                    give_back(link, said.bmc_id)

    def first(raw: bytes) -> rakp.OpenResponse | None:
        said = granted[0] if granted else mine(raw)
        if said and said.status == rakp.STATUS_NO_RESOURCES and sent == 1:
            return None  # a copy that the wire made may have found the slot taken by the question itself
        return said

    link.overhear.append(overhear)  # it goes on hearing when the question has its answer
    return await link.ask(ask, first, "a session request")


class Ipmi20Session:
    """A session that is logged in. One command at a time."""

    def __init__(self, link: UdpSocket, exchange: rakp.Exchange, keys: rakp.SessionKeys, password: Secret) -> None:
        self.password = password
        self._link = link
        self._exchange = exchange
        self._keys = keys
        self._sequence = 0
        self._request = 0

    @property
    def guid(self) -> bytes:
        """The GUID as RAKP 2 gave it, 16 bytes in the vendor's order."""
        return self._exchange.rakp2.guid

    async def command(self, netfn: int, command: int, data: bytes = b"", *, tries: int = TRIES) -> Message:
        """Send a command; the answer may carry a completion code other than 0."""
        self._request = (self._request + 1) & 0x3F
        request = encode_request(netfn, command, data, self._request)

        def make() -> bytes:
            self._sequence += 1
            iv = os.urandom(16)
            return lanplus.seal(self._exchange.suite, self._keys, self._exchange.bmc_id, self._sequence, request, iv)

        def decode(raw: bytes) -> Message | None:
            opened = lanplus.open_sealed(self._exchange.suite, self._keys, raw)
            if opened.session != self._exchange.console_id:
                return None
            said = parse_response(opened.payload)
            same = (said.netfn, said.command, said.sequence) == (netfn, command, self._request)
            return said if same else None

        return await self._link.ask(make, decode, f"command {netfn:#04x}/{command:#04x}", tries)

    async def is_open(self) -> bool:
        """Whether the BMC has this session: only one that made the same keys can answer."""
        try:
            await self.command(NETFN_APP, 0x3B, b"\x00")
        except Silent:
            return False
        return True

    async def close(self) -> None:
        """Close Session (22.19); a BMC that is silent now has forgotten it already."""
        with contextlib.suppress(Silent):
            await self.command(NETFN_APP, 0x3C, self._exchange.bmc_id.to_bytes(4, "little"), tries=4)


@contextlib.asynccontextmanager
async def login(
    address: str,
    user: str,
    passwords: Sequence[Secret],
    *,
    port: int = 623,
    privilege: int = rakp.ADMINISTRATOR,
    guard: Guard | None = None,
) -> AsyncIterator[Ipmi20Session]:
    """A session as `user` with the first of `passwords` that the exchange accepts; closed at the end.

    Raises Refused with "wrong integrity check value" when it accepts none: then RAKP 3 never left and nothing was counted.
    `guard` counts the one attempt that does leave.
    """
    async with link_to(address, port) as link:
        said = await _exchange(link, user, PREFERRED, privilege)
        try:
            password = rakp.first_accepted(said, passwords)
            if password is None:
                raise IpmiRefused(address, f"the password of {user}", rakp.STATUS_BAD_INTEGRITY_CHECK, said)
            session = await _counted_finish(address, link, said, password, guard)
        except BaseException:
            give_back(link, said.bmc_id)
            raise
        try:
            granted = await session.command(NETFN_APP, 0x3B, bytes((privilege,)))
            if granted.code:
                raise IpmiRefused(address, f"privilege for {user}", rakp.STATUS_NO_PRIVILEGE)
            yield session
        finally:
            await session.close()


async def _counted_finish(
    address: str, link: UdpSocket, said: rakp.Exchange, password: Secret, guard: Guard | None
) -> Ipmi20Session:
    if guard is None:
        return await _finish(address, link, said, password)
    async with guard(password) as charge:
        try:
            session = await _finish(address, link, said, password)
        except IpmiRefused as refused:
            if refused.proven and refused.status == rakp.STATUS_NO_RESOURCES:
                charge.never_arrived()
            elif refused.proven:
                charge.locked_out()
            else:
                charge.failed()
            raise
        except Silent:
            charge.never_arrived()
            raise
        charge.succeeded()
        return session


async def _finish(address: str, link: UdpSocket, said: rakp.Exchange, password: Secret) -> Ipmi20Session:
    secret = password.reveal().encode()
    keys = said.keys(secret)
    three = rakp.Rakp3(_tag(), said.bmc_id, said.console_code(secret))
    packet = rakp.setup_packet(rakp.PAYLOAD_RAKP3, three.encode())

    def four(raw: bytes) -> rakp.Rakp4 | None:
        answer = _expect(raw, rakp.PAYLOAD_RAKP4, rakp.Rakp4.decode)
        return answer if answer.tag == three.tag and (answer.status or answer.console_id == said.console_id) else None

    session = Ipmi20Session(link, said, keys, password)
    try:
        answer = await link.ask(lambda: packet, four, "RAKP 3")
    except Silent:
        if await session.is_open():
            return session
        raise
    if answer.status in UNKNOWN_SESSION and await session.is_open():
        return session  # RAKP 4 came late or was lost, and the question found the session open when we, or the wire, sent it again
    if answer.status:
        raise IpmiRefused(address, "the login", answer.status, proven=True)
    if not said.proves_bmc(answer, keys):
        raise IpmiRefused(address, "the session key (is a BMC key, K_G, set?)", rakp.STATUS_BAD_INTEGRITY_CHECK)
    return session


def _expect(raw: bytes, wanted: int, decode: Callable[[bytes], T]) -> T:
    kind, payload = rakp.parse_setup_packet(raw)
    if kind != wanted:
        raise WireError(f"payload type {kind:#04x}")
    return decode(payload)


def _tag() -> int:
    """A message tag, never 0xFF."""
    return os.urandom(1)[0] % 0xFF
