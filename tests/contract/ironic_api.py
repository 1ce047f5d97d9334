"""The seed's cloud as far as registration and inspection use it: a login, Heat without a stack, and Ironic's nodes as a state machine.

An emulator on real sockets, for one test's namespace. It refuses what Ironic refuses: a name or MAC given twice, a verb that does not
fit the state, a patch that removes what is not there. Every answer to a node in motion moves it one step further.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from seedvm import proc

VIP = "172.22.0.5"
PORTS = {"identity": 5000, "baremetal": 6385, "orchestration": 8004, "image": 9292}
DIGEST = "0" * 64
_NEXT = {
    ("enroll", "manage"): ("verifying", "manageable"),
    ("manageable", "inspect"): ("inspecting", "inspect wait"),
    ("inspect failed", "inspect"): ("inspecting", "inspect wait"),
    ("inspect failed", "manage"): ("manageable",),
    ("manageable", "provide"): ("cleaning", "available"),
    ("available", "manage"): ("manageable",),
}
_NODE = {
    "provision_state": "enroll", "target_provision_state": None, "power_state": None, "maintenance": False, "maintenance_reason": None,
    "last_error": None, "instance_uuid": None, "reservation": None, "inspection_finished_at": None, "deploy_step": None, "boot_mode": None,
}  # fmt: skip


@dataclass
class Metal:
    """A machine behind a node, by its BMC: what an inspection finds, in which mode its firmware boots, whether it boots at all."""

    hardware: dict[str, Any]
    mode: str = "bios"
    said_mode: str | None = None
    dead: bool = False
    stays_on: bool = False


@dataclass
class IronicApi:
    """`nodes` and `ports` by id; `log` holds (method, path, body) of every request that changes something."""

    metal: dict[str, Metal]
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    ports: list[dict[str, Any]] = field(default_factory=list)
    found: dict[str, dict[str, Any]] = field(default_factory=dict)
    log: list[tuple[str, str, Any]] = field(default_factory=list)
    ahead: dict[str, list[str]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def orders(self, word: str) -> list[str]:
        """The BMCs of the nodes whose provision or power was ordered to `word`, in order."""
        said = [(path.split("/")[2], body) for method, path, body in self.log if "/states/" in path]
        return [str(self.nodes[node]["extra"]["seedvm_bmc"]) for node, body in said if body["target"] == word]

    def node(self, bmc: str) -> dict[str, Any]:
        return next(one for one in self.nodes.values() if one["extra"]["seedvm_bmc"] == bmc)

    def create(self, body: dict[str, Any]) -> tuple[int, Any]:
        if any(one["name"] == body["name"] for one in self.nodes.values()):
            return 409, {"error_message": json.dumps({"faultstring": "A node with this name already exists."})}
        made = {**_NODE, **body, "uuid": str(uuid.uuid4()), "traits": []}
        self.nodes[made["uuid"]] = made
        return 201, made

    def add_port(self, body: dict[str, Any]) -> tuple[int, Any]:
        if any(one["address"] == body["address"] for one in self.ports):
            return 409, {"error_message": json.dumps({"faultstring": "A port with this MAC already exists."})}
        self.ports.append({**body, "uuid": str(uuid.uuid4())})
        return 201, self.ports[-1]

    def patch(self, node: dict[str, Any], steps: list[dict[str, Any]]) -> tuple[int, Any]:
        for step in steps:
            *path, last = step["path"].strip("/").split("/")
            tree = node
            for name in path:
                tree = tree[name]
            if step["op"] == "remove" and last not in tree:
                return 400, {"error_message": json.dumps({"faultstring": f"no {step['path']}"})}
            if step["op"] == "remove":
                del tree[last]
            else:
                tree[last] = step["value"]
        return 200, node

    def order(self, node: dict[str, Any], what: str, target: str) -> tuple[int, Any]:
        if what == "power":
            stuck = self.metal[node["extra"]["seedvm_bmc"]].stays_on
            node["power_state"], node["last_error"] = ("power on", "the BMC says busy") if stuck else (target, None)
            return 202, None
        if node["maintenance"]:
            return 400, {"error_message": json.dumps({"faultstring": "the node is in maintenance"})}
        states = _NEXT.get((node["provision_state"], target))
        if states is None:
            return 400, {"error_message": json.dumps({"faultstring": f"{target} in {node['provision_state']}"})}
        if target == "inspect" and not any(one["node_uuid"] == node["uuid"] for one in self.ports):
            return 400, {"error_message": json.dumps({"faultstring": "the node has no port"})}
        node["provision_state"], *rest = states
        self.ahead[node["uuid"]] = rest
        return 202, None

    def move(self, node: dict[str, Any]) -> None:
        """One step further, if it is in motion."""
        behind = self.metal[node["extra"]["seedvm_bmc"]]
        if rest := self.ahead.get(node["uuid"]):
            node["provision_state"] = rest.pop(0)
            if node["provision_state"] == "manageable":
                node["boot_mode"], node["power_state"] = behind.said_mode, node["power_state"] or "power off"
        elif node["provision_state"] == "inspect wait":
            serves = str(node["properties"].get("capabilities")).rpartition("boot_mode:")[2]
            if behind.dead or serves != behind.mode:
                node["provision_state"], node["last_error"] = (
                    "inspect failed",
                    "timeout reached while inspecting the node",
                )
                return
            node["provision_state"], node["power_state"] = "manageable", "power on"
            node["inspection_finished_at"] = datetime.now(UTC).isoformat(timespec="seconds")
            self.found[node["uuid"]] = behind.hardware


@contextlib.contextmanager
def ironic_api(metal: dict[str, Metal]) -> Iterator[IronicApi]:
    """The cloud at the VIP, until the block ends."""
    api = IronicApi(metal)
    proc.run(["ip", "address", "replace", f"{VIP}/32", "dev", "lo"], timeout=10)
    servers = [ThreadingHTTPServer((VIP, port), _handler(api, service)) for service, port in PORTS.items()]
    threads = [threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield api
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def _handler(api: IronicApi, service: str) -> type[BaseHTTPRequestHandler]:
    answer = {"identity": _identity, "baremetal": _baremetal, "orchestration": _orchestration, "image": _image}[service]

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(raw) if raw else None
            with api.lock:
                status, said = answer(api, self.command, self.path.rstrip("/"), body)
                if self.command != "GET" and service == "baremetal":
                    api.log.append((self.command, self.path.removeprefix("/v1"), body))
                text = b"" if said is None else json.dumps(said).encode()
            self.send_response(status)
            for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(text)))):
                self.send_header(name, value)
            if service == "identity" and self.command == "POST":
                self.send_header("X-Subject-Token", "token")
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815  # names of http.server

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on the terminal."""

    return Handler


