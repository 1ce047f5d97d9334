"""What the demo is made of: a rack file with seven machines, the site that is wanted there, and the operator's candidates.

The BMCs' passwords are new for each demo. It refuses to lay a new demo over one that is there.
"""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from pathlib import Path

import yaml

from seedvm.base.files import write_private

SITE = "demo"
UNDERCLOUD_MEMORY_MIB = 6144


@dataclass(frozen=True)
class DemoPaths:
    """Where the demo keeps its things, all below one build folder."""

    build: Path

    @property
    def demo(self) -> Path:
        return self.build / "demo"

    @property
    def seed_state(self) -> Path:
        return self.demo / "seed"

    @property
    def rack_file(self) -> Path:
        return self.demo / "rack.yaml"

    @property
    def site_file(self) -> Path:
        return self.seed_state / "site.yaml"

    @property
    def images(self) -> Path:
        return self.build / "cache" / "images" / "current"


@dataclass(frozen=True)
class DemoMachine:
    """One machine of the demo's rack: its place, its BMC's protocol, and what is special about it."""

    number: int
    protocol: str
    memory_mib: int = UNDERCLOUD_MEMORY_MIB
    disk_gib: int = 20
    secret_known: bool = True

    @property
    def name(self) -> str:
        return f"m{self.number}"

    @property
    def bmc_address(self) -> str:
        return f"172.22.1.{20 + self.number}"


MACHINES = (
    DemoMachine(1, "redfish"),
    DemoMachine(2, "ipmi"),
    DemoMachine(3, "redfish"),
    DemoMachine(4, "ipmi"),
    DemoMachine(5, "ipmi", secret_known=False),
    DemoMachine(6, "redfish", memory_mib=1024, disk_gib=4),
    DemoMachine(7, "redfish"),
)


def rack_tree(paths: DemoPaths, password: str) -> dict[str, object]:
    """The rack file's tree; ``password`` is the one that the operator knows."""
    return {
        "rack": SITE,
        "networks": {
            "provisioning": {"cidr": "172.22.0.0/24", "router": "172.22.0.1"},
            "bmc": {"cidr": "172.22.1.0/24", "router": "172.22.1.1"},
        },
        "images": str(paths.images),
        "seed": {"name": "seed", "state": str(paths.seed_state)},
        "machines": [_machine_tree(machine, password) for machine in MACHINES],
    }


def _machine_tree(machine: DemoMachine, password: str) -> dict[str, object]:
    return {
        "name": machine.name,
        "uuid": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{machine.name}.{SITE}.seedvm")),
        "mac": f"52:54:00:5e:ed:{machine.number:02x}",
        "bmc": {
            "protocol": machine.protocol,
            "address": machine.bmc_address,
            "user": "admin",
            "password": password if machine.secret_known else secrets.token_hex(8),
        },
        "cpus": 2,
        "memory_mib": machine.memory_mib,
        "disk_gib": machine.disk_gib,
        "serial": f"SV{machine.number:08d}",
    }


def site_tree() -> dict[str, object]:
    """The demo's site.yaml."""
    return {
        "site": SITE,
        "seed": {
            "interface": "eth0",
            "address": "172.22.0.10",
            "bmc_interface": "eth1",
            "bmc_address": "172.22.1.10/24",
        },
        "provisioning": {
            "cidr": "172.22.0.0/24",
            "gateway": "172.22.0.1",
            "vip": "172.22.0.5",
            "undercloud": ["172.22.0.11", "172.22.0.12", "172.22.0.13"],
            "instances": "172.22.0.50-172.22.0.99",
            "boot": "172.22.0.100-172.22.0.199",
        },
        "bmc": {"ranges": ["172.22.1.21-172.22.1.27"], "learn_mac_by_power_on": True},
        "undercloud": {"needs": {"cpus": 1, "memory_mib": 3000, "disk_gib": 12}, "rehearse_on_spare": True},
    }


def lay_out(paths: DemoPaths) -> bool:
    """Write rack.yaml, site.yaml and the operator's secrets, unless a demo is laid out there already; whether it did."""
    if paths.rack_file.exists() and paths.site_file.exists():
        return False
    paths.seed_state.mkdir(mode=0o700, parents=True, exist_ok=True)
    password = secrets.token_hex(8)
    candidates = [{"user": "admin", "password": secrets.token_hex(6)}, {"user": "admin", "password": password}]
    write_private(paths.rack_file, yaml.safe_dump(rack_tree(paths, password), sort_keys=False))
    write_private(paths.seed_state / "secrets.yaml", yaml.safe_dump({"bmc_candidates": candidates}))
    paths.site_file.write_text(yaml.safe_dump(site_tree(), sort_keys=False))
    return True
