"""The hand-off's FENCE and COMMIT: the seed's workers fall silent and are seen to be, then the VIP moves.

FENCE has a way back: what it stopped is started again when it fails. COMMIT is the point of no return, and after it nothing here is
ever undone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seedvm.base.errors import SeedvmError
from seedvm.cloud.api import Api
from seedvm.controller import service_units, units, vip
from seedvm.engine.step import Done, Report, Todo, Verdict
from seedvm.handoff import services
from seedvm.handoff.live import told_live
from seedvm.handoff.members import Reach, wait_for

LOCAL_DATA = Path("/var/lib/os-collect-config/local-data/seedvm.json")
_GRACE_SECONDS = 8.0
_WATCH_SECONDS = 3600
_MOVE_SECONDS = 60.0


@dataclass(frozen=True)
class Fence:
    """The seed's DHCP, TFTP, conductor, compute and engines are stopped, and a node saw them silent."""

    reach: Reach
    name: str = "handoff-fence"
    title: str = "FENCE: the seed's workers are silent on the wire"
    stretch: str = "handoff"
    usual_seconds: float = 8

    async def check(self) -> Verdict:
        if await self.reach.committed():
            return Done({"committed": True})
        if running := await units.active(service_units.WORKERS):
            return Todo(f"still running on the seed: {', '.join(running[:4])}")
        if not await self.reach.up():
            return Todo("not every node answers")
        seen = await self._seen()
        return (
            Todo("; ".join(seen))
            if seen
            else Done({"stopped": len(service_units.WORKERS), "dhcp": "silent", "tftp": "silent", "conductor": "gone"})
        )

    async def apply(self, report: Report) -> None:
        report.phase("FENCE", "started")
        watcher = self.reach.nodes[-1]
        request = {
            "verb": "watch",
            "seconds": _WATCH_SECONDS,
            "request": {"vip": self.reach.vip, "seconds": _WATCH_SECONDS},
        }
        since = time.time()
        await self.reach.ssh.verb(watcher, "launch", request)
        self.reach.take_note(watch={"member": watcher.name, "since": since})
        report.log("polls Keystone and Heat through the VIP at 5 Hz from now on", node=watcher.name)
        try:
            # Nothing is in flight, and Ironic's conductor takes itself off the list first of all: a straggler may be killed.
            async with told_live(self.reach, report):
                await units.stop(service_units.WORKERS, grace=_GRACE_SECONDS)
                report.phase("FENCE", "started", "the seed's workers are stopped; a node listens for them")
                await wait_for(
                    self._silent, seconds=60, what="the seed is not silent", hint="on the seed: systemctl list-units"
                )
        except BaseException:
            await units.start(service_units.WORKERS)
            await self.reach.release_writes()
            report.phase("FENCE", "undone")
            raise
        report.phase(
            "FENCE",
            "done",
            f"{len(service_units.WORKERS)} workers stopped; no DHCP, TFTP or conductor of the seed is heard",
        )

    async def _silent(self) -> bool:
        if seen := await self._seen():
            raise SeedvmError("the seed is still heard", why="; ".join(seen))
        return True

    async def _seen(self) -> list[str]:
        """What a node still hears of the seed's workers."""
        node = self.reach.nodes[0]
        api = await self.reach.login(node.address)
        mac = await asyncio.to_thread(services.idle_mac, api)
        alive = await asyncio.to_thread(services.alive, api)
        seed = self.reach.seed
        request = {
            "address": seed.address,
            "interface": "eth0",
            "mac": mac,
            "ports": list(service_units.BOOT_PORTS),
        }
        heard = await self.reach.ssh.verb(node, "probe", request)
        return still_heard(heard, seed.address, seed.name in alive["ironic-conductor"])


