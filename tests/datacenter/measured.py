"""Runs `seedvm ARGUMENTS...` and writes what it cost to FILE: `python -m tests.datacenter.measured FILE ARGUMENTS...`."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from seedvm.cli import main


def run() -> int:
    started = time.monotonic()
    code = main(sys.argv[2:])
    used = resource.getrusage(resource.RUSAGE_SELF)
    cost = {
        "seconds": time.monotonic() - started,
        "cpu": used.ru_utime + used.ru_stime,
        "rss_mib": used.ru_maxrss / 1024,
        "code": code,
    }
    Path(sys.argv[1]).write_text(json.dumps(cost))
    return code


if __name__ == "__main__":
    sys.exit(run())
