"""What an inspection from within found of a machine: the agent's inventory and what our own collector adds, as frozen types.

Pure. Everything in it comes from a machine that nobody trusts yet: what is shown is cut and cleaned; what is compared or handed on (names,
serial numbers, World Wide Names, models) is exact or empty, and firmware's placeholders are empty; what is missing is None or empty. It
refuses to call a disk empty that was not read (`contents`, see elements/deploy-ramdisk, seedvm_collector.py).
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from seedvm.base.json_tree import subtree
from seedvm.foreign.identity import is_placeholder, mac, serial
from seedvm.foreign.numbers import integer, real
from seedvm.foreign.text import exact, shown
from seedvm.wire import WireError
from seedvm.wire.ether import Lldp, parse_lldp

NOT_READ = "not read"
HINTS = ("serial", "wwn_with_extension", "wwn")  # by what Ironic can find a disk again, in this order
MOST_HINT, MOST_NAME = 1024, 255
MOST_MBPS = 10_000_000  # Linux has 2**32 - 1 for a speed that is unknown
_MOST_SHOWN = 4
_KINDS = {
    "LVM2_member": "LVM physical volume",
    "linux_raid_member": "Linux RAID member",
    "ddf_raid_member": "RAID member (DDF)",
    "isw_raid_member": "RAID member (Intel)",
    "crypto_LUKS": "encrypted volume (LUKS)",
    "zfs_member": "ZFS member",
    "several": "conflicting signatures",
}


@dataclass(frozen=True)
class Disk:
    """A disk. Its serial number and World Wide Names, called as Ironic's root device hints are, may be empty; `size` is in bytes;
    `holds` says in words what is on it now; `unreadable` names those that no hint can hold: too long, or with control
    characters."""

    device: str
    serial: str
    size: int
    model: str
    wwn: str = ""
    wwn_with_extension: str = ""
    holds: str = NOT_READ
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True)
class Nic:
    """A NIC. `mbps` is the speed of the link now, None without one; `switch` and `port` are the other end's words (LLDP)."""

    name: str
    mac: str
    mbps: int | None = None
    carrier: bool = False
    switch: str = ""
    port: str = ""


@dataclass(frozen=True)
class Hardware:
    """A whole machine. CPUs, memory in MiB and the size of a disk are 0 where they were not read; `boot_mac` is the NIC that it booted
    from; `boot_mode` is "bios", "uefi" or empty; `clock_ahead` in seconds, None where it was not read."""

    cpus: int
    memory_mib: int
    architecture: str
    disks: tuple[Disk, ...]
    serial: str
    product: str
    nics: tuple[Nic, ...] = ()
    boot_mac: str = ""
    boot_mode: str = ""
    firmware: str = ""
    clock_ahead: float | None = None

    @property
    def boot_nic(self) -> Nic | None:
        """The NIC that it booted from; where the ramdisk does not know, its only one with a link."""
        linked = [one for one in self.nics if one.carrier]
        known = (one for one in self.nics if one.mac and one.mac == self.boot_mac)
        return next(known, linked[0] if len(linked) == 1 else None)

    @classmethod
    def of(cls, said: Mapping[str, object], finished_at: str = "") -> Hardware:
        """Of Ironic's `/nodes/ID/inventory`; `finished_at` is Ironic's own time of the end of the inspection (RFC 3339)."""
        tree, extra = subtree(said, "inventory"), subtree(said, "plugin_data")
        memory, vendor, boot = (subtree(tree, name) for name in ("memory", "system_vendor", "boot"))
        ours, cpu, firmware = subtree(extra, "seedvm"), subtree(tree, "cpu"), subtree(vendor, "firmware")
        total = _number(memory.get("physical_mb")) or _number(memory.get("total")) // 2**20
        contents, links, lldp = subtree(ours, "disks"), subtree(ours, "links"), subtree(extra, "lldp_raw")
        return cls(
            cpus=_number(cpu.get("count")),
            memory_mib=total,
            architecture=exact(cpu.get("architecture"), MOST_NAME),
            disks=tuple(_disk(one, contents.get(str(one.get("name")))) for one in _trees(tree.get("disks"))),
            serial=serial(vendor.get("serial_number")),
            product=" ".join(
                filter(None, (shown(serial(vendor.get(key))) for key in ("manufacturer", "product_name")))
            ),
            nics=tuple(_nic(one, links, lldp) for one in _trees(tree.get("interfaces"))),
            boot_mac=_mac(boot.get("pxe_interface")),
            boot_mode=exact(boot.get("current_boot_mode"), MOST_NAME),
            firmware=" ".join(
                filter(None, (shown(firmware.get(key), 60) for key in ("vendor", "version", "build_date")))
            ),
            clock_ahead=_ahead(ours.get("clock"), finished_at),
        )


