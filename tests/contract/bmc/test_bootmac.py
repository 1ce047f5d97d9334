"""Boot MACs learned by power, and the pace that a BMC is asked at, both seen on the wire."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import struct
import sys
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from seedvm.bmc.boot_mac import Alone
from seedvm.machines import inventory
from seedvm.machines.inventory import KnownMachine
from seedvm.site.model import Site
from seedvm.steps.boot_mac import BY_POWER, BY_UUID, BootMacStep
from seedvm.steps.credentials import CredentialsStep
from seedvm.steps.discover import DiscoverStep
from tests.contract.bmc.bmcs import GUID, ipmi_sim
from tests.contract.bmc.steps import MAC, ROOT, Notes, bring_about, context, wire
from tests.contract.isolated import isolated
from tests.contract.scan.cable import SO_TIMESTAMPNS

COMMAND = 0x00  # payload type: an IPMI message in a session
QUICK = Alone(seconds=120, quiet=0.3, settle=0.3)


def request(mac: str, guid: str, architecture: int = 0) -> str:
    """A shell command: a machine's firmware asks for an address."""
    script = f"{ROOT}/tests/contract/dhcp_request.py"
    return f"PYTHONPATH={ROOT} {sys.executable} {script} far0 {mac} {guid} {architecture} >/dev/null 2>&1 &"


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[dict[bytes, list[float]]]:
    """The times of the commands that go to a BMC, by session id, from the wire itself (IPMI 2.0, 13.6: RMCP+ packets)."""
    heard: dict[bytes, list[float]] = {}
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    wire.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)  # the kernel's time, not that of a loop that may be late
    wire.bind(("lo", 0))
    wire.setblocking(False)

    def hear() -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                frame, notes, _, origin = wire.recvmsg(2048, 64)
                udp = frame[14 + 20 :]
                rmcp = udp[8:]
                to_bmc = (
                    frame[23] == 17 and udp[2:4] == (623).to_bytes(2, "big") and origin[2] != socket.PACKET_OUTGOING
                )
                if to_bmc and (rmcp[3], rmcp[4], rmcp[5] & 0x3F) == (7, 6, COMMAND):
                    seconds, nanoseconds = struct.unpack("qq", notes[0][2])
                    heard.setdefault(rmcp[6:10], []).append(seconds + nanoseconds / 1e9)

    loop = asyncio.get_running_loop()
    loop.add_reader(wire, hear)
    try:
        yield heard
    finally:
        loop.remove_reader(wire)
        hear()
        wire.close()


@isolated
async def test_a_machine_whose_bmc_tells_no_uuid_is_learned_alone(tmp_path: Path, state_dir: Path, site: Site) -> None:
    wire()
    here = context(state_dir, site, {"admin": "right"})
    asks = f"echo on >> {tmp_path}/starts; {request(MAC, uuid.uuid4().hex, 7)}"
    async with ipmi_sim(tmp_path, "172.22.1.22", guid="0" * 32, on_power=asks) as sim:
        for step in (DiscoverStep(here), CredentialsStep(here), BootMacStep(here, alone=QUICK)):
            await bring_about(step, Notes())
        machine = inventory.load(state_dir).machine(sim.address)
        assert machine is not None
        assert (machine.boot_mac, machine.boot_mac_source, machine.boot_mode) == (MAC, BY_POWER, "uefi")
        assert (machine.powered_by_us, sim.power.read_text().strip()) == (False, "0")
        assert (tmp_path / "starts").read_text().split() == ["on", "on"]


@isolated
async def test_without_leave_nothing_is_powered_and_the_cure_says_how_to_give_it(
    tmp_path: Path, state_dir: Path, site: Site
) -> None:
    wire()
    forbidden = replace(site, bmc=replace(site.bmc, learn_mac_by_power_on=False))
    here = context(state_dir, forbidden, {"admin": "right"})
    async with ipmi_sim(tmp_path, "172.22.1.22", on_power=f"echo on >> {tmp_path}/starts") as sim:
        for step in (DiscoverStep(here), CredentialsStep(here), BootMacStep(here, alone=QUICK)):
            await bring_about(step, Notes())
        machine = inventory.load(state_dir).machine(sim.address)
        assert machine is not None
        assert machine.boot_mac is None
        assert "learn_mac_by_power_on" in (machine.cure or "")
        assert not (tmp_path / "starts").exists()


@isolated
async def test_a_request_with_a_uuid_that_two_machines_have_is_nobodys(
    tmp_path: Path, state_dir: Path, site: Site
) -> None:
    """Its twin runs and has a MAC already: the one that is learned must not be taken for it, nor the other way round."""
    wire()
    here = context(state_dir, site, {"admin": "right"})
    async with ipmi_sim(tmp_path, "172.22.1.22", on_power=request(MAC, GUID)) as sim:
        for step in (DiscoverStep(here), CredentialsStep(here)):
            await bring_about(step, Notes())
        twin = KnownMachine(
            "172.22.1.23", uuid=str(uuid.UUID(GUID)), driver="redfish", proven_user="a", boot_mac="52:54:00:aa:00:23"
        )
        inventory.update(state_dir, twin)
        await bring_about(BootMacStep(here, alone=QUICK), Notes())
        machine = inventory.load(state_dir).machine(sim.address)
        assert machine is not None
        assert (machine.boot_mac, machine.boot_mac_source) == (MAC, BY_POWER)


@isolated
async def test_five_seconds_lie_between_two_sessions_to_one_bmc(tmp_path: Path, state_dir: Path, site: Site) -> None:
    """From the proof of the password to the last power off, by two steps with objects of their own."""
    wire()
    here = context(state_dir, site, {"admin": "right"})
    async with ipmi_sim(tmp_path, "172.22.1.22", on_power=request(MAC, GUID)) as sim, listening() as heard:
        for step in (DiscoverStep(here), CredentialsStep(here), BootMacStep(here, alone=QUICK)):
            await bring_about(step, Notes())
        machine = inventory.load(state_dir).machine(sim.address)
        assert machine is not None
        assert machine.boot_mac_source == BY_UUID
    sessions = list(heard.values())
    assert len(sessions) >= 4  # the proof, and in the next step: power read, power on, power off
    gaps = [round(after[0] - before[-1], 2) for before, after in itertools.pairwise(sessions)]
    assert min(gaps) >= 4.9, gaps
