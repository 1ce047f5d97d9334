"""Faults to order of the rack's BMCs: each is there for our own clients, named as what it is, and nothing else is."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.base.secret import Secret
from seedvm.bmc import ipmi20_session
from seedvm.bmc.account import BmcAccess
from seedvm.bmc.bmc_login import BmcLogin, BmcProtocol
from seedvm.bmc.credentials import prove
from seedvm.bmc.findings import login_findings
from seedvm.bmc.ipmi import IpmiBmc
from seedvm.bmc.ipmi20_session import IpmiRefused, exchange, login
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.login_result import Proven, Unproven
from seedvm.bmc.quirks import ANY_RULE
from seedvm.bmc.rate_limit import RateLimit
from seedvm.bmc.redfish import RedfishBmc
from seedvm.bmc.redfish_http import RedfishUnreachable, Unauthorized
from seedvm.bmc.rotate import Store, rotate
from seedvm.bmc.udp import link_to
from seedvm.site.accounts import Candidate
from seedvm.site.secrets_file import load_proven, store_proven
from tests.contract.bmc.bmcs import tcp_listens, udp_listens
from tests.contract.isolated import child, isolated

ADDRESS = "172.22.1.21"
ROOT = Path(__file__).parents[3]
RIGHT = Candidate("admin", Secret("hush-m1"))
MAKE = partial(RedfishBmc, ADDRESS)
RACK = """\
rack: faulty
networks:
  provisioning: {{cidr: 172.22.0.0/24, router: 172.22.0.1}}
  bmc: {{cidr: 172.22.1.0/24, router: 172.22.1.1}}
machines:
  - {{name: m1, uuid: 11111111-2222-3333-4444-555555555501, mac: "52:54:00:aa:00:01", cpus: 1, memory_mib: 512, disk_gib: 1,
     serial: RKT1, bmc: {{protocol: {protocol}, address: 172.22.1.21, user: admin, password: hush-m1}}, faults: {faults}}}
"""


@contextlib.asynccontextmanager
async def front(folder: Path, protocol: str, faults: str = "{}") -> AsyncIterator[None]:
    """The rack's BMC with these faults, where ADDRESS is reached over a wire: loss is of what comes in to the BMC."""
    folder.mkdir(exist_ok=True)
    (folder / "rack.yaml").write_text(RACK.format(protocol=protocol, faults=faults))
    script = str(ROOT / "tests/contract/rack/rack_front.py")
    process.run(["ip", "address", "replace", f"{ADDRESS}/32", "dev", "lo"], timeout=10)
    command = [sys.executable, script, str(folder / "rack.yaml"), "m1", str(folder)]
    with child(process.Command(command, env={"PYTHONPATH": str(ROOT)}), log=folder / "log"):
        await (udp_listens(ADDRESS, 623) if protocol == "ipmi" else tcp_listens(ADDRESS, 443))
        yield


async def tried(folder: Path, protocol: str) -> Proven | Unproven:
    spoken = ["ipmi-2.0"] if protocol == "ipmi" else ["redfish"]
    return await prove(BmcLogin(ADDRESS, Ledger(folder), MAKE, vendor="OpenBMC"), spoken, [RIGHT])


both = pytest.mark.parametrize("protocol", ["ipmi", "redfish"])


@both
def test_a_bmc_without_faults_is_proven_and_has_no_findings(tmp_path: Path, protocol: str) -> None:
    @isolated
    async def run() -> None:
        async with front(tmp_path, protocol):
            answer = await tried(tmp_path, protocol)
            assert isinstance(answer, Proven), answer
            assert await login_findings(ADDRESS, [f"{protocol}-2.0"], answer) == ()

    run()


@both
def test_a_password_that_nobody_knows(tmp_path: Path, protocol: str) -> None:
    @isolated
    async def run() -> None:
        async with front(tmp_path, protocol, "{wrong_password: true}"):
            answer = await tried(tmp_path, protocol)
            assert isinstance(answer, Unproven)
            assert "wrong password" in answer.reason

    run()


@isolated
async def test_redfish_locks_after_so_many_and_says_for_how_long(tmp_path: Path) -> None:
    async with front(tmp_path, "redfish", "{lock_out: {after: 2, seconds: 600}}"):
        for _ in range(2):
            with pytest.raises(Unauthorized):
                await MAKE("admin", Secret("guess")).system()
        answer = await tried(tmp_path, "redfish")
        assert isinstance(answer, Unproven)
        assert (answer.finding, answer.retry_seconds) == ("account-locked", 600)


