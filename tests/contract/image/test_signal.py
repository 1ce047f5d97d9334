"""The node's word to Heat: `seedvm-configure` against an HTTP server that speaks as Keystone and Heat do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[3] / "elements/os-config/static/usr/local/bin/seedvm-configure"
PASSWORD = "deploy-password-of-the-stack"
DATABASE = "database-password"


class Cloud(ThreadingHTTPServer):
    """Keystone's token call and Heat's signal call; what was signalled is kept."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.signals: list[tuple[str, dict[str, Any]]] = []
        self.refuse = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: Cloud

    def do_GET(self) -> None:
        self._answer(
            200,
            {
                "version": {
                    "id": "v3.14",
                    "status": "stable",
                    "links": [{"rel": "self", "href": f"{self.server.url}/v3/"}],
                }
            },
        )

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/v3/auth/tokens":
            assert body["auth"]["identity"]["password"]["user"] == {"id": "user-1", "password": PASSWORD}
            heat = {
                "interface": "public",
                "region": "RegionOne",
                "region_id": "RegionOne",
                "id": "1",
                "url": f"{self.server.url}/heat/v1/p1",
            }
            catalog = [{"type": "orchestration", "name": "heat", "id": "1", "endpoints": [heat]}]
            token = {
                "expires_at": "2099-01-01T00:00:00.000000Z",
                "issued_at": "2026-01-01T00:00:00.000000Z",
                "methods": ["password"],
            }
            user = {"id": "user-1", "name": "u", "domain": {"id": "d", "name": "d"}}
            self._answer(201, {"token": {**token, "user": user, "catalog": catalog}}, {"X-Subject-Token": "token-1"})
        elif self.server.refuse:
            self.server.refuse -= 1
            self._answer(503, {})
        else:
            assert self.headers["X-Auth-Token"] == "token-1"
            self.server.signals.append((self.path, body))
            self._answer(200, {})

    def _answer(self, code: int, tree: object, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(tree).encode()
        self.send_response(code)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the test looks at what arrived."""


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    server = Cloud()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def configure(tmp_path: Path) -> ModuleType:
    module = ModuleType("seedvm_configure")
    exec(compile(SCRIPT.read_text(), str(SCRIPT), "exec"), module.__dict__)  # not imported: no bytecode beside it
    module.__dict__["STATE"] = tmp_path / "signalled.json"
    return module


def metadata(url: str) -> dict[str, Any]:
    inputs = {
        "deploy_signal_transport": "HEAT_SIGNAL",
        "deploy_auth_url": f"{url}/v3",
        "deploy_user_id": "user-1",
        "deploy_password": PASSWORD,
        "deploy_project_id": "p1",
        "deploy_stack_id": "undercloud-nodes/0c5b",
        "deploy_resource_name": "configured",
    }
    listed = [{"name": name, "type": "String", "value": value} for name, value in inputs.items()]
    return {
        "seedvm": {"site": "demo"},
        "secrets": {"mysql_password": DATABASE, "fernet_keys": [{"index": "0", "key": "fernet-key-number-0"}]},
        "deployments": [
            {"id": "deployment-1", "name": "seedvm", "group": "os-apply-config", "config": {}, "inputs": listed},
            {"id": "deployment-2", "name": "script", "group": "script", "config": "", "inputs": []},
        ],
    }


def test_success_is_told_once_to_the_resource_that_waits(configure: ModuleType, cloud: Cloud) -> None:
    (deployment,) = configure.deployments_of(metadata(cloud.url))
    assert configure.signal(deployment, 0, "")
    assert configure.signal(deployment, 0, "")
    ((path, body),) = cloud.signals
    assert path == "/heat/v1/p1/stacks/undercloud-nodes/0c5b/resources/configured/signal"
    assert body["deploy_status_code"] == 0


def test_failure_is_told_with_its_reason_and_success_after_it_again(configure: ModuleType, cloud: Cloud) -> None:
    (deployment,) = configure.deployments_of(metadata(cloud.url))
    assert configure.signal(deployment, 1, "configure.d/40-mariadb failed (exit code 1)\nno space")
    assert configure.signal(deployment, 0, "")
    assert [body["deploy_status_code"] for _, body in cloud.signals] == [1, 0]
    assert "40-mariadb" in cloud.signals[0][1]["deploy_stderr"]


def test_no_secret_of_the_metadata_is_in_what_is_said(configure: ModuleType, cloud: Cloud) -> None:
    secrets = configure.secrets_of(metadata(cloud.url))
    said = configure.hidden(f"mysql://nova:{DATABASE}@127.0.0.1 fernet-key-number-0 {PASSWORD} demo", secrets)
    assert said == "mysql://nova:****@127.0.0.1 **** **** demo"


def test_a_heat_that_is_not_there_yet_is_asked_again(configure: ModuleType, cloud: Cloud) -> None:
    cloud.refuse = 1
    (deployment,) = configure.deployments_of(metadata(cloud.url))
    assert configure.signal(deployment, 0, "")
    assert len(cloud.signals) == 1
