"""From nothing to a described site by keys, and what the first pages keep, refuse and hide."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
from textual.widgets import Input, Static

from seedvm.site.load import load_site
from seedvm.site.secrets_file import load_candidates
from tests.tui.helpers import CONSOLE, SITE, cable, grid, loaded, state_dir, until, wizard
from tui.app import WizardApp
from tui.backend.engine import EngineClient
from tui.backend.site_form import FIELDS
from tui.state.watcher import View
from tui.widgets.table import Table


def field(app: WizardApp, key: str) -> Input:
    number = next(number for number, one in enumerate(FIELDS) if one.key == key)
    return app.get_screen("networks").query_one(f"#field-{number}", Input)


async def test_from_nothing_to_site_and_accounts_by_keys_alone(tmp_path: Path) -> None:
    app = wizard(tmp_path / "state", CONSOLE)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: "The seed, as seen by this wizard" in grid(app), "the preflight")
        await pilot.press("f10")
        await until(pilot, lambda: "NICs of this seed: " in grid(app), "the form")
        await pilot.press(*"cellar", "tab", "tab", *"10.20.0.0/24", "f7")
        await until(pilot, lambda: field(app, "provisioning.vip").value == "10.20.0.5", "the proposal")
        await pilot.press("f10")
        await until(pilot, lambda: "Not saved. BMC address ranges" in grid(app), "the refusal")
        assert not (tmp_path / "state" / "site.yaml").exists()
        await pilot.press(*"10.20.1.21-10.20.1.60", "f10")
        await until(pilot, lambda: "F5 scans 40 addresses" in grid(app), "the discovery")
        await pilot.press("f10")
        await until(pilot, lambda: "Accounts to try" in grid(app), "the credentials")
        assert load_site(tmp_path / "state" / "site.yaml").name == "cellar"
        await pilot.press("f10")
        await until(pilot, lambda: "Enter at least one account" in grid(app), "the refusal")
        for user, password in (("root", "calvin"), ("admin", "hunter2")):
            await pilot.press(*user, "enter", *password, "enter")
            await until(pilot, lambda user=user: f"{user}  ****" in grid(app), user)
        assert "calvin" not in grid(app) and "hunter2" not in grid(app)
        secrets = tmp_path / "state" / "secrets.yaml"
        assert [one.user for one in load_candidates(secrets)] == ["root", "admin"]
        assert secrets.stat().st_mode & 0o777 == 0o600
        await pilot.press("shift+tab", "down", "delete")
        await until(pilot, lambda: len(load_candidates(secrets)) == 1, "the removal")


class LateLink(EngineClient):
    """A link that reads the folder when it is told so."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, sys_net=cable(folder))
        self.go_on = asyncio.Event()

    async def follow(self) -> AsyncIterator[View]:
        """After a while."""
        await self.go_on.wait()
        async for view in super().follow():
            yield view


async def test_an_enter_before_the_folder_was_read_waits_and_starts_nothing(tmp_path: Path) -> None:
    link = LateLink(tmp_path / "state")
    app = wizard(tmp_path / "state", CONSOLE, link)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: "Reading the state folder ..." in grid(app), "the first page")
        link.go_on.set()
        await until(pilot, lambda: "The seed, as seen by this wizard" in grid(app), "the preflight")
        assert not (tmp_path / "state" / "engine.log").exists()


async def test_escape_keeps_what_was_entered(tmp_path: Path) -> None:
    app = wizard(tmp_path / "state")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("enter")
        await until(pilot, lambda: "The seed, as seen by this wizard" in grid(app), "the preflight")
        await pilot.press("f10")
        await until(pilot, lambda: "NICs of this seed: " in grid(app))
        await pilot.press(*"half", "escape", "escape")
        await until(pilot, lambda: "then describe the site" in grid(app), "the way back")
        await pilot.press("enter", "f10")
        await until(pilot, lambda: "NICs of this seed: " in grid(app), "the form again")
        assert field(app, "site").value == "half"


