"""What happened, in sentences: the journal's words for a machine's phases and Heat's for its resources, as a person would say them, and
lines that say the same again counted instead of repeated. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from seedvm.engine.state import LogLine
from tui.state.cause import plain_cause

_PHASES: tuple[tuple[str, str], ...] = (
    (r"power (deploying, )?power off", "is being powered on"),
    (r"power (available|manageable)", "waits until Nova takes it"),
    (r"power deleting", "its failed deployment is removed"),
    (r"power\b.*", "is being powered on"),
    (r"pxe\b.*", "boots from the network"),
    (r"ramdisk\b.*", "the deploy agent runs in its memory"),
    (r"write the agent prepares the disk", "its disk is being prepared"),
    (r"write .*written.*", "image written"),
    (r"write\b.*", "image is being written"),
    (r"boot from its own disk", "boots from its own disk"),
    (r"boot prepare instance boot", "image written; its boot loader is set up"),
    (r"boot\b.*", "restarts into its own disk"),
    (r"configure its own system is up; waits for its turn", "its own system is up; it waits for its turn"),
    (r"configure (?P<what>\S+) \(migration\)", "{what}: waits for the database's schema"),
    (r"configure (?P<what>\S+) \((?P<more>[^)]*)\)", "{what} is being set up ({more})"),
    (r"configure (?P<what>\S+)$", "{what} is being set up"),
    (r"joined\b.*", "has joined: configured, and reported to Heat"),
    (r"found\b\s*(?P<what>.*)", "found {what}"),
    (r"login\b\s*(?P<what>.*)", "account proven {what}"),
    (r"registered\b\s*(?P<what>.*)", "registered {what}"),
    (r"inspecting\b.*", "is being inspected"),
    (r"inspected\b\s*(?P<what>.*)", "inspected: {what}"),
    (r"active\b.*", "is deployed and active"),
    (r"unfit\b\s*(?P<what>.*)", "left out: {what}"),
    (r"failed:?\s+(?P<what>.*)", "✖ {what}"),
)
_HEAT = re.compile(
    r"(?P<what>\S+) (?P<verb>create|update|delete|init) (?P<how>in progress|complete|failed)(: (?P<why>.*))?$"
)
_VERBS = {
    ("create", "in progress"): "Heat makes its {what}", ("create", "complete"): "Heat has made its {what}",
    ("update", "in progress"): "Heat updates its {what}", ("update", "complete"): "Heat has updated its {what}",
    ("delete", "in progress"): "Heat removes its {what}", ("delete", "complete"): "Heat has removed its {what}",
}  # fmt: skip
_SMALL = ("port", "metadata")  # made with the server, in the same second
_THINGS = {"configured": "configuration", "stack": "part of the stack", "controllers": "group of nodes"}
_SAME, _SAME_SECONDS = 40, 90.0
"""A failure whose end reads the same within so many seconds is the same one, told by another service."""
_NAMES = {"mariadb": "MariaDB", "rabbitmq": "RabbitMQ", "haproxy": "HAProxy", "keystone": "Keystone", "glance": "Glance", "nova": "Nova",
          "neutron": "Neutron", "ironic": "Ironic", "heat": "Heat", "placement": "Placement", "memcached": "memcached"}  # fmt: skip
_PATTERNS = tuple((re.compile(pattern, re.DOTALL), said) for pattern, said in _PHASES)


@dataclass(frozen=True)
class Told:
    """A line to read: what was said, `times` in a row, the first of them at `time`, the last at `until`."""

    line: LogLine
    text: str
    times: int = 1
    until: float = 0.0

    @property
    def is_bad(self) -> bool:
        """Something failed."""
        return self.text.startswith("✖") or self.line.message.startswith(("failed", "unfit", "blocked"))


def sentence(line: LogLine) -> str:
    """One line of the log as a sentence about its machine; what is one already stays."""
    message = " ".join(line.message.split())
    if (heat := _HEAT.fullmatch(message)) is not None:
        return _of_heat(heat["what"], heat["verb"], heat["how"], heat["why"] or "")
    if line.node:
        for pattern, said in _PATTERNS:
            if (found := pattern.fullmatch(message)) is not None:
                words = {name: _NAMES.get(value or "", value or "") for name, value in found.groupdict().items()}
                text = said.format(**words).strip()
                return f"✖ {plain_cause(text[2:])}" if text.startswith("✖ ") else text
    return f"✖ {plain_cause(message.removeprefix('failed: '))}" if message.startswith("failed: ") else message


def _of_heat(what: str, verb: str, how: str, why: str) -> str:
    thing = _THINGS.get(what, what)
    if how == "failed":
        return f"✖ Heat could not {verb} its {thing}" + (f": {plain_cause(why)}" if why else "")
    if what in _SMALL:
        return ""
    return _VERBS.get((verb, how), "Heat waits for its {what}").format(what=thing)


class Story:
    """The log in sentences, read on as it grows: of one machine's lines that say the same one after the other, the first, with their
    number."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self._last: dict[str, int] = {}
        self._causes: dict[str, int] = {}
        self._logged = 0
        self._read: tuple[Told, ...] = ()

    def read(self, log: Sequence[LogLine], logged: int) -> Sequence[Told]:
        """`logged` counts every line there was, of which `log` holds the last."""
        fresh = logged - self._logged
        if fresh < 0 or fresh > len(log):
            self.told, self._last, self._causes, fresh = [], {}, {}, len(log)
        if not fresh:
            return self._read
        self._logged = logged
        for line in log[len(log) - fresh :]:
            self._take(line)
        self._read = tuple(self.told)  # who shows it sees by its length that there is more
        return self._read

    def _take(self, line: LogLine) -> None:
        text, at = sentence(line), self._last.get(line.node)
        if not text:
            return
        if text.startswith("✖"):
            cause = text.rpartition(": ")[2][-_SAME:] if ": " in text else text[-_SAME:]
            if (told := self._causes.get(cause)) is not None and line.time - self.told[told].until < _SAME_SECONDS:
                self.told[told] = replace(self.told[told], times=self.told[told].times + 1, until=line.time)
                return
            self._causes[cause] = len(self.told)
        if at is not None and self.told[at].text == text and (line.node or at == len(self.told) - 1):
            self.told[at] = replace(self.told[at], times=self.told[at].times + 1, until=line.time)
            return
        self._last[line.node] = len(self.told)
        self.told.append(Told(line, text, until=line.time))
