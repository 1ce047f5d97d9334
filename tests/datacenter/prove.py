"""The visitor's hour: finds every BMC of the datacenter and proves its password, by the same steps as the engine.

`python -m tests.datacenter.prove FOLDER` runs discover and credentials with `population.CANDIDATES`, then looks again as a later run
would, and writes FOLDER/proved.json: {address: {user, driver, why}}, seconds of each step, and the memory it took.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from seedvm import inventory
from seedvm.secret import Candidate, Secret, ensure_generated, store_candidates
from seedvm.site import AddressRange, Site, parse_site
from seedvm.step import JSON, Context, Step
from seedvm.steps.credentials import CredentialsStep
from seedvm.steps.discover import DiscoverStep
from tests.conftest import SITE_TEXT
from tests.datacenter.population import CANDIDATES, RANGE


class Quiet:
    """A Report to which nobody listens."""

    def log(self, message: str, *, node: str | None = None) -> None: ...

    def progress(self, done: float, total: float, unit: str = "") -> None: ...

    def node(self, node: str, phase: str, *, percent: float | None = None, detail: str = "") -> None: ...

    def fact(self, name: str, value: JSON) -> None: ...

    def confirmed(self, wipe: Sequence[Mapping[str, JSON]]) -> None: ...

    def phase(self, phase: str, state: str, detail: str = "") -> None: ...


def site() -> Site:
    known = parse_site(SITE_TEXT)
    return replace(known, bmc=replace(known.bmc, ranges=(AddressRange.parse(RANGE),)), machines=())


async def visit(folder: Path) -> dict[str, object]:
    """Both steps as the engine takes them: check, apply, check."""
    file = folder / "secrets.yaml"
    store_candidates(file, tuple(Candidate(user, Secret(password)) for user, password in CANDIDATES))
    context = Context(site(), ensure_generated(file), folder, folder)
    seconds = {}
    steps: tuple[Step, ...] = (DiscoverStep(context), CredentialsStep(context))
    for step in steps:
        for name, work in (
            ("check", step.check),
            ("apply", lambda step=step: step.apply(Quiet())),
            ("again", step.check),
        ):
            started = time.monotonic()
            await work()
            seconds[f"{step.name} {name}"] = round(time.monotonic() - started, 1)
    machines = inventory.load(folder).machines
    rows = {one.bmc: {"user": one.proven_user, "driver": one.driver, "why": one.unfit_reason or ""} for one in machines}
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"machines": rows, "seconds": seconds, "rss_mib": rss}


def main() -> None:
    folder = Path(sys.argv[1])
    said = asyncio.run(visit(folder))
    (folder / "proved.json").write_text(json.dumps(said))


if __name__ == "__main__":
    main()
