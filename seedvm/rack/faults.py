"""Faults to order of a machine's BMC, as `faults:` of rack.yaml names them. It refuses what it does not know.

`wrong_password: true` (nobody knows it), `lock_out: {after: 3, seconds: 600}`, `lost_packets_percent: 20` (of what comes in, by
nftables in the BMC's namespace), `sessions: 2`, `hang: true` (presence and connections, then nothing), `clock_ahead_seconds: 3600`.
One comes and goes while the rack runs: a dead power supply (`seedvm rack fault`).
"""

from __future__ import annotations

from dataclasses import dataclass

from seedvm.base import process
from seedvm.base.yaml_cursor import Cursor

LOCK_SECONDS = 300


@dataclass(frozen=True)
class Faults:
    """What is wrong with a BMC; as it stands nothing is. `sessions` 0 means as many as it has when it is well."""

    wrong_password: bool = False
    lock_after: int = 0
    lock_seconds: int = LOCK_SECONDS
    lost_percent: int = 0
    sessions: int = 0
    hang: bool = False
    clock_ahead: int = 0


def parse_faults(cursor: Cursor) -> Faults:
    """The mapping, each problem noted at its line."""
    numbers = ("lost_packets_percent", "sessions", "clock_ahead_seconds")
    parts = cursor.mapping((), ("wrong_password", "lock_out", "hang", *numbers))
    lock = parts["lock_out"].mapping(("after",), ("seconds",))
    lost, sessions, ahead = (parts[name].integer(0, minimum=1) for name in numbers)
    if lost > 99:
        parts["lost_packets_percent"].problem(f"{lost} is too much; at most 99")
    return Faults(
        wrong_password=parts["wrong_password"].boolean(False),
        lock_after=lock["after"].integer(0, minimum=1),
        lock_seconds=lock["seconds"].integer(LOCK_SECONDS, minimum=1),
        lost_percent=lost,
        sessions=sessions,
        hang=parts["hang"].boolean(False),
        clock_ahead=ahead,
    )


def lose_packets(percent: int) -> None:
    """Drop so many of the packets that come in, in the namespace of this process."""
    table = "table inet seedvm_faults"
    chain = "type filter hook input priority 0;", f"numgen random mod 100 < {percent} drop"
    text = "\n".join([table, f"delete {table}", table + " {", "chain in {", *chain, "}", "}", ""])
    process.run(["nft", "-f", "-"], timeout=10, input=text)
