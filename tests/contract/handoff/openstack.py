"""The undercloud's services as each controller answers for them: one cloud behind all of them, on real sockets in each one's namespace.

A machine's own port answers for itself, the VIP's for whoever holds it; there writes are refused while HAProxy's map says so. It
refuses what the services refuse: a request without a token, an unknown id.
"""

from __future__ import annotations

import contextlib
import json
import re
import selectors
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.contract.cloud.cloud_http import VIP, versions
from tests.contract.handoff.haproxy import Haproxy
from tests.contract.handoff.machine import Machine

PORTS = {
    "identity": 5000, "image": 9292, "placement": 8778, "compute": 8774, "network": 9696, "baremetal": 6385, "orchestration": 8004,
}  # fmt: skip
_NAMES = {
    "identity": "keystone", "image": "glance", "placement": "placement", "compute": "nova", "network": "neutron",
    "baremetal": "ironic", "orchestration": "heat",
}  # fmt: skip
_WHERE = {"orchestration": "/v1/project", "identity": "/v3", "compute": "/v2.1"}
Answer = tuple[int, Any]


@dataclass
class Asked:
    """One request as it came in: at whose door, and whether through the VIP."""

    machine: str
    service: str
    method: str
    path: str
    body: Any
    token: str
    subject: str


@dataclass
class Cloud:
    """`alive(machine)` says which workers run there; `broken` are (machine, service) that answer 500, `silent` who answers nothing.

    `stack` is the undercloud's, `made` are those that were created later, `others` those of other projects, which Heat's policy lets an
    admin list or not.
    """

    password: str
    alive: Callable[[str], set[str]]
    machines: list[str]
    broken: set[tuple[str, str]] = field(default_factory=set)
    strange: set[str] = field(default_factory=set)
    listed: set[str] = field(default_factory=set)
    rows: dict[str, set[str]] = field(default_factory=dict)
    credentials: dict[str, dict[str, Any]] = field(default_factory=dict)
    images: dict[str, tuple[str, bytes, str]] = field(default_factory=dict)
    servers: dict[str, dict[str, Any]] = field(default_factory=dict)
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    stack: dict[str, Any] = field(default_factory=dict)
    updates: list[Any] = field(default_factory=list)
    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    others: list[dict[str, Any]] = field(default_factory=list)
    fails_update: bool = False
    lists_all_projects: bool = True
    endpoints: list[dict[str, Any]] = field(default_factory=list)
    networking: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    deployments: list[dict[str, Any]] = field(default_factory=list)
    _made: int = 0

    def answer(self, asked: Asked) -> Answer:
        if (asked.machine, asked.service) in self.broken:
            return 500, {"error": "the database is gone"}
        path = asked.path.partition("?")[0].rstrip("/")
        if asked.service != "identity" and path.count("/") > 1 and not asked.token:
            return 401, {"error": {"message": "The request you have made requires authentication."}}
        return _SERVICES[asked.service](self, asked, path)

    def make(self, name: str) -> str:
        self._made += 1
        return f"{name}-{self._made}"


def _identity(cloud: Cloud, asked: Asked, path: str) -> Answer:
    kind, _, one = path.removeprefix("/v3/").partition("/")
    if path == "/v3/auth/tokens" and asked.method == "POST":
        given = asked.body["auth"]["identity"]["password"]["user"]["password"]
        return (201, {"token": _token()}) if given == cloud.password else (401, None)
    if path in ("", "/v3"):
        version = {"id": "v3.14", "status": "stable", "links": [{"rel": "self", "href": f"http://{VIP}:5000/v3/"}]}
        return (200, {"version": version}) if path else (300, {"versions": {"values": [version]}})
    if not asked.token:
        return 401, None
    if path == "/v3/auth/catalog":
        return 200, {"catalog": _token()["catalog"]}
    if kind == "auth":
        return (
            (200, {"token": _token()})
            if asked.subject == "token" and asked.machine not in cloud.strange
            else (404, None)
        )
    if kind == "credentials" and asked.method == "POST":
        made = {**asked.body["credential"], "id": cloud.make("credential")}
        cloud.credentials[made["id"]] = made
        return 201, {"credential": made}
    if kind == "credentials" and not one:
        return 200, {"credentials": list(cloud.credentials.values())}
    if kind == "credentials" and one not in cloud.credentials:
        return 404, None
    if kind == "credentials" and asked.method == "DELETE":
        del cloud.credentials[one]
        return 204, None
    if kind == "credentials":
        found = dict(cloud.credentials[one])
        return 200, {"credential": {**found, "blob": "?"} if asked.machine in cloud.strange else found}
    if kind == "OS-TRUST":
        return 200, {"trust": {"id": one}}
    users, projects = [{"id": "admin", "name": "admin"}], [{"id": "project", "name": "admin"}]
    return 200, {"users": users, "projects": projects, "endpoints": cloud.endpoints}


