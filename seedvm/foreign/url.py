"""References that a service gives to its own resources (RFC 3986 section 5), followed only within the same scheme, host and port.

A Redfish service names its resources, targets and redirects itself (DSP0266 section 6); a password must not follow a reference to another
host or port. Refused here: another origin, user information, control characters, and references that are no text.
"""

from __future__ import annotations

import urllib.parse
from dataclasses import dataclass

from seedvm.base.addresses import bare, in_url
from seedvm.foreign.text import exact, shown

MOST_REFERENCE = 2048
_USUAL = {"https": 443, "http": 80}


class Elsewhere(ValueError):
    """A reference leads to another scheme, host or port, or to nowhere; the text names where."""


@dataclass(frozen=True)
class Origin:
    """Scheme, host (an address, with its zone where it has one) and port."""

    scheme: str
    host: str
    port: int

    @property
    def url(self) -> str:
        """As a URL's beginning, without a slash at its end; the port only where it is unusual."""
        return f"{self.scheme}://{in_url(self.host)}{'' if self.port == _USUAL.get(self.scheme) else f':{self.port}'}"

    def path(self, reference: object, base: str = "/") -> str:
        """Path and query that a reference means, seen from the path `base`. What is not ASCII is percent-encoded. Raises Elsewhere."""
        text = exact(reference, MOST_REFERENCE)
        if not text:
            raise Elsewhere("the reference is empty or unreadable")
        try:
            target = urllib.parse.urlsplit(urllib.parse.urljoin(f"{self.scheme}://placeholder{base}", text))
            named = (target.hostname or "", target.port or _USUAL.get(target.scheme, 0))
        except ValueError:
            raise Elsewhere(f"{shown(text, 100)} is not a URL") from None
        if target.netloc != "placeholder":
            self._refuse_other(target.scheme, *named, text=text, user=target.username)
        elif target.scheme != self.scheme:
            raise Elsewhere(f"{shown(text, 100)} is on another scheme")
        path = urllib.parse.quote(target.path or "/", safe="/%:@!$&'()*+,;=~-._")
        query = urllib.parse.quote(target.query, safe="/%:@!$&'()*+,;=~-._?")
        return f"{path}?{query}" if query else path

    def _refuse_other(self, scheme: str, host: str, port: int, *, text: str, user: str | None) -> None:
        own = bare(self.host).lower().strip("[]")
        if (
            scheme != self.scheme
            or port != self.port
            or bare(host).replace("%25", "%").lower() != own
            or user is not None
        ):
            raise Elsewhere(f"{shown(text, 100)} is not on {self.url}")
