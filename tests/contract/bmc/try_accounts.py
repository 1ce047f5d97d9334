"""Tries one wrong password on many BMCs as soon as the file `go` is there: FOLDER PROTOCOL ADDRESS...

Says "ready" by a file of its own before, so that several of these begin at the same moment.
"""

from __future__ import annotations

import asyncio
import os
import sys
from functools import partial
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.bmc.bmc_login import BmcLogin, BmcProtocol
from seedvm.bmc.credentials import prove, still_opens
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.login_result import Proven
from seedvm.bmc.redfish import RedfishBmc
from seedvm.site.accounts import Candidate

WRONG = Candidate("admin", Secret("wrong"))


async def main() -> None:
    folder, protocol, addresses = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    ledger = Ledger(folder)

    async def one(address: str) -> None:
        make = partial(RedfishBmc, address, port=80, tls=False)
        assert not isinstance(await prove(BmcLogin(address, ledger, make), [protocol], [WRONG]), Proven)
        try:  # and once more by the other way in
            assert not await still_opens(
                BmcLogin(address, ledger, make), WRONG, BmcProtocol(protocol.removesuffix("-http"))
            )
        except SeedvmError as refused:
            assert "postponed" in refused.what, refused

    (folder / f"ready-{os.getpid()}").touch()
    while not (folder / "go").exists():
        await asyncio.sleep(0)
    await asyncio.gather(*(one(address) for address in addresses))


asyncio.run(main())
