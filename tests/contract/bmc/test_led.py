"""A machine's light blinks over IPMI and Redfish, and is as it was before once its time is over, also when we are ended meanwhile."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.bmc.clients import BmcPorts
from seedvm.bmc.ipmi import IpmiBmc
from seedvm.bmc.led import blink
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.rate_limit import RateLimit
from seedvm.bmc.redfish import RedfishBmc
from seedvm.machines import inventory
from seedvm.machines.inventory import KnownMachine
from seedvm.site.accounts import Candidate
from seedvm.site.secrets_file import ensure_generated, store_candidates, store_proven
from tests.contract.bmc.bmcs import redfish_sim
from tests.contract.isolated import isolated
from tests.contract.rack.test_faults import ADDRESS, front
from tests.contract.rack.test_faults import RIGHT as RACKS

RIGHT = Candidate("admin", Secret("right"))
SYSTEM = "/redfish/v1/Systems/00112233-4455-6677-8899-aabbccddee01"
REDFISH = KnownMachine(ADDRESS, protocols=("redfish",), driver="redfish", proven_user="admin", redfish_system=SYSTEM)
IPMI = KnownMachine(ADDRESS, protocols=("ipmi-2.0",), driver="ipmi", proven_user="admin")
ROOT = Path(__file__).parents[3]


async def led() -> str:
    bmc = RedfishBmc(ADDRESS, "admin", Secret("right"))
    async with bmc.session():
        return str((await bmc.get(SYSTEM))["IndicatorLED"])


async def lit() -> int:
    """The light by Get Chassis Status: 0 off, 1 for a while, 2 for good."""
    bmc = IpmiBmc(ADDRESS, RACKS.user, RACKS.password, gap=0.0)
    async with bmc.session() as session:
        said = await session.command(0x00, 0x01)
    assert said.data[2] & 0x40, "it tells of its light"
    return said.data[2] >> 4 & 3


@isolated
async def test_a_light_over_redfish_blinks_and_is_as_it_was_after_its_time(tmp_path: Path) -> None:
    seen: list[str] = []

    async def began(way: str) -> None:
        seen.extend((way, await led()))

    async with redfish_sim(tmp_path, ADDRESS):
        before = await led()
        way = await blink(REDFISH, RIGHT, Ledger(tmp_path), RateLimit(tmp_path), BmcPorts(), seconds=1, began=began)
        assert way == "Redfish IndicatorLED" and seen == [way, "Blinking"]
        assert await led() == before
    assert Ledger(tmp_path).failures() == ()


@isolated
async def test_a_light_over_ipmi_is_ended_by_the_bmc_itself(tmp_path: Path) -> None:
    async with front(tmp_path, "ipmi"):
        assert await lit() == 0
        assert await blink(IPMI, RACKS, Ledger(tmp_path), RateLimit(tmp_path, gap=0.0), BmcPorts(), seconds=3)
        assert await lit() == 1
        async with asyncio.timeout(60):
            while await lit():
                await asyncio.sleep(0.2)


@isolated
async def test_a_bmc_without_a_light_says_so_and_nothing_is_changed(tmp_path: Path) -> None:
    async with redfish_sim(tmp_path, ADDRESS) as bmc:
        bmc.overlay.write_text(f'{{"{SYSTEM}": {{"IndicatorLED": null, "Links": {{}}}}}}')
        with pytest.raises(SeedvmError, match="no light"):
            await blink(REDFISH, RIGHT, Ledger(tmp_path), RateLimit(tmp_path), BmcPorts(), seconds=1)


@isolated
async def test_the_command_that_is_ended_leaves_no_light_on(tmp_path: Path, state_dir: Path) -> None:
    file = state_dir / "secrets.yaml"
    store_candidates(file, (RIGHT,))
    ensure_generated(file)
    store_proven(file, {ADDRESS: RIGHT})
    inventory.update(state_dir, REDFISH)
    async with redfish_sim(tmp_path, ADDRESS):
        before = await led()
        words = [
            sys.executable,
            "-m",
            "seedvm",
            "bmc",
            "blink",
            ADDRESS,
            "--state-dir",
            str(state_dir),
            "--seconds",
            "200",
        ]
        log = tmp_path / "blink.log"
        child = process.spawn(process.Command(words, env={"PYTHONPATH": str(ROOT)}), log=log)
        async with asyncio.timeout(60):
            while "blinks for 200 s" not in log.read_text():
                assert child.poll() is None, log.read_text()
                await asyncio.sleep(0.1)
        assert await led() == "Blinking"
        child.send_signal(signal.SIGTERM)
        await asyncio.to_thread(child.wait, 60)
        assert await led() == before
