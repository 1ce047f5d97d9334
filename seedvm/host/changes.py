"""What is changed on the laptop's network: planned and shown first, written down before it is done, undone by `seedvm host down`.

A change carries its own undo as `ip` commands, which may be run twice. After a reboot of the laptop nothing is left of them and
the record is dropped. It refuses to change a port that has no plan, and it changes nothing else.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.typed_json import decode
from seedvm.host.nics import LaptopNic

BRIDGE = "seedvm0"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_SECONDS = 20.0
Words = tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """One change in words, the `ip` commands that make it and those that undo it."""

    says: str
    do: tuple[Words, ...]
    undo: tuple[Words, ...]


def raise_link(nic: LaptopNic) -> Change:
    """Set a port up that is down: macvtap stands on ports that are up."""
    return Change(
        f"set {nic.name} up",
        (("link", "set", nic.name, "up"),),
        (("link", "set", nic.name, "down"),),
    )


def make_bridge(nic: LaptopNic, bridge: str = BRIDGE) -> Change:
    """Put a port into a bridge of its own; what addresses and routes it has move to the bridge."""
    routes = _routes(nic.name)
    do: list[Words] = [
        ("link", "add", bridge, "address", nic.mac, "type", "bridge", "stp_state", "0", "forward_delay", "0")
    ]
    do += [("link", "set", nic.name, "master", bridge), ("link", "set", nic.name, "up"), ("link", "set", bridge, "up")]
    undo: list[Words] = [("link", "set", nic.name, "nomaster"), ("link", "del", bridge)]
    if not nic.up:
        undo.append(("link", "set", nic.name, "down"))
    for address in nic.addresses:
        do += [("addr", "del", address, "dev", nic.name), ("addr", "add", address, "dev", bridge)]
        undo.append(("addr", "replace", address, "dev", nic.name))
    for route in routes:
        do.append(("route", "replace", *route, "dev", bridge))
        undo.append(("route", "replace", *route, "dev", nic.name))
    moved = f"; {', '.join(nic.addresses)} move to it, and connections through it may break" if nic.addresses else ""
    return Change(f"create the bridge {bridge} with {nic.name} in it{moved}", tuple(do), tuple(undo))


def apply(changes: Sequence[Change], record: Path) -> None:
    """Make the changes, each written down before. One that fails is undone with all before it."""
    for change in changes:
        _write(record, change)
        for words in change.do:
            done = process.run(["ip", *words], timeout=_SECONDS, check=False)
            if done.returncode != 0:
                restore(record)
                raise SeedvmError(
                    f"could not {change.says}",
                    why=f"{process.pasteable(done.argv)}: {done.stderr.strip()}",
                    hint="the network has been restored",
                )


def pending(record: Path) -> tuple[str, ...]:
    """What is changed now, in words."""
    return tuple(entry.says for entry in _read(record))


def restore(record: Path) -> tuple[str, ...]:
    """Put everything back, the last change first; what was put back. Run again after a failure it does the rest."""
    entries = _read(record)
    for entry in reversed(entries):
        for words in entry.undo:
            process.run(["ip", *words], timeout=_SECONDS, check=False)  # undone before, or the port was pulled out
    left = [name for entry in entries for name in _made(entry) if Path("/sys/class/net", name).exists()]
    if left:
        raise SeedvmError(
            "the network could not be restored",
            why=f"{', '.join(left)} could not be removed",
            hint=f"run ip link del {left[0]}, then seedvm host down",
        )
    record.unlink(missing_ok=True)
    return tuple(entry.says for entry in entries)


def _made(entry: Change) -> list[str]:
    return [words[2] for words in entry.do if words[:2] == ("link", "add")]


def _write(record: Path, change: Change) -> None:
    record.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps({"boot": _BOOT_ID.read_text().strip(), **asdict(change)})
    descriptor = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def _read(record: Path) -> list[Change]:
    """The changes of this boot; a line cut short by a power loss was not acted upon."""
    boot, found = _BOOT_ID.read_text().strip(), []
    for line in record.read_text().splitlines() if record.exists() else []:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if entry["boot"] == boot:
            found.append(decode(Change, entry, f"a change in {record}"))
    return found


def _routes(name: str) -> list[Words]:
    """The port's routes that the kernel did not make itself, as `ip route replace` takes them."""
    said = json.loads(process.run(["ip", "-json", "route", "show", "dev", name], timeout=_SECONDS).stdout or "[]")
    found: list[Words] = []
    for route in said:
        if route.get("protocol") == "kernel":
            continue
        words = [str(route["dst"])]
        for key, word in (("gateway", "via"), ("prefsrc", "src"), ("metric", "metric")):
            if key in route:
                words += [word, str(route[key])]
        found.append(tuple(words))
    return found
