"""What tests of the steps share: a report that keeps what it hears, check-apply-check, a state folder, the wire of a small rack."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seedvm.base import process
from seedvm.base.json_tree import JSON
from seedvm.base.secret import Secret
from seedvm.engine.step import Context, Done, Step, Todo
from seedvm.site.accounts import Candidate
from seedvm.site.model import Site
from seedvm.site.secrets_file import ensure_generated, store_candidates
from tests.contract.bmc.bmcs import GUID

MAC = "52:54:00:aa:00:22"
PASSWORD = "horse-42"
ROOT = Path(__file__).parents[3]


@dataclass
class Notes:
    """A Report that keeps what it hears."""

    lines: list[str] = field(default_factory=list)

    def log(self, message: str, *, node: str | None = None) -> None:
        self.lines.append(f"{node}: {message}")

    def progress(self, done: float, total: float, unit: str = "") -> None:
        self.lines.append(f"{done}/{total} {unit}")

    def node(self, node: str, phase: str, *, percent: float | None = None, detail: str = "") -> None:
        self.lines.append(f"{node} {phase} {detail}")

    def fact(self, name: str, value: JSON) -> None:
        self.lines.append(f"{name}={value}")

    def confirmed(self, wipe: Sequence[Mapping[str, JSON]]) -> None:
        self.lines.append(f"confirmed {wipe}")

    def resource(self, resource: str, kind: str, status: str, reason: str = "") -> None:
        raise AssertionError("no stack here")

    def phase(self, phase: str, state: str, detail: str = "") -> None:
        self.lines.append(f"{phase} {state}")


def context(state_dir: Path, site: Site, passwords: Mapping[str, str]) -> Context:
    file = state_dir / "secrets.yaml"
    store_candidates(file, tuple(Candidate(user, Secret(password)) for user, password in passwords.items()))
    return Context(site, ensure_generated(file), state_dir, state_dir)


def wire() -> None:
    """The provisioning wire: eth0 is the seed's end, far0 the machines'."""
    process.run(["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "far0"], timeout=60)
    for name in ("eth0", "far0"):
        process.run(["ip", "link", "set", name, "up"], timeout=60)


def firmware(guid: str = GUID) -> str:
    """A shell command that asks for an address on the wire, as a machine does at power on."""
    return (
        f"PYTHONPATH={ROOT} {sys.executable} {ROOT}/tests/contract/dhcp_request.py far0 {MAC} {guid} >/dev/null 2>&1 &"
    )


async def bring_about(step: Step, report: Notes) -> Done:
    """Check, apply, check, as the engine does."""
    if isinstance(verdict := await step.check(), Done):
        return verdict
    assert isinstance(verdict, Todo), verdict
    await step.apply(report)
    verdict = await step.check()
    assert isinstance(verdict, Done), verdict
    return verdict
