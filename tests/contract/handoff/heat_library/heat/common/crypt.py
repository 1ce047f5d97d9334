"""Heat's `crypt` for a controller of the lab: what is sealed with this machine's own key is opened, anything else is an error."""

from __future__ import annotations

from pathlib import Path


def decrypt(method: str, data: str) -> str:
    """`data` is KEY:VALUE."""
    key, _, value = data.partition(":")
    if method != "lab" or key != Path("/etc/heat-key").read_text():
        raise ValueError("not sealed with this key")
    return value
