"""What a BMC's word for the power of its machine means: only off is dark, and unknown stays unknown with the BMC's own word."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seedvm.bmc.power import Patience, Power, PowerState, ipmi_power, redfish_power, settled

SOON = Patience(seconds=0.1, still=0.1, every=0.005)


@pytest.mark.parametrize(
    ("said", "state", "noted"),
    [
        ("On", "on", "on"),
        ("off", "off", "off"),
        ("PoweringOn", "changing", "PoweringOn"),
        ("PoweringOff", "changing", "PoweringOff"),
        ("Paused", "unknown", "Paused"),
        ("Standby\x1b[2J", "unknown", "Standby"),
        ("Off ", "off", "off"),
        ("O\u200bff", "unknown", "Off"),
        ("", "unknown", None),
        (None, "unknown", None),
        (False, "unknown", None),
        (["Off"], "unknown", None),
    ],
)
def test_the_words_of_redfish(said: object, state: str, noted: str | None) -> None:
    power = redfish_power(said)
    assert (power, power.noted, power.dark) == (state, noted, state == "off")
    assert bool(power.objection) == (not power.dark)


@pytest.mark.parametrize(
    ("code", "data", "state"),
    [
        (0, "600000", "off"),
        (0, "00000000", "off"),
        (0, "610000", "on"),
        (0, "620000", "unknown"),  # overload
        (0, "640000", "unknown"),  # interlock: its chassis is open
        (0, "680000", "unknown"),  # power fault
        (0, "700000", "unknown"),  # it did not follow the last order
        (0, "710000", "unknown"),
        (0, "690000", "on"),
        (0, "", "unknown"),
        (0, "00", "unknown"),
        (0xC0, "000000", "unknown"),
        (0xD5, "", "unknown"),
    ],
)
def test_the_bits_of_ipmi(code: int, data: str, state: str) -> None:
    power = ipmi_power(code, bytes.fromhex(data))
    assert power == state
    assert power.steady or power.word


def test_the_objection_has_the_bmcs_own_word() -> None:
    assert redfish_power("PoweringOn").objection == "the BMC reports PoweringOn: someone may be starting it"
    assert redfish_power("PoweringOff").objection == "the BMC reports PoweringOff: someone may be stopping it"
    assert "no power state" in redfish_power(None).objection
    assert "open chassis" in ipmi_power(0, b"\x64\0\0").objection


@given(st.text() | st.none() | st.integers())
def test_nothing_but_off_is_dark(said: object) -> None:
    assert redfish_power(said).dark == (isinstance(said, str) and said.strip().lower() == "off")


async def read(words: Sequence[str]) -> Power:
    left = list(words)

    async def look() -> Power:
        return redfish_power(left.pop(0) if len(left) > 1 else left[0])

    return await settled(look, SOON)


async def test_a_change_is_waited_for_and_ends_or_is_left_alone() -> None:
    assert await read(["On"]) == PowerState.ON
    assert await read(["PoweringOn", "PoweringOn", "On"]) == PowerState.ON
    assert (await read(["PoweringOn"])).word == "PoweringOn"
    assert (await read([""])).word == ""
    assert await read(["PoweringOff", "Off"]) == PowerState.OFF


async def test_off_in_the_middle_of_a_power_cycle_is_not_dark() -> None:
    assert await read(["PoweringOff", "Off", "Off", "PoweringOn", "On"]) == PowerState.ON
