"""One round: a rack just before the hand-off, a blow at a moment, the operator who runs again, and what must be true at the end."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.rack import inject, rack, saved
from tests.storm.blows import Moment, Strike
from tests.storm.operator import Operator, narrated
from tests.storm.watch import VipWatch
from tests.storm.world import MEMBERS, SEED, VIP, World, wait
from tests.storm.writer import PREFIX

ROOT = Path(__file__).parents[2]
_COLD_START_SECONDS = 300.0
_MOMENT_SECONDS = 15 * 60.0
_API_SECONDS = 240.0
_LOGS = ("mariadb", "keepalived", "haproxy", "rabbitmq-server", "os-collect-config", "ironic-conductor")


@dataclass
class Outcome:
    """What a round was and how it ended; `wrong` is empty when all was right."""

    number: int
    seed: int
    moment: str
    blow: str
    what: str = ""
    tries: int = 0
    why: list[str] = field(default_factory=list)
    verdict: str = ""
    wrong: list[str] = field(default_factory=list)
    rows: int = 0
    rows_lost: int = 0
    seconds: float = 0.0
    gap: float | None = None
    pause: float | None = None
    without_vip: float = 0.0

    @property
    def line(self) -> str:
        """Its row of the table."""
        ended = "right" if not self.wrong else "WRONG: " + "; ".join(self.wrong)
        figures = f"{self.tries} more runs, {self.rows} rows, {self.rows_lost} lost, gap {self.gap}, pause {self.pause}"
        what = self.what or self.blow
        return (
            f"{self.number:>3}  seed {self.seed}  {self.moment:<32} {what:<44} {figures}, {self.seconds:.0f} s: {ended}"
        )


@dataclass(frozen=True)
class Script:
    """A round by name: when, what, and how often the operator runs again at most. `also` finds what else is wrong at the end."""

    moment: Moment
    strike: Strike
    blow: str
    most_tries: int = 8
    spare: bool = False
    also: Callable[[World], list[str]] = lambda _: []


def play(
    world: World, point: str, script: Script, number: int, seed: int, folder: Path, say: Callable[[str], None]
) -> Outcome:
    """One round, to its end; what is wrong is in the outcome, and the folder then holds journal and logs."""
    outcome = Outcome(number, seed, str(script.moment), script.blow)
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    say(f"round {number}, seed {seed}: {script.moment}, {script.blow}")
    try:
        before = _begin(world, point, script, folder, say)
        with _writer(world, folder), VipWatch(world) as watch:
            _strike(world, script, outcome, random.Random(seed), say)
            operator = Operator(world, say, script.most_tries)
            left = operator.to_the_end()
            outcome.tries, outcome.why = len(operator.tries), operator.tries
            outcome.wrong += operator.wrong
            inject.heal_machines(world.spec, ())
            _judge(world, outcome, watch, left, before, folder)
            outcome.wrong += script.also(world)
    except (AssertionError, SeedvmError, OSError) as error:
        outcome.wrong.append(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
    outcome.seconds = time.monotonic() - began
    (folder / "journal.txt").write_text("\n".join(narrated(world.journal())) + "\n")
    if outcome.wrong:
        _keep(world, folder)
    say(outcome.line)
    return outcome


def _begin(
    world: World, point: str, script: Script, folder: Path, say: Callable[[str], None]
) -> Mapping[str, Mapping[str, str]]:
    """The saved rack, running and whole, with the account of the writer; what the undercloud lists before anything happens."""
    began = time.monotonic()
    saved.restore(world.spec, point)
    write_private(folder / "account.json", json.dumps({"vip": VIP, "password": world.password()}))
    site = yaml.safe_load(world.paths.site_file.read_text())
    site["undercloud"]["rehearse_on_spare"] = script.spare
    world.paths.site_file.write_text(yaml.safe_dump(site, sort_keys=False))
    wait("the cluster has four members", lambda: _galera(world, SEED) == 4, _COLD_START_SECONDS, every=2)
    before = _ids(world, folder)
    say(f"  restored and whole after {time.monotonic() - began:.0f} s")
    return before


def _strike(world: World, script: Script, outcome: Outcome, chance: random.Random, say: Callable[[str], None]) -> None:
    """Start the engine, wait for the moment, and do it."""
    world.start_engine()
    seen = len(world.journal())

    def reached() -> bool:
        return any(
            one.step == script.moment.step and one.kind in (f"step-{script.moment.event}",)
            for one in world.journal()[seen:]
        )

    wait(f"{script.moment}", lambda: reached() or world.seed_has_left(), _MOMENT_SECONDS, every=0.05)
    time.sleep(script.moment.after)
    outcome.what = script.strike(world, chance)
    say(f"  {outcome.what}")


def _judge(
    world: World, outcome: Outcome, watch: VipWatch, left: bool, before: Mapping[str, Mapping[str, str]], folder: Path
) -> None:
    """Everything that must be true at the end."""
    outcome.verdict = world.verdict()
    outcome.without_vip = round(watch.longest_without, 1)
    if watch.doubles:
        outcome.wrong.append(f"two holders of the VIP in {len(watch.doubles)} samples: {'+'.join(watch.doubles[0][1])}")
    moved = next(
        (one.time.timestamp() for one in world.journal() if one.event.fields().get("name") == "vip_holder"), None
    )
    if moved is not None and watch.held_since(SEED, moved):
        outcome.wrong.append("the seed held the VIP again after COMMIT")
    if any("off the wire" in why for why in outcome.why):
        outcome.wrong.append("the operator was told to take the undercloud off the wire")
    if not left:
        outcome.wrong.append(f"no end after {outcome.tries} more runs")
    if not outcome.verdict.startswith("SAFE TO LEAVE: YES"):
        outcome.wrong.append(f"verdict {outcome.verdict or 'none'}")
    if left:
        for machine in world.spec.machines:
            if machine.name in outcome.what and not rack.is_on(world.spec, machine.name):
                rack.order(world.spec, machine.name, "on")
        wait("the undercloud's cluster has three members", lambda: _members(world) == 3, _API_SECONDS, every=2)
    holders = world.at(VIP)
    if len(holders) != 1 or (left and holders[0] == SEED):
        outcome.wrong.append(f"the VIP is held by {'+'.join(holders) or 'no machine'}")
    _rows(world, outcome, folder)
    after = _ids(world, folder)
    gone = [
        f"{kind} {name}"
        for kind, known in before.items()
        for name, one in known.items()
        if after.get(kind, {}).get(name) != one
    ]
    if gone:
        outcome.wrong.append(f"ids changed: {', '.join(gone[:5])}")
    facts = {
        one.event.fields().get("name"): one.event.fields().get("value") for one in world.journal() if one.kind == "fact"
    }
    outcome.gap, outcome.pause = (
        _number(facts.get("handoff_longest_gap_seconds")),
        _number(facts.get("handoff_write_pause_seconds")),
    )


def _rows(world: World, outcome: Outcome, folder: Path) -> None:
    """Every row that was acknowledged is there."""
    acknowledged = (folder / "acknowledged").read_text().split()
    listed: set[str] = set()

    def answered() -> bool:
        done = world.outside(*_python("tests.storm.writer", str(folder), "list"), check=False)
        if done.returncode == 0:
            listed.update(json.loads(done.stdout))
        return done.returncode == 0

    wait("Keystone lists its rows", answered, _API_SECONDS, every=3)
    lost = [name for name in acknowledged if name not in listed]
    outcome.rows, outcome.rows_lost = len(acknowledged), len(lost)
    if lost:
        outcome.wrong.append(f"{len(lost)} acknowledged rows are lost: {lost[0]} to {lost[-1]}")
    if not acknowledged:
        outcome.wrong.append(f"no row {PREFIX}... was ever acknowledged")


def _ids(world: World, folder: Path) -> Mapping[str, Mapping[str, str]]:
    found: dict[str, dict[str, str]] = {}

    def answered() -> bool:
        done = world.outside(*_python("tests.storm.ids", str(folder)), seconds=120, check=False)
        if done.returncode == 0:
            found.update(json.loads(done.stdout))
        return done.returncode == 0

    wait("every API lists what it has", answered, _API_SECONDS, every=3)
    return found


@contextmanager
def _writer(world: World, folder: Path) -> Iterator[None]:
    """The writer at work meanwhile."""
    (folder / "acknowledged").write_text("")
    words = process.Command(
        _python("tests.storm.writer", str(folder)), netns=world.spec.namespace, env={"PYTHONPATH": str(ROOT)}
    )
    child = process.spawn(words, log=folder / "writer.log")
    try:
        yield
    finally:
        process.stop(child)


def _python(module: str, *words: str) -> list[str]:
    return ["env", f"PYTHONPATH={ROOT}", sys.executable, "-m", module, *words]


def _members(world: World) -> int:
    return max((_galera(world, name) for address in MEMBERS for name in world.at(address)), default=0)


def _galera(world: World, machine: str) -> int:
    """How many members a machine's database counts in a primary component; 0 where it does not answer."""
    query = "SHOW STATUS WHERE variable_name IN ('wsrep_cluster_size', 'wsrep_cluster_status')"
    try:
        said = world.on(machine, "mariadb", "-Ne", query, seconds=10, check=False).split()
    except SeedvmError:
        return 0
    return int(said[said.index("wsrep_cluster_size") + 1]) if "Primary" in said else 0


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _keep(world: World, folder: Path) -> None:
    """Journal, hand-off record and the machines' logs, for whoever looks for the cause."""
    for name in ("journal.jsonl", "handoff.json", "receipt.json", "site.yaml"):
        source = world.state / name
        if source.exists():
            (folder / name).write_bytes(source.read_bytes())
    for machine in (SEED, *world.controllers()):
        units = [word for unit in _LOGS for word in ("-u", unit)]
        try:
            text = world.on(machine, "journalctl", "--no-pager", "-n", "1500", *units, seconds=60, check=False)
        except SeedvmError as error:
            text = str(error)
        (folder / f"{machine}.log").write_text(text)
