"""Credentials and boot MACs of forty BMCs, of which three misbehave in each step: what they do costs them and nobody else."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from seedvm.base import process
from seedvm.bmc.boot_mac import Alone
from seedvm.bmc.power import Patience
from seedvm.machines import inventory
from seedvm.machines.inventory import KnownMachine
from seedvm.steps.boot_mac import BootMacStep
from seedvm.steps.credentials import CredentialsStep
from tests.contract.bmc.steps import Notes, bring_about, context, wire
from tests.contract.isolated import isolated
from tests.datacenter.http import Request
from tests.datacenter.prove import site
from tests.datacenter.script import Reply
from tests.datacenter.scripted import PASSWORD, PLAIN, USER, Bmc, scripted

SYSTEM = "/redfish/v1/Systems/1"
NIC = f"{SYSTEM}/EthernetInterfaces/1"
COUNT = 40
QUICK = Alone(seconds=2, quiet=0.1, settle=0.1, power=Patience(seconds=2, still=1, every=0.1))
BAD_CHUNK = Reply(raw=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n")
AT_LOGIN = (Reply(body=b"[" * 100_000), BAD_CHUNK, Reply(encode=True, cut=9, end="reset"))
AT_POWER = (
    Reply(body=b'{"PowerState": "\xff"}'),
    Reply(end="reset", cut=3),
    Reply(503, headers=[("Retry-After", "9" * 4000)]),
)


def address(number: int) -> str:
    return f"172.22.1.{number + 1}"


@contextlib.asynccontextmanager
async def forty(step: list[str]) -> AsyncIterator[list[Bmc]]:
    """`step` names what the BMCs are in; the first three misbehave in the first, the next three in the second. No link is told."""

    def rule(number: int) -> Callable[[Request], Reply | None]:
        def answer(request: Request) -> Reply | None:
            path = request.path.rstrip("/")
            odd = AT_LOGIN if step[-1] == "credentials" else AT_POWER
            mine = number - (0 if step[-1] == "credentials" else len(AT_LOGIN))
            if path == SYSTEM and request.method == "GET" and 0 <= mine < len(odd):
                return odd[mine]
            return Reply(fields={"LinkStatus": None}) if path == NIC else None

        return answer

    async with contextlib.AsyncExitStack() as stack:
        made = []
        for number in range(COUNT):
            process.run(["ip", "address", "replace", f"{address(number)}/32", "dev", "lo"], timeout=60)
            guid, mac = uuid.UUID(int=number + 1, version=4).hex, f"52:54:00:aa:01:{number:02x}"
            host = replace(PLAIN, address=address(number), mac=mac, guid=guid)
            made.append(await stack.enter_async_context(scripted({"*": rule(number)}, host=host, port=443)))
        yield made


@partial(isolated, seconds=300)
async def test_three_that_misbehave_cost_the_others_nothing(state_dir: Path) -> None:
    wire()
    known = site([f"{address(0)}-{address(COUNT - 1)}"])
    here = context(state_dir, replace(known, bmc=replace(known.bmc, learn_mac_by_power_on=True)), {USER: PASSWORD})
    step = ["credentials"]
    async with forty(step) as bmcs:
        inventory.update(state_dir, *(KnownMachine(one.address, protocols=("redfish",)) for one in bmcs))
        await bring_about(CredentialsStep(here), Notes())
        proven = {one.bmc: one for one in inventory.load(state_dir).machines}
        assert [one.address for one in bmcs if proven[one.address].proven_user != USER] == [
            address(n) for n in range(3)
        ]
        for machine in (proven[address(n)] for n in range(3)):
            assert machine.cure and SYSTEM in (machine.unfit_reason or "")
            assert "password" not in (machine.unfit_reason or "")
        assert not [one.address for one in bmcs if one.record.locked_by_visitor or one.record.changes]

        step.append("boot-mac")
        await bring_about(BootMacStep(here, alone=QUICK), Notes())
        learned = {one.bmc: one for one in inventory.load(state_dir).machines}
        for number, one in enumerate(bmcs):
            said = learned[one.address]
            orders = [change for change in one.record.changes if change.startswith("power")]
            if number < 6:
                assert (orders, bool(said.cure)) == ([], True), said
            else:
                assert orders == ["power On", "power Off"], said
                assert "no DHCP request" in (said.unfit_reason or "")
            assert not said.powered_by_us
        for machine in (learned[address(n)] for n in range(3, 6)):
            assert "its boot MAC is unknown" in (machine.unfit_reason or "")
            assert "unexpected" not in (machine.unfit_reason or "")
