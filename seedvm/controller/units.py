"""systemd units of this machine: which run, stop them for good, bring them back. It refuses to start what it was not told to."""

from __future__ import annotations

from collections.abc import Sequence

from seedvm.base import process
from seedvm.base.waiting import NO_ERROR, TimedOut, wait_for

GRACE_SECONDS = 8.0
"""How long a unit may take to stop before it is killed."""
IDLE_GRACE_SECONDS = 2.0
"""The same for a worker that has nothing to do."""
_LOOK_SECONDS = 0.2
_DISABLE_SECONDS = 180.0


async def active(units: Sequence[str]) -> tuple[str, ...]:
    """Those of `units` that run (or are about to, or have not ended yet)."""
    said = await process.arun(["systemctl", "is-active", *units], timeout=20, check=False)
    states = said.stdout.split("\n")
    return tuple(
        unit for unit, state in zip(units, states, strict=False) if state not in ("inactive", "failed", "unknown", "")
    )


async def stop(units: Sequence[str], *, grace: float) -> None:
    """Stop them all at once; what still runs after `grace` seconds is killed. Units that are not there are no error."""
    await begin_stop(units)
    if left := await _left(units, grace):
        await process.arun(["systemctl", "kill", "--signal=SIGKILL", *left], timeout=30, check=False)
        await _left(left, GRACE_SECONDS)


async def begin_stop(units: Sequence[str]) -> None:
    """Tell them to end, and wait for none of them."""
    await process.arun(["systemctl", "stop", "--no-block", *units], timeout=30, check=False)


async def _left(units: Sequence[str], seconds: float) -> tuple[str, ...]:
    """Those that still run after so long."""
    if seconds <= 0:
        return await active(units)

    async def ended() -> bool:
        return not await active(units)

    try:
        await wait_for(
            ended, seconds=seconds, what="the units are still running", pause=_LOOK_SECONDS, passing=NO_ERROR
        )
    except TimedOut:
        return await active(units)
    return ()


async def disable(units: Sequence[str]) -> None:
    """Do not start them at the next boot. Slow (seconds) where units have an old init script as well."""
    await process.arun(["systemctl", "disable", "--quiet", *units], timeout=_DISABLE_SECONDS, check=False)


async def start(units: Sequence[str]) -> None:
    """The way back from `stop`."""
    await process.arun(["systemctl", "start", "--no-block", *units], timeout=60, check=False)


async def timer(name: str, seconds: float, argv: Sequence[str]) -> None:
    """Run a command in so many seconds, unless `cancel` comes first; one that is set already is set again."""
    await cancel(name)
    await process.arun(
        ["systemd-run", f"--unit={name}", "--collect", "--quiet", f"--on-active={int(seconds)}", *argv], timeout=20
    )


async def cancel(name: str) -> None:
    """Take a timer back."""
    await process.arun(["systemctl", "stop", f"{name}.timer"], timeout=20, check=False)
