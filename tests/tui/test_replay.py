"""Recordings on the real pages: the real one of the demo and the example."""

from __future__ import annotations

import asyncio
import inspect
import sys
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from tests.tui.helpers import CONSOLE, EXAMPLE, grid, until
from tui.app import PAGES, WizardApp
from tui.backend.engine import EngineClient
from tui.backend.replay import Replay
from tui.screenshots import RECORDINGS, picture, writing
from tui.text.progress import light

THERE = [path for path in (*RECORDINGS, EXAMPLE / "journal.jsonl") if path.exists()]


@pytest.mark.parametrize("journal", THERE, ids=lambda path: path.parent.name)
async def test_a_recording_ends_on_every_page_with_the_light_on(journal: Path) -> None:
    app = WizardApp(Replay(journal, 0), CONSOLE, replaying=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.view.state.all_done, "the end of the recording")
        for page in PAGES:
            app.go(page)
            await until(pilot, lambda page=page: PAGES[page].NAME in grid(app).splitlines()[0], page)
            assert grid(app).isascii()
        await until(pilot, lambda: "SAFE TO LEAVE: YES" in grid(app), "the light")


@pytest.mark.parametrize("journal", THERE, ids=lambda path: path.parent.name)
async def test_the_light_is_off_all_the_way_to_the_receipt(journal: Path) -> None:
    seen = []
    replay = Replay(journal, 600.0)
    async for view in replay.follow():
        seen.append(light(view.state, view.receipt)[0])
    assert seen[-1] and not any(seen[:-1])


@pytest.mark.parametrize("journal", THERE, ids=lambda path: path.parent.name)
async def test_the_review_is_there_when_the_recorded_engine_had_written_it(journal: Path) -> None:
    seen = [view async for view in Replay(journal, 300.0).follow()]
    reviewed = [view.review is not None for view in seen]
    assert not reviewed[0] and reviewed[-1] and seen[-1].confirmed
    assert sorted(reviewed) == reviewed  # once it is there it stays


_READS = {"follow", "site_values", "wrong", "listen_nics", "roles", "scan_cost", "candidates"}
_ANSWERS = {"seed_checks", "overhear"}
"""What a recording answers for itself, without a look at this machine."""


async def test_a_recording_starts_writes_orders_and_hears_nothing() -> None:
    replay = Replay(EXAMPLE / "journal.jsonl", 0)
    public = {name for name, one in vars(EngineClient).items() if not name.startswith("_") and inspect.isfunction(one)}
    deeds = public - _READS - _ANSWERS - {"adopt_site"}
    assert len(deeds) >= 10
    for name in deeds:
        deed = getattr(replay, name)
        given = [None] * len(inspect.signature(deed).parameters)
        with pytest.raises(SeedvmError, match="this is a recording"):
            await deed(*given)
    assert [look.name for look in await replay.seed_checks()] == ["recording"]
    values, nics = await replay.site_values()
    assert not nics and values


async def test_a_recording_shows_its_own_machines_site_and_whole_receipt() -> None:
    app = WizardApp(Replay(RECORDINGS[0], 0), CONSOLE, replaying=True)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.view.state.all_done, "the end of the recording")
        app.go("discovery")
        await until(pilot, lambda: "F5 scans 7 addresses" in grid(app) and "account admin" in grid(app), "its BMCs")
        app.go("receipt")
        await pilot.resize_terminal(80, 70)  # below the list of what is to be done
        await until(pilot, lambda: "RECEIPT of site demo" in grid(app), "its page")
        page = RECORDINGS[0].with_name("receipt.txt").read_text()
        assert "demo-undercloud-2 (172.22.0.13)" in page and "demo-undercloud-2 (172.22.0.13)" in grid(app)
        await pilot.resize_terminal(80, 24)
        app.go("handoff")
        await until(pilot, lambda: " x JOIN        0:00  one database" in grid(app), "who had joined by itself")
        assert "not yet" not in grid(app)


async def test_an_empty_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SeedvmError):
        await asyncio.to_thread(Replay, tmp_path / "journal.jsonl")


async def test_a_picture_is_made_of_the_real_page() -> None:
    svg = await picture(EXAMPLE / "journal.jsonl", "progress", writing(EXAMPLE / "journal.jsonl"))
    assert svg.lstrip().startswith("<svg") and "Deploy" in svg


def test_replay_is_a_command_of_its_own(tmp_path: Path) -> None:
    def replayed(journal: Path) -> process.Completed:
        words = ["replay", str(journal), "--speed", "0", "--plain"]
        return process.run(
            process.Command([sys.executable, "-m", "seedvm", *words], cwd=Path(__file__).parents[2]),
            timeout=120,
            check=False,
        )

    played = replayed(EXAMPLE / "journal.jsonl")
    assert played.returncode == 0 and "SAFE TO LEAVE: YES" in played.stdout
    refused = replayed(tmp_path / "journal.jsonl")
    assert refused.returncode == 2 and "cannot be replayed" in refused.stderr
