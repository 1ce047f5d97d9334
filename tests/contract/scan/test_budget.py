"""What a scan says before it starts is kept on the wire: packets and seconds, where nobody answers and where somebody does by halves."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from socket import inet_ntoa

import pytest

from seedvm.scan.budget import PACKETS_A_BMC, SECONDS_BY_HALVES
from seedvm.scan.sweep import sweep
from tests.contract.isolated import isolated
from tests.contract.scan.cable import cable
from tests.contract.scan.test_cable import GUID, UUID

IPMI, REDFISH = {"ipmi": GUID + "21"}, {"redfish": UUID + "21"}
HALVES: dict[str, dict[str, object]] = {
    "172.22.1.21": {**IPMI, **REDFISH},
    "172.22.1.22": {**IPMI, "deaf": ["capabilities", "guid"]},
    "172.22.1.23": {**IPMI, "deaf": ["ping", "guid"]},
    "172.22.1.24": {**IPMI, "v15": True, "deaf": ["ping"]},
    "172.22.1.25": {**IPMI, "deaf": ["ping", "capabilities", "guid"]},
    "172.22.1.26": {**REDFISH, "deaf": ["tls"]},
    "172.22.1.27": {**REDFISH, "deaf": ["http"]},
    "172.22.1.28": {**IPMI, **REDFISH, "deaf": ["capabilities", "guid"]},
    "172.22.1.29": {},
}
ARP_QUESTION, ARP_KIND = b"\x00\x01", b"\x08\x06"


def target(frame: bytes) -> str:
    """Whom we send this frame of our own accord: the address asked for or spoken to; empty for an answer to somebody's ARP."""
    if frame[12:14] == ARP_KIND:
        return inet_ntoa(frame[38:42]) if frame[20:22] == ARP_QUESTION else ""
    return inet_ntoa(frame[30:34]) if frame[12:14] == b"\x08\x00" else ""


@isolated
@pytest.mark.slow
async def test_who_answers_by_halves_costs_no_more_than_was_said(tmp_path: Path) -> None:
    async with cable(tmp_path, [{"address": address, **host} for address, host in HALVES.items()]) as wire:
        result = await sweep(["172.22.1.21-172.22.1.60"])
        wire.drain()
        sent = Counter(target(frame) for _, frame in wire.sent)
    del sent[""]
    assert result.budget.packets == 2 * 40
    assert all(sent[f"172.22.1.{last}"] == 2 for last in range(30, 61))
    adds = {address: sent[address] - 2 for address in HALVES}
    assert all(0 < more <= PACKETS_A_BMC for more in adds.values()), adds
    assert sum(sent.values()) <= result.packets + len(HALVES), "the kernel may ask for a neighbour once more"
    assert result.packets <= result.budget.packets + len(HALVES) * PACKETS_A_BMC
    assert result.seconds <= result.budget.seconds + SECONDS_BY_HALVES
    said = {bmc.address: bmc.protocols for bmc in result.bmcs}
    assert said["172.22.1.21"] == ("ipmi-2.0", "redfish")
    assert (said["172.22.1.22"], said["172.22.1.28"]) == ((), ("redfish",))
    assert not {"172.22.1.25", "172.22.1.26", "172.22.1.27", "172.22.1.29"} & set(said)
