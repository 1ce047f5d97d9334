"""What a page says is true and does not stay: a scan that found nothing gives its reason, a refused name is gone, a refusal ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from seedvm.base.nics import SystemNic
from seedvm.scan.evidence import Bmc
from seedvm.scan.run import ScanEnd
from tests.tui.helpers import BROKEN, cable, grid, loaded, name, state_dir, until, wizard
from tui.backend.engine import EngineClient
from tui.text.discovery import none_found


class EmptyWire(EngineClient):
    """A wire on which no BMC is: the scan's own end, without its packets on this host's network."""

    async def scan(self, on_found: Callable[[Bmc], None]) -> ScanEnd:
        return ScanEnd((), 35, 1.2, True)


async def test_no_bmc_is_said_with_its_reason(tmp_path: Path) -> None:
    folder = state_dir(tmp_path)
    app = wizard(folder, link=EmptyWire(folder, sys_net=cable(folder)))
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("discovery")
        await until(pilot, lambda: "F5 scans" in grid(app), "the page")
        await pilot.press("f5")
        await until(
            pilot, lambda: "0 BMCs; 35 packets" in grid(app) and "has no address yet" in grid(app), "the reason"
        )


@pytest.mark.parametrize(
    ("nic", "reason"),
    [
        (SystemNic("eth9", True, 1000, "", "10.0.0.2/24"), "does not exist"),
        (SystemNic("eth1", False, 0, "", "10.0.0.2/24"), "has no link"),
        (SystemNic("eth1", True, 1000, "", ""), "has no address yet"),
        (SystemNic("eth1", True, 1000, "", "10.0.0.2/24"), "No address in the ranges answered"),
    ],
)
def test_each_reason_has_its_words(nic: SystemNic, reason: str) -> None:
    assert reason in none_found({"seed.bmc_interface": "eth1"}, (nic,))


async def test_a_refused_name_is_gone_and_a_pasted_one_may_have_blanks(tmp_path: Path) -> None:
    folder = state_dir(tmp_path, until='"verdict":"blocked"}', review=True)
    (folder / "site.yaml").write_text(BROKEN)
    app = wizard(folder)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("review")
        await until(pilot, lambda: "Type the site name" in grid(app), "the question")
        assert "you have not confirmed yet" in grid(app)
        await pilot.press(*"cellar", "enter")
        await until(pilot, lambda: "Not confirmed" in grid(app), "the refusal")
        await pilot.press(*"example", "space", "enter")
        await until(pilot, lambda: (folder / "confirmed.json").exists(), "the confirmation")


async def test_what_was_said_of_a_value_goes_when_it_is_changed(tmp_path: Path) -> None:
    app = wizard(state_dir(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("networks")
        await until(pilot, lambda: name(app) == "networks" and "172.22.1.10/24" in grid(app), "the form")
        await pilot.press(*["backspace"] * len("example"), "f10")
        await until(pilot, lambda: "Not saved" in grid(app), "the refusal")
        await pilot.press(*"other")
        await until(pilot, lambda: "Not saved" not in grid(app), "the refusal ends")
