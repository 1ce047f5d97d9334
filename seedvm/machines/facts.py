"""An inspected machine in words: one line for the journal, and what an operator sees of its node in Ironic. Pure."""

from __future__ import annotations

from seedvm.base.json_tree import JSON
from seedvm.machines.hardware import Hardware


def facts_of(found: Hardware) -> str:
    """A machine in one line of the journal."""
    disks = ", ".join(f"{one.device} {one.size / 2**30:.0f} GiB ({one.holds})" for one in found.disks)
    nic = found.boot_nic
    wire = f", {nic.name} {f'{nic.mbps} Mb/s' if nic.mbps else 'speed unknown'}" if nic else ""
    wire += f" at {nic.switch} {nic.port}".rstrip() if nic and nic.port else ""
    firmware = f", firmware {found.firmware}" if found.firmware else ""
    return f"{found.cpus} CPUs, {found.memory_mib} MiB, {disks or 'no disk'}{wire}{firmware}"


def facts_for_people(found: Hardware) -> dict[str, JSON]:
    """What an operator sees of a machine in `openstack baremetal node show`."""
    return {
        "serial": found.serial,
        "product": found.product,
        "firmware": found.firmware,
        "disks": [
            {"device": one.device, "serial": one.serial, "bytes": one.size, "model": one.model, "holds": one.holds}
            for one in found.disks
        ],
        "nics": [
            {"name": one.name, "mac": one.mac, "mbps": one.mbps, "switch": one.switch, "port": one.port}
            for one in found.nics
        ],
    }
