"""What the engine counts on in the images is there: Ironic's drivers and pace, the ramdisk's collector and its name."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.bmc.rate_limit import GAP_SECONDS
from seedvm.controller import handed_over
from seedvm.controller.leases import RAMDISK
from seedvm.services.load import installed, to_json
from seedvm.services.model import ROLES

ELEMENTS = Path(__file__).parents[2] / "elements"
STATIC = ELEMENTS / "deploy-ramdisk/static"


@pytest.fixture(scope="module")
def ironic() -> ConfigParser:
    said = ConfigParser(interpolation=None, strict=True)
    said.read(ELEMENTS / "ironic/os-apply-config/etc/ironic/ironic.conf")
    return said


def test_every_driver_that_is_given_to_a_node_is_enabled(ironic: ConfigParser) -> None:
    assert ironic["DEFAULT"]["enabled_hardware_types"].split(",") == ["ipmi", "redfish", "idrac"]
    assert "idrac-redfish" in ironic["DEFAULT"]["enabled_management_interfaces"]


def test_ironic_leaves_a_bmc_in_peace_as_long_as_we_do(ironic: ConfigParser) -> None:
    assert ironic["ipmi"].getint("min_command_interval") >= GAP_SECONDS
    assert not ironic["ipmi"].getboolean("use_ipmitool_retries")  # ipmitool's own tries would come without a pause


def test_an_inspection_asks_for_the_collectors_that_the_ramdisk_has(ironic: ConfigParser) -> None:
    pairs = dict(word.split("=", 1) for word in ironic["inspector"]["extra_kernel_params"].split())
    assert pairs["ipa-inspection-collectors"].split(",") == ["default", "lldp", "seedvm"]
    points = STATIC / "usr/lib/python3/dist-packages/seedvm_collector-1.dist-info/entry_points.txt"
    assert "seedvm = seedvm_collector:collect" in points.read_text()


def test_the_ramdisk_asks_for_its_address_by_the_name_that_the_engine_looks_for() -> None:
    unit = STATIC / "etc/systemd/system/deploy-ramdisk-name.service"
    assert f'"{RAMDISK}$(' in unit.read_text()
    assert unit.name in (ELEMENTS / "deploy-ramdisk/install.d/60-deploy-ramdisk").read_text()


def test_no_unit_but_the_database_starts_on_a_seed_that_has_handed_over(tmp_path: Path) -> None:
    build = (ELEMENTS / "controller/install.d/80-controller").read_text()
    assert f"ConditionPathExists=!{handed_over.PATH}" in build
    (tmp_path / "services.json").write_text(to_json(installed()))
    script = (ELEMENTS / "controller/static/usr/local/libexec/controller/services").read_text()
    own = script.replace("/usr/share/seedvm/services.json", str(tmp_path / "services.json"))
    told = process.run(["bash", "-c", own, "services", "handed-over"], timeout=20).stdout.split()
    assert sorted(told) == sorted(unit for role in ROLES if role != "database" for unit in installed().units(role))
