"""`python -m tui.screenshots`: the README's pictures, made from a recorded journal on the real pages.

Takes the recording of the demo where there is one, else the example. It draws nothing by hand.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from seedvm.base.first import first
from seedvm.engine.events import NodeReached
from seedvm.engine.journal import read
from tui.app import WizardApp
from tui.backend.replay import Replay

ROOT = Path(__file__).parent.parent
RECORDINGS = (ROOT / "tests/recorded/demo/journal.jsonl", ROOT / "tests/recorded/example/journal.jsonl")
SIZE = (110, 32)
_ENV = {"TERM": "xterm-256color", "LANG": "C.UTF-8"}


def writing(journal: Path) -> int:
    """How many events there are up to the middle of the images being written: the moment worth a picture."""
    entries = read(journal)
    writes = [
        n for n, entry in enumerate(entries, 1) if isinstance(entry.event, NodeReached) and entry.event.phase == "write"
    ]
    return writes[len(writes) * 6 // 10] if writes else len(entries) * 6 // 10


async def picture(journal: Path, page: str, upto: int | None) -> str:
    """One page of the wizard as SVG."""
    app = WizardApp(Replay(journal, 0, upto), _ENV, replaying=True)
    async with app.run_test(size=SIZE) as pilot:
        while not app.view.state.events:
            await pilot.pause(0.05)
        app.go(page)
        await pilot.pause(0.5)
        return app.export_screenshot(title="seedvm wizard", simplify=True)


def main() -> int:
    """Write docs/img/*.svg; 0 when done."""
    journal = first(
        (path for path in RECORDINGS if path.exists()), "no recording of the demo was found", hint="make demo"
    )
    folder = ROOT / "docs/img"
    folder.mkdir(parents=True, exist_ok=True)
    for name, page, upto in (("wizard", "progress", writing(journal)), ("handoff", "handoff", None)):
        svg = asyncio.run(picture(journal, page, upto))
        (folder / f"{name}.svg").write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n")
        sys.stdout.write(f"docs/img/{name}.svg from {journal.relative_to(ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
