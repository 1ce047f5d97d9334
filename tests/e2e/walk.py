"""The road as an operator walks it: the real wizard on 80x24, by keys, from the first screen to the light.

On the way the passwords of two BMCs are changed; two machines fail in the deployment, of which one is tried again and one is
replaced by the spare, and neither may be dropped; the engine is killed three times (SIGKILL, with all its children), and in the middle
of the deployment also the screen that began the work and the SSH line of a second one. It tells each thing it did, with the time, so
that a run can be read afterwards.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import yaml

from seedvm.base import process
from seedvm.base.files import write_private
from seedvm.engine.codec import encode
from seedvm.engine.events import Entry
from seedvm.engine.journal import read
from tests.e2e.world import NAMESPACE, VIP, World
from tests.terminal import Pane, Tmux, wait_until

BEGIN_LIMIT_SECONDS = 20 * 60
"""To the first screen: the golden image is built on the way, where there is none yet."""
STRETCH_LIMIT_SECONDS = 15 * 60
SCREEN_LIMIT_SECONDS = 180
"""Against hanging only: the machine may be busy with whatever the road does meanwhile."""
ENDED = "the demo ended with code "
RACK = "build/demo/rack.yaml"
SEED = "172.22.0.10"
ROTATED = ("172.22.1.23", "172.22.1.24")
"""A Redfish and an IPMI BMC: those of the machine that is tried again, and of the spare that takes another's place."""
FAILS_FOR_GOOD, FAILS_ONCE = "m1", "m3"
CAUSE = "its power supply is dead"


