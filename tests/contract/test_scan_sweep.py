"""The scan against real emulators: everything is found, each fact has its packet, and the wire is spared."""

from __future__ import annotations

from pathlib import Path

from seedvm.scan.evidence import Bmc
from seedvm.scan.sweep import sweep
from tests.contract.bmcs import GUID, ipmi_sim, pyghmi_bmc, redfish_sim
from tests.contract.isolated import isolated


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
        result = await sweep(["172.22.1.21-172.22.1.26"], deadline=0.5)
    assert not result.complete
    assert [bmc.address for bmc in result.bmcs] == ["172.22.1.21"]
