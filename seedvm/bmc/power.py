"""The power of one machine as its BMC tells it, and the rule by which we switch it. Pure but for the orders that it is given.

Dark is what the BMC calls off, and nothing else: words between on and off, words that we do not know and no word at all mean that
somebody may be at work on the machine. Such a machine is waited for, then left alone. Refused here: powering on what was not seen off
right before, and powering off what this run (or the run whose mark stands in the inventory) did not power on.

Source: DSP0268 (Resource PowerState: On, Off, PoweringOn, PoweringOff, Paused), IPMI v2.0 section 28.2 (Get Chassis Status).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from seedvm.base.errors import SeedvmError
from seedvm.foreign.text import exact, shown

_HINT = "see at its BMC's console who uses it; power it off, then run again"
_FAULTS = ((0x02, "a power overload"), (0x04, "an open chassis (interlock)"), (0x08, "a power fault"))
_CONTROL_FAULT, _ON = 0x10, 0x01


@dataclass(frozen=True)
class Patience:
    """Seconds: how long a change of power is waited for (a server that is started or stopped takes less), how long off must hold after
    one, and how often is looked."""

    seconds: float = 60.0
    still: float = 15.0
    every: float = 1.0


PATIENCE = Patience()


class PowerState(StrEnum):
    """CHANGING: the BMC says that it is being started or stopped. UNKNOWN: anything that is neither this nor on or off."""

    ON = "on"
    OFF = "off"
    CHANGING = "changing"
    UNKNOWN = "unknown"


class Power(str):
    """What a BMC says of its machine's power: compares as its state; `word` is the BMC's own, fit to be shown, empty where it says
    nothing."""

    __slots__ = ("word",)
    word: str

    def __new__(cls, state: PowerState, word: str = "") -> Power:
        made = super().__new__(cls, state.value)
        made.word = word
        return made

    @property
    def state(self) -> PowerState:
        return PowerState(str(self))

    @property
    def dark(self) -> bool:
        """Nobody uses the machine: the one state in which it may be powered on."""
        return self.state is PowerState.OFF

    @property
    def steady(self) -> bool:
        return self.state in (PowerState.ON, PowerState.OFF)

    @property
    def noted(self) -> str | None:
        """For the inventory: on, off, or the BMC's own word; None where it has none."""
        return self.state.value if self.steady else self.word or None

    @property
    def objection(self) -> str:
        """Why the machine must not be powered on, empty where it is dark."""
        match self.state:
            case PowerState.OFF:
                return ""
            case PowerState.ON:
                return "the machine is running"
            case PowerState.CHANGING:
                doing = "stopping" if self.word.lower().endswith("off") else "starting"
                return f"the BMC reports {self.word}: someone may be {doing} it"
        return f"the BMC reports {self.word or 'no power state'}: it is not known whether the machine is off"


ON, OFF = Power(PowerState.ON, "on"), Power(PowerState.OFF, "off")


def redfish_power(said: object) -> Power:
    """Of a ComputerSystem's PowerState."""
    word = shown(said, 40) if isinstance(said, str) else ""
    match exact(said, 40).lower():
        case "on":
            return Power(PowerState.ON, word)
        case "off":
            return Power(PowerState.OFF, word)
        case "poweringon" | "poweringoff":
            return Power(PowerState.CHANGING, word)
    return Power(PowerState.UNKNOWN, word)


def ipmi_power(code: int, data: bytes) -> Power:
    """Of the answer to Get Chassis Status. Off counts only where nothing speaks against it: a BMC that could not do what it was told,
    an overload, a fault or an open chassis means that the machine is off for a reason, and that somebody may have a hand in it."""
    if code:
        return Power(PowerState.UNKNOWN, f"completion code {code:#04x} to Get Chassis Status")
    if len(data) < 3:
        return Power(PowerState.UNKNOWN, f"a chassis status of {len(data)} bytes")
    if data[0] & _CONTROL_FAULT:
        return Power(PowerState.UNKNOWN, "a power control fault")
    if data[0] & _ON:
        return Power(PowerState.ON, "on")
    faults = [name for bit, name in _FAULTS if data[0] & bit]
    return Power(PowerState.UNKNOWN, f"off with {' and '.join(faults)}") if faults else Power(PowerState.OFF, "off")


class NotSwitched(SeedvmError):
    """The machine was left as it is: it was not dark, or it is not ours to power off."""

    def __init__(self, machine: str, why: str, hint: str = _HINT) -> None:
        super().__init__("the machine was left as it is", machine=machine, why=why, hint=hint)


class Orders(Protocol):
    """The orders to one machine over one session."""

    async def power(self) -> Power: ...

    async def boot_from_network(self) -> None:
        """At the next start alone."""

    async def boot_as_set(self) -> None:
        """Take `boot_from_network` back."""

    async def power_on(self) -> None:
        """Raises where the BMC refused; an order whose answer was lost counts as given."""


def no_mark() -> None:
    """For a run that nobody could ask what it left on."""


async def start_dark(machine: str, orders: Orders, mark: Callable[[], None] = no_mark) -> None:
    """Power a dark machine on to boot from the network; raises NotSwitched where it is not dark, or not any more.

    It is looked at right before each order: one that somebody starts meanwhile keeps its own boot device. `mark` is called right before
    power on, so that a run that is killed leaves word of what it did and of nothing else.
    """
    if objection := (await orders.power()).objection:
        raise NotSwitched(machine, objection)
    await orders.boot_from_network()
    if objection := (await orders.power()).objection:
        with contextlib.suppress(SeedvmError):
            await orders.boot_as_set()
        raise NotSwitched(machine, f"{objection}; it was off a moment before, so someone else may have started it")
    mark()
    try:
        await orders.power_on()
    except SeedvmError as error:
        raise NotSwitched(machine, f"{error.what}: {error.why}", error.hint) from error


async def settled(look: Callable[[], Awaitable[Power]], how: Patience = PATIENCE) -> Power:
    """The first steady reading, or the last one when patience ends. Off right after a change may be the middle of somebody's power
    cycle: it counts once it has held."""
    began = time.monotonic()
    unsteady: float | None = None  # when it last was
    while True:
        seen, now = await look(), time.monotonic()
        if seen.steady and (not seen.dark or unsteady is None or now - unsteady >= how.still):
            return seen
        if not seen.steady:
            unsteady = now
            if now - began >= how.seconds:
                return seen
        await asyncio.sleep(how.every)
