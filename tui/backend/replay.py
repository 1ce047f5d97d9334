"""A recorded journal played on the real pages: the same view, fed by a clock instead of a file that grows.

It starts nothing and writes nothing: confirming and retrying are refused with the reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.engine.journal import read
from seedvm.engine.reducer import fold
from seedvm.engine.state import MachineFailure, State
from seedvm.scan.evidence import Bmc
from seedvm.scan.listen import Neighbour
from seedvm.scan.run import ScanEnd
from seedvm.site import receipt
from seedvm.site.accounts import Candidate
from seedvm.site.doubts import Doubt
from seedvm.site.load import load_site
from seedvm.site.orders import Order
from seedvm.site.review import parse_review
from tui.backend.engine import EngineClient
from tui.backend.seed_checks import Look
from tui.state.files import Known, parse_inventory, parse_receipt
from tui.state.place import places_of
from tui.state.watcher import View

_FRAME_SECONDS = 0.1
_REFUSED = "this is a recording: nothing is started or written"


class Replay(EngineClient):
    """A link to a recording; `speed` is how many seconds of it pass in one, 0 shows its end at once, `upto` how many events."""

    def __init__(self, journal: Path, speed: float = 1.0, upto: int | None = None) -> None:
        super().__init__(journal.parent, sys_net=journal.with_name("no-nic-of-this-machine"))
        self._events = read(journal)[:upto]
        if not self._events:
            raise SeedvmError(
                f"{journal} cannot be replayed", why="it contains no events", hint="use a journal.jsonl file"
            )
        self._speed = speed
        self._reviewed = False
        review, written = journal.with_name("review.json"), journal.with_name(receipt.FILE)
        self._found_review = parse_review(review.read_text()) if review.exists() else None
        text = written.read_text() if written.exists() else ""
        page = journal.with_name(receipt.PAGE).read_text() if journal.with_name(receipt.PAGE).exists() else ""
        self._found_receipt = parse_receipt(text, page, doubt=self._doubt(journal, text)) if text else None
        inventory = journal.with_name("inventory.json")
        self._found_machines = parse_inventory(inventory.read_text()) if inventory.exists() else ()
        site = journal.with_name("site.yaml")
        self._has_site = site.exists()
        self._places = places_of(load_site(site)) if site.exists() else {}

    async def follow(self) -> AsyncIterator[View]:
        """Views in the recording's own time, divided by the speed."""
        clock = self._events[0].time.timestamp()
        state, at = State(), 0
        while at < len(self._events):
            clock += _FRAME_SECONDS * self._speed
            upto = self._reached(at, clock) if self._speed else len(self._events)
            if upto > at:
                state = fold(state, self._events[at:upto])
                at = upto
                self.view = self._seen(state)
                yield self.view
            await asyncio.sleep(_FRAME_SECONDS)

    def _doubt(self, journal: Path, text: str) -> str:
        return receipt.doubt(text, key=receipt.site_key(journal.parent), site=self._events[0].site)

    def _reached(self, at: int, clock: float) -> int:
        while at < len(self._events) and self._events[at].time.timestamp() <= clock:
            at += 1
        return at

    def _seen(self, state: State) -> View:
        # Review and receipt are there once the recorded engine had written them; who confirmed on a screen left no event.
        step = state.step("review")
        self._reviewed = self._reviewed or (step is not None and step.state in ("blocked", "done"))
        confirmed = state.confirmed is not None or (step is not None and step.state == "done")
        return View(
            state=state,
            inventory=self._machines(state),
            review=self._found_review if self._reviewed else None,
            receipt=self._found_receipt if state.all_done else None,
            confirmed=confirmed,
            running=not state.verdict,
            has_site=self._has_site,
            places=self._places,
        )

    def _machines(self, state: State) -> tuple[Known, ...]:
        """The inventory as it had to be then: nothing before the discovery, no account before one was proved."""
        found, proved = (_is_done(state, name) for name in ("discover", "credentials"))
        if not found or proved:
            return self._found_machines if found else ()
        return tuple(replace(one, user="", unfit="", cure="", findings=()) for one in self._found_machines)

    async def start_engine(self) -> None:
        """Refused."""
        raise SeedvmError("Engine not started", why=_REFUSED)

    async def seed_checks(self) -> tuple[Look, ...]:
        """Nothing of this machine: it is not the seed that was recorded."""
        return (Look("recording", "a replay does not check this machine; the recorded engine's results are below"),)

    async def overhear(self, tell: Callable[[str, str], None]) -> None:
        """Listens to no NIC."""

    async def blink(self, bmc: str) -> None:
        """Refused."""
        raise SeedvmError("The light does not blink", why=_REFUSED)

    async def order(self, order: Order) -> None:
        """Refused."""
        raise SeedvmError("Not requested", why=_REFUSED)

    async def acknowledge(self, failures: Sequence[MachineFailure]) -> None:
        """Refused."""
        raise SeedvmError("Not acknowledged", why=_REFUSED)

    async def may_drop(self, node: str) -> None:
        """Refused."""
        raise SeedvmError("Not dropped", why=_REFUSED)

    async def drop(self, node: str, typed: str) -> None:
        """Refused."""
        raise SeedvmError("Not dropped", why=_REFUSED)

    async def accept(self, typed: str) -> tuple[Doubt, ...]:
        """Refused."""
        raise SeedvmError("Not accepted", why=_REFUSED)

    async def undo(self, typed: str) -> str:
        """Refused."""
        raise SeedvmError("Not undone", why=_REFUSED)

    async def confirm(self, typed: str) -> None:
        """Refused."""
        raise SeedvmError("Not confirmed", why=_REFUSED)

    async def save_site(self, file: str, passphrase: Secret, again: Secret) -> str:
        """Refused."""
        raise SeedvmError("Not saved", why=_REFUSED)

    async def recovery_key(self) -> str:
        """Refused: a journal holds no key."""
        raise SeedvmError("there is no recovery key to show", why=_REFUSED)

    async def bundle(self) -> Path:
        """Refused."""
        raise SeedvmError("Support bundle not written", why=_REFUSED)

    async def write_site(self, values: Mapping[str, str]) -> None:
        """Refused."""
        raise SeedvmError("Site not saved", why=_REFUSED)

    async def write_roles(self, roles: Mapping[str, str]) -> None:
        """Refused."""
        raise SeedvmError("Role not saved", why=_REFUSED)

    async def write_place(self, bmc: str, typed: str) -> None:
        """Refused."""
        raise SeedvmError("Not saved", why=_REFUSED)

    async def store_candidates(self, candidates: tuple[Candidate, ...]) -> None:
        """Refused."""
        raise SeedvmError("Account not saved", why=_REFUSED)

    async def scan(self, on_found: Callable[[Bmc], None]) -> ScanEnd:
        """Refused."""
        raise SeedvmError("Scan not started", why=_REFUSED)

    async def listen(self, names: Sequence[str], on_heard: Callable[[str, Neighbour], None], seconds: float) -> None:
        """Refused."""
        raise SeedvmError("Listening not started", why=_REFUSED)


def _is_done(state: State, name: str) -> bool:
    step = state.step(name)
    return step is not None and step.state == "done"
