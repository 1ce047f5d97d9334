"""An imported list is enough: its machines are found, and each account is proven on its own BMC and tried on no other."""

from __future__ import annotations

from pathlib import Path

from seedvm.engine.step import Blocked, Todo
from seedvm.machines import inventory
from seedvm.machines.import_export import LISTED, take
from seedvm.site.model import Site
from seedvm.site.secrets_file import load_proven
from seedvm.steps.boot_mac import BootMacStep
from seedvm.steps.credentials import CredentialsStep
from seedvm.steps.discover import DiscoverStep
from tests.contract.bmc.bmcs import ipmi_sim, redfish_sim
from tests.contract.bmc.steps import MAC, Notes, bring_about, context, wire
from tests.contract.isolated import isolated

LIST = f"""\
bmc ip;user;password;mac
172.22.1.21;admin;first-1;52:54:00:aa:00:01
172.22.1.22;admin;second-2;{MAC}
172.22.1.23;admin;third-3;
"""


@isolated
async def test_a_list_is_enough_to_begin_with(tmp_path: Path, state_dir: Path, site: Site) -> None:
    wire()
    assert isinstance(await CredentialsStep(context(state_dir, site, {})).check(), Blocked)
    take(LIST.encode(), "list.csv", site, state_dir)
    here = context(state_dir, site, {})  # read again, as the next run of the engine does
    async with (
        redfish_sim(tmp_path, "172.22.1.21", password="first-1") as m1,
        ipmi_sim(tmp_path, "172.22.1.22", password="second-2"),
    ):
        assert isinstance(await DiscoverStep(here).check(), Todo)
        for step in (DiscoverStep(here), CredentialsStep(here), BootMacStep(here)):
            await bring_about(step, Notes())
        assert m1.count("bad") == 0  # a Redfish service allows one wrong password: it has seen none
    proven = load_proven(state_dir / "secrets.yaml")
    assert {bmc: one.password.reveal() for bmc, one in proven.items()} == {
        "172.22.1.21": "first-1",
        "172.22.1.22": "second-2",
    }
    known = {one.bmc: one for one in inventory.load(state_dir).machines}
    assert (known["172.22.1.22"].boot_mac, known["172.22.1.22"].boot_mac_source) == (MAC, LISTED)
    assert known["172.22.1.23"].silent
