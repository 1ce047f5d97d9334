"""Before there is a cloud: doubled addresses are seen on a real wire, and a cloud that is not there is said to be so."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Any
from wsgiref.simple_server import make_server

import pytest
import requests
import webob.exc

from seedvm import proc
from seedvm.cloud import heat, keystone
from seedvm.cloud.connection import Access, Cloud, Unreachable
from seedvm.secret import Secret
from seedvm.steps.preflight import claims_on
from tests.contract.isolated import isolated

MAC = "52:54:00:0a:0a:01"


@contextlib.contextmanager
def neighbour(address: str) -> Iterator[None]:
    """Another machine on eth0's wire, with this address."""
    name = f"seedvm-test-arp-{os.getpid()}"
    proc.run(["ip", "netns", "add", name], timeout=60)
    try:
        ends = ["ip", "link", "add", "eth0", "address", MAC, "type", "veth", "peer", "name", "far0", "netns", name]
        proc.run(ends, timeout=60)
        proc.run(["ip", "link", "set", "eth0", "up"], timeout=60)
        proc.run(["ip", "address", "add", f"{address}/24", "dev", "far0"], timeout=60, netns=name)
        proc.run(["ip", "link", "set", "far0", "up"], timeout=60, netns=name)
        yield
    finally:
        proc.run(["ip", "netns", "delete", name], timeout=60)


@isolated
async def test_an_address_that_somebody_has_is_claimed_and_a_free_one_is_not() -> None:
    with neighbour("172.22.0.5"):
        claims = await claims_on("eth0", MAC, [IPv4Address("172.22.0.10"), IPv4Address("172.22.0.5")])
    assert [one.address for one in claims] == ["172.22.0.5"]
    assert claims[0].mac != MAC


@isolated
async def test_a_cloud_that_is_not_there_is_told_and_not_guessed() -> None:
    cloud = Cloud(Access("127.0.0.1", Secret("swordfish")))
    assert not await cloud.answers()
    assert await keystone.silent("127.0.0.1") == keystone.SERVICES
    with pytest.raises(Unreachable) as told:
        await cloud.ask("baremetal", "GET", "/nodes", timeout=60)
    assert "127.0.0.1" in told.value.why
    assert "swordfish" not in str(told.value)


class Endpoint:
    """A service's endpoint as the SDK's proxy hands requests to it, without the login before."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def request(
        self, path: str, method: str, *, raise_exc: bool, connect_retries: int, **more: Any
    ) -> requests.Response:
        """Over real HTTP."""
        return requests.request(method, self._url + path, **more)


class Direct(Cloud):
    """A cloud whose services are all at one endpoint."""

    def __init__(self, port: int) -> None:
        super().__init__(Access("127.0.0.1", Secret("swordfish")))
        self._endpoint = Endpoint(port)

    def _service(self, service: str) -> Endpoint:
        return self._endpoint


@isolated
async def test_an_update_that_heat_accepts_is_no_failure() -> None:
    def application(environ: dict[str, Any], start: Any) -> Any:  # Heat raises this when it has taken an update
        return webob.exc.HTTPAccepted()(environ, start)

    with make_server("127.0.0.1", 0, application) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        stack = heat.Stack("an-id", "undercloud", "CREATE_FAILED", "", {}, {})
        await heat.update(Direct(server.server_port), stack, heat.template(), {}, minutes=1)
