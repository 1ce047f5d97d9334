"""A BMC that has an IPv6 link-local address alone is not only found: it is proven and switched, and Ironic can use what is registered.

Ironic calls ipmitool for IPMI; for Redfish its own client, which is tried where it is patched: tests/contract/image/test_link_local.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

from seedvm.base import process
from seedvm.base.secret import Secret
from seedvm.bmc.bmc_login import BmcLogin
from seedvm.bmc.clients import with_account
from seedvm.bmc.credentials import prove
from seedvm.bmc.ipmi import IpmiBmc
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.login_result import Proven, Unproven
from seedvm.bmc.redfish import RedfishBmc
from seedvm.machines.inventory import KnownMachine
from seedvm.scan.sweep import sweep
from seedvm.site.accounts import Candidate
from seedvm.steps.register import driver_info, driver_of
from tests.contract.isolated import isolated, until
from tests.datacenter.accounts import Accounts
from tests.datacenter.faults import UdpPort
from tests.datacenter.ipmi import Ipmi
from tests.datacenter.model import Host
from tests.datacenter.record import Record
from tests.datacenter.redfish import Redfish
from tests.datacenter.server import place
from tests.datacenter.tls import Tls, serve

ADDRESS = "fe80::77%near0"
PAIR = Candidate("admin", Secret("horse-42"))
MAKE = partial(RedfishBmc, ADDRESS)
PYGHMI = """\
import sys
from pyghmi.ipmi.command import Command
bmc = Command(sys.argv[1], "admin", "horse-42")
print(bmc.get_power())
bmc.ipmi_session.logout()
"""


@contextlib.asynccontextmanager
async def link_local(**spoken: Any) -> AsyncIterator[Record]:
    """The BMC at ADDRESS, and what it saw."""
    for words in (
        ["link", "add", "near0", "type", "veth", "peer", "name", "far0"],
        ["link", "set", "far0", "up"],
        ["link", "set", "near0", "up"],
        ["address", "add", "fe80::77/64", "dev", "near0", "nodad"],
    ):
        process.run(["ip", *words], timeout=60)
    users = {PAIR.user: PAIR.password.reveal()}
    host = Host("fe80::77", "52:54:00:66:00:77", guid="0123456789abcdef" * 2, users=users, interface="near0", **spoken)
    record = Record()
    ipmi = Ipmi(Accounts(host, record))
    async with contextlib.AsyncExitStack() as stack:
        if host.ipmi:
            loop = asyncio.get_running_loop()
            port, _ = await loop.create_datagram_endpoint(
                lambda: UdpPort(host, record, ipmi.answer, ipmi.lost), local_addr=place(host, 623)
            )
            stack.callback(port.close)
        if host.redfish:
            service = Redfish(ipmi.accounts, ipmi.slots)
            stack.callback((await serve(service.connected, *place(host, 443), Tls())).close)
        yield record


async def found() -> KnownMachine:
    """As the discovery notes it."""
    result = await sweep([ADDRESS])
    (bmc,) = result.bmcs
    assert bmc.address == ADDRESS
    return KnownMachine(ADDRESS, protocols=bmc.protocols, certificate=bmc.fact("certificate"))


@isolated
async def test_ipmi_is_found_proven_and_switched(tmp_path: Path) -> None:
    async with link_local(ipmi=("2.0",)) as record:
        machine = await found()
        assert machine.protocols == ("ipmi-2.0",)
        candidates = [Candidate("admin", Secret(text)) for text in ("wrong", "horse-42", "other")]
        answer = await prove(BmcLogin(ADDRESS, Ledger(tmp_path), MAKE), machine.protocols, candidates)
        assert isinstance(answer, Proven)
        assert (answer.protocol, answer.password) == ("ipmi", PAIR.password)
        bmc = IpmiBmc(ADDRESS, "admin", PAIR.password, gap=0)
        assert await bmc.power() == "off"
        await bmc.set_power("on")
        assert await bmc.power() == "on"
        wrong = await prove(BmcLogin(ADDRESS, Ledger(tmp_path), MAKE), machine.protocols, candidates[:1])
        assert isinstance(wrong, Unproven)
        assert "without a login" in wrong.reason
        assert {one.outcome for one in record.logins} == {"in"}
        await until(lambda: record.slots_open == 0)  # the last packet may be under way


@isolated
async def test_what_is_registered_of_it_is_what_ironic_s_own_tools_log_in_by(tmp_path: Path) -> None:
    async with link_local(ipmi=("1.5", "2.0")) as record:
        machine = await found()
        assert machine.protocols == ("ipmi-1.5", "ipmi-2.0")
        answer = await prove(BmcLogin(ADDRESS, Ledger(tmp_path), MAKE), machine.protocols, [PAIR])
        assert isinstance(answer, Proven)
        machine = with_account(machine, answer)
        assert driver_of(machine) == "ipmi"
        info = driver_info(machine, PAIR, {})
        (tmp_path / "password").write_text(info["ipmi_password"])
        told = [
            "-H",
            info["ipmi_address"],
            "-L",
            "ADMINISTRATOR",
            "-U",
            info["ipmi_username"],
            "-f",
            tmp_path / "password",
        ]
        command = ["ipmitool", "-I", "lanplus", *told, "-R", "2", "-N", "1", "power", "status"]  # as Ironic calls it
        said = await process.arun(command, timeout=60, check=False)
        assert "Chassis Power is off" in said.stdout, said.stderr
        said = await process.arun([sys.executable, "-c", PYGHMI, info["ipmi_address"]], timeout=60, check=False)
        assert "{'powerstate': 'off'}" in said.stdout, said.stdout + said.stderr
        assert {one.outcome for one in record.logins} == {"in"}
