"""What is said where the seed or a screen is left: YES with its list, and the words after the screen has closed. Pure; knows no widget."""

from __future__ import annotations

from textwrap import wrap

from seedvm.base.rows import Line
from seedvm.engine.state import State
from tui.state.watcher import View
from tui.text.format import duration, fit
from tui.text.handoff_picture import first_of, members
from tui.text.progress import light


def closing_words(view: View, *, replaying: bool) -> str:
    """What is said once the screen is closed: whether work goes on without it, and how to come back."""
    if replaying:
        return "The recording is closed."
    safe, words = light(view.state, view.receipt)
    if safe:
        return f"{words}. The receipt is receipt.txt in the state folder; seedvm wizard opens it again."
    engine = "the engine keeps running" if view.running else "no engine is running"
    return f"The screen is closed; {engine}. seedvm wizard opens it again. {words}."


_YES = (
    " █   █  █████  █████ ",
    "  █ █   █      █     ",
    "   █    ████   █████ ",
    "   █    █          █ ",
    "   █    █████  █████ ",
)
_LABEL = 10


def leave_lines(view: View, width: int) -> list[Line]:
    """YES, what is to be done before the laptop goes, what was proved, what is left undone, and how long it took."""
    state = view.state
    since = (view.receipt.since if view.receipt is not None else "") or "the receipt was written"
    first, *others = members(state) or ("the controllers",)
    owners = ", ".join([first, *(f"-{name.rpartition('-')[2]}" for name in others)])
    beside = (
        "",
        "SAFE TO LEAVE",
        f"since {since}",
        f"{owners} own the rack.",
        "Nothing on this laptop is needed any more.",
    )
    lines: list[Line] = [
        [(f" {letters} ", "good"), (" " + fit(words, max(1, width - 25)).rstrip(), "strong" if number == 1 else "")]
        for number, (letters, words) in enumerate(zip(_YES, beside, strict=True))
    ]
    lines += [[("", "")], [("Before the laptop goes", "strong")]]
    for number, (done, what, how) in enumerate(_list(state), 1):
        mark = ("[x]", "good") if done else ("[ ]", "warn")
        lines.append(
            [(f" {number} ", "strong"), mark, (f" {what:<16} ", "strong"), (fit(how, max(1, width - 24)).rstrip(), "")]
        )
    lines.append([("", "")])
    for head, texts in (("Proved", _proved(state)), ("Left", _left(state)), ("Took", [_took(state)])):
        for number, text in enumerate(texts):
            for part_number, part in enumerate(wrap(text, max(20, width - _LABEL - 1)) or [""]):
                label = f" {head:<{_LABEL - 1}}" if number == 0 and part_number == 0 else " " * _LABEL
                lines.append([(label, "strong"), (part, "")])
    return lines


def _list(state: State) -> list[tuple[bool, str, str]]:
    """What is to be done: whether it is seen to be done, what, and how."""
    off, wiped = (_is_done(state, name) for name in ("seed-off", "wipe"))
    return [
        (
            False,
            "keep the receipt",
            "receipt.json, receipt.txt, clouds.yaml of this folder",
        ),
        (
            False,
            "keep the key",
            "the recovery key, on paper: it opens sealed secrets",
        ),
        (wiped, "secrets deleted", "by the engine, and searched for again" if wiped else "the engine does it next"),
        (off, "switch off", "the seed does it by itself; its VM: seedvm host down"),
        (False, "clear up", "seedvm host wipe, once 1 and 2 are done"),
        (False, "cables", "out: those to the provisioning network and the BMCs"),
    ]


def _is_done(state: State, name: str) -> bool:
    step = state.step(name)
    return step is not None and step.state == "done"


def _proved(state: State) -> list[str]:
    facts = state.facts
    counts = [f"{first_of(facts.get(fact))} {what}" for fact, what in _COUNTED if first_of(facts.get(fact))]
    told = [f"{', '.join(counts)} the same on every controller" if counts else ""]
    told += [f"{value} {what}" for fact, what in _ZEROS if (value := facts.get(fact)) is not None]
    told += [f"{what} {value} s" for fact, what in _SECONDS if (value := facts.get(fact)) is not None]
    rehearsed = state.phases.get("REHEARSE")
    said = [rehearsed.detail] if rehearsed is not None and rehearsed.state == "done" and rehearsed.detail else []
    return ["; ".join(filter(None, told)) or "see the receipt below", *said]


_COUNTED = (("tables_compared", "tables"), ("images_compared", "images"), ("secrets_proven", "secrets"))
_ZEROS = (("ids_changed", "IDs changed"), ("node_reboots", "reboots"))
_SECONDS = (("handoff_longest_gap_seconds", "API gap"), ("handoff_write_pause_seconds", "writes paused"))


def _left(state: State) -> list[str]:
    left = [
        f"{node.node}: {node.phase}: {node.detail}"
        for node in state.nodes.values()
        if node.phase in ("failed", "unfit")
    ]
    return left or ["nothing: every machine is in use or a spare"]


def _took(state: State) -> str:
    whole = (state.ended or state.last) - (state.started or state.last)
    stood = max(0.0, whole - state.seconds)
    return duration(whole) + (f", of that {duration(stood)} while no engine was at work" if stood >= 1 else "")
