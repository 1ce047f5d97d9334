"""One machine in words: what is wrong, what to do about it with the keys that do it, and where it stands. Pure. A cause is never cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

from seedvm.base.rows import Line
from seedvm.engine.state import State
from seedvm.site.orders import Spare, spares
from seedvm.site.review import ReviewMachine
from tui.state.estimate import usual_stage
from tui.state.files import Known
from tui.state.machines import MachineView
from tui.state.watcher import View
from tui.text.format import duration
from tui.widgets.paint import spark


@dataclass(frozen=True)
class About:
    """All that is known of a machine, for its page and the pane beside the list."""

    machine: MachineView
    state: State
    reviewed: ReviewMachine | None = None
    known: Known | None = None
    spare: Spare | None = None
    order: str = ""


def about_of(view: View, machine: MachineView, spare: Spare | None = None) -> About:
    """What a view tells of a machine; the first spare that fits where none is chosen."""
    reviewed = next((one for one in view.review.machines if one.bmc == machine.bmc), None) if view.review else None
    known = next((one for one in view.inventory if one.bmc == machine.bmc), None)
    if spare is None and view.review is not None and machine.fault:
        spare = next(iter(spares(view.review)), None)
    return About(machine, view.state, reviewed, known, spare, view.orders.get(machine.key, ""))


def head_lines(about: About, now: float, width: int) -> list[Line]:
    """How it does: the fault whole, or the stage that it is in with its usual time."""
    one, node = about.machine, about.machine.node
    if about.order:
        return _wrapped(f"requested: {about.order}; carried out when the other machines have finished", width, "warn")
    if one.fault:
        return _wrapped(f"✖ {one.fault}", width, "bad")
    if one.lacks:
        return _wrapped(f"left out: {one.lacks}", width, "warn")
    if node is None:
        return _wrapped("nothing was heard of it yet", width, "dim")
    if node.phase in ("joined", "active"):
        return _wrapped(f"{node.phase}: it does its work", width, "good")
    usual = usual_stage(about.state, node.phase)
    took = f" for {duration(now - node.since)}" + (f", usually {duration(usual)}" if usual else "") if usual else ""
    detail = f": {node.detail}" if node.detail else ""
    return _wrapped(f"{node.phase}{detail}{took}", width, "busy" if usual else "")


def todo(about: About) -> list[tuple[str, str]]:
    """(key, what to do), in the order in which it is done; a key may be empty. Nothing where nothing is wrong."""
    one = about.machine
    if about.order:
        return [("", "nothing: the engine takes the request when it is free")]
    if one.fault:
        return [
            *_look_at(one),
            ("t", "try it again on this machine"),
            *_replace(about),
            ("d", "go without it: at least three nodes must be left"),
        ]
    if one.lacks:
        cure = (
            about.known.cure
            if about.known is not None and about.known.cure
            else "give it what it lacks, or leave it out"
        )
        return [("", cure), ("r", "then retry: the engine looks at it again")]
    return []


def _look_at(one: MachineView) -> list[tuple[str, str]]:
    """What somebody looks at in front of the rack, by what its BMC or the agent said."""
    fault = one.fault.lower()
    where = f" at {one.place}" if str(one.place) else ""
    if any(word in fault for word in ("power", "reboot", "psu", "supply")):
        return [("l", f"look at its power lead and its outlet{where}; l blinks its LED")]
    if any(word in fault for word in ("dhcp", "pxe", "network", "agent has not called", "link", "tftp")):
        cable = f" ({one.switch} {one.port})" if one.port else ""
        return [("l", f"look at its cable{cable}{where}, and at the switch port's VLAN; l blinks its LED")]
    if any(word in fault for word in ("disk", "write", "i/o", "checksum")):
        return [("l", f"look at its disk{where}; l blinks its LED")]
    return [("l", f"look at it{where}; l blinks its LED")]


def _replace(about: About) -> list[tuple[str, str]]:
    if about.spare is None:
        return [("", "no spare fits: add a machine, or retry")]
    spare = about.spare
    return [("p", f"put {spare.bmc} in its place: WIPES {spare.disk} serial {spare.disk_serial}")]


def todo_lines(about: About, width: int) -> list[Line]:
    """The numbered list."""
    lines: list[Line] = []
    for number, (key, text) in enumerate(todo(about), 1):
        head = f"{'do' if number == 1 else '':<4}{number} {key or ' '} "
        for row, part in enumerate(wrap(text, max(16, width - len(head)))):
            lines.append([(head if row == 0 else " " * len(head), "strong"), (part, "")])
    return lines


def where_lines(about: About, width: int) -> list[Line]:
    """Where it is, how it is reached, what is plugged in where, and its disks; what is unknown is said to be."""
    one, known, reviewed = about.machine, about.known, about.reviewed
    place = one.place
    stands = "rack and unit are not known: i says them"
    if place.rack or place.unit is not None:
        stands = " ".join(
            filter(
                None,
                (
                    f"rack {place.rack}" if place.rack else "",
                    f"U{place.unit}" if place.unit is not None else "unit unknown",
                ),
            )
        )
        stands += f", {place.height} U high" if place.height > 1 else ""
        stands += f" ({place.source})" if place.source else ""
    pairs = [("where", stands), ("serial", one.serial or "not known")]
    account = (
        f", {known.driver or 'no driver'}, account {known.user}"
        if known is not None and known.user
        else ", no account proven"
    )
    pairs.append(("BMC", one.bmc + account))
    pairs += [("cable", text) for text in _cables(reviewed, known)]
    for disk in reviewed.disks if reviewed else ():
        what = f"{'WIPE ' if disk.wipe else 'keep '}{disk.name} {disk.size_gib:.0f} GiB serial {disk.serial or '-'}"
        pairs.append(("disk", f"{what}, holds {disk.holds or 'unknown'}"))
    lines: list[Line] = []
    for number, (name, text) in enumerate(pairs):
        same = number > 0 and pairs[number - 1][0] == name
        for row, part in enumerate(wrap(text, max(16, width - 7))):
            lines.append([(f"{name if row == 0 and not same else '':<7}", "dim"), (part, "")])
    return lines


def _cables(reviewed: ReviewMachine | None, known: Known | None) -> Sequence[str]:
    if reviewed is None or not reviewed.nics:
        return (
            f"boots by {known.boot_mac}" if known is not None and known.boot_mac else "not known before the inspection",
        )
    texts = []
    for nic in reviewed.nics:
        speed = (
            f" {nic.mbps // 1000} Gb/s"
            if nic.mbps and nic.mbps >= 1000
            else f" {nic.mbps} Mb/s"
            if nic.mbps
            else " no link"
        )
        end = f" to {nic.switch} {nic.port} (LLDP)" if nic.switch else ", switch port not heard (no LLDP)"
        texts.append(f"{nic.name} {nic.mac}{speed}{end}")
    return texts


def _wrapped(text: str, width: int, style: str) -> list[Line]:
    return [[(part, style)] for part in wrap(text, max(16, width))]


def pane_lines(about: About, now: float, width: int) -> list[Line]:
    """All of it, for the pane beside the list."""
    one = about.machine
    place = f"{one.place}  " if str(one.place) else ""
    lines: list[Line] = [
        [(f"{place}{one.name}", "accent strong"), (f"  {one.part}", "dim")],
        *head_lines(about, now, width),
    ]
    if steps := todo_lines(about, width):
        lines += [[], *steps]
    return [*lines, [], *where_lines(about, width)]


def strip_lines(about: About, now: float, width: int) -> list[Line]:
    """The marked machine in few lines, for a narrow screen: its fault whole, and what to do first."""
    if not (about.machine.fault or about.order):
        return []
    first = next(iter(todo(about)), ("", ""))[1]
    return [
        *head_lines(about, now, width),
        *(
            [
                [("do: ", "strong"), (part, "")] if row == 0 else [("    ", ""), (part, "")]
                for row, part in enumerate(wrap(first, width - 4))
            ]
        ),
    ]


def rate_lines(disks: Sequence[float], width: int) -> list[Line]:
    """What is written to disks now and over the last minutes."""
    wide = max(10, min(40, width - 34))
    return [[("image to disks ", "dim"), spark(disks, wide), (f"  {disks[-1]:.0f} MiB/s", "strong")]]