def holds(contents: object) -> str:
    """In words what is on a disk: `contents` as the ramdisk's collector reports it, anything else where it reported nothing."""
    if not isinstance(contents, dict):
        return NOT_READ
    if contents.get("error"):
        return f"not readable: {shown(contents['error'], 80)}"
    if contents.get("table"):
        parts = [_partition(one) for one in _trees(contents.get("partitions"))]
        more = f" and {len(parts) - _MOST_SHOWN} more" if len(parts) > _MOST_SHOWN else ""
        listed = ", ".join(parts[:_MOST_SHOWN]) + more if parts else "no partitions"
        return f"{shown(contents['table'], 10)}: {listed}"
    if found := subtree(contents, "found"):
        return _signature(found)
    return "nothing" if contents.get("blank") is True else "unknown data"


def _partition(one: Mapping[str, object]) -> str:
    size = f"{_number(one.get('bytes')) / 2**30:.1f} GiB"
    name = shown(one.get("name"), 24)
    what = _signature(one) if one.get("type") else f"'{name}', content unknown" if name else "content unknown"
    return f"{what} {size}"


def _signature(found: Mapping[str, object]) -> str:
    kind, label = shown(found.get("type"), 24), shown(found.get("label"), 32)
    return _KINDS.get(kind, kind) + (f" '{label}'" if label else "")


def _disk(one: Mapping[str, object], contents: object) -> Disk:
    names = {name: serial(one.get(name), MOST_HINT) for name in HINTS}
    lost = tuple(
        name for name in HINTS if one.get(name) and not names[name] and not is_placeholder(exact(one.get(name)))
    )
    return Disk(
        device=exact(one.get("name"), MOST_NAME),
        size=_number(one.get("size")),
        model=exact(one.get("model"), MOST_HINT),
        holds=holds(contents),
        unreadable=lost,
        **names,
    )


def _nic(one: Mapping[str, object], links: Mapping[str, object], lldp: Mapping[str, object]) -> Nic:
    name = exact(one.get("name"), MOST_NAME)
    speed = links.get(name)
    neighbour = _neighbour(lldp.get(name))
    return Nic(
        name=name,
        mac=_mac(one.get("mac_address")),
        mbps=integer(speed, 1, MOST_MBPS),
        carrier=one.get("has_carrier") is True,
        switch=(neighbour.system or neighbour.chassis) if neighbour else "",
        port=neighbour.port if neighbour else "",
    )


def _neighbour(tlvs: object) -> Lldp | None:
    """The switch of the agent's list of (type, hexadecimal value)."""
    if not isinstance(tlvs, list):
        return None
    with contextlib.suppress(ValueError, TypeError, struct.error, WireError):
        raw = [(integer(kind, 0, 127) or 0, bytes.fromhex(value)) for kind, value in tlvs]
        return parse_lldp(b"".join(struct.pack(">H", kind << 9 | len(value)) + value for kind, value in raw))
    return None


def _mac(value: object) -> str:
    """Colons and lower case; pxelinux writes 01-aa-bb-... "" for what is no NIC's."""
    said = exact(value, 64)
    return mac(said[3:] if said.count("-") == 6 else said) or ""


def _ahead(clock: object, finished_at: str) -> float | None:
    if (seconds := real(clock, 0, 2**40)) is None:
        return None
    with contextlib.suppress(ValueError, OverflowError):
        return round(seconds - datetime.fromisoformat(finished_at).timestamp())
    return None


def _number(value: object) -> int:
    """A size or a count; 0 for what is none."""
    return integer(value, 0, 2**63) or 0


def _trees(value: object) -> list[Mapping[str, object]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
