"""A snapshot as lines of styled spans: the same words for `--once`, for line mode and for the screen, for every width. Pure.

Nothing is told by colour alone: each state has a mark and a word. A cause is wrapped and never cut.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from textwrap import wrap

from seedvm.base.rows import Line, Rows, Span
from seedvm.foreign.text import fitted
from seedvm.monitor import figures
from seedvm.monitor.drawing import amount, bunched, clock, graph, lasting, mark, text, within
from seedvm.monitor.model import Answered, ControllerView, Machine, MemberSample, Overview
from seedvm.monitor.verdict import Judgement, Matter, works

_KINDS = {
    "in use": ("good", ""),
    "free": ("free", ""),
    "busy": ("busy", "busy"),
    "unfit": ("notice", "warn"),
    "broken": ("bad", "bad"),
}
_WITH_GRAPHS, _WITH_MEMORY = 100, 112
"""Columns from which on a controller's load has a graph, and its memory is told."""
_LEAST_SCALE_MS = 200.0
"""A graph of answers reaches at least so high: noise of a few milliseconds is no mountain."""


def headline(seen: Overview, judged: Judgement, width: int, ascii: bool = False) -> Line:
    """Well or not, how many may fail, who holds the VIP, what is left to do."""
    notices = sum(not one.bad for one in judged.needs)
    sign, style = (mark("good", ascii), "good") if judged.well else (mark("bad", ascii), "bad")
    told = [judged.margin, f"VIP on {short(seen, seen.holder)}" if seen.holder else "no node holds the VIP"]
    told += [f"{notices} notice{'' if notices == 1 else 's'}"] if notices else []
    return within([(f" {sign} {judged.words}", style), *((f"   {one}", "") for one in told)], width)


def short(seen: Overview, name: str) -> str:
    """A member's name without the site's, which stands in the title."""
    return name.removeprefix(f"{seen.site}-")


def member_lines(seen: Overview, width: int, ascii: bool = False) -> list[Line]:
    """A head and a row per controller."""
    name = max([10, *(len(short(seen, one.name)) for one in seen.members)])
    head = f"   {'node':<{name}}  VIP  {'database':<16} queue   {'API p95':<18}"
    if width < _WITH_GRAPHS:
        head += "   load    disk"
    else:
        head += f"   {'load':<13}{'   memory  ' if width >= _WITH_MEMORY else ''}   disk     clock"
    return [
        [(fitted(head, width), "dim")],
        *(line for one in seen.members for line in _member(seen, one, name, width, ascii)),
    ]


def _member(seen: Overview, member: ControllerView, name: int, width: int, ascii: bool) -> Iterator[Line]:
    shown = fitted(short(seen, member.name), name)
    said = member.sample
    if said is None:
        since = f", since {clock(member.since)} ({lasting(seen.at - member.since)})" if member.since else ""
        told = f"does not answer{since}: {member.why}"
        first, *more = wrap(told, max(20, width - name - 5)) or [""]
        yield [(f" {mark('bad', ascii)} {shown}  ", "bad"), (first, "bad")]
        yield from ([(" " * (name + 5) + line, "bad")] for line in more)
        return
    well = works(member) and not any(said.missing.values())
    columns = 9 if width < _WITH_GRAPHS else 10
    yield within(
        [
            (f" {mark('good' if well else 'bad', ascii)} {shown}  ", "" if well else "bad"),
            (f" {mark('good', ascii) if said.vip else ' '}   ", "good"),
            *_database(said),
            *_queue(seen, said),
            *_answers(figures.own(said), seen.at, columns, ascii),
            *_machine_figures(said, width, ascii),
        ],
        width,
    )


def _database(said: MemberSample) -> Iterator[Span]:
    base = said.database
    if base is None:
        yield fitted("no database", 17), "bad"
        return
    good = base.state == "Synced" and base.component == "Primary"
    word = base.state.lower() if base.component == "Primary" else "cut off"
    yield fitted(f"{word} {base.seqno}", 17), "" if good else "bad" if base.component != "Primary" else "warn"


def _queue(seen: Overview, said: MemberSample) -> Iterator[Span]:
    if said.queue is None:
        yield fitted("?", 8), "dim"
    else:
        whole = len(said.queue) == len(seen.members)
        yield fitted(f"{len(said.queue)} of {len(seen.members)}", 8), "" if whole else "bad"


def _answers(answers: Sequence[Answered], now: float, columns: int, ascii: bool) -> Iterator[Span]:
    recent = figures.recent(answers, now)
    slow, lost = figures.p95(recent), figures.failed(recent)
    yield f"{'-' if slow is None else f'{slow:.0f}':>4} ms ", ""
    yield graph(figures.columns(recent, now, columns), ascii, top=_LEAST_SCALE_MS) + "  ", "bad" if lost else "good"


