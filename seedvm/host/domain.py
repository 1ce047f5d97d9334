"""What the seed's VM is made of, and its libvirt XML from the mustache template. It talks to nobody."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pystache

from seedvm.base.errors import SeedvmError
from seedvm.base.json_tree import JSON

TEMPLATE = Path(__file__).with_name("domain.xml.mustache")
DEFAULT_MEMORY_MIB = 4096
EMULATED_CPUS = 1
_FIRST_SLOT = 0x10  # of the ports on the PCI bus; the NAT NIC has 0x1e: Linux names NICs in this order
NAT_CIDR = "198.18.77.0/24"  # RFC 2544's: no datacenter should route it


@dataclass(frozen=True)
class Port:
    """Where one NIC of the seed is plugged in: a physical port by macvtap, or a bridge."""

    name: str
    bridge: bool


@dataclass(frozen=True)
class SeedVm:
    """The seed's VM as it is wanted. The ports become eth0, eth1... in this order; the NAT NIC comes last."""

    name: str
    disk: Path
    ports: tuple[Port, ...]
    kvm: bool
    memory_mib: int = DEFAULT_MEMORY_MIB
    cpus: int = 2
    ssh_port: int = 2222
    nat_cidr: str = NAT_CIDR

    @property
    def uuid(self) -> str:
        """The same for the same VM through snapshots and new starts: libvirt knows it by this."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"seedvm:{self.disk.parent}/{self.name}"))

    def mac(self, number: int) -> str:
        """As steady as the VM, so that leases and ARP tables hold through a new start."""
        digest = hashlib.sha256(f"{self.uuid}/{number}".encode()).digest()
        return "52:54:5e:" + ":".join(f"{byte:02x}" for byte in digest[:3])


def render(appliance: SeedVm) -> str:
    """The domain's XML."""
    ports = [
        {
            "type": "bridge" if port.bridge else "direct",
            "macvtap": not port.bridge,
            "port": port.name,
            "mac": appliance.mac(number),
            "number": number,
            "slot": f"{_FIRST_SLOT + number:#04x}",
        }
        for number, port in enumerate(appliance.ports)
    ]
    tree: Mapping[str, JSON] = {
        "type": "kvm" if appliance.kvm else "qemu",
        "kvm": appliance.kvm,
        "name": appliance.name,
        "uuid": appliance.uuid,
        "memory_mib": appliance.memory_mib,
        "cpus": appliance.cpus if appliance.kvm else EMULATED_CPUS,
        "disk": str(appliance.disk),
        "ports": ports,
        "nat_cidr": appliance.nat_cidr,
        "nat_mac": appliance.mac(len(ports)),
        "ssh_port": appliance.ssh_port,
    }
    return pystache.Renderer(missing_tags="strict").render(TEMPLATE.read_text(), tree)


def disks(xml: str) -> tuple[Path, ...]:
    """The files that a domain's disks are in now."""
    sources = ElementTree.fromstring(xml).findall("./devices/disk[@device='disk']/source")
    return tuple(Path(str(source.get("file"))) for source in sources)


def ports(xml: str) -> tuple[Port, ...]:
    """Where a domain's NICs are plugged in."""
    found = []
    for nic in ElementTree.fromstring(xml).findall("./devices/interface"):
        source = nic.find("source")
        if source is not None:
            bridged = nic.get("type") == "bridge"
            found.append(Port(str(source.get("bridge" if bridged else "dev")), bridged))
    return tuple(found)


def with_link(xml: str, number: int, up: bool) -> str:
    """The XML of NIC `number` of a domain with its cable in or out, as libvirt takes it to update the device."""
    nics = ElementTree.fromstring(xml).findall("./devices/interface")
    if number >= len(nics):
        raise SeedvmError(
            "the seed has no such NIC", why=f"it has {len(nics)}", hint="report this as a defect of seedvm"
        )
    nic = nics[number]
    link = nic.find("link")
    if link is None:
        link = ElementTree.SubElement(nic, "link")
    link.set("state", "up" if up else "down")
    return ElementTree.tostring(nic, encoding="unicode")
