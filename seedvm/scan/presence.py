"""Whether a BMC is there: a wave of addresses is pinged and asked in rounds, and who answers is identified at once, while others are asked.

Source: IPMI v2.0 13.2 (presence ping), 22.13 (capabilities). Never two probes in flight to one machine, whatever addresses it has.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from seedvm.scan.evidence import Evidence
from seedvm.scan.identify import Interview, first_evidence
from seedvm.scan.onlink import Wires
from seedvm.scan.pace import patience
from seedvm.wire import rmcp

PING, CAPABILITIES = "ping", "capabilities"
ROUNDS = (PING, CAPABILITIES, PING)  # some BMCs answer no ping
# For who is there by ARP and has not answered: the wire may lose packets. Some answer no ping, of others only the pong can be read.
LAST_ROUNDS = (CAPABILITIES, PING) * 4
KERNEL_ARP = 1  # before the first packet to a host on link the kernel asks by ARP for itself

Then = Callable[[str], Awaitable[None]]


@dataclass
class Wave:
    """Addresses that are asked together, each another machine's. Who answers is identified in `group`, and then asked `then`."""

    interview: Interview
    group: asyncio.TaskGroup
    asked: Sequence[str]
    then: Then | None = None
    live: set[str] = field(default_factory=set)
    _all_live: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, rounds: Sequence[str], unknown: frozenset[str] = frozenset()) -> list[str]:
        """Rounds over those that are still silent, at the end of which these are given. The kernel knows no MAC of `unknown` yet."""
        for target in self.asked:
            self.interview.radio.listeners[target] = partial(self._hear, target)
        for number, kind in enumerate(rounds):
            await self._round(kind, unknown if number == 0 else frozenset())
        silent = self._silent()
        for address in silent:
            self.interview.radio.listeners.pop(address, None)
        return silent

    async def _round(self, kind: str, unknown: frozenset[str]) -> None:
        asked = self._silent()
        for address in asked:
            await self.interview.pace.turn(1 + KERNEL_ARP if address in unknown else 1)
            if address not in self.live:
                tag = self.interview.next_tag()
                packet = rmcp.presence_ping(tag) if kind == PING else rmcp.auth_capabilities_request(tag & 0x3F)
                await self.interview.radio.send(packet, address, self.interview.ports.ipmi)
        if asked:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience()):
                    await self._all_live.wait()

    def _silent(self) -> list[str]:
        return [one for one in self.asked if one not in self.live]

    def _hear(self, address: str, packet: bytes) -> None:
        evidence: tuple[Evidence, ...] = ()
        with self.interview.contained(address, "reading its first answer"):
            evidence = first_evidence(packet)
        if evidence and address not in self.live:
            self.live.add(address)
            self.group.create_task(self._identify(address, packet, evidence))
            if len(self.live) == len(self.asked):
                self._all_live.set()

    async def _identify(self, address: str, packet: bytes, evidence: tuple[Evidence, ...]) -> None:
        await self.interview.ipmi(address, packet, evidence)
        if self.then:
            await self.then(address)


@dataclass
class Turns:
    """Which machines (by their MAC) are being asked, over all blocks of a scan."""

    on_wire: Wires
    _busy: set[str] = field(default_factory=set)
    _freed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def in_waves(self, asked: Sequence[str], ask: Callable[[Sequence[str]], Awaitable[None]]) -> None:
        """`ask` these addresses in random order, in waves that hold no machine twice and none that is being asked."""
        left = random.sample(asked, len(asked))
        while left:
            async with self._freed:
                await self._freed.wait_for(partial(self._some_free, left))
            wave: dict[str, str] = {}
            for address in left:
                if (machine := self.on_wire.machine(address)) not in self._busy:
                    wave.setdefault(machine, address)
            taken = frozenset(wave.values())
            left = [one for one in left if one not in taken]
            self._busy.update(wave)
            try:
                await ask(tuple(wave.values()))
            finally:
                self._busy.difference_update(wave)
                async with self._freed:
                    self._freed.notify_all()

    def _some_free(self, addresses: Sequence[str]) -> bool:
        return any(self.on_wire.machine(one) not in self._busy for one in addresses)
