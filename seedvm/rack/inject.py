"""Faults to inject while the rack runs, as a datacenter has them (`seedvm rack fault`), and their healing.

Each is of this rack alone: it works on the rack's bridges, control groups and machines, by their names. Those that last are recorded
(`injected`) until they are healed; the others (a reset, a killed database) happen once.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.waiting import NO_ERROR, wait_for_sync
from seedvm.rack import events, injected, rack
from seedvm.rack.injected import ROUTER, Injected, Wire
from seedvm.rack.model import CHILD_ENVIRONMENT, RackSpec
from seedvm.rack.sandbox import cgroup, network, switch_faults

DATABASE = "mariadb.service"
STATE = "/state"
BALLAST = ".rack-ballast"
_SECONDS = 60.0
_KILL = f"systemctl kill -s KILL {DATABASE}"
_START = f"systemctl unmask --runtime {DATABASE}; systemctl start --no-block {DATABASE}"
_EMPTY = 'rm -f "$1"'
# What is written meanwhile may take the last blocks first: full is what was asked for.
_FILL = """cd "$1"; free() {{ echo $(($(stat -fc "%f * %S" .) - $2 * 1048576)); }}; size=$(free "$@")
[ "$size" -le 0 ] || fallocate -l "$size" {ballast} || [ "$(free "$@")" -le 1048576 ]; sync -f . || true"""


@dataclass(frozen=True)
class FaultRequest:
    """What is asked for: `leave_mb` and `path` for disk-full, `wire` for cut, `others` for partition. `seconds` None: until healed."""

    fault: str
    machines: tuple[str, ...]
    seconds: float | None = None
    wire: Wire = "provisioning"
    others: tuple[str, ...] = ()
    leave_mb: int = 0
    path: str = STATE


def inject(spec: RackSpec, request: FaultRequest) -> Injected:
    """Inject a fault and return what was recorded. With `seconds`, a process of the rack heals it then."""
    _check(spec, request)
    kind = KINDS[request.fault]
    if request.seconds is not None and not kind.lasts:
        raise SeedvmError(f"{request.fault} happens once, and has no end to wait for", hint="leave out --for")
    now = time.time()
    until = now + request.seconds if request.seconds is not None else None
    wire: Wire = "bmc" if request.fault == "bmc-dark" else request.wire
    others = _others(spec, request) if request.fault == "partition" else ()
    place = f"{request.path}/{BALLAST}" if request.fault == "disk-full" else ""
    one = Injected(request.fault, request.machines, now, until, wire, others, place)
    if kind.lasts:
        injected.put(spec, one)
    try:
        for name in _machines(request.machines):
            events.note(spec.folder(name), "fault", fault=request.fault, until=until)
            kind.inject(spec, name, request)
        if kind.on_switch:
            _apply_switch(spec)
    except (SeedvmError, OSError):
        _forget_half(spec, one)
        raise
    if until is not None:
        _heal_later(spec, one)
    return one


def _forget_half(spec: RackSpec, one: Injected) -> None:
    """A fault that could not be injected whole leaves nothing behind."""
    injected.forget(spec, one)
    for name in _machines(one.machines):
        with contextlib.suppress(SeedvmError, OSError):
            KINDS[one.fault].heal(spec, name, one)


def heal(spec: RackSpec, found: Sequence[Injected]) -> None:
    """End these faults. A fault that another process has healed already is left out."""
    for one in found:
        injected.forget(spec, one)
        kind = KINDS[one.fault]
        for name in _machines(one.machines):
            events.note(spec.folder(name), "fault-healed", fault=one.fault)
            kind.heal(spec, name, one)
    if any(KINDS[one.fault].on_switch for one in found):
        _apply_switch(spec)


def heal_machines(spec: RackSpec, machines: Sequence[str]) -> tuple[Injected, ...]:
    """End every fault of these machines, of all when none is named; what was ended. A power supply is repaired whoever broke it."""
    _check_names(spec, machines)
    over = tuple(one for one in injected.all_of(spec) if one.of(machines))
    heal(spec, over)
    for machine in spec.machines:
        if machine.name in machines:
            rack.set_supply(spec, machine.name, dead=False)
    return over


def _check(spec: RackSpec, request: FaultRequest) -> None:
    if request.fault not in KINDS:
        raise SeedvmError(f"unknown fault {request.fault}", hint=f"use one of: {', '.join(KINDS)}")
    router = [ROUTER] if request.fault == "partition" else []
    _check_names(spec, (*request.machines, *request.others), router)
    seed = spec.seed.name if spec.seed else None
    if request.fault in ("bmc-dark", "dead-power") and seed in request.machines:
        raise SeedvmError("the seed has no BMC", machine=seed, hint="use power-off, or cut with --wire bmc")


def _machines(names: Sequence[str]) -> list[str]:
    return [name for name in names if name != ROUTER]


def _check_names(spec: RackSpec, names: Sequence[str], more: Sequence[str] = ()) -> None:
    known = (*spec.names, *more)
    for name in names:
        if name not in known:
            why = f"its machines: {', '.join(known)}"
            raise SeedvmError(f"there is no machine '{name}' in the rack", why=why, hint="see rack.yaml")


def _others(spec: RackSpec, request: FaultRequest) -> tuple[str, ...]:
    """The other side of a partition: those that were named, or everything else with the router."""
    others = request.others or tuple(name for name in (*spec.names, ROUTER) if name not in request.machines)
    if both := {*others} & {*request.machines}:
        raise SeedvmError(f"{', '.join(sorted(both))} cannot be on both sides of a partition", hint="check --from")
    return others


def _apply_switch(spec: RackSpec) -> None:
    """Let the switch be what the records say."""
    known = injected.all_of(spec)
    cut = [_port(spec, name, one.wire) for one in known if one.fault in ("cut", "bmc-dark") for name in one.machines]
    splits = [
        switch_faults.Split(_ports(spec, one.machines), _ports(spec, one.others), router=_side_of_router(one))
        for one in known
        if one.fault == "partition"
    ]
    switch_faults.apply(spec.namespace, cut, splits)


def _side_of_router(one: Injected) -> Literal["first", "second", "neither"]:
    if ROUTER in one.machines:
        return "first"
    return "second" if ROUTER in one.others else "neither"


def _ports(spec: RackSpec, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(_port(spec, name, "provisioning") for name in _machines(names))


def _port(spec: RackSpec, name: str, wire: Wire) -> str:
    """The switch's side of a cable: a machine's own, its BMC's, or one of the seed's two."""
    if wire == "provisioning":
        return network.port_of(spec.machine_namespace(name), "eth0")
    if spec.seed is not None and name == spec.seed.name:
        return network.port_of(spec.machine_namespace(name), "eth1")
    return network.port_of(spec.bmc_namespace(name), "eth0")


def freeze(spec: RackSpec, name: str, *, frozen: bool) -> None:
    """Stop every process of a machine, or let them run again; one that was powered off since has thawed by that."""
    guest = cgroup.top() / spec.name / name / "guest"
    if not frozen and not guest.exists():
        return  # it was powered off since
    try:
        (guest / "cgroup.freeze").write_text("1" if frozen else "0")
    except OSError as error:
        raise SeedvmError("the machine is off", machine=name, why=str(error), hint="power it on first") from error
    wanted = f"frozen {1 if frozen else 0}"
    wait_for_sync(
        lambda: wanted in (guest / "cgroup.events").read_text(),
        seconds=_SECONDS,
        what=f"{name} did not {'freeze' if frozen else 'thaw'}",
        hint="see dmesg",
        pause=0.02,
        passing=NO_ERROR,
    )


def _on_machine(spec: RackSpec, name: str, script: str, *words: str) -> None:
    process.run(rack.exec_argv(spec, name, ["sh", "-euc", script, "sh", *words]), timeout=_SECONDS)


def _heal_on_machine(spec: RackSpec, name: str, script: str, *words: str) -> None:
    """The same where the machine runs; one that is off has forgotten it, or cleans up when it is healed again."""
    if cgroup.container_init(cgroup.top() / spec.name / name / "guest") is not None:
        _on_machine(spec, name, script, *words)


def _fill(spec: RackSpec, name: str, request: FaultRequest) -> None:
    _on_machine(spec, name, _FILL.format(ballast=BALLAST), request.path, str(request.leave_mb))


def _heal_later(spec: RackSpec, one: Injected) -> None:
    words = [sys.executable, "-m", "seedvm.rack.healer", str(spec.file), one.name]
    process.spawn(process.Command(words, env=CHILD_ENVIRONMENT), log=spec.run / "healer.log")


Inject = Callable[[RackSpec, str, FaultRequest], None]
Heal = Callable[[RackSpec, str, Injected], None]


def _nothing(_spec: RackSpec, _name: str, _what: FaultRequest | Injected) -> None:
    return


@dataclass(frozen=True)
class Kind:
    """A kind of fault: what it does to one machine, and what ends it. `on_switch` faults are applied together."""

    inject: Inject = _nothing
    heal: Heal = _nothing
    lasts: bool = True
    on_switch: bool = False


# What each does is in seedvm/cli/rack_faults.py, for those who inject it.
KINDS: Mapping[str, Kind] = {
    "cut": Kind(on_switch=True),
    "partition": Kind(on_switch=True),
    "bmc-dark": Kind(on_switch=True),
    "dead-power": Kind(
        lambda spec, name, _: rack.set_supply(spec, name, dead=True),
        lambda spec, name, _: rack.set_supply(spec, name, dead=False),
    ),
    "power-off": Kind(
        lambda spec, name, _: rack.order(spec, name, "off"),
        lambda spec, name, _: rack.order(spec, name, "on"),
    ),
    "reset": Kind(lambda spec, name, _: rack.order(spec, name, "reset"), lasts=False),
    "freeze": Kind(
        lambda spec, name, _: freeze(spec, name, frozen=True),
        lambda spec, name, _: freeze(spec, name, frozen=False),
    ),
    "disk-full": Kind(_fill, lambda spec, name, one: _heal_on_machine(spec, name, _EMPTY, one.place)),
    "database-kill": Kind(lambda spec, name, _: _on_machine(spec, name, _KILL), lasts=False),
    "database-down": Kind(
        lambda spec, name, _: _on_machine(spec, name, f"systemctl mask --runtime {DATABASE}; {_KILL}"),
        lambda spec, name, _: _heal_on_machine(spec, name, _START),
    ),
}
