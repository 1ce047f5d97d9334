"""oslo.config's `CONF` as Heat's own library calls it."""

from __future__ import annotations


def CONF(arguments: list[str], project: str) -> None:  # noqa: N802  # its name
    """Nothing to read in the lab."""
