"""Who else on a wire says to have an address. It sends ARP probes, which claim nothing, and needs no address of its own."""

from __future__ import annotations

import asyncio
import contextlib
from ipaddress import IPv4Address

from seedvm.scan.sniff import tap
from seedvm.wire.arp import Claim, claim, probe

_ARP_SECONDS = 2.0


async def claims_on(interface: str, mac: str, addresses: list[IPv4Address]) -> list[Claim]:
    """Who else says to have one of these addresses (RFC 5227 probes, sent twice)."""
    wanted = {str(address) for address in addresses}
    found: dict[str, Claim] = {}
    async with tap(interface) as (raw, frames):
        for _ in range(2):
            for address in addresses:
                raw.send(probe(mac, address))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_ARP_SECONDS / 2):
                    while True:
                        said = claim(await frames.get())
                        if said and said.address in wanted and said.mac != mac:
                            found[said.address] = said
    return list(found.values())
