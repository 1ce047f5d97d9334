"""Runs `seedvm ARGUMENTS...` and writes what it cost to FILE: `python -m tests.datacenter.measured FILE ARGUMENTS...`."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from seedvm.cli import main


def peak_mib() -> float:
    """The most memory this process held, in MiB. getrusage's ru_maxrss would also know of the parent that it was forked from."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def run() -> int:
    started = time.monotonic()
    code = main(sys.argv[2:])
    used = resource.getrusage(resource.RUSAGE_SELF)
    cost = {
        "seconds": time.monotonic() - started,
        "cpu": used.ru_utime + used.ru_stime,
        "rss_mib": peak_mib(),
        "code": code,
    }
    Path(sys.argv[1]).write_text(json.dumps(cost))
    return code


if __name__ == "__main__":
    sys.exit(run())