def _link(service: str, path: str) -> list[dict[str, str]]:
    return [{"rel": "self", "href": f"http://{VIP}:{PORTS[service]}{path}"}]


def _identity(_: IronicApi, method: str, path: str, __: Any) -> tuple[int, Any]:
    version = {"id": "v3.14", "status": "stable", "links": _link("identity", "/v3/")}
    if method == "GET":
        return (200, {"version": version}) if path == "/v3" else (300, {"versions": {"values": [version]}})
    where = {"baremetal": "", "orchestration": "/v1/project", "identity": "/v3", "image": ""}
    catalog = [
        {
            "type": service, "name": service, "id": service,
            "endpoints": [{"interface": "public", "region": "RegionOne", "region_id": "RegionOne", "id": service,
                           "url": f"http://{VIP}:{port}{where[service]}"}],
        }
        for service, port in PORTS.items()
    ]  # fmt: skip
    times = {"issued_at": "2026-01-01T00:00:00.000000Z", "expires_at": "2099-01-01T00:00:00.000000Z"}
    project = {"id": "project", "name": "admin", "domain": {"id": "default", "name": "Default"}}
    user = {"id": "admin", "name": "admin", "domain": project["domain"]}
    token = {**times, "methods": ["password"], "user": user, "project": project, "roles": [], "catalog": catalog}
    return 201, {"token": token}


def _orchestration(_: IronicApi, __: str, path: str, ___: Any) -> tuple[int, Any]:
    if "stacks" in path:
        return 200, {"stacks": []}
    return 200, {"versions": [{"id": "v1.0", "status": "CURRENT", "links": _link("orchestration", "/v1/")}]}


def _image(_: IronicApi, __: str, path: str, ___: Any) -> tuple[int, Any]:
    """The deploy ramdisk is there, whatever is asked."""
    if "/images" not in path:
        return 300, {"versions": [{"id": "v2.16", "status": "CURRENT", "links": _link("image", "/v2/")}]}
    names = ("seedvm-ramdisk-kernel", "seedvm-ramdisk-initramfs")
    more = {"status": "active", "size": 1, "disk_format": "aki", "seedvm_sha256": DIGEST}
    return 200, {"images": [{**more, "id": f"id-of-{name}", "name": name} for name in names]}


def _baremetal(api: IronicApi, method: str, path: str, body: Any) -> tuple[int, Any]:
    path, _, query = path.removeprefix("/v1").partition("?")
    version = {
        "id": "v1",
        "status": "CURRENT",
        "min_version": "1.1",
        "version": "1.96",
        "links": _link("baremetal", "/v1/"),
    }
    if not path:
        return 200, {"default_version": version, "versions": [version], "version": version, "id": "v1"}
    if path == "/nodes":
        return api.create(body) if method == "POST" else (200, {"nodes": list(api.nodes.values())})
    if path == "/ports":
        wanted = re.search(r"node=([^&]+)", query)
        ports = [one for one in api.ports if not wanted or one["node_uuid"] == wanted[1]]
        return api.add_port(body) if method == "POST" else (200, {"ports": ports})
    node = api.nodes[path.split("/")[2]]
    match path.split("/")[3:]:
        case [] if method == "PATCH":
            return api.patch(node, body)
        case []:
            api.move(node)
            return 200, node
        case ["inventory"]:
            there = node["uuid"] in api.found
            return (200, api.found[node["uuid"]]) if there else (404, {"error_message": "{}"})
        case ["states", what]:
            return api.order(node, what, body["target"])
        case ["maintenance"] if method == "DELETE":
            node["maintenance"], node["maintenance_reason"] = False, None
            return 202, None
        case ["maintenance"]:
            node["maintenance"], node["maintenance_reason"] = True, body["reason"]
            return 202, None
        case ["traits"]:
            node["traits"] = body["traits"]
            return 204, None
    return 404, None
