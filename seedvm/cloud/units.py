"""systemd units of this machine: which run, stop them for good, bring them back. It refuses to start what it was not told to."""

from __future__ import annotations

from collections.abc import Sequence

from seedvm import proc

_STOP_SECONDS = 150.0


async def active(units: Sequence[str]) -> tuple[str, ...]:
    """Those of `units` that run (or are about to, or have not ended yet)."""
    said = await proc.arun(["systemctl", "is-active", *units], timeout=20, check=False)
    states = said.stdout.split("\n")
    return tuple(
        unit for unit, state in zip(units, states, strict=False) if state not in ("inactive", "failed", "unknown", "")
    )


async def stop_for_good(units: Sequence[str]) -> None:
    """Stop them now and do not start them at the next boot. Units that are not there are no error."""
    await proc.arun(["systemctl", "disable", "--quiet", *units], timeout=60, check=False)
    await proc.arun(["systemctl", "stop", *units], timeout=_STOP_SECONDS, check=False)


async def bring_back(units: Sequence[str]) -> None:
    """The way back from `stop_for_good`."""
    await proc.arun(["systemctl", "enable", "--quiet", *units], timeout=60, check=False)
    await proc.arun(["systemctl", "start", "--no-block", *units], timeout=60, check=False)


async def timer(name: str, seconds: float, argv: Sequence[str]) -> None:
    """Run a command in so many seconds, unless `cancel` comes first; one that is set already is set anew."""
    await cancel(name)
    await proc.arun(
        ["systemd-run", f"--unit={name}", "--collect", "--quiet", f"--on-active={int(seconds)}", *argv], timeout=20
    )


async def cancel(name: str) -> None:
    """Take a timer back."""
    await proc.arun(["systemctl", "stop", f"{name}.timer"], timeout=20, check=False)
