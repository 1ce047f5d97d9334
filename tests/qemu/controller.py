"""A controller alone in its rack. It gets its first life as a container, at native speed, and its next as a VM with real firmware.

The disk is the same, and what is on it does not tell the two apart. Its cluster is itself, and it is configured as a node of the
undercloud is that has joined: databases and identity are there. Heat's address answers nobody.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.image.build import build
from seedvm.provisioning.metadata import seed_tree
from seedvm.rack import rack
from seedvm.rack.firmware import disk as disks
from seedvm.rack.firmware import gpt
from seedvm.rack.model import RackSpec, load_rack
from seedvm.rack.sandbox import loop
from seedvm.site.load import parse_site
from seedvm.site.secrets_file import ensure_generated
from tests.contract import config_drive
from tests.qemu.laptop import SOURCE, until

ADDRESS, VIP = "172.22.0.11", "172.22.0.5"
_NAME, _MAC = "node", "52:54:00:aa:05:01"
_RACK = f"""\
rack: newimage
networks:
  provisioning: {{cidr: 172.22.0.0/24, router: 172.22.0.1}}
  bmc: {{cidr: 172.22.1.0/24, router: 172.22.1.1}}
machines:
  - {{name: {_NAME}, kind: KIND, uuid: 11111111-2222-3333-4444-555555555501, mac: "{_MAC}", cpus: 1, memory_mib: 4096, disk_gib: 20,
     serial: NODE1, bmc: {{protocol: ipmi, address: 172.22.1.21, user: admin, password: hush-node}}}}
"""
_SITE = f"""\
site: newimage
seed: {{interface: eth0, address: {ADDRESS}}}
provisioning:
  cidr: 172.22.0.0/24
  gateway: 172.22.0.1
  vip: {VIP}
  undercloud: [172.22.0.21, 172.22.0.22, 172.22.0.23]
  instances: 172.22.0.50-172.22.0.99
  boot: 172.22.0.100-172.22.0.199
bmc: {{ranges: [172.22.1.21-172.22.1.26]}}
"""
_HEAT = {
    "auth_url": "http://172.22.0.9:5000/v3",
    "user_id": "0" * 32,
    "password": "hush-heat",
    "project_id": "1" * 32,
    "stack_id": "undercloud/0c5b0000-0000-4000-8000-000000000002",
    "resource_name": "node",
}
_METADATA = "/var/lib/os-collect-config/local-data"
_BOOT_SECONDS, _CONFIGURE_SECONDS, _OFF_SECONDS = 120.0, 600.0, 120.0


class Controller:
    """The machine in the current folder's rack; `kind` is container or vm."""

    def __init__(self, kind: str) -> None:
        file = Path("rack.yaml").resolve()
        write_private(file, _RACK.replace("KIND", kind))
        self.spec: RackSpec = load_rack(file)
        self.disk = self.spec.folder(_NAME) / "disk.img"

    def power_on(self) -> None:
        rack.up(self.spec)
        rack.order(self.spec, _NAME, "on")

    def settle(self, seconds: float) -> None:
        """The container on, and wait until its system has done all that it does at a boot."""
        self.power_on()
        until("the container's system", self._is_up, seconds)

    def power_off(self) -> None:
        """By its button, and the rack goes with it; its disk stays."""
        rack.order(self.spec, _NAME, "soft")
        until("the machine to go off", lambda: not rack.is_on(self.spec, _NAME), _OFF_SECONDS)
        self._put_away()

    def lose_power(self) -> None:
        rack.order(self.spec, _NAME, "off")
        self._put_away()

    def _put_away(self) -> None:
        loop.wait_free(self.disk)
        rack.down(self.spec)

    def console(self) -> str:
        """Everything that came on its serial line."""
        return (self.disk.parent / "console.log").read_text(errors="replace")

    def inside(self, script: str, *, input: str = "", timeout: float = 60) -> str:
        """A script in the container; needs no network."""
        words = rack.exec_argv(self.spec, _NAME, ["bash", "-euc", script])
        return process.run(words, timeout=timeout, input=input).stdout.strip()

    def greets(self) -> bool:
        """Whether SSH answers at its address."""
        greet = f"exec 3<>/dev/tcp/{ADDRESS}/22 && head -c 4 <&3"
        done = process.run(
            process.Command(["timeout", "5", "bash", "-c", greet], netns=self.spec.namespace), timeout=20, check=False
        )
        return done.stdout == "SSH-"

    def ssh(self, script: str, *, timeout: float = 120) -> str:
        """A script at its address, with the site's key. Only the host keys of its first life are taken."""
        trust = ["-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile=known_hosts", "-o", "LogLevel=ERROR"]
        words = [
            "ssh",
            "-F",
            "none",
            "-i",
            "key",
            "-o",
            "BatchMode=yes",
            "-o",
            "ConnectTimeout=60",
            *trust,
            f"root@{ADDRESS}",
        ]
        return process.run(process.Command([*words, script], netns=self.spec.namespace), timeout=timeout).stdout.strip()

    def from_outside(self, url: str) -> str:
        """What the router gets there; empty when nobody answers."""
        return process.run(
            process.Command(["curl", "-s", "-m", "20", url], netns=self.spec.namespace), timeout=30, check=False
        ).stdout

    def first_life(self, golden: Path) -> None:
        """Written, booted and configured; its host keys are known from here on."""
        secrets = ensure_generated(Path("secrets.yaml").resolve())
        write_private(Path("key"), secrets.generated.ssh_private_key.reveal())
        self.disk.parent.mkdir(parents=True)
        disks.write(golden, self.disk, 20)
        keys = [secrets.generated.ssh_public_key]
        config_drive.add(self.disk, Path.cwd(), mac=_MAC, address=ADDRESS, keys=keys)
        self.settle(_BOOT_SECONDS)
        tree = seed_tree(parse_site(_SITE), secrets) | {"os-collect-config": {"heat": _HEAT}}
        self.inside("systemctl stop os-collect-config")  # it would configure as well
        self._configure(tree)
        tree["node"] |= {"bootstrap": False}
        self._configure(tree)
        self.inside("systemctl start os-collect-config")
        shown = self.inside("cat /etc/ssh/ssh_host_*.pub").splitlines()
        Path("known_hosts").write_text("".join(f"{ADDRESS} {key}\n" for key in shown))

    def _configure(self, tree: dict[str, Any]) -> None:
        put = f"install -d -m 0700 {_METADATA}; install -m 0600 /dev/stdin {_METADATA}/seedvm.json"
        self.inside(put, input=json.dumps(tree))
        self.inside("seedvm-configure >&2", timeout=_CONFIGURE_SECONDS)

    def _is_up(self) -> bool:
        try:
            return self.inside("systemctl is-system-running || true") in ("running", "degraded")
        except SeedvmError:
            return False


