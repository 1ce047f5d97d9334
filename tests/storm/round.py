"""One round: a rack just before the hand-off, blows at their moments, the operator who runs again, and the account of its end."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import yaml

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.rack import inject, saved
from tests.storm import judge
from tests.storm.operator import Operator, narrated
from tests.storm.script import Script
from tests.storm.striker import Striker
from tests.storm.table import Outcome
from tests.storm.watch import VipWatch
from tests.storm.world import SEED, VIP, World, wait

_COLD_START_SECONDS = 300.0
_LOGS = ("mariadb", "keepalived", "haproxy", "rabbitmq-server", "os-collect-config", "ironic-conductor")


@dataclass(frozen=True)
class Stage:
    """Where rounds are played: the rack, the name of its saved point, and the folder of this round's journal and logs."""

    world: World
    point: str
    folder: Path
    say: Callable[[str], None]


def play(stage: Stage, script: Script, number: int, seed: int) -> Outcome:
    """One round, to its end; what is wrong is in the outcome, and the folder then holds journal and logs."""
    world, folder, say = stage.world, stage.folder, stage.say
    outcome = Outcome(number, seed, "; ".join(f"{one.moment}, {one.name}" for one in script.blows))
    outcome.began = datetime.now(UTC).isoformat(timespec="seconds")
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    say(f"round {number}, seed {seed}: {outcome.script}")
    try:
        before = _begin(stage, script)
        outcome.restored = round(time.monotonic() - began, 1)
        say(f"  restored and whole after {outcome.restored:.0f} s")
        _storm(stage, script, outcome, before)
    except (AssertionError, SeedvmError, OSError) as error:
        outcome.found(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
    outcome.seconds = round(time.monotonic() - began, 1)
    (folder / "journal.txt").write_text("\n".join(narrated(world.journal())) + "\n")
    if outcome.wrong:
        _keep(world, folder)
    say(outcome.line)
    return outcome


def _begin(stage: Stage, script: Script) -> judge.Before:
    """The saved rack, running and whole, with the account of the writer; what the undercloud lists before anything happens."""
    world = stage.world
    saved.restore(world.spec, stage.point)
    write_private(stage.folder / "account.json", json.dumps({"vip": VIP, "password": world.password()}))
    site = yaml.safe_load(world.paths.site_file.read_text())
    site["undercloud"]["rehearse_on_spare"] = script.spare
    world.paths.site_file.write_text(yaml.safe_dump(site, sort_keys=False))
    wait("the cluster has four members", lambda: judge.galera(world, SEED) == 4, _COLD_START_SECONDS, every=1)
    return judge.Before(_ids_before(stage), world.controllers(), script.lost)


def _ids_before(stage: Stage) -> Mapping[str, Mapping[str, str]]:
    """What the undercloud of this saved point lists: asked once, as each round begins with the same."""
    known = stage.world.spec.state / "saved" / stage.point / "ids.json"
    if not known.exists():
        known.write_text(json.dumps(judge.ids(stage.world, stage.folder)))
    return cast(Mapping[str, Mapping[str, str]], json.loads(known.read_text()))


def _storm(stage: Stage, script: Script, outcome: Outcome, before: judge.Before) -> None:
    """The hand-off under the blows, to its end, and what is to be said of it."""
    world = stage.world
    with _writer(world, stage.folder), VipWatch(world) as watch:
        with Striker(world, script, random.Random(outcome.seed), stage.say) as striker:
            world.start_engine()
            operator = Operator(world, stage.say, script.most_tries, striker.calm)
            left = operator.to_the_end()
        outcome.tries, outcome.why = len(operator.tries), tuple(operator.tries)
        outcome.blows = tuple(striker.landed)
        outcome.found(*operator.wrong, *striker.wrong)
        if not striker.landed:
            outcome.found("the moment of no blow came")
        inject.heal_machines(world.spec, ())
        judge.judge(world, outcome, watch, before, stage.folder, left=left)
        outcome.found(*script.also(world))


@contextmanager
def _writer(world: World, folder: Path) -> Iterator[None]:
    """The writer at work meanwhile."""
    (folder / "acknowledged").write_text("")
    words = process.Command(
        judge.python("tests.storm.writer", str(folder)), netns=world.spec.namespace, env={"PYTHONPATH": str(judge.ROOT)}
    )
    child = process.spawn(words, log=folder / "writer.log")
    try:
        yield
    finally:
        process.stop(child)


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
