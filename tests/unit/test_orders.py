"""Orders for one node: what is written, what is refused, and that at least three are never left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.cli import main
from seedvm.site import orders
from seedvm.site.load import parse_site
from seedvm.site.review import parse_review

SPARE = orders.Spare("172.22.1.24", "EX0024", "/dev/sda", "QM00024")


def site(count: int = 5, without: str = "") -> str:
    nodes = ", ".join(f"172.22.0.{11 + number}" for number in range(count))
    return f"""\
site: demo
seed: {{interface: eth0, address: 172.22.0.10}}
provisioning:
  cidr: 172.22.0.0/24
  gateway: 172.22.0.1
  vip: 172.22.0.5
  undercloud: [{nodes}]
  instances: 172.22.0.50-172.22.0.99
  boot: 172.22.0.100-172.22.0.199
bmc: {{ranges: [172.22.1.21-172.22.1.26]}}
undercloud: {{rehearse_on_spare: true{without}}}
"""


def machine(bmc: str, role: str, **more: Any) -> dict[str, Any]:
    disk = {"name": "/dev/sda", "serial": "QM00024", "size_gib": 20, "wipe": True, "holds": "empty"}
    return {
        "bmc": bmc,
        "name": bmc,
        "role": role,
        "serial": "EX0024",
        "verdict": "fit",
        "disks": [disk],
        "why": "",
    } | more


def test_an_order_is_read_as_it_was_given_and_goes_when_it_is_done(tmp_path: Path) -> None:
    given = orders.replace("demo", "demo-undercloud-1", SPARE, "demo")
    orders.give(tmp_path, given)
    orders.give(tmp_path, orders.retry("demo", "demo-undercloud-0"))
    assert [one.node for one in orders.pending(tmp_path, "demo")] == ["demo-undercloud-0", "demo-undercloud-1"]
    assert orders.pending(tmp_path, "demo")[1] == given
    assert orders.pending(tmp_path, "other") == ()
    orders.done(tmp_path, given)
    assert [one.do for one in orders.pending(tmp_path, "demo")] == ["retry"]


def test_the_last_order_for_a_node_counts(tmp_path: Path) -> None:
    orders.give(tmp_path, orders.replace("demo", "demo-undercloud-1", SPARE, "demo"))
    orders.give(tmp_path, orders.retry("demo", "demo-undercloud-1"))
    assert [one.do for one in orders.pending(tmp_path, "demo")] == ["retry"]


def test_one_spare_takes_one_place(tmp_path: Path) -> None:
    orders.give(tmp_path, orders.replace("demo", "demo-undercloud-1", SPARE, "demo"))
    orders.give(tmp_path, orders.replace("demo", "demo-undercloud-1", SPARE, "demo"))
    with pytest.raises(SeedvmError, match="Not ordered") as refused:
        orders.give(tmp_path, orders.replace("demo", "demo-undercloud-2", SPARE, "demo"))
    assert refused.value.why == "172.22.1.24 is already chosen to replace demo-undercloud-1"
    assert [one.node for one in orders.pending(tmp_path, "demo")] == ["demo-undercloud-1"]


@pytest.mark.parametrize("typed", ["", "Demo", "demo ", "yes"])
def test_a_spare_is_wiped_only_for_the_sites_name(typed: str) -> None:
    with pytest.raises(SeedvmError, match="Not ordered"):
        orders.replace("demo", "demo-undercloud-1", SPARE, typed)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"do": "drop"}', '{"node": "a", "do": "replace", "site": "demo", "time": ""}']
)
def test_a_file_that_is_no_order_is_refused_by_its_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders" / "bad.json").write_text(text)
    with pytest.raises(SeedvmError, match=r"bad\.json is not an order"):
        orders.pending(tmp_path, "demo")


def test_spares_are_fit_and_free_and_their_disk_is_known() -> None:
    unknown = [{"name": "/dev/sda", "serial": "", "size_gib": 20, "wipe": True, "holds": "empty"}]
    two = [{"name": name, "serial": name, "size_gib": 20, "wipe": False, "holds": "empty"} for name in ("sda", "sdb")]
    tree = {
        "site": "demo",
        "machines": [
            machine("172.22.1.21", "undercloud"),
            machine("172.22.1.22", "spare", verdict="unfit"),
            machine("172.22.1.23", "spare", disks=unknown),
            machine("172.22.1.25", "spare", disks=two),
            machine("172.22.1.24", "spare"),
        ],
    }
    review = parse_review(json.dumps(tree))
    assert orders.spares(review) == (SPARE,)
    assert orders.spares(review, taken=["172.22.1.24"]) == ()


def test_a_dropped_node_leaves_everybody_elses_place_and_name() -> None:
    dropped = parse_site(orders.without(site(), "demo-undercloud-1", "demo"))
    assert [(one.index, one.name) for one in dropped.controllers] == [
        (0, "demo-undercloud-0"), (2, "demo-undercloud-2"), (3, "demo-undercloud-3"), (4, "demo-undercloud-4"),
    ]  # fmt: skip


def test_three_are_the_least_that_is_left() -> None:
    once = orders.without(site(), "demo-undercloud-1", "demo")
    twice = orders.without(once, "demo-undercloud-4", "demo")
    assert len(parse_site(twice).controllers) == 3
    with pytest.raises(SeedvmError, match="cannot be dropped") as refused:
        orders.without(twice, "demo-undercloud-0", "demo")
    assert "2 controllers would be left" in refused.value.why
    with pytest.raises(SeedvmError, match="cannot be dropped"):
        orders.without(site(3), "demo-undercloud-0", "demo")


def test_a_site_that_leaves_too_few_is_refused_by_the_line() -> None:
    for text in (site(3, ", without: [172.22.0.12]"), site(5, ", without: [172.22.0.99]")):
        with pytest.raises(SeedvmError) as refused:
            parse_site(text)
        assert "undercloud.without" in refused.value.why


def test_the_command_line_names_machine_and_disk_and_wants_the_sites_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "site.yaml").write_text(site(3))
    review = '{"site": "demo", "machines": [{"bmc": "172.22.1.24", "name": "s", "role": "spare", "serial": "EX0024", "verdict": "fit", '
    review += '"disks": [{"name": "/dev/sda", "serial": "QM00024", "size_gib": 20, "wipe": true, "holds": "empty"}]}]}'
    (tmp_path / "review.json").write_text(review)
    words = ["--state-dir", str(tmp_path), "node"]
    assert main([*words, "replace", "demo-undercloud-1"]) == 1
    said = capsys.readouterr().err
    assert "172.22.1.24" in said and "/dev/sda" in said and "QM00024" in said and "--yes-wipe demo" in said
    assert orders.pending(tmp_path, "demo") == ()
    assert main([*words, "replace", "demo-undercloud-1", "--yes-wipe", "demo"]) == 0
    assert orders.pending(tmp_path, "demo")[0].spare == SPARE
    assert main([*words, "drop", "demo-undercloud-1", "--yes-drop", "demo"]) == 1
    assert "at least three" in capsys.readouterr().err
    assert main([*words, "retry", "nobody"]) == 1
    assert "demo-undercloud-0" in capsys.readouterr().err
    assert main([*words, "retry", "demo-undercloud-1"]) == 0
    assert orders.pending(tmp_path, "demo")[0].do == "retry"
