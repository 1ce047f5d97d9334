"""Looks after the seed while it is on: holds the laptop awake, and notes what happened to laptop, cable and battery.

`python -m seedvm.host.watch FOLDER NAME URI`, below systemd-inhibit where logind is. A cable that is pulled from the laptop is pulled
from the seed too, so that it sees what is true; after a sleep that could not be prevented the seed's clock is set. It ends with the VM.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.file_lock import holder, try_lock
from seedvm.base.typed_json import decode, encode
from seedvm.base.waiting import Hopeless, TimedOut, wait_for_sync
from seedvm.host import domain, nics, power
from seedvm.host.hypervisor import Hypervisor, connected

_EVERY_SECONDS = 1.0
_SLEPT_SECONDS = 2.0
_START_SECONDS = 20.0
_WHY = "the seed is deploying machines; sleep would leave them half written"


def start(folder: Path, name: str, uri: str) -> str:
    """Begin to look after the VM, once; says whether the laptop is held awake."""
    if holder(_lock(folder, name)) is None:
        words = [sys.executable, "-m", "seedvm.host.watch", str(folder), name, uri]
        awake = inhibit_words() if can_inhibit() else []
        source = {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
        child = process.spawn(process.Command([*awake, *words], env=source), log=folder / f"{name}.watch.log")
        what, hint = "the seed's watchdog process did not start", f"check {folder}/{name}.watch.log"

        def runs_now() -> bool:
            if child.poll() is not None:
                raise Hopeless(what, why="the process exited", hint=hint)
            return runs(folder, name)

        wait_for_sync(runs_now, seconds=_START_SECONDS, what=what, hint=hint, pause=0.05)
    return (
        "the laptop stays awake while the seed is on, lid closed or not"
        if can_inhibit()
        else "the laptop might go to sleep, because there is no logind: disable sleep and keep the lid open"
    )


def end(folder: Path, name: str) -> None:
    """Stop looking; the laptop may sleep again."""
    pid = holder(_lock(folder, name))
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        with contextlib.suppress(TimedOut):
            wait_for_sync(
                lambda: not runs(folder, name),
                seconds=_START_SECONDS,
                what="the watchdog process did not stop",
                pause=0.05,
            )


def runs(folder: Path, name: str) -> bool:
    return holder(_lock(folder, name)) is not None


def inhibit_words() -> list[str]:
    """The words before a command while which the laptop neither sleeps nor minds its lid (systemd-inhibit(1))."""
    what = "--what=sleep:idle:handle-lid-switch"
    return ["systemd-inhibit", what, "--mode=block", "--who=seedvm", f"--why={_WHY}"]


def can_inhibit() -> bool:
    """Whether logind takes an inhibitor."""
    if shutil.which("systemd-inhibit") is None:
        return False
    return process.run(["systemd-inhibit", "--list", "--no-pager"], timeout=10, check=False).returncode == 0


def events(folder: Path, name: str, last: int = 8) -> list[Event]:
    """What was noted, oldest first."""
    path = _events(folder, name)
    lines = path.read_text().splitlines()[-last:] if path.exists() else []
    return [decode(Event, json.loads(line), f"a line of {path}") for line in lines if line.endswith("}")]


@dataclass(frozen=True)
class Event:
    """A line of the watch's notes. `time` is RFC 3339, UTC."""

    time: str
    event: str

    def __str__(self) -> str:
        return f"{self.time} {self.event}"


@dataclass
class SeedWatch:
    """What was true a moment ago. `look` notes each change once."""

    folder: Path
    name: str
    asleep: float = field(default_factory=lambda: _asleep_seconds())
    cables: dict[str, bool | None] = field(default_factory=dict)
    battery: str = ""
    state: str = "running"

    def look(self, hypervisor: Hypervisor) -> bool:
        """One round; False when the VM is off."""
        state = hypervisor.state(self.name)
        if state != self.state:
            self.note(f"the seed is {state}" + (": is the laptop's disk full?" if state == "paused" else ""))
            self.state = state
        if state in ("off", "absent"):
            return False
        self._sleep(hypervisor)
        self._cables(hypervisor)
        battery = power.warning()
        if battery != self.battery:
            self.note(battery or "the laptop is on mains again")
            self.battery = battery
        return True

    def note(self, text: str) -> None:
        line = json.dumps(encode(Event(datetime.now(UTC).isoformat(timespec="seconds"), text)))
        descriptor = os.open(_events(self.folder, self.name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(line + "\n")

    def _sleep(self, hypervisor: Hypervisor) -> None:
        asleep = _asleep_seconds()
        if asleep - self.asleep < _SLEPT_SECONDS:
            return
        slept, self.asleep = asleep - self.asleep, asleep
        try:
            hypervisor.set_clock(self.name, time.time())
            cure = "the seed's clock has been set"
        except SeedvmError:
            cure = f"the seed's clock may be {slept:.0f} s behind until NTP sets it; the engine resumes automatically"
        self.note(f"the laptop slept {slept:.0f} s; {cure}")

    def _cables(self, hypervisor: Hypervisor) -> None:
        for number, port in enumerate(domain.ports(hypervisor.xml(self.name))):
            cable = nics.has_cable(port.name)
            before = self.cables.get(port.name, True)
            self.cables[port.name] = cable
            if cable == before:
                continue
            hypervisor.update_nic(self.name, domain.with_link(hypervisor.xml(self.name), number, bool(cable)))
            change = "cable connected" if cable else "port removed" if cable is None else "cable disconnected"
            self.note(f"{port.name}: {change}; the seed's NIC follows")


def _asleep_seconds() -> float:
    """How long this machine has slept since it booted: CLOCK_BOOTTIME counts it, CLOCK_MONOTONIC does not (clock_gettime(2))."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


def _events(folder: Path, name: str) -> Path:
    return folder / f"{name}.events"


def _lock(folder: Path, name: str) -> Path:
    return folder / f"{name}.watch.lock"


def main(arguments: list[str]) -> None:
    folder, name, uri = Path(arguments[0]), arguments[1], arguments[2]
    if try_lock(_lock(folder, name)) is None:  # else it is held until this process ends
        return
    watching = SeedWatch(folder, name)
    while True:
        try:
            with connected(uri) as hypervisor:
                while watching.look(hypervisor):
                    time.sleep(_EVERY_SECONDS)
                return
        except SeedvmError as error:  # libvirt is restarted, by an upgrade for example
            watching.note(f"libvirt does not answer: {error}")
            time.sleep(5)


if __name__ == "__main__":
    main(sys.argv[1:])
