"""A state folder as an older version left it in a hostile datacenter: every text that came from elsewhere paints on the terminal.

Made from the recorded example. What is parsed (addresses, times, names of steps, verdicts) stays; the rest gets PAINT, numbers become
as large as text can say. Old versions wrote such values down as they came.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from seedvm.scan.evidence import Bmc, Evidence, HostRemark
from tests.datacenter.paint import PAINT, PAINTS

SCANNED = "192.0.2.7"
FACTS = ("vendor", "product", "certificate-subject", "redfish-version", "uuid", "remark", "redfish-root")
RECORDED = Path(__file__).parent / "recorded" / "example"
FILES = ("inventory.json", "review.json", "journal.jsonl", "receipt.json")
KEPT_KEYS = {
    *(
        "event",
        "step",
        "site",
        "run",
        "time",
        "stage",
        "stretch",
        "state",
        "verdict",
        "phase",
        "bmc",
        "driver",
        "role",
        "source",
    ),
    *("protocols", "ranges", "steps", "signature", "boot_mac", "mac", "macs", "power", "unit", "kind"),
}
KEPT = re.compile(r"[0-9a-f:.-]+|\d{4}-\d\d-\d\dT.*|[a-z0-9_.-]{1,14}", re.IGNORECASE)
NUMBERS = ("Infinity", "-Infinity", "NaN", "1e999", "9" * 4000)


def paint(value: Any, key: str = "") -> Any:
    """A JSON value with PAINT behind each text that a device, an API or a list may have said."""
    if isinstance(value, dict):
        return {name: paint(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [paint(one, key) for one in value] if key not in KEPT_KEYS else value
    if isinstance(value, str) and key not in KEPT_KEYS and not KEPT.fullmatch(value):
        return value + PAINT
    return value


def painted_state(folder: Path, *, ascii_only: bool = False) -> Path:
    """The folder. `ascii_only`: as json.dumps writes it by default, else as UTF-8 with all but C0 as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        text = (RECORDED / name).read_text()
        parts = text.splitlines() if name.endswith("l") else [text]
        lines = [json.dumps(paint(json.loads(part)), ensure_ascii=ascii_only) for part in parts]
        (folder / name).write_bytes(("\n".join(lines) + "\n").encode("utf-8", "replace"))
    for name, tree in (("scan.json", scan_tree()), ("handoff.json", handoff_tree())):
        (folder / name).write_bytes(json.dumps(tree, ensure_ascii=ascii_only).encode("utf-8", "replace"))
    return folder


def scan_tree() -> dict[str, Any]:
    """A scan of SCANNED that was stopped after its last address, in which each text that a BMC or another host sent paints."""
    bmc = Bmc(SCANNED).with_(["redfish"], [Evidence(name, PAINT, PAINT, "2026-11-30T10:00:00Z") for name in FACTS])
    remark = HostRemark("192.0.2.8", PAINT, "2026-11-30T10:00:00Z")
    return {
        "ranges": [SCANNED],
        "complete": False,
        "done": [SCANNED],
        "bmcs": [bmc.to_json()],
        "remarks": [remark.to_json()],
    }


def handoff_tree() -> Any:
    """The hand-off's memory with a doubt for every text of PAINTS, as APIs and members may have said it."""
    doubts = [
        {"name": f"power-{name}", "what": f"zq7{text}", "machine": f"n{text}", "why": f"zq7{text}", "hint": text}
        for name, text in PAINTS.items()
    ]
    owned = {"ids": {PAINT: {PAINT: PAINT}}, "ids_changed": 0, "node_reboots": 0, "gaps": [], "doubts": doubts}
    return {"format": 2, "began": {"QUIESCE": 1_790_000_000.0}, "owned": owned}


def more_events(folder: Path) -> None:
    """Events at the journal's end: of a machine, a failure, a fact in each of PAINTS, and with endless numbers; then another run."""
    lines = (folder / "journal.jsonl").read_text().splitlines()
    last = json.loads(lines[-1])
    head = {name: last[name] for name in ("time", "site", "run")} | {"step": "credentials"}
    for number, (name, text) in enumerate(PAINTS.items(), last["seq"] + 1):
        for event in (
            {"event": "log", "message": f"{name} zq7{text}", "node": f"n{text}"},
            {"event": "node", "node": f"node-{name}", "phase": "boot", "detail": f"zq7{text}"},
            {"event": "step-failed", "what": f"{name} zq7{text}", "why": f"zq7{text}\nzq7{text}", "hint": text},
            {"event": "fact", "name": f"f{text}", "value": f"zq7{text}"},
            {"event": f"of-tomorrow-{text}", "some": text},
        ):
            lines.append(json.dumps({"seq": number, **head, **event}))
    for number in NUMBERS:
        for field in ("done", "total", "percent", "seconds"):
            event = {"seq": 1, **head, "event": "progress", "done": 1, "total": 2, "unit": "x"}
            lines.append(json.dumps({**event, field: "@"}).replace('"@"', number))
            lines.append(json.dumps({**event, "event": "step-done", field: "@"}).replace('"@"', number))
            lines.append(
                json.dumps({**event, "event": "node", "node": "n", "phase": "boot", field: "@"}).replace('"@"', number)
            )
    began = next(line for line in lines if '"run-started"' in line)
    lines += [began, json.dumps({"seq": last["seq"] + 999, **head, "event": "step-started"})]
    (folder / "journal.jsonl").write_text("\n".join(lines) + "\n")
