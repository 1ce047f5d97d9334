"""What must be true at the end of a round, whatever happened in it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.rack import rack
from seedvm.rack.demo_site import SITE
from tests.storm.table import Outcome
from tests.storm.watch import VipWatch
from tests.storm.world import MEMBERS, SEED, VIP, World, wait
from tests.storm.writer import PREFIX

ROOT = Path(__file__).parents[2]
_API_SECONDS = 240.0


@dataclass(frozen=True)
class Before:
    """What the undercloud listed before the round, {kind: {name: id}}, and the machines that are its controllers, in the order of their
    nodes; `lost` is the number of one that dies for good."""

    ids: Mapping[str, Mapping[str, str]]
    controllers: tuple[str, ...]
    lost: int | None = None

    def may_change(self, world: World) -> frozenset[str]:
        """Names of what belongs to the lost machine: its server, and the ports with its MAC."""
        if self.lost is None:
            return frozenset()
        return frozenset({f"{SITE}-undercloud-{self.lost}", world.spec.machine(self.controllers[self.lost]).mac})


def judge(world: World, outcome: Outcome, watch: VipWatch, before: Before, folder: Path, *, left: bool) -> None:
    """Everything that must be true at the end; `left`: the seed has switched itself off."""
    outcome.verdict = world.verdict()
    outcome.without_vip, outcome.doubles = round(watch.longest_without, 1), len(watch.doubles)
    _figures(world, outcome)
    if watch.doubles:
        outcome.found(f"two holders of the VIP in {len(watch.doubles)} samples: {'+'.join(watch.doubles[0][1])}")
    entries = world.journal()
    holders = [
        one for one in entries if one.event.fields().get("name") == "vip_holder"
    ]  # JOIN says that it is the seed
    moved = next((one.time.timestamp() for one in holders if one.event.fields().get("value") != SEED), None)
    if moved is not None and watch.held_since(SEED, moved):
        outcome.found("the seed held the VIP again after COMMIT")
    if any("off the wire" in why for why in outcome.why):
        outcome.found("the operator was told to take the undercloud off the wire")
    if not left:
        outcome.found(f"no end after {outcome.tries} more runs")
    if not outcome.verdict.startswith("SAFE TO LEAVE: YES"):
        outcome.found(f"verdict {outcome.verdict or 'none'}")
    if left:
        for number, machine in enumerate(before.controllers):
            if number != before.lost and not rack.is_on(world.spec, machine):
                rack.order(world.spec, machine, "on")
        wait("the undercloud's cluster has three members", lambda: _members(world) == 3, _API_SECONDS, every=1)
    outcome.holders = world.at(VIP)
    if len(outcome.holders) != 1 or (left and outcome.holders[0] == SEED):
        outcome.found(f"the VIP is held by {'+'.join(outcome.holders) or 'no machine'}")
    _rows(world, outcome, folder)
    after, others = ids(world, folder), before.may_change(world)
    gone = [
        f"{kind} {name}"
        for kind, known in before.ids.items()
        for name, one in known.items()
        if name not in others and after.get(kind, {}).get(name) != one
    ]
    if gone:
        outcome.found(f"ids changed: {', '.join(gone[:5])}")


def _figures(world: World, outcome: Outcome) -> None:
    """What the product measured itself; the last value of each counts."""
    facts = {
        one.event.fields().get("name"): one.event.fields().get("value") for one in world.journal() if one.kind == "fact"
    }
    outcome.gap = _number(facts.get("handoff_longest_gap_seconds"))
    outcome.pause = _number(facts.get("handoff_write_pause_seconds"))
    doubts = facts.get("doubts")
    outcome.doubts = tuple(str(one) for one in doubts) if isinstance(doubts, list | tuple) else ()


def _rows(world: World, outcome: Outcome, folder: Path) -> None:
    """Every row that was acknowledged is there."""
    acknowledged = (folder / "acknowledged").read_text().split()
    listed: set[str] = set()

    def answered() -> bool:
        done = world.outside(*python("tests.storm.writer", str(folder), "list"), check=False)
        if done.returncode == 0:
            listed.update(json.loads(done.stdout))
        return done.returncode == 0

    wait("Keystone lists its rows", answered, _API_SECONDS, every=3)
    lost = [name for name in acknowledged if name not in listed]
    outcome.rows, outcome.rows_lost = len(acknowledged), len(lost)
    if lost:
        outcome.found(f"{len(lost)} acknowledged rows are lost: {lost[0]} to {lost[-1]}")
    if not acknowledged:
        outcome.found(f"no row {PREFIX}... was ever acknowledged")


def ids(world: World, folder: Path) -> Mapping[str, Mapping[str, str]]:
    """What every API lists, once all of them answer."""
    found: dict[str, dict[str, str]] = {}

    def answered() -> bool:
        done = world.outside(*python("tests.storm.ids", str(folder)), seconds=120, check=False)
        if done.returncode == 0:
            found.update(json.loads(done.stdout))
        return done.returncode == 0

    wait("every API lists what it has", answered, _API_SECONDS, every=3)
    return found


def python(module: str, *words: str) -> list[str]:
    """The command that runs a module of the tests anywhere on this host."""
    return ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", module, *words]


def _members(world: World) -> int:
    return max((galera(world, name) for address in MEMBERS for name in world.at(address)), default=0)


def galera(world: World, machine: str) -> int:
    """How many members a machine's database counts in a primary component; 0 where it does not answer."""
    query = "SHOW STATUS WHERE variable_name IN ('wsrep_cluster_size', 'wsrep_cluster_status')"
    try:
        said = world.on(machine, "mariadb", "-Ne", query, seconds=10, check=False).split()
    except SeedvmError:
        return 0
    return int(said[said.index("wsrep_cluster_size") + 1]) if "Primary" in said else 0


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
