"""What a machine's firmware does for a network boot: DHCP, the network boot program, DHCP again as iPXE, its script, its files.

All of it really goes over the machine's NIC. The network boot program is fetched and its script interpreted: the program itself
does not run. It refuses to end in an exception: a boot that fails says why on the console and returns.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.rack import events
from seedvm.rack.firmware import dhcp, gpt, ipxe
from seedvm.rack.firmware.fetch import Fetched, fetch
from seedvm.rack.model import MachineSpec

NIC = "eth0"
_SCRIPT_LIMIT = 1 << 20


@dataclass
class Firmware:
    """One machine's firmware for one boot; fetched files lie in `folder`/boot until the next."""

    machine: MachineSpec
    folder: Path
    fetched: dict[str, Fetched] = field(default_factory=dict)

    @property
    def disk(self) -> Path:
        return self.folder / "disk.img"

    def network_boot(self) -> ipxe.Outcome:
        """The way from the NIC to an outcome; Leave("next") when the network offers nothing."""
        try:
            return self._network_boot()
        except (SeedvmError, OSError) as error:
            self.say(str(error))
            return ipxe.Leave("next")
        finally:
            _unconfigure()

    def path(self, name: str) -> Path:
        """Where a fetched file lies."""
        return self.folder / "boot" / name

    def say(self, message: str) -> None:
        sys.stdout.write(f"{message}\n")
        sys.stdout.flush()

    def text(self, url: str) -> str:
        name = self._fetch(url)
        path = self.path(name)
        if path.stat().st_size > _SCRIPT_LIMIT:
            raise LookupError(f"{url}: not a script")
        return path.read_text(errors="replace")

    def file(self, url: str) -> str:
        return self._fetch(url)

    def disk_boots(self) -> bool:
        return gpt.root_of(gpt.partitions(self.disk)) is not None

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def _network_boot(self) -> ipxe.Outcome:
        self.path("").mkdir(exist_ok=True)
        for old in self.path("").iterdir():
            old.unlink()
        first = self._dhcp(ipxe_stage=False)
        if first is None or not first.boot_file:
            return ipxe.Leave("next")
        try:
            self._fetch(_url(first))
        except LookupError as error:
            self.say(str(error))
            return ipxe.Leave("next")
        second = self._dhcp(ipxe_stage=True)
        if second is None or not second.boot_file:
            return ipxe.Leave("next")
        if second.boot_file == first.boot_file:
            self.say("the boot server offers the boot program again: it does not recognise iPXE")
            return ipxe.Leave("next")
        try:
            script = self.text(_url(second))
        except LookupError as error:
            self.say(str(error))
            return ipxe.Leave("next")
        settings = {"uuid": str(self.machine.uuid), "serial": self.machine.serial}
        return ipxe.run(script, _url(second), self, mac=self.machine.mac, settings=settings)

    def _dhcp(self, *, ipxe_stage: bool) -> dhcp.FirmwareLease | None:
        mac = bytes.fromhex(self.machine.mac.replace(":", ""))
        stage = "ipxe" if ipxe_stage else "firmware"
        self.say(f"DHCP ({stage}) {self.machine.mac} ...")
        lease = dhcp.ask(NIC, mac, self.machine.uuid, ipxe=ipxe_stage)
        if lease is None:
            events.note(self.folder, "dhcp", stage=stage, address=None)
            self.say("no DHCP server answers")
            return None
        self.say(f"{lease.address} from {lease.server}, boot file {lease.boot_file or 'none'}")
        events.note(
            self.folder,
            "dhcp",
            stage=stage,
            address=str(lease.address.ip),
            server=str(lease.server),
            file=lease.boot_file,
        )
        _configure(lease)
        return lease

    def _fetch(self, url: str) -> str:
        name = f"{len(self.fetched)}"
        kind = url.partition(":")[0]
        try:
            done = fetch(url, self.path(name))
        except SeedvmError as error:
            events.note(self.folder, kind, url=url, error=error.why)
            raise LookupError(f"{url}: {error.why}") from error
        events.note(self.folder, kind, url=url, bytes=done.bytes)
        self.say(f"{url}: {done.bytes} bytes")
        self.fetched[name] = done
        return name


def _url(lease: dhcp.FirmwareLease) -> str:
    return lease.boot_file if "://" in lease.boot_file else f"tftp://{lease.next_server}/{lease.boot_file.lstrip('/')}"


def _configure(lease: dhcp.FirmwareLease) -> None:
    _unconfigure()
    process.run(["ip", "addr", "add", str(lease.address), "dev", NIC], timeout=10)
    if lease.router:
        process.run(["ip", "route", "replace", "default", "via", str(lease.router)], timeout=10)


def _unconfigure() -> None:
    process.run(["ip", "addr", "flush", "dev", NIC], timeout=10, check=False)
