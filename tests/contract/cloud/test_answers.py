"""Silence, half answers, pages of HTML and missing fields become errors in words."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.cloud import heat, ironic, nova
from seedvm.cloud.client import Client
from seedvm.cloud.connection import Refused, Unreachable
from seedvm.cloud.probe import probe
from tests.contract.cloud.cloud_http import VIP, Answer, cloud
from tests.contract.cloud.odd_server import MEMBER, http, our_cloud, raw
from tests.contract.isolated import isolated, until


@isolated
async def test_a_server_that_is_slow_is_given_up_in_time_and_a_drip_as_well() -> None:
    with raw(9292) as heard:
        began = time.monotonic()
        with pytest.raises(Unreachable, match="no answer in time") as told:
            Client(VIP, timeout=1, name="undercloud-0").get("glance", "/images")
        assert time.monotonic() - began < 10
        assert (told.value.machine, len(heard)) == ("undercloud-0", 1)
        assert "glance-api" in told.value.hint
    stop = threading.Event()

    def drip() -> None:
        with socket.create_server((VIP, 6385)) as server:
            peer, _ = server.accept()
            with peer, contextlib.suppress(OSError):
                peer.sendall(http("200 OK", "", length=10_000))
                while not stop.wait(0.2):
                    peer.sendall(b" ")

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    await until(lambda: _listens(6385))
    with pytest.raises(Unreachable, match="no answer in time"):
        Client(VIP, timeout=1).get("ironic", "/nodes")
    stop.set()


def _listens(port: int) -> bool:
    return f":{port:04X} " in Path("/proc/thread-self/net/tcp").read_text()


@isolated
async def test_half_an_answer_and_one_that_is_no_json_are_no_answer() -> None:
    with raw(8774, http("200 OK", '{"servers": [', length=4000), http("200 OK", '{"servers": ['), b""):
        for why in ("incomplete", "not JSON", "closed without an answer"):
            with pytest.raises(Unreachable, match=why):
                Client(VIP, timeout=5).get("nova", "/servers")


@isolated
async def test_a_page_of_html_is_never_the_reason() -> None:
    page = (
        "<html><head><title>503</title><style>h1 {color: red}</style></head><body><h1>503 Service Unavailable</h1>\n"
        "No server is available to handle this request.\n</body></html>"
    )
    with raw(9292, http("503 Service Unavailable", page, "text/html"), http("200 OK", page, "text/html")):
        with pytest.raises(Refused) as told:
            Client(VIP, timeout=5).get("glance", "/images")
        assert told.value.why == "HTTP 503: 503 Service Unavailable No server is available to handle this request."
        with pytest.raises(Unreachable) as told_too:
            Client(VIP, timeout=5).get("glance", "/images")
    assert "<" not in str(told.value) + str(told_too.value)


@isolated
async def test_each_service_is_quoted_in_its_own_words() -> None:
    says = (
        '{"error_message": "{\\"faultcode\\": \\"Client\\", \\"faultstring\\": \\"Node x could not be found.\\"}"}',
        '{"itemNotFound": {"message": "Instance x could not be found.", "code": 404}}',
        '{"NeutronError": {"type": "NetworkNotFound", "message": "Network x could not be found.", "detail": ""}}',
        '{"explanation": "It is absent.", "code": 404, "error": {"message": "Stack x could not be found."}}',
        '{"errors": [{"status": 404, "title": "Not Found", "detail": "Trait x could not be found."}]}',
        '{"message": "Image x could not be found.<br /><br />\\n\\n\\n", "code": "404 Not Found", "title": "Not Found"}',
        "",
    )
    with raw(6385, *(http("404 Not Found", one) for one in says)):
        for kind in ("Node", "Instance", "Network", "Stack", "Trait", "Image"):
            with pytest.raises(Refused) as told:
                Client(VIP, timeout=5).get("ironic", "/nodes/x")
            assert told.value.why == f"HTTP 404: {kind} x could not be found."
        with pytest.raises(Refused) as told:
            Client(VIP, timeout=5).get("ironic", "/nodes/x")
    assert told.value.why == "HTTP 404 Not Found"


@isolated
async def test_what_a_service_leaves_out_is_named() -> None:
    with cloud(
        {
            "baremetal": lambda *_: (200, {"nodes": [{"name": "a", "extra": {ironic.SITE: "demo"}}]}),
            "compute": lambda *_: (200, []),
        }
    ):
        with pytest.raises(SeedvmError, match="ironic, nodes: the answer has an unexpected format: it has no uuid"):
            await ironic.nodes(our_cloud(), "demo")
        with pytest.raises(
            SeedvmError, match="nova: the answer has an unexpected format: expected an object, got a list"
        ):
            await nova.servers(our_cloud())


@isolated
@pytest.mark.parametrize("value", [None, "", [None, None], ["one", None], {"error": "x"}])
async def test_a_stack_in_the_making_has_the_servers_that_are_there(value: Any) -> None:
    def heat_says(_: str, path: str, __: Any) -> Answer:
        stack = {
            "id": "s",
            "stack_name": "undercloud",
            "stack_status": "CREATE_IN_PROGRESS",
            "stack_status_reason": None,
        }
        outputs = [
            {"output_key": "servers", "output_value": value, "output_error": "not ready"},
            {"output_key": "addresses"},
        ]
        whole = {**stack, "parameters": {"seed_is_member": "True", "nodes": "3"}, "outputs": outputs}
        return 200, {"stacks": [stack]} if "name=" in path else {"stack": whole}

    with cloud({"orchestration": heat_says}):
        found = await heat.stack(our_cloud())
    assert found is not None
    assert found.servers == (("one",) if isinstance(value, list) and "one" in value else ())


@isolated
async def test_a_probe_takes_the_time_that_it_is_given_and_no_more() -> None:
    with raw(8004, b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 503 Busy\r\n", b"", b"SSH-2.0-x\r\n", address=MEMBER):
        heard = [probe(MEMBER, 8004, seconds=5) for _ in range(4)]
        assert [(one.good, str(one)) for one in heard] == [
            (True, "HTTP 200"),
            (False, "HTTP 503"),
            (False, "the connection was closed without an answer"),
            (False, "the answer is not HTTP"),
        ]
        began = time.monotonic()
        assert str(probe(MEMBER, 8004, seconds=0.5)) == "no answer within 0.5 s"
        assert time.monotonic() - began < 5
    assert str(probe(MEMBER, 8004, seconds=5)) == "Connection refused"
