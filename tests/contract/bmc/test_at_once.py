"""Several processes that try one account at the same moment make one attempt, and a death in the middle of it locks nobody out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.bmc.ledger import Ledger
from tests.contract.isolated import child, isolated, until
from tests.datacenter.accounts import Accounts
from tests.datacenter.faults import UdpPort
from tests.datacenter.ipmi import Ipmi
from tests.datacenter.model import Host
from tests.datacenter.record import Record
from tests.datacenter.redfish import Redfish

ROOT = Path(__file__).parents[3]
SCRIPT = str(ROOT / "tests/contract/bmc/try_accounts.py")
BMCS, PROCESSES = 24, 2
IN_THE_MIDDLE = """\
import asyncio, signal, sys
from pathlib import Path
from seedvm.bmc.ledger import Ledger
from seedvm.site.secrets_file import Secret
async def hold():
    async with Ledger(Path(sys.argv[1])).attempt("172.22.1.21", "admin", Secret("a")):
        Path(sys.argv[1], "inside").touch()
        signal.pause()
asyncio.run(hold())
"""


@contextlib.asynccontextmanager
async def many_bmcs(protocol: str) -> AsyncIterator[dict[str, Record]]:
    """BMCs that lock after two failures, on loopback, and what each of them saw."""
    loop, records = asyncio.get_running_loop(), {}
    async with contextlib.AsyncExitStack() as stack:
        for number in range(1, BMCS + 1):
            spoken = {"ipmi": ("1.5",)} if protocol == "ipmi-1.5" else {"redfish": "clear"}
            host = Host(
                f"127.0.9.{number}", "", guid="00" * 16, users={"admin": "right"}, lock_after=2, restart=True, **spoken
            )
            record = records[host.address] = Record()
            ipmi = Ipmi(Accounts(host, record))
            if host.ipmi:
                port, _ = await loop.create_datagram_endpoint(
                    lambda host=host, record=record, ipmi=ipmi: UdpPort(host, record, ipmi.answer, ipmi.lost),
                    local_addr=(host.address, 623),
                )
                stack.callback(port.close)
            else:
                service = Redfish(ipmi.accounts, ipmi.slots)
                stack.callback((await asyncio.start_server(service.connected, host.address, 80)).close)
        yield records


async def try_at_once(folder: Path, protocol: str, addresses: Sequence[str]) -> None:
    """That many processes, each at its mark before the first begins."""
    with contextlib.ExitStack() as stack:
        command = [sys.executable, SCRIPT, str(folder), protocol, *addresses]
        running = [
            stack.enter_context(
                child(process.Command(command, env={"PYTHONPATH": str(ROOT)}), log=folder / f"log{number}")
            )
            for number in range(PROCESSES)
        ]
        await until(lambda: len(list(folder.glob("ready-*"))) == PROCESSES)
        (folder / "go").touch()
        await until(lambda: all(one.poll() is not None for one in running))
        said = "".join((folder / f"log{number}").read_text() for number in range(PROCESSES))
        assert [one.poll() for one in running] == [0] * PROCESSES, said


@pytest.mark.parametrize("protocol", ["redfish-http", "ipmi-1.5"])
def test_processes_that_try_one_account_at_the_same_moment_fail_once(tmp_path: Path, protocol: str) -> None:
    @isolated
    async def run() -> None:
        async with many_bmcs(protocol) as records:
            await try_at_once(tmp_path, protocol, list(records))
        assert [[one.outcome for one in record.logins] for record in records.values()] == [["wrong"]] * BMCS
        assert not any(record.locked_by_visitor for record in records.values())
        assert len(Ledger(tmp_path).failures()) == BMCS

    run()


async def test_who_dies_in_an_attempt_leaves_it_noted_and_gives_the_turn_to_the_next(tmp_path: Path) -> None:
    command = [sys.executable, "-c", IN_THE_MIDDLE, str(tmp_path)]
    with child(process.Command(command, env={"PYTHONPATH": str(ROOT)}), log=tmp_path / "log") as first:
        await until(lambda: (tmp_path / "inside").exists())
        other = asyncio.create_task(_attempt(tmp_path, "b"))
        with pytest.raises(TimeoutError):  # as long as the first lives it waits
            await asyncio.wait_for(asyncio.shield(other), 0.5)
        os.kill(first.pid, signal.SIGKILL)
        with pytest.raises(SeedvmError, match="postponed"):
            await asyncio.wait_for(other, 60)
    await _attempt(tmp_path, "a")  # the same pair, once more
    assert Ledger(tmp_path).failures() == ()


async def _attempt(folder: Path, password: str) -> None:
    async with Ledger(folder).attempt("172.22.1.21", "admin", Secret(password)) as charge:
        charge.succeeded()
