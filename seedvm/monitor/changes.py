"""What changed between two samples of one controller, in sentences. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from seedvm.monitor.model import Backend, ControllerChange, MemberSample

CLOCK_SECONDS = 0.5
"""A clock that is off by more is worth a word: certificates and logs are compared by it."""


def changes(before: MemberSample, after: MemberSample) -> Iterator[ControllerChange]:
    """Each change, as of the later sample's time."""
    yield from (ControllerChange(after.at, after.host, what, bad) for what, bad in _own(before, after))
    yield from _proxy(before, after)


def _own(before: MemberSample, after: MemberSample) -> Iterator[tuple[str, bool]]:
    if before.vip != after.vip:
        yield ("holds the VIP now" if after.vip else "no longer holds the VIP"), False
    old, new = before.database, after.database
    if (old is None) != (new is None):
        yield (
            ("the database answers again", False)
            if new
            else (f"the database does not answer: {after.broken.get('database', '')}", True)
        )
    elif old and new:
        if (old.state, old.component) != (new.state, new.component):
            good = new.state == "Synced" and new.component == "Primary"
            yield f"database {new.state.lower()}, component {new.component.lower()}", not good
        if old.members != new.members:
            yield f"the database cluster has {new.members} members, it had {old.members}", new.members < old.members
    if before.queue is not None and after.queue is not None and before.queue != after.queue:
        yield f"RabbitMQ runs on {', '.join(after.queue) or 'no node'}", len(after.queue) < len(before.queue)
    for name in sorted(after.missing):
        was, now = before.missing.get(name, ""), after.missing[name]
        if bool(was) != bool(now):
            yield (f"{name} is not ready: {now}" if now else f"{name} is ready again"), bool(now)
    was_off, off = _off(before), _off(after)
    if was_off != off:
        yield (f"the clock is {after.machine.clock:+.1f} s from its source" if off else "the clock is right again"), off


def _off(sample: MemberSample) -> bool:
    return sample.machine.clock is not None and abs(sample.machine.clock) > CLOCK_SECONDS


def _proxy(before: MemberSample, after: MemberSample) -> Iterator[ControllerChange]:
    """Members that went away or came back as HAProxy sees them: one line a member, however many services it has."""
    was, now = _down(before.backends), _down(after.backends)
    for member in sorted({*was, *now}):
        gone, back = now.get(member, set()) - was.get(member, set()), was.get(member, set()) - now.get(member, set())
        if member != after.host and gone:
            yield ControllerChange(after.at, member, f"{_names(gone)} down, as {after.host} sees it", True)
        if member != after.host and back:
            yield ControllerChange(after.at, member, f"{_names(back)} up again, as {after.host} sees it")


def _down(backends: tuple[Backend, ...]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for one in backends:
        if not one.up:
            found.setdefault(one.member, set()).add(one.service)
    return found


def _names(services: set[str]) -> str:
    return ", ".join(sorted(services)) if len(services) < 4 else f"{len(services)} services"
