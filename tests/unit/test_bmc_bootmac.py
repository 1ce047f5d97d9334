"""A machine that is powered on alone: the one MAC that asks each time it is on, and never while it is dark, is its own."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence

import pytest

from seedvm.bmc.boot_mac import Alone, Ear, learn_alone
from seedvm.steps.boot_mac import boot_mode, own_uuid

OWN, NEIGHBOUR, KNOWN = "52:54:00:aa:00:01", "52:54:00:aa:00:02", "52:54:00:aa:00:03"
HOW = Alone(seconds=0.3, quiet=0.02, settle=0.02)


class Machine:
    """What asks on the wire: `on[n]` at the power on number n, `dark[n]` when it is off after it (`dark[0]` before the first)."""

    def __init__(self, ear: Ear, on: Sequence[Sequence[str]], dark: Sequence[Sequence[str]] = ((), (), ())) -> None:
        self._ear, self._asks, self._dark = ear, on, dark
        self.starts = 0
        self.state = "off"
        asyncio.get_running_loop().call_later(0.01, self._ask, dark[0])

    def _ask(self, macs: Sequence[str]) -> None:
        for mac in macs:
            self._ear.hear(mac)

    async def power(self) -> str:
        return self.state

    async def start(self) -> None:
        self.state = "on"
        self._ask(self._asks[self.starts])
        self.starts += 1

    async def stop(self) -> None:
        self.state = "off"
        asyncio.get_running_loop().call_later(0.01, self._ask, self._dark[self.starts])


async def learned(on: Sequence[Sequence[str]], dark: Sequence[Sequence[str]] = ((), (), ())) -> tuple[str | None, str]:
    ear = Ear()
    machine = Machine(ear, on, dark)
    answer = await learn_alone(machine, ear, {KNOWN}, HOW, lambda on: None)
    assert machine.state == "off"
    return answer


async def test_who_asks_both_times_is_the_machine() -> None:
    assert await learned([[OWN], [OWN]]) == (OWN, "")


async def test_who_asks_while_it_is_dark_is_somebody_else() -> None:
    assert await learned([[NEIGHBOUR, OWN], [NEIGHBOUR, OWN]], [[NEIGHBOUR], [], []]) == (OWN, "")


async def test_another_machines_boot_mac_is_not_taken() -> None:
    assert await learned([[KNOWN, OWN], [KNOWN, OWN]]) == (OWN, "")


@pytest.mark.parametrize(
    ("on", "dark", "why"),
    [
        ([[]], [[], []], "no new MAC address"),
        ([[OWN, NEIGHBOUR]], [[], []], "several NICs"),
        ([[OWN], [NEIGHBOUR]], [[], [], []], "after the second"),
        ([[OWN], []], [[], [], []], "no new MAC address"),
        ([[NEIGHBOUR], []], [[], [NEIGHBOUR], []], "while the machine was powered off"),
    ],
)
async def test_a_doubt_is_no_match(on: Sequence[Sequence[str]], dark: Sequence[Sequence[str]], why: str) -> None:
    mac, said = await learned(on, dark)
    assert mac is None
    assert why in said


def test_a_uuid_in_another_byte_order_is_still_somebody_elses() -> None:
    one, other = uuid.uuid4(), uuid.uuid4()
    assert own_uuid("a", {"a": one.bytes, "b": other.bytes})
    assert not own_uuid("a", {"a": one.bytes, "b": one.bytes_le})
    assert not own_uuid("a", {"a": bytes(16), "b": other.bytes})
    assert not own_uuid("a", {})


@pytest.mark.parametrize(("architecture", "mode"), [(None, None), (0, "bios"), (7, "uefi"), (9, "uefi"), (11, "uefi")])
def test_the_request_says_how_the_firmware_boots(architecture: int | None, mode: str | None) -> None:
    assert boot_mode(architecture) == mode
