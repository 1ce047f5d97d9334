"""A wire that doubles every packet and lets answers overtake each other: no right password is taken for a locked account."""

from __future__ import annotations

import asyncio
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
from tests.contract.isolated import isolated
from tests.datacenter.accounts import Accounts
from tests.datacenter.faults import UdpPort
from tests.datacenter.ipmi import Ipmi
from tests.datacenter.model import Host
from tests.datacenter.record import Record

PLACES = (
    7,
    17,
    24,
)  # the dice of these addresses let the refusal of the second RAKP 3 overtake the answer to the first


@pytest.mark.root
@pytest.mark.parametrize("place", PLACES)
def test_a_doubled_login_whose_refusal_overtakes_its_success_is_a_success(tmp_path: Path, place: int) -> None:
    isolated(partial(doubled, place))(tmp_path)


async def doubled(place: int, tmp_path: Path) -> None:
    host = Host(
        f"127.0.9.{place}",
        "52:54:00:66:09:01",
        ipmi=("2.0",),
        guid="00112233445566778899aabbccddeeff",
        users={"admin": "right"},
        duplicate=1.0,
        reorder=0.5,
    )
    record = Record()
    ipmi = Ipmi(Accounts(host, record))
    loop, ledger = asyncio.get_running_loop(), Ledger(tmp_path)
    port, _ = await loop.create_datagram_endpoint(
        lambda: UdpPort(host, record, ipmi.answer, ipmi.lost), local_addr=(host.address, 623)
    )
    pair, make = Candidate("admin", Secret("right")), partial(RedfishBmc, host.address)
    answer = await prove(BmcLogin(host.address, ledger, make), ["ipmi-2.0"], [pair])
    port.close()
    assert isinstance(answer, Proven), answer
    assert ledger.failures() == ()
