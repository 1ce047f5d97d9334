"""What the engine counts on in the images is there: Ironic's drivers and pace, the ramdisk's collector and its name."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

import pytest

from seedvm.bmc.rate_limit import GAP_SECONDS
from seedvm.controller.leases import RAMDISK

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
