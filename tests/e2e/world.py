"""The finished demo seen from outside: the operator's place in the rack, the stock OpenStack client, the machines' own logs.

It reads only; what changes the world is in the tests, by name.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VIP = "172.22.0.5"
NAMESPACE = "seedvm-demo"


@dataclass(frozen=True)
class World:
    """One demo: its build folder and the namespace that the operator stands in."""

    repo: Path

    @property
    def demo(self) -> Path:
        return self.repo / "build" / "demo"

    @property
    def state(self) -> Path:
        return self.demo / "seed"

    def inside(self, *argv: str, timeout: float = 120, check: bool = True) -> str:
        """Run a command where the operator stands: on the router of the rack."""
        done = subprocess.run(
            ["ip", "netns", "exec", NAMESPACE, *argv],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=self.state,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(argv)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def openstack(self, *words: str, timeout: float = 120) -> Any:
        """What the stock client says, through the VIP, as JSON."""
        client = self.repo / ".venv" / "bin" / "openstack"
        out = self.inside(str(client), "--os-cloud", "undercloud", *words, "-f", "json", timeout=timeout)
        return json.loads(out)

    def seedvm(self, *words: str, timeout: float = 120, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run seedvm at the operator's desk."""
        done = subprocess.run(
            [str(self.repo / ".venv" / "bin" / "seedvm"), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=self.repo,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"seedvm {' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def receipt(self) -> Any:
        return json.loads((self.demo / "receipt.json").read_text())

    def report(self) -> Any:
        return json.loads((self.demo / "report.json").read_text())

    def journal(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.state / "journal.jsonl").read_text().splitlines() if line]

    def machine_events(self, machine: str) -> list[dict[str, Any]]:
        """What the rack itself saw a machine do (power, network boot, writes), from its own log."""
        path = self.repo / "build" / "rack" / "demo" / machine / "events.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def answers(self, url: str, timeout: float = 2) -> bool:
        """Whether an HTTP service answers at all, with any status below 500."""
        status = self.inside(
            "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-m", str(timeout), url, timeout=timeout + 5, check=False
        )
        return status.isdigit() and 0 < int(status) < 500


def wait_until(what: str, condition: Callable[[], bool], timeout: float, every: float = 1.0) -> float:
    """Wait for ``condition``; the seconds that it took. Fails by name at the deadline."""
    begin = time.monotonic()
    while not condition():
        if time.monotonic() - begin > timeout:
            raise AssertionError(f"{what}: not within {timeout:.0f} s")
        time.sleep(every)
    return time.monotonic() - begin
