"""The whole scan on a cable: everything that answers is found, nothing outside is asked, and what leaves is read from the wire."""

from __future__ import annotations

import itertools
from pathlib import Path

from seedvm.base import process
from seedvm.scan.evidence import Bmc
from seedvm.scan.multicast import PACKETS, search
from seedvm.scan.pace import Pace
from seedvm.scan.sweep import LAST_ROUNDS, ROUNDS, sweep
from tests.contract.isolated import isolated
from tests.contract.scan.cable import MAC, Cable, cable, watched

GUID = "00112233445566778899aabbccddee"
UUID = "92384634-2938-2342-8820-4892399054"
LINK_LOCAL = "fe80::21"
HOSTS = [
    {"address": "172.22.1.21", "ipmi": GUID + "21"},
    {"address": "172.22.1.22", "redfish": UUID + "22"},
    {"address": "172.22.1.23", "ipmi": GUID + "23", "v15": True},
    {"address": "172.22.1.24", "ipmi": GUID + "24", "redfish": UUID + "24"},
    {"address": "172.22.1.25"},
    {"address": LINK_LOCAL, "ipmi": GUID + "31", "redfish": UUID + "31"},
]
SPEAKS = {
    "172.22.1.21": ("ipmi-2.0",),
    "172.22.1.22": ("redfish",),
    "172.22.1.23": ("ipmi-1.5",),
    "172.22.1.24": ("ipmi-2.0", "redfish"),
    "fe80::21%near0": ("ipmi-2.0", "redfish"),
}
RANGES = ("172.22.1.21-172.22.1.60", "fe80::/10%near0")


@isolated
async def test_every_kind_of_bmc_is_found_and_only_who_answers_arp_is_asked(tmp_path: Path) -> None:
    async with cable(tmp_path, HOSTS) as wire:
        result = await sweep(RANGES)
    assert {bmc.address: bmc.protocols for bmc in result.bmcs} == SPEAKS
    found = {bmc.address: bmc for bmc in result.bmcs}
    assert found["172.22.1.21"].fact("mac") == MAC
    assert found["fe80::21%near0"].fact("mac") == MAC
    assert found["fe80::21%near0"].fact("guid") == GUID + "31"
    assert (found["172.22.1.22"].fact("certificate-subject"), found["172.22.1.22"].fact("uuid")) == (
        "CN=bmc-test",
        UUID + "22",
    )
    assert (result.budget.on_link, result.budget.wires) == (40, ("near0",))
    asked = {frame[30:34] for _, frame in wire.sent if frame[12:14] == b"\x08\x00"}
    assert asked == {bytes((172, 22, 1, last)) for last in range(21, 26)}
    assert result.complete


@isolated
async def test_what_leaves_is_as_polite_as_promised(tmp_path: Path) -> None:
    """All kinds of probes, to BMCs that answer: the rate, the tags, and one probe at a time, read from the wire."""
    rate = 150
    async with cable(tmp_path, HOSTS, services=True) as wire:
        pace = Pace(rate)
        await search(["near0"], pace=pace, wait=1)
        result = await sweep(RANGES, pace=pace)
    assert {bmc.address: bmc.protocols for bmc in result.bmcs} == SPEAKS
    times = [at for at, _ in wire.sent]
    for first, start in enumerate(times):
        in_half = itertools.takewhile(lambda at, end=start + 0.5: at < end, times[first:])
        assert sum(1 for _ in in_half) <= rate * 0.5 * 1.15 + 2
    probes = [(at, target, tag) for at, frame in wire.sent if (said := rmcp_probe(frame)) for target, tag in (said,)]
    assert len(probes) > 20
    assert all(tag != 0xFF for _, _, tag in probes)
    assert all(one[2] != after[2] for one, after in itertools.pairwise(probes))
    answered = {line.split()[1] for line in wire.words() if line.startswith("rmcp ")}
    assert len(answered) == 4
    by_target: dict[bytes, list[tuple[float, int]]] = {}
    for at, target, tag in probes:
        by_target.setdefault(target, []).append((at, tag))
    silent = by_target[bytes((172, 22, 1, 22))]
    assert all(later[0] - earlier[0] >= 0.7 for earlier, later in itertools.pairwise(silent))
    assert len(silent) == len(ROUNDS) + len(LAST_ROUNDS)
    for asked in by_target.values():
        assert len({tag for _, tag in asked}) == len(asked), "a sequence number came twice"


