"""The seed's cloud as the deployment uses it: Heat's stack, Nova's servers, Ironic's machines; each look moves them on.

An emulator on real sockets, for one test's namespace. It refuses what the services refuse: an update while something is in progress,
a server on a machine that is not available or lacks the trait, a verb that does not fit a machine's state.
"""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from seedvm.machines.selection import TRAIT
from tests.contract.cloud.cloud_http import DIGEST, Answer, Service, cloud, versions

_WAY = (
    {"provision_state": "deploying", "power_state": "power off", "driver_internal_info": {}},
    {"provision_state": "wait call-back", "power_state": "power on"},
    {"provision_state": "wait call-back", "deploy_step": {"step": "erase_devices_metadata"}},
    {"provision_state": "wait call-back", "deploy_step": {"step": "write_image"}},
    {"provision_state": "deploying", "deploy_step": {"step": "boot_instance"}},
    {"provision_state": "active", "deploy_step": {}},
)
_WRITE, _AGENT = 3, 2


@dataclass
class Being:
    """One node of the stack being made: how far its machine is, and its server."""

    server: str
    machine: str
    stage: int = -1
    state: str = "IN_PROGRESS"


@dataclass
class UndercloudApi:
    """`hangs` and `fails` are BMCs whose write stands still or ends in an error; a `dead` one never becomes free again, and powers nothing
    off. `golden` is the id of the newest golden image; `rebuilt` are servers that Heat had written again for their image."""

    nodes: dict[str, dict[str, Any]] = field(default_factory=dict)
    servers: dict[str, dict[str, Any]] = field(default_factory=dict)
    stack: dict[str, Any] | None = None
    group: dict[int, Being] = field(default_factory=dict)
    hangs: set[str] = field(default_factory=set)
    fails: set[str] = field(default_factory=set)
    dead: set[str] = field(default_factory=set)
    log: list[tuple[str, str, Any]] = field(default_factory=list)
    rebuilt: list[str] = field(default_factory=list)
    unhealthy: set[str] = field(default_factory=set)
    golden: str = "golden"
    flavor: bool = False
    key: bool = False

    def add(self, bmc: str, role: str, title: str, disk: str) -> None:
        extra = {"seedvm_site": "demo", "seedvm_bmc": bmc, "seedvm_role": role, "seedvm_name": title}
        node_id = str(uuid.uuid4())
        self.nodes[node_id] = {
            "uuid": node_id, "name": f"demo-{bmc.rpartition('.')[2]}", "driver": "ipmi", "provision_state": "available",
            "target_provision_state": None, "power_state": "power off", "maintenance": False, "maintenance_reason": None,
            "last_error": None, "instance_uuid": None, "reservation": None, "inspection_finished_at": "2026-01-01T00:00:00",
            "deploy_step": {}, "boot_mode": None, "driver_internal_info": {}, "extra": extra,
            "traits": [TRAIT] if role == "undercloud" else [], "properties": {"root_device": {"serial": disk}},
        }  # fmt: skip

    def node(self, bmc: str) -> dict[str, Any]:
        return next(one for one in self.nodes.values() if one["extra"]["seedvm_bmc"] == bmc)

    def orders(self, bmc: str) -> list[str]:
        """The provision verbs that a machine was given, in order."""
        path = f"/nodes/{self.node(bmc)['uuid']}/states/provision"
        return [body["target"] for method, where, body in self.log if where == path and method == "PUT"]

    def begin(self, action: str, body: dict[str, Any]) -> None:
        """Heat takes up a stack: what stands stays, all else is made."""
        nodes = body["parameters"]["nodes"]
        made = self.stack["id"] if self.stack else str(uuid.uuid4())
        shown = dict.fromkeys(body["parameters"], "******") | {"seed_is_member": "True"}
        self.stack = {"id": made, "action": action, "status": "IN_PROGRESS", "reason": "", "parameters": shown}
        for index, one in enumerate(nodes):
            old = self.group.get(index)
            if not one["present"]:
                if old:
                    self.remove(old.server)
                self.group.pop(index, None)
            elif old is None or old.state != "COMPLETE" or old.machine != one["machine"]:
                if old and old.machine == one["machine"] and self.servers.get(old.server, {}).get("status") == "ACTIVE":
                    old.state, old.stage = "IN_PROGRESS", len(_WAY) - 1
                else:
                    self.group[index] = self.build(one)
            elif self.servers[old.server]["image"]["id"] != one["image"]:
                self.rebuilt.append(one["name"])
                self.servers[old.server]["image"]["id"] = one["image"]

    def build(self, wanted: dict[str, Any]) -> Being:
        server = str(uuid.uuid4())
        node = self.nodes.get(wanted["machine"], {})
        fits = node.get("provision_state") == "available" and TRAIT in node["traits"] and not node["instance_uuid"]
        self.servers[server] = {
            "id": server,
            "name": wanted["name"],
            "status": "BUILD" if fits else "ERROR",
            "machine": wanted["machine"],
            "image": {"id": wanted["image"]},
            "created": "2026-01-02T00:00:00Z",
        }
        if fits:
            node["instance_uuid"] = server
        else:
            self.servers[server]["fault"] = {"message": "No valid host was found."}
        return Being(server, wanted["machine"], state="IN_PROGRESS" if fits else "FAILED")

    def move(self) -> None:
        """Everything in progress goes one step further."""
        for being in self.group.values():
            if being.state == "IN_PROGRESS":
                self._move(being, self.nodes[being.machine])
        states = {being.state for being in self.group.values()}
        if self.stack and self.stack["status"] == "IN_PROGRESS" and "IN_PROGRESS" not in states:
            self.stack["status"] = "FAILED" if "FAILED" in states else "COMPLETE"
            self.stack["reason"] = "Resource CREATE failed: went to status ERROR" if "FAILED" in states else ""

    def clean(self) -> None:
        """Machines that are given back become free, or do not."""
        for node in self.nodes.values():
            if node["provision_state"] == "deleting":
                gone = node["extra"]["seedvm_bmc"] in self.dead
                node.update(provision_state="error" if gone else "available", driver_internal_info={}, deploy_step={})
                node["last_error"] = "the BMC does not answer" if gone else None

    def _move(self, being: Being, node: dict[str, Any]) -> None:
        bmc = node["extra"]["seedvm_bmc"]
        if node["instance_uuid"] != being.server:
            being.state = "FAILED"
            self.servers[being.server].update(status="ERROR", fault={"message": "the machine was taken away"})
        elif being.stage == len(_WAY) - 1:
            being.state = "COMPLETE"
        elif being.stage == _WRITE and bmc in self.fails:
            node.update(provision_state="deploy failed", last_error="the disk does not take the image")
            old, now = ({"created_at": f"2026-01-0{day}T00:00:00+00:00"} for day in (1, 3))
            node["history"] = [
                {**old, "event": "long ago"},
                {**now, "event": "the disk does not take the image, whole"},
            ]
            self.servers[being.server].update(status="ERROR", fault={"message": "Failed to provision instance"})
            being.state = "FAILED"
        elif being.stage != _WRITE or bmc not in self.hangs:
            being.stage += 1
            node.update(_WAY[being.stage])
            if being.stage == _AGENT:
                node["driver_internal_info"] = {"agent_url": "https://172.22.0.101:9999"}
            if node["provision_state"] == "active":
                self.servers[being.server]["status"] = "ACTIVE"

    def remove(self, server: str) -> None:
        """Nova ends a server: its machine is given back, as far as it can be."""
        self.servers.pop(server, None)
        for node in self.nodes.values():
            if node["instance_uuid"] == server:
                node.update(instance_uuid=None, provision_state="deleting")

    def provision(self, node: dict[str, Any], target: str) -> Answer:
        state = node["provision_state"]
        ways = {
            ("wait call-back", "deleted"): "deleting", ("deploy failed", "deleted"): "deleting", ("error", "deleted"): "deleting",
            ("active", "deleted"): "deleting", ("available", "manage"): "manageable", ("manageable", "provide"): "available",
            ("clean failed", "manage"): "manageable",
        }  # fmt: skip
        if (state, target) not in ways:
            return 400, {"error_message": json.dumps({"faultstring": f"{target} in {state}"})}
        node["provision_state"] = ways[(state, target)]
        if target == "deleted":
            node["instance_uuid"] = None
        return 202, None

    def power(self, node: dict[str, Any], target: str) -> Answer:
        if node["extra"]["seedvm_bmc"] not in self.dead:
            node["power_state"] = target
        return 202, None


