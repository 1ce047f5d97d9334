"""The location light of a machine: it blinks for a while, so that somebody in front of the rack finds it, and stops by itself.

Source: IPMI v2.0 section 28.5 (Chassis Identify: the BMC counts the seconds), 28.2 (Get Chassis Status: what the light does now); DSP0268
ComputerSystem and Chassis (LocationIndicatorActive, and IndicatorLED in older services: both stay as they are set, so that we set back what
was there). Refused here: a light that would have to be left on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from seedvm.base.errors import SeedvmError
from seedvm.base.json_tree import subtree
from seedvm.bmc.clients import BmcPorts, opens, redfish_of
from seedvm.bmc.ipmi import IpmiBmc
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.rate_limit import RateLimit
from seedvm.bmc.redfish import RedfishBmc
from seedvm.bmc.redfish_answer import error_of, links
from seedvm.foreign.text import exact
from seedvm.machines.inventory import KnownMachine
from seedvm.site.accounts import Candidate

SECONDS = 30
MOST_SECONDS = 255  # one byte of Chassis Identify
_ACTIVE, _LED = "LocationIndicatorActive", "IndicatorLED"
_NONE = "look for its serial number instead: seedvm machines shows it"


@dataclass(frozen=True)
class Light:
    """A light of a Redfish service: the resource, its property, what it was, and what makes it be seen (the better first)."""

    path: str
    name: str
    before: bool | str
    on: tuple[bool | str, ...]


async def blink(
    machine: KnownMachine,
    pair: Candidate,
    ledger: Ledger,
    pace: RateLimit,
    ports: BmcPorts,
    *,
    seconds: int = SECONDS,
    began: Callable[[str], Awaitable[None]] | None = None,
) -> str:
    """Blink it for so many seconds; gives the way it was done. `began` is called once it blinks. Over Redfish it returns when the light is
    as it was before, over IPMI at once: that BMC counts by itself. Raises SeedvmError where the BMC has no light or refuses."""
    if not 0 < seconds <= MOST_SECONDS:
        raise SeedvmError("the light does not blink for so long", why=f"1 to {MOST_SECONDS} seconds are possible")
    if not await opens(machine, pair, ledger, pace, ports):
        hint = "add the current password to the candidates, then run again"
        raise SeedvmError("the BMC no longer accepts the account", machine=machine.bmc, hint=hint)
    if machine.driver == "redfish" and machine.redfish_system:
        bmc = redfish_of(machine, ports, pair.user, pair.password)
        async with bmc.session():
            light = await _light_of(bmc, machine.redfish_system)
            if light is not None:
                return await _shine(bmc, light, seconds, began)
    if machine.driver != "ipmi" and "ipmi-2.0" not in machine.protocols:
        raise SeedvmError(
            "its BMC has no light that can be switched", machine=machine.bmc, why="Redfish lists none", hint=_NONE
        )
    async with pace.turn(machine.bmc):
        await IpmiBmc(machine.bmc, pair.user, pair.password, port=ports.ipmi, old=machine.old_ipmi).identify(seconds)
    if began is not None:
        await began("IPMI Chassis Identify")
    return "IPMI Chassis Identify"


async def _light_of(bmc: RedfishBmc, system: str) -> Light | None:
    """The system's light, else that of the chassis that it is in."""
    said = await bmc.get(system)
    if light := _in(system, said):
        return light
    for path in links(subtree(said, "Links"), "Chassis")[:2]:
        found = await bmc.part(path, system)
        if found.body is not None and (light := _in(found.path, found.body)):
            return light
    return None


def _in(path: str, said: Mapping[str, object]) -> Light | None:
    if isinstance(active := said.get(_ACTIVE), bool):
        return Light(path, _ACTIVE, active, (True,))
    if word := exact(said.get(_LED), 40):
        return Light(path, _LED, word if word in ("Off", "Lit", "Blinking") else "Off", ("Blinking", "Lit"))
    return None


async def _shine(bmc: RedfishBmc, light: Light, seconds: int, began: Callable[[str], Awaitable[None]] | None) -> str:
    way = f"Redfish {light.name}"
    for number, value in enumerate(light.on, 1):
        answer = await bmc.request("PATCH", light.path, {light.name: value})
        if answer.status < 300:
            break
        if number == len(light.on):
            raise error_of(bmc.address, "the location light", answer)
    try:
        if began is not None:
            await began(way)
        await asyncio.sleep(seconds)
    finally:
        back = await bmc.request("PATCH", light.path, {light.name: light.before})
        if back.status >= 300:
            raise error_of(bmc.address, "the location light as it was", back)
    return way
