"""The doubts that a hand-off may leave, in words. Pure: each function makes the doubt of one kind; names are for typing.

What can be measured again is measured again before anybody is asked; a doubt is what is left. It refuses to weigh: each of them keeps
the seed here until the operator has accepted it.
"""

from __future__ import annotations

from collections.abc import Sequence

from seedvm.handoff.services import Lost
from seedvm.site.doubts import COMMAND, Doubt

_SHOWN = 8


def silent(node: str, why: str) -> Doubt:
    """A controller that does not answer the seed."""
    return Doubt(
        f"silent-{node}",
        f"{node} does not answer; the other controllers are a majority and hold everything",
        node,
        f"nothing of it could be measured: {why}",
        "bring it back (power, cable) and run again; to leave it as it is: " + _accept(f"silent-{node}"),
    )


def reboot(node: str) -> Doubt:
    """A controller that was booted between QUIESCE and OWN."""
    return Doubt(
        f"reboot-{node}",
        f"{node} was rebooted during the hand-off",
        node,
        "what it did in between can no longer be measured; it answers now",
        "read journalctl -b -1 on it, then: " + _accept(f"reboot-{node}"),
    )


def ids(found: Lost) -> tuple[Doubt, ...]:
    """Resources of before that have another id now, and those that are gone."""
    made = []
    for name, phrases, how in (
        ("ids-changed", found.replaced, "have another ID now"),
        ("ids-gone", found.gone, "do not exist any more"),
    ):
        if phrases:
            made.append(
                Doubt(
                    name,
                    f"{len(phrases)} resources of before {how}: {_listed(phrases)}",
                    "",
                    "writes pass again after COMMIT, so a user may have done it; the hand-off itself must not",
                    "find out who did it (openstack --os-cloud undercloud ...), then: " + _accept(name),
                )
            )
    return tuple(made)


def before_unknown() -> Doubt:
    """QUIESCE's figures are lost."""
    return Doubt(
        "before-unknown",
        "what there was before the hand-off is not known: IDs and reboots could not be compared",
        "",
        "handoff.json has no result of QUIESCE",
        "restore handoff.json in the state folder from a copy and run again, or: " + _accept("before-unknown"),
    )


def comparison_unknown() -> Doubt:
    """COMPARE's figures are lost."""
    return Doubt(
        "comparison-unknown",
        "what was compared before COMMIT is not known any more",
        "",
        "handoff.json has no result of COMPARE",
        "restore handoff.json in the state folder from a copy and run again, or: " + _accept("comparison-unknown"),
    )


def pause_unknown() -> Doubt:
    """For how long writes were refused is not known."""
    return Doubt(
        "pause-unknown",
        "for how long writes were refused is not known",
        "",
        "handoff.json has no result of COMMIT",
        "restore handoff.json in the state folder from a copy and run again, or: " + _accept("pause-unknown"),
    )


def seed_lost(last: str, before_commit: bool) -> Doubt:
    """The first seed is gone; another one took the hand-off up from the nodes, which had noted `last`."""
    how = "before COMMIT: the nodes took over without FENCE" if before_commit else "after COMMIT"
    return Doubt(
        "seed-lost",
        f"the first seed was lost after {last}, {how}",
        "",
        "another seed completed the hand-off with what the nodes keep; what the first one did last was seen by no machine",
        "keep the first laptop off this network permanently and wipe it, then: " + _accept("seed-lost"),
    )


def gap(watcher: str, why: str, *, partly: bool) -> Doubt:
    """The watch on the VIP is lost, wholly or in part."""
    return Doubt(
        "gap-partly-measured" if partly else "gap-not-measured",
        "for how long the API did not answer is known only in part" if partly else "no API gap was measured",
        watcher,
        why,
        "it cannot be measured again: " + _accept("gap-partly-measured" if partly else "gap-not-measured"),
    )


def stack(name: str, nodes: Sequence[str]) -> Doubt:
    """The undercloud's stack has the new value, and one of its nodes cannot confirm it."""
    return Doubt(
        f"stack-{name}",
        f"stack {name} no longer names the seed, but {', '.join(nodes)} did not confirm the update",
        nodes[0] if nodes else "",
        "Heat waits for a signal of every node, and marks the update as failed without it",
        "bring the node back and run again, or: " + _accept(f"stack-{name}"),
    )


def _accept(name: str) -> str:
    return f"{COMMAND} {name}"


def _listed(phrases: Sequence[str]) -> str:
    more = f" and {len(phrases) - _SHOWN} more" if len(phrases) > _SHOWN else ""
    return ", ".join(phrases[:_SHOWN]) + more
