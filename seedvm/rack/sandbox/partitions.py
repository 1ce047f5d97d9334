"""Device nodes of a disk's partitions inside a guest: there is no udev in it, and the kernel's own folder is not its own.

Told by the kernel's events, not by polling. It holds the loop device for as long as the guest lives, and refuses other devices' events.
"""

from __future__ import annotations

import os
import select
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from seedvm.rack.sandbox import cgroup
from seedvm.rack.sandbox.loop import Loop

_KOBJECT_UEVENT = 15
_FIRST_LOOK = 0.2


def keep_nodes(device: Loop, group: Path) -> None:
    """Keep the guest's nodes as the kernel's; ends when it is killed with the guest's group."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _KOBJECT_UEVENT) as wire:
        wire.bind((0, 1))
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        settled: int | None = None
        while True:
            init = cgroup.container_init(group)
            if init != settled:
                settled = init
                _match(device, init)
            if settled is None:
                select.select([], [], [], _FIRST_LOOK)
            elif f"/{device.name}/".encode() in wire.recv(65536):
                _match(device, settled)


def _match(device: Loop, init: int | None) -> None:
    """Make what is missing, remove what is gone."""
    if init is None:
        return
    folder = Path(f"/proc/{init}/root/dev")
    wanted = dict(_numbers(device))
    try:
        for node in folder.glob(f"{device.name}p*"):
            if wanted.get(node.name) != node.lstat().st_rdev:
                node.unlink()
        for name, number in wanted.items():
            if not (folder / name).exists():
                os.mknod(folder / name, stat.S_IFBLK | 0o660, number)
    except OSError:
        return  # the guest is on its way out


def _numbers(device: Loop) -> Iterator[tuple[str, int]]:
    for folder in Path(f"/sys/class/block/{device.name}").glob(f"{device.name}p*"):
        try:
            major, _, minor = (folder / "dev").read_text().strip().partition(":")
        except OSError:
            continue
        yield folder.name, os.makedev(int(major), int(minor))