def rmcp_probe(frame: bytes) -> tuple[bytes, int] | None:
    """The target and the sequence number of an RMCP packet in a frame."""
    if frame[12:14] == b"\x08\x00" and frame[23] == 17 and frame[36:38] == b"\x02\x6f":
        target, packet = frame[30:34], frame[42:]
    elif frame[12:14] == b"\x86\xdd" and frame[20] == 17 and frame[56:58] == b"\x02\x6f":
        target, packet = frame[38:54], frame[62:]
    else:
        return None
    return target, packet[9] if packet[3] == 6 else packet[18] >> 2


@isolated
async def test_multicast_finds_what_speaks_of_itself_on_both_families(tmp_path: Path) -> None:
    heard: list[Bmc] = []
    async with cable(tmp_path, [HOSTS[0], HOSTS[5]], services=True) as wire:
        found = await search(["near0"], pace=Pace(500), wait=1, on_found=heard.append)
        wire.drain()
        sent = len([frame for _, frame in wire.sent if frame[0] & 1 and udp_port(frame) in (1900, 427, 5353)])
    assert sent == PACKETS
    assert {"ssdp", "slp", "mdns"} <= set(wire.words())
    said = {bmc.address: {(one.source, one.fact) for one in bmc.evidence} for bmc in found}
    for address in ("172.22.1.21", "fe80::21%near0"):
        assert {source for source, _ in said[address]} == {"SSDP answer", "SLP reply", "mDNS answer"}
    assert {bmc.address for bmc in heard} == set(said)


def udp_port(frame: bytes) -> int:
    return int.from_bytes(frame[36:38] if frame[12:14] == b"\x08\x00" else frame[56:58], "big")


@isolated
async def test_two_machines_with_one_address_are_seen(tmp_path: Path) -> None:
    other = "52:54:00:aa:00:02"
    async with cable(tmp_path, [HOSTS[0]], extra_macs=[["other0", other, "172.22.1.21"]]):
        result = await sweep(["172.22.1.21-172.22.1.22"])
    assert set(result.bmcs[0].facts("mac")) == {MAC, other}


@isolated
async def test_a_machine_with_two_addresses_is_asked_at_one_at_a_time(tmp_path: Path) -> None:
    hosts = [{"address": f"172.22.1.{last}", "ipmi": GUID + "21"} for last in (21, 22)]
    async with cable(tmp_path, hosts) as wire:
        result = await sweep(["172.22.1.21-172.22.1.22"])
    assert len(result.bmcs) == 2
    order = [said[0][3] for _, frame in wire.sent if (said := rmcp_probe(frame))]
    assert len(list(itertools.groupby(order))) == 2


@isolated
async def test_a_silent_address_on_link_is_asked_twice_by_arp_and_nothing_else() -> None:
    process.run(["ip", "link", "add", "near0", "type", "veth", "peer", "name", "far0"], timeout=60)
    process.run(["ip", "address", "add", "10.99.0.1/16", "dev", "near0"], timeout=60)
    for name in ("near0", "far0"):
        process.run(["ip", "link", "set", name, "up"], timeout=60)
    wire = Cable(Path("/dev/null"))
    with watched(wire):
        result = await sweep(["10.99.1.0-10.99.1.249"], rate=1000)
    asked = [frame[38:42] for _, frame in wire.sent if frame[12:14] == b"\x08\x06"]
    assert (result.packets, result.budget.packets, len(asked)) == (500, 500, 500)
    assert not [frame for _, frame in wire.sent if frame[12:14] == b"\x08\x00"]
    assert all(asked.count(target) == 2 for target in asked)
