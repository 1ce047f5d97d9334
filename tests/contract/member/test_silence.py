"""Mute, verdict and watch on a real wire: two namespaces joined by a cable."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seedvm.base import process
from seedvm.member.boot import offers
from tests.contract.isolated import isolated, until

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(not shutil.which("nft"), reason="nftables is not installed"),
]
KEY = "ab" * 32


@pytest.fixture
def cable() -> Iterator[tuple[str, str]]:
    """Two namespaces, 192.0.2.1 (the seed) and 192.0.2.2 (a member)."""
    tag = secrets.token_hex(3)
    seed, member = f"t-{tag}-seed", f"t-{tag}-node"
    try:
        for name in (seed, member):
            process.run(["ip", "netns", "add", name], timeout=60)
            process.run(process.Command(["ip", "link", "set", "lo", "up"], netns=name), timeout=60)
        process.run(
            ["ip", "link", "add", "e0", "netns", seed, "type", "veth", "peer", "name", "e0", "netns", member],
            timeout=60,
        )
        for number, name in enumerate((seed, member), 1):
            process.run(
                process.Command(["ip", "address", "add", f"192.0.2.{number}/24", "dev", "e0"], netns=name), timeout=60
            )
            process.run(process.Command(["ip", "link", "set", "e0", "up"], netns=name), timeout=60)
        yield seed, member
    finally:
        for name in (seed, member):
            process.run(["ip", "netns", "delete", name], timeout=60, check=False)


def pings(netns: str, address: str) -> bool:
    said = process.run(process.Command(["ping", "-c", "1", "-W", "1", address], netns=netns), timeout=60, check=False)
    return said.returncode == 0


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def mute(seed: str, outcome: Path, seconds: float) -> contextlib.AbstractContextManager[process.Child]:
    from tests.contract.isolated import child

    code = (
        "from seedvm.base.secret import Secret; from seedvm.member.mute import MuteRequest, mute; "
        f"mute(MuteRequest(Secret({KEY!r}), 't1', {seconds!r}, {str(outcome)!r}))"
    )
    return child(process.Command(python(code), netns=seed, cwd=Path.cwd()))


def say(member: str, verdict: dict[str, Any], key: str = KEY) -> None:
    code = (
        "import socket; from seedvm.site.secrets_file import Secret; from seedvm.wire.verdict import PORT, Verdict, pack\n"
        f"voice = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); voice.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)\n"
        f"voice.sendto(pack(Verdict(**{verdict!r}), Secret({key!r})), ('192.0.2.255', PORT))"
    )
    process.run(process.Command(python(code), netns=member, cwd=Path.cwd()), timeout=60)


async def test_a_mute_seed_cannot_be_heard_and_hears_the_verdict(cable: tuple[str, str], tmp_path: Path) -> None:
    seed, member = cable
    assert pings(member, "192.0.2.1")
    outcome = tmp_path / "mute.json"
    verdict = {"token": "t1", "member": "node", "passed": True, "why": "well"}
    with mute(seed, outcome, 60):
        await until(lambda: not pings(member, "192.0.2.1"))
        process.run(process.Command(["ip", "neighbour", "flush", "all"], netns=member), timeout=60)
        assert not pings(member, "192.0.2.1")
        assert not pings(seed, "192.0.2.2")
        say(member, verdict, key="cd" * 32)
        say(member, {**verdict, "token": "another"})
        assert not pings(member, "192.0.2.1")

        def heard() -> bool:
            say(member, verdict)
            return outcome.exists()

        await until(heard)
    assert json.loads(outcome.read_text()) == {"token": "t1", "heard": True, "verdict": verdict}
    assert pings(member, "192.0.2.1")


async def test_without_a_verdict_the_silence_ends_at_its_deadline(cable: tuple[str, str], tmp_path: Path) -> None:
    seed, member = cable
    outcome = tmp_path / "mute.json"
    with mute(seed, outcome, 2):
        await until(outcome.exists)
    assert json.loads(outcome.read_text())["heard"] is False
    assert pings(member, "192.0.2.1")


async def test_the_watch_sees_a_service_go_and_come_back(cable: tuple[str, str], tmp_path: Path) -> None:
    from seedvm.member.watch import INTERVAL, GapsRequest, gaps
    from tests.contract.isolated import child

    seed, member = cable
    samples = tmp_path / "watch.jsonl"
    request = f"WatchRequest('192.0.2.1', 60, ports={{'web': 8080}}, samples={str(samples)!r})"
    server = [sys.executable, "-m", "http.server", "--bind", "192.0.2.1", "8080"]

    def lines(word: str) -> int:
        return samples.read_text().count(word) if samples.exists() else 0

    with child(
        process.Command(
            python(f"from seedvm.member.watch import WatchRequest, watch; watch({request})"),
            netns=member,
            cwd=Path.cwd(),
        )
    ):
        with child(process.Command(server, netns=seed, cwd=tmp_path)):
            await until(lambda: lines('"good": true') > 4)
        begun, before = time.monotonic(), lines('"good": false')
        await until(lambda: lines('"good": false') > before + 4)
        good = lines('"good": true')
        with child(process.Command(server, netns=seed, cwd=tmp_path)):
            await until(lambda: lines('"good": true') > good + 4)
            took = time.monotonic() - begun
    measured = gaps(GapsRequest(samples=str(samples), record=str(tmp_path)))
    assert "the time in which the VIP moved" in measured.lost, "no COMMIT was noted here"
    (gap,) = measured.gaps
    assert gap.api == "web"
    assert 0.8 < gap.longest_seconds < took + INTERVAL
    assert gap.failed >= 4


@isolated
async def test_a_dhcp_server_that_offers_is_seen_and_a_silent_one_is_not(tmp_path: Path) -> None:
    import asyncio

    from tests.contract.isolated import child

    process.run(["ip", "link", "add", "e0", "type", "veth", "peer", "name", "e1"], timeout=60)
    process.run(["ip", "address", "add", "192.0.2.1/24", "dev", "e1"], timeout=60)
    for name in ("e0", "e1"):
        process.run(["ip", "link", "set", name, "up"], timeout=60)
    argv = [
        "dnsmasq",
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--port=0",
        "--interface=e1",
        "--no-ping",
        "--user=root",
    ]
    more = [
        "--dhcp-range=192.0.2.50,192.0.2.60",
        f"--dhcp-leasefile={tmp_path / 'leases'}",
        "--pid-file=",
        "--bind-interfaces",
    ]
    mac = "02:00:00:00:00:07"
    assert await asyncio.to_thread(offers, "e0", mac, 1.0) == []
    with child([*argv, *more]):
        await until(lambda: offers("e0", mac, 1.0) == ["192.0.2.1"])
