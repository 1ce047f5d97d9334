"""The seed's network files: a VLAN on a trunk, link-local addresses where BMCs have nothing else, and what is ours to remove."""

from __future__ import annotations

from seedvm.controller import networkd
from seedvm.site.load import parse_site
from seedvm.site.model import Site


def test_a_plain_site_has_a_file_per_interface(site: Site) -> None:
    made = networkd.files(site)
    assert set(made) == {"05-seedvm-eth0.network", "05-seedvm-eth1.network"}
    assert all("LinkLocalAddressing=no" in text for text in made.values())


def test_a_vlan_is_made_on_its_trunk(site_text: str) -> None:
    site = parse_site(site_text.replace("bmc_address", "bmc_vlan: 123, bmc_address"))
    made = networkd.files(site)
    assert "Kind=vlan" in made["05-seedvm-eth1.123.netdev"]
    assert "Id=123" in made["05-seedvm-eth1.123.netdev"]
    assert "VLAN=eth1.123" in made["05-seedvm-eth1.network"]
    assert "172.22.1.10/24" in made["05-seedvm-eth1.123.network"]
    assert "Address" not in made["05-seedvm-eth1.network"].replace("LinkLocalAddressing", "")


def test_a_trunk_that_is_the_provisioning_wire_keeps_its_address(site_text: str) -> None:
    text = site_text.replace("bmc_interface: eth1, bmc_address", "bmc_interface: eth0, bmc_vlan: 7, bmc_address")
    made = networkd.files(parse_site(text))
    assert {"VLAN=eth0.7", "Address=172.22.0.10/24"} <= set(made["05-seedvm-eth0.network"].splitlines())


def test_what_the_site_no_longer_names_is_ours_to_remove_and_nothing_else(site: Site) -> None:
    there = ["05-seedvm-eth1.123.netdev", "05-seedvm-eth0.network", "10-lan.network", "eth1.9.netdev"]
    assert networkd.stale(there, networkd.files(site)) == ("05-seedvm-eth1.123.netdev",)
    assert networkd.made_by("05-seedvm-eth1.123.netdev") == "eth1.123"


def test_link_local_is_on_where_bmcs_have_nothing_else(site_text: str) -> None:
    site = parse_site(site_text.replace("ranges:", "link_local: [eth1]\n  ranges:"))
    made = networkd.files(site)
    assert "LinkLocalAddressing=ipv6" in made["05-seedvm-eth1.network"]
    assert "LinkLocalAddressing=no" in made["05-seedvm-eth0.network"]
