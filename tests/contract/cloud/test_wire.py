"""Before there is a cloud: doubled addresses are seen on a real wire, and a cloud that is not there is said to be so."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Any

import pytest

from seedvm.base import process
from seedvm.base.secret import Secret
from seedvm.cloud import heat, keystone
from seedvm.cloud.connection import Cloud, CloudAccess, Unreachable
from seedvm.scan.claims import claims_on
from seedvm.services.load import installed
from tests.contract.cloud.cloud_http import VIP, Answer, cloud, versions
from tests.contract.isolated import isolated

MAC = "52:54:00:0a:0a:01"


@contextlib.contextmanager
def neighbour(address: str) -> Iterator[None]:
    """Another machine on eth0's wire, with this address."""
    name = f"seedvm-test-arp-{os.getpid()}"
    process.run(["ip", "netns", "add", name], timeout=60)
    try:
        ends = ["ip", "link", "add", "eth0", "address", MAC, "type", "veth", "peer", "name", "far0", "netns", name]
        process.run(ends, timeout=60)
        process.run(["ip", "link", "set", "eth0", "up"], timeout=60)
        process.run(process.Command(["ip", "address", "add", f"{address}/24", "dev", "far0"], netns=name), timeout=60)
        process.run(process.Command(["ip", "link", "set", "far0", "up"], netns=name), timeout=60)
        yield
    finally:
        process.run(["ip", "netns", "delete", name], timeout=60)


@isolated
async def test_an_address_that_somebody_has_is_claimed_and_a_free_one_is_not() -> None:
    with neighbour("172.22.0.5"):
        claims = await claims_on("eth0", MAC, [IPv4Address("172.22.0.10"), IPv4Address("172.22.0.5")])
    assert [one.address for one in claims] == ["172.22.0.5"]
    assert claims[0].mac != MAC


@isolated
async def test_a_cloud_that_is_not_there_is_told_and_not_guessed() -> None:
    cloud = Cloud(CloudAccess("127.0.0.1", Secret("swordfish")), patience=0)
    assert not await cloud.answers()
    assert await keystone.silent("127.0.0.1") == tuple(installed().apis)
    with pytest.raises(Unreachable) as told:
        await cloud.get("ironic", "/nodes")
    assert "127.0.0.1" in told.value.why
    assert "swordfish" not in str(told.value)


@isolated
async def test_an_update_that_heat_accepts_is_no_failure() -> None:
    def heat_says(method: str, path: str, _: Any) -> Answer:
        return (202, None) if method == "PUT" else versions("orchestration", path, "v1.0")

    with cloud({"orchestration": heat_says}):
        stack = heat.Stack("an-id", "undercloud", "CREATE_FAILED", "", {})
        await heat.update(Cloud(CloudAccess(VIP, Secret("swordfish"))), stack, heat.template(), {}, minutes=1)
