"""SSDP as Redfish services use it: the search, its answers, and announcements.

Source: DMTF DSP0266 section 13 (discovery; search target, AL header), UPnP Device Architecture 1.0 sections 1.2 and 1.3.
Refused here: messages over 4 KiB and ones that are no HTTP-like text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seedvm.wire import WireError

GROUP_V4 = "239.255.255.250"
GROUP_V6 = "ff02::c"
PORT = 1900
REDFISH = "urn:dmtf-org:service:redfish-rest:1"
MOST = 4096


@dataclass(frozen=True)
class Ssdp:
    """An answer to a search or an announcement; header names in lower case."""

    announcement: bool
    headers: Mapping[str, str]

    @property
    def is_redfish(self) -> bool:
        """Whether it speaks of a Redfish service of any minor version."""
        target = self.headers.get("nt" if self.announcement else "st", "")
        return target.startswith(REDFISH) and self.headers.get("nts", "ssdp:alive") != "ssdp:byebye"

    @property
    def root(self) -> str | None:
        """The URL of the service root (header AL)."""
        url = self.headers.get("al", "")
        return url if url.startswith(("http://", "https://")) else None

    @property
    def uuid(self) -> str | None:
        """The service's UUID (header USN)."""
        kind, _, rest = self.headers.get("usn", "").partition(":")
        found = rest.split("::", 1)[0].lower()
        return found if kind.lower() == "uuid" and found else None


def search(host: str, *, wait: int = 3) -> bytes:
    """An M-SEARCH for Redfish services; answers come spread over `wait` seconds (1 to 5)."""
    if not 1 <= wait <= 5:
        raise WireError(f"SSDP: MX {wait}")
    lines = ("M-SEARCH * HTTP/1.1", f"HOST: {host}:{PORT}", 'MAN: "ssdp:discover"', f"MX: {wait}", f"ST: {REDFISH}")
    return "\r\n".join((*lines, "", "")).encode()


def parse(data: bytes) -> Ssdp:
    """Decode an answer (HTTP/1.1 200 OK) or an announcement (NOTIFY)."""
    if len(data) > MOST:
        raise WireError(f"SSDP: {len(data)} bytes")
    first, *rest = data.decode("utf-8", "replace").split("\r\n")
    if not first.startswith(("HTTP/1.1 200", "NOTIFY * HTTP/1.1")):
        raise WireError("SSDP: neither an answer nor an announcement")
    headers: dict[str, str] = {}
    for line in rest:
        name, found, value = line.partition(":")
        if found:
            headers.setdefault(name.strip().lower(), value.strip())
    return Ssdp(first.startswith("NOTIFY"), headers)
