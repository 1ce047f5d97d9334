"""`seedvm top`: keys pressed, what stands on it at each size, and the same facts and orders as plain lines."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from seedvm.monitor.verdict import verdict
from seedvm.monitor.words import page
from tests.tui.helpers import THEMES, UNICODE, Script, grid, same_as_stored
from tests.tui.undercloud import Told, healthy, large, one_down
from tui.top import TopApp
from tui.top_lines import TopTalk


async def shown(pilot: Pilot[None], *words: str) -> None:
    """Until all of this stands on the screen."""
    async with asyncio.timeout(60):
        while not all(word in grid(pilot.app) for word in words):
            await pilot.pause(0.02)


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (160, 45)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("theme", THEMES)
async def test_the_page_looks_as_it_did(size: tuple[int, int], theme: str) -> None:
    app = TopApp(Told(one_down()), THEMES[theme])
    async with app.run_test(size=size) as pilot:
        await shown(pilot, "does not answer, since 09:00:40 (12 min)")
        await same_as_stored(pilot, f"top-{size[0]}x{size[1]}-{theme}", "states")


async def test_a_healthy_undercloud_says_what_may_fail_and_who_holds_the_vip() -> None:
    seen = healthy()
    well = replace(seen, cloud=replace(seen.cloud, machines=seen.cloud.machines[1:5]))
    async with TopApp(Told(well), UNICODE).run_test(size=(80, 24)) as pilot:
        await shown(pilot, "ALL WELL", "3 of 3 nodes: one may fail", "VIP on undercloud-0")


async def test_enter_shows_all_of_a_machine_and_what_to_do_also_where_the_page_has_no_room() -> None:
    async with TopApp(Told(healthy()), UNICODE).run_test(size=(80, 24)) as pilot:
        await shown(pilot, "demo-1-21")
        await pilot.press("enter")
        await shown(pilot, "what to do", "1. look at its power leads", "maintenance unset")
        await pilot.press("escape", "down", "enter")
        await shown(pilot, "demo-undercloud-1", "172.22.1.22")


async def test_a_search_keeps_machines_and_events_that_hold_it_and_escape_ends_it() -> None:
    async with TopApp(Told(one_down()), UNICODE).run_test(size=(160, 45)) as pilot:
        await shown(pilot, "demo-1-27")
        await pilot.press("slash", *"undercloud-2", "enter")
        await shown(pilot, "events with 'undercloud-2'")
        assert "demo-1-27" not in grid(pilot.app) and "holds the VIP" not in grid(pilot.app)
        await pilot.press("escape")
        await shown(pilot, "demo-1-27", "holds the VIP now")


async def test_nothing_is_ordered_until_the_sites_name_is_typed_and_never_of_a_controller() -> None:
    feed = Told(healthy())
    async with TopApp(feed, UNICODE).run_test(size=(100, 30)) as pilot:
        await shown(pilot, "read-only", "demo-1-21")
        await pilot.press("r")
        await shown(pilot, "read-only: press ! and type the site's name")
        await pilot.press("exclamation_mark", *"dem", "enter")
        await shown(pilot, "not unlocked")
        await pilot.press("exclamation_mark", *"demo", "enter")
        await shown(pilot, "orders unlocked")
        await pilot.press("down", "p")
        await shown(pilot, "controllers are not switched from here")
        await pilot.press("up", "r")
        await shown(pilot, "asked")
        assert feed.orders == [("--retry", healthy().cloud.machines[0].id, "--yes", "demo")]
        await pilot.press("exclamation_mark", "r")
        await shown(pilot, "read-only: press !")
        assert len(feed.orders) == 1


async def test_power_is_switched_only_by_the_typed_name_of_the_machine() -> None:
    feed = Told(healthy(), refuses="Ironic has the node locked")
    async with TopApp(feed, UNICODE).run_test(size=(100, 30)) as pilot:
        await shown(pilot, "demo-1-27")
        await pilot.press("exclamation_mark", *"demo", "enter", "end", "p", *"demo-1-26", "enter")
        await shown(pilot, "nothing was switched")
        assert not feed.orders
        await pilot.press("p", *"demo-1-27", "enter")
        await shown(pilot, "Ironic has the node locked")
        assert feed.orders[0][0] == "--power-on"


async def test_what_is_old_says_so_and_what_comes_again_is_new() -> None:
    feed = Told("the collector ended with exit code 1")
    async with TopApp(feed, UNICODE).run_test(size=(80, 24)) as pilot:
        await shown(pilot, "the collector ended")
        feed.waiting.put_nowait(healthy())
        await shown(pilot, "undercloud-1")
        feed.waiting.put_nowait("no route")
        await shown(pilot, "NOT UP TO DATE since 09:12:40", "no route", "undercloud-1")
        feed.waiting.put_nowait(one_down())
        await shown(pilot, "does not answer")
        assert "NOT UP TO DATE" not in grid(pilot.app)


async def test_help_plain_and_tenants_are_a_key_away() -> None:
    async with TopApp(Told(healthy()), UNICODE).run_test(size=(80, 24)) as pilot:
        await shown(pilot, "●")
        await pilot.press("v")
        await shown(pilot, "tenants", "overcloud", "nothing yet")
        await pilot.press("f1")
        await shown(pilot, "Read-only until unlocked")
        await pilot.press("escape", "f4")
        await shown(pilot, "* undercloud-0")
        assert grid(pilot.app).isascii()


async def test_a_thousand_machines_move_by_keys() -> None:
    async with TopApp(Told(large()), UNICODE).run_test(size=(160, 45)) as pilot:
        await shown(pilot, "1000 free")
        await pilot.press("end")
        await shown(pilot, "demo-3-249")


class Slow(Script):
    """A desk that answers once the page has been said, so that each answer is to something."""

    async def ask(self, question: str, *, hidden: bool = False) -> str | None:
        while "quit: leave" not in self.text:
            await asyncio.sleep(0)
        return await super().ask(question, hidden=hidden)


async def test_line_mode_has_every_fact_and_every_order() -> None:
    feed = Told(one_down())
    desk = Slow(
        "?",
        "machine 1-21",
        "retry 1-21",
        "unlock x",
        "unlock demo",
        "retry demo-1-21",
        "power-on 1-27",
        "fly 1-27",
        "quit",
    )
    assert await TopTalk(feed, desk).run() == 1
    for line in page(one_down(), verdict(one_down()), 80):
        assert line in desk.said
    assert "power-off NAME" in desk.text and "1. look at its power leads" in desk.text
    assert "read-only: type unlock demo first" in desk.said and "not unlocked: type unlock demo" in desk.said
    assert [one[0] for one in feed.orders] == ["--retry", "--power-on"]
    assert desk.text.isascii()


async def test_line_mode_tells_each_change_once() -> None:
    feed, desk = Told(healthy()), Slow()
    talk = asyncio.create_task(TopTalk(feed, Waits(desk)).run())
    await desk_says(desk, "quit: leave")
    before = len(desk.said)
    feed.waiting.put_nowait(healthy())
    feed.waiting.put_nowait(one_down())
    await desk_says(desk, "7 services down")
    assert sum("7 services down" in one for one in desk.said[before:]) == 1
    assert any("does not answer: No route to host" in one for one in desk.said[before:])
    assert not any("holds the VIP now" in one for one in desk.said[before:])
    talk.cancel()


class Waits:
    """A desk at which nobody types."""

    def __init__(self, desk: Script) -> None:
        self.say: Any = desk.say

    async def ask(self, question: str, *, hidden: bool = False) -> str | None:
        await asyncio.Event().wait()
        return None


async def desk_says(desk: Script, text: str) -> None:
    async with asyncio.timeout(60):
        while text not in desk.text:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("seen", [healthy(), one_down()], ids=["healthy", "one-down"])
@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_no_state_is_told_by_colour_alone_and_no_line_is_wider_than_the_page(seen: Any, width: int) -> None:
    lines = page(seen, verdict(seen), width)
    assert all(line.isascii() for line in lines)
    if width >= 80:
        assert all(len(line) <= width for line in lines)
    assert any(line.startswith(" X demo-1-21") for line in lines) and any(
        line.startswith(" * demo-1-22") for line in lines
    )
