"""The hand-off in figures: its phases, what was proved, how long the API was silent and writes are refused, and what somebody has to do.

Pure: no widget, no file. It says what the journal says, and no more: what is not measured yet has a dash.
"""

from __future__ import annotations

from seedvm.base.rows import Line, Span
from seedvm.engine.stages import HANDOFF_PHASES
from seedvm.engine.state import PhaseView, State, StepView
from tui.state.watcher import View
from tui.text.canvas import trace
from tui.text.format import clock, duration, fit
from tui.text.handoff_picture import first_of, moved
from tui.widgets.paint import thin_bar

HELD, LIMIT = "write_hold_since", "write_pause_limit_seconds"
"""Facts: since when writes are refused (seconds since the epoch, or null), and how many seconds that lasts at most."""
_GAP_TOP = 2.0
"""Seconds of silence that fill the height of the curve."""

_MARKS = {"started": ("▶", "busy"), "done": ("✔", "good"), "failed": ("✖", "bad"), "undone": ("↶", "bad")}
_TELL = {
    "QUIESCE": ("nothing in flight, writes refused", "writes are refused"),
    "JOIN": ("members of one database", "one database"),
    "COMPARE": ("the same on every member", "the same everywhere"),
    "FENCE": ("the seed's services are silent", "the seed is silent"),
    "COMMIT": ("the VIP moves, a write passes", "the VIP moves"),
    "OWN": ("its own Heat updates its stack", "its own Heat runs"),
    "REHEARSE": ("it works alone, the seed is mute", "alone, seed mute"),
    "RECEIPT": ("signed, on every node", "signed"),
}
"""What each phase is for; shorter where there is less room."""
_ROOMY = 60


def phase_rows(state: State, now: float, width: int) -> list[Line]:
    """The phases in their order: mark, bar, time, what it saw or is for."""
    extra = [name for name in state.phases if name not in HANDOFF_PHASES]
    return [_phase_row(state, name, now, width) for name in (*HANDOFF_PHASES, *extra)]


def _phase_row(state: State, name: str, now: float, width: int) -> Line:
    phase, step = state.phases.get(name), state.step(f"handoff-{name.lower()}") or state.step(name.lower())
    mark, style = _MARKS["done"] if step is not None and step.state == "done" else ("·", "dim")
    if phase is not None and (style == "dim" or phase.state in ("failed", "undone")):
        mark, style = _MARKS.get(phase.state, ("·", "dim"))
    share, took, detail = _phase_words(name, phase, step, now, brief=width < _ROOMY)
    wide = 20 if width >= _ROOMY + 10 else 0
    spans: list[Span] = [(f" {mark} ", style), (f"{name:<9} ", "strong" if style == "busy" else style)]
    if wide:
        spans += [*thin_bar(share, wide, "busy" if style == "dim" else style), (" ", "")]
    room = width - sum(len(text) for text, _ in spans) - 8
    return [*spans, (f"{took:>6}  ", "dim"), (fit(detail, max(1, room)).rstrip(), "dim" if style == "dim" else "")]


def _phase_words(
    name: str, phase: PhaseView | None, step: StepView | None, now: float, *, brief: bool
) -> tuple[float, str, str]:
    """How much of a phase is over, how long it took, takes or usually takes, and what it saw or is for."""
    usual = step.usual_seconds if step is not None else 0.0
    means = _TELL.get(name, ("", ""))[brief]
    said = "" if brief or phase is None else phase.detail
    if (step is not None and step.state == "done") or (phase is not None and phase.state == "done"):
        return 1.0, _minutes(_took(phase, step.seconds if step is not None else None)), said or means
    if phase is None:
        return 0.0, f"~{_minutes(usual)}" if usual else "", means
    if phase.state == "started":
        gone = max(0.0, now - (phase.began or phase.since))
        told = said or means
        return (
            (min(0.97, gone / usual) if usual else 0.5),
            _minutes(gone),
            f"of ~{_minutes(usual)}  {told}" if usual else told,
        )
    return 0.0, clock(phase.time), f"{phase.state} {phase.detail}".strip()


def _took(phase: PhaseView | None, seconds: float | None) -> float:
    if phase is not None and phase.began and phase.time > phase.began:
        return phase.time - phase.began
    return seconds or 0.0


def _minutes(seconds: float) -> str:
    whole = max(0, int(seconds + 0.5))
    return f"{whole // 60}:{whole % 60:02d}" if whole < 3600 else duration(seconds)


def write_pause(state: State, now: float) -> tuple[str, str]:
    """Whether writes pass, are refused (counted down where the engine says for how long at most), or were; with a style."""
    final, since, limit = (state.facts.get(one) for one in ("handoff_write_pause_seconds", HELD, LIMIT))
    if final is not None:
        return f"paused for {final} s, over", "good"
    quiesce = state.phases.get("QUIESCE")
    if since is None and HELD not in state.facts and quiesce is not None and quiesce.state == "done":
        since = quiesce.time if moved(state).begun else None
    if not isinstance(since, int | float):
        return ("pass", "") if HELD in state.facts or state.phases else ("pass; not paused yet", "dim")
    gone = max(0.0, now - since)
    if isinstance(limit, int | float) and moved(state).commit == "ahead":
        return (
            f"refused for {gone:.0f} s; pass again in {max(0.0, limit - gone):.0f} s unless COMMIT is reached",
            "busy",
        )
    return f"refused for {_minutes(gone)} so far, with an answer", "busy"


