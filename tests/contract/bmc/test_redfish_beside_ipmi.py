"""Where IPMI opens a BMC, whatever is wrong with its Redfish is a finding and holds nobody up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from seedvm.base.secret import Secret
from seedvm.bmc.bmc_login import BmcLogin
from seedvm.bmc.credentials import prove
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.login_result import Proven
from seedvm.bmc.redfish import RedfishBmc
from seedvm.site.accounts import Candidate
from tests.contract.bmc.bmcs import ipmi_sim
from tests.contract.isolated import isolated
from tests.datacenter.script import Reply, Rule
from tests.datacenter.scripted import PLAIN, scripted
from tests.datacenter.tls import Tls

ADDRESS = "172.22.1.21"
SYSTEMS = "/redfish/v1/Systems"
TWO = {SYSTEMS: Reply(fields={"Members": [{"@odata.id": f"{SYSTEMS}/1"}, {"@odata.id": f"{SYSTEMS}/2"}]})}
OLD = Tls(version="1.0")
CASES: dict[str, tuple[Mapping[str, Rule], Tls, bool, str, str]] = {
    "two systems": (TWO, Tls(), False, "several-systems", "none needed while IPMI works"),
    "no JSON": ({f"{SYSTEMS}/1": Reply(body=b"{")}, Tls(), False, "redfish-unusable", "none needed while IPMI works"),
    "old TLS": ({}, OLD, False, "old-tls", "bmc.allow_old_tls"),
    "old TLS that is allowed": ({}, OLD, True, "old-tls", "bmc.allow_old_tls"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_account_is_proven_over_ipmi_and_the_oddity_is_told(
    tmp_path: Path, case: tuple[Mapping[str, Rule], Tls, bool, str, str]
) -> None:
    isolated(partial(told, case))(tmp_path)


async def told(case: tuple[Mapping[str, Rule], Tls, bool, str, str], tmp_path: Path) -> None:
    script, tls, allowed, name, cure = case
    host = replace(PLAIN, address=ADDRESS)
    async with ipmi_sim(tmp_path, ADDRESS), scripted(script, tls=tls, host=host, users={"admin": "right"}, port=443):
        make = partial(RedfishBmc, ADDRESS, old_tls=allowed)
        pair = Candidate("admin", Secret("right"))
        answer = await prove(BmcLogin(ADDRESS, Ledger(tmp_path), make), ["ipmi-2.0", "redfish"], [pair])
    assert isinstance(answer, Proven), answer
    assert (answer.protocol, [one.name for one in answer.seen]) == ("ipmi", [name])
    assert cure in answer.seen[0].cure
    assert Ledger(tmp_path).failures() == ()
