"""One login: renewed when its token ran out, good at every member, in no trace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from seedvm.base import trace
from seedvm.base.secret import Secret
from seedvm.cloud import glance, heat, keystone
from seedvm.cloud.client import Client, Login, login
from seedvm.cloud.connection import Refused, Unreachable
from tests.contract.cloud.cloud_http import VIP, Answer, Service, cloud
from tests.contract.cloud.odd_server import PASSWORD, http, our_cloud, raw
from tests.contract.isolated import isolated


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
async def test_a_login_that_keystone_refuses_is_named_so_and_holds_no_secret() -> None:
    refusal = '{"error": {"code": 401, "message": "The request you have made requires authentication.", "title": "Unauthorized"}}'
    with raw(5000, *(http("401 Unauthorized", refusal),) * 3):
        with pytest.raises(Unreachable, match="Keystone rejected the login: HTTP 401: The request") as told:
            login(VIP, PASSWORD)
        assert told.value.machine == VIP
        assert "swordfish" not in str(told.value)
        assert not await our_cloud().answers()


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
async def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:3128")
    with cloud({"image": lambda *_: (200, {"images": []})}):
        assert await glance.images(our_cloud(), "x") == ()
