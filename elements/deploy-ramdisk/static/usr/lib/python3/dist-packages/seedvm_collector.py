"""What the deploy ramdisk tells beyond the agent's own inventory: what is on the disks, how fast the links are, what the clock says.

A collector of ironic-python-agent's inspection (`ipa-inspection-collectors=default,lldp,seedvm`). It only reads: `sfdisk --json`,
`blkid --probe` and a disk's first bytes, each within a limit of time. It refuses to call a disk blank that it could not read.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LIMIT_SECONDS = 20
MOST_PARTITIONS = 32
BLANK_BYTES = 1 << 20
NOTHING_FOUND, AMBIVALENT = 2, 8  # exit codes of blkid(8)
EXTENDED = ("5", "f", "85")  # an MBR's container of logical partitions, which are listed as well


def collect(data: dict[str, Any], failures: Any) -> None:
    """The entry point: `data` goes to Ironic as plugin data, `failures` would fail the inspection and is left alone.

    Adds `seedvm`: {"disks": {device: contents(device)}, "links": {nic: Mb/s}, "clock": seconds since the epoch}.
    """
    inventory = data.get("inventory") or {}
    disks = [str(_of(one, "name")) for one in inventory.get("disks") or ()]
    nics = [str(_of(one, "name")) for one in inventory.get("interfaces") or ()]
    links = {nic: speed for nic in nics if (speed := link_speed(nic)) is not None}
    data["seedvm"] = {"disks": {disk: contents(disk) for disk in disks}, "links": links, "clock": time.time()}


def contents(disk: str) -> dict[str, Any]:
    """What is on a disk: `table` (gpt, dos or empty), `found` (the signature on the whole disk, or None), `partitions`, and
    `blank`, true where nothing is known and the first MiB is zeros. `error` says what could not be read."""
    said: dict[str, Any] = {"table": "", "found": None, "partitions": [], "blank": False, "error": ""}
    try:
        whole = probe(disk)
        said["table"] = whole.pop("table", "")
        said["found"] = whole or None
        if said["table"]:
            said["partitions"] = partitions(disk)
        elif not whole:
            with open(disk, "rb") as raw:
                said["blank"] = not any(raw.read(BLANK_BYTES))
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        said["error"] = f"{type(error).__name__}: {error}"[:200]
    return said


def partitions(disk: str) -> list[dict[str, Any]]:
    """Each partition: `bytes`, `name` (GPT alone), and what blkid finds in it: `type`, `label`, `usage`."""
    table = json.loads(_output(["sfdisk", "--json", disk]))["partitiontable"]
    sector = int(table.get("sectorsize") or 512)
    found = []
    for one in table.get("partitions") or ():
        if str(one.get("type")).lower() in EXTENDED or len(found) == MOST_PARTITIONS:
            continue
        start, size = int(one["start"]) * sector, int(one["size"]) * sector
        inside = probe(disk, ["--offset", str(start), "--size", str(size)])
        inside.pop("table", None)
        found.append({"bytes": size, "name": str(one.get("name") or ""), **inside})
    return found


def probe(disk: str, where: Sequence[str] = ()) -> dict[str, str]:
    """blkid's low-level view of a disk or of a place in it; `type` is "several" where signatures contradict each other."""
    words = ["blkid", "--probe", "--output", "export", *where, disk]
    done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=LIMIT_SECONDS, check=False)
    if done.returncode == AMBIVALENT:
        return {"type": "several"}
    if done.returncode == NOTHING_FOUND and not done.stderr.strip():
        return {}
    if done.returncode != 0:
        raise OSError(f"blkid ends with {done.returncode}: {done.stderr.strip()[:120]}")
    pairs = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    names = {"TYPE": "type", "LABEL": "label", "USAGE": "usage", "PTTYPE": "table"}
    return {ours: pairs[theirs] for theirs, ours in names.items() if pairs.get(theirs)}


def link_speed(nic: str) -> int | None:
    """Mb/s that the link has now (the agent's own figure is what the NIC could do); None without a link."""
    try:
        speed = int(Path(f"/sys/class/net/{nic}/speed").read_text())
    except (OSError, ValueError):
        return None
    return speed if speed > 0 else None


def _of(one: Any, name: str) -> Any:
    """A field of an agent's object, or of the mapping that it becomes."""
    return one.get(name) if isinstance(one, dict) else getattr(one, name)


def _output(words: Sequence[str]) -> str:
    done = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=LIMIT_SECONDS, check=False)
    if done.returncode != 0:
        raise OSError(f"{words[0]} ends with {done.returncode}: {done.stderr.strip()[:120]}")
    return done.stdout
