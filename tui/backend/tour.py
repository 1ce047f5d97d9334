"""The link of `seedvm replay --tour`: a recording scene by scene, each in its own time, with the page and the caption that go with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from seedvm.engine.reducer import fold
from seedvm.engine.state import State
from tui.backend.replay import Replay
from tui.state.tour import SECONDS, SceneCut, parts
from tui.state.watcher import View

_FRAME_SECONDS = 0.1


class Tour(Replay):
    """`seconds` for all of it; `page` and `caption` are those of the scene that plays."""

    def __init__(self, journal: Path, seconds: float = SECONDS) -> None:
        super().__init__(journal)
        self._parts = parts(self._events)
        self._pace = seconds / SECONDS
        self.page, self.caption = "", ""

    async def follow(self) -> AsyncIterator[View]:
        """Views, scene by scene; the last one stays."""
        state = State()
        for part in self._parts:
            self.page, self.caption = part.scene.page, part.scene.words
            async for upto, before in self._frames(part):
                state = fold(state, self._events[before:upto])
                self.view = self._seen(state)
                yield self.view
        await asyncio.Event().wait()

    async def _frames(self, part: SceneCut) -> AsyncIterator[tuple[int, int]]:
        """How many entries there are by now, and how many there were: a part is spread evenly over its seconds."""
        frames = max(1, round(part.seconds * self._pace / _FRAME_SECONDS))
        before = part.begin
        for frame in range(1, frames + 1):
            upto = part.begin + round((part.end - part.begin) * min(1.0, frame / frames / 0.8))
            upto = min(part.end, upto)  # its last fifth stands still, to be read
            yield upto, before
            before = upto
            await asyncio.sleep(_FRAME_SECONDS if self._pace else 0)
