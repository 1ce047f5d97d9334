"""The Ironic of the golden image uses a BMC that has an IPv6 link-local address: as found, proven and registered, over Redfish.

Its own redfish driver runs in the image's root, with the image's Python, sushy and requests (decision 18).
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.bmc.bmc_login import BmcLogin
from seedvm.bmc.clients import with_account
from seedvm.bmc.credentials import prove
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.login_result import Proven
from seedvm.image.build import build
from seedvm.machines import inventory
from seedvm.rack.firmware import gpt
from seedvm.site.accounts import Candidate
from seedvm.site.model import Site
from seedvm.site.secrets_file import store_proven
from seedvm.steps.register import RegisterStep
from tests.contract.bmc.steps import Notes
from tests.contract.bmc.test_link_local_login import ADDRESS, MAKE, PAIR, found, link_local
from tests.contract.cloud.ironic_api import Metal, ironic_api
from tests.contract.isolated import isolated
from tests.contract.provisioning.test_nodes import hardware, lay_out, metal

CACHE = Path(__file__).parents[3] / "build/cache"
# A node in a database of its own, and a task on it, as the conductor has them; no conductor is asked.
IRONIC = """\
import json
import sys
from ironic import objects
from ironic.common import boot_devices, config, context, driver_factory, states
from ironic.conductor import task_manager
from ironic.conf import CONF
from ironic.db import migration
from oslo_utils import uuidutils
config.parse_args(["ironic"], default_config_files=[])
CONF.set_override("connection", "sqlite://", "database")
for kind, name in (("hardware_types", "redfish"), ("network_interfaces", "noop"), ("boot_interfaces", "redfish-virtual-media")):
    CONF.set_override(f"enabled_{kind}", [name])
objects.register_all()
migration.create_schema()
here = context.get_admin_context()
node = objects.Node(here, uuid=uuidutils.generate_uuid(), driver="redfish", driver_info=json.load(sys.stdin))
driver_factory.check_and_update_node_interfaces(node)
node.create()
with task_manager.acquire(here, node.uuid) as task:
    power, management = task.driver.power, task.driver.management
    power.validate(task)
    before = power.get_power_state(task)
    management.set_boot_device(task, boot_devices.PXE)
    power.set_power_state(task, states.POWER_ON)
    after = power.get_power_state(task)
    print(json.dumps([before, management.get_boot_device(task)["boot_device"], after]))
"""
# Read-only, with the devices and the memory for /tmp that a machine has. The mounts are gone with the last process that sees them.
INSIDE = """\
mount -o "ro,loop,offset=$1,sizelimit=$2" "$3" "$4"
mount --bind /dev "$4/dev"
mount -t tmpfs tmpfs "$4/tmp"
exec chroot "$4" python3 -c "$5"
"""


@pytest.fixture(scope="module")
def golden() -> Path:
    return build(CACHE).folder / "golden.raw"


@isolated
async def test_what_speaks_redfish_alone_is_registered_and_the_image_s_ironic_switches_it(
    golden: Path, tmp_path: Path, state_dir: Path, site: Site
) -> None:
    async with link_local(redfish="tls") as record:
        info = await registered(tmp_path, state_dir, site, ("redfish",))
        assert info["redfish_address"] == "https://[fe80::77%25near0]"
        assert await by_the_image_s_ironic(golden, tmp_path, info) == ["power off", "pxe", "power on"]
        assert record.changes == ["boot Pxe", "power On"]
        assert {one.outcome for one in record.logins} == {"in"}


@isolated
async def test_what_speaks_both_is_registered_by_redfish_as_any_other(
    golden: Path, tmp_path: Path, state_dir: Path, site: Site
) -> None:
    async with link_local(ipmi=("2.0",), redfish="tls") as record:
        info = await registered(tmp_path, state_dir, site, ("ipmi-2.0", "redfish"))
        assert await by_the_image_s_ironic(golden, tmp_path, info) == ["power off", "pxe", "power on"]
        assert record.changes == ["boot Pxe", "power On"]


async def registered(folder: Path, state_dir: Path, site: Site, protocols: tuple[str, ...]) -> dict[str, object]:
    """How Ironic is told to reach the BMC, after discovery, proof and registration."""
    machine = await found()
    assert machine.protocols == protocols
    answer = await prove(BmcLogin(ADDRESS, Ledger(folder), MAKE), protocols, [PAIR])
    assert isinstance(answer, Proven)
    here = lay_out(state_dir, site)
    inventory.update(state_dir, with_account(machine, answer))
    store_proven(state_dir / "secrets.yaml", {ADDRESS: Candidate(answer.user, answer.password)})
    with ironic_api(metal() | {ADDRESS: Metal(hardware())}) as api:
        await RegisterStep(here).apply(Notes())
        node = api.node(ADDRESS)
    assert node["driver"] == "redfish"
    return dict(node["driver_info"])


async def by_the_image_s_ironic(golden: Path, folder: Path, info: dict[str, object]) -> list[str]:
    """The machine's power before, its boot device and its power after."""
    root = next(one for one in gpt.partitions(golden) if one.name == "root")
    (folder / "root").mkdir()
    words = ["sh", "-euc", INSIDE, "sh", root.start, root.size, golden.absolute(), folder / "root", IRONIC]
    said = await process.arun(["unshare", "--mount", *map(str, words)], timeout=90, input=json.dumps(info))
    return list(json.loads(said.stdout))
