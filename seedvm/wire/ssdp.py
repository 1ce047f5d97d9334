"""SSDP as Redfish services use it: the search, its answers, and announcements.

Source: DMTF DSP0266 section 13 (discovery; search target, AL header), UPnP Device Architecture 1.0 sections 1.2 and 1.3. Accepted as
BMCs send it: `urn::dmtf-org`, any case, minor versions, a target in the USN alone, LOCATION instead of AL, lines without a carriage return,
values in quotes, blank lines before the first one.
Refused here: messages over 4 KiB and ones that are no HTTP-like text; a LOCATION that is no service root (UPnP's own description).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from seedvm.foreign.identity import uuid_of
from seedvm.foreign.text import exact, shown
from seedvm.wire import WireError

GROUP_V4 = "239.255.255.250"
GROUP_V6 = "ff02::c"
PORT = 1900
REDFISH = "urn:dmtf-org:service:redfish-rest:1"
MOST = 4096
MOST_HEADERS = 64
_TARGET = re.compile(r"urn::?dmtf-org:service:redfish-rest(?::1(?:[:.][0-9.:]{0,16})?)?", re.IGNORECASE)
_FIRST = re.compile(r"HTTP/1\.[01] +200\b|(NOTIFY) +\* +HTTP/1\.[01]", re.IGNORECASE)


@dataclass(frozen=True)
class Ssdp:
    """An answer to a search or an announcement; header names in lower case, values fit to be shown and never cut ("" where they
    are not)."""

    announcement: bool
    headers: Mapping[str, str]

    @property
    def is_redfish(self) -> bool:
        """Whether it speaks of a Redfish service of any minor version that is there."""
        return bool(self.target) and self.headers.get("nts", "").lower() != "ssdp:byebye"

    @property
    def target(self) -> str:
        """The name of the Redfish service as it was sent: of the header ST (NT in an announcement), else of the USN; "" for others."""
        usn = self.headers.get("usn", "").partition("::")[2]
        named = (self.headers.get("nt" if self.announcement else "st", ""), usn)
        return next((one for one in named if _TARGET.fullmatch(one)), "")

    @property
    def root(self) -> str | None:
        """The URL of the service root: header AL, or a LOCATION that leads to one."""
        return _url(self.headers.get("al", "")) or _url(self.headers.get("location", ""), beginning="/redfish")

    @property
    def uuid(self) -> str | None:
        """The service's UUID (header USN); None for what is none and for firmware's placeholders."""
        text = self.headers.get("usn", "").partition("::")[0]
        kind, found, rest = text.partition(":")
        known = uuid_of(rest if found and kind.strip().lower() == "uuid" else text)
        return str(known) if known else None


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
    first, *rest = data.decode("utf-8", "replace").lstrip("\ufeff\0 \t\r\n").split("\n")
    found = _FIRST.match(first)
    if not found:
        raise WireError("SSDP: neither an answer nor an announcement")
    headers: dict[str, str] = {}
    for line in rest[:MOST_HEADERS]:
        name, colon, value = line.partition(":")
        if colon:
            headers.setdefault(shown(name).lower(), _unquoted(exact(value, MOST)))
    return Ssdp(found[1] is not None, headers)


def _unquoted(value: str) -> str:
    """A value without the quotes that some put around it, as UPnP has them around ssdp:discover alone."""
    return value[1:-1].strip() if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


def _url(text: str, beginning: str = "") -> str | None:
    """A URL of HTTP, without the angle brackets that some put around it; its path begins with `beginning`."""
    url = text.strip("<> ")
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.path.lower().startswith(beginning)
    except ValueError:
        return None
    return url if fits else None
