"""Foreign text for people and for comparison: what is shown moves nothing on a terminal, what is compared is never cut."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seedvm.foreign.text import cells, exact, fitted, is_clean, printable, shown, shown_bytes


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        ("  two\r\n lines\t", "two lines"),
        ("\x1b[2J\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://192.0.2.9\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b2Jc1", "c1"),
        ("a\x08b\x7fc", "a b c"),
        ("user\u202etxt.exe", "usertxt.exe"),
        ("a\u2066b\u2069c\u200bd\ufeff", "abcd"),
        ("line\u2028separator", "line separator"),
        ("\ud800lone", "lone"),
        ("Zürich 東京", "Zürich 東京"),
        (None, ""),
        (7, "7"),
    ],
)
def test_what_is_shown_is_one_line_that_moves_nothing(text: object, line: str) -> None:
    assert shown(text) == line


@given(st.text(), st.integers(min_value=3, max_value=80))
def test_no_text_brings_a_control_to_the_screen(text: str, most: int) -> None:
    line = shown(text, most)
    assert len(line) <= most
    assert is_clean(line)
    assert all(unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in line)


def test_a_cut_is_seen() -> None:
    assert shown("x" * 300) == "x" * 197 + "..."
    assert shown("\x1b[31m" * 10_000, 20) == "..."


def test_marks_do_not_pile_up() -> None:
    assert len(shown("a" + "\u0301" * 100)) <= 6


def test_bytes_end_at_their_nul() -> None:
    assert shown_bytes(b"name\0\0rest") == "name"
    assert shown_bytes(b"\xff") == "\ufffd"
    assert shown_bytes(None) == ""


def test_what_is_compared_is_never_cut() -> None:
    wwn = "nvme.1987-3241313430373935304644453030313434343430-53504343204d2e32205043496520535344-00000001"
    assert exact(wwn) == wwn
    assert exact("x" * 5000) == ""
    assert exact("a\x1bb") == ""
    assert exact(" S1\0\0") == "S1"
    assert exact(5) == ""


@given(st.text() | st.text("\x1b[]0;mP^_\x07\x9b\u202e\u2028 ab\n"))
def test_a_finished_line_keeps_its_columns_and_nothing_that_acts(text: str) -> None:
    line = printable(text)
    assert is_clean(line) and "\n" not in line
    assert printable(line) == line
    assert printable(f"  {'a':<9} b") == "  a         b"


@given(st.text(), st.integers(1, 40))
def test_a_cell_has_exactly_its_width_on_a_terminal(text: str, width: int) -> None:
    assert cells(fitted(text, width)) == width


@pytest.mark.parametrize(
    ("text", "width", "wanted"),
    [("abc", 5, "abc  "), ("abcdef", 4, "abc~"), ("\u6f22\u5b57\u6f22", 4, "\u6f22~ "), ("e\u0301", 2, "e\u0301 ")],
)
def test_wide_characters_take_two_columns_and_marks_none(text: str, width: int, wanted: str) -> None:
    assert fitted(text, width) == wanted
