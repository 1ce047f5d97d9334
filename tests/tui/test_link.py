"""The state folder as the screen sees it, with real files, real locks and a real engine process."""

from __future__ import annotations

import fcntl
import gc
import os
from pathlib import Path

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_atomic
from seedvm.engine.journal import Tail
from seedvm.engine.lock import engine_pid
from tests.tui.helpers import BROKEN, EXAMPLE, UNICODE, first, journal_line, state_dir
from tui.app import WizardApp
from tui.backend.engine import EngineClient


def test_tail_reads_what_is_new_and_leaves_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    tail = Tail(path)
    assert tail.read().empty
    whole, torn = journal_line(1, "log", message="a") + "\n", journal_line(2, "log", message="b")
    path.write_text(whole + torn[:20])
    assert [entry.seq for entry in tail.read().entries] == [1]
    assert tail.read().empty
    path.write_text(whole + torn + "\n")
    assert [entry.seq for entry in tail.read().entries] == [2]


def test_tail_begins_anew_when_the_journal_was_replaced(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    write_atomic(path, journal_line(1, "log", message="a") + "\n")
    tail = Tail(path)
    tail.read()
    write_atomic(path, journal_line(7, "log", message="b") + "\n")
    batch = tail.read()
    assert batch.from_start and [entry.seq for entry in batch.entries] == [7]


async def test_a_view_holds_journal_review_and_receipt(tmp_path: Path) -> None:
    view = await first(EngineClient(state_dir(tmp_path, review=True, receipt=True)))
    assert view.state.all_done and view.review is not None and view.receipt is not None and view.receipt.may_leave
    assert not view.running and not view.confirmed


async def test_a_broken_review_is_told_and_not_shown(tmp_path: Path) -> None:
    (state_dir(tmp_path) / "review.json").write_text("{")
    view = await first(EngineClient(tmp_path))
    assert view.review is None and "review.json cannot be read" in view.notice


async def test_whoever_holds_the_lock_is_the_engine(tmp_path: Path) -> None:
    state_dir(tmp_path, review=True)
    assert engine_pid(tmp_path) is None
    descriptor = os.open(tmp_path / "engine.lock", os.O_RDWR | os.O_CREAT)
    assert engine_pid(tmp_path) is None
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert engine_pid(tmp_path) is not None
    os.close(descriptor)
    assert engine_pid(tmp_path) is None


async def test_confirming_writes_exactly_what_was_shown(tmp_path: Path) -> None:
    link = EngineClient(state_dir(tmp_path, review=True))
    descriptor = os.open(tmp_path / "engine.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)  # an engine is at work: none is started
    link.view = await first(link)
    with pytest.raises(SeedvmError):
        await link.confirm("wrong")
    assert not (tmp_path / "confirmed.json").exists()
    await link.confirm("example")
    assert (await first(link)).confirmed
    os.close(descriptor)


async def test_an_engine_that_cannot_begin_says_why(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text(BROKEN)
    link = EngineClient(tmp_path)
    with pytest.raises(SeedvmError, match="did not start") as raised:
        await link.start_engine()
    assert "site.yaml" in raised.value.why
    async for view in link.follow():
        if view.notice:
            assert "site.yaml" in view.notice
            return


async def test_a_site_file_is_taken_once(tmp_path: Path) -> None:
    given = tmp_path / "given.yaml"
    given.write_text("site: a\n")
    link = EngineClient(tmp_path / "state")
    link.adopt_site(given)
    link.adopt_site(given)
    given.write_text("site: b\n")
    with pytest.raises(SeedvmError):
        link.adopt_site(given)


async def test_a_journal_with_100000_events_is_open_at_the_first_look(tmp_path: Path) -> None:
    plan = [{"name": "deploy", "title": "Deploy", "stretch": "deploy", "usual_seconds": 60.0}]
    lines = [journal_line(1, "run-started", steps=plan)]
    lines += [journal_line(n, "node", "deploy", node=f"node-{n % 1000}", phase="write", percent=n / 1000.0, detail="x")
              for n in range(2, 100_001)]  # fmt: skip
    (tmp_path / "journal.jsonl").write_text("\n".join(lines) + "\n")
    view = await first(EngineClient(tmp_path))
    assert len(view.state.nodes) == 1000 and view.state.events == 100_000


def test_the_example_is_whole() -> None:
    assert {path.name for path in EXAMPLE.iterdir()} == {
        "journal.jsonl",
        "review.json",
        "receipt.json",
        "receipt.pub",
        "inventory.json",
    }


async def test_the_garbage_collector_leaves_out_what_was_imported(tmp_path: Path) -> None:
    async with WizardApp(EngineClient(tmp_path), UNICODE).run_test():
        assert gc.get_freeze_count() > 20_000, "it would stop the screen for 0.1 s to look at them"
        assert gc.get_threshold()[0] >= 10_000
