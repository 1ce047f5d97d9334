"""The questions that make a site.yaml."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

from seedvm.base.nics import nics
from seedvm.site.load import parse_site
from tests.tui.helpers import SITE
from tui.backend.site_form import FIELDS, defaults, from_text, problems, propose, roles_of, to_text, with_roles


def filled() -> dict[str, str]:
    values = propose({**defaults(), "site": "cellar", "provisioning.cidr": "10.20.0.0/24"})
    return {**values, "bmc.ranges": "10.20.1.21-10.20.1.60, 10.20.1.70"}


def test_a_name_a_network_and_ranges_make_a_right_site() -> None:
    site = parse_site(to_text(filled()))
    assert site.name == "cellar" and site.provisioning.vip == IPv4Address("10.20.0.5") and len(site.bmc.ranges) == 2


def test_a_site_goes_through_the_form_unchanged() -> None:
    assert parse_site(to_text(from_text(SITE), SITE)) == parse_site(SITE)


def test_what_is_wrong_is_told_at_its_field() -> None:
    wrong = problems(
        to_text({**filled(), "provisioning.vip": "10.20.0.11", "bmc.ranges": "x", "undercloud.needs.cpus": "many"})
    )
    assert {"bmc.ranges", "undercloud.needs.cpus"} <= set(wrong)
    assert "provisioning.undercloud" in problems(to_text({**filled(), "provisioning.vip": "10.20.0.11"}))


def test_every_field_survives_rubbish() -> None:
    for field in FIELDS:
        for rubbish in (
            "\x1b[2J",
            "{",
            "- a: [",
            "x" * 10_000,
            "${HOME}",
            "\u202e",
            ": :",
            "&a *a",
            "!!python/object:os.system",
        ):
            assert (
                problems(to_text({**filled(), field.key: rubbish}))
                or field.kind == "yes"
                or from_text(rubbish) is not None
            )
    assert from_text("{[") == defaults() and from_text("- 1") == defaults()


def test_proposals_leave_what_was_entered() -> None:
    assert (
        propose({"provisioning.cidr": "10.0.0.0/24", "provisioning.vip": "10.0.0.200"})["provisioning.vip"]
        == "10.0.0.200"
    )
    assert propose({"provisioning.cidr": "10.0.0.0/28"}) == {"provisioning.cidr": "10.0.0.0/28"}
    assert propose({"provisioning.cidr": "nonsense"}) == {"provisioning.cidr": "nonsense"}


def test_roles_are_set_and_taken_out_and_leave_the_mac() -> None:
    text = with_roles(SITE, {"172.22.1.21": "exclude", "172.22.1.24": ""})
    assert roles_of(text) == {"172.22.1.21": "exclude"} and parse_site(text).machine("172.22.1.21").role == "exclude"
    mac = with_roles("machines: [{bmc: 1.2.3.4, mac: '52:54:00:00:00:01', role: spare}]", {"1.2.3.4": ""})
    assert roles_of(mac) == {"1.2.3.4": ""} and "52:54" in mac
    assert "machines" not in with_roles(with_roles(SITE, {"172.22.1.24": ""}), {"172.22.1.21": ""})


def test_nics_are_read_from_the_kernel(tmp_path: Path) -> None:
    assert all(nic.name != "lo" and nic.mac for nic in nics())
    assert nics(tmp_path / "none") == ()
    (tmp_path / "eth7").mkdir()
    for name, text in (("address", "52:54:00:00:00:01"), ("carrier", "1"), ("speed", "10000")):
        (tmp_path / "eth7" / name).write_text(text + "\n")
    assert str(nics(tmp_path)[0]) == "eth7 link 10000 Mb/s no address"