def still_heard(heard: Mapping[str, Any], address: str, conductor: bool) -> list[str]:
    """Sentences on what of the seed answered a node's probe."""
    found = []
    if address in heard["dhcp"]:
        found.append("its DHCP server makes offers")
    if heard["tftp"]:
        found.append("its TFTP server answers")
    found += [f"port {port} is open" for port in heard["open"]]
    if conductor:
        found.append("Ironic counts on its conductor")
    return found


@dataclass(frozen=True)
class Commit:
    """The VIP is a node's. Point of no return."""

    reach: Reach
    name: str = "handoff-commit"
    title: str = "COMMIT: the VIP moves; point of no return"
    stretch: str = "handoff"
    usual_seconds: float = 6

    async def check(self) -> Verdict:
        if not await self.reach.committed():
            return Todo("the VIP is the seed's")
        here = await asyncio.to_thread(vip.holds, self.reach.vip)
        if here or await units.active(service_units.VIP):
            return Todo("the seed reaches for the VIP again")
        notes = self.reach.notes()
        if LOCAL_DATA.exists():
            return Todo("the seed still has the metadata by which it would configure itself")
        if not notes.get("write_pause"):
            return Todo("nobody has seen a write through the VIP yet")
        return Done({"vip": notes.get("vip_holder", "a node"), "write_pause_seconds": notes["write_pause"]})

    async def apply(self, report: Report) -> None:
        report.phase("COMMIT", "started")
        async with told_live(self.reach, report):
            await self._move(report)

    async def _move(self, report: Report) -> None:
        times = self.reach.notes().get("times", {})
        if not await self.reach.committed():
            await self.reach.record("COMMIT", "started")
            self.reach.take_note(times={**times, "COMMIT": time.time()})
        # From here a seed that is started again must not configure itself, nor reach for the VIP.
        LOCAL_DATA.unlink(missing_ok=True)
        await units.stop(service_units.VIP, grace=_GRACE_SECONDS)
        holder = await wait_for(
            self._moved, seconds=_MOVE_SECONDS, what="the VIP did not move to a node", hint=_FORWARD, pause=0.2
        )
        await self.reach.record("COMMIT", "done", vip=holder)
        self.reach.take_note(committed=True, vip_holder=holder)
        report.fact("vip_holder", holder)
        report.phase("COMMIT", "started", f"the VIP is on {holder}; a write has to pass")
        report.log(f"the VIP is on {holder}; from here the road only goes forward", node=holder)
        await wait_for(
            self._written, seconds=_MOVE_SECONDS, what="no write passes through the VIP", hint=_FORWARD, pause=0.2
        )
        pause = round(
            time.time() - float(self.reach.notes().get("hold_since") or times.get("QUIESCE") or time.time()), 1
        )
        self.reach.take_note(write_pause=pause)
        report.fact("handoff_write_pause_seconds", pause)
        await units.disable(service_units.VIP)
        report.phase("COMMIT", "done", f"the VIP is on {holder}; writes paused for {pause:g} s")

    async def _moved(self) -> str | None:
        """The name of the node that holds the VIP, once its Keystone answers there."""
        if await asyncio.to_thread(vip.holds, self.reach.vip):
            return None
        answer = await asyncio.to_thread(Api(self.reach.vip, timeout=3).ask, "GET", "keystone", "/v3")
        if answer.status != 200:
            return None
        holders = [
            name
            for name, said in (await self.reach.ask("holder", {"vip": self.reach.vip})).items()
            if said["holds_vip"]
        ]
        return holders[0] if len(holders) == 1 else None

    async def _written(self) -> bool:
        """A write through the VIP: the canary is taken out again."""
        api = replace(await self.reach.login(), timeout=5)
        canary = self.reach.notes()["canary"]["id"]
        answer = await asyncio.to_thread(api.ask, "DELETE", "keystone", f"/v3/credentials/{canary}")
        return answer.status in (204, 404)


_FORWARD = "on the nodes: systemctl status keepalived haproxy; the seed's keepalived stays off. Then run again"