def evidence_rows(state: State, now: float, width: int) -> list[Line]:
    """What was proved, in figures, with the API's gap as it was heard."""
    rows = [_proof(state, *one, width) for one in _PROOFS]
    changed, reboots = state.facts.get("ids_changed"), state.facts.get("node_reboots")
    rows.append(
        [(f" {'ids':<8} ", "strong"), (f"{'-' if changed is None else changed} changed   reboots {'-' if reboots is None else reboots}",
                                      "dim" if changed is None else "good" if not changed and not reboots else "bad")]
    )  # fmt: skip
    words, style = write_pause(state, now)
    rows.append([(f" {'writes':<8} ", "strong"), (fit(words, max(1, width - 10)).rstrip(), style)])
    longest, gap = state.facts.get("api_gap_longest_seconds"), state.facts.get("api_gap_now_seconds")
    final = state.facts.get("handoff_longest_gap_seconds")
    told = f"now {gap} s   max {longest} s" if gap is not None else "not measured yet"
    if final is not None:
        told = f"max {final} s, 5 polls a second, over"
    rows.append(
        [(f" {'API gap':<8} ", "strong"), (fit(told, max(1, width - 10)).rstrip(), "dim" if gap is None else "good")]
    )
    heard = [value for _, value in state.gaps]
    if heard:
        rows.append([(" " * 10, ""), trace(heard, max(1, min(60, width - 11)), max(_GAP_TOP, *heard))])
    return rows


_PROOFS = (
    ("tables", "tables_compared", "same rows", "COMPARE"),
    ("images", "images_compared", "same SHA-512", "COMPARE"),
    ("secrets", "secrets_proven", "decrypted", "COMPARE"),
)


def _proof(state: State, head: str, fact: str, means: str, phase: str, width: int) -> Line:
    count = first_of(state.facts.get(fact))
    seen = state.phases.get(phase)
    if not count and seen is not None and seen.state == "done":
        return [(f" {head:<8} ", "strong"), (fit(f"✔ {means}", max(1, width - 10)).rstrip(), "good")]
    wide = max(0, min(20, width - 10 - 14 - len(means)))
    told = f"{count:>4}/{count:<4} " if count else "   -      "
    bars = thin_bar(1.0 if count else 0.0, wide, "good") if wide > 3 else ()
    tail = fit(f" {means}", max(0, width - 10 - len(told) - (wide if bars else 0))).rstrip()
    return [(f" {head:<8} ", "strong"), (told, "good" if count else "dim"), *bars, (tail, "good" if count else "dim")]


def duty_lines(view: View, width: int) -> list[Line]:
    """What somebody has to do now, mostly nothing, and what a failure would do."""
    first, second = _duty(view)
    return [
        [(" What you do: ", "strong"), (fit(first, max(1, width - 14)).rstrip(), "")],
        [(" " + fit(second, max(1, width - 1)).rstrip(), "dim")],
    ]


def _duty(view: View) -> tuple[str, str]:
    state, at = view.state, moved(view.state)
    if view.receipt is not None and view.receipt.open:
        count = len(view.receipt.open)
        doubts = "1 doubt waits" if count == 1 else f"{count} doubts wait"
        return (
            f"{doubts} for your word: c, then y and the doubt's name.",
            "Nothing is lost meanwhile; the laptop stays where it is until then.",
        )
    if view.receipt is not None and view.receipt.may_leave:
        return "c shows the receipt and what is left to do before the laptop goes.", "The undercloud owns the rack."
    if state.failure is not None and not view.running and at.commit != "ahead":
        return (
            "cure what stands above, then press r: it resumes where it stopped.",
            "There is no way back any more; mains and cable stay in.",
        )
    if state.failure is not None and not view.running:
        return (
            "cure what stands above, then press r. The seed serves as before.",
            "Nothing was handed over. z undoes what is left of it, if anything is.",
        )
    if not view.running and at.begun:
        return "press r: no engine is running.", "It looks at what is there and resumes."
    if at.commit != "ahead":
        return (
            "nothing. Mains and cable stay in until the light is green.",
            "If a phase stops, its cause stands here; r resumes. Never restore a host snapshot now.",
        )
    if at.begun:
        return (
            "nothing. A failure now goes back by itself: the seed serves on.",
            "z undoes it by hand. The line in the middle is crossed once, at COMMIT.",
        )
    return (
        "nothing yet. The hand-off begins once the controllers have joined.",
        "Until COMMIT every failure goes back by itself; after it, forward.",
    )
