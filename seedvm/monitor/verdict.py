"""What follows from a snapshot: one headline, and the list of what needs somebody, each with what to do. Pure.

It refuses to call well what was not seen: a member that is silent, an API that was not asked, a sample that is old.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from seedvm.monitor.changes import CLOCK_SECONDS
from seedvm.monitor.figures import failed, recent
from seedvm.monitor.model import ControllerView, Machine, Overview

OLD_SECONDS = 60.0
"""A sample of a controller that is older says nothing of now."""
_FULL = 0.9


@dataclass(frozen=True)
class Matter:
    """Something for a person: `where`, `what` is the matter, and `do` is an order. `bad`: something is broken; else it is a notice."""

    where: str
    what: str
    do: str
    bad: bool = True
    machine: str = ""


@dataclass(frozen=True)
class Judgement:
    """`well`: nothing is broken. `words` is the headline; `margin` says how many controllers may fail now."""

    well: bool
    words: str
    margin: str
    needs: tuple[Matter, ...]


def verdict(seen: Overview) -> Judgement:
    """The judgement on a snapshot."""
    needs = tuple(sorted(_needs(seen), key=lambda one: not one.bad))
    bad = sum(one.bad for one in needs)
    words = "ALL WELL" if not bad else f"{bad} NEED{'S' if bad == 1 else ''} YOU"
    return Judgement(not bad, words, _margin(seen), needs)


def _margin(seen: Overview) -> str:
    count, working = len(seen.members), sum(map(works, seen.members))
    may = working - (count // 2 + 1)
    if may < 0:
        return f"{working} of {count} nodes: no majority"
    return f"{working} of {count} nodes: " + ("none may fail" if may == 0 else f"{'one' if may == 1 else may} may fail")


def works(member: ControllerView) -> bool:
    """Whether a member answers and its database is in the majority."""
    said = member.sample
    return said is not None and said.database is not None and said.database.component == "Primary"


def _needs(seen: Overview) -> Iterator[Matter]:
    for member in seen.members:
        yield from _of_member(seen, member)
    if seen.members and not seen.holder:
        yield Matter("VIP", f"no member that answers holds {seen.vip}", "on each node: systemctl status keepalived")
    yield from _of_services(seen)
    for machine in seen.cloud.machines:
        yield from _of_machine(machine)
    for asked, why in seen.cloud.silent.items():
        yield Matter(asked, f"could not be asked: {why}", "look at that service's row", bad=False)
    for tenant in seen.cloud.tenants:
        for status, count in {**tenant.servers, **tenant.stacks}.items():
            if status == "ERROR" or status.endswith("FAILED"):
                yield Matter(
                    tenant.name, f"{count} in {status}", "openstack stack list, openstack server list", bad=False
                )
    for kind, listed in (
        ("compute", seen.cloud.computes),
        ("conductor", seen.cloud.conductors),
        ("agent", seen.cloud.agents),
    ):
        for host in sorted(
            host for host, up in listed.items() if not up and any(one.name == host for one in seen.members)
        ):
            yield Matter(host, f"its {kind} is down", f"on {host}: systemctl --failed", bad=False)
    if seen.receipt.why:
        yield Matter("receipt", seen.receipt.why, "compare receipt.json with the other controllers' copies", bad=False)


def _of_services(seen: Overview) -> Iterator[Matter]:
    for name in seen.services:
        answers = [
            one for sample in seen.samples if sample.vip for one in recent(sample.through_vip.get(name, ()), seen.at)
        ]
        if answers and not max(answers).good:
            yield Matter(
                name, "does not answer through the VIP", f"on {seen.holder}: systemctl status haproxy, then {name}"
            )
        elif lost := failed(answers):
            yield Matter(
                name, f"{lost} of {len(answers)} requests failed in the last quarter hour", "see the events", bad=False
            )


def _of_member(seen: Overview, member: ControllerView) -> Iterator[Matter]:
    said = member.sample
    if said is None:
        yield Matter(
            member.name,
            f"does not answer: {member.why}",
            "look at its power and console; it comes back by itself once it boots",
        )
        return
    if seen.at - said.at > OLD_SECONDS:
        yield Matter(
            member.name,
            f"its last sample is {seen.at - said.at:.0f} s old",
            "on it: systemctl status controller-ready",
            bad=False,
        )
    base = said.database
    if base is None:
        yield Matter(
            member.name,
            f"no database: {said.broken.get('database', 'it does not answer')}",
            "on it: systemctl status mariadb",
        )
    elif base.component != "Primary":
        yield Matter(member.name, "its database is outside the majority", "look at its network; it rejoins by itself")
    elif base.state != "Synced":
        yield Matter(member.name, f"its database is {base.state.lower()}", "wait: it catches up by itself", bad=False)
    for service, why in sorted(said.missing.items()):
        if why and base is not None:
            yield Matter(member.name, f"{service} is not ready: {why}", f"on it: systemctl status {service}*")
    host = said.machine
    if host.clock is not None and abs(host.clock) > CLOCK_SECONDS:
        yield Matter(member.name, f"its clock is {host.clock:+.1f} s off", "on it: chronyc sources", bad=False)
    if host.disk and host.disk_used > _FULL * host.disk:
        yield Matter(
            member.name, f"its disk is {host.disk_used / host.disk:.0%} full", "on it: journalctl --vacuum-size=200M"
        )


def _of_machine(machine: Machine) -> Iterator[Matter]:
    if machine.fault or machine.kept_away:
        why = machine.fault or machine.kept_away
        yield Matter(machine.name, why, _cure(machine), machine=machine.id)
    elif machine.unfit:
        yield Matter(
            machine.name,
            f"unfit: {machine.unfit}",
            "fix what it lacks, then inspect it again",
            bad=False,
            machine=machine.id,
        )


def _cure(machine: Machine) -> str:
    if machine.kept_away:
        return f"fix it, then: openstack baremetal node maintenance unset {machine.id}"
    if machine.power in ("", "error"):
        return "look at its power leads and its BMC"
    return f"openstack baremetal node show {machine.id}"
