"""What the packet filter of the rack's switch is told: a rule for each side of each fault, and nothing for none."""

from __future__ import annotations

import re

from seedvm.rack.sandbox.switch_faults import Split, table


def rules(text: str, chain: str) -> list[str]:
    body = re.search(rf"chain {chain} \{{(.*?)\n\}}", text, re.DOTALL)
    assert body is not None, text
    return [line for line in body[1].strip().splitlines() if line and not line.startswith("type ")]


def test_without_faults_there_is_no_table() -> None:
    assert table([], []) == "table bridge seedvm_faults\ndelete table bridge seedvm_faults\n"


def test_a_cut_port_neither_sends_nor_gets() -> None:
    text = table(["va", "vb"], [])
    assert rules(text, "prerouting") == ["iifname { va, vb } drop"]
    assert rules(text, "postrouting") == ["oifname { va, vb } drop"]
    assert rules(text, "forward") == []


def test_a_partition_is_kept_in_both_directions_and_from_the_router() -> None:
    text = table([], [Split(("va",), ("vb", "vc"))])
    assert rules(text, "forward") == [
        "iifname { va } oifname { vb, vc } drop",
        "iifname { vb, vc } oifname { va } drop",
    ]
    assert rules(text, "input") == ["iifname { va } drop"]
    assert rules(text, "output") == ["oifname { va } drop"]
    assert rules(text, "prerouting") == []


def test_the_router_can_be_on_the_first_side_or_on_none() -> None:
    first = table([], [Split(("va",), ("vb",), router="first")])
    assert rules(first, "input") == ["iifname { vb } drop"]
    neither = table([], [Split(("va",), ("vb",), router="neither")])
    assert rules(neither, "input") == rules(neither, "output") == []


def test_a_partition_from_the_router_alone_has_no_rule_between_ports() -> None:
    text = table([], [Split(("va",), (), router="second")])
    assert rules(text, "forward") == []
    assert rules(text, "input") == ["iifname { va } drop"]
