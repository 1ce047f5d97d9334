"""`member forget`: take a controller that is gone for good out of the cluster of messages, so that a blank one of its name may join.

Galera needs no such thing: a member that is silent leaves the others' view by itself. A node that runs is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from seedvm.controller import rabbit


@dataclass(frozen=True)
class ForgetRequest:
    """The node's name."""

    node: str


@dataclass(frozen=True)
class Forgotten:
    """Whether the cluster knew it."""

    was_member: bool


def forget(request: ForgetRequest) -> Forgotten:
    return Forgotten(rabbit.forget(request.node))
