"""Known ways in which a hand-off broke, each as data: the moment, the blow, and what is right beside what every round must be.

Each is a story of its own, `make story NAME=handoff-f2a`; the names are those of the review of November 2026.
"""

from __future__ import annotations

import json
import random
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.rack import rack
from seedvm.rack.demo_site import SITE
from seedvm.rack.inject import FaultRequest, inject
from seedvm.rack.model import CHILD_ENVIRONMENT
from tests.storm.blows import Moment, Strike
from tests.storm.judge import ROOT, galera
from tests.storm.lost import never_a_controller, seed_lost
from tests.storm.world import ENGINE, MEMBERS, SEED, VIP, World, wait

_SOON = 120.0
_NODE = f"{SITE}-undercloud-1"
_SPARE = "m4"
_LOGIN_SECONDS = 10.0


def _nothing_more(_world: World) -> list[str]:
    return []


@dataclass(frozen=True)
class Experiment:
    """`right` is what must be true at the end, in a sentence; `also` finds what of it is not; `lost` is as in Script."""

    right: str
    moment: Moment
    strike: Strike
    also: Callable[[World], list[str]] = _nothing_more
    spare: bool = False
    lost: int | None = None


def _fault(world: World, fault: str, machine: str, seconds: float | None = None) -> None:
    inject(world.spec, FaultRequest(fault, (machine,), seconds))


def _said(world: World, step: str, words: str) -> bool:
    """Whether a step of the newest run has said so in a phase's detail."""
    return any(one.step == step and words in str(one.event.fields().get("detail", "")) for one in world.journal())


def _controller(world: World, number: int) -> str:
    """The machine of the undercloud's node 0, 1 or 2."""
    return world.at(MEMBERS[number])[0]


def _end_engine(world: World) -> None:
    """End the engine and keep it from starting, as somebody who looks at the seed would."""
    world.on(SEED, "systemctl", "mask", "--runtime", ENGINE)
    world.signal_engine(signal.SIGKILL)


def _free_engine(world: World) -> None:
    world.on(SEED, "systemctl", "unmask", "--runtime", ENGINE)


def killed_while_held(world: World, _: random.Random) -> str:
    """The hold is noted, and what was before it is not."""

    def held() -> bool:
        try:
            known = json.loads((world.state / "handoff.json").read_text())
        except (OSError, ValueError):
            return False
        return bool(known.get("hold_since"))

    wait("the hold is noted", held, _SOON, every=0.01)
    world.signal_engine(signal.SIGKILL)
    return "engine killed as soon as the hold was noted"


def seed_dies_in_commit(world: World, _: random.Random) -> str:
    wait("a write is waited for", partial(_said, world, "handoff-commit", "waiting for a write"), _SOON, every=0.02)
    _fault(world, "power-off", SEED, 3)
    return "seed power cut for 3 s while COMMIT waits for a write"


def seed_cut_off(world: World, _: random.Random) -> str:
    _fault(world, "cut", SEED, 240)
    return "seed cut behind the switch for 240 s"


def keystone_silent(world: World, _: random.Random) -> str:
    """The undercloud's Keystone is down everywhere when the engine begins again."""
    _end_engine(world)
    members = [_controller(world, number) for number in range(3)]
    for machine in members:
        script = "systemctl stop keystone; (sleep 100; systemctl start keystone) >/dev/null 2>&1 &"
        world.on(machine, "sh", "-c", script, seconds=90)
    _free_engine(world)
    return "engine killed, Keystone stopped on every node for 100 s"


