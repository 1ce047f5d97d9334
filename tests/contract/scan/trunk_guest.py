"""A machine with two network cards on one cable, as a program: near0 is the seed's trunk, on VLAN 20 of cable0 a BMC answers (far_end.py).

Run where the kernel has 8021q, with the file of far_end.py. Says what seedvm makes of the trunk in one line of JSON after "TRUNK ".
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from seedvm.base import process
from seedvm.scan.evidence import Bmc
from seedvm.scan.listen import listen
from seedvm.scan.run import Plan, scan
from seedvm.scan.sweep import sweep

VLAN, STRAY = 20, 30
MAC, BMC = "52:54:00:aa:00:03", "10.0.20.21"


def ip(*words: str) -> str:
    return process.run(["ip", *words], timeout=60).stdout


def links() -> set[str]:
    return {one["ifname"] for one in json.loads(ip("-j", "link"))}


def tagged_arp(vlan: int, address: str) -> bytes:
    """A gratuitous ARP on a VLAN."""
    mac, claimed = bytes.fromhex(MAC.replace(":", "")), socket.inet_aton(address)
    head = b"\xff" * 6 + mac + b"\x81\x00" + vlan.to_bytes(2, "big") + b"\x08\x06"
    return head + b"\x00\x01\x08\x00\x06\x04\x00\x02" + mac + claimed + b"\xff" * 6 + claimed


async def listened() -> dict[str, tuple[str, ...]]:
    """What a listener on the trunk knows of MAC; cable0 speaks for it on a VLAN that nobody here has made."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as far:
        far.bind(("cable0", 0))

        async def speak() -> None:
            while True:
                far.send(tagged_arp(STRAY, "10.0.30.9"))
                await asyncio.sleep(0.2)

        speaking = asyncio.create_task(speak())
        heard = await listen("near0", seconds=5)
        speaking.cancel()
    return {name: one.facts(name) for one in heard if one.mac == MAC for name in ("vlan", "address")}


def known(bmcs: tuple[Bmc, ...]) -> dict[str, object]:
    return {one.address: [*one.protocols, *sorted({e.source for e in one.evidence})] for one in bmcs}


async def on_vlan() -> dict[str, object]:
    """The VLAN named by a scan: what answers there, and which interfaces were there meanwhile and are there afterwards."""
    during: set[str] = set()
    name = f"near0.{VLAN}"
    ended = await scan(Plan((f"fe80::/10%{name}",), (name,)), on_found=lambda bmc: during.update(links()))
    return {"found": known(ended.bmcs), "made": name in during, "left": name in links()}


async def by_ipv4(nic: str) -> dict[str, object]:
    ip("address", "add", "10.0.20.10/24", "dev", nic)
    found = await sweep([f"{BMC}-10.0.20.22"])
    ip("address", "del", "10.0.20.10/24", "dev", nic)
    return known(found.bmcs)


async def until(condition: Callable[[], bool], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.1)


async def main() -> None:
    for name, now in (("near0", "eth0"), ("cable0", "eth1")):
        ip("link", "set", now, "name", name)
        ip("link", "set", name, "up")
    ip("link", "add", "link", "cable0", "name", "far0", "type", "vlan", "id", str(VLAN))
    log = Path("/tmp/far.log")
    far = process.spawn(["unshare", "--net", sys.executable, "-m", "tests.contract.scan.far_end", sys.argv[1]], log=log)
    try:
        namespace, own = Path(f"/proc/{far.pid}/ns/net"), Path("/proc/self/ns/net").stat().st_ino
        await until(lambda: namespace.stat().st_ino != own, 60)
        ip("link", "set", "far0", "netns", str(far.pid))
        await until(lambda: "ready" in log.read_text(), 120)
        said: dict[str, object] = {
            "heard": await listened(),
            "scan": await on_vlan(),
            "untagged": await by_ipv4("near0"),
        }
        ip("link", "add", "link", "near0", "name", f"near0.{VLAN}", "type", "vlan", "id", str(VLAN))
        ip("link", "set", f"near0.{VLAN}", "up")
        said["tagged"] = await by_ipv4(f"near0.{VLAN}")
    finally:
        process.stop(far)
    sys.stdout.write(f"\nTRUNK {json.dumps(said)}\n")


if __name__ == "__main__":
    asyncio.run(main())
