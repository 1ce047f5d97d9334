"""Who is there by ARP: two rounds over each block of addresses, the second one only where it may find somebody.

In a large scan each that answered is asked once more, which tells whether the wire loses packets. While that is not known, blocks
that still have their first round to send go first. Refuses to trust a wire that has lost one packet: whom it left out is asked then.
A round begins soon after the one before it (an answer on link comes in milliseconds, and one that comes later still counts): who
answered can be asked other things meanwhile, and only the last question of a block is waited for in full.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from seedvm.scan.onlink import Wires
from seedvm.scan.pace import Pace, patience

ARP_ROUNDS = 2
AGAIN_SECONDS = 0.3  # between two questions to one address, at the least
LARGE = 4096  # from so many addresses on the second round is left out where the wire is seen to lose nothing
SURE = 200


@dataclass
class ArpRounds:
    """The rounds of one scan of `size` addresses. One block sends at a time, so that its answers are waited for while others send."""

    on_wire: Wires
    pace: Pace
    size: int
    _asked_again: int = 0
    _lost: int = 0
    _left_out: list[str] = field(default_factory=list)
    _unsent: int = 0  # first rounds that are not out yet
    _first: asyncio.Lock = field(default_factory=asyncio.Lock)
    _second: asyncio.Lock = field(default_factory=asyncio.Lock)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def first(self, block: Sequence[str]) -> set[str]:
        """Ask these addresses (all on link) once: for which of them somebody has answered soon."""
        order = random.sample(block, len(block))
        self._unsent += 1
        try:
            async with self._first:
                await self.on_wire.ask(order, self.pace)
        finally:
            self._unsent -= 1
            await self._tell()
        live = await self.on_wire.heard(order, patience(AGAIN_SECONDS))
        if self.size > LARGE and live:
            await self._ask_again([one for one in order if one in live])
        return live

    async def rest(self, block: Sequence[str], live: set[str]) -> set[str]:
        """Ask those again that `first` has not heard, where that is needed, and wait for the last answer: who else answered."""
        end = asyncio.get_running_loop().time() + patience()
        if self.size > LARGE:
            async with self._news:
                await self._news.wait_for(lambda: self._known() or not self._unsent)
        silent = [one for one in random.sample(block, len(block)) if one not in live]
        async with self._second:
            sure = self._known() and not self._lost
            if not sure:
                silent = [one for one in silent if one not in self.on_wire.macs]
                await self.on_wire.ask(silent, self.pace)
                end = asyncio.get_running_loop().time() + patience()
        heard = await self.on_wire.heard(block, end - asyncio.get_running_loop().time())
        if sure:
            self._left_out += [one for one in silent if one not in heard]
        return heard - live

    async def after_all(self) -> set[str]:
        """The second round over those it was left out for, where the wire has lost a packet since; who answered."""
        asked, self._left_out = self._left_out if self._lost else [], []
        await self.on_wire.ask(asked, self.pace)
        return await self.on_wire.heard(asked, patience()) if asked else set()

    async def _ask_again(self, live: Sequence[str]) -> None:
        before = {one: self.on_wire.replies[one] for one in live}
        await self.on_wire.ask(live, self.pace)
        await self.on_wire.heard(live, patience())
        self._asked_again += len(live)
        self._lost += sum(1 for one in live if self.on_wire.replies[one] == before[one])
        await self._tell()

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    def _known(self) -> bool:
        return self._asked_again >= SURE or self._lost > 0
