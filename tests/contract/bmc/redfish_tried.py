"""One login at a scripted Redfish service over a real socket: what came of it, what the service saw, what the ledger keeps."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from seedvm.base.secret import Secret
from seedvm.bmc.bmc_login import BmcLogin
from seedvm.bmc.clients import with_account
from seedvm.bmc.credentials import prove
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.login_result import Proven, Unproven
from seedvm.bmc.redfish import RedfishBmc
from seedvm.machines.inventory import KnownMachine
from seedvm.site.accounts import Candidate
from seedvm.wire.rmcp import presence_ping
from tests.datacenter.script import Reply, Rule, Script
from tests.datacenter.scripted import Bmc, scripted
from tests.datacenter.tls import Tls

V1 = "/redfish/v1"
SESSIONS = f"{V1}/SessionService/Sessions"
LINKED = {"Links": {"Sessions": {"@odata.id": SESSIONS}}}
SYSTEM, NICS = f"{V1}/Systems/1", f"{V1}/Systems/1/EthernetInterfaces"
both_logins = pytest.mark.parametrize("root", [LINKED, {"Links": ...}], ids=["by a session", "by basic"])


class Tried:
    """What came of one login, what the BMC saw of it, and what the ledger keeps."""

    def __init__(self, answer: Proven | Unproven, bmc: Bmc, ledger: Ledger) -> None:
        self.answer, self.bmc, self.ledger = answer, bmc, ledger

    @property
    def proven(self) -> Proven:
        assert isinstance(self.answer, Proven), self.answer
        return self.answer

    @property
    def unproven(self) -> Unproven:
        assert isinstance(self.answer, Unproven), self.answer
        assert self.answer.reason and self.answer.cure
        return self.answer

    @property
    def findings(self) -> dict[str, str]:
        return {one.name: one.detail for one in self.answer.seen}

    @property
    def counted(self) -> int:
        return len(self.ledger.failures())

    def machine(self) -> KnownMachine:
        return with_account(KnownMachine(self.bmc.address, protocols=("redfish",)), self.proven)


async def tried(
    folder: Path,
    script: Script | Mapping[str, Rule],
    password: str | None = None,
    *,
    root: Mapping[str, object] = LINKED,
    old_tls: bool = False,
    tls: Tls | None = Tls(),  # noqa: B008
    protocols: tuple[str, ...] = ("redfish",),
    **how: Any,
) -> Tried:
    """Prove an account at a BMC that does this."""
    said = script if isinstance(script, Script) else Script({V1: Reply(fields=root), **script})
    async with scripted(said, tls=tls, **how) as bmc:
        ledger = Ledger(folder)
        make = partial(RedfishBmc, bmc.address, port=bmc.port, tls=bmc.tls, old_tls=old_tls)
        pair = Candidate(bmc.user, Secret(password or bmc.password))
        answer = await prove(BmcLogin(bmc.address, ledger, make), protocols, [pair])
        return Tried(answer, bmc, ledger)


@contextlib.contextmanager
def presence() -> Iterator[None]:
    """Somebody who answers RMCP's presence ping at port 623 of this address."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", 623))
    ended = threading.Event()

    def answer() -> None:
        server.settimeout(0.1)
        while not ended.is_set():
            with contextlib.suppress(TimeoutError):
                ping, peer = server.recvfrom(1000)
                if ping[:8] == presence_ping(0)[:8]:
                    body = bytes.fromhex("000011be00000000810000000000000000")[:16]
                    server.sendto(b"\x06\x00\xff\x06" + b"\x00\x00\x11\xbe\x40" + ping[9:10] + b"\x00\x10" + body, peer)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        server.close()
