"""What an inspection from within found of a machine: the agent's inventory and what our own collector adds, as frozen types.

Pure. Everything in it comes from a machine that nobody trusts yet: text is cut and cleaned, what is missing is None or empty. It
refuses to call a disk empty that was not read (`contents`, see elements/deploy-ramdisk, seedvm_collector.py).
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from seedvm.base.json_tree import subtree
from seedvm.wire import WireError
from seedvm.wire.ether import Lldp, parse_lldp

NOT_READ = "not read"
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
    `holds` says in words what is on it now."""

    device: str
    serial: str
    size: int
    model: str
    wwn: str = ""
    wwn_with_extension: str = ""
    holds: str = NOT_READ


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
    """A whole machine. Memory in MiB; `boot_mac` is the NIC that it booted from; `boot_mode` is "bios", "uefi" or empty;
    `clock_ahead` in seconds, None where it was not read."""

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
        return next((one for one in self.nics if one.mac == self.boot_mac), linked[0] if len(linked) == 1 else None)

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
            architecture=text(cpu.get("architecture")),
            disks=tuple(_disk(one, contents.get(str(one.get("name")))) for one in _trees(tree.get("disks"))),
            serial=text(vendor.get("serial_number")),
            product=" ".join(text(vendor[key]) for key in ("manufacturer", "product_name") if vendor.get(key)),
            nics=tuple(_nic(one, links, lldp) for one in _trees(tree.get("interfaces"))),
            boot_mac=_mac(boot.get("pxe_interface")),
            boot_mode=text(boot.get("current_boot_mode")),
            firmware=" ".join(text(firmware[key]) for key in ("vendor", "version", "build_date") if firmware.get(key)),
            clock_ahead=_ahead(ours.get("clock"), finished_at),
        )


def holds(contents: object) -> str:
    """In words what is on a disk: `contents` as the ramdisk's collector reports it, anything else where it reported nothing."""
    if not isinstance(contents, dict):
        return NOT_READ
    if contents.get("error"):
        return f"not readable: {text(contents['error'], 80)}"
    if contents.get("table"):
        parts = [_partition(one) for one in _trees(contents.get("partitions"))]
        more = f" and {len(parts) - _MOST_SHOWN} more" if len(parts) > _MOST_SHOWN else ""
        listed = ", ".join(parts[:_MOST_SHOWN]) + more if parts else "no partitions"
        return f"{text(contents['table'], 10)}: {listed}"
    if found := subtree(contents, "found"):
        return _signature(found)
    return "nothing" if contents.get("blank") is True else "unknown data"


def text(value: object, most: int = 60) -> str:
    """A machine's own words, fit to be shown: printable, on one line, cut."""
    return "".join(char for char in str(value or "") if char.isprintable()).strip()[:most]


def _partition(one: Mapping[str, object]) -> str:
    size = f"{_number(one.get('bytes')) / 2**30:.1f} GiB"
    name = text(one.get("name"), 24)
    what = _signature(one) if one.get("type") else f"'{name}', content unknown" if name else "content unknown"
    return f"{what} {size}"


def _signature(found: Mapping[str, object]) -> str:
    kind, label = text(found.get("type"), 24), text(found.get("label"), 32)
    return _KINDS.get(kind, kind) + (f" '{label}'" if label else "")


def _disk(one: Mapping[str, object], contents: object) -> Disk:
    said = {name: text(one.get(name)) for name in ("serial", "model", "wwn", "wwn_with_extension")}
    return Disk(device=text(one.get("name")), size=_number(one.get("size")), holds=holds(contents), **said)


def _nic(one: Mapping[str, object], links: Mapping[str, object], lldp: Mapping[str, object]) -> Nic:
    name = text(one.get("name"))
    speed = links.get(name)
    neighbour = _neighbour(lldp.get(name))
    return Nic(
        name=name,
        mac=_mac(one.get("mac_address")),
        mbps=_number(speed) or None,
        carrier=one.get("has_carrier") is True,
        switch=(neighbour.system or neighbour.chassis) if neighbour else "",
        port=neighbour.port if neighbour else "",
    )


def _neighbour(tlvs: object) -> Lldp | None:
    """The switch of the agent's list of (type, hexadecimal value)."""
    if not isinstance(tlvs, list):
        return None
    with contextlib.suppress(ValueError, TypeError, struct.error, WireError):
        raw = [(int(kind), bytes.fromhex(value)) for kind, value in tlvs]
        return parse_lldp(b"".join(struct.pack(">H", kind << 9 | len(value)) + value for kind, value in raw))
    return None


def _mac(value: object) -> str:
    """Colons and lower case; pxelinux writes 01-aa-bb-..."""
    said = text(value).lower().replace("-", ":")
    return said[3:] if said.count(":") == 6 else said


def _ahead(clock: object, finished_at: str) -> float | None:
    with contextlib.suppress(ValueError, OverflowError):
        if isinstance(clock, int | float):
            return round(float(clock) - datetime.fromisoformat(finished_at).timestamp())
    return None


def _number(value: object) -> int:
    """A size or a count; 0 for what is none."""
    return value if isinstance(value, int) and value > 0 else 0


def _trees(value: object) -> list[Mapping[str, object]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
