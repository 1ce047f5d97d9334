"""What a host saw, for a test to judge. Times are seconds of the monotonic clock, which every process of a machine shares."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Login:
    """A credential that arrived: a RAKP 3 with a code, an Activate Session, an Authorization header, a session's POST."""

    at: float
    protocol: str
    user: str
    outcome: str  # in, wrong, unknown, locked, blocked, expired; "received" by a host that has no accounts


@dataclass(frozen=True)
class Sent:
    """An HTTP request that arrived, and what of a login it carried: "basic", "token", "password" (in its body), or nothing."""

    method: str
    path: str
    secret: str = ""


@dataclass
class Record:
    """`packets` are (time, kind) of datagrams and of HTTP requests; `in_flight` the most questions open at once."""

    packets: list[tuple[float, str]] = field(default_factory=list)
    logins: list[Login] = field(default_factory=list)
    requests: list[Sent] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    handshakes: int = 0
    slots_opened: int = 0
    slots_open: int = 0
    slots_excused: int = 0
    most_slots: int = 0
    connections: int = 0
    locked_by_visitor: bool = False
    blocked_visitor: bool = False
    tries_while_locked: int = 0
    bad_tags: int = 0
    changes: list[str] = field(default_factory=list)

    def saw(self, kind: str) -> None:
        self.packets.append((time.monotonic(), kind))

    def login(self, protocol: str, user: str, outcome: str) -> None:
        self.logins.append(Login(time.monotonic(), protocol, user, outcome))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, tree: dict[str, Any]) -> Record:
        logins = [Login(**row) for row in tree["logins"]]
        requests = [Sent(**row) for row in tree["requests"]]
        packets = [(at, kind) for at, kind in tree["packets"]]
        return cls(**{**tree, "logins": logins, "packets": packets, "requests": requests})

    @property
    def leaked_slots(self) -> int:
        """Session slots that are still taken although the wire lost neither their numbers nor their closings."""
        return max(0, self.slots_open - self.slots_excused)
