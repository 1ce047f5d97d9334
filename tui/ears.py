"""What the seed's NICs hear: the switch and port they hang on (LLDP), strangers' DHCP servers. It sends nothing at all.

A switch speaks every 30 s as a rule, so one minute of listening is enough. It refuses to conclude from silence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from seedvm.errors import SeedvmError
from seedvm.scan.listen import Neighbour, listen

SECONDS = 65.0


def heard(neighbour: Neighbour) -> str:
    """What a neighbour says that belongs to a NIC's line; blank where it is nothing."""
    if switch := neighbour.facts("switch"):
        port = ", ".join(neighbour.facts("switch-port"))
        vlan = ", ".join(neighbour.facts("port-vlan"))
        return f"on {switch[0]} port {port}" + (f" vlan {vlan}" if vlan else "")
    if server := neighbour.facts("dhcp-server"):
        return f"a DHCP server is there: {server[0]}"
    return ""


async def overhear(nics: list[str], tell: Callable[[str, str], None], seconds: float = SECONDS) -> None:
    """Listen on these NICs at once; `tell` gets a NIC and what was heard on it. Raises SeedvmError where listening is not allowed."""

    async def one(nic: str) -> None:
        def seen(neighbour: Neighbour) -> None:
            if text := heard(neighbour):
                tell(nic, text)

        await listen(nic, seconds=seconds, on_seen=seen)

    try:
        async with asyncio.TaskGroup() as group:
            for nic in nics:
                group.create_task(one(nic))
    except* OSError as errors:
        raise SeedvmError("nothing can be heard", why=str(errors.exceptions[0]), hint="listening needs root") from None