@dataclass
class Walk:
    """One walk."""

    world: World
    tmux: Tmux
    began: float = field(default_factory=time.monotonic)
    writer: process.Child | None = None

    def tell(self, text: str) -> None:
        print(f"{time.monotonic() - self.began:6.0f} s  {text}", file=sys.__stdout__, flush=True)

    def all_the_way(self) -> None:
        """From `seedvm demo` to its end; where it stops, the failure tells what the engine said and did last."""
        try:
            self._walk()
        except Exception as error:
            raise AssertionError(f"{error}\n{self._last_words()}") from error
        finally:
            if self.writer is not None:
                process.stop(self.writer)

    def _last_words(self) -> str:
        said = [encode(event)[:400] for event in self.events() if event.kind not in ("node", "progress", "resource")]
        status = ("systemctl", "status", "--lines", "30", "--full", "seedvm-engine.service")
        return "\n".join([*said[-25:], self.world.on_machine("seed", *status, check=False)])

    def _walk(self) -> None:
        desk = self.begin()
        self.kill_engine("inspect", lambda e: e.event.fields().get("phase") == "inspecting")
        self.review(desk)
        self.orders(desk)
        wait_until("the update was taken", self.tried_again, STRETCH_LIMIT_SECONDS)
        self.kill_engine("deploy", lambda e: e.kind == "progress")
        again = self.lose_two_screens(desk)
        self.write_rows()
        self.kill_engine("handoff-own", lambda e: e.kind == "log")
        shown = again.until("SAFE TO LEAVE: YES", within=STRETCH_LIMIT_SECONDS)
        self.tell("the screen says: " + next(line for line in shown.splitlines() if "SAFE TO LEAVE" in line).strip())
        assert f"{ENDED}0" in desk.until(ENDED, within=STRETCH_LIMIT_SECONDS)
        self.tell("the demo has ended")

    def write_rows(self) -> None:
        """A user who writes through the VIP from now on, through the whole hand-off, and keeps what was acknowledged."""
        self.world.rows.mkdir(exist_ok=True)
        clouds = yaml.safe_load((self.world.state / "clouds.yaml").read_text())["clouds"]["undercloud"]
        account = {"vip": VIP, "password": clouds["auth"]["password"]}
        write_private(self.world.rows / "account.json", json.dumps(account))
        words = [sys.executable, "-m", "tests.storm.writer", str(self.world.rows)]
        command = process.Command(words, netns=NAMESPACE, cwd=self.world.repo, env={"PYTHONPATH": str(self.world.repo)})
        self.writer = process.spawn(command, log=self.world.rows / "writer.log")

    def begin(self) -> Pane:
        """The demo's own command, the first screen, Enter."""
        desk = self.tmux.open(f"{shlex.join(self.world.command)} demo; echo {ENDED}$?", self.world.repo)
        desk.until("Enter: start the engine", within=BEGIN_LIMIT_SECONDS, unless=ENDED)
        self.tell("the first screen is there")
        desk.press("Enter")
        desk.until("engine running", "SAFE TO LEAVE: NO", within=SCREEN_LIMIT_SECONDS)
        return desk

    def review(self, desk: Pane) -> None:
        """The one stop: every disk is listed, a wrong name is refused, the right one allows it."""
        desk.until("Type the site name (demo)", within=STRETCH_LIMIT_SECONDS, unless=ENDED)
        self.tell("the review is on the screen")
        self.rotate()
        self.world.note_recovery_key()
        for machine in (FAILS_ONCE, FAILS_FOR_GOOD):
            self.supply(machine, "dead-power")
        desk.type("dmeo")
        desk.press("Enter")
        desk.until("Not confirmed", within=SCREEN_LIMIT_SECONDS)
        assert not (self.world.state / "confirmed.json").exists()
        desk.press("C-u")
        desk.type("demo")
        desk.press("Enter")
        desk.until("engine running", within=SCREEN_LIMIT_SECONDS)
        self.tell("the wiping is confirmed")

    def rotate(self) -> None:
        """A new password for a BMC of each protocol, by an operator on the seed; the old one opens neither any more."""
        wait_until("the engine waits for the operator", lambda: not self.engine_works(), SCREEN_LIMIT_SECONDS)
        words = ("seedvm", "bmc", "rotate", *ROTATED, "--yes", "demo")
        said = self.world.on_machine("seed", *words, timeout=SCREEN_LIMIT_SECONDS)
        assert said.count("has a unique password, verified by a new login") == len(ROTATED), said
        self.tell(f"{' and '.join(ROTATED)} have passwords of their own")

    def orders(self, desk: Pane) -> None:
        """Two machines fail: the screen says which, why and what to do; one is replaced, one is mended and tried again."""
        failed = ("demo-undercloud-0", "demo-undercloud-2")
        wait_until("both causes", lambda: all(map(self.cause_is_told, failed)), STRETCH_LIMIT_SECONDS)
        desk.until("2 NEED YOU", within=SCREEN_LIMIT_SECONDS, unless=ENDED)
        self.tell("two machines need the operator")
        desk.press("n")
        wait_until("the cause", lambda: CAUSE in " ".join(desk.screen().split()), SCREEN_LIMIT_SECONDS)
        offered = ("t retry   p replace   d drop", "put 172.22.1.24 in its place")
        shown = desk.until("demo-undercloud-0  BMC 172.22.1.21", *offered, within=SCREEN_LIMIT_SECONDS)
        self.tell("the machine's page says:\n" + shown)
        desk.press("d")
        desk.until("Not dropped", "2 controllers would", within=SCREEN_LIMIT_SECONDS)
        desk.press("p")
        desk.until("This WIPES 172.22.1.24", "SV00000004", within=SCREEN_LIMIT_SECONDS)
        desk.type("demo")
        desk.press("Enter")
        wait_until("the order", lambda: self.ordered("demo-undercloud-0"), SCREEN_LIMIT_SECONDS)
        self.tell("demo-undercloud-0 is to be replaced by the spare")
        self.supply(FAILS_ONCE, "none")
        if (
            "Machine" not in desk.screen().splitlines()[0]
        ):  # the others were at rest: the order has started the engine, and shows it
            desk.press("n")
            desk.until("  BMC 172.22.1.", within=SCREEN_LIMIT_SECONDS)
        if "demo-undercloud-2  BMC" not in desk.screen():
            desk.press("n")
        desk.until("demo-undercloud-2  BMC 172.22.1.23", "t retry", within=SCREEN_LIMIT_SECONDS)
        desk.press("t")
        wait_until("the order", lambda: self.ordered("demo-undercloud-2"), SCREEN_LIMIT_SECONDS)
        self.tell("demo-undercloud-2 is tried again")

    def tried_again(self) -> bool:
        """Whether Heat was told to try again and the engine watches it: a kill before that would hide a refusal."""
        events = self.events()
        said = (
            n
            for n, event in enumerate(events)
            if "the stack is updated" in str(event.event.fields().get("message", ""))
        )
        return any(event.kind == "progress" and event.step == "deploy" for event in events[next(said, len(events)) :])

    def supply(self, machine: str, state: str) -> None:
        """Break or mend a machine's power supply."""
        self.world.seedvm("rack", "fault", "--file", RACK, machine, state)

    def cause_is_told(self, node: str) -> bool:
        """Whether the lane of a node says why it failed, and not only that Ironic takes it back."""
        told = (event for event in self.events() if event.kind == "node" and event.event.fields().get("node") == node)
        return any(
            event.event.fields().get("phase") == "failed" and CAUSE in str(event.event.fields().get("detail"))
            for event in told
        )

    def ordered(self, node: str) -> bool:
        """Whether an order for a node waits, or was taken up already."""
        told = (event for event in self.events() if event.kind == "log" and event.event.fields().get("node") == node)
        waits = (self.world.state / "orders" / f"{node}.json").exists()
        return waits or any(str(event.event.fields().get("message")).startswith("requested: ") for event in told)

    def engine_works(self) -> bool:
        """Whether its unit runs."""
        said = self.world.on_machine("seed", "systemctl", "is-active", "seedvm-engine.service", check=False)
        return said.strip() in ("active", "activating", "deactivating")

    def lose_two_screens(self, desk: Pane) -> Pane:
        """A second screen over SSH; both are killed; the engine does not notice; a third shows where things stand."""
        distant = self.over_ssh()
        distant.press("b")
        distant.until("Support bundle", within=SCREEN_LIMIT_SECONDS)
        runs = self.runs()
        desk.kill(" -m tui ")
        distant.kill("ssh -tt")
        self.tell("the screen and the SSH line of another are killed")
        wait_until("no screen is left on the seed", lambda: not self.screens(), SCREEN_LIMIT_SECONDS)
        seen = self.last()
        wait_until("the engine works on", lambda: self.last() > seen, SCREEN_LIMIT_SECONDS)
        assert self.runs() == runs, "the engine was started anew when screens were killed"
        words = [*self.world.command, "rack", "exec", "--file", RACK, "seed", "--", "seedvm", "wizard"]
        again = self.tmux.open(shlex.join(words), self.world.repo)
        again.until("engine running", "is to be", "SAFE TO LEAVE: NO", within=SCREEN_LIMIT_SECONDS)
        self.tell("a new screen shows where things stand")
        return again

    def over_ssh(self) -> Pane:
        """The wizard by a real sshd, with a key of our own: an operator's, laid on the seed for this."""
        key = self.tmux.folder / "key"
        process.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], timeout=20)
        script = "umask 077; mkdir -p /root/.ssh; cat >> /root/.ssh/authorized_keys"
        words = [*self.world.command, "rack", "exec", "--file", RACK, "seed", "--", "sh", "-c", script]
        process.run(process.Command(words, cwd=self.world.repo), timeout=60, input=key.with_suffix(".pub").read_text())
        options = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
        line = f"exec ip netns exec {NAMESPACE} ssh -tt -i {key} {options} root@{SEED} seedvm wizard"
        distant = self.tmux.open(line, self.world.repo)
        distant.until("engine running", "is to be", "SAFE TO LEAVE: NO", within=SCREEN_LIMIT_SECONDS)
        self.tell("a second screen watches over SSH")
        return distant

    def kill_engine(self, step: str, at: Callable[[Entry], bool]) -> None:
        """SIGKILL the engine at the first event of a step that `at` names; its unit starts it again by itself."""
        what = f"work in {step}"
        events = self.events
        wait_until(what, lambda: any(e.step == step and at(e) for e in events()), STRETCH_LIMIT_SECONDS)
        runs = self.runs()
        self.world.on_machine("seed", "systemctl", "kill", "--signal=KILL", "seedvm-engine.service")
        self.tell(f"the engine is killed in {step}")
        took = wait_until("the engine goes on by itself", lambda: len(self.runs()) > len(runs), SCREEN_LIMIT_SECONDS)
        self.tell(f"it goes on by itself, {took:.0f} s later")

    def events(self) -> tuple[Entry, ...]:
        return read(self.world.state / "journal.jsonl")

    def runs(self) -> list[str]:
        """The runs of the engine so far."""
        return [event.run for event in self.events() if event.kind == "run-started"]

    def last(self) -> int:
        """How many events there are."""
        return len(self.events())

    def screens(self) -> list[str]:
        """Process ids of the wizards that run on the seed."""
        return self.world.on_machine("seed", "pgrep", "-f", "python.* -m tui ", check=False).split()
