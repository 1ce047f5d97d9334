"""`seedvm scan` as it is used: interrupted it keeps what it found and goes on there; a VLAN is made and taken away."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.engine.step import Done
from seedvm.machines import inventory
from seedvm.scan.state import ScanProgress
from seedvm.scan.vlan import vlan
from seedvm.site.load import parse_site
from seedvm.steps.discover import DiscoverStep
from tests.contract.bmc.steps import Notes, bring_about, context
from tests.contract.isolated import child, isolated, until
from tests.contract.scan.cable import cable
from tests.contract.scan.test_cable import GUID, HOSTS

ROOT = Path(__file__).parents[3]


def names() -> set[str]:
    return {one["ifname"] for one in json.loads(process.run(["ip", "-j", "link"], timeout=60).stdout)}


@isolated
async def test_interrupted_it_keeps_what_it_found_and_goes_on_there(tmp_path: Path) -> None:
    """The small block (108 of 1,132 addresses) is asked, the large one beside it is cut short, the next run asks only what is left."""
    words = [sys.executable, "-m", "seedvm", "scan", "172.22.1.1-172.22.1.8", "10.9.0.0-10.9.4.99"]
    words += ["--state-dir", str(tmp_path), "--json", "--rate", "800"]
    process.run(["ip", "route", "add", "blackhole", "10.9.0.0/16"], timeout=60)
    async with cable(tmp_path, []):
        with child(process.Command(words, cwd=ROOT), log=tmp_path / "out") as scan:
            await until(lambda: len(ScanProgress(tmp_path, words[4:6]).done()) >= 108)
            scan.send_signal(signal.SIGINT)
            await until(lambda: scan.poll() is not None)
        events = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
        assert (events[-1]["event"], events[-1]["complete"]) == ("end", False)
        second = (await process.arun(process.Command(words, cwd=ROOT), timeout=300)).stdout.splitlines()
    resumed, ended = json.loads(second[0])["resumed"], json.loads(second[-1])
    assert resumed == 108
    assert ended["complete"]
    assert ended["packets"] < 5 * (1132 - resumed) + 100


@isolated
async def test_a_vlan_of_a_trunk_is_made_for_the_scan_and_taken_away(tmp_path: Path) -> None:
    async with cable(tmp_path, []):
        words = ["ip", "link", "add", "link", "near0", "name", "try0", "type", "vlan", "id", "9"]
        if "Unknown device type" in process.run(words, timeout=60, check=False).stderr:
            with pytest.raises(SeedvmError, match="8021q"):
                async with vlan("near0.123"):
                    pass
            pytest.skip("this kernel makes no VLAN interfaces (module 8021q)")
        async with vlan("near0.123"):
            said = json.loads(process.run(["ip", "-j", "-d", "link", "show", "near0.123"], timeout=60).stdout)[0]
            assert (said["link"], said["linkinfo"]["info_data"]["id"], said["operstate"]) == ("near0", 123, "UP")
        assert "near0.123" not in names()


@isolated
async def test_only_an_interface_that_a_scan_made_is_taken_away(tmp_path: Path) -> None:
    async with cable(tmp_path, []):
        process.run(["ip", "link", "add", "link", "near0", "name", "near0.7", "type", "macvlan"], timeout=60)
        async with vlan("near0.7"):
            pass
        assert "near0.7" in names(), "what somebody else made stays"
        process.run(["ip", "link", "set", "dev", "near0.7", "alias", f"seedvm scan {os.getpid()}"], timeout=60)
        async with vlan("near0.7"):
            pass
        assert "near0.7" in names(), "a scan that runs keeps its own"
        process.run(["ip", "link", "set", "dev", "near0.7", "alias", "seedvm scan 999999999"], timeout=60)
        async with vlan("near0.7"):
            pass
        assert "near0.7" not in names(), "what a killed scan left is taken away"
        for wrong in ("near0.5000", "none0.1", "near0.x"):
            with pytest.raises(SeedvmError):
                async with vlan(wrong):
                    pass


@isolated
async def test_link_local_bmcs_are_discovered_by_the_step_and_stay_found(
    tmp_path: Path, state_dir: Path, site_text: str
) -> None:
    text = site_text.replace("eth1", "near0").replace("ranges: [172.22.1.21-172.22.1.26]", "link_local: [near0]")
    site = parse_site(text.replace("172.22.1.24", "fe80::21%near0"))
    hosts = [HOSTS[0], HOSTS[5]]
    async with cable(tmp_path, hosts, services=True):
        step, notes = DiscoverStep(context(state_dir, site, {})), Notes()
        await bring_about(step, notes)
        assert isinstance(await step.check(), Done)
    (machine,) = inventory.load(state_dir).machines
    assert (machine.bmc, machine.protocols) == ("fe80::21%near0", ("ipmi-2.0", "redfish"))
    assert machine.guid == GUID + "31"
    assert any("172.22.1.21 announces" in line and "was not contacted" in line for line in notes.lines)
