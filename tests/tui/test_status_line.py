"""The state in one sentence: one line, whatever an API put into the reason of a failure."""

from __future__ import annotations

import pytest

from seedvm.engine.state import Failure, State
from seedvm.foreign.text import is_clean
from tests.datacenter.paint import PAINT
from tui.text.progress import status_line


@pytest.mark.parametrize("why", ["one\ntwo", "one\r\n\r\n  two", f"one{PAINT}two", "one\u2028two", "x" * 5000])
def test_a_reason_of_several_lines_is_one_line_on_the_first_page(why: str) -> None:
    said = status_line(State(failure=Failure("register", "failed", "it failed", why=why)), False)
    assert said.startswith("Stopped at step register: ") and is_clean(said) and len(said) < 440
