"""BMCs that only a login can test begin when nearly all that can be tested without one are judged: a silent one holds nobody up."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.machines import inventory
from seedvm.machines.inventory import KnownMachine
from seedvm.steps.credentials import STRAGGLERS, CredentialsStep
from tests.contract.bmc.small_bmc import small_bmc
from tests.contract.bmc.steps import Notes, context
from tests.contract.isolated import isolated
from tests.datacenter.prove import site
from tests.datacenter.scripted import PASSWORD, PLAIN, USER, scripted

SILENT, REDFISH = "172.22.1.2", "172.22.1.3"


class Judged(Notes):
    """Keeps who is judged, in that order, and says when there are so many."""

    def __init__(self) -> None:
        super().__init__()
        self.bmcs: list[str] = []
        self._more = asyncio.Event()

    def node(self, node: str, phase: str, *, percent: float | None = None, detail: str = "") -> None:
        self.bmcs.append(node)
        self._more.set()

    async def reach(self, count: int) -> list[str]:
        while len(self.bmcs) < count:
            self._more.clear()
            await self._more.wait()
        return self.bmcs


@contextlib.asynccontextmanager
async def bmcs(ipmi: int) -> AsyncIterator[tuple[socket.socket, tuple[KnownMachine, ...]]]:
    """So many with IPMI, the first of which takes packets at this socket and answers none, and one with Redfish alone."""
    answering = [f"172.22.2.{number}" for number in range(1, ipmi)]
    async with contextlib.AsyncExitStack() as stack:
        for address in answering:
            await stack.enter_async_context(small_bmc(address, password=b"another"))
        for address in (SILENT, REDFISH):
            process.run(["ip", "address", "replace", f"{address}/32", "dev", "lo"], timeout=60)
        deaf = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        deaf.bind((SILENT, 623))
        await stack.enter_async_context(scripted({}, host=replace(PLAIN, address=REDFISH), port=443))
        machines = [KnownMachine(address, protocols=("ipmi-2.0",)) for address in (SILENT, *answering)]
        yield deaf, (*machines, KnownMachine(REDFISH, protocols=("redfish",)))


@pytest.mark.parametrize("ipmi", [STRAGGLERS, STRAGGLERS - 1])
def test_one_straggler_in_ten_is_not_waited_for(tmp_path: Path, ipmi: int) -> None:
    @isolated
    async def run() -> None:
        notes = Judged()
        here = context(tmp_path, site(["172.22.1.1-172.22.2.254"]), {USER: PASSWORD})
        async with bmcs(ipmi) as (deaf, known):
            inventory.update(tmp_path, *known)
            step = asyncio.create_task(CredentialsStep(here).apply(notes))
            if ipmi < STRAGGLERS:
                assert REDFISH not in await notes.reach(ipmi - 1)
                deaf.close()
                async with small_bmc(SILENT, password=b"another"):  # now it answers, and is judged
                    assert (await notes.reach(ipmi + 1))[-2:] == [SILENT, REDFISH]
                    await step
            else:
                assert (await notes.reach(ipmi))[-1] == REDFISH
                assert SILENT not in notes.bmcs
                step.cancel()
                await asyncio.wait([step])

    run()
