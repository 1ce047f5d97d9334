"""A controller of the lab: a thread that has left the host's network and mounts, so that every path and port is its own.

/run and /var/lib are folders of the test, /etc is an overlay, and systemctl, systemd-run and the like are the programs beside this
file. It changes nothing of the host, and needs root.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from seedvm.base import process

T = TypeVar("T")
HERE = Path(__file__).parent
REPOSITORY = HERE.parents[2]
_NEWNS, _NEWNET, _BIND, _RECURSIVE, _PRIVATE = 0x20000, 0x40000000, 4096, 16384, 1 << 18
_LIBC = ctypes.CDLL(None, use_errno=True)
_FOLDERS = (
    "units",
    "enabled",
    "conditions",
    "faults",
    "hooks",
    "pids",
    "transient",
    "timers",
    "log",
    "haproxy",
    "mysqld",
)


def leave(flags: int) -> None:
    """This thread leaves the namespaces of its process."""
    if _LIBC.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def mount(source: str, target: str, kind: str, flags: int = 0, options: str = "") -> None:
    if _LIBC.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode()) != 0:
        raise OSError(ctypes.get_errno(), f"mount {source} on {target}")


class Machine:
    """`folder` holds what the machine's own paths show: `folder/run` is its /run, `folder/lib` its /var/lib."""

    def __init__(self, name: str, address: str, folder: Path) -> None:
        self.name, self.address, self.folder = name, address, folder
        self.thread = 0
        self._work = ThreadPoolExecutor(1, thread_name_prefix=name)

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def lib(self) -> Path:
        return self.folder / "lib"

    def from_afar(self) -> None:
        """Its folder as a thread finds it that does not see the host's /tmp: by way of the process's own root."""
        self.folder = Path(f"/proc/{os.getpid()}/root", *self.folder.parts[1:])

    def do(self, work: Callable[[], T]) -> T:
        """In this machine; waits for it."""
        return self._work.submit(work).result()

    def enter(self, *, network: bool = True, sealed: bool = False) -> None:
        """The calling thread becomes this machine's. `sealed`: it sees nothing of the host's /root, /home and /tmp either."""
        leave(_NEWNS | (_NEWNET if network else 0))
        self.thread = threading.get_native_id()
        for name in _FOLDERS:
            (self.run / name).mkdir(parents=True, exist_ok=True)
        self.lib.mkdir(parents=True, exist_ok=True)
        (self.folder / "bin").mkdir(exist_ok=True)
        for name in ("upper", "work"):
            (self.folder / "etc" / name).mkdir(parents=True, exist_ok=True)
        self._program("seedvm", f'#!/bin/sh\nPYTHONPATH={REPOSITORY} exec {sys.executable} -m seedvm "$@"\n')
        mount("none", "/", "none", _PRIVATE | _RECURSIVE)
        mount("none", "/home", "tmpfs")
        etc = self.folder / "etc"
        mount("overlay", "/etc", "overlay", 0, f"lowerdir=/etc,upperdir={etc / 'upper'},workdir={etc / 'work'}")
        mount(
            "overlay",
            "/usr/local/bin",
            "overlay",
            0,
            f"lowerdir={self.folder / 'bin'}:{HERE / 'programs'}:/usr/local/bin",
        )
        mount("none", "/sys", "sysfs")
        mount("none", "/var", "tmpfs")
        Path("/var/lib").mkdir()
        mount(str(self.lib), "/var/lib", "none", _BIND)
        mount(str(self.run), "/run", "none", _BIND)
        for packages in Path("/usr/local/lib").glob("python3*/dist-packages"):
            mount(str(HERE / "heat_library"), str(packages), "none", _BIND)
        Path("/etc/heat-key").write_text("site")
        Path("/etc/hostname").write_text(self.name)
        if sealed:
            for folder in ("/root", "/tmp"):
                mount("none", folder, "tmpfs")
        process.run(["ip", "link", "set", "lo", "up"], timeout=60)

    def start(self) -> None:
        """A thread of its own for it."""
        self.do(self.enter)

    def unit(self, name: str) -> str:
        """A unit's state; empty where there is no such unit."""
        path = self.run / "units" / name
        return path.read_text().strip() if path.exists() else ""

    def units(self, *names: str, state: str = "active") -> None:
        """These units are there, in this state."""
        for name in names:
            (self.run / "units" / name).write_text(f"{state}\n")

    def hook(self, name: str, *lines: str) -> None:
        """What happens when a unit is stopped or started: UNIT.stop, UNIT.start."""
        path = self.run / "hooks" / name
        path.write_text("\n".join(("#!/bin/sh", *lines, "")))
        path.chmod(0o755)

    def fault(self, name: str, on: bool = True) -> None:
        path = self.run / "faults" / name
        path.touch() if on else path.unlink(missing_ok=True)

    def timer(self, name: str) -> list[str]:
        """A timer's seconds and command; empty where there is none."""
        active = self.unit(f"{name}.timer") == "active"
        return (self.run / "timers" / f"{name}.timer").read_text().split() if active else []

    def fire(self, name: str) -> None:
        """The time of a timer is over: its command runs, in this machine, and it is there no more."""
        words = self.timer(name)
        assert words, f"{self.name} has no timer {name}"
        (self.run / "units" / f"{name}.timer").unlink()
        process.run(words[1:], timeout=60, input="")

    def end(self) -> None:
        """Its transient units end, and its thread."""
        for path in (self.run / "pids").glob("*"):
            with contextlib.suppress(ProcessLookupError, ValueError, FileNotFoundError):
                os.killpg(int(path.read_text()), signal.SIGKILL)
        self._work.shutdown()

    def _program(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(text)
        path.chmod(0o755)
