"""Nothing may name the seed when it leaves: each place that does is found, in the cloud and on each controller, and keeps it here."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.engine.step import Blocked, Done, Todo
from seedvm.handoff.references import scan
from seedvm.member.references import names_address, names_host
from seedvm.steps.handoff_receipt import WriteReceipt
from tests.contract.handoff.lab import Lab, in_a_lab
from tests.contract.handoff.stages import owned, rehearsed

SEED = "172.22.0.10"


@in_a_lab
async def test_a_cloud_that_names_the_seed_nowhere_is_safe(lab: Lab) -> None:
    await owned(lab)
    assert await scan(lab.members) == ()


@in_a_lab
async def test_each_list_of_the_cloud_that_names_the_seed_is_a_doubt(lab: Lab) -> None:
    await owned(lab)
    cloud = lab.cloud
    cloud.endpoints = [{"id": "e1", "interface": "internal", "url": f"http://{SEED}:9292"}]
    cloud.networking = {
        "subnets": [
            {"id": "s1", "name": "provisioning", "dns_nameservers": [SEED]},
            {"id": "s2", "name": "tenant", "host_routes": [{"destination": "10.0.0.0/8", "nexthop": SEED}]},
            {"id": "s3", "name": "harmless", "gateway_ip": f"{SEED}0", "dns_nameservers": ["172.22.0.101"]},
        ],
        "routers": [{"id": "r1", "name": "edge", "routes": [{"destination": "0.0.0.0/0", "nexthop": SEED}]}],
        "ports": [
            {
                "id": "p9",
                "extra_dhcp_opts": [{"opt_name": "tftp-server", "opt_value": SEED}],
                "mac_address": "52:54:00:00:00:09",
            }
        ],
    }
    cloud.nodes["node-2"]["driver_info"] = {"deploy_kernel": "http://seed:8088/kernel"}
    cloud.servers["server-1"]["OS-EXT-SRV-ATTR:user_data"] = base64.b64encode(f"server {SEED}".encode()).decode()
    cloud.servers["server-2"]["metadata"] = {"ntp": SEED}
    cloud.stack["parameters"]["dns"] = SEED
    cloud.deployments = [{"id": "d1", "input_values": {"deploy_signal_id": f"http://{SEED}:8004/v1/signal"}}]
    assert sorted(one.name for one in await scan(lab.members)) == [
        "refers-deployment-d1", "refers-endpoint-internal-e1", "refers-node-demo-2", "refers-port-p9", "refers-router-edge",
        "refers-server-demo-undercloud-0", "refers-server-demo-undercloud-1", "refers-stack-undercloud",
        "refers-subnet-provisioning", "refers-subnet-tenant",
    ]  # fmt: skip


@in_a_lab
async def test_each_file_and_route_of_a_controller_that_names_the_seed_is_a_doubt_without_its_passwords(
    lab: Lab,
) -> None:
    await owned(lab)
    texts = {
        "/etc/hosts": "172.22.0.99 seed\n",
        "/etc/chrony/chrony.conf": "# the seed was here\nserver seed iburst\n",
        "/etc/rabbitmq/rabbitmq.conf": "cluster_formation.classic_config.nodes.1 = rabbit@seed\n",
        "/etc/heat/heat.conf": f"[DEFAULT]\ntransport_url = rabbit://openstack:swordfish@{SEED}:5672/\n",
        "/etc/haproxy/haproxy.cfg": f"# seed\nbackend keystone\n    server seed {SEED}:5000\n",
        "/etc/motd": "the seed of this cloud has left\n",
    }

    def plant() -> None:
        process.run(["ip", "route", "add", "10.9.0.0/16", "via", SEED], timeout=20)
        for name, text in texts.items():
            if not name.startswith("/root"):
                Path(name).parent.mkdir(parents=True, exist_ok=True)
                Path(name).write_text(text)

    lab.nodes[1].do(plant)
    found = await scan(lab.members)
    machine = "demo-undercloud-1"
    assert {one.machine for one in found} == {machine}
    assert sorted(one.name for one in found) == [
        f"refers-{machine}-{place}" for place in ("etc-chrony-chrony.conf", "etc-haproxy-haproxy.cfg", "etc-heat-heat.conf",
        "etc-hosts", "etc-rabbitmq-rabbitmq.conf", "route")
    ]  # fmt: skip
    assert "swordfish" not in str(found)
    rehearsed(lab)
    step = WriteReceipt(lab.members)
    await step.apply(lab.told)
    blocked = await step.check()
    assert isinstance(blocked, Blocked) and "etc/hosts still names the seed" in blocked.why

    def correct() -> None:
        process.run(["ip", "route", "delete", "10.9.0.0/16"], timeout=20)
        for name in texts:
            if not name.startswith("/root"):
                Path(name).write_text("")

    lab.nodes[1].do(correct)
    assert isinstance(await step.check(), Todo), "what was corrected is looked at again"
    await step.apply(lab.told)
    assert isinstance(await step.check(), Done)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (SEED, True), (f"x={SEED};", True), (f"http://{SEED}:80/", True), (f'"{SEED}"', True), (f"::ffff:{SEED}", True), (f"{SEED}.", True),
        (f"{SEED}0", False), (f"1{SEED}", False), (f"10.{SEED}", False), (f"{SEED}.7", False), ("", False),
    ],
)  # fmt: skip
def test_an_address_is_not_found_in_a_longer_one(text: str, found: bool) -> None:
    assert names_address(text, SEED) is found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("10.0.0.1 seed", True), ("10.0.0.1 seed.example seed2", True), ("rabbit@seed", True), ("server seed 1.2.3.4:80", True),
        ('from="seed"', True), ("http://seed:8004", True),
        ("seed_is_member = true", False), ("seedvm", False), ("birdseed", False), ("my-seed", False),
    ],
)  # fmt: skip
def test_a_name_is_found_where_a_host_is_named(text: str, found: bool) -> None:
    assert names_host(text, "seed") is found