@contextlib.contextmanager
def undercloud_api() -> Iterator[UndercloudApi]:
    """The cloud at the VIP, until the block ends."""
    api = UndercloudApi()
    with cloud({name: _noted(api, answer) for name, answer in _SERVICES.items()}):
        yield api


def _noted(api: UndercloudApi, answer: Callable[[UndercloudApi, str, str, Any], Answer]) -> Service:
    def serve(method: str, path: str, body: Any) -> Answer:
        path = path.partition("?")[0].rstrip("/")
        if method != "GET":
            api.log.append((method, path.removeprefix("/v1"), body))
        return answer(api, method, path, body)

    return serve


def _orchestration(api: UndercloudApi, method: str, path: str, body: Any) -> Answer:
    stack = api.stack
    if "/stacks" not in path and "/software_deployments" not in path:
        return versions("orchestration", "/v1/", "v1.0")
    if method == "POST":
        api.begin("CREATE", body)
        return 201, {"stack": {}}
    if stack is None or "/software_deployments" in path:
        return (200, {"stacks": []}) if path.endswith("/stacks") else (404, None)
    if method == "PATCH" and "/resources/" in path:
        being = api.group[int(path.split("/stacks/undercloud-")[1].partition("/")[0])]
        assert body["mark_unhealthy"] and path.endswith("/server")
        being.state = "FAILED"
        api.unhealthy.add(being.server)
        return 200, None
    if method == "PUT":
        busy = stack["status"] == "IN_PROGRESS" or any(one["status"] == "BUILD" for one in api.servers.values())
        if busy:
            return 409, {"error": {"message": "the stack is in progress"}}
        api.begin("UPDATE", body)
        return 202, None
    if method == "DELETE":
        for being in api.group.values():
            api.remove(being.server)
        api.stack, api.group = None, {}
        return 204, None
    if path.endswith("/stacks"):
        return 200, {"stacks": [{"id": stack["id"], "stack_name": "undercloud"}]}
    if path.endswith("/resources"):
        api.move()
        return 200, {"resources": _resources(api)}
    told = {"stack_status": f"{stack['action']}_{stack['status']}", "stack_status_reason": stack["reason"]}
    more = {
        "parameters": stack["parameters"],
        "outputs": [{"output_key": "servers", "output_value": [None for _ in api.group]}],
    }
    return 200, {"stack": {"id": stack["id"], "stack_name": "undercloud", **told, **more}}


