"""libvirt, as little of it as the seed needs, with its errors as ours. The library is imported when it is asked for.

It refuses to touch a domain that does not carry our title.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from seedvm.base import install
from seedvm.base.errors import SeedvmError

if TYPE_CHECKING:
    import libvirt

URI = "qemu:///system"
OURS = "seedvm: the seed"
_CURE = "run apt-get install libvirt-daemon-system qemu-system-x86 ovmf, then systemctl start libvirtd"


class Hypervisor:
    """One connection. Every verb is about one domain by its name."""

    def __init__(self, connection: libvirt.virConnect, library: ModuleType) -> None:
        self._connection = connection
        self._library = library

    def version(self) -> tuple[str, str]:
        """Versions of libvirt and QEMU."""
        return _dotted(self._connection.getLibVersion()), _dotted(self._connection.getVersion())

    def capable(self, kind: str) -> bool:
        """Whether q35 with UEFI firmware can be had for this domain type (`kvm`, `qemu`)."""
        try:
            with _told("libvirt does not report its capabilities"):
                said = self._connection.getDomainCapabilities(None, "x86_64", "q35", kind)
        except SeedvmError:
            return False
        values = ElementTree.fromstring(said).findall("./os/enum[@name='firmware']/value")
        return "efi" in [value.text for value in values]

    def state(self, name: str) -> str:
        """absent, off, running, paused or stopping."""
        domain = self._find(name)
        if domain is None:
            return "absent"
        with _told("the seed's state cannot be read"):
            number = domain.state()[0]
        library = self._library
        known = {
            library.VIR_DOMAIN_RUNNING: "running",
            library.VIR_DOMAIN_BLOCKED: "running",
            library.VIR_DOMAIN_PAUSED: "paused",
            library.VIR_DOMAIN_PMSUSPENDED: "paused",
            library.VIR_DOMAIN_SHUTDOWN: "stopping",
        }
        return known.get(number, "off")

    def xml(self, name: str) -> str:
        with _told("the seed's definition cannot be read"):
            return str(self._ours(name).XMLDesc(0))

    def define(self, xml: str) -> None:
        with _told("libvirt rejected the seed's definition"):
            self._connection.defineXML(xml)

    def start(self, name: str) -> None:
        domain = self._ours(name)
        with _told("the seed could not be started"):
            domain.create()

    def resume(self, name: str) -> None:
        domain = self._ours(name)
        with _told("the seed could not be resumed"):
            domain.resume()

    def press_power(self, name: str) -> None:
        """Ask the system in it to switch off (ACPI)."""
        domain = self._ours(name)
        with _told("the seed cannot be asked to power off"):
            domain.shutdown()

    def cut_power(self, name: str) -> None:
        domain = self._ours(name)
        with _told("the seed's power cannot be cut"):
            domain.destroy()

    def forget(self, name: str) -> None:
        """Take the definition and the firmware's variables away; the disk stays."""
        domain, library = self._ours(name), self._library
        with _told("the seed's definition cannot be removed"):
            domain.undefineFlags(library.VIR_DOMAIN_UNDEFINE_NVRAM | library.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA)

    def freeze_disk(self, name: str, xml: str) -> None:
        """From now on the running seed writes to a new file; what was written stays as it is."""
        domain, library = self._ours(name), self._library
        flags = library.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY | library.VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC
        with _told("could not create a snapshot of the running seed"):
            domain.snapshotCreateXML(xml, flags | library.VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA)

    def update_nic(self, name: str, xml: str) -> None:
        domain = self._ours(name)
        with _told("the link of the seed's NIC could not be changed"):
            domain.updateDeviceFlags(xml, self._library.VIR_DOMAIN_AFFECT_LIVE)

    def set_clock(self, name: str, seconds: float) -> None:
        """Set the clock inside; only a guest agent can."""
        domain = self._ours(name)
        with _told("the seed's clock cannot be set from here"):
            domain.setTime({"seconds": int(seconds), "nseconds": 0})

    def _ours(self, name: str) -> libvirt.virDomain:
        domain = self._find(name)
        if domain is None:
            raise SeedvmError(f"there is no VM {name}", why="libvirt has no VM of this name", hint="run seedvm host up")
        return domain

    def _find(self, name: str) -> libvirt.virDomain | None:
        library = self._library
        try:
            domain = self._connection.lookupByName(name)
        except library.libvirtError as error:
            if error.get_error_code() == library.VIR_ERR_NO_DOMAIN:
                return None
            raise _error("libvirt cannot list its VMs", error) from error
        with _told("the VM's definition cannot be read"):
            title = ElementTree.fromstring(domain.XMLDesc(0)).findtext("title")
        if title != OURS:
            raise SeedvmError(
                f"the VM {name} was not created by seedvm",
                why=f"its title is '{title}'",
                hint="use another name with --name",
            )
        return domain


@contextlib.contextmanager
def connected(uri: str = URI) -> Iterator[Hypervisor]:
    """A connection to libvirt, as long as the block."""
    try:
        import libvirt
    except ImportError as error:
        raise SeedvmError(
            "the library libvirt-python is missing",
            why=str(error),
            hint=install.package("libvirt"),
        ) from error
    libvirt.registerErrorHandler(_silent, None)
    try:
        connection = libvirt.open(uri)
    except libvirt.libvirtError as error:
        raise SeedvmError("libvirt does not answer", why=f"{uri}: {error.get_error_message()}", hint=_CURE) from error
    try:
        yield Hypervisor(connection, libvirt)
    finally:
        connection.close()


def _silent(_context: object, _error: object) -> None:
    """libvirt prints every error; ours come from the caller."""


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    import libvirt

    try:
        yield
    except libvirt.libvirtError as error:
        raise _error(what, error) from error


def _error(what: str, error: Exception) -> SeedvmError:
    return SeedvmError(what, machine="seed", why=str(error), hint="run seedvm host check")


def _dotted(number: int) -> str:
    """libvirt counts 1,000,000 x major + 1,000 x minor + release."""
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"
