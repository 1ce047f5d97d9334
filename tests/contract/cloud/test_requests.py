"""A request is repeated where a node is locked, or in trouble that passes, and never after it was cancelled."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from typing import Any

import pytest

from seedvm.base import process
from seedvm.base.waiting import TimedOut, noticed_by, wait_for
from seedvm.cloud import ironic
from seedvm.cloud.connection import Refused, in_thread
from tests.contract.cloud.cloud_http import Answer, cloud, identity_service
from tests.contract.cloud.odd_server import our_cloud
from tests.contract.isolated import isolated, until


@isolated
async def test_a_node_that_is_locked_is_asked_again_and_a_name_that_is_taken_is_not() -> None:
    asked: list[str] = []

    def locked(method: str, path: str, _: Any) -> Answer:
        asked.append(f"{method} {path}")
        busy = method == "POST" or asked.count("PUT /v1/nodes/a/states/provision") < 3
        words = json.dumps({"faultstring": "Node a is locked by host undercloud-0"})
        return (409, {"error_message": words}) if busy else (202, None)

    with cloud({"baremetal": locked}):
        await ironic.provision(our_cloud(), "a", "manage")
        assert asked == ["PUT /v1/nodes/a/states/provision"] * 3
        with pytest.raises(Refused, match="Node a is locked") as told:
            await our_cloud().send("POST", "ironic", "/nodes", {})
    assert (told.value.status, len(asked)) == (409, 4)


@isolated
async def test_a_cancelled_request_sends_nothing_any_more() -> None:
    asked = threading.Event()
    count: list[str] = []

    def locked(method: str, _: str, __: Any) -> Answer:
        count.append(method)
        asked.set()
        return 409, None

    with cloud({"baremetal": locked}):
        task = asyncio.create_task(our_cloud().send("PUT", "ironic", "/nodes/a/states/power", {"target": "power on"}))
        await until(asked.is_set)
        task.cancel()
        began = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 1
        await until(lambda: not any(one.name == "cloud" for one in threading.enumerate()))
    assert count == ["PUT"]


@isolated
async def test_a_cancelled_wait_holds_up_neither_its_caller_nor_the_end_of_the_program() -> None:
    program = (
        "import asyncio, threading\nfrom seedvm.cloud.connection import in_thread\n"
        "async def main():\n"
        "    loop, started = asyncio.get_running_loop(), asyncio.Event()\n"
        "    def work():\n"
        "        loop.call_soon_threadsafe(started.set)\n"
        "        threading.Event().wait()\n"
        "    task = asyncio.create_task(in_thread(work))\n"
        "    await started.wait()\n    task.cancel()\n"
        "asyncio.run(main())\n"
    )
    await process.arun([sys.executable, "-c", program], timeout=100)
    assert await in_thread(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0)


@isolated
async def test_a_minute_of_trouble_is_waited_out_and_noticed() -> None:
    page = (
        "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>"
    )
    notices: list[str] = []
    heard: list[str] = []

    def warming_up(method: str, path: str, _: Any) -> Answer:
        heard.append(f"{method} {path}")
        return (503, page) if len(heard) < 4 else (200, {"nodes": []})

    with cloud({"baremetal": warming_up}), noticed_by(notices.append):
        assert await our_cloud().list_all("ironic", "/nodes", "nodes") == ()
    assert heard == ["GET /v1/nodes"] * 4
    assert len(notices) == 2
    assert "ironic refused GET /nodes: HTTP 503" in notices[0] and "waiting up to 60 s" in notices[0]
    assert "the trouble has passed after" in notices[1]
    assert "<" not in notices[0]


@isolated
async def test_a_login_is_waited_for_before_a_change_is_sent_and_the_change_is_sent_once() -> None:
    sent: list[str] = []
    logins: list[str] = []
    keystone = identity_service(("identity", "baremetal"))

    def refusing(method: str, _: str, __: Any) -> Answer:
        sent.append(method)
        return 503, None

    def warming_up(method: str, path: str, body: Any) -> Answer:
        logins.append(method)
        return (503, None) if len(logins) < 3 else keystone(method, path, body)

    services = {"baremetal": refusing, "identity": warming_up}
    with cloud(services, identity=False), pytest.raises(Refused, match="ironic refused POST /nodes"):
        await our_cloud().send("POST", "ironic", "/nodes", {})
    assert (len(logins), sent) == (3, ["POST"])


@isolated
async def test_a_wait_asks_once_at_a_time_and_sees_each_answer() -> None:
    heard: list[str] = []

    def down(method: str, _: str, __: Any) -> Answer:
        heard.append(method)
        return 503, None

    async def look() -> bool:
        await our_cloud().list_all("ironic", "/nodes", "nodes")
        return True

    with cloud({"baremetal": down}), pytest.raises(TimedOut, match="HTTP 503"):
        await wait_for(look, seconds=2, what="ironic does not list nodes", pause=0.1)
    assert len(heard) > 2
