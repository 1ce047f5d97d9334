"""The scan against real emulators: everything is found, each fact has its packet, and the wire is spared."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket
import struct
import sys
from pathlib import Path

from seedvm.base import process
from seedvm.scan.evidence import Bmc
from seedvm.scan.sweep import sweep
from tests.contract.bmc.bmcs import GUID, ipmi_sim, pyghmi_bmc, redfish_sim
from tests.contract.isolated import isolated
from tests.contract.scan.cable import SO_TIMESTAMPNS

ROOT = Path(__file__).parents[3]


@isolated
async def test_both_kinds_of_bmc_are_found_and_silence_is_no_bmc(tmp_path: Path) -> None:
    heard: list[Bmc] = []
    async with (
        ipmi_sim(tmp_path, "172.22.1.21"),
        redfish_sim(tmp_path, "172.22.1.22"),
        redfish_sim(tmp_path, "172.22.1.23", tls=False),
        pyghmi_bmc(tmp_path, "172.22.1.24"),
    ):
        result = await sweep(["172.22.1.21-172.22.1.26"], on_found=heard.append)
    found = {bmc.address: bmc for bmc in result.bmcs}
    assert result.complete
    assert {address: bmc.protocols for address, bmc in found.items()} == {
        "172.22.1.21": ("ipmi-1.5", "ipmi-2.0"),
        "172.22.1.22": ("redfish",),
        "172.22.1.23": ("redfish-http",),
        "172.22.1.24": ("ipmi-2.0",),
    }
    assert found["172.22.1.21"].fact("guid") == GUID
    assert (found["172.22.1.22"].fact("certificate") or "").startswith("sha256:")
    assert found["172.22.1.22"].fact("certificate-subject") == "CN=bmc-test"
    assert all(evidence.source and evidence.time for bmc in result.bmcs for evidence in bmc.evidence)
    assert {bmc.address for bmc in heard} == set(found)


@isolated
async def test_a_deadline_ends_the_scan_and_says_that_it_is_not_complete(tmp_path: Path) -> None:
    async with ipmi_sim(tmp_path, "172.22.1.21"):
        result = await sweep(
            ["172.22.1.21-172.22.1.26"], deadline=1.5
        )  # it answers at once; that the others are silent takes longer
    assert not result.complete
    assert [bmc.address for bmc in result.bmcs] == ["172.22.1.21"]


@isolated
async def test_the_wire_is_spared_as_promised() -> None:
    """Read from the wire: the rate holds over every half second, tags are in order, and no address is asked twice at once."""
    process.run(["ip", "link", "add", "quiet0", "type", "veth", "peer", "name", "far0"], timeout=60)
    process.run(["ip", "address", "add", "10.99.0.1/16", "dev", "quiet0"], timeout=60)
    process.run(["ip", "link", "set", "quiet0", "up", "arp", "off"], timeout=60)
    process.run(["ip", "link", "set", "far0", "up", "arp", "off"], timeout=60)
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    wire.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)  # the kernel's time, not that of a loop that may be late
    wire.bind(("far0", 0))
    wire.setblocking(False)
    seen: list[tuple[float, bytes]] = []
    loop = asyncio.get_running_loop()

    def hear() -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                frame, notes, _, _ = wire.recvmsg(2048, 64)
                seconds, nanoseconds = struct.unpack("qq", notes[0][2])
                seen.append((seconds + nanoseconds / 1e9, frame))

    loop.add_reader(wire, hear)
    rate = 400
    result = await sweep(["10.99.1.0-10.99.1.249"], rate=rate)
    loop.remove_reader(wire)
    hear()  # what the kernel still holds
    times = [at for at, _ in seen]
    assert len(seen) == result.packets == result.budget.packets
    for start in times:
        assert sum(1 for at in times if start <= at < start + 0.5) <= rate * 0.5 * 1.15 + 2
    by_target: dict[bytes, list[float]] = {}
    for at, frame in seen:
        by_target.setdefault(frame[30:34], []).append(at)
        assert not (frame[23] == 17 and frame[45] == 6 and frame[51] == 0xFF), "message tag 0xFF"
    assert len(by_target) == 250
    for asked in by_target.values():
        assert all(later - earlier >= 0.55 for earlier, later in itertools.pairwise(asked))


@isolated
async def test_the_command_lists_what_is_there_also_for_programs(tmp_path: Path) -> None:
    async with ipmi_sim(tmp_path, "172.22.1.21"):
        command = [sys.executable, "-m", "seedvm", "scan", "172.22.1.21-172.22.1.22", "--state-dir", str(tmp_path)]
        lines = (await process.arun(process.Command(command, cwd=ROOT), timeout=60)).stdout.splitlines()
        stream = (await process.arun(process.Command([*command, "--json"], cwd=ROOT), timeout=60)).stdout.splitlines()
        listed = (await process.arun(process.Command([*command, "--export", "csv"], cwd=ROOT), timeout=60)).stdout
    assert lines[0].startswith("contacting 2 addresses: 10 packets")
    assert lines[-1].startswith("1 BMCs, ")
    events = [json.loads(line) for line in stream]
    assert (events[0]["event"], events[0]["packets"], events[1]["event"]) == ("start", 10, "bmc")
    said = events[-1]
    assert any(line.startswith("172.22.1.21") and "ipmi-2.0" in line for line in lines)
    assert said["complete"]
    assert said["bmcs"][0]["address"] == "172.22.1.21"
    assert listed.splitlines()[1].startswith(",172.22.1.21,ipmi,")
