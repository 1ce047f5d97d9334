"""Whom we power on for its boot MAC, and whom we power off: seen by the orders that reach the BMC.

The BMC is the datacenter's, with a script for the power state of its machine.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seedvm.base import process
from seedvm.base.secret import Secret
from seedvm.bmc.boot_mac import Alone
from seedvm.bmc.power import Patience
from seedvm.machines import inventory
from seedvm.machines.inventory import KnownMachine
from seedvm.site.accounts import Candidate
from seedvm.site.model import Site
from seedvm.site.secrets_file import store_proven
from seedvm.steps.boot_mac import BootMacStep
from tests.contract.bmc.steps import Notes, bring_about, context, wire
from tests.contract.isolated import isolated
from tests.datacenter.http import Request
from tests.datacenter.script import Reply, Rule, Script
from tests.datacenter.scripted import PLAIN, Bmc, scripted

BMC = "172.22.1.21"
SYSTEM = "/redfish/v1/Systems/1"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
QUICK = Alone(seconds=1, quiet=0.1, settle=0.1, power=Patience(seconds=6, still=1, every=0.1))


def state(word: object) -> Reply:
    return Reply(fields={"PowerState": word})


@contextlib.asynccontextmanager
async def bmc_with(rule: Rule | None, **more: Rule) -> AsyncIterator[Bmc]:
    process.run(["ip", "address", "replace", f"{BMC}/32", "dev", "lo"], timeout=60)
    said = {**({f"GET {SYSTEM}": rule} if rule is not None else {}), **more}
    async with scripted(Script(said), host=replace(PLAIN, address=BMC), port=443) as bmc:
        yield bmc


async def learned(state_dir: Path, site: Site, bmc: Bmc, **values: Any) -> tuple[KnownMachine, Notes]:
    """The machine after the step, of which the account is proven and no boot MAC is known."""
    store_proven(state_dir / "secrets.yaml", {BMC: Candidate(bmc.user, Secret(bmc.password))})
    made = KnownMachine(BMC, protocols=("redfish",), driver="redfish", proven_user=bmc.user, redfish_system=SYSTEM)
    inventory.update(state_dir, replace(made, redfish_url=f"https://{BMC}", **values))
    notes = Notes()
    await bring_about(BootMacStep(context(state_dir, site, {}), alone=QUICK), notes)
    machine = inventory.load(state_dir).machine(BMC)
    assert machine is not None
    return machine, notes


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ([(0, state("PoweringOn")), (3, state("On"))], "the machine is running"),
        (state("PoweringOn"), "the BMC reports PoweringOn: someone may be starting it"),
        (state("PoweringOff"), "the BMC reports PoweringOff: someone may be stopping it"),
        (state("Paused"), "the BMC reports Paused"),
        (state(...), "the BMC reports no power state"),
        (state(None), "the BMC reports no power state"),
        (state(False), "the BMC reports no power state"),
    ],
)
@isolated
async def test_only_off_is_dark_and_what_is_not_gets_no_order(
    state_dir: Path, site: Site, rule: Rule, reason: str
) -> None:
    wire()
    async with bmc_with(rule) as bmc:
        machine, _ = await learned(state_dir, site, bmc)
        assert not bmc.asked("POST", RESET)
        assert not bmc.asked("PATCH")
    assert reason in (machine.unfit_reason or "")
    assert "make sure that it is not in use" in (machine.cure or "")
    assert not machine.powered_by_us


def on_since(begun: Callable[[Request], bool]) -> Callable[[Request], Reply | None]:
    """A machine that somebody else starts: on from the request for which `begun` holds."""
    seen: list[bool] = []

    def rule(request: Request) -> Reply | None:
        if begun(request):
            seen.append(True)
        if request.method == "GET" and request.path.rstrip("/") == SYSTEM:
            return state("On" if seen else "Off")
        return None

    return rule


@isolated
async def test_a_machine_that_somebody_starts_right_before_our_order_is_left_to_him(
    state_dir: Path, site: Site
) -> None:
    """Between the boot device and power on: the order is not given, the boot device is as it was, nothing is powered off."""
    wire()
    race = on_since(lambda request: request.method == "PATCH")
    async with bmc_with(None, **{"*": race}) as bmc:
        machine, _ = await learned(state_dir, site, bmc)
        assert not bmc.asked("POST", RESET)
        assert len(bmc.asked("PATCH", SYSTEM)) == 2  # Pxe once, and taken back
    assert "someone else may have started it" in (machine.unfit_reason or "")
    assert not machine.powered_by_us


@isolated
async def test_a_bmc_that_refuses_power_on_leaves_its_machine_alone(state_dir: Path, site: Site) -> None:
    """On a moment later, by somebody else's hand: not ours to power off."""
    wire()
    race = on_since(lambda request: request.path.endswith("Reset"))
    refused = Reply(409, {"error": {"code": "Base.1.8.ResourceInUse", "message": "in use"}})
    more: dict[str, Rule] = {f"POST {RESET}": refused, "*": race}
    async with bmc_with(None, **more) as bmc:
        machine, _ = await learned(state_dir, site, bmc)
        assert len(bmc.asked("POST", RESET)) == 1
    assert "power On: HTTP 409" in (machine.unfit_reason or "")
    assert not machine.powered_by_us


