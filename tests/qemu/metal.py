"""A rack with a seed and two machines that are QEMU: one BIOS behind IPMI, one UEFI behind Redfish. Emulated throughout.

The seed is a container at native speed, with the real Ironic. What it is told to do is in metal_seed.py; here is what is seen from outside.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from seedvm.base.files import write_private
from seedvm.image.build import build
from seedvm.rack import rack
from seedvm.rack.demo_site import site_tree
from seedvm.rack.model import RackSpec
from tests.contract.rack.desk import rack_in
from tests.qemu.laptop import SOURCE

SITE = "metal"
BIOS, UEFI = "metal-1-21", "metal-1-22"  # the nodes, as seedvm names them by their BMCs' addresses
_MACHINES = {BIOS: "bios", UEFI: "uefi"}
_LOOK_EVERY = 2.0


class Metal:
    """The rack, seen from where its operator stands."""

    def __init__(self, spec: RackSpec) -> None:
        self.spec = spec
        self._began = time.monotonic()

    def seed(self, *words: str, timeout: float = 120) -> Any:
        """One word of metal_seed.py, to its end."""
        script = (Path(__file__).parent / "metal_seed.py").read_text()
        argv = ["/opt/seedvm/bin/python", "-", *words]
        return json.loads(rack.seed_exec(self.spec, argv, timeout=timeout, input=script).stdout.splitlines()[-1])

    def node(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.seed("look")[name]
        return found

    def console(self, name: str) -> str:
        """Everything that came on the machine's serial line."""
        return (self._folder(name) / "console.log").read_text(errors="replace")

    def disk(self, name: str) -> Path:
        return self._folder(name) / "disk.img"

    def written(self, name: str) -> int:
        """Bytes of the machine's disk that were ever written."""
        return self.disk(name).stat().st_blocks * 512

    def power(self, name: str) -> str:
        """What stands behind its BMC says: on or off."""
        return next(one.power for one in rack.status(self.spec).machines if one.name == _MACHINES[name])

    def lose_power(self, name: str) -> None:
        """kill -9 of its QEMU: what it had not written is lost."""
        machine = _MACHINES[name]
        pids = next(one.pids for one in rack.status(self.spec).machines if one.name == machine)
        for pid in pids:
            if Path(f"/proc/{pid}/comm").read_text().startswith("qemu-system"):
                os.kill(pid, 9)
                return
        raise AssertionError(f"no QEMU among {pids}")

    def says(self, what: str) -> None:
        """Where the time goes: a line for the terminal."""
        os.write(2, f"{time.monotonic() - self._began:6.0f} s  {what}\n".encode())

    def until(self, what: str, condition: Callable[[], Any], seconds: float, *machines: str) -> Any:
        """Poll until there is an answer; an error shows the last of the machines' consoles."""
        begin = time.monotonic()
        while not (found := condition()):
            last = "".join(f"\n-- {name}: {plain(self.console(name))[-1500:]}" for name in machines)
            assert time.monotonic() - begin < seconds, f"{what}: not within {seconds:g} s{last}"
            time.sleep(_LOOK_EVERY)
        self.says(f"{what} ({time.monotonic() - begin:.0f} s)")
        return found

    def _folder(self, name: str) -> Path:
        return self.spec.folder(_MACHINES[name])


def plain(console: str) -> str:
    """Without the terminal's orders."""
    return re.sub(r"\x1b\[[0-9;?=]*[A-Za-z]|\r", "", console)


@contextlib.contextmanager
def metal(scratch: Path) -> Iterator[Metal]:
    """The rack up: its machines dark, its seed on."""
    images = build(SOURCE / "build/cache").folder
    password = secrets.token_hex(8)
    state = scratch / "seed"
    state.mkdir(mode=0o700)
    write_private(state / "secrets.yaml", yaml.safe_dump({"bmc_candidates": [{"user": "admin", "password": password}]}))
    (state / "site.yaml").write_text(yaml.safe_dump(_site()))
    with rack_in(scratch, yaml.safe_dump(_rack(images, state, password))) as spec:
        here = Metal(spec)
        rack.up(spec)
        here.says("the rack is up")
        yield here


def _rack(images: Path, state: Path, password: str) -> dict[str, Any]:
    return {
        "rack": SITE,
        "networks": {
            "provisioning": {"cidr": "172.22.0.0/24", "router": "172.22.0.1"},
            "bmc": {"cidr": "172.22.1.0/24", "router": "172.22.1.1"},
        },
        "images": str(images),
        "seed": {"name": "seed", "state": str(state)},
        "machines": [_machine(1, "bios", "ipmi", password), _machine(2, "uefi", "redfish", password)],
    }


def _machine(number: int, firmware: str, protocol: str, password: str) -> dict[str, Any]:
    return {
        "name": firmware,
        "kind": "vm",
        "firmware": firmware,
        "uuid": f"11111111-2222-3333-4444-5555555555{number:02}",
        "mac": f"52:54:00:aa:04:{number:02}",
        "cpus": 1,
        "memory_mib": 3072,
        "disk_gib": 12,
        "serial": f"METAL{number}",
        "bmc": {"protocol": protocol, "address": f"172.22.1.{20 + number}", "user": "admin", "password": password},
    }


def _site() -> dict[str, Any]:
    tree = site_tree()
    return tree | {
        "site": SITE,
        "bmc": {"ranges": ["172.22.1.21-172.22.1.22"], "learn_mac_by_power_on": True},
        "undercloud": {"needs": {"cpus": 1, "memory_mib": 2900, "disk_gib": 10}, "rehearse_on_spare": False},
    }
