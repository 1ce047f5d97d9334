"""One rack in a round: its machines, who holds which address, the seed's engine and its journal. It stands outside, as an operator does."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.engine.events import Entry
from seedvm.engine.journal import read
from seedvm.rack import rack
from seedvm.rack.demo_site import SITE, DemoPaths
from seedvm.rack.model import RackSpec, load_rack
from seedvm.rack.sandbox import cgroup

VIP = "172.22.0.5"
MEMBERS = ("172.22.0.11", "172.22.0.12", "172.22.0.13")
SEED = "seed"
ENGINE = "seedvm-engine.service"
_RUN = b"/usr/local/bin/seedvm\0run"
_LOCAL = re.compile(r"\|-- (\S+)\n\s+/32 host LOCAL")


@dataclass(frozen=True)
class World:
    """One demo rack below a build folder."""

    build: Path

    @cached_property
    def spec(self) -> RackSpec:
        return load_rack(self.paths.rack_file)

    @property
    def paths(self) -> DemoPaths:
        return DemoPaths(self.build)

    @property
    def state(self) -> Path:
        return self.paths.seed_state

    def journal(self) -> tuple[Entry, ...]:
        return read(self.state / "journal.jsonl")

    def init(self, machine: str) -> int | None:
        """The host's number of a machine's process 1, if a system runs on it."""
        return cgroup.container_init(cgroup.top() / self.spec.name / machine / "guest")

    def addresses(self, machine: str) -> frozenset[str]:
        """What the kernel of a machine holds as its own, from its routing table: a read of one file, nothing runs on the machine."""
        init = self.init(machine)
        with contextlib.suppress(OSError):
            return frozenset(_LOCAL.findall(Path(f"/proc/{init}/net/fib_trie").read_text())) if init else frozenset()
        return frozenset()

    def at(self, address: str) -> tuple[str, ...]:
        """The machines that hold an address."""
        return tuple(name for name in self.spec.names if address in self.addresses(name))

    def controllers(self) -> tuple[str, ...]:
        """The three machines with the undercloud's addresses, in the order of these, that run now."""
        return tuple(machine for address in MEMBERS for machine in self.at(address))

    def on(self, machine: str, *words: str, seconds: float = 30, check: bool = True) -> str:
        """What a command on a machine's console prints."""
        return process.run(rack.exec_argv(self.spec, machine, words), timeout=seconds, check=check).stdout

    def outside(self, *words: str, seconds: float = 60, check: bool = True) -> process.Completed:
        """A command where the operator stands: on the router of the rack."""
        return process.run(process.Command(words, netns=self.spec.namespace), timeout=seconds, check=check)

    def engine(self) -> int | None:
        """The host's number of the engine's process, None when none runs."""
        for pid in cgroup.pids(cgroup.top() / self.spec.name / SEED / "guest"):
            with contextlib.suppress(OSError):
                if _RUN in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return pid
        return None

    def signal_engine(self, number: signal.Signals) -> bool:
        """Send the engine a signal; whether there was one."""
        pid = self.engine()
        with contextlib.suppress(ProcessLookupError):
            if pid is not None:
                os.kill(pid, number)
                return True
        return False

    def engine_works(self) -> bool:
        """Whether the engine's unit is at work, as systemd on the seed says; False too when the seed cannot be asked."""
        try:
            state = self.on(SEED, "systemctl", "is-active", ENGINE, check=False).strip()
        except SeedvmError:
            return False
        return state in ("active", "activating", "deactivating")

    def start_engine(self) -> None:
        """As the operator does, who has confirmed the review already."""
        self.on(SEED, "systemctl", "reset-failed", ENGINE, check=False)
        self.on(SEED, "systemctl", "set-environment", f"SEEDVM_RUN_OPTIONS=--yes-wipe {SITE}")
        self.on(SEED, "systemctl", "start", "--no-block", ENGINE)

    def seed_is_ready(self) -> bool:
        """Whether the seed is on and its system takes orders."""
        init = self.init(SEED)
        return init is not None and Path(f"/proc/{init}/root/run/dbus/system_bus_socket").exists()

    def password(self) -> str:
        """The admin's, which the operator keeps."""
        clouds = yaml.safe_load((self.state / "clouds.yaml").read_text())
        return str(clouds["clouds"]["undercloud"]["auth"]["password"])

    def verdict(self) -> str:
        """The receipt's verdict, empty while there is none."""
        with contextlib.suppress(OSError, ValueError):
            return str(json.loads((self.state / "receipt.json").read_text())["verdict"])
        return ""

    def seed_has_left(self) -> bool:
        """The engine's last step is done: the seed has switched itself off."""
        return (self.state / "seed-off").exists() and not rack.is_on(self.spec, SEED)


def wait(what: str, condition: object, seconds: float, *, every: float = 0.5) -> None:
    """Wait until a condition is true; AssertionError says what was not."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(every)


def last(entries: Sequence[Entry], *kinds: str) -> Entry | None:
    """The last event of one of these kinds."""
    return next((one for one in reversed(entries) if one.kind in kinds), None)
