"""Helpers of the screen's tests: a state folder cut from a recording, journal lines, the text of a screen, stored pictures."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from seedvm.engine.codec import encode
from seedvm.engine.events import Entry, Unknown
from tui.app import PAGES, WizardApp
from tui.backend.engine import EngineClient
from tui.backend.seed_checks import Look
from tui.backend.site_form import FIELDS
from tui.state.watcher import View

HERE = Path(__file__).parent
EXAMPLE = HERE.parent / "recorded" / "example"
UNICODE = {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
BROKEN = "site: [\n"
"""A site with which an engine that is started refuses at once: no test may let one look at this host's networks."""

SITE = """\
site: example
seed: {interface: none0, address: 172.22.0.10, bmc_interface: none1, bmc_address: 172.22.1.10/24}
provisioning:
  cidr: 172.22.0.0/24
  gateway: 172.22.0.1
  vip: 172.22.0.5
  undercloud: [172.22.0.11, 172.22.0.12, 172.22.0.13]
  instances: 172.22.0.50-172.22.0.99
  boot: 172.22.0.100-172.22.0.199
bmc: {ranges: [172.22.1.21-172.22.1.26], learn_mac_by_power_on: true}
undercloud:
  needs: {cpus: 1, memory_mib: 3000, disk_gib: 12}
machines:
  - {bmc: 172.22.1.24, role: spare}
"""
CONSOLE = {"TERM": "linux", "LANG": "C.UTF-8"}
HANGS = 120.0
"""Seconds after which nothing more is hoped for: no bound on what is tested."""
AT_REST = 5.0
"""Seconds without a change after which a screen that is not as it should be is taken for finished."""
THEMES = {"colour": UNICODE, "plain": CONSOLE}


def journal_line(number: int, event: str, step: str | None = None, *, seconds: float = 0.0, **fields: Any) -> str:
    """A line of a journal that began on 1 January 2030."""
    time = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return encode(Entry(number, time, "site-a", "run-a", Unknown(event, fields), step))


def state_dir(folder: Path, *, until: str = "", review: bool = False, receipt: bool = False) -> Path:
    """The example's state folder, its journal cut after the first line that holds `until` (whole where empty)."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = (EXAMPLE / "journal.jsonl").read_text().splitlines(keepends=True)
    if until:
        lines = lines[: next(number for number, line in enumerate(lines, 1) if until in line)]
    (folder / "journal.jsonl").write_text("".join(lines))
    parts = (("review.json", review), ("receipt.pub", receipt), ("receipt.json", receipt), ("inventory.json", review))
    for name, wanted in parts:
        if wanted:
            shutil.copy(EXAMPLE / name, folder / name)
    (folder / "site.yaml").write_text(SITE)
    return folder


def wizard(folder: Path, env: dict[str, str] | None = None, link: EngineClient | None = None) -> WizardApp:
    """The app on a state folder."""
    return WizardApp(link or EngineClient(folder, sys_net=cable(folder)), UNICODE if env is None else env)


class SteadyLink(EngineClient):
    """For pictures: of the seed's checks what is the same on every machine, the NICs and the images; nobody listens."""

    async def seed_checks(self) -> tuple[Look, ...]:
        """Without this machine's memory, disk, rights and clock."""
        seen = await super().seed_checks()
        told = {
            "memory": "7960 MiB",
            "disk": "31.4 GiB free",
            "clock": "2026-11-22 02:00 UTC (correct? ...)",
            "rights": "root",
        }
        return tuple(Look(one.name, told[one.name]) if one.name in told else one for one in seen)

    async def overhear(self, tell: Callable[[str, str], None]) -> None:
        """A switch is there."""
        tell("none0", "on rack-12 port Gi0/4 vlan 120")


def cable(folder: Path) -> Path:
    """NICs as the kernel would tell of them, by names that no machine has: nothing of this host is seen or heard."""
    root = folder.with_name(f"{folder.name}-net")
    for name, carrier, speed in (("none0", "1", "10000"), ("none1", "1", "100"), ("none2", "0", "")):
        (root / name).mkdir(parents=True, exist_ok=True)
        for key, value in (("address", f"52:54:00:00:00:0{name[-1]}"), ("carrier", carrier), ("speed", speed)):
            (root / name / key).write_text(f"{value}\n")
    return root


async def until(pilot: Pilot[None], true: Callable[[], bool], what: str = "the condition") -> None:
    """Let the app work until something is true; an AssertionError when it hangs."""
    last = time.monotonic() + HANGS
    while time.monotonic() < last:
        if true():
            await pilot.pause()
            return
        await pilot.pause(0.02)
    raise AssertionError(f"{what} did not come about:\n{grid(pilot.app)}")


async def loaded(pilot: Pilot[None]) -> None:
    """Until the state folder was looked at."""
    app = pilot.app
    assert isinstance(app, WizardApp)
    await until(pilot, lambda: app.view.state.events > 0, "reading the journal")


def grid(app: Any) -> str:
    """What stands on the screen, a line per row, without trailing blanks."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips()) + "\n"


async def same_as_stored(pilot: Pilot[None], name: str, folder: str = "snapshots") -> None:
    """Compare the screen with tests/tui/FOLDER/NAME.txt as soon as it is equal; SEEDVM_SNAPSHOTS=write stores it once it is quiet.
    The folder `states` has pages in one state of theirs.

    A page whose file is read in a thread may stand without it for seconds on a busy machine: only a screen that stays different fails."""
    stored = HERE / folder / f"{name}.txt"
    writing = os.environ.get("SEEDVM_SNAPSHOTS") == "write"
    wanted = stored.read_text() if stored.exists() else None
    quiet = AT_REST if writing or wanted is None else HANGS
    shown, since = grid(pilot.app), time.monotonic()
    while shown != wanted and time.monotonic() - since < quiet:
        await pilot.pause(0.02)
        if (now := grid(pilot.app)) != shown:
            shown, since = now, time.monotonic()
    if writing:
        stored.parent.mkdir(exist_ok=True)
        stored.write_text(shown)
        wanted = shown
    assert wanted is not None, f"no {stored.name}: SEEDVM_SNAPSHOTS=write makes it"
    assert shown == wanted, f"{stored.name} differs; SEEDVM_SNAPSHOTS=write stores what is shown now:\n{shown}"


def name(app: WizardApp) -> str:
    """The page in front, by its key in PAGES."""
    return next((key for key, page in PAGES.items() if type(app.screen) is page), "other")


def hold_lock(folder: Path) -> int:
    """Hold the engine's lock, as an engine at work does; gives the descriptor to close."""
    descriptor = os.open(folder / "engine.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


async def first(link: EngineClient) -> View:
    """What is there already."""
    async for view in link.follow():
        return view
    raise AssertionError("unreachable")


class Script:
    """A desk whose answers were written down before."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    async def ask(self, question: str, *, hidden: bool = False) -> str | None:
        self.said.append(question)
        return self.answers.pop(0) if self.answers else None

    @property
    def text(self) -> str:
        return "\n".join(self.said)


def answers(given: dict[str, str]) -> list[str]:
    """An answer to each of the form's questions; empty takes what is proposed."""
    return [given.get(field.key, "") for field in FIELDS]
