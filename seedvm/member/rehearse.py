"""`member rehearse`: the undercloud's own work while the seed is silent; `member rehearsal`: how it went.

Runs as a unit on the member which holds the VIP. It does not begin before the seed is seen silent, tries every part even when one
fails, and tells the muted seed its verdict by UDP until the seed is heard again. It refuses to call a part passed that it skipped.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.base.secret import Secret
from seedvm.base.typed_json import decode, encode
from seedvm.base.waiting import wait_for_sync
from seedvm.member import launch
from seedvm.member.work import PowerRead, ServedImage, SpareStack, Work, work_of
from seedvm.site.doubts import Doubt
from seedvm.wire.verdict import PORT, Verdict, pack

OUTCOME = Path("/var/lib/seedvm/rehearsal.json")
_SILENT_LOOKS = 3
_SILENCE_SECONDS = 60.0
_TELL_SECONDS = 90.0


@dataclass(frozen=True)
class RehearseRequest:
    """Which rehearsal (`token`); this member, the seed and the VIP; keys; what to work on; seconds for the spare machine; the
    controllers that do not answer."""

    token: str
    member: str
    address: str
    vip: str
    seed: str
    broadcast: str
    admin_password: Secret
    handoff_key: Secret
    stack: str
    image: ServedImage
    spare: SpareStack | None
    seconds: float
    silent: tuple[str, ...] = ()


@dataclass(frozen=True)
class RehearsalRequest:
    """Nothing to choose."""


@dataclass(frozen=True)
class Part:
    """One piece of the undercloud's own work: what was seen, or why it was not done; `doubts` are machines with which it was not."""

    passed: bool
    said: str
    seconds: float
    doubts: tuple[Doubt, ...] = ()


@dataclass(frozen=True)
class Rehearsal:
    """How a rehearsal went. Without a token: there was none."""

    token: str = ""
    member: str = ""
    passed: bool = False
    why: str = "no rehearsal has run"
    seconds: float = 0.0
    parts: Mapping[str, Part] = field(default_factory=dict)

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """Of all parts."""
        return tuple(one for part in self.parts.values() for one in part.doubts)


def rehearse(request: RehearseRequest) -> Rehearsal:
    """Do all of it; the outcome is also kept in /var/lib/seedvm/rehearsal.json."""
    OUTCOME.unlink(missing_ok=True)
    began = time.monotonic()
    parts: dict[str, Part] = {}
    _try(parts, "seed silent", lambda: _silent(request.seed))
    if parts["seed silent"].passed:
        _work(parts, request)
    failed = [f"{name}: {part.said}" for name, part in parts.items() if not part.passed]
    still = not failed and not _pings(request.seed)
    if not failed and not still:
        failed = ["the seed answered on the network again before the rehearsal ended"]
    outcome = Rehearsal(
        token=request.token,
        member=request.member,
        passed=not failed,
        why="; ".join(failed) or "the undercloud worked without the seed",
        seconds=round(time.monotonic() - began, 1),
        parts=parts,
    )
    write_private(OUTCOME, json.dumps(encode(outcome)))
    launch.forget("rehearse")
    _tell(request, Verdict(request.token, request.member, not failed, outcome.why))
    return outcome


def rehearsal(_: RehearsalRequest) -> Rehearsal:
    """The last rehearsal's outcome."""
    return decode(Rehearsal, json.loads(OUTCOME.read_text()), str(OUTCOME)) if OUTCOME.exists() else Rehearsal()


def _work(parts: dict[str, Part], request: RehearseRequest) -> None:
    made: list[Work] = []

    def enter() -> str:
        made.append(wait_for_sync(lambda: work_of(request.vip, request.admin_password), seconds=60, what="no login"))
        return f"at {request.vip}"

    _try(parts, "login", enter)
    if not made:
        return
    work = made[0]
    spare = request.spare
    if spare:
        _try(parts, "spare started", lambda: work.begin_spare(spare))
    _try(parts, "power of every node", work.read_power)
    tag = f"rehearsed-{request.token}"
    _try(
        parts,
        "stack updated",
        lambda: work.try_stack(tag, request.silent) if request.silent else work.update_stack(request.stack, tag),
    )
    _try(parts, "image served", lambda: work.serve_image(request.image))
    if spare and parts["spare started"].passed:
        _try(parts, "spare deployed", lambda: work.finish_spare(spare, request.seconds))


def _try(parts: dict[str, Part], name: str, part: Callable[[], object]) -> None:
    began = time.monotonic()
    doubts: tuple[Doubt, ...] = ()
    try:
        found = part()
        said, passed = str(found), True
        doubts = found.doubts if isinstance(found, PowerRead) else ()
    except SeedvmError as error:
        said, passed = str(error), False
    except Exception as error:  # the muted seed waits for a verdict, whatever happens here
        said, passed = f"{type(error).__name__}: {error}", False
    parts[name] = Part(passed, said, round(time.monotonic() - began, 1), doubts)


def _silent(seed: str) -> str:
    """Wait until the seed answers no ping several times on end; a ping resolves its address again, so ARP is asked as well."""
    deadline = time.monotonic() + _SILENCE_SECONDS
    silent = 0
    while silent < _SILENT_LOOKS:
        silent = 0 if _pings(seed) else silent + 1
        if not silent:
            time.sleep(0.5)
        if time.monotonic() > deadline:
            raise SeedvmError(
                "the seed still answers on the network",
                machine=seed,
                hint="check on the seed that it is muted: nft list ruleset",
            )
    return f"{_SILENT_LOOKS} pings without an answer"


def _pings(address: str) -> bool:
    process.run(["ip", "neighbour", "flush", "to", address], timeout=5, check=False)
    return process.run(["ping", "-n", "-q", "-c", "1", "-W", "1", address], timeout=10, check=False).returncode == 0


def _tell(request: RehearseRequest, verdict: Verdict) -> None:
    """Broadcast the verdict twice a second until the seed is heard again."""
    datagram = pack(verdict, request.handoff_key)
    deadline = time.monotonic() + _TELL_SECONDS
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as voice:
        voice.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        while time.monotonic() < deadline:
            for target in (request.broadcast, "255.255.255.255"):
                with contextlib.suppress(OSError):
                    voice.sendto(datagram, (target, PORT))
            if _pings(request.seed):
                return
            time.sleep(0.5)
