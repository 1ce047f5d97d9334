"""The seed's NICs as the kernel tells them: link, speed, MAC, address. Reads /sys and asks by ioctl; changes nothing."""

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
class Nic:
    """A network interface; `speed` is in Mb/s, 0 where the driver does not say, `address` with its prefix length or empty."""

    name: str
    link: bool
    speed: int
    mac: str
    address: str

    def __str__(self) -> str:
        link = "link" if self.link else "NO LINK"
        speed = f" {self.speed} Mb/s" if self.speed > 0 else ""
        return f"{self.name} {link}{speed} {self.address or 'no address'}"


def nics(root: Path = SYS_NET) -> tuple[Nic, ...]:
    """Every interface but the loopback, by name."""
    names = sorted(path.name for path in root.iterdir() if path.name != "lo") if root.is_dir() else []
    return tuple(_nic(root, name) for name in names if (root / name / "address").exists())


def _nic(root: Path, name: str) -> Nic:
    speed = _read(root / name / "speed")
    link = _read(root / name / "carrier") == "1"
    return Nic(name, link, int(speed) if speed.isdecimal() else 0, _read(root / name / "address"), _address(name))


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # an interface that is down refuses to tell
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
