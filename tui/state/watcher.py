"""The state folder as it is now, read only: the journal as it grows, the files beside it, and whether an engine is at work.

It refuses to write, to start anything, and to touch the engine's lock: it looks the lock up in the kernel's list.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from seedvm.base.errors import InvalidFile, SeedvmError
from seedvm.engine.journal import JOURNAL, Tail
from seedvm.engine.lock import engine_pid
from seedvm.engine.reducer import fold
from seedvm.engine.state import State
from seedvm.site import doubts, receipt
from seedvm.site.bundle import NOTE, is_current
from seedvm.site.evidence import fingerprint
from seedvm.site.load import parse_site
from seedvm.site.orders import pending
from seedvm.site.review import Confirmation, Review, parse_confirmed, parse_review
from seedvm.site.secrets_file import load_accounts, load_candidates
from tui.state.acknowledged import FILE as ACKNOWLEDGED
from tui.state.acknowledged import parse_acknowledged
from tui.state.files import Known, ShownReceipt, parse_inventory, parse_receipt
from tui.state.place import Place, places_of

Parsed = TypeVar("Parsed")

_CHUNK_BYTES = 1 << 16
"""Read at a time: so few events are gone again before the garbage collector looks at all that there is, which stops the screen."""


@dataclass(frozen=True)
class View:
    """All that a screen may show: the journal's State, the files beside it, and whether the engine works.

    `lacks` are the pages at which something is missing or wrong before an engine can begin: networks, credentials. `receipt_key` is the
    fingerprint of the key that signs this site's receipt, empty until it is made. `places` is where site.yaml says that machines stand, by
    their BMCs' addresses. `bundle`: none, old or current, as the last one holds the passwords and keys of now; empty while there are none.
    `owned`: the folder is a controller's, and the undercloud owns the site. `acknowledged` are the failures that were read.
    """

    state: State = field(default_factory=State)
    inventory: tuple[Known, ...] = ()
    review: Review | None = None
    receipt: ShownReceipt | None = None
    confirmed: bool = False
    running: bool = False
    has_site: bool = False
    orders: Mapping[str, str] = field(default_factory=dict)
    notice: str = ""
    lacks: tuple[str, ...] = ()
    receipt_key: str = ""
    bundle: str = ""
    places: Mapping[str, Place] = field(default_factory=dict)
    owned: bool = False
    acknowledged: frozenset[tuple[str, str]] = frozenset()


def is_controllers(state_dir: Path) -> bool:
    """Whether this is the folder of a controller that the site was handed over to, and not a seed's."""
    return (state_dir / receipt.MEMBERS_RECORD).exists()


class _File(Generic[Parsed]):
    """A file parsed again only when it has changed; its trouble is shown until it changes."""

    def __init__(
        self, path: Path, parser: Callable[[str], Parsed], nothing: Parsed, *, beside: Sequence[Path] = ()
    ) -> None:
        """`beside` are files that the parser reads as well."""
        self._path, self._parser, self._nothing = path, parser, nothing
        self._beside = beside
        self._seen: tuple[tuple[int, int, int] | None, ...] | None = None
        self.value = nothing
        self.trouble = ""

    def look(self) -> None:
        try:
            seen: tuple[tuple[int, int, int] | None, ...] | None = (
                _mark(self._path.stat()),
                *map(_mark_of, self._beside),
            )
            if seen != self._seen:
                self.value, self.trouble = self._parser(self._path.read_text()), ""
        except FileNotFoundError:
            seen, self.value, self.trouble = None, self._nothing, ""
        except (SeedvmError, UnicodeDecodeError) as error:
            self.value, self.trouble = self._nothing, str(error)
        self._seen = seen


