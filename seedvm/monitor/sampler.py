"""The small collector on every controller: a thread of `member ready` that keeps the last quarter hour in one file in memory.

The file (/run/seedvm/monitor.json, 0600, some 60 KB at most) holds the last sample with 90 answers of each API, 10 s apart, and the last
200 changes. It outlives a restart of the unit and not a boot. Whoever looks reads the file: a look starts nothing and asks nobody. It
refuses to be in the way of `ready`: each part that cannot be looked at is named in the sample, and the rest goes on.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.base.typed_json import decode, encode
from seedvm.cloud.probe import probe
from seedvm.controller import galera, rabbit, vip
from seedvm.foreign.text import shown
from seedvm.monitor.changes import changes
from seedvm.monitor.model import EVENTS, EVERY_SECONDS, SAMPLES, Answered, Backend, Database, Host, MemberSample
from seedvm.monitor.proxy import backends
from seedvm.services.load import installed

PATH = Path("/run/seedvm/monitor.json")
_PATIENCE_SECONDS = 5.0
_DISK = Path("/var/lib")
T = TypeVar("T")


class Sampler:
    """Takes samples of this controller at `address`, whose cluster answers at `virtual`. `missing` says why each service is not ready."""

    def __init__(self, address: str, virtual: str, missing: Callable[[], Mapping[str, str]], path: Path = PATH) -> None:
        self._address, self._virtual, self._missing, self._path = address, virtual, missing, path
        self._kept: dict[str, tuple[float, object]] = {}
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="probe")
        self._last = load(path)

    def run(self) -> None:
        """Until the process ends, a sample every ten seconds."""
        while True:
            begun = time.monotonic()
            self.take()
            time.sleep(max(1.0, EVERY_SECONDS - (time.monotonic() - begun)))

    def take(self) -> MemberSample:
        """One sample, written to the file."""
        broken: dict[str, str] = {}
        before = self._last
        asked = {name: (api.port, api.check) for name, api in installed().apis.items()}
        now = time.time()
        own = {name: self._pool.submit(self._ask, self._address, *where) for name, where in asked.items()}
        ours = {name: self._pool.submit(self._ask, self._virtual, *where) for name, where in asked.items()}
        sample = MemberSample(
            host=socket.gethostname(),
            at=now,
            vip=bool(_part(broken, "vip", lambda: vip.holds(self._virtual))),
            database=_part(broken, "database", self._database),
            queue=_part(broken, "queue", lambda: self._seldom("queue", 120.0, rabbit.running)),
            machine=self._machine(before),
            missing=self._missing(),
            backends=_part(broken, "haproxy", _backends) or (),
            apis={name: _added(before.apis.get(name) if before else None, one.result()) for name, one in own.items()},
            through_vip={
                name: _added(before.through_vip.get(name) if before else None, one.result())
                for name, one in ours.items()
            },
            broken=broken,
        )
        news = tuple(changes(before, sample)) if before else ()
        self._last = replace(sample, changes=((before.changes if before else ()) + news)[-EVENTS:])
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self._path, json.dumps(encode(self._last), separators=(",", ":")))
        return self._last

    def _ask(self, address: str, port: int, check: str) -> Answered:
        at, begun = time.time(), time.perf_counter()
        said = probe(address, port, check, seconds=_PATIENCE_SECONDS)
        return Answered(round(at, 1), round((time.perf_counter() - begun) * 1000, 1), said.good)

    def _seldom(self, name: str, seconds: float, look: Callable[[], T]) -> T:
        """What was seen lately, looked at again once it is older."""
        at, seen = self._kept.get(name, (-seconds, None))
        if time.monotonic() - at >= seconds:
            seen = look()
            self._kept[name] = (time.monotonic(), seen)
        return seen  # type: ignore[return-value]  # it was put there by the same name

    def _database(self) -> Database:
        with galera.connect(timeout=_PATIENCE_SECONDS) as connection:
            said = {
                str(key): str(value) for key, value in galera.rows(connection, "SHOW GLOBAL STATUS LIKE 'wsrep_%%'")
            }
            size = self._seldom("size", 300.0, lambda: _size(connection))
        read = galera.parse_status(said)
        waiting = said.get("wsrep_local_recv_queue", "0")
        return Database(
            read.state,
            read.cluster_status,
            read.cluster_size,
            read.seqno,
            int(waiting) if waiting.isdecimal() else 0,
            size,
        )

    def _machine(self, before: MemberSample | None) -> Host:
        load = (before.machine.load if before else ())[-(SAMPLES - 1) :]
        memory, disk = _memory(), os.statvfs(_DISK)
        return Host(
            cpus=os.cpu_count() or 1,
            load=(*load, round(os.getloadavg()[0], 2)),
            memory=memory.get("MemTotal", 0),
            memory_used=memory.get("MemTotal", 0) - memory.get("MemAvailable", 0),
            disk=disk.f_blocks * disk.f_frsize,
            disk_used=(disk.f_blocks - disk.f_bfree) * disk.f_frsize,
            booted=round(time.time() - time.clock_gettime(time.CLOCK_BOOTTIME), 1),
            clock=self._seldom("clock", 30.0, _clock),
        )


def load(path: Path = PATH) -> MemberSample | None:
    """What was kept; None where nothing was, or another version kept it."""
    try:
        return read(path.read_text())
    except (OSError, ValueError, SeedvmError):
        return None


def read(text: str) -> MemberSample:
    """The text of the file. Raises SeedvmError or ValueError where it is not one."""
    return decode(MemberSample, json.loads(text), str(PATH))


def _part(broken: dict[str, str], name: str, look: Callable[[], T]) -> T | None:
    try:
        return look()
    except SeedvmError as error:
        broken[name] = shown(f"{error.what}: {error.why}" if error.why else error.what)
    except (OSError, ValueError) as error:
        broken[name] = shown(error)
    return None


def _added(before: tuple[Answered, ...] | None, one: Answered) -> tuple[Answered, ...]:
    return (*(before or ())[-(SAMPLES - 1) :], one)


def _backends() -> tuple[Backend, ...]:
    return backends(vip.haproxy("show stat"))


def _size(connection: galera.Connection) -> int:
    found = galera.rows(connection, "SELECT SUM(data_length + index_length) FROM information_schema.tables")
    return int(found[0][0] or 0)


def _memory() -> dict[str, int]:
    """/proc/meminfo in bytes (proc(5))."""
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines if len(words) > 2}


def _clock() -> float | None:
    """Seconds that this clock is ahead of chrony's source (chronyc -c tracking, field 5: seconds slow of NTP time); None without one."""
    try:
        said = process.run(["chronyc", "-c", "tracking"], timeout=10, check=False).stdout.strip().split(",")
    except SeedvmError:
        return None
    if len(said) < 6 or said[0] in ("", "00000000"):
        return None
    try:
        return -float(said[4])
    except ValueError:
        return None
