"""The one OpenStack client over real HTTP: pages to the last, a locked node, silence, half answers, pages of HTML, a token that ran out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seedvm.base import process, trace
from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.cloud import glance, heat, ironic, keystone, nova
from seedvm.cloud.client import Client, Login, login
from seedvm.cloud.connection import Cloud, CloudAccess, Refused, Unreachable, in_thread
from seedvm.cloud.probe import probe
from tests.contract.cloud.cloud_http import VIP, Answer, Service, cloud
from tests.contract.isolated import isolated, until

PASSWORD = Secret("swordfish")
MEMBER = "172.22.0.11"


def our_cloud() -> Cloud:
    return Cloud(CloudAccess(VIP, PASSWORD))


def paged(items: list[dict[str, Any]], key: str, size: int, link: str) -> Service:
    """A list as that service cuts it; its links name the VIP, whoever is asked."""

    def answer(_: str, path: str, __: Any) -> Answer:
        asked, _, query = path.partition("?")
        first = int(dict(part.split("=") for part in query.split("&") if part).get("marker", 0))
        more = f"http://192.0.2.99:1{asked}?marker={first + size}" if first + size < len(items) else None
        links: dict[str, Any] = {"next": {"next": more}, "links": {"links": {"next": more, "self": "x"}}}.get(link, {})
        if link.endswith("_links") and more:
            links = {link: [{"rel": "previous", "href": "x"}, {"rel": "next", "href": more}]}
        return 200, {key: items[first : first + size], **links}

    return answer


@contextlib.contextmanager
def raw(port: int, *says: bytes, address: str = VIP) -> Iterator[list[bytes]]:
    """A server that says exactly these bytes, one for each connection, and is silent when it has said them all."""
    process.run(["ip", "address", "replace", f"{address}/32", "dev", "lo"], timeout=60)
    heard: list[bytes] = []
    held: list[socket.socket] = []
    server = socket.create_server((address, port))

    def serve() -> None:
        words = iter(says)
        with contextlib.suppress(OSError):
            while True:
                peer, _ = server.accept()
                heard.append(peer.recv(65536))
                said = next(words, None)
                if said is None:
                    held.append(peer)
                else:
                    peer.sendall(said)
                    peer.close()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield heard
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        for peer in held:
            peer.close()


def http(status: str, body: str, kind: str = "application/json", length: int | None = None) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n"
    return (head + body).encode()


@isolated
@pytest.mark.parametrize(
    ("name", "service", "path", "key", "link"),
    [
        ("baremetal", "ironic", "/ports", "ports", "next"),
        ("image", "glance", "/images", "images", "next"),
        ("compute", "nova", "/servers/detail", "servers", "servers_links"),
        ("network", "neutron", "/networks", "networks", "networks_links"),
        ("orchestration", "heat", "/stacks", "stacks", "links"),
    ],
)
async def test_a_list_is_followed_to_its_last_page(name: str, service: str, path: str, key: str, link: str) -> None:
    items = [{"id": str(number)} for number in range(2500)]
    with cloud({name: paged(items, key, 1000, link)}):
        found = await our_cloud().list_all(service, path, key)
    assert [one.text("id") for one in found] == [one["id"] for one in items]


@isolated
async def test_a_list_that_is_cut_or_follows_itself_is_an_error_and_no_short_list() -> None:
    def around(_: str, __: str, ___: Any) -> Answer:
        return 200, {"ports": [{"id": "1"}], "next": f"http://{VIP}:6385/v1/ports?marker=1"}

    with cloud({"baremetal": around, "image": lambda *_: (200, {"images": [], "truncated": True})}):
        with pytest.raises(SeedvmError, match="endless list"):
            await our_cloud().list_all("ironic", "/ports", "ports")
        with pytest.raises(SeedvmError, match="did not list all images"):
            await our_cloud().list_all("glance", "/images", "images")


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
        "import asyncio, time\nfrom seedvm.cloud.connection import in_thread\n"
        "async def main():\n"
        "    task = asyncio.create_task(in_thread(lambda: time.sleep(300)))\n"
        "    await asyncio.sleep(0.1)\n    task.cancel()\n"
        "asyncio.run(main())\n"
    )
    await process.arun([sys.executable, "-c", program], timeout=100)
    assert await in_thread(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 // 0)


@isolated
async def test_a_token_that_ran_out_is_renewed_once_and_no_more() -> None:
    tokens: list[str] = []
    good = "token-2"

    def accepts(token: str) -> bool:
        tokens.append(token)
        return token == good

    with cloud({"baremetal": lambda *_: (200, {"nodes": []})}, accepts=accepts):
        client = login(VIP, PASSWORD)
        assert client.list_all("ironic", "/nodes", "nodes") == ()
        assert tokens == ["token-1", "token-2"]
        good = "nobody's"
        with pytest.raises(Refused, match="HTTP 401: The request you have made requires authentication") as told:
            client.list_all("ironic", "/nodes", "nodes")
    assert tokens == ["token-1", "token-2", "token-2", "token-3"]
    assert "swordfish" not in str(told.value)
    assert "token-" not in str(told.value)


@isolated
async def test_a_trace_has_every_request_and_neither_password_nor_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "trace.jsonl"
    monkeypatch.setenv(trace.VARIABLE, str(path))
    with cloud({"baremetal": lambda *_: (200, {"nodes": []})}, accepts=lambda token: token == "token-2"):
        client = login(VIP, PASSWORD)
        client.list_all("ironic", "/nodes?detail=true", "nodes")
        with pytest.raises(Unreachable):
            client.get("nova", "/servers")
    told = [one for one in map(json.loads, path.read_text().splitlines()) if one["kind"] == "api"]
    assert all(one["ms"] > 0 for one in told)
    assert [(one["method"], one["address"], one["path"], one["result"]) for one in told[:-1]] == [
        ("POST", f"{VIP}:5000", "/v3/auth/tokens?nocatalog", 201),
        ("GET", f"{VIP}:6385", "/v1/nodes?detail=true", 401),
        ("POST", f"{VIP}:5000", "/v3/auth/tokens?nocatalog", 201),
        ("GET", f"{VIP}:6385", "/v1/nodes?detail=true", 200),
    ]
    assert (told[-1]["path"], "Connection refused" in told[-1]["result"]) == ("/v2.1/servers", True)
    assert "swordfish" not in path.read_text() and "token-" not in path.read_text()


@isolated
async def test_one_login_is_good_at_each_member_and_follows_no_link_to_the_vip() -> None:
    items = [{"id": str(number)} for number in range(5)]
    with cloud({"baremetal": paged(items, "ports", 2, "next")}):
        here = login(VIP, PASSWORD)
    with cloud({"baremetal": paged(items, "ports", 2, "next")}, address=MEMBER, identity=False):
        there = here.at(MEMBER, name="undercloud-1")
        assert len(there.list_all("ironic", "/ports", "ports")) == 5
        with pytest.raises(Unreachable) as told:
            there.get("nova", "/servers")
    assert told.value.machine == "undercloud-1"
    assert told.value.why == f"http://{MEMBER}:8774: Connection refused"


@isolated
async def test_heat_is_asked_in_the_project_of_the_token() -> None:
    asked: list[str] = []

    def heat_says(_: str, path: str, __: Any) -> Answer:
        asked.append(path)
        return 200, {"services": [{"status": "up"}]}

    with cloud({"orchestration": heat_says}):
        assert await heat.engine_alive(our_cloud())
        own = Client(VIP, Login(token=Secret("theirs"), project="given"))
        assert own.get("heat", "/services").items("services")
    assert asked == ["/v1/project/services", "/v1/given/services"]


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
async def test_a_login_that_keystone_refuses_is_named_so_and_holds_no_secret() -> None:
    refusal = '{"error": {"code": 401, "message": "The request you have made requires authentication.", "title": "Unauthorized"}}'
    with raw(5000, *(http("401 Unauthorized", refusal),) * 3):
        with pytest.raises(Unreachable, match="Keystone rejected the login: HTTP 401: The request") as told:
            login(VIP, PASSWORD)
        assert told.value.machine == VIP
        assert "swordfish" not in str(told.value)
        assert not await our_cloud().answers()


@isolated
async def test_what_a_service_leaves_out_is_named() -> None:
    with cloud({"baremetal": lambda *_: (200, {"nodes": [{"name": "a"}]}), "compute": lambda *_: (200, [])}):
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
async def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:3128")
    with cloud({"image": lambda *_: (200, {"images": []})}):
        assert await glance.images(our_cloud(), "x") == ()


@isolated
async def test_admin_works_where_the_catalogue_names_every_service() -> None:
    quiet: Service = lambda *_: (200, {})  # noqa: E731
    others = ("baremetal", "orchestration", "image", "compute", "network", "placement")
    with cloud(dict.fromkeys(others, quiet)):
        assert await keystone.silent(VIP) == ()
        assert await keystone.admin_works(our_cloud())
    with cloud(dict.fromkeys(others[1:], quiet)):
        assert await keystone.silent(VIP) == ("ironic",)
        assert not await keystone.admin_works(our_cloud())


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
