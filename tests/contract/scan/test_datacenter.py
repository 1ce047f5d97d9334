"""`seedvm scan` in a datacenter of a thousand hosts that are late, broken, doubled or no BMC at all."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.contract.isolated import isolated
from tests.datacenter.cable import CABLE, Datacenter, Seen, datacenter
from tests.datacenter.model import Host
from tests.datacenter.population import RANGE, population

RATE = 1500
MOST_MIB = 300
UDP_SLACK = 1.1  # a burst after a late wake-up
ALL_SLACK = 1.35  # the kernel acknowledges TCP as it likes: a connection is paced by its usual packets


def seen_as(bmcs: dict[str, Any], host: Host) -> tuple[str, ...] | None:
    address = f"{host.address}%{CABLE}" if host.interface else host.address
    return tuple(bmcs[address]["protocols"]) if address in bmcs else None


def wrong(there: Datacenter, bmcs: dict[str, Any]) -> Counter[str]:
    """What was told of hosts that is not so, in words."""
    told: Counter[str] = Counter()
    for host in there.hosts.values():
        wanted = host.protocols if host.listed else None
        if (said := seen_as(bmcs, host)) != wanted:
            wire = " on a bad wire" if host.loss else ""
            told[f"{host.species}{wire}: {said} instead of {wanted}"] += 1
    return told


def facts(bmc: dict[str, Any], name: str) -> set[str]:
    return {row["value"].lower() for row in bmc["evidence"] if row["fact"] == name}


def assert_polite(seen: Seen, rate: float) -> None:
    """No credential, no session, no forbidden tag, and never more packets in a second than were allowed."""
    assert not seen.uncounted
    assert not {address: one.logins for address, one in seen.hosts.items() if one.logins}
    assert not sum(one.slots_opened + one.bad_tags + len(one.changes) for one in seen.hosts.values())
    assert seen.busiest_second("arp", "udp", "syn") <= rate * UDP_SLACK
    assert seen.busiest_second() <= rate * ALL_SLACK


@isolated
@pytest.mark.slow
async def test_a_thousand_hosts_are_told_apart_and_none_is_asked_for_a_login(tmp_path: Path) -> None:
    async with datacenter(tmp_path, population()) as there:
        done, cost = await there.seedvm(
            "scan", RANGE, f"fe80::/10%{CABLE}", "--json", "--rate", str(RATE), "--state-dir", str(tmp_path)
        )
        seen = await there.seen()
    said = json.loads(done.stdout.splitlines()[-1])
    bmcs = {one["address"]: one for one in said["bmcs"]}
    assert said["complete"]
    assert not wrong(there, bmcs)
    assert len(bmcs) == sum(host.listed for host in there.hosts.values())
    assert cost["rss_mib"] < MOST_MIB
    assert_polite(seen, RATE)
    asked_in_vain = [address for address in seen.asked if address not in there.hosts]
    assert not asked_in_vain, "an address on link that nobody has by ARP was asked"
    for host in there.hosts.values():
        if host.guid and host.ipmi and not host.ipmi_bad and not host.loss:
            said_of = bmcs[host.address if not host.interface else f"{host.address}%{CABLE}"]
            assert facts(said_of, "guid") == (set() if host.odd.startswith("ipmi-guid") else {host.guid})
    doubled = next(host for host in there.hosts.values() if host.second_mac)
    assert facts(bmcs[doubled.address], "mac") == {doubled.mac, doubled.second_mac}


@isolated
async def test_the_default_rate_is_kept_on_the_wire(tmp_path: Path) -> None:
    async with datacenter(tmp_path, population(60, links=0)) as there:
        done, _ = await there.seedvm("scan", "10.66.0.1-10.66.1.254", "--json", "--state-dir", str(tmp_path))
        seen = await there.seen()
    bmcs = {one["address"]: one for one in json.loads(done.stdout.splitlines()[-1])["bmcs"]}
    assert not wrong(there, bmcs)
    assert_polite(seen, 500)
