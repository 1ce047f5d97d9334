"""Mains and battery, as the kernel shows them (Documentation/ABI/testing/sysfs-class-power). It only reads."""

from __future__ import annotations

from pathlib import Path

_SUPPLIES = Path("/sys/class/power_supply")


def warning(supplies: Path = _SUPPLIES) -> str:
    """What an operator should know about the laptop's power; empty when it is on mains or has no battery."""
    folders = sorted(supplies.iterdir()) if supplies.is_dir() else []
    kinds = [(folder, _read(folder / "type")) for folder in folders]
    if any(kind in ("Mains", "USB") and _read(folder / "online") == "1" for folder, kind in kinds):
        return ""
    charges = [
        _read(folder / "capacity")
        for folder, kind in kinds
        if kind == "Battery" and _read(folder / "scope") != "Device"
    ]
    if not charges:
        return ""
    return f"the laptop runs on battery ({charges[0] or '?'} %): plug it in"


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
