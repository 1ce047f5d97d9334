"""The undercloud's own work and what its services list, over real HTTP against services that answer as OpenStack's do."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.cloud.client import login
from seedvm.foreign.text import is_clean
from seedvm.handoff import services
from seedvm.member.work import ServedImage, SpareStack, work_of
from tests.contract.cloud.cloud_http import VIP, Answer, Service, cloud
from tests.contract.isolated import isolated
from tests.datacenter.paint import PAINT

PASSWORD = Secret("swordfish")


class Rack:
    """Two machines, a stack, an image: as Ironic, Heat, Nova, Neutron and Glance list them."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = [
            {"uuid": f"n{number}", "name": f"demo-{number}", "provision_state": "active", "power_state": "power on"}
            | {"reservation": None, "target_power_state": None, "last_error": None}
            for number in range(2)
        ]
        self.stack: dict[str, Any] = {"id": "s", "stack_name": "undercloud", "stack_status": "CREATE_COMPLETE"}
        self.stack |= {"stack_status_reason": None, "updated_time": None, "tags": None}
        self.power: list[str] = []
        self.tasks: list[Any] = [None]

    def ironic(self, method: str, path: str, body: Any) -> Answer:
        path, _, _ = path.partition("?")
        if method == "PUT":
            self.power.append(f"{path} {body['target']}")
            return 202, None
        lists = {
            "/v1/nodes": {"nodes": self.nodes},
            "/v1/conductors": {"conductors": [{"hostname": "undercloud-0.demo", "alive": True}, {"hostname": "seed", "alive": False}]},
            "/v1/ports": {"ports": [{"uuid": "p", "address": "52:54:00:00:00:01", "node_uuid": "n1"}]},
        }  # fmt: skip
        return 200, lists.get(path) or next(one for one in self.nodes if path.endswith(one["uuid"]))

    def heat(self, method: str, path: str, body: Any) -> Answer:
        if path.endswith("/services"):
            return 200, {
                "services": [{"hostname": "undercloud-0", "status": "up"}, {"hostname": "seed", "status": "down"}]
            }
        if method == "PATCH":
            self.stack |= {
                "stack_status": "UPDATE_COMPLETE",
                "updated_time": "2026-11-30T10:00:00Z",
                "tags": [body["tags"]],
            }
            return 202, None
        if method == "POST":
            return 201, {"stack": {"id": "new"}}
        return 200, {"stacks": [self.stack] if "name=spare" not in path else []}

    def nova(self, _: str, path: str, __: Any) -> Answer:
        if "os-services" in path:
            return 200, {"services": [{"id": "1", "binary": "nova-compute", "host": "undercloud-0", "state": "up"}]}
        servers = [
            {"id": f"v{number}", "name": f"undercloud-{number}", "status": "ACTIVE", "OS-EXT-STS:task_state": task}
            for number, task in enumerate(self.tasks)
        ]
        return 200, {"servers": servers}

    def neutron(self, _: str, path: str, __: Any) -> Answer:
        if "agents" in path:
            return 200, {"agents": [{"id": "a", "host": "seed"}]}
        ports = [{"id": "q", "mac_address": "52:54:00:00:00:02"}]
        return 200, {"ports": ports} if "ports" in path else {"networks": [{"id": "net", "name": "provisioning"}]}

    def glance(self, _: str, path: str, __: Any) -> Answer:
        if path.endswith("/file"):
            return 200, {"bytes": "of the image"}
        image = {"id": "i", "name": "seedvm-golden", "status": "active", "size": 5, "os_hash_value": "ab"}
        return 200, {
            "images": [
                image,
                {**image, "id": "j", "name": None, "status": "queued", "size": None, "os_hash_value": None},
            ]
        }

    @property
    def services(self) -> dict[str, Service]:
        named = (("baremetal", self.ironic), ("orchestration", self.heat), ("compute", self.nova))
        return dict((*named, ("network", self.neutron), ("image", self.glance)))


@isolated
async def test_the_undercloud_does_its_own_work() -> None:
    rack = Rack()
    with cloud(rack.services):
        work = work_of(VIP, PASSWORD)
        assert str(work.read_power()) == "2 BMCs answered the undercloud's conductors"
        assert sorted(rack.power) == ["/v1/nodes/n0/states/power power on", "/v1/nodes/n1/states/power power on"]
        assert work.update_stack("undercloud", "mine") == "stack undercloud UPDATE_COMPLETE with tag mine"
        assert (
            work.begin_spare(SpareStack("spare", "spare-0", {"resources": {}}, Secret("key"))) == "stack spare started"
        )
        held = b'{"bytes": "of the image"}'
        image = ServedImage("i", "seedvm-golden", len(held), hashlib.sha512(held).hexdigest())
        assert work.serve_image(image) == f"seedvm-golden: {len(held)} bytes, SHA-512 matches the upload"
        with pytest.raises(SeedvmError, match="differs from what was uploaded"):
            work.serve_image(ServedImage("i", "seedvm-golden", len(held), "00"))
        rack.nodes[1]["power_state"] = None
        read = work.read_power()
        assert read.answered == 1 and [one.name for one in read.doubts] == ["power-demo-1"]
        rack.nodes[1] |= {"power_state": "power on", "last_error": f"it says {PAINT * 20}"}
        [doubt] = work.read_power().doubts
        assert "it says" in doubt.why and is_clean(doubt.why) and len(doubt.why) < 600
        rack.nodes[1] |= {"maintenance": True, "maintenance_reason": f"{PAINT}\n{PAINT}"}
        [doubt] = work.read_power().doubts
        assert "it is in maintenance" in doubt.why and is_clean(doubt.why)
        rack.nodes[0]["maintenance"] = True
        with pytest.raises(SeedvmError, match="demo-0: no BMC answers the undercloud's conductors"):
            work.read_power()


@isolated
async def test_what_the_services_list_is_read_into_types() -> None:
    rack = Rack()
    with cloud(rack.services):
        api = login(VIP, PASSWORD)
        assert services.alive(api) == {
            "ironic-conductor": ("undercloud-0",),
            "heat-engine": ("undercloud-0",),
            "nova-conductor": (),
            "nova-scheduler": (),
            "nova-compute": ("undercloud-0",),
        }
        assert services.known(api, "seed") == ("heat", "ironic", "neutron")
        assert services.in_flight(api) == ("image j queued",)
        rack.tasks, rack.nodes[0]["provision_state"], rack.nodes[1]["target_power_state"] = (
            ["rebooting"],
            "cleaning",
            "power off",
        )
        rack.stack["stack_status"] = "UPDATE_IN_PROGRESS"
        assert services.in_flight(api)[:4] == (
            "stack undercloud UPDATE_IN_PROGRESS",
            "server undercloud-0 rebooting",
            "node demo-0 cleaning",
            "node demo-1 power",
        )
        assert services.ids(api) == {
            "stacks": {"undercloud": "s"},
            "servers": {"undercloud-0": "v0"},
            "nodes": {"demo-0": "n0", "demo-1": "n1"},
            "boot ports": {"52:54:00:00:00:01": "p"},
            "ports": {"52:54:00:00:00:02": "q"},
            "networks": {"provisioning": "net"},
            "images": {"seedvm-golden": "i", "j": "j"},
        }
        assert services.images(api)[1] == services.ListedImage("j", "j", 0, "")
        rack.nodes[1] |= {"provision_state": "available", "power_state": "power off"}
        assert services.idle_mac(api) == "52:54:00:00:00:01"