def _machine_figures(said: MemberSample, width: int, ascii: bool) -> Iterator[Span]:
    host = said.machine
    load = host.load[-1] if host.load else 0.0
    full = host.disk_used / host.disk if host.disk else 0.0
    off = (
        "?" if host.clock is None else f"{host.clock * 1000:+.0f} ms" if abs(host.clock) < 1 else f"{host.clock:+.1f} s"
    )
    yield f" {load:5.1f} ", "warn" if load > host.cpus * 2 else ""
    if width >= _WITH_GRAPHS:
        yield graph(bunched(host.load, 8), ascii, top=float(host.cpus)) + "  ", "dim"
        yield f"{amount(host.memory_used):>8}  " if width >= _WITH_MEMORY else "", ""
        yield f"{full:5.0%}  {off:>8}", "bad" if full > 0.9 else ""
    else:
        yield f"  {full:4.0%}", "bad" if full > 0.9 else ""


def service_lines(seen: Overview, width: int, ascii: bool = False) -> list[Line]:
    """Each API as the VIP's holder sees it through the VIP: a quarter hour, the 95th percentile, failures; side by side where they fit."""
    holder = next((one for one in seen.samples if one.vip), None)
    if holder is None:
        return [[(" no node holds the VIP: no API answers through it", "bad")]]
    across = 3
    each = width // across
    cells = [_service(name, holder.through_vip.get(name, ()), seen.at, each, ascii) for name in seen.services]
    rows = -(-len(cells) // across)
    return [[span for column in range(across) for cell in cells[column * rows + row : column * rows + row + 1] for span in cell]
            for row in range(rows)]  # fmt: skip


def _service(name: str, answers: Sequence[Answered], now: float, width: int, ascii: bool) -> Line:
    recent = figures.recent(answers, now)
    slow, lost = figures.p95(recent), figures.failed(recent)
    tail = f" {'-' if slow is None else f'{slow:.0f}':>4} ms"
    if width >= 34:
        tail += f"  {lost or 'none'} failed" if lost or width >= 40 else ""
    elif lost:
        tail = f" {min(lost, 99):>2} lost"
    columns = max(4, min(30, width - 11 - len(tail) - 2))
    line = graph(figures.columns(recent, now, columns), ascii, top=_LEAST_SCALE_MS)
    return [
        (f" {fitted(name, 10)}", ""),
        (line, "bad" if lost else "good"),
        (fitted(tail, width - 11 - columns), "bad" if lost else ""),
    ]


def tally(machines: Sequence[Machine]) -> str:
    """4 in use, 1 free, 2 broken."""
    counted = Counter(one.kind for one in machines)
    return ", ".join(f"{counted[kind]} {kind}" for kind in _KINDS if counted[kind])


def machine_line(machine: Machine, width: int, ascii: bool = False, *, name: int = 14, site: str = "") -> Line:
    """One machine: unit, name, what it is good for, power, and its server or what is the matter with it."""
    sign, style = _KINDS[machine.kind]
    where = f"{f'{machine.rack} U{machine.u}':<8} " if machine.u is not None else ""
    told = machine.server.removeprefix(f"{site}-") or machine.fault or machine.kept_away or machine.unfit
    kind = machine.kind if machine.kind != "busy" else machine.state
    return within(
        [
            (f" {mark(sign, ascii)} ", "good" if machine.kind == "in use" else style),
            (where, "dim"),
            (fitted(machine.name, name) + " ", ""),
            (fitted(kind, 8) + " ", style),
            (fitted(machine.power or "?", 4), "" if machine.power else "bad"),
            (told, style),
        ],
        width,
    )


def machine_lines(seen: Overview, shown: Sequence[Machine], width: int, ascii: bool = False) -> Sequence[Line]:
    """A line for each of the machines that are `shown`, made when it is looked at."""
    name = min(20, max((len(one.name) for one in shown), default=0))
    return Rows(shown, lambda one: machine_line(one, width, ascii, name=name, site=seen.site))


def machine_detail(machine: Machine, width: int) -> list[Line]:
    """All that is known of one machine, and in numbered lines what to do about it."""
    facts = [
        ("BMC", machine.bmc),
        ("state", machine.state),
        ("power", machine.power or "unknown: its BMC does not answer Ironic"),
        ("runs", machine.server or "nothing"),
        ("disk", machine.serial),
        ("Ironic", machine.id),
        ("matter", machine.fault or machine.kept_away or machine.unfit),
    ]
    lines: list[Line] = []
    for name, value in facts:
        for number, part in enumerate(wrap(value, max(16, width - 9))):
            lines.append([(f"{name if not number else '':<8} ", "dim"), (part, "bad" if name == "matter" else "")])
    steps = list(_steps(machine))
    lines += [[("what to do", "strong")]] if steps else []
    for number, step in enumerate(steps, 1):
        first, *more = wrap(step, max(16, width - 4))
        lines += [[(f" {number}. {first}", "")], *([(f"    {part}", "")] for part in more)]
    return lines


def _steps(machine: Machine) -> Iterator[str]:
    node = "openstack baremetal node"
    if machine.kind not in ("broken", "unfit"):
        return
    if machine.power in ("", "error"):
        yield "look at its power leads, its BMC's cable and the BMC itself"
    if machine.kept_away:
        yield "fix what is named above"
        yield f"{node} maintenance unset {machine.id}"
    elif machine.fault:
        yield f"{node} show {machine.id} -f value -c last_error: Ironic's own words"
    if machine.kind == "unfit":
        yield "fix what it lacks, then inspect it again:"
        yield f"{node} manage {machine.id}; {node} inspect {machine.id}"


def need_lines(seen: Overview, judged: Judgement, width: int, ascii: bool = False) -> list[Line]:
    """What needs somebody: where, what, and below it what to do."""
    if not judged.needs:
        return [[(" nothing", "good")]]
    name = min(24, max(len(_where(seen, one)) for one in judged.needs))
    return [line for one in judged.needs for line in _need(seen, one, name, width, ascii)]


def _where(seen: Overview, need: Matter) -> str:
    return need.where if need.machine else short(seen, need.where)


def _need(seen: Overview, need: Matter, name: int, width: int, ascii: bool) -> Iterator[Line]:
    style = "bad" if need.bad else "warn"
    room = max(20, width - name - 5)
    first, *more = wrap(need.what, room) or [""]
    yield [
        (f" {mark('bad' if need.bad else 'notice', ascii)} {fitted(_where(seen, need), name)}  ", style),
        (first, ""),
    ]
    yield from ([(" " * (name + 5) + part, "")] for part in more)
    for number, part in enumerate(wrap(need.do, max(16, room - 3))):
        yield [(" " * (name + 5) + ("   " if number else "-> "), "dim"), (part, "strong")]


def tenant_lines(seen: Overview, width: int) -> list[Line]:
    """Each project and what it runs."""
    lines: list[Line] = []
    for one in seen.cloud.tenants:
        runs = ", ".join(
            f"{count} servers {status}" if count != 1 else f"1 server {status}" for status, count in one.servers.items()
        )
        made = ", ".join(
            f"{count} stacks {status}" if count != 1 else f"1 stack {status}" for status, count in one.stacks.items()
        )
        told = "; ".join(filter(None, (runs, made))) or "nothing yet"
        lines.append(within([(f" {fitted(one.name, 18)} ", ""), (told, "" if runs or made else "dim")], width))
    if not lines:
        lines.append([(" not known: Keystone does not answer" if "tenants" in seen.cloud.silent else " none", "dim")])
    return lines


def event_lines(seen: Overview, width: int) -> list[Line]:
    """What changed, newest last, of all members that answer: each is told once, by whom it is about."""
    found = {(round(one.at, -1), one.where, one.what): one for sample in seen.samples for one in sample.changes}
    name = 16
    lines: list[Line] = []
    for one in sorted(found.values(), key=lambda one: one.at):
        first, *more = wrap(one.what, max(20, width - name - 13)) or [""]
        style = "bad" if one.bad else ""
        lines.append(
            [(f" {clock(one.at)}  ", "dim"), (fitted(short(seen, one.where), name) + "  ", ""), (first, style)]
        )
        lines += [[(" " * (name + 13) + part, style)] for part in more]
    return lines or [[(" nothing has changed since the samples began", "dim")]]


def receipt_line(seen: Overview) -> str:
    """The receipt in a few words."""
    if seen.receipt.why:
        return f"receipt not trusted: {seen.receipt.why}"
    if not seen.receipt.time:
        return "no receipt on this machine"
    return f"receipt of {seen.receipt.time}: {'the seed may leave' if seen.receipt.may_leave else 'NO'}"


def page(seen: Overview, judged: Judgement, width: int, ascii: bool = True) -> list[str]:
    """The whole as a plain page."""
    sections: list[tuple[str, Sequence[Line]]] = [
        (f"controllers, VIP {seen.vip}", member_lines(seen, width, ascii)),
        ("through the VIP, last 15 minutes", service_lines(seen, width, ascii)),
        (
            f"machines: {tally(seen.cloud.machines) or 'none known'}",
            machine_lines(seen, seen.cloud.machines, width, ascii),
        ),
        ("needs you", need_lines(seen, judged, width, ascii)),
        ("tenants", tenant_lines(seen, width)),
        ("events", event_lines(seen, width)[-12:]),
    ]
    head = f"site {seen.site}  on {short(seen, seen.here) or 'no controller'}  {clock(seen.at)} UTC"
    lines = [head, text(headline(seen, judged, width, ascii)).strip()]
    for title, body in sections:
        lines += ["", f"-- {title} --", *map(text, body)]
    return [*lines, "", receipt_line(seen)]
