"""What is done with the machines of a deployment that failed: taken back, set free from where they hang, or replaced by a spare.

It refuses to touch a machine whose system runs, and to put a spare in a node's place whose disk is not the one that was confirmed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from seedvm.base.errors import SeedvmError
from seedvm.base.waiting import NO_ERROR, NotYet, wait_for
from seedvm.cloud import ironic
from seedvm.cloud.connection import Cloud, Refused
from seedvm.engine.step import Report
from seedvm.foreign.text import shown
from seedvm.machines.selection import TRAIT
from seedvm.site.orders import Order, Spare

_FREE_SECONDS = 600.0
_ASIDE_SECONDS = 120.0
_LOOK_EVERY = 3.0
_ASK_AGAIN_SECONDS = 60.0
REPLACED = "replaced"
HANGING = "wait call-back"
"""Ironic's word for a machine whose agent is waited for; such a deployment can be ended."""

_WAY_BACK: Mapping[str, str] = {
    "deploy failed": "deleted",
    "error": "deleted",
    HANGING: "deleted",
    "clean failed": "manage",
    "manageable": "provide",
}
"""The verb that leads a machine without an instance from each state towards `available` (Ironic's state machine)."""


def way_back(node: ironic.Node) -> str | None:
    """The next verb towards `available`, or None where there is nothing to ask: it is there, on its way, or in use."""
    if node.reserved or (node.instance and node.state not in ("deploy failed", "error")):
        return None
    return _WAY_BACK.get(node.state)


async def take_back(
    cloud: Cloud, site: str, wanted: Iterable[str], report: Report, seconds: float = _FREE_SECONDS
) -> None:
    """Bring these nodes (by id) to `available`, from wherever a failed deployment left them; each verb asked once a minute.

    SeedvmError where one falls back into `error` after it was asked, or does not come within `seconds`.
    """
    wanted, asked = set(wanted), dict[tuple[str, str], float]()
    before: dict[str, str] = {}
    what, hint = "the machine did not become available again", "check its BMC, then retry, or replace it with a spare"

    async def free() -> bool | NotYet:
        nodes = [node for node in await ironic.nodes(cloud, site) if node.id in wanted]
        away = [node for node in nodes if node.state != "available" or node.instance]
        for node in away:
            if node.state == "error" and (node.id, "error") in asked and before.get(node.id) != "error":
                raise SeedvmError(what, machine=node.title or node.name, why=_seen(node), hint=hint)
            await _ask(cloud, node, asked, report)
            before[node.id] = node.state
        return NotYet(_seen(away[0]), away[0].title or away[0].name) if away else True

    await wait_for(free, seconds=seconds, what=what, hint=hint, pause=_LOOK_EVERY, passing=NO_ERROR)


def _seen(node: ironic.Node) -> str:
    return f"{node.state}: {node.error}" if node.error else node.state


async def _ask(cloud: Cloud, node: ironic.Node, asked: dict[tuple[str, str], float], report: Report) -> None:
    verb, now = way_back(node), time.monotonic()
    if verb is None or now - asked.get((node.id, node.state), -_ASK_AGAIN_SECONDS) < _ASK_AGAIN_SECONDS:
        return
    asked[(node.id, node.state)] = now
    told = f": {node.error}" if node.error else ""
    report.log(f"making {node.name} available again; its state is {node.state}{told}", node=node.title or node.name)
    try:
        if node.maintenance:
            await ironic.take_back(cloud, node)
        await ironic.provision(cloud, node.id, verb)
    except Refused as error:
        if error.status != 409:  # a conductor is at work on it: asked again later
            raise


def hangs(node: ironic.Node) -> bool:
    """Whether a deployment waits for the machine's agent: the one state in which Ironic ends it when told to."""
    return node.state == HANGING and not node.reserved


async def set_free(cloud: Cloud, node: ironic.Node, report: Report) -> None:
    """End a deployment that hangs, so that Nova and Heat see it fail now and not in twenty minutes."""
    report.log(
        "its deployment has been cancelled as requested; it will be retried when the other nodes have finished",
        node=node.title,
    )
    await ironic.provision(cloud, node.id, "deleted")


async def check_spare(cloud: Cloud, site: str, order: Order) -> None:
    """Raise SeedvmError where `put_in_place` would refuse the order's spare. Changes nothing."""
    if order.spare is not None:
        nodes = await ironic.nodes(cloud, site)
        refuse(order, order.spare, next((node for node in nodes if node.bmc == order.spare.bmc), None))


async def put_in_place(cloud: Cloud, site: str, order: Order, report: Report) -> None:
    """Give a spare the name and role of a failed node. May be killed at any line and called again. Raises SeedvmError where it may not."""
    spare = order.spare
    assert spare is not None
    nodes = await ironic.nodes(cloud, site)
    new = next((node for node in nodes if node.bmc == spare.bmc), None)
    old = next((node for node in nodes if node.title == order.node and node.bmc != spare.bmc), None)
    refuse(order, spare, new)
    assert new is not None
    report.confirmed([{"bmc": spare.bmc, "serial": spare.serial, "disk": spare.disk}])
    if old is not None:
        report.log(f"{old.bmc} has been taken out of service and is replaced by {new.bmc}", node=order.node)
        why = f"replaced by {new.bmc}" + (f": {old.error}" if old.error else "")
        changes = {"/extra/seedvm_role": REPLACED, "/extra/seedvm_name": old.name, "/extra/unfit": shown(why, 250)}
        await ironic.patch(cloud, old.id, changes)
        await ironic.set_traits(cloud, old.id, ())
    if (new.role, new.title) != ("undercloud", order.node):
        await ironic.patch(cloud, new.id, {"/extra/seedvm_role": "undercloud", "/extra/seedvm_name": order.node})
        await ironic.set_traits(cloud, new.id, (TRAIT,))


def refuse(order: Order, spare: Spare, new: ironic.Node | None) -> None:
    """Raise SeedvmError unless this machine is a free spare, and its root disk is the one that was confirmed."""
    already = new is not None and new.role == "undercloud" and new.title == order.node
    root = [str(one) for one in new.root_device.values()] if new is not None else []
    if new is None:
        why = "it is not registered"
    elif new.unfit:
        why = f"it is unfit: {new.unfit}"
    elif new.role != "spare" and not already:
        why = f"its role is {new.role or 'none'}"
    elif new.instance and not already:
        why = "it is in use"
    elif not spare.disk_serial or spare.disk_serial not in root:
        why = f"its root disk is {', '.join(root) or 'unknown'}, but {spare.disk_serial or 'none'} was confirmed"
    else:
        return
    raise SeedvmError(f"{order.node} was not replaced", machine=spare.bmc, why=why, hint="choose another spare")


async def put_aside(cloud: Cloud, site: str, report: Report) -> None:
    """Switch off what was replaced, as far as its BMC lets us; a machine that does not follow is left in maintenance, with the reason."""
    for node in await ironic.nodes(cloud, site):
        if node.role != REPLACED or node.maintenance or (node.state == "manageable" and node.power == "power off"):
            continue
        try:
            await take_back(cloud, site, [node.id], report, _ASIDE_SECONDS)
            await ironic.provision(cloud, node.id, "manage")
            await ironic.power(cloud, node.id, "power off")
        except SeedvmError as error:
            report.log(f"it could not be powered off and stays in maintenance: {error}", node=node.name)
            await ironic.keep_away(cloud, node.id, shown(node.unfit, 240))
