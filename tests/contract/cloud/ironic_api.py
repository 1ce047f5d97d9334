"""The seed's cloud as far as registration and inspection use it: a login, Heat without a stack, and Ironic's nodes as a state machine.

An emulator on real sockets, for one test's namespace. It refuses what Ironic refuses: a name or MAC given twice, a verb that does not
fit the state, a patch that removes what is not there. Every answer to a node in motion moves it one step further.
"""

from __future__ import annotations

import contextlib
import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from tests.contract.cloud.cloud_http import DIGEST, Answer, cloud, versions

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
    """A machine behind a node, by its BMC: what an inspection finds, in which mode its firmware boots, whether it boots at all.

    `odd` holds what Ironic answers for its node alone, by method and end of the path ("POST /nodes", "PATCH", "GET /inventory")."""

    hardware: Any
    mode: str = "bios"
    said_mode: str | None = None
    dead: bool = False
    stays_on: bool = False
    odd: dict[str, Answer] = field(default_factory=dict)


@dataclass
class IronicApi:
    """`nodes` and `ports` by id; `log` holds (method, path, body) of every request that changes something."""

    metal: dict[str, Metal]
    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    ports: list[dict[str, Any]] = field(default_factory=list)
    found: dict[str, dict[str, Any]] = field(default_factory=dict)
    log: list[tuple[str, str, Any]] = field(default_factory=list)
    ahead: dict[str, list[str]] = field(default_factory=dict)

    def orders(self, word: str) -> list[str]:
        """The BMCs of the nodes whose provision or power was ordered to `word`, in order."""
        said = [(path.split("/")[2], body) for method, path, body in self.log if "/states/" in path]
        return [str(self.nodes[node]["extra"]["seedvm_bmc"]) for node, body in said if body["target"] == word]

    def node(self, bmc: str) -> dict[str, Any]:
        return next(one for one in self.nodes.values() if one["extra"]["seedvm_bmc"] == bmc)

    def odd(self, method: str, path: str, body: Any) -> Answer | None:
        """The answer that this machine's node alone gets."""
        if path == "/nodes" and method == "POST":
            bmc = body["extra"]["seedvm_bmc"]
        elif (node := self.nodes.get(path.split("/")[2] if path.startswith("/nodes/") else "")) is not None:
            bmc = node["extra"]["seedvm_bmc"]
        else:
            return None
        said = ((key.partition(" "), answer) for key, answer in self.metal[bmc].odd.items())
        return next((answer for (verb, _, end), answer in said if verb == method and path.endswith(end)), None)

    def create(self, body: dict[str, Any]) -> Answer:
        if any(one["name"] == body["name"] for one in self.nodes.values()):
            return 409, {"error_message": json.dumps({"faultstring": "A node with this name already exists."})}
        made = {**_NODE, **body, "uuid": str(uuid.uuid4()), "traits": []}
        self.nodes[made["uuid"]] = made
        return 201, made

    def add_port(self, body: dict[str, Any]) -> Answer:
        if any(one["address"] == body["address"] for one in self.ports):
            return 409, {"error_message": json.dumps({"faultstring": "A port with this MAC already exists."})}
        self.ports.append({**body, "uuid": str(uuid.uuid4())})
        return 201, self.ports[-1]

    def patch(self, node: dict[str, Any], steps: list[dict[str, Any]]) -> Answer:
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

    def order(self, node: dict[str, Any], what: str, target: str) -> Answer:
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
    with cloud({"baremetal": partial(_answered, api), "orchestration": _orchestration, "image": _image}):
        yield api


def _orchestration(_: str, path: str, __: Any) -> Answer:
    if "stacks" in path:
        return 200, {"stacks": []}
    return versions("orchestration", "/v1/", "v1.0")


def _image(_: str, path: str, __: Any) -> Answer:
    """The deploy ramdisk is there, whatever is asked."""
    if "/images" not in path:
        return versions("image", "/v2/", "v2.16")
    names = ("seedvm-ramdisk-kernel", "seedvm-ramdisk-initramfs")
    more = {"status": "active", "size": 1, "disk_format": "aki", "seedvm_sha256": DIGEST}
    return 200, {"images": [{**more, "id": f"id-of-{name}", "name": name} for name in names]}


def _answered(api: IronicApi, method: str, path: str, body: Any) -> Answer:
    odd = api.odd(method, path.removeprefix("/v1").partition("?")[0], body)
    return _baremetal(api, method, path, body) if odd is None else odd


def _baremetal(api: IronicApi, method: str, path: str, body: Any) -> Answer:
    path, _, query = path.removeprefix("/v1").partition("?")
    if method != "GET":
        api.log.append((method, path, body))
    if not path:
        return versions("baremetal", "/v1/", "v1", min_version="1.1", version="1.96")
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