def _resources(api: UndercloudApi) -> list[dict[str, Any]]:
    def told(name: str, kind: str, state: str, physical: str, parent: str | None) -> dict[str, Any]:
        reason = "ResourceInError: went to status ERROR" if state == "FAILED" else ""
        return {
            "resource_name": name, "resource_type": kind, "resource_status": f"CREATE_{state}", "resource_status_reason": reason,
            "physical_resource_id": physical, "parent_resource": parent,
            "links": [{"rel": "self", "href": f"http://172.22.0.5:8004/v1/stacks/undercloud-{parent}/nested-id/resources/{name}"}],
        }  # fmt: skip

    assert api.stack is not None
    found = [told("controllers", "OS::Heat::ResourceGroup", api.stack["status"], "group", None)]
    for index, being in api.group.items():
        found.append(told(str(index), "undercloud-node.yaml", being.state, f"nested-{index}", "controllers"))
        made = being.stage == len(_WAY) - 1 and being.server not in api.unhealthy
        server = "COMPLETE" if made else being.state
        found.append(told("server", "OS::Nova::Server", server, being.server, str(index)))
        if server == "COMPLETE":
            found.append(
                told("configured", "OS::Heat::StructuredDeployment", being.state, f"deployment-{index}", str(index))
            )
    return found


