"""A wire that doubles every packet and lets answers overtake each other: no verdict changes, and no session slot stays taken."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from seedvm.base.secret import Secret
from seedvm.bmc.bmc_login import BmcLogin
from seedvm.bmc.credentials import prove
from seedvm.bmc.ipmi20_session import IpmiRefused, exchange, granted_suite
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.login_result import Proven
from seedvm.bmc.redfish import RedfishBmc
from seedvm.site.accounts import Candidate
from seedvm.wire.rakp import STATUS_UNKNOWN_USER, SUITE_17
from tests.contract.isolated import isolated, until
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
MANY = range(100, 140)


@pytest.mark.root
@pytest.mark.parametrize("place", PLACES)
def test_a_doubled_login_whose_refusal_overtakes_its_success_is_a_success(tmp_path: Path, place: int) -> None:
    isolated(partial(doubled, place))(tmp_path)


async def doubled(place: int, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    async with bmc(place) as (host, _):
        pair, make = Candidate("admin", Secret("right")), partial(RedfishBmc, host.address)
        answer = await prove(BmcLogin(host.address, ledger, make), ["ipmi-2.0"], [pair])
    assert isinstance(answer, Proven), answer
    assert ledger.failures() == ()


@contextlib.asynccontextmanager
async def bmc(place: int, room: int = 16) -> AsyncIterator[tuple[Host, Record]]:
    """A BMC with `room` session slots and the account admin, at an address whose last number is `place`."""
    host = Host(
        f"127.0.9.{place}",
        "52:54:00:66:09:01",
        ipmi=("2.0",),
        guid="00112233445566778899aabbccddeeff",
        users={"admin": "right"},
        slots=room,
        duplicate=1.0,
        reorder=0.5,
    )
    record = Record()
    ipmi = Ipmi(Accounts(host, record))
    port, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: UdpPort(host, record, ipmi.answer, ipmi.lost), local_addr=(host.address, 623)
    )
    try:
        yield host, record
    finally:
        port.close()


@isolated
async def test_a_user_whom_the_bmc_does_not_know_is_told_as_such_although_the_answer_to_the_copy_came_first(
    tmp_path: Path,
) -> None:
    async def at(place: int) -> int:
        async with bmc(place) as (host, _):
            with pytest.raises(IpmiRefused) as refused:
                await exchange(host.address, "nobody")
            return refused.value.status

    assert set(await asyncio.gather(*map(at, MANY))) == {STATUS_UNKNOWN_USER}


@isolated
async def test_the_slot_that_a_doubled_question_took_is_given_back_also_where_its_answer_comes_after_the_end(
    tmp_path: Path,
) -> None:
    async def at(place: int) -> None:
        async with bmc(place) as (host, record):
            await granted_suite(host.address, SUITE_17)
            await until(lambda: record.slots_opened == 2 and record.slots_open == 0)

    await asyncio.gather(*map(at, MANY))


@isolated
async def test_a_bmc_with_one_free_slot_is_not_full_because_the_refusal_of_the_copy_came_first(tmp_path: Path) -> None:
    async def at(place: int) -> int:
        async with bmc(place, room=1) as (host, _):
            return (await granted_suite(host.address, SUITE_17)).status

    assert set(await asyncio.gather(*map(at, MANY))) == {0}
