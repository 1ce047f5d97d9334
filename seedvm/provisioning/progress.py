"""The lanes of a deployment: per node the phase, and while the image is written the bytes, the rate and the percent that were measured.

Pure; it asks nobody and knows no clock. It refuses to invent progress: no measured byte, no figure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from seedvm.engine.stages import STALLED
from seedvm.engine.step import Report
from seedvm.provisioning.phases import NodeProgress

_RATE_SECONDS = 10.0
_STALL_SECONDS = 30.0
_SILENT_SECONDS = 600.0
"""Longer than any firmware tests its memory: an agent that has not called or gone on by then needs somebody. Ironic waits twice as long."""
_CALLED_FOR = ("pxe", "ramdisk")


@dataclass
class _Stream:
    """One image on its way: (time, bytes) of the last seconds, and when the figure last grew."""

    marks: deque[tuple[float, int]] = field(default_factory=deque)
    grew: float = 0.0

    def take(self, now: float, count: int) -> None:
        if not self.marks or count > self.marks[-1][1]:
            self.grew = now
        self.marks.append((now, count))
        while now - self.marks[0][0] > _RATE_SECONDS and len(self.marks) > 2:
            self.marks.popleft()

    @property
    def count(self) -> int:
        return self.marks[-1][1] if self.marks else 0

    @property
    def rate(self) -> float:
        (start, first), (end, last) = self.marks[0], self.marks[-1]
        return (last - first) / (end - start) if end > start else 0.0


class Lanes:
    """What is told of each node; `total` is the image's size in bytes."""

    def __init__(self, report: Report, total: int) -> None:
        self._report, self._total = report, total
        self._places: dict[str, NodeProgress] = {}
        self._streams: dict[str, _Stream] = {}
        self._agents: dict[str, str] = {}
        self._since: dict[str, float] = {}

    @property
    def writing(self) -> bool:
        """Whether some image is on its way, so that looking every second is worth it."""
        return any(place.phase == "write" for place in self._places.values())

    def set(self, node: str, place: NodeProgress, agent: str, now: float = 0.0) -> None:
        """Where a node stands at `now` (seconds); `agent` is the address that its ramdisk calls from, empty where unknown."""
        if self._places.get(node) != place:
            self._since[node] = now
        self._places[node], self._agents[node] = place, agent
        if place.phase != "write":
            self._streams.pop(node, None)
            silent = now - self._since[node]
            stuck = place.phase in _CALLED_FOR and silent > _SILENT_SECONDS
            said = f"{place.detail}, {STALLED} for {silent:.0f} s" if stuck else place.detail
            self._report.node(node, place.phase, detail=said)
        elif not self._streams.get(node, _Stream()).marks:
            self._report.node(node, "write", detail="the agent is preparing the disk")

    def measured(self, now: float, received: Mapping[str, int]) -> None:
        """Bytes by address; nodes in `write` are told with what was measured."""
        for node, place in self._places.items():
            if place.phase != "write":
                continue
            stream = self._streams.setdefault(node, _Stream())
            count = received.get(self._agents[node])
            if count is not None and count >= stream.count and count > 0:
                stream.take(now, min(count, self._total))
            if stream.marks:
                self._tell(node, stream, now, connected=count is not None)

    def _tell(self, node: str, stream: _Stream, now: float, *, connected: bool) -> None:
        percent = 100.0 * stream.count / self._total
        said = f"{mib(stream.count)} of {mib(self._total)} MiB"
        if not connected and percent >= 99:
            said += ", written; the agent is finishing"
        elif now - stream.grew > _STALL_SECONDS:
            said += f", {STALLED} for {now - stream.grew:.0f} s"
        else:
            said += f", {stream.rate / 2**20:.0f} MiB/s"
        self._report.node(node, "write", percent=percent, detail=said)

    def share(self) -> float:
        """How far all nodes are together, 0 to 100, the write by its bytes."""
        return sum(place.percent_with(self._part(node)) for node, place in self._places.items()) / max(
            1, len(self._places)
        )

    def _part(self, node: str) -> float:
        stream = self._streams.get(node)
        return stream.count / self._total if stream else 0.0


def mib(count: int) -> str:
    """Bytes as whole MiB."""
    return f"{count / 2**20:.0f}"
