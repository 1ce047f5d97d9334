"""A tagged VLAN of a trunk for the time of a scan: `eth1.123` is made where it is not there, and taken away again.

Ours is known by its alias, which names the process; one that a killed scan left behind is taken over. Refuses to change or remove an
interface that it did not make. No address is given to it: multicast, listening and link-local BMCs need none.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.waiting import NO_ERROR, TimedOut, wait_for

ALIAS = "seedvm scan "
TENTATIVE_SECONDS = 5.0


@contextlib.asynccontextmanager
async def vlan(name: str) -> AsyncIterator[str]:
    """The interface `name`, made if it is `<trunk>.<VLAN>` and the trunk is there."""
    there = await _links()
    if name in there and not _left_behind(there[name]):
        yield name
        return
    if name not in there:
        trunk, tag = _parts(name, there)
        words = ["ip", "link", "add", "link", trunk, "name", name, "type", "vlan", "id", str(tag)]
        made = await process.arun(words, timeout=10, check=False)
        if made.returncode != 0:
            raise SeedvmError(
                f"could not create {name}",
                why=made.stderr.strip(),
                hint="run as root; load the kernel's VLAN support with modprobe 8021q",
            )
    try:
        await process.arun(["ip", "link", "set", "dev", name, "alias", f"{ALIAS}{os.getpid()}"], timeout=10)
        await process.arun(["ip", "link", "set", "dev", name, "up"], timeout=10)
        await _addressed(name)
        yield name
    finally:
        await process.arun(["ip", "link", "delete", "dev", name], timeout=10, check=False)


def _parts(name: str, there: dict[str, str]) -> tuple[str, int]:
    trunk, _, tag = name.rpartition(".")
    if trunk not in there:
        raise SeedvmError(f"there is no interface {name}", hint="list them with: ip -br link")
    if not tag.isdigit() or not 1 <= int(tag) <= 4094:
        raise SeedvmError(
            f"{name} is not a VLAN of {trunk}", why="VLAN IDs are 1 to 4094", hint=f"write for example {trunk}.123"
        )
    return trunk, int(tag)


def _left_behind(alias: str) -> bool:
    """Whether a scan made it that is gone."""
    number = alias.removeprefix(ALIAS)
    return alias.startswith(ALIAS) and number.isdigit() and not Path("/proc", number).exists()


async def _links() -> dict[str, str]:
    """Every interface with its alias."""
    said = json.loads((await process.arun(["ip", "-j", "link", "show"], timeout=10)).stdout or "[]")
    return {str(one["ifname"]): str(one.get("ifalias", "")) for one in said}


async def _addressed(name: str) -> None:
    """Wait until its link-local address has passed duplicate address detection: before, nothing leaves from it."""

    async def passed() -> bool:
        said = await process.arun(["ip", "-j", "-6", "address", "show", "dev", name], timeout=10)
        rows = [row for link in json.loads(said.stdout or "[]") for row in link.get("addr_info", ())]
        return bool(rows) and not any(row.get("tentative") for row in rows)

    with contextlib.suppress(TimedOut):
        what = "its link-local address is tentative"
        await wait_for(passed, seconds=TENTATIVE_SECONDS, what=what, machine=name, pause=0.1, passing=NO_ERROR)
