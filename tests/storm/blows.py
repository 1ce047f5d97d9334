"""What may happen to a rack in the middle of a hand-off, each as a datacenter does it, with what is left to chance drawn from one seed."""

from __future__ import annotations

import math
import random
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from seedvm.rack.inject import FaultRequest, inject
from seedvm.rack.injected import Wire
from tests.storm.world import SEED, VIP, World

Strike = Callable[[World, random.Random], str]
"""Does it, and says what it was."""


def _fault(
    world: World, fault: str, *machines: str, seconds: float | None, wire: Wire = "provisioning", leave_mb: int = 0
) -> str:
    inject(world.spec, FaultRequest(fault, machines, seconds, wire, leave_mb=leave_mb))
    words = f"{fault} {'+'.join(machines)}"
    words += " (bmc network)" if wire == "bmc" else ""
    words += f" ({leave_mb} MB left)" if fault == "disk-full" else ""
    return words + (f" for {seconds:g} s" if seconds else "")


def _seconds(chance: random.Random, least: float, most: float) -> int:
    """As often from 10 to 30 s as from 30 to 90 s: how long trouble lasts spans orders of magnitude."""
    return round(math.exp(chance.uniform(math.log(least), math.log(most))))


def _a_controller(world: World, chance: random.Random) -> str:
    """Any of the three; the VIP's holder as often as one of the others."""
    members = world.controllers()
    holders = [name for name in world.at(VIP) if name != SEED]
    return holders[0] if holders and chance.random() < 0.5 else chance.choice(members)


def engine_killed(world: World, chance: random.Random) -> str:
    """kill -9: its unit starts it again a second later."""
    return "engine killed" if world.signal_engine(signal.SIGKILL) else "no engine to kill"


def engine_terminated(world: World, chance: random.Random) -> str:
    """SIGTERM: it ends, and waits for the operator."""
    return "engine terminated" if world.signal_engine(signal.SIGTERM) else "no engine to end"


def engine_stopped(world: World, chance: random.Random) -> str:
    """The engine alone stands still; before the mark half of the times for longer than writes may be held."""
    held = not (world.state / "handed-over").exists()
    seconds = 250 if held and chance.random() < 0.5 else _seconds(chance, 5, 60)
    if not world.signal_engine(signal.SIGSTOP):
        return "no engine to stop"
    words = ["sh", "-c", "(sleep $1; pkill -CONT -f /usr/local/bin/seedvm) >/dev/null 2>&1 &", "sh", str(seconds)]
    world.on(SEED, *words)
    return f"engine stands still for {seconds} s"


def seed_power_cut(world: World, chance: random.Random) -> str:
    return _fault(world, "power-off", SEED, seconds=_seconds(chance, 3, 60))


def seed_reset(world: World, chance: random.Random) -> str:
    return _fault(world, "reset", SEED, seconds=None)


def controller_power_cut(world: World, chance: random.Random) -> str:
    """Ironic powers it on again by itself."""
    return _fault(world, "power-off", _a_controller(world, chance), seconds=chance.randint(60, 90))


def controller_reset(world: World, chance: random.Random) -> str:
    return _fault(world, "reset", _a_controller(world, chance), seconds=None)


def controller_away(world: World, chance: random.Random) -> str:
    """Power is gone and does not come back for minutes, whatever Ironic asks its BMC."""
    machine, seconds = _a_controller(world, chance), _seconds(chance, 120, 300)
    _fault(world, "dead-power", machine, seconds=seconds - 5)
    return _fault(world, "power-off", machine, seconds=seconds)


def cable_cut(world: World, chance: random.Random) -> str:
    machine = SEED if chance.random() < 0.5 else _a_controller(world, chance)
    return _fault(world, "cut", machine, seconds=_seconds(chance, 10, 300))


def partition(world: World, chance: random.Random) -> str:
    """A minority, with or without the seed."""
    group = chance.choice([(SEED,), (_a_controller(world, chance),), (SEED, _a_controller(world, chance))])
    return _fault(world, "partition", *group, seconds=_seconds(chance, 10, 180))


def bmc_dark(world: World, chance: random.Random) -> str:
    return _fault(
        world, "bmc-dark", chance.choice([one.name for one in world.spec.machines]), seconds=_seconds(chance, 60, 300)
    )


def bmc_wire_cut(world: World, chance: random.Random) -> str:
    """The seed's own cable on the BMCs' wire."""
    return _fault(world, "cut", SEED, seconds=_seconds(chance, 60, 300), wire="bmc")


def disk_full(world: World, chance: random.Random) -> str:
    machine = SEED if chance.random() < 0.5 else _a_controller(world, chance)
    return _fault(world, "disk-full", machine, seconds=_seconds(chance, 30, 120), leave_mb=chance.choice([0, 1, 40]))


def freeze(world: World, chance: random.Random) -> str:
    machine = SEED if chance.random() < 0.5 else _a_controller(world, chance)
    return _fault(world, "freeze", machine, seconds=_seconds(chance, 5, 90))


def database_kill(world: World, chance: random.Random) -> str:
    return _fault(world, "database-kill", chance.choice([SEED, *world.controllers()]), seconds=None)


def nothing(world: World, chance: random.Random) -> str:
    return "nothing happens"


BLOWS: Mapping[str, Strike] = {
    one.__name__.replace("_", "-"): one
    for one in (
        engine_killed,
        engine_terminated,
        engine_stopped,
        seed_power_cut,
        seed_reset,
        controller_power_cut,
        controller_reset,
        controller_away,
        cable_cut,
        partition,
        bmc_dark,
        bmc_wire_cut,
        disk_full,
        freeze,
        database_kill,
    )
}


@dataclass(frozen=True)
class Moment:
    """So many seconds after the engine began (`started`) or ended (`done`) a step of the hand-off."""

    step: str
    after: float = 0.0
    event: str = "started"

    def __str__(self) -> str:
        return f"{self.step} {self.event} + {self.after:.1f} s"


# The engine's steps in which something may happen, and how long each takes undisturbed: moments are drawn from all of it.
STEPS: Mapping[str, float] = {
    "handoff-compare": 20,
    "handoff-quiesce": 9,
    "handoff-fence": 6,
    "handoff-commit": 5,
    "handoff-own": 45,
    "handoff-retire": 10,
    "handoff-rehearse": 60,
    "receipt": 4,
    "leave-cluster": 15,
    "wipe": 10,
}
