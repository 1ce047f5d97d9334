"""What the seed's NICs hear: the switch and port they hang on (LLDP), strangers' DHCP servers. It sends nothing at all.

A switch speaks every 30 s as a rule, so one minute of listening is enough. It refuses to conclude from silence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from seedvm.base.errors import SeedvmError
from seedvm.scan.listen import Neighbour, listen
from seedvm.scan.vlan import vlan

SECONDS = 65.0


def heard(neighbour: Neighbour) -> str:
    """What a neighbour says that belongs to a NIC's line; blank where it is nothing."""
    if switch := neighbour.facts("switch"):
        port = ", ".join(neighbour.facts("switch-port"))
        vlan = ", ".join(neighbour.facts("port-vlan"))
        return f"on {switch[0]} port {port}" + (f" vlan {vlan}" if vlan else "")
    if server := neighbour.facts("dhcp-server"):
        tag = neighbour.facts("vlan")
        return f"DHCP server{f' on VLAN {tag[0]}' if tag else ''}: {server[0]}"
    return ""


async def hear(nics: Sequence[str], on_seen: Callable[[str, Neighbour], None], seconds: float) -> None:
    """Listen on these NICs at once; `on_seen` gets a NIC and a neighbour whenever something new is known of it.

    A NIC like eth1.123 that is not there is made for that time. Raises SeedvmError where none of them can be listened on.
    """
    refused: list[SeedvmError] = []

    async def one(nic: str) -> None:
        try:
            async with vlan(nic):
                await listen(nic, seconds=seconds, on_seen=lambda neighbour: on_seen(nic, neighbour))
        except SeedvmError as error:
            refused.append(error)  # the others are listened on all the same

    async with asyncio.TaskGroup() as group:
        for nic in nics:
            group.create_task(one(nic))
    if refused and len(refused) == len(nics):
        raise refused[0]


async def overhear(nics: Sequence[str], tell: Callable[[str, str], None], seconds: float = SECONDS) -> None:
    """As `hear`; `tell` gets a NIC and in words what was heard on it."""

    def seen(nic: str, neighbour: Neighbour) -> None:
        if text := heard(neighbour):
            tell(nic, text)

    await hear(nics, seen, seconds)
