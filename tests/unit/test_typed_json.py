"""Types from JSON and back: what fits comes back as it was, what does not fit is named with its place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.base.typed_json import decode, encode


class Row(NamedTuple):
    name: str
    count: int


@dataclass(frozen=True)
class Inner:
    state: Literal["on", "off"]
    seconds: float = 0.0


@dataclass(frozen=True)
class Outer:
    rows: tuple[Row, ...]
    inner: Mapping[str, Inner]
    spare: Inner | None
    note: str | None = None
    names: tuple[str, ...] = field(default_factory=tuple)


WHOLE = Outer((Row("a", 1), Row("b", 2)), {"x": Inner("on", 1.5)}, None, names=("n",))


def test_what_was_written_is_read_as_it_was() -> None:
    text = json.dumps(encode(WHOLE))
    assert json.loads(text)["rows"] == [["a", 1], ["b", 2]]
    assert decode(Outer, json.loads(text), "it") == WHOLE


def test_none_is_left_out_only_where_it_is_the_default() -> None:
    tree = encode(WHOLE)
    assert "note" not in tree
    assert tree["spare"] is None


def test_a_key_that_the_type_does_not_name_is_ignored_and_a_whole_number_is_a_float() -> None:
    assert decode(Inner, {"state": "off", "seconds": 2, "new": []}, "it") == Inner("off", 2.0)


@pytest.mark.parametrize(
    ("tree", "why"),
    [
        ([], "it is not an object"),
        ({"inner": {}, "spare": None}, "rows is missing"),
        ({"rows": [["a"]], "inner": {}, "spare": None}, "rows[0] has 1 values, not 2"),
        ({"rows": [["a", "1"]], "inner": {}, "spare": None}, "rows[0].count is str, not int"),
        ({"rows": [["a", True]], "inner": {}, "spare": None}, "rows[0].count is bool, not int"),
        ({"rows": [], "inner": {"x": {"state": "up"}}, "spare": None}, "inner.x.state is 'up', not one of on, off"),
        ({"rows": {}, "inner": {}, "spare": None}, "rows is not an array"),
        ({"rows": [], "inner": {}, "spare": 7}, "spare is not an object"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(tree: Any, why: str) -> None:
    with pytest.raises(SeedvmError, match="the answer has an unexpected format") as refused:
        decode(Outer, tree, "the answer")
    assert refused.value.why == why


def test_a_secret_is_read_and_not_written_by_accident() -> None:
    assert decode(Secret, "word", "it") == Secret("word")
    with pytest.raises(TypeError):
        encode({"password": Secret("word")})
    assert encode({"password": Secret("word")}, reveal=True) == {"password": "word"}