@isolated
async def test_what_we_powered_on_is_powered_off_again(state_dir: Path, site: Site) -> None:
    wire()
    async with bmc_with(None) as bmc:
        machine, _ = await learned(state_dir, site, bmc)
        assert [one for one in bmc.record.changes if one.startswith("power")] == ["power On", "power Off"]
    assert "no DHCP request" in (machine.unfit_reason or "") or "no new MAC" in (machine.unfit_reason or "")
    assert not machine.powered_by_us


@pytest.mark.parametrize(
    "lost",
    [Reply(end="drop"), Reply(cut=10, end="drop"), Reply(raw=b"\x00\x01 nonsense\r\n\r\n")],
    ids=["closed without a byte", "cut in the middle", "no HTTP"],
)
@isolated
async def test_a_power_on_whose_answer_is_lost_counts_as_given(state_dir: Path, site: Site, lost: Reply) -> None:
    """It may be on by our hand: it is powered off again."""
    wire()
    on = on_since(lambda request: request.path.endswith("Reset") and request.tree().get("ResetType") == "On")
    orders: list[object] = []

    def rule(request: Request) -> Reply | None:
        if request.path.endswith("Reset"):
            orders.append(request.tree().get("ResetType"))
            on(request)
            return None if orders[-1] == "ForceOff" else lost
        return state("Off") if "ForceOff" in orders and request.path.rstrip("/") == SYSTEM else on(request)

    async with bmc_with(None, **{"*": rule}) as bmc:
        machine, _ = await learned(state_dir, site, bmc)
    assert orders[:2] == ["On", "ForceOff"]
    assert not machine.powered_by_us


@isolated
async def test_a_power_on_that_could_not_be_sent_is_nobodys_order(state_dir: Path, site: Site) -> None:
    """On a moment later, by somebody else's hand: not ours to power off."""
    wire()
    reads: list[bool] = []
    patched: list[int] = []

    def rule(request: Request) -> Reply | None:
        if request.method == "GET" and request.path.rstrip("/") == SYSTEM:
            reads.append(True)
            if patched and len(reads) > patched[0] + 1:  # the look before power on was answered, the target is not
                return Reply(end="drop") if len(reads) == patched[0] + 2 else state("On")
        if request.method == "PATCH" and not patched:
            patched.append(len(reads))
        return None

    async with bmc_with(None, **{"*": rule}) as bmc:
        machine, _ = await learned(state_dir, site, bmc)
        assert not bmc.asked("POST", RESET)
    assert "Redfish does not answer" in (machine.unfit_reason or "")
    assert not machine.powered_by_us


@isolated
async def test_a_machine_that_cannot_be_powered_off_again_keeps_its_mark(state_dir: Path, site: Site) -> None:
    """So that the next run powers it off, and says so meanwhile."""
    wire()
    orders: list[str] = []

    def stuck(request: Request) -> Reply | None:
        orders.append(str(request.tree().get("ResetType")))
        return Reply(500) if orders[-1] == "ForceOff" else None

    async with bmc_with(None, **{f"POST {RESET}": stuck}) as bmc:
        machine, _ = await learned(state_dir, site, bmc)
        assert orders[:2] == ["On", "ForceOff"]
        assert machine.powered_by_us
        assert "ForceOff: HTTP 500" in (machine.unfit_reason or "")
    async with bmc_with(state("On")) as bmc:
        mark = {"powered_by_us": True, "powered_at": machine.powered_at}
        again, _ = await learned(state_dir, site, bmc, unfit_reason=machine.unfit_reason, **mark)
        assert bmc.asked("POST", RESET)
    assert again.boot_mac is None


@pytest.mark.parametrize(
    ("age", "said"),
    [(3 * 86400.0, "powered it on at 20"), (-3600.0, "powered it on at 20"), (None, "it is not known when")],
    ids=["days ago", "by another clock", "by an earlier version"],
)
@isolated
async def test_a_machine_that_a_run_left_on_long_ago_may_be_in_use_and_stays_on(
    state_dir: Path, site: Site, age: float | None, said: str
) -> None:
    wire()
    at = None if age is None else time.time() - age
    async with bmc_with(state("On")) as bmc:
        machine, notes = await learned(state_dir, site, bmc, powered_by_us=True, powered_at=at)
        assert not bmc.asked("POST", RESET)
    reason = machine.unfit_reason or ""
    assert "the machine is running" in reason and said in reason and "may be in use since" in reason
    assert "make sure that it is not in use" in (machine.cure or "")
    assert any("it is left on" in line for line in notes.lines)
    assert not machine.powered_by_us


@isolated
async def test_a_machine_that_was_running_is_looked_at_again_by_the_next_run(state_dir: Path, site: Site) -> None:
    wire()
    async with bmc_with(state("On")) as bmc:
        machine, _ = await learned(state_dir, site, bmc)
        assert "running" in (machine.unfit_reason or "")
    async with bmc_with(None) as bmc:
        await learned(state_dir, site, bmc, unfit_reason=machine.unfit_reason)
        assert bmc.asked("POST", RESET)
