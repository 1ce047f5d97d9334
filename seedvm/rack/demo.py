"""The demo: a virtual rack, a seed in it, and the whole road, begun with one command.

Its job is what an operator would do by hand: build the image, bring up the rack, lay a site on the seed, start the engine
(or the wizard) there, and keep what the run left behind. It knows nothing of the road itself, which is the seed's; it looks on
from outside, polls the VIP, and samples the seed's memory. It refuses to lay a new site over an unfinished one.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from seedvm.errors import SeedvmError

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
        "bmc": {"ranges": ["172.22.1.21-172.22.1.26"], "learn_mac_by_power_on": True},
        "undercloud": {"needs": {"cpus": 1, "memory_mib": 3000, "disk_gib": 12}, "rehearse_on_spare": True},
    }


def lay_out(paths: DemoPaths) -> None:
    """Write rack.yaml, site.yaml and the operator's secrets, unless a demo is already laid out there."""
    if paths.rack_file.exists() and (paths.seed_state / "site.yaml").exists():
        return
    paths.demo.mkdir(parents=True, exist_ok=True)
    paths.seed_state.mkdir(mode=0o700, exist_ok=True)
    password = secrets.token_hex(8)
    candidates = [{"user": "admin", "password": secrets.token_hex(6)}, {"user": "admin", "password": password}]
    _write(paths.rack_file, yaml.safe_dump(rack_tree(paths, password), sort_keys=False), 0o600)
    _write(paths.seed_state / "secrets.yaml", yaml.safe_dump({"bmc_candidates": candidates}), 0o600)
    _write(paths.seed_state / "site.yaml", yaml.safe_dump(site_tree(), sort_keys=False), 0o644)


def _write(path: Path, text: str, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