def first_controller_loses_database(world: World, _: random.Random) -> str:
    """The controller that is asked first has no database; what a login costs then is measured from outside."""
    _end_engine(world)
    machine = _controller(world, 0)
    world.on(machine, "systemctl", "stop", "mariadb", seconds=90)
    script = (
        "import sys, time\n"
        "from tests.storm.writer import Keystone\n"
        "keystone, began = Keystone(*sys.stdin.read().split()), time.monotonic()\n"
        "while not keystone.token and time.monotonic() - began < 60:\n"
        "    try: keystone.login()\n"
        "    except Exception: time.sleep(0.1)\n"
        "print(round(time.monotonic() - began, 1))\n"
    )
    seconds = float(_python(world, script))
    world.on(machine, "systemctl", "start", "--no-block", "mariadb")
    wait("its database is a member again", lambda: galera(world, machine) == 4, _SOON, every=1)
    _free_engine(world)
    assert seconds <= _LOGIN_SECONDS, f"a login took {seconds:g} s with the first controller's database stopped"
    return f"engine killed, database of {machine} stopped; a login took {seconds:g} s"


def new_image(world: World, _: random.Random) -> str:
    """Writes pass again, and a user makes something."""
    _end_engine(world)
    script = (
        "import json, sys, pathlib\n"
        "from seedvm.base.secret import Secret\n"
        "from seedvm.cloud.client import Client, Login\n"
        "vip, password = sys.stdin.read().split()\n"
        "api = Client(vip, Login(vip, password=Secret(password)))\n"
        "body = {'name': 'late', 'disk_format': 'raw', 'container_format': 'bare'}\n"
        "print(api.send('POST', 'glance', '/images', body).text('id'))\n"
    )
    _python(world, script)
    _free_engine(world)
    return "engine killed, a user creates an image"


def _python(world: World, script: str) -> str:
    """What a script prints that runs on the rack's router, with VIP and password on its standard input."""
    environment = {**CHILD_ENVIRONMENT, "PYTHONPATH": str(ROOT)}
    command = process.Command([sys.executable, "-c", script], netns=world.spec.namespace, env=environment)
    return process.run(command, timeout=90, input=f"{VIP} {world.password()}").stdout


def watcher_resets(world: World, _: random.Random) -> str:
    machine = _controller(world, 2)
    _fault(world, "reset", machine)
    return f"{machine}, which watches the VIP, restarts"


def spare_bmc_dark(world: World, _: random.Random) -> str:
    _fault(world, "bmc-dark", "m7")
    return "bmc-dark m7 for ever"


def node_dies_after_fence(world: World, _: random.Random) -> str:
    """A node is lost between FENCE and COMMIT; who waits for nobody to run again finds the seed's workers at work."""
    machine = _controller(world, 2)
    _fault(world, "dead-power", machine, 300)
    _fault(world, "power-off", machine, 305)
    return f"{machine} loses power for 305 s"


def engine_stands_still(world: World, _: random.Random) -> str:
    world.signal_engine(signal.SIGSTOP)
    time.sleep(250)
    world.signal_engine(signal.SIGCONT)
    return "engine stands still for 250 s"


def seed_restarts_after_commit(world: World, _: random.Random) -> str:
    _end_engine(world)
    _fault(world, "power-off", SEED, 1)
    wait("the seed is on", lambda: rack.is_on(world.spec, SEED) and world.seed_is_ready(), _SOON)
    return "engine killed, seed power cycled after COMMIT"


def controller_dies(world: World, _: random.Random) -> str:
    """For good, before the hand-off begins; the operator puts a spare in its place."""
    _end_engine(world)
    machine = _controller(world, 1)
    _fault(world, "dead-power", machine)
    rack.order(world.spec, machine, "off")
    spare = world.spec.machine(_SPARE).bmc.address
    world.on(SEED, "seedvm", "node", "replace", _NODE, "--by", str(spare), "--yes-wipe", SITE)
    _free_engine(world)
    return "node 1 dies for good and is replaced by a spare"


def spare_took_its_place(world: World) -> list[str]:
    there = world.at(MEMBERS[1])
    return [] if there == (_SPARE,) else [f"{_NODE} is at {'+'.join(there) or 'no machine'}"]


