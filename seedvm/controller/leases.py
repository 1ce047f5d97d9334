"""The leases of the dnsmasq beside this machine's conductor: how far a machine's boot is, as its own requests for an address tell.

Source: dnsmasq's lease file (expiry, MAC, address, name, client id). It reads, and refuses to take what it cannot read for news.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seedvm.foreign.numbers import decimal

FILE = Path("/var/lib/ironic/dhcp/leases")
RAMDISK = "deploy-ramdisk-"  # how the host name begins that the ramdisk asks with, see elements/deploy-ramdisk


@dataclass(frozen=True)
class Lease:
    """`expires` in seconds since the epoch; `host` is empty where the client gave none, as firmware does."""

    expires: int
    address: str
    host: str

    @property
    def of_ramdisk(self) -> bool:
        return self.host.startswith(RAMDISK)


def leases(path: Path = FILE) -> dict[str, Lease]:
    """By MAC, in lower case; nothing where there is no file."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return {}
    found = {}
    for words in map(str.split, lines):
        if len(words) >= 4 and (expires := decimal(words[0], 0, 2**63)) is not None:
            found[words[1].lower()] = Lease(expires, words[2], "" if words[3] == "*" else words[3])
    return found
