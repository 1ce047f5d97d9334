"""The demo: a virtual rack, a seed in it, and the whole deployment, started with one command.

It does what an operator would do by hand: build the image, bring up the rack, lay a site on the seed, start the engine or the
wizard there, and keep what the run left behind. It knows nothing of the deployment itself, which is the seed's; it looks on
from outside and measures the seed's memory and the API's longest gap. It refuses to go on when the seed's engine failed.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from seedvm.base import process, terminal
from seedvm.base.errors import SeedvmError
from seedvm.engine.events import Entry, RunEnded
from seedvm.engine.journal import JOURNAL, Tail, read
from seedvm.engine.report import make_report, write_report
from seedvm.image.build import build
from seedvm.rack import rack
from seedvm.rack.demo_site import SITE, DemoPaths, lay_out
from seedvm.rack.model import RackSpec, load_rack

SEED_OFF_MARK = "seed-off"
ENGINE_UNIT = "seedvm-engine.service"
RUN_LIMIT_SECONDS = 40 * 60.0
MEMORY_EVERY_SECONDS = 10.0
KEPT = ("receipt.json", "receipt.txt", "receipt.pub", "report.json")


@dataclass(frozen=True)
class Teller:
    """Where the demo tells what happens: a line for people, and each event of the seed's journal."""

    say: Callable[[str], None]
    event: Callable[[Entry], None]


def run_demo(build_dir: Path, *, headless: bool, tell: Teller, until: str | None = None) -> bool:
    """The whole deployment; True when it ended with a receipt and the seed is off. SeedvmError says what prevented it.

    With `until` the engine stops before that step, and True says that it did.
    """
    paths = DemoPaths(build_dir)
    begin = time.monotonic()
    build(build_dir / "cache", on_progress=tell.say)
    image_seconds = round(time.monotonic() - begin, 1)
    fresh = lay_out(paths)
    spec = load_rack(paths.rack_file)
    if _finished(paths):
        tell.say("the deployment is complete: the receipt has been issued and the seed is off")
        rack.up(spec, on_progress=tell.say, seed=False)
    else:
        rack.up(spec, on_progress=tell.say)
        if fresh:
            _keep_facts(paths, {"image_build_seconds": image_seconds})
        _walk(spec, paths, headless, tell, until)
    finished = _collect(paths)
    return finished if until is None else _stopped(paths)


def _finished(paths: DemoPaths) -> bool:
    return (paths.seed_state / "receipt.json").exists() and (paths.seed_state / SEED_OFF_MARK).exists()


def _stopped(paths: DemoPaths) -> bool:
    """Whether the last run ended where it was to stop."""
    ends = [one.event.verdict for one in read(paths.seed_state / JOURNAL) if isinstance(one.event, RunEnded)]
    return ends[-1:] == ["stopped"]


def _walk(spec: RackSpec, paths: DemoPaths, headless: bool, tell: Teller, until: str | None) -> None:
    tail = Tail(paths.seed_state / JOURNAL)
    tail.read()  # what an earlier run told is no news
    with _memory_watched(spec, paths):
        if headless:
            _start_engine(spec, until)
            _follow(spec, paths, tell, tail)
            return
        code = rack.attach(spec, "seed", ["seedvm", "wizard"])
        left_alone = code != 0 and (paths.seed_state / SEED_OFF_MARK).exists()
        if not left_alone:
            tail.read()
            tell.say("the wizard is closed and the engine keeps running; make demo opens the wizard again")
        _follow(spec, paths, tell, tail)
    if left_alone and sys.stdin.isatty():
        _screen_of_the_past(paths)


def _screen_of_the_past(paths: DemoPaths) -> None:
    """The wizard went down with its seed: the same screen from here, on what the seed left behind."""
    words = [sys.executable, "-m", "seedvm", "wizard", "--state-dir", str(paths.seed_state)]
    if process.interactive(words):
        terminal.leave_screen()


def _start_engine(spec: RackSpec, until: str | None) -> None:
    options = f"--yes-wipe {SITE}" + (f" --until {until}" if until else "")
    rack.seed_exec(spec, ["systemctl", "set-environment", f"SEEDVM_RUN_OPTIONS={options}"], timeout=60)
    rack.seed_exec(spec, ["systemctl", "start", "--no-block", ENGINE_UNIT], timeout=60)


@contextmanager
def _memory_watched(spec: RackSpec, paths: DemoPaths) -> Iterator[None]:
    """Sample the seed's memory for as long as the block runs, and keep the most of all runs."""
    over = threading.Event()
    peak = 0.0

    def sample() -> None:
        nonlocal peak
        while True:
            with contextlib.suppress(SeedvmError, OSError):
                peak = max(peak, rack.machine_pss(spec, "seed"))
            if over.wait(MEMORY_EVERY_SECONDS):
                return

    watcher = threading.Thread(target=sample, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        known = _facts(paths).get("seed_pss_mib", 0.0)
        _keep_facts(paths, {"seed_pss_mib": max(known, round(peak, 1))})


def _follow(spec: RackSpec, paths: DemoPaths, tell: Teller, tail: Tail) -> None:
    """Show the journal as it grows, and return when the engine has ended and the seed is off."""
    deadline = time.monotonic() + RUN_LIMIT_SECONDS
    while True:
        entries = tail.read().entries
        for entry in entries:
            tell.event(entry)
        if not rack.is_on(spec, "seed"):
            break
        leaving = (paths.seed_state / SEED_OFF_MARK).exists()
        if not entries and not leaving and not _engine_works(spec):
            break
        if time.monotonic() > deadline:
            raise SeedvmError(
                "the deployment took too long",
                why=f"not finished after {RUN_LIMIT_SECONDS / 60:.0f} min",
                hint="run seedvm status",
            )
        time.sleep(0.5)


def _engine_works(spec: RackSpec) -> bool:
    shown = rack.seed_exec(spec, ["systemctl", "is-active", ENGINE_UNIT], timeout=30, check=False)
    return shown.stdout.strip() in ("active", "activating", "deactivating")


def _facts(paths: DemoPaths) -> dict[str, float]:
    path = paths.seed_state / "facts.json"
    known: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}
    return known


def _keep_facts(paths: DemoPaths, facts: dict[str, float]) -> None:
    path = paths.seed_state / "facts.json"
    path.write_text(json.dumps({**_facts(paths), **facts}, indent=2) + "\n")


def _collect(paths: DemoPaths) -> bool:
    report = make_report(paths.seed_state)
    write_report(report, paths.seed_state / "report.json")
    for name in KEPT:
        if (paths.seed_state / name).exists():
            shutil.copy(paths.seed_state / name, paths.demo / name)
    return report.figures["verdict"] == "done"
