"""`seedvm top` as plain lines, for dumb terminals and screen readers: a page, then each change; every fact and every order by words."""

from __future__ import annotations

import asyncio

from seedvm.base.errors import SeedvmError
from seedvm.monitor.drawing import text
from seedvm.monitor.model import Machine, Overview
from seedvm.monitor.verdict import verdict
from seedvm.monitor.words import event_lines, machine_detail, need_lines, page
from tui.backend.top_feed import Feed
from tui.desk import Desk

WIDTH = 80
_HELP = """Enter or page: the whole page again. machine NAME: all of one machine and what to do. quit: leave (so does Ctrl+C).
unlock SITE: allow orders. Then: retry NAME, power-on NAME, power-off NAME."""


class TopTalk:
    """One conversation about a running undercloud."""

    def __init__(self, feed: Feed, desk: Desk) -> None:
        self._feed, self._desk = feed, desk
        self._seen: Overview | None = None
        self._told: dict[str, list[str]] = {}
        self._trouble = ""
        self._unlocked = False

    async def run(self) -> int:
        """Until `quit` or the end of input; 0 where all was well in the end, else 1."""
        listening = asyncio.create_task(self._listen())
        watching = asyncio.create_task(self._watch())
        try:
            await asyncio.wait({listening, watching}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (listening, watching):
                task.cancel()
        for ended in await asyncio.gather(listening, watching, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended
        return 0 if self._seen is not None and verdict(self._seen).well else 1

    async def _watch(self) -> None:
        async for told in self._feed.follow():
            if isinstance(told, str):
                if told != self._trouble:
                    self._desk.say(f"! not up to date: {told}")
                self._trouble = told
                continue
            first, self._seen, self._trouble = self._seen is None, told, ""
            if first:
                self._page(told)
            self._news(told, quietly=first)

    def _page(self, seen: Overview) -> None:
        for line in page(seen, verdict(seen), WIDTH):
            self._desk.say(line)
        self._desk.say("Each change follows. ?: help, quit: leave.")

    def _news(self, seen: Overview, *, quietly: bool) -> None:
        judged = verdict(seen)
        now = {
            "": [text(line) for line in event_lines(seen, WIDTH)],
            "needs you:": [text(line) for line in need_lines(seen, judged, WIDTH)],
        }
        for title, lines in now.items():
            before = set(self._told.get(title, ()))
            fresh = [line for line in lines if line not in before]
            if fresh and not quietly:
                for told in (*([title] if title else []), *fresh):
                    self._desk.say(told)
            self._told[title] = lines

    async def _listen(self) -> None:
        while (answer := await self._desk.ask("")) is not None:
            verb, _, rest = answer.strip().partition(" ")
            if verb in ("q", "quit"):
                return
            await self._do(verb, rest.strip())

    async def _do(self, verb: str, name: str) -> None:
        seen = self._seen
        if verb in ("?", "help"):
            for line in _HELP.splitlines():
                self._desk.say(line)
        elif seen is None:
            self._desk.say(self._trouble or "asking the controllers and the APIs ...")
        elif verb in ("", "page"):
            self._page(seen)
        elif verb == "unlock":
            self._unlocked = name == seen.site
            self._desk.say("orders are unlocked" if self._unlocked else f"not unlocked: type unlock {seen.site}")
        elif (machine := _named(seen, name)) is None:
            self._desk.say(f"no machine is called {name!r}" if name else f"unknown: {verb}; ? lists what there is")
        elif verb == "machine":
            self._desk.say(machine.name)
            for part in machine_detail(machine, WIDTH):
                self._desk.say(text(part))
        elif verb in ("retry", "power-on", "power-off"):
            await self._order(seen, verb, machine)
        else:
            self._desk.say(f"unknown: {verb}; ? lists what there is")

    async def _order(self, seen: Overview, verb: str, machine: Machine) -> None:
        if not self._unlocked:
            self._desk.say(f"read-only: type unlock {seen.site} first")
            return
        try:
            self._desk.say(await self._feed.order(f"--{verb}", machine.id, "--yes", seen.site))
        except (SeedvmError, TimeoutError) as error:
            self._desk.say(str(error))


def _named(seen: Overview, name: str) -> Machine | None:
    wanted = (name, f"{seen.site}-{name}")
    return next(
        (one for one in seen.cloud.machines if name and {one.name, one.id, one.bmc, one.server} & set(wanted)), None
    )