def _token() -> dict[str, Any]:
    project = {"id": "project", "name": "admin", "domain": {"id": "default", "name": "Default"}}
    where = {"interface": "public", "region": "RegionOne", "region_id": "RegionOne"}
    catalog = [
        {
            "type": kind,
            "name": _NAMES[kind],
            "id": kind,
            "endpoints": [{**where, "id": kind, "url": f"http://{VIP}:{port}{_WHERE.get(kind, '')}"}],
        }
        for kind, port in PORTS.items()
    ]
    times = {"issued_at": "2026-01-01T00:00:00.000000Z", "expires_at": "2099-01-01T00:00:00.000000Z"}
    user = {"id": "admin", "name": "admin", "domain": project["domain"]}
    return {**times, "methods": ["password"], "user": user, "project": project, "roles": [], "catalog": catalog}


def _orchestration(cloud: Cloud, asked: Asked, path: str) -> Answer:
    rest = path.removeprefix("/v1/project")
    if not path.startswith("/v1/"):
        return versions("orchestration", "/v1/", "v1.0")
    if rest == "/services":
        alive = {name: "up" if "heat-engine" in cloud.alive(name) else "down" for name in sorted(cloud.rows["heat"])}
        engines = [{"hostname": name, "status": status} for name, status in alive.items()]
        return 200, {"services": engines}
    if rest == "/software_deployments":
        return 200, {"software_deployments": cloud.deployments}
    if rest == "/stacks" and asked.method == "POST":
        return _made_stack(cloud, asked)
    if rest == "/stacks":
        return _stacks(cloud, asked)
    name = rest.split("/")[2]
    stack = cloud.made.get(name, cloud.stack)
    if asked.method == "DELETE":
        cloud.made.pop(name, None)
        return 204, None
    if asked.method == "PATCH":
        if stack["stack_status"].endswith("IN_PROGRESS"):
            return 409, {"error": {"message": "Stack undercloud already has an action (UPDATE) in progress."}}
        cloud.updates.append(asked.body)
        given = {name: str(value) for name, value in asked.body.get("parameters", {}).items()}
        stack["parameters"] = {**stack["parameters"], **given}
        tags = [asked.body["tags"]] if "tags" in asked.body else stack["tags"]
        stack.update(stack_status="UPDATE_IN_PROGRESS", tags=tags, updated_time=cloud.make("time"))
        return 202, None
    return 200, {"stack": {**stack, "stack_status_reason": "node 1: no signal" if cloud.fails_update else ""}}


def _stacks(cloud: Cloud, asked: Asked) -> Answer:
    """A list of them, and what was in progress has ended by the next look. An update of the undercloud's may fail, no other does."""
    everywhere = "global_tenant=true" in asked.path
    if everywhere and not cloud.lists_all_projects:
        return 403, {"error": {"message": "You are not authorized to complete this action."}}
    wanted = re.search(r"[?&]name=([^&]+)", asked.path)
    there = [one for one in (cloud.stack, *cloud.made.values(), *(cloud.others if everywhere else ())) if one]
    listed = [dict(one) for one in there if not wanted or wanted[1] == one["stack_name"]]
    for one in (cloud.stack, *cloud.made.values()):
        if one and one["stack_status"] == "UPDATE_IN_PROGRESS":
            failed = cloud.fails_update and one is cloud.stack
            one["stack_status"] = "UPDATE_FAILED" if failed else "UPDATE_COMPLETE"
    return 200, {"stacks": listed}


def _made_stack(cloud: Cloud, asked: Asked) -> Answer:
    name = asked.body["stack_name"]
    cloud.made[name] = {
        "id": cloud.make("stack"), "stack_name": name, "stack_status": "CREATE_COMPLETE", "stack_status_reason": "",
        "parameters": {}, "updated_time": None, "tags": [],
    }  # fmt: skip
    return 201, {"stack": {"id": cloud.made[name]["id"]}}


def _compute(cloud: Cloud, asked: Asked, path: str) -> Answer:
    if not path.startswith("/v2.1/"):
        return versions("compute", "/v2.1/", "v2.1", min_version="2.1", version="2.96")
    if "/os-services" in path:
        return _workers(cloud, asked, path, "services", ("nova-compute", "nova-scheduler", "nova-conductor"))
    if path.endswith("/os-keypairs"):
        return 200, {"keypairs": [{"keypair": {"name": "site"}}]}
    return 200, {"servers": list(cloud.servers.values())}


def _network(cloud: Cloud, asked: Asked, path: str) -> Answer:
    if "/agents" in path:
        return _workers(cloud, asked, path, "agents", ("ironic-neutron-agent",))
    kind = path.rpartition("/")[2]
    if kind == "ports":
        return 200, {"ports": [{"id": "port-1", "mac_address": "52:54:00:00:00:01"}, *cloud.networking.get(kind, [])]}
    if kind in ("subnets", "routers"):
        return (200, {kind: cloud.networking[kind]}) if kind in cloud.networking else (404, None)
    if path.endswith("/networks"):
        return 200, {"networks": [{"id": "net-1", "name": "provisioning", "subnets": ["subnet-1"]}]}
    return versions("network", "/v2.0/", "v2.0")


