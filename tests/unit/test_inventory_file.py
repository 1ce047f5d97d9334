"""An inventory that is damaged: what is wrong is said in words with its place, and the file stays as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.machines import inventory


def of(**machine: object) -> bytes:
    return json.dumps({"ranges": [], "machines": [{"bmc": "192.0.2.1"}, {"bmc": "192.0.2.2"} | machine]}).encode()


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "it is empty"),
        (b'{"ranges": [],\n"machines": [', "line 2, column 14: no JSON"),
        (b'{"ranges":\n\n["\xe9"]}', "line 3: the byte 0xe9 is not UTF-8"),
        (b"[]", "it has no list of ranges"),
        (b'{"ranges": [], "machines": {}}', "it has no list of machines"),
        (of(bmc=None), "machine 2 in it has no bmc"),
        (of(bmc=7), "machine 2 in it has no bmc"),
        (of(newer=1), "machine 192.0.2.2: unknown key newer"),
        (of(macs=None), "machine 192.0.2.2: its macs are not what this version writes"),
        (of(findings=[{"name": "a"}]), "machine 192.0.2.2: its findings are not what this version writes"),
        (of(facts=["a"]), "machine 192.0.2.2: its facts are not what this version writes"),
    ],
)
def test_a_damaged_inventory_is_refused_with_its_place(tmp_path: Path, raw: bytes, why: str) -> None:
    (tmp_path / inventory.FILE).write_bytes(raw)
    with pytest.raises(SeedvmError, match="cannot be read") as refused:
        inventory.change(tmp_path, "192.0.2.1", power="on")
    assert refused.value.why.startswith(why) and "move the file away" in refused.value.hint
    assert (tmp_path / inventory.FILE).read_bytes() == raw
