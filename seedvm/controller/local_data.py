"""The metadata by which this machine configured itself as a seed; it holds every secret. Gone once the seed has handed over."""

from __future__ import annotations

from pathlib import Path

LOCAL_DATA = Path("/var/lib/os-collect-config/local-data/seedvm.json")
