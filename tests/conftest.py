"""What many tests share: the demo's site as text and as a Site, and a clean state folder."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from seedvm.site.load import parse_site
from seedvm.site.model import Site

# How quick a machine is says nothing about the code: no limit of time, and the same examples every time.
settings.register_profile("house", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

SITE_TEXT = """\
site: demo
seed: {interface: eth0, address: 172.22.0.10, bmc_interface: eth1, bmc_address: 172.22.1.10/24}
provisioning:
  cidr: 172.22.0.0/24
  gateway: 172.22.0.1
  vip: 172.22.0.5
  undercloud: [172.22.0.11, 172.22.0.12, 172.22.0.13]
  instances: 172.22.0.50-172.22.0.99
  boot: 172.22.0.100-172.22.0.199
bmc:
  ranges: [172.22.1.21-172.22.1.26]
  learn_mac_by_power_on: true
undercloud:
  needs: {cpus: 1, memory_mib: 3000, disk_gib: 12}
  rehearse_on_spare: true
machines:
  - {bmc: 172.22.1.24, role: spare}
"""


@pytest.fixture
def site_text() -> str:
    return SITE_TEXT


@pytest.fixture
def site(site_text: str) -> Site:
    return parse_site(site_text)


@pytest.fixture
def state_dir(tmp_path: Path, site_text: str) -> Path:
    """A state folder which holds the demo's site."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o700)
    (folder / "site.yaml").write_text(site_text)
    return folder


def pytest_configure() -> None:
    """A shell that starts pytest in the background has it ignore SIGINT, and all of its children: here Ctrl-C means Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