async def test_a_site_that_is_there_is_filled_in_and_wrong_values_are_told(tmp_path: Path) -> None:
    app = wizard(state_dir(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("networks")
        await until(pilot, lambda: "172.22.1.10/24" in grid(app), "the site")
        field(app, "provisioning.vip").focus()
        await pilot.press(*["backspace"] * 3)
        await until(pilot, lambda: "! " in grid(app), "the complaint")
        await pilot.press("f10")
        await until(pilot, lambda: "Not saved" in grid(app), "the refusal")
        assert (tmp_path / "site.yaml").read_text() == SITE


async def test_the_bmcs_wire_is_asked_for_in_the_form_and_refused_by_name(tmp_path: Path) -> None:
    app = wizard(state_dir(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("networks")
        await until(pilot, lambda: "172.22.1.10/24" in grid(app), "the site")
        field(app, "seed.bmc_vlan").focus()
        await until(pilot, lambda: "BMC VLAN: 1 to 4094" in grid(app), "what is asked")
        await pilot.press(*"4095")
        await until(pilot, lambda: "! '4095' is not a VLAN ID; use 1 to 4094" in grid(app), "the complaint")
        await pilot.press("f10")
        await until(pilot, lambda: "Not saved. BMC VLAN: '4095' is not a VLAN ID" in grid(app), "the refusal")
        await pilot.press("backspace", "tab", *"none1")
        await until(
            pilot,
            lambda: "! none1 is not an interface of the seed; use one of: none0, none1.409" in grid(app),
            "the name",
        )
        await pilot.press(*".409", "f10")
        await until(pilot, lambda: "Discovery" in grid(app).splitlines()[0], "the way on")
        site = load_site(tmp_path / "site.yaml")
        assert site.seed.bmc_vlan == 409 and site.bmc.link_local == ("none1.409",) and len(site.bmc.ranges) == 1


async def test_rubbish_and_ten_thousand_characters_in_every_field(tmp_path: Path) -> None:
    app = wizard(state_dir(tmp_path))
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("networks")
        await until(pilot, lambda: "172.22.1.10/24" in grid(app), "the site")
        for one in FIELDS:
            field(app, one.key).value = "\x1b]0;x\x07{[\u202e" + "y" * 10_000
        await pilot.press("f10")
        await until(pilot, lambda: "Not saved" in grid(app))
        assert (tmp_path / "site.yaml").read_text() == SITE


async def test_hardware_writes_the_operators_word(tmp_path: Path) -> None:
    app = wizard(state_dir(tmp_path, review=True))
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("hardware")
        await until(pilot, lambda: "172.22.1.22" in grid(app), "the table")
        await pilot.press("down", "x")
        await until(pilot, lambda: "172.22.1.22: excluded" in grid(app), "the answer")
        assert load_site(tmp_path / "site.yaml").machine("172.22.1.22").role == "exclude"
        await pilot.press("a")
        await until(pilot, lambda: "172.22.1.22: as proposed" in grid(app), "the answer")
        assert load_site(tmp_path / "site.yaml").machine("172.22.1.22").role is None


async def test_the_form_says_what_a_proposal_needs_and_which_of_two_same_addresses_is_wrong(tmp_path: Path) -> None:
    app = wizard(tmp_path / "state", CONSOLE)
    async with app.run_test(size=(80, 24)) as pilot:
        app.go("networks")
        await until(pilot, lambda: "NICs of this seed: " in grid(app), "the form")
        await pilot.press("f7")
        await until(
            pilot, lambda: "Nothing to propose from: enter a provisioning network" in grid(app), "what it needs"
        )
        await pilot.press(*"10.20.0.0/24", "f7")
        await until(pilot, lambda: field(app, "provisioning.vip").value == "10.20.0.5", "the proposal, in its field")
        field(app, "site").value, field(app, "bmc.ranges").value = "cellar", "10.20.1.21-10.20.1.60"
        field(app, "provisioning.vip").value = field(app, "seed.address").value
        same = '10.20.0.10 is already "Seed address"'
        marks = [f"#mark-{n}" for n, one in enumerate(FIELDS) if one.key in ("seed.address", "provisioning.vip")]

        def marked() -> list[str]:
            return [str(app.screen.query_one(mark, Static).content) for mark in marks]

        await until(pilot, lambda: marked() == ["", "!"], "the mark, at the later of the two")
        field(app, "provisioning.vip").focus()
        await until(pilot, lambda: same in grid(app), "the cause")
        await pilot.press("f7")
        await until(pilot, lambda: "Nothing to propose: no address is empty" in grid(app), "an answer")


@pytest.mark.parametrize("key", ["u", "s"])
async def test_a_machine_without_an_account_is_given_no_part_and_may_be_excluded(tmp_path: Path, key: str) -> None:
    app = wizard(state_dir(tmp_path, review=True))
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("hardware")
        await until(pilot, lambda: "172.22.1.25" in grid(app), "the table")
        app.screen.query_one("#list", Table).mark("172.22.1.25")
        await pilot.press(key)
        await until(pilot, lambda: "Not saved: 172.22.1.25 has no proven account" in grid(app), "the refusal")
        assert "add its account to the list" in " ".join(grid(app).split())
        assert (tmp_path / "site.yaml").read_text() == SITE
        await pilot.press("x")
        await until(pilot, lambda: "172.22.1.25: excluded" in grid(app), "the answer")


async def test_credentials_show_findings_with_their_cure(tmp_path: Path) -> None:
    app = wizard(state_dir(tmp_path, review=True))
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("credentials")
        await until(pilot, lambda: "switch it off in the BMC's LAN settings" in grid(app), "the cure")
        assert "nobody knows its password" in grid(app)


class Pong(asyncio.DatagramProtocol):
    """A BMC that answers presence pings alone (ASF 2.0, 3.2.4.3)."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data[:4] == b"\x06\x00\xff\x06" and data[8:9] == b"\x80":
            pong = (
                b"\x06\x00\xff\x06\x00\x00\x11\xbe\x40"
                + data[9:10]
                + b"\x00\x10"
                + b"\x00\x00\x11\xbe"
                + bytes(4)
                + b"\x81"
                + bytes(7)
            )
            self.transport.sendto(pong, addr)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="port 623 is the BMCs'")
async def test_discovery_says_the_budget_first_and_shows_who_answers(tmp_path: Path) -> None:
    state_dir(tmp_path, until="run-started")
    (tmp_path / "site.yaml").write_text(
        SITE.replace("172.22.1.21-172.22.1.26", "127.66.1.21-127.66.1.22").split("machines:")[0]
    )
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Pong, local_addr=("127.66.1.21", 623))
    app = wizard(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        await loaded(pilot)
        app.go("discovery")
        await until(pilot, lambda: "F5 scans 2 addresses: 10 packets" in grid(app), "the budget")
        await pilot.press("f5")
        await until(pilot, lambda: "127.66.1.21" in grid(app), "the BMC")
        await until(pilot, lambda: "1 BMCs" in grid(app), "the end of the scan")
        await pilot.press("e")
        await until(pilot, lambda: "ASF presence pong" in grid(app), "the evidence")
    transport.close()
