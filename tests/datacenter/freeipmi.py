"""FreeIPMI's discovery of a range, as a program: `python -m tests.datacenter.freeipmi NETWORK HOW_MANY SECONDS`.

ipmidetectd pings every address of its list once a period, ipmidetect tells who has answered. Ends when so many have, or after SECONDS,
and prints their addresses, one a line. The period is 1 s (15 s by default), so that FreeIPMI is at its best.
"""

from __future__ import annotations

import sys
import tempfile
import time
from ipaddress import IPv4Network
from pathlib import Path

from seedvm.base import process

PERIOD_MILLISECONDS = 1000


def detected() -> list[str]:
    """Who has answered by now; nobody while the daemon starts. ipmidetect ends with 1 where anybody has not."""
    return process.run(["ipmidetect", "--detected", "--newline"], timeout=60, check=False).stdout.split()


def main() -> None:
    network, wanted, seconds = IPv4Network(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    deadline, found = time.monotonic() + seconds, list[str]()
    with tempfile.TemporaryDirectory(prefix="freeipmi-") as name:
        lines = [f"ipmiping_period {PERIOD_MILLISECONDS}", *(f"host {one}" for one in network.hosts())]
        Path(name, "conf").write_text("\n".join(lines) + "\n")
        daemon = process.spawn(["ipmidetectd", "-d", "-c", Path(name, "conf")], log=Path(name, "log"))
        try:
            while len(found) < wanted and time.monotonic() < deadline:
                time.sleep(0.25)
                found = detected()
        finally:
            process.stop(daemon)
    sys.stdout.write("\n".join(found) + "\n")


if __name__ == "__main__":
    main()