def _compute(api: UndercloudApi, method: str, path: str, body: Any) -> Answer:
    path = path.removeprefix("/v2.1")
    if path == "/servers/detail":
        listed = [{**one, "OS-EXT-SRV-ATTR:hypervisor_hostname": one["machine"]} for one in api.servers.values()]
        return 200, {"servers": listed}
    if path.startswith("/servers/"):
        server = api.servers.get(path.rpartition("/")[2])
        if method == "DELETE" and server:
            api.remove(server["id"])
        return (
            (204 if method == "DELETE" else 200, {"server": server})
            if server
            else (404, {"itemNotFound": {"message": "none"}})
        )
    if path.startswith("/os-keypairs"):
        api.key = api.key or method == "POST"
        return (200, {"keypair": {"public_key": "k"}}) if api.key else (404, {"itemNotFound": {"message": "none"}})
    if path.startswith("/flavors"):
        api.flavor = api.flavor or method == "POST"
        one = {"id": "f", "name": "undercloud", "extra_specs": {}}
        return 200, {"flavor": one, "flavors": [one] if api.flavor else [], "extra_specs": {}}
    if path == "/os-hypervisors":
        return 200, {"hypervisors": [{"hypervisor_hostname": node} for node in api.nodes]}
    return versions("compute", "/v2.1/", "v2.1", min_version="2.1", version="2.96")


def _placement(api: UndercloudApi, _: str, path: str, __: Any) -> Answer:
    if path != "/allocation_candidates":
        return versions("placement", "/", "v1.0", min_version="1.0", max_version="1.39")
    free = [one for one in api.nodes.values() if one["provision_state"] == "available" and TRAIT in one["traits"]]
    return 200, {"provider_summaries": {one["uuid"]: {} for one in free}}


def _network(_: UndercloudApi, __: str, path: str, ___: Any) -> Answer:
    if not path.endswith("/networks"):
        return versions("network", "/v2.0/", "v2.0")
    return 200, {"networks": [{"id": "net", "name": "provisioning", "subnets": []}]}


def _image(api: UndercloudApi, __: str, path: str, ___: Any) -> Answer:
    if "/images" not in path:
        return versions("image", "/v2/", "v2.16")
    more = {"status": "active", "size": 1, "disk_format": "raw", "seedvm_sha256": DIGEST}
    return 200, {"images": [{**more, "id": api.golden, "name": "seedvm-golden"}]}


def _let_go(node: dict[str, Any]) -> Answer:
    if not node["maintenance"]:
        return 409, {"error_message": json.dumps({"faultstring": "the node is associated with an instance"})}
    node["instance_uuid"] = None
    return 200, node


def _baremetal(api: UndercloudApi, method: str, path: str, body: Any) -> Answer:
    path = path.removeprefix("/v1")
    if path in ("", "/conductors"):
        return (
            (200, {"conductors": []})
            if path
            else versions("baremetal", "/v1/", "v1", min_version="1.1", version="1.96")
        )
    if path == "/nodes":
        listed = [dict(one) for one in api.nodes.values()]
        api.clean()
        return 200, {"nodes": listed}
    node = api.nodes[path.split("/")[2]]
    match path.split("/")[3:]:
        case [] if method == "PATCH":
            if body == [{"op": "remove", "path": "/instance_uuid"}]:
                return _let_go(node)
            for step in body:
                node["extra"][step["path"].rpartition("/")[2]] = step["value"]
            return 200, node
        case []:
            return 200, node
        case ["states", "provision"]:
            return api.provision(node, body["target"])
        case ["states", "power"]:
            return api.power(node, body["target"])
        case ["history"]:
            return 200, {"history": node.get("history", [])}
        case ["traits"]:
            node["traits"] = body["traits"]
            return 204, None
        case ["maintenance"]:
            node.update(maintenance=method == "PUT", maintenance_reason=(body or {}).get("reason"))
            return 202, None
    return 404, None


_SERVICES = {
    "baremetal": _baremetal, "orchestration": _orchestration, "image": _image, "compute": _compute, "network": _network,
    "placement": _placement,
}  # fmt: skip
