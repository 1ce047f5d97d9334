"""A config drive on a disk, as Nova fills it and Ironic's agent leaves it: for a machine that no Ironic has written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from seedvm.base import process
from seedvm.rack.firmware import gpt


def add(disk: Path, scratch: Path, *, mac: str, address: str, keys: Sequence[str] = ()) -> None:
    """A last partition for the machine `undercloud-0` with a static address, as for a subnet without DHCP. `keys` may log in by SSH."""
    content = scratch / "drive/openstack/latest"
    content.mkdir(parents=True)
    name = {"hostname": "undercloud-0", "name": "undercloud-0"}
    public = {"public_keys": {f"key{number}": key for number, key in enumerate(keys)}} if keys else {}
    metadata = {"uuid": "0c5b0000-0000-4000-8000-000000000001", **name, **public}
    one = {
        "id": "network0",
        "type": "ipv4",
        "link": "tap0",
        "ip_address": address,
        "netmask": "255.255.255.0",
        "routes": [],
    }
    link = {"id": "tap0", "type": "phy", "ethernet_mac_address": mac, "mtu": 1500}
    (content / "meta_data.json").write_text(json.dumps(metadata))
    (content / "network_data.json").write_text(json.dumps({"links": [link], "networks": [one], "services": []}))
    order = ["xorriso", "-as", "mkisofs", "-quiet", "-R", "-V", "config-2"]
    process.run([*order, "-o", scratch / "drive.iso", scratch / "drive"], timeout=60)
    process.run(["sgdisk", "--move-second-header", "--new=0:-64M:0", disk], timeout=30)
    with disk.open("r+b") as file:
        file.seek(gpt.partitions(disk)[-1].start)
        file.write((scratch / "drive.iso").read_bytes())