def _mark(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_mtime_ns, status.st_size


def _mark_of(path: Path) -> tuple[int, int, int] | None:
    return _mark(path.stat()) if path.exists() else None


class FolderWatch:
    """Looks at a state folder again and again; `look` gives the view and whether there was something new in the journal."""

    def __init__(self, state_dir: Path) -> None:
        self._dir = state_dir
        self._state = State()
        self._tail = Tail(state_dir / JOURNAL, _CHUNK_BYTES)
        self._inventory = _File[tuple[Known, ...]](state_dir / "inventory.json", parse_inventory, ())
        self._review = _File[Review | None](state_dir / "review.json", parse_review, None)
        self._receipt = _File[ShownReceipt | None](
            state_dir / receipt.FILE,
            self._receipt_of,
            None,
            beside=[
                state_dir / name
                for name in (receipt.PAGE, receipt.KEY, doubts.FILE, "secrets.yaml", "site.yaml", "handoff.json")
            ],
        )
        self._keys = [
            _File[str](state_dir / name, lambda _text: fingerprint(receipt.site_key(state_dir)), "")
            for name in ("secrets.yaml", receipt.KEY)
        ]
        self._bundle = _File[str](
            state_dir / "secrets.yaml", lambda _text: _bundle(state_dir), "", beside=[state_dir / NOTE]
        )
        self._confirmed = _File[Confirmation | None](state_dir / "confirmed.json", parse_confirmed, None)
        self._acknowledged = _File[frozenset[tuple[str, str]]](
            state_dir / ACKNOWLEDGED, parse_acknowledged, frozenset()
        )
        self._places = _File[Mapping[str, Place]](state_dir / "site.yaml", _places, {})
        self._asked = {
            "networks": _File[bool](state_dir / "site.yaml", _is_right, False),
            "credentials": _File[bool](state_dir / "secrets.yaml", lambda _text: self._has_accounts(), False),
        }

    def look(self) -> tuple[View, bool]:
        """The folder as it is now. May take seconds when a long journal is read for the first time: call it in a thread."""
        fresh = False
        while not (batch := self._tail.read()).empty:
            self._state = fold(State() if batch.from_start else self._state, batch.entries, batch.damaged)
            fresh = fresh or bool(batch.entries)
        files: tuple[_File[Any], ...] = (
            self._inventory,
            self._review,
            self._receipt,
            self._confirmed,
            self._acknowledged,
        )
        for file in (*files, self._bundle, self._places, *self._keys, *self._asked.values()):
            file.look()
        review, confirmed = self._review.value, self._confirmed.value
        owned = self._receipt.value is not None and self._receipt.value.may_leave and is_controllers(self._dir)
        view = View(
            state=self._state.handed_over() if owned else self._state,
            inventory=self._inventory.value,
            review=review,
            receipt=self._receipt.value,
            confirmed=review is not None and confirmed is not None and confirmed.covers(review),
            running=engine_pid(self._dir) is not None,
            has_site=(self._dir / "site.yaml").exists(),
            orders=self._orders(),
            notice="; ".join(file.trouble for file in files if file.trouble),
            lacks=tuple(page for page, file in self._asked.items() if not file.value),
            bundle=self._bundle.value,
            owned=owned,
            receipt_key=next((file.value for file in self._keys if file.value), ""),
            places=self._places.value,
            acknowledged=self._acknowledged.value,
        )
        return view, fresh

    def _has_accounts(self) -> bool:
        path = self._dir / "secrets.yaml"
        return bool(load_candidates(path) or load_accounts(path))

    def _orders(self) -> dict[str, str]:
        try:
            return {order.node: str(order) for order in pending(self._dir, self._state.site)}
        except SeedvmError as error:
            return {"": str(error)}

    def _receipt_of(self, text: str) -> ShownReceipt:
        page = self._dir / receipt.PAGE
        doubt = receipt.doubt_here(text, self._dir, self._site_name())
        shown = page.read_text() if page.exists() else ""
        return parse_receipt(text, shown, doubt=doubt, words=doubts.accepted(self._dir))

    def _site_name(self) -> str:
        try:
            return parse_site((self._dir / "site.yaml").read_text()).name
        except (OSError, InvalidFile):
            return self._state.site


def _places(site: str) -> Mapping[str, Place]:
    try:
        return places_of(parse_site(site))
    except InvalidFile:  # the page about it says what is wrong
        return {}


def _is_right(site: str) -> bool:
    try:
        parse_site(site)
    except InvalidFile:  # the page about it says what is wrong
        return False
    return True


def _bundle(state_dir: Path) -> str:
    """How the last bundle stands to the keys and passwords of now."""
    if not receipt.site_key(state_dir):
        return ""
    return {None: "none", False: "old", True: "current"}[is_current(state_dir)]
