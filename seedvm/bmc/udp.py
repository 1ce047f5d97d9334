"""One UDP socket to one BMC: ask, wait, ask again. Refuses a second question while one is open."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from typing import TypeVar, cast

from seedvm.base import trace
from seedvm.base.errors import SeedvmError
from seedvm.wire import WireError, rakp
from seedvm.wire.rmcp import Message

T = TypeVar("T")
TRIES = 6  # with a tenth of all packets lost one question in 20,000 stays unheard
ANSWER_SECONDS = 1.0
LATE_SECONDS = 2.0


class Silent(SeedvmError):
    """The BMC did not answer in time."""


class UdpSocket(asyncio.DatagramProtocol):
    """A connected UDP socket. A packet that the open question's decoder refuses is passed over.

    `overhear` hear every packet, also one that comes too late for its question; `farewell` is done once more before the socket
    closes; `owe` counts answers that may still come and must be heard before that.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._transport: asyncio.DatagramTransport | None = None
        self._hear: Callable[[bytes], None] | None = None
        self._turn = asyncio.Lock()
        self.overhear: list[Callable[[bytes], None]] = []
        self.farewell: list[Callable[[], None]] = []
        self._owed = 0
        self._settled = asyncio.Event()
        self._settled.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for hear in self.overhear:
            hear(data)
        if self._hear:
            self._hear(data)

    def error_received(self, exc: Exception) -> None:
        """An unreachable port is silence."""

    def send(self, packet: bytes) -> None:
        """Send without waiting for an answer."""
        assert self._transport is not None
        self._transport.sendto(packet)

    def owe(self, answers: int) -> None:
        """So many answers more (or, when they came, fewer) are under way."""
        self._owed += answers
        if self._owed > 0:
            self._settled.clear()
        else:
            self._settled.set()

    async def settle(self) -> None:
        """Wait for what is owed, at most LATE_SECONDS, then say farewell."""
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LATE_SECONDS):
                    await self._settled.wait()
        finally:
            self._say_farewell()

    def close(self) -> None:
        """At once, or where late packets matter LATE_SECONDS from now: nobody waits for an answer that only a doubled packet has."""
        if self.overhear:
            asyncio.get_running_loop().call_later(LATE_SECONDS, self._close)
        else:
            self._close()

    def _close(self) -> None:
        self._say_farewell()
        if self._transport:
            self._transport.close()

    def _say_farewell(self) -> None:
        said, self.farewell = self.farewell, []
        for again in said:
            again()

    async def ask(
        self,
        make: Callable[[], bytes],
        decode: Callable[[bytes], T | None],
        what: str,
        tries: int = TRIES,
        seconds: float = ANSWER_SECONDS,
    ) -> T:
        """Send what `make` gives (again for each try) until `decode` gives a value. `what` names the question in errors."""
        with trace.Call("bmc", protocol="ipmi", address=self.address, command=what) as call:
            answer = await self._ask(make, decode, what, tries, seconds)
            call.result = _result(answer)
            return answer

    async def _ask(
        self, make: Callable[[], bytes], decode: Callable[[bytes], T | None], what: str, tries: int, seconds: float
    ) -> T:
        async with self._turn:
            for attempt in range(tries):
                answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()

                def hear(packet: bytes, answer: asyncio.Future[T] = answer) -> None:
                    with contextlib.suppress(WireError):
                        value = decode(packet)
                        if value is not None and not answer.done():
                            answer.set_result(value)

                self._hear = hear
                self.send(make())
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(seconds * (1 + attempt / 4) * random.uniform(1.0, 1.3)):
                        return await answer
                if answer.done() and not answer.cancelled():
                    return answer.result()  # it came in the same turn of the loop as the end of our patience
        raise Silent(
            f"no answer to {what}",
            machine=self.address,
            why=f"{tries} attempts over UDP",
            hint="check the BMC's network and that IPMI over LAN is enabled",
        )


def _result(answer: object) -> str:
    """What the BMC answered, as a trace shows it: a completion code, or the status of a session's setup."""
    match answer:
        case Message(code=code):
            return f"{code:#04x}"
        case rakp.OpenResponse(status=status) | rakp.Rakp2(status=status) | rakp.Rakp4(status=status) if status:
            return rakp.status_text(status)
    return "answered"


@contextlib.asynccontextmanager
async def link_to(address: str, port: int) -> AsyncIterator[UdpSocket]:
    """A socket of its own, closed at the end."""
    loop = asyncio.get_running_loop()
    try:
        _, link = await loop.create_datagram_endpoint(lambda: UdpSocket(address), remote_addr=(address, port))
    except OSError as error:
        raise Silent(
            "cannot reach the BMC", machine=address, why=str(error), hint="check the route to the BMC network"
        ) from None
    try:
        yield link
    finally:
        try:
            await link.settle()
        finally:
            link.close()
