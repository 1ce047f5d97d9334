"""This machine's network interfaces as the kernel describes them: link, speed, MAC, address. It reads /sys and changes nothing."""

from __future__ import annotations

import fcntl
import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

_SIOCGIFADDR, _SIOCGIFNETMASK = 0x8915, 0x891B
SYS_NET = Path("/sys/class/net")


@dataclass(frozen=True)
class SystemNic:
    """A network interface; `speed` is in Mbit/s, 0 where the driver does not report it, `address` with its prefix length or empty."""

    name: str
    link: bool
    speed: int
    mac: str
    address: str

    def __str__(self) -> str:
        link = "link" if self.link else "NO LINK"
        speed = f" {self.speed} Mb/s" if self.speed > 0 else ""
        return f"{self.name} {link}{speed} {self.address or 'no address'}"


def nics(root: Path = SYS_NET) -> tuple[SystemNic, ...]:
    """Every interface but the loopback, by name."""
    names = sorted(path.name for path in root.iterdir() if path.name != "lo") if root.is_dir() else []
    return tuple(found for name in names if (found := nic(name, root)) is not None)


def nic(name: str, root: Path = SYS_NET) -> SystemNic | None:
    """One interface; None where there is none of that name."""
    mac = _read(root / name / "address")
    if not mac:
        return None
    return SystemNic(name, has_carrier(name, root), speed_mbit(name, root), mac, _address(name))


def has_carrier(name: str, root: Path = SYS_NET) -> bool:
    """Whether the interface has a link; an interface that is down has none."""
    return _read(root / name / "carrier") == "1"


def speed_mbit(name: str, root: Path = SYS_NET) -> int:
    """The link's speed in Mbit/s; 0 where the driver reports none (a virtual interface, one without a cable)."""
    speed = _read(root / name / "speed")
    return int(speed) if speed.isdecimal() else 0


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # reading `carrier` or `speed` of an interface that is down is an error (EINVAL)
        return ""


def _address(name: str) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            address, mask = (_ask(asked, name, what) for what in (_SIOCGIFADDR, _SIOCGIFNETMASK))
        except OSError:
            return ""
    return f"{address}/{IPv4Network(f'0.0.0.0/{mask}').prefixlen}"


def _ask(asked: socket.socket, name: str, what: int) -> IPv4Address:
    answer = fcntl.ioctl(asked, what, struct.pack("256s", name.encode()[:15]))
    return IPv4Address(answer[20:24])
