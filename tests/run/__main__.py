"""`python -m tests.run [PART...]`: all parts, or those that are named. The exit code is 0 if nothing failed, 130 after a Ctrl-C."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from tests.run.figures import gather
from tests.run.parts import PARTS
from tests.run.schedule import Machine, Schedule

FOLDER = Path("build/tests")
KEPT_FOR_OTHERS_MIB = 1500


def main() -> int:
    names = [part.name for part in PARTS]
    parser = argparse.ArgumentParser(prog="python -m tests.run", description="Runs the tests, in parts.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(names)} (default: all)")
    wanted = parser.parse_args().parts or names
    if unknown := sorted(set(wanted) - set(names)):
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(names)}")
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    signal.signal(signal.SIGTERM, _terminated)
    # A shell that starts this in the background has it ignore SIGINT, and all that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    begin = time.monotonic()
    schedule = Schedule([part for part in PARTS if part.name in wanted], _machine(), FOLDER, _say)
    code = 0
    try:
        schedule.run()
    except KeyboardInterrupt:
        code = 130
    except SystemExit as error:
        code = int(str(error.code))
    for one in schedule.ended:
        if one.code != 0:
            _say(f"\n{'=' * 30} {one.part.name} {'=' * 30}\n" + _log(one.part.name))
    figures = gather(FOLDER, schedule.ended, time.monotonic() - begin)
    figures.write(FOLDER / "figures.json")
    _say("\n".join(figures.lines()))
    return code or (1 if figures.failed else 0)


def _machine() -> Machine:
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return Machine(float(os.cpu_count() or 1), (pages * size >> 20) - KEPT_FOR_OTHERS_MIB)


def _log(name: str) -> str:
    return (FOLDER / f"{name}.log").read_text(errors="replace")


def _say(line: str) -> None:
    print(line, flush=True)


def _terminated(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
