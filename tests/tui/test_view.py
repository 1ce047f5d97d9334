"""Words about a State, and the light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from seedvm.base.rows import Line
from seedvm.engine.codec import decode
from seedvm.engine.reducer import fold
from seedvm.engine.state import PhaseView, State, StepView
from seedvm.site.review import parse_review
from tests.tui.helpers import EXAMPLE
from tui.state.files import parse_receipt
from tui.state.machines import machines_of
from tui.state.watcher import View
from tui.text.ascii import PlainFilter, ascii_text, wants_ascii, wants_lines
from tui.text.dashboard import STAGES, TENANTS_STAGES, stage_lines
from tui.text.format import duration, fit, middle, text_bar
from tui.text.handoff import evidence_rows, phase_rows
from tui.text.handoff_picture import picture
from tui.text.lanes import lane_lines, needy
from tui.text.progress import light, overall_line, step_lines
from tui.text.rack import rack_lines

EVENTS = [decode(line) for line in (EXAMPLE / "journal.jsonl").read_text().splitlines()]
WHOLE = fold(State(), EVENTS)
REVIEW = parse_review((EXAMPLE / "review.json").read_text())


def test_light_is_no_until_the_receipt_says_yes_at_every_event() -> None:
    state = State()
    for event in EVENTS:
        state = fold(state, [event])
        assert light(state, None)[1].startswith("SAFE TO LEAVE: NO, because ")
    assert light(WHOLE, parse_receipt('{"may_leave": false, "why": "a key differs"}', doubt="")) == (
        False,
        "SAFE TO LEAVE: NO, because a key differs",
    )
    safe, words = light(WHOLE, parse_receipt('{"may_leave": true, "time": "noon"}', doubt=""))
    assert safe and words == "SAFE TO LEAVE: YES, since noon"


def test_light_is_no_while_the_seed_is_a_member_of_the_cluster() -> None:
    receipt = parse_receipt('{"may_leave": true, "time": "noon"}', doubt="")
    leave = StepView("leave-cluster", "Remove the seed from the cluster", "leave", 15)
    state = replace(WHOLE, steps=(*WHOLE.steps, leave))
    because = "the seed is still a member of the database cluster; it leaves next"
    assert light(state, receipt) == (False, f"SAFE TO LEAVE: NO, because {because}")
    state = replace(WHOLE, steps=(*WHOLE.steps, replace(leave, state="done")))
    assert light(state, receipt) == (True, "SAFE TO LEAVE: YES, since noon")


def test_light_stays_no_after_commit() -> None:
    state = replace(WHOLE, phases={"COMMIT": PhaseView("COMMIT", "done", 0.0)})
    assert light(state, None) == (
        False,
        "SAFE TO LEAVE: NO, because the undercloud has not yet worked without the seed",
    )


VIEW = View(state=WHOLE, review=REVIEW)


def texts(lines: Sequence[Line]) -> list[str]:
    return ["".join(text for text, _ in line) for line in lines]


def test_a_machine_with_a_name_has_one_lane() -> None:
    words = texts(lane_lines(machines_of(VIEW), WHOLE, WHOLE.last, 80))
    assert len(words) == 6 and sum("undercloud-0" in line for line in words) == 1


def test_a_stalled_machine_needs_attention_by_the_mark_of_this_and_of_earlier_versions() -> None:
    node = WHOLE.nodes["example-undercloud-0"]
    told = {"now": ", STALLED for 9 s", "earlier": ", STANDS STILL for 9 s", "fine": ""}
    nodes = {name: replace(node, node=name, detail=f"5 of 9 MiB{more}") for name, more in told.items()}
    view = View(state=replace(WHOLE, nodes=nodes))
    assert needy(machines_of(view)) == ["now", "earlier"] or needy(machines_of(view)) == ["earlier", "now"]


def test_a_machine_at_the_end_of_its_way_has_nothing_left_to_do() -> None:
    controller, tenant = (
        ["".join(span[0] for span in line) for line in stage_lines(WHOLE.nodes[name], WHOLE.last, 80)]
        for name in ("example-undercloud-0", "example-spare-0")
    )
    assert all(line.startswith("[x] ") for line in (*controller, *tenant))
    assert [line.split()[1] for line in controller] == list(STAGES)
    assert [line.split()[1] for line in tenant] == list(TENANTS_STAGES)


def test_every_line_fits_its_width() -> None:
    for width in (28, 47, 80, 140):
        for lines in (
            step_lines(WHOLE, WHOLE.last, width),
            lane_lines(machines_of(VIEW), WHOLE, WHOLE.last, max(60, width)),
            rack_lines(machines_of(VIEW), "", width),
            [overall_line(WHOLE, WHOLE.last, max(47, width))],
            phase_rows(WHOLE, WHOLE.last, max(60, width)),
            evidence_rows(WHOLE, WHOLE.last, width),
            picture(View(WHOLE), width),
        ):
            assert all(sum(len(span[0]) for span in line) <= max(60, width) for line in lines)


def test_words() -> None:
    assert [duration(s) for s in (None, 0, 59.4, 59.6, 3599, 3600)] == ["-", "0 s", "59 s", "1:00", "59:59", "1:00:00"]
    assert text_bar(0.5, 12) == "[#####.....]" and text_bar(7, 4) == "[##]" and text_bar(-1, 4) == "[..]"
    assert middle("the disk of m4 is not what it was", 20) == "the disk of ~ it was"
    assert fit("abc", 5) == "abc  " and fit("abcdef", 4) == "abc~"
    assert fit("a\x1b[2Jb\n", 8) == "ab      ", "an escape sequence goes as a whole"
    assert fit("漢字", 5) == "漢字 " and fit("漢字", 3) == "漢~" and fit("漢字", 2) == "~ ", "wide characters take two"


def test_console_terminals_and_locales_without_utf8_get_ascii() -> None:
    assert not wants_ascii({"TERM": "xterm-256color", "LANG": "de_DE.UTF-8"})
    for env in ({"TERM": "linux", "LANG": "C.UTF-8"}, {"TERM": "vt220", "LANG": "C.UTF-8"}, {"TERM": "xterm"},
                {"TERM": "xterm", "LANG": "C.UTF-8", "LC_ALL": "C"}, {}):  # fmt: skip
        assert wants_ascii(env)
    assert wants_lines({"TERM": "dumb"}) and not wants_lines({"TERM": "vt100"})


def test_ascii_text_keeps_its_width() -> None:
    assert ascii_text("─│█▁✓…") == "-|##x~"[:3] + "-x~"
    assert ascii_text("é漢") == "???"


def test_filters_are_told_apart_by_what_they_do() -> None:
    assert PlainFilter(True).ascii_only and not PlainFilter(False).ascii_only
