"""What the hand-off did to the cloud, measured once the undercloud has updated itself: ids, reboots, the API's gaps. Reads only.

It refuses to fail for what nobody can measure any more: that becomes a doubt. What was measured well before stays as it was; measured
again is only what was in doubt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seedvm.base.errors import SeedvmError
from seedvm.base.waiting import wait_for
from seedvm.cloud.client import Client
from seedvm.cloud.connection import in_thread
from seedvm.handoff import doubts, services
from seedvm.handoff.members import Members
from seedvm.handoff.record import Owned, Quiesced, VipWatch
from seedvm.handoff.services import Ids, Lost
from seedvm.member import verbs
from seedvm.member.watch import Gap, GapsRequest
from seedvm.site.doubts import Doubt

_GAPS = ("gap-not-measured", "gap-partly-measured")


async def measure(members: Members, api: Client, *, update: Doubt | None = None) -> Owned:
    """All of it; `update` is the doubt that the stack's update left."""
    known = members.record()
    before = known.owned
    status = await members.status_most("holds_vip")
    booted = {name: said.booted for name, said in status.said.items()}
    boots = _boots(known.quiesced, booted, status.silent, before)
    ids = await _ids(api, known.quiesced, before)
    gaps = await _gaps(members, known.watch, before)
    missing = () if known.quiesced else (doubts.before_unknown(),)
    found = (
        *missing,
        *boots,
        *doubts.ids(ids.lost),
        *((gaps.doubt,) if gaps.doubt else ()),
        *((update,) if update else ()),
    )
    return Owned(
        ids=ids.after,
        ids_changed=len(ids.lost.replaced) + len(ids.lost.gone),
        node_reboots=sum(one.name.startswith("reboot-") for one in boots),
        gaps=gaps.gaps,
        doubts=found,
        replaced=ids.lost.replaced,
        gone=ids.lost.gone,
    )


@dataclass(frozen=True)
class _Ids:
    after: Ids
    lost: Lost


@dataclass(frozen=True)
class _Gaps:
    gaps: tuple[Gap, ...]
    doubt: Doubt | None


def _boots(
    quiesced: Quiesced | None, booted: Mapping[str, str], silent: Mapping[str, str], before: Owned | None
) -> list[Doubt]:
    """A doubt for each controller that was rebooted or does not answer; one that was well at OWN may be rebooted afterwards."""
    earlier = {one.name for one in before.doubts} if before else set()
    found = [doubts.silent(name, why) for name, why in sorted(silent.items()) if _in_doubt(name, earlier, before)]
    for name, value in sorted(booted.items()):
        if quiesced is None or not _in_doubt(name, earlier, before):
            continue
        if f"reboot-{name}" in earlier or quiesced.booted.get(name) != value:
            found.append(doubts.reboot(name))
    return found


def _in_doubt(name: str, earlier: set[str], before: Owned | None) -> bool:
    return before is None or bool(earlier & {f"silent-{name}", f"reboot-{name}", "before-unknown"})


async def _ids(api: Client, quiesced: Quiesced | None, before: Owned | None) -> _Ids:
    """The ids of now. Asked again when a service that has just begun to serve fails its first request, as Neutron may."""
    if before is not None and not before.ids_changed:
        return _Ids(before.ids, Lost((), ()))

    async def listed() -> Ids:
        return await in_thread(lambda: services.ids(api))

    after: Ids = await wait_for(listed, seconds=60, what="the services do not list their resources")
    if quiesced is None:
        return _Ids(after, Lost((), ()))
    lost = services.lost(quiesced.ids, after)
    if before is not None:  # what was whole then was not changed by the hand-off
        known = {*before.replaced, *before.gone}
        lost = Lost(
            tuple(one for one in lost.replaced if one in known), tuple(one for one in lost.gone if one in known)
        )
    return _Ids(after, lost)


async def _gaps(members: Members, watch: VipWatch | None, before: Owned | None) -> _Gaps:
    if before is not None and before.gaps and not any(one.name in _GAPS for one in before.doubts):
        return _Gaps(before.gaps, None)
    if watch is None:
        return _Gaps((), doubts.gap("", "handoff.json does not say which node polled the VIP", partly=False))
    try:
        said = await members.ask_one(members.node(watch.member), verbs.GAPS, GapsRequest(watch.token))
    except (SeedvmError, TimeoutError) as error:
        kept = before.gaps if before else ()
        return _Gaps(kept, doubts.gap(watch.member, f"it does not answer: {error}", partly=bool(kept)))
    doubt = doubts.gap(watch.member, said.lost, partly=bool(said.gaps)) if said.lost else None
    return _Gaps(said.gaps, doubt)