def killed_before_mute(world: World, _: random.Random) -> str:
    """The rehearsal is started on its node, and the seed is not mute yet."""

    def between() -> bool:
        try:
            holder = next(iter(name for name in world.at(VIP) if name != SEED), "")
            state = world.on(holder, "systemctl", "is-active", "seedvm-rehearse", check=False).strip() if holder else ""
        except SeedvmError:
            return False
        return state == "active"

    wait("the rehearsal runs", between, _SOON, every=0.05)
    world.signal_engine(signal.SIGKILL)
    return "engine killed when the rehearsal had started"


def seed_never_held(world: World) -> list[str]:
    """The seed is off at the end; nothing of it answers."""
    return ["the seed still answers"] if world.addresses(SEED) else []


EXPERIMENTS: Mapping[str, Experiment] = {
    "f1": Experiment(
        "An engine that is killed while writes are held redoes QUIESCE, and the receipt says YES.",
        Moment("handoff-quiesce"),
        killed_while_held,
    ),
    "f2a": Experiment(
        "A seed that is cut off after COMMIT configures nothing and never holds the VIP again.",
        Moment("handoff-own", 1),
        seed_cut_off,
        seed_never_held,
    ),
    "f2b": Experiment(
        "A silent Keystone after COMMIT is waited for; no node is to be taken off the wire.",
        Moment("handoff-commit", 0, "done"),
        keystone_silent,
        seed_never_held,
    ),
    "f3": Experiment(
        "A seed that loses power in COMMIT does not take the VIP back when it boots.",
        Moment("handoff-commit"),
        seed_dies_in_commit,
        seed_never_held,
    ),
    "f4b": Experiment(
        "What a user creates after COMMIT is no difference: nothing of before has changed or gone.",
        Moment("handoff-commit", 0, "done"),
        new_image,
    ),
    "f4c": Experiment(
        "The node that watches the VIP restarts, and the gap is measured again or named as a doubt.",
        Moment("handoff-commit", 0, "done"),
        watcher_resets,
    ),
    "f4e": Experiment(
        "A dead BMC of a spare is named, and a receipt is possible.",
        Moment("handoff-retire"),
        spare_bmc_dark,
    ),
    "f6": Experiment(
        "With the database of the first controller stopped a login works within 10 s.",
        Moment("handoff-commit", 0, "done"),
        first_controller_loses_database,
    ),
    "f9": Experiment(
        "A node that is lost after FENCE leaves no stopped worker behind on the seed.",
        Moment("handoff-fence", 0, "done"),
        node_dies_after_fence,
    ),
    "f10": Experiment(
        "COMMIT is refused once the hold on writes has run out, and QUIESCE is done again.",
        Moment("handoff-fence", 0, "done"),
        engine_stands_still,
    ),
    "f11": Experiment(
        "A seed that restarts between COMMIT and RETIRE takes no part in anything again.",
        Moment("handoff-commit", 0, "done"),
        seed_restarts_after_commit,
        seed_never_held,
    ),
    "f13a": Experiment(
        "A seed that is lost before COMMIT is replaced by another one, which completes the hand-off and is never a controller.",
        Moment("handoff-quiesce"),
        seed_lost,
        never_a_controller,
    ),
    "f13b": Experiment(
        "A seed that is lost after COMMIT is replaced by another one, which completes the hand-off from what the nodes keep.",
        Moment("handoff-commit", 0, "done"),
        seed_lost,
        never_a_controller,
    ),
    "f13c": Experiment(
        "A seed that is lost after OWN leaves an undercloud that ends alone, with a receipt of its own.",
        Moment("handoff-own", 0, "done"),
        seed_lost,
        never_a_controller,
    ),
    "f14": Experiment(
        "A controller that dies before COMMIT is replaced by a spare, and the receipt says YES.",
        Moment("deploy", 0, "done"),
        controller_dies,
        spare_took_its_place,
        lost=1,
    ),
    "f17": Experiment(
        "An engine that is killed between the rehearsal's start and the silence begins another rehearsal at once.",
        Moment("handoff-rehearse"),
        killed_before_mute,
    ),
}
