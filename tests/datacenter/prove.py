"""The visitor's hour: finds every BMC of the datacenter and proves its password, by the same steps as the engine.

`python -m tests.datacenter.prove FOLDER [RANGE...]` runs discover and credentials with `population.CANDIDATES`, then looks at the
accounts again as a later run would. FOLDER/proved.json: a `row` for each address, seconds of each step and when it began,
memory.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from seedvm.base.json_tree import JSON
from seedvm.base.secret import Secret
from seedvm.engine.step import Context
from seedvm.machines import inventory
from seedvm.machines.inventory import KnownMachine
from seedvm.site.accounts import Candidate
from seedvm.site.load import parse_site
from seedvm.site.model import AddressRange, Site
from seedvm.site.secrets_file import ensure_generated, store_candidates
from seedvm.steps.credentials import CredentialsStep
from seedvm.steps.discover import DiscoverStep
from tests.conftest import SITE_TEXT
from tests.datacenter.measured import peak_mib
from tests.datacenter.population import CANDIDATES, RANGE


class Quiet:
    """A Report to which nobody listens."""

    def log(self, message: str, *, node: str | None = None) -> None: ...

    def progress(self, done: float, total: float, unit: str = "") -> None: ...

    def node(self, node: str, phase: str, *, percent: float | None = None, detail: str = "") -> None: ...

    def fact(self, name: str, value: JSON) -> None: ...

    def confirmed(self, wipe: Sequence[Mapping[str, JSON]]) -> None: ...

    def phase(self, phase: str, state: str, detail: str = "") -> None: ...


def site(ranges: Sequence[str]) -> Site:
    known = parse_site(SITE_TEXT)
    return replace(known, bmc=replace(known.bmc, ranges=tuple(AddressRange.parse(one) for one in ranges)), machines=())


async def visit(folder: Path, ranges: Sequence[str]) -> dict[str, object]:
    """Both steps as the engine takes them, and the second one's check."""
    file = folder / "secrets.yaml"
    store_candidates(file, tuple(Candidate(user, Secret(password)) for user, password in CANDIDATES))
    context = Context(site(ranges), ensure_generated(file), folder, folder)
    seconds, began = {}, {}
    discover, credentials = DiscoverStep(context), CredentialsStep(context)
    for name, work in (
        ("discover", lambda: discover.apply(Quiet())),
        ("credentials", lambda: credentials.apply(Quiet())),
        ("again", credentials.check),
    ):
        began[name] = started = time.monotonic()
        await work()
        seconds[name] = round(time.monotonic() - started, 1)
    machines = inventory.load(folder).machines
    return {
        "machines": {one.bmc: row(one) for one in machines},
        "seconds": seconds,
        "began": began,
        "rss_mib": peak_mib(),
    }


def row(machine: KnownMachine) -> dict[str, object]:
    """What a test judges of one machine."""
    return {
        "user": machine.proven_user,
        "driver": machine.driver,
        "why": machine.unfit_reason or "",
        "cure": machine.cure or "",
        "found": [f"{one.name}: {one.detail}" for one in machine.findings],
        "boot_mac": machine.boot_mac,
        "uuid": machine.uuid,
        "serial": machine.serial,
        "power": machine.power,
    }


def main() -> None:
    folder = Path(sys.argv[1])
    said = asyncio.run(visit(folder, sys.argv[2:] or [RANGE]))
    (folder / "proved.json").write_text(json.dumps(said))


if __name__ == "__main__":
    main()