def _workers(cloud: Cloud, asked: Asked, path: str, kind: str, binaries: tuple[str, ...]) -> Answer:
    """Rows of workers: those of a machine that left stay listed, down, until somebody deletes them."""
    rows = [
        {
            "id": f"{binary}+{name}",
            "binary": binary,
            "host": name,
            "state": "up" if binary in cloud.alive(name) else "down",
        }
        for name in cloud.machines
        for binary in binaries
        if f"{binary}+{name}" in cloud.listed
    ]
    if asked.method == "DELETE":
        cloud.listed.discard(path.rpartition("/")[2])
        return 204, None
    return 200, {kind: rows}


def _baremetal(cloud: Cloud, asked: Asked, path: str) -> Answer:
    rest = path.removeprefix("/v1")
    if not rest or not path.startswith("/v1"):
        return versions("baremetal", "/v1/", "v1", min_version="1.1", version="1.96")
    if rest == "/conductors":
        return 200, {
            "conductors": [
                {"hostname": n, "alive": "ironic-conductor" in cloud.alive(n)} for n in sorted(cloud.rows["ironic"])
            ]
        }
    if rest == "/ports":
        ports = [
            {"uuid": f"p-{one}", "address": f"52:54:00:00:01:{i:02x}", "node_uuid": one}
            for i, one in enumerate(cloud.nodes)
        ]
        return 200, {"ports": ports}
    if rest == "/nodes":
        wanted = re.search(r"provision_state=([^&]+)", asked.path)
        listed = [one for one in cloud.nodes.values() if not wanted or one["provision_state"] == wanted[1]]
        return 200, {"nodes": listed}
    node = cloud.nodes.get(rest.split("/")[2])
    if node is None:
        return 404, {"error_message": "{}"}
    return (202, None) if rest.endswith("/states/power") else (200, node)


def _image(cloud: Cloud, asked: Asked, path: str) -> Answer:
    if not path.startswith("/v2/"):
        return versions("image", "/v2/", "v2.16")
    if path.endswith("/file"):
        return 200, cloud.images[path.split("/")[3]][1]
    listed = [
        {"id": key, "name": name, "size": len(data), "os_hash_value": sha, "status": "active"}
        for key, (name, data, sha) in cloud.images.items()
    ]
    return 200, {"images": listed}


def _placement(_: Cloud, __: Asked, ___: str) -> Answer:
    return versions("placement", "/", "v1.0", min_version="1.0", max_version="1.39")


_SERVICES: dict[str, Callable[[Cloud, Asked, str], Answer]] = {
    "identity": _identity, "orchestration": _orchestration, "compute": _compute, "network": _network, "baremetal": _baremetal,
    "image": _image, "placement": _placement,
}  # fmt: skip


class Servers:
    """The sockets of all machines, served by one thread; each connection by one of its own."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud, self.silent = cloud, set[str]()
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._open = True

    def listen(self, machine: Machine, haproxy: Haproxy) -> None:
        """In the calling thread's network namespace, which is the machine's."""
        for service, port in PORTS.items():
            self._selector.register(
                socket.create_server(("0.0.0.0", port), backlog=64), selectors.EVENT_READ, (machine, haproxy, service)
            )
        ssh = socket.create_server(("0.0.0.0", 22))
        self._selector.register(ssh, selectors.EVENT_READ, (machine, haproxy, ""))

    def start(self) -> None:
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._open = False

    def _serve(self) -> None:
        while self._open:
            for key, _ in self._selector.select(0.05):
                assert isinstance(key.fileobj, socket.socket)
                machine, haproxy, service = key.data
                line, peer = key.fileobj.accept()
                if not service or machine.name in self.silent:
                    line.close()
                else:
                    threading.Thread(
                        target=self._talk, args=(line, peer, machine.name, haproxy, service), daemon=True
                    ).start()
        for key in list(self._selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()

    def _talk(self, line: socket.socket, peer: Any, name: str, haproxy: Haproxy, service: str) -> None:
        cloud, lock = self.cloud, self._lock

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60

            def _serve(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                through_vip = self.connection.getsockname()[0] == VIP
                writes = self.command != "GET" and self.path != "/v3/auth/tokens"
                words = [self.headers.get(key, "") for key in ("X-Auth-Token", "X-Subject-Token")]
                asked = Asked(name, service, self.command, self.path, json.loads(raw) if raw else None, *words)
                with lock:
                    status, said = (503, None) if through_vip and writes and haproxy.held else cloud.answer(asked)
                    text = said if isinstance(said, bytes) else b"" if said is None else json.dumps(said).encode()
                self.send_response(status)
                for key, value in (("Content-Type", "application/json"), ("Content-Length", str(len(text)))):
                    self.send_header(key, value)
                if self.command == "POST" and status == 201:
                    self.send_header("X-Subject-Token", "token")
                if self.close_connection:
                    self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815  # names of http.server

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing on the terminal."""

        with line, contextlib.suppress(OSError):
            Handler(line, peer, None)  # type: ignore[arg-type]  # no server behind it
