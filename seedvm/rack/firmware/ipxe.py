"""iPXE scripts, the part of the language that Ironic's templates use, against a `Console` that does what they order.

Pure but for the console. A command that is not known fails as in iPXE, so that `||` goes on; without one the script ends.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urljoin

MAGIC = "#!ipxe"
_STEPS_LIMIT = 10_000
_TEXT_LIMIT = 4096  # of a line after expansion: a script must not fill the memory by doubling
_DEPTH_LIMIT = 16  # of scripts that chain scripts, and of variables in variables
_VARIABLE = re.compile(r"\$\{([^${}]*)\}")


class Console(Protocol):
    """What a script may order. `text` and `file` raise LookupError when the server refuses."""

    def text(self, url: str) -> str: ...
    def file(self, url: str) -> str: ...
    def disk_boots(self) -> bool: ...
    def say(self, message: str) -> None: ...
    def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True)
class BootKernel:
    """Run a kernel: names that the console gave for the files, and the command line."""

    kernel: str
    initrds: tuple[str, ...]
    cmdline: str


@dataclass(frozen=True)
class BootDisk:
    """Go on from the local disk."""


@dataclass(frozen=True)
class Leave:
    """Back to the firmware: it tries the next device; or it restarts or switches off."""

    then: str  # next, reboot, poweroff


Outcome = BootKernel | BootDisk | Leave


class _Finished(Exception):
    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome


class _Exit(Exception):
    def __init__(self, status: int) -> None:
        self.status = status


@dataclass
class _Machine:
    """What survives from script to script: settings and loaded images."""

    console: Console
    settings: dict[str, str]
    kernel: str | None = None
    cmdline: str = ""
    initrds: list[str] = field(default_factory=list)
    steps: int = 0
    depth: int = 0


def run(script: str, url: str, console: Console, *, mac: str, settings: dict[str, str] | None = None) -> Outcome:
    """Run a script that came from `url` to its end."""
    known = {"mac": mac, "net0/mac": mac, "platform": "pcbios", "buildarch": "i386", **(settings or {})}
    machine = _Machine(console, known)
    try:
        _Script(script, url, machine).run()
    except _Finished as finished:
        return finished.outcome
    return Leave("next")


def expand(text: str, settings: dict[str, str]) -> str:
    """Replace ${name} and ${name:type}, from the inside out. ValueError for text that grows without end."""
    for _ in range(_DEPTH_LIMIT):
        replaced = _VARIABLE.sub(lambda match: _value(match[1], settings), text)
        if len(replaced) > _TEXT_LIMIT:
            raise ValueError(f"{len(replaced)} characters in a line")
        if replaced == text:
            return text
        text = replaced
    raise ValueError("endless nesting of variables")


def _value(name: str, settings: dict[str, str]) -> str:
    key, _, kind = name.partition(":")
    value = settings.get(key, "")
    return value.replace(":", "-") if kind == "hexhyp" else value.replace(":", "") if kind == "hexraw" else value


class _Script:
    """One script: its lines, its labels, where it stands."""

    def __init__(self, text: str, url: str, machine: _Machine) -> None:
        lines = text.splitlines()
        self.valid = bool(lines) and lines[0].strip().startswith(MAGIC)
        self.lines = [line.strip() for line in lines]
        self.labels = {line: at + 1 for at, line in reversed(list(enumerate(self.lines))) if line.startswith(":")}
        self.url = url
        self.machine = machine
        self.at = 0

    def run(self) -> bool:
        """Whether the script ended well."""
        if not self.valid:
            self.machine.console.say(f"{self.url}: not an iPXE script")
            return False
        try:
            while self.at < len(self.lines):
                line = self.lines[self.at]
                self.at += 1
                if line and not line.startswith(("#", ":")) and not self._line(line):
                    self.machine.console.say(f"{self.url}: the script ended at: {line}")
                    return False
        except _Exit as left:
            return left.status == 0
        return True

    def _line(self, line: str) -> bool:
        """`a || b && c`: each is run or skipped by how the one before it ended; an empty command is a success."""
        self.machine.steps += 1
        if self.machine.steps > _STEPS_LIMIT:
            raise _Finished(Leave("next"))
        ok = True
        joined = ""
        for part in re.split(r"(?<=\s)(\|\||&&)(?=\s|$)", line):
            if part in ("||", "&&"):
                joined = part
            elif (joined != "||" or not ok) and (joined != "&&" or ok):
                ok = self._part(part)
        return ok

    def _part(self, part: str) -> bool:
        """One command; words that it cannot take are a failure of it and nobody else's."""
        try:
            return self._command(expand(part, self.machine.settings).split())
        except (ValueError, IndexError) as error:
            self.machine.console.say(f"{part.strip()[:80]}: {error}")
            return False

    def _command(self, words: list[str]) -> bool:
        if not words:
            return True
        command: Callable[[list[str]], bool] | None = getattr(self, f"_do_{words[0]}", None)
        if command is None:
            self.machine.console.say(f"{words[0]}: command not found")
            return False
        return command(words[1:])

    def _do_echo(self, words: list[str]) -> bool:
        self.machine.console.say(" ".join(words))
        return True

    def _do_set(self, words: list[str]) -> bool:
        self.machine.settings[words[0].partition(":")[0]] = " ".join(words[1:])
        return True

    def _do_clear(self, words: list[str]) -> bool:
        self.machine.settings.pop(words[0].partition(":")[0], None)
        return True

    def _do_inc(self, words: list[str]) -> bool:
        value = self.machine.settings.get(words[0], "0") or "0"
        self.machine.settings[words[0]] = str(int(value, 0) + int(words[1] if len(words) > 1 else "1", 0))
        return True

    def _do_isset(self, words: list[str]) -> bool:
        return bool(words)

    def _do_iseq(self, words: list[str]) -> bool:
        return len(words) == 2 and words[0] == words[1]

    def _do_goto(self, words: list[str]) -> bool:
        at = self.labels.get(f":{words[0]}" if words else ":")
        self.at = self.at if at is None else at
        return at is not None

    def _do_sleep(self, words: list[str]) -> bool:
        self.machine.console.sleep(int(words[0]))
        return True

    def _do_prompt(self, words: list[str]) -> bool:
        """Nobody presses a key here: the prompt ends by its timeout, in milliseconds."""
        if "--timeout" in words:
            self.machine.console.sleep(int(words[words.index("--timeout") + 1]) / 1000)
        return True

    def _do_imgfree(self, words: list[str]) -> bool:
        self.machine.kernel, self.machine.initrds = None, []
        return True

    def _do_chain(self, words: list[str]) -> bool:
        target, _ = _image(words)
        url = resolve(self.url, target)
        try:
            text = self.machine.console.text(url)
        except LookupError as error:
            self.machine.console.say(str(error))
            return False
        if self.machine.depth >= _DEPTH_LIMIT:
            raise ValueError("endless chain of scripts")
        self.machine.depth += 1
        try:
            return _Script(text, url, self.machine).run()
        finally:
            self.machine.depth -= 1

    def _do_kernel(self, words: list[str]) -> bool:
        target, arguments = _image(words)
        try:
            self.machine.kernel = self.machine.console.file(resolve(self.url, target))
        except LookupError as error:
            self.machine.console.say(str(error))
            return False
        self.machine.cmdline = " ".join(arguments)
        return True

    def _do_initrd(self, words: list[str]) -> bool:
        target, _ = _image(words)
        try:
            self.machine.initrds.append(self.machine.console.file(resolve(self.url, target)))
        except LookupError as error:
            self.machine.console.say(str(error))
            return False
        return True

    def _do_boot(self, words: list[str]) -> bool:
        if self.machine.kernel is None:
            return False
        raise _Finished(BootKernel(self.machine.kernel, tuple(self.machine.initrds), self.machine.cmdline))

    def _do_sanboot(self, words: list[str]) -> bool:
        if self.machine.console.disk_boots():
            raise _Finished(BootDisk())
        self.machine.console.say("sanboot: nothing on the disk boots")
        return False

    def _do_exit(self, words: list[str]) -> bool:
        raise _Exit(int(words[0], 0) if words else 0)

    def _do_reboot(self, words: list[str]) -> bool:
        raise _Finished(Leave("reboot"))

    def _do_poweroff(self, words: list[str]) -> bool:
        raise _Finished(Leave("poweroff"))


def resolve(base: str, target: str) -> str:
    """A URL as seen from another one, for tftp:// too."""
    if base.startswith("tftp://") and "://" not in target:
        return urljoin(base.replace("tftp://", "http://", 1), target).replace("http://", "tftp://", 1)
    return urljoin(base, target)


def _image(words: list[str]) -> tuple[str, list[str]]:
    """An image's URL and what follows it, without the options before it."""
    at = 0
    while at < len(words) and words[at].startswith("--"):
        at += 2 if words[at] in ("--timeout", "--name") else 1
    return (words[at] if at < len(words) else ""), words[at + 1 :]