def other_image(golden: Path, target: Path, name: str) -> None:
    """Another image: its identity is `name`, and it has a file /etc/only-in-NAME."""
    root = next(one for one in gpt.partitions(golden) if one.name == "root")
    process.run(["cp", "--sparse=always", golden, target], timeout=120)
    identity = target.with_suffix(".json")
    identity.write_text(json.dumps({"name": f"seedvm-{name}", "hash": name}))
    orders = (
        f"rm /etc/seedvm-image.json\nwrite {identity} /etc/seedvm-image.json\nwrite {identity} /etc/only-in-{name}\n"
    )
    process.run(["debugfs", "-w", "-f", "-", f"{target}?offset={root.start}"], timeout=60, input=orders)


def write_root(image: Path, disk: Path) -> None:
    """An image's root partition over that of a disk; all else stays."""
    (source,) = (one for one in gpt.partitions(image) if one.name == "root")
    (target,) = (one for one in gpt.partitions(disk) if one.name == "root")
    assert source.size == target.size
    places = [f"skip={source.start}", f"seek={target.start}", f"count={source.size}"]
    flags = ["bs=1M", "conv=notrunc", "iflag=skip_bytes,count_bytes", "oflag=seek_bytes"]
    process.run(["dd", f"if={image}", f"of={disk}", *flags, *places], timeout=180)


def same_root(image: Path, disk: Path) -> bool:
    """Whether a disk's ESP and root are an image's, byte for byte."""
    root = next(one for one in gpt.partitions(image) if one.name == "root")
    first = gpt.partitions(image)[0].start
    words: list[str | Path] = [
        "cmp",
        f"--bytes={root.start + root.size - first}",
        f"--ignore-initial={first}",
        image,
        disk,
    ]
    return process.run(words, timeout=180, check=False).returncode == 0


@contextlib.contextmanager
def scene(scratch: Path) -> Iterator[Path]:
    """The folder of the rack is the current one, as racks keep their disks; the golden image is handed in."""
    golden = build(SOURCE / "build/cache").folder / "golden.raw"
    before = Path.cwd()
    os.chdir(scratch)
    try:
        yield golden
    finally:
        os.chdir(scratch)  # after a Ctrl-C pytest is back in its own folder
        rack.wipe(Controller("vm").spec)
        os.chdir(before)
