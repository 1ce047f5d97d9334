"""Kills a change of password at every line that it runs, one after the other: ADDRESS FOLDER PROTOCOL PASSWORD.

A child of our own per line, killed by SIGKILL from its own trace function; nothing in the shipped code knows of it. After each
death: some password in secrets.yaml opens the BMC, and the next run comes to its end. Prints how many deaths there were.
"""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
import time
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from seedvm.base.secret import Secret
from seedvm.bmc.account import BmcAccess
from seedvm.bmc.bmc_login import BmcProtocol
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.quirks import ANY_RULE
from seedvm.bmc.rate_limit import RateLimit
from seedvm.bmc.redfish import RedfishBmc
from seedvm.bmc.rotate import Store, rotate
from seedvm.site.accounts import Candidate
from seedvm.site.secrets_file import load_proven, load_rotations, store_proven

TRACED = ("/bmc/rotate.py", "/bmc/access.py", "/seedvm/site/secrets_file.py")


async def nobody(account: Candidate) -> None:
    return


def access(address: str, folder: Path, protocol: str) -> BmcAccess:
    # no window: what the ledger would wait for is not the question here
    redfish = partial(RedfishBmc, address) if protocol == "redfish" else None
    ledger = Ledger(folder, window=0)
    return BmcAccess(
        address, "admin", ledger, RateLimit(folder, 0), BmcProtocol.IPMI_20 if redfish is None else None, redfish
    )


def work(address: str, folder: Path, protocol: str) -> None:
    """One change, or the end of one that was cut off and then another."""
    file = folder / "secrets.yaml"
    old = load_proven(file)[address].password
    asyncio.run(rotate(access(address, folder, protocol), old, ANY_RULE, Store(file, address), nobody))


def dying_at(number: int) -> Any:
    """A trace function that kills this process at the `number`th line."""
    left = number

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if not frame.f_code.co_filename.endswith(TRACED):
            return None
        if event == "line":
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    return trace


def in_child(job: Any, number: int = 0) -> int:
    """How a child that does the job ended: 0, or the signal that killed it."""
    pid = os.fork()
    if pid == 0:
        try:
            if number:
                sys.settrace(dying_at(number))
            job()
            os._exit(0)
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def known(file: Path, address: str) -> list[Secret]:
    """Every password that the file holds for this BMC."""
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = [load_proven(file)[address].password]
    if rotation := load_rotations(file).get(address):
        found += [rotation.old, rotation.new]
    return found


def main() -> None:
    address, folder, protocol, password = sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    file = folder / "secrets.yaml"
    store_proven(file, {address: Candidate("admin", Secret(password))})

    def one_opens() -> None:
        async def look() -> bool:
            for one in dict.fromkeys(known(file, address)):
                if await access(address, folder, protocol).first_opens(one):
                    return True
            return False

        assert asyncio.run(look()), "no password in the file opens the BMC"

    deaths = 0
    begun = time.monotonic()
    while (ended := in_child(lambda: work(address, folder, protocol), deaths + 1)) != 0:
        assert ended == -signal.SIGKILL, ended
        deaths += 1
        (folder / "bmc-ledger.json").unlink(missing_ok=True)
        if deaths % 4 == 0:  # the next change begins with the same look
            assert in_child(one_opens) == 0
            (folder / "bmc-ledger.json").unlink(missing_ok=True)
    assert load_rotations(file) == {}
    assert in_child(one_opens) == 0
    sys.stdout.write(f"{deaths} deaths in {time.monotonic() - begun:.0f} s\n")


main()