async def guess(password: Secret) -> None:
    """A login as careless tools do it: RAKP 3 leaves although RAKP 2 has shown that the password is wrong."""
    async with link_to(ADDRESS, 623) as link:
        said = await ipmi20_session._exchange(link, "admin", ipmi20_session.PREFERRED, 4)
        await ipmi20_session._finish(ADDRESS, link, said, password)


@isolated
async def test_ipmi_locks_after_so_many_and_opens_when_the_time_is_over(tmp_path: Path) -> None:
    async with front(tmp_path, "ipmi", "{lock_out: {after: 2, seconds: 2}}"):
        for _ in range(2):
            with pytest.raises(IpmiRefused, match="the login"):
                await guess(Secret("guess"))
        with pytest.raises(IpmiRefused, match="user admin"):
            await exchange(ADDRESS, "admin")
        begun = time.monotonic()
        async with asyncio.timeout(120):
            while isinstance(answer := await tried(tmp_path, "ipmi"), Unproven):
                assert "does not know user" in answer.reason
                await asyncio.sleep(2.5)  # each look starts the time again: longer than it lasts
        assert time.monotonic() - begun > 2


@both
def test_lost_packets_are_asked_for_again(tmp_path: Path, protocol: str) -> None:
    @isolated
    async def run() -> None:
        async with front(tmp_path, protocol, "{lost_packets_percent: 10}"):
            answer = await tried(tmp_path, protocol)
            assert isinstance(answer, Proven), answer
        counted = process.run(["nft", "list", "table", "inet", "seedvm_faults"], timeout=10).stdout
        assert "numgen random mod 100 < 10 drop" in counted

    run()


@isolated
async def test_a_limit_of_sessions_over_ipmi_is_told_and_ends_with_the_session(tmp_path: Path) -> None:
    async with front(tmp_path, "ipmi", "{sessions: 1}"):
        async with login(ADDRESS, "admin", [RIGHT.password]):
            answer = await tried(tmp_path, "ipmi")
            assert isinstance(answer, Unproven)
            assert answer.finding == "no-session-slot"
        assert isinstance(await tried(tmp_path, "ipmi"), Proven)


@isolated
async def test_a_limit_of_sessions_over_redfish_leaves_basic(tmp_path: Path) -> None:
    async with front(tmp_path, "redfish", "{sessions: 1}"), MAKE("admin", RIGHT.password).session():
        assert isinstance(await tried(tmp_path, "redfish"), Proven)


@isolated
async def test_a_bmc_that_hangs_over_ipmi_is_present_and_says_no_more(tmp_path: Path) -> None:
    async with front(tmp_path, "ipmi", "{hang: true}"):
        answer = await tried(tmp_path, "ipmi")
        assert isinstance(answer, Unproven)
        assert answer.finding == "address-blocked"


@isolated
async def test_a_bmc_that_hangs_over_redfish_takes_the_connection_and_says_nothing(tmp_path: Path) -> None:
    async with front(tmp_path, "redfish", "{hang: true}"):
        with pytest.raises(RedfishUnreachable):
            await MAKE("admin", RIGHT.password).system()


@both
def test_a_clock_that_is_ahead_is_found(tmp_path: Path, protocol: str) -> None:
    @isolated
    async def run() -> None:
        async with front(tmp_path, protocol, "{clock_ahead_seconds: 3600}"):
            answer = await tried(tmp_path, protocol)
            found = await login_findings(ADDRESS, [f"{protocol}-2.0"], answer)
            assert [one.name for one in found] == ["clock-off"]

    run()


@both
def test_a_changed_password_outlives_the_bmc(tmp_path: Path, protocol: str) -> None:
    @isolated
    async def run() -> None:
        file = tmp_path / "secrets.yaml"
        store_proven(file, {ADDRESS: RIGHT})

        async def nobody(account: Candidate) -> None:
            return

        ipmi, redfish = (BmcProtocol.IPMI_20, None) if protocol == "ipmi" else (None, MAKE)
        one = BmcAccess(ADDRESS, "admin", Ledger(tmp_path), RateLimit(tmp_path, 0), ipmi, redfish)
        async with front(tmp_path, protocol):
            await rotate(one, RIGHT.password, ANY_RULE, Store(file, ADDRESS), nobody)
        new = load_proven(file)[ADDRESS].password
        assert new != RIGHT.password
        async with front(tmp_path, protocol):
            assert await one.opens(new)
            if protocol == "ipmi":
                assert await IpmiBmc(ADDRESS, "admin", new).power() == "off"

    run()
