"""The site file is refused whole, by name and line, or read whole."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, ip_address
from pathlib import Path

import pytest

from seedvm.base.errors import InvalidFile, SeedvmError
from seedvm.site.load import load_site, parse_site
from seedvm.site.model import AddressRange, Site


def problems(text: str) -> list[str]:
    with pytest.raises(InvalidFile) as refused:
        parse_site(text)
    return [str(problem) for problem in refused.value.problems]


def test_the_site_of_the_documentation_is_read(site: Site) -> None:
    assert site.name == "demo"
    assert site.seed.bmc_address == IPv4Interface("172.22.1.10/24")
    assert site.provisioning.undercloud[2] == IPv4Address("172.22.0.13")
    assert len(site.provisioning.instances) == 50
    assert site.undercloud.needs.memory_mib == 3000
    assert site.machine("172.22.1.24").role == "spare"
    assert site.machine("172.22.1.21").role is None


def test_what_may_be_left_out_has_sensible_values(site_text: str) -> None:
    short = site_text[: site_text.index("undercloud:\n")].replace("  learn_mac_by_power_on: true\n", "")
    site = parse_site(short)
    assert not site.bmc.learn_mac_by_power_on
    assert site.undercloud.rehearse_on_spare
    assert site.machines == ()


def test_old_tls_is_allowed_by_address_and_by_default_nowhere(site_text: str) -> None:
    assert ip_address("172.22.1.21") not in parse_site(site_text).bmc.allow_old_tls
    one = site_text.replace("bmc:\n", "bmc:\n  allow_old_tls: [172.22.1.24, 172.22.1.21-172.22.1.22]\n")
    allowed = parse_site(one).bmc.allow_old_tls
    assert [last for last in range(20, 30) if ip_address(f"172.22.1.{last}") in allowed] == [21, 22, 24]
    wire = site_text.replace("bmc:\n", "bmc:\n  link_local: [eth1]\n  allow_old_tls: [fe80::1%eth1]\n")
    assert ip_address("fe80::1%eth1") in parse_site(wire).bmc.allow_old_tls
    assert ip_address("fe80::2%eth1") not in parse_site(wire).bmc.allow_old_tls


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("[10.9.9.9]", "bmc.allow_old_tls: 10.9.9.9 is not in bmc.ranges"),
        ("[bmc-7]", "bmc.allow_old_tls[0]: "),
        ("[fe80::1]", "bmc.allow_old_tls[0]: fe80::1 needs its interface"),
        ("[fe80::1%eth1]", "bmc.allow_old_tls: fe80::1%eth1 is not on an interface of bmc.link_local"),
        ("yes", "bmc.allow_old_tls: "),
    ],
)
def test_an_address_for_old_tls_that_is_no_bmc_of_the_site_is_refused_by_line(
    site_text: str, value: str, told: str
) -> None:
    found = problems(site_text.replace("bmc:\n", f"bmc:\n  allow_old_tls: {value}\n"))
    assert any(told in one and one.startswith("line ") and not one.startswith("line 0") for one in found), found


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("vip:", "vop:", ["line 3: provisioning.vip: is missing", "line 6: provisioning.vop: unknown key"]),
        ("172.22.0.5\n", "172.22.0.555\n", ["line 6: provisioning.vip: Octet 555"]),
        (
            "vip: 172.22.0.5",
            "vip: 10.0.0.5",
            ["line 6: provisioning.vip: 10.0.0.5 is not a usable host address in 172.22.0.0/24"],
        ),
        ("vip: 172.22.0.5", "vip: 172.22.0.150", ["line 9: provisioning.boot", "provisioning.vip, line 6"]),
        (
            "vip: 172.22.0.5",
            "vip: 172.22.0.10",
            ["line 6: provisioning.vip: 172.22.0.10 is already seed.address, line 2"],
        ),
        (", 172.22.0.13]", "]", ["line 7: provisioning.undercloud: 2 addresses given"]),
        (
            "0.13]",
            "0.12]",
            ["line 7: provisioning.undercloud[2]: 172.22.0.12 is already provisioning.undercloud[1], line 7"],
        ),
        ("boot: 172.22.0.100-", "boot: 172.22.0.99-", ["line 9: provisioning.boot: 172.22.0.99-172.22.0.199 overlaps"]),
        (
            "instances: 172.22.0.50",
            "instances: 172.22.0.250",
            ["line 8: provisioning.instances", "ends before it starts"],
        ),
        ("1.26]", "1.26, 172.22.1.25]", ["line 11: bmc.ranges[1]: 172.22.1.25 overlaps bmc.ranges[0]"]),
        ("1.21-", "1.9-", ["line 11: bmc.ranges[0]", "seed.bmc_address 172.22.1.10"]),
        ("ranges: [172.22.1.21-172.22.1.26]", "ranges: []", ["line 11: bmc.ranges: is empty"]),
        (
            "ranges: [172.22.1.21-172.22.1.26]",
            "ranges: [10.0.0.0/8]",
            ["line 11: bmc.ranges[0]", "at most 65536 are allowed"],
        ),
        ("bmc_interface: eth1, ", "", ["line 2: seed: bmc_interface and bmc_address must be given together"]),
        ("eth1", "eth0", ["line 2: seed.bmc_interface: is the same as seed.interface"]),
        ("172.22.1.10/24", "172.22.1.10", ["line 2: seed.bmc_address", "needs its prefix length"]),
        ("cpus: 1", "cpus: none", ["line 14: undercloud.needs.cpus: 'none' is not a whole number"]),
        ("spare: true", "spare: perhaps", ["line 15: undercloud.rehearse_on_spare: 'perhaps' is not true or false"]),
        ("role: spare", "role: king", ["line 17: machines[0].role: 'king' is not a role"]),
        ("bmc: 172.22.1.24", "bmc: 172.22.1.99", ["line 17: machines[0].bmc: 172.22.1.99 is not in bmc.ranges"]),
        ("role: spare", "mac: 52:54:00", ["line 17: machines[0].mac: '52:54:00' is not a MAC address"]),
        ("site: demo", "site: Demo!", ["line 1: site: 'Demo!' is not a name"]),
        ("site: demo", "site: demo\nsite: other", ["line 2: site: given twice, first in line 1"]),
        ("site: demo", "site: [demo", ["not YAML"]),
    ],
)
def test_a_wrong_site_is_refused_by_name_and_line(site_text: str, old: str, new: str, told: list[str]) -> None:
    assert old in site_text
    found = "\n".join(problems(site_text.replace(old, new)))
    for sentence in told:
        assert sentence in found


def test_link_local_bmcs_are_declared_by_their_wire(site_text: str) -> None:
    wire = site_text.replace("ranges: [172.22.1.21-172.22.1.26]", "link_local: [eth1]")
    wire = wire.replace("bmc: 172.22.1.24", "bmc: fe80::24%eth1")
    site = parse_site(wire)
    assert site.bmc.targets == ("fe80::/10%eth1",)
    assert ip_address("fe80::21%eth1") in site.bmc
    assert ip_address("fe80::21%eth0") not in site.bmc
    assert IPv4Address("172.22.1.24") not in site.bmc
    assert site.machine("fe80::24%eth1").role == "spare"
    assert site.machine("fe80::25%eth1").role is None
    told = "line 11: bmc.link_local[0]: eth7 is not an interface of the seed; use one of: eth0, eth1"
    assert told in problems(wire.replace("[eth1]", "[eth7]"))
    assert any("needs its interface" in one for one in problems(wire.replace("24%eth1", "24")))


def test_bmcs_on_a_tagged_vlan_of_a_trunk(site_text: str) -> None:
    trunk = site_text.replace("bmc_interface: eth1", "bmc_interface: eth0, bmc_vlan: 123")
    assert parse_site(trunk).seed.bmc_nic == "eth0.123"
    assert parse_site(site_text).seed.bmc_nic == "eth1"
    told = "line 2: seed.bmc_vlan: '4095' is not a VLAN ID; use 1 to 4094"
    assert told in problems(trunk.replace("123", "4095"))


def test_all_problems_are_told_at_once(site_text: str) -> None:
    text = site_text.replace("vip:", "vop:").replace("cpus: 1", "cpus: x").replace("role: spare", "role: king")
    assert [problem.split(":")[0] for problem in problems(text)] == ["line 3", "line 6", "line 14", "line 17"]


def test_duplicate_bmcs_and_macs_are_refused(site_text: str) -> None:
    mac = "mac: '52:54:00:00:00:01'"
    text = (
        site_text + f"  - {{bmc: 172.22.1.24, {mac}}}\n  - {{bmc: 172.22.1.25, {mac.upper().replace('MAC', 'mac')}}}\n"
    )
    assert problems(text) == [
        "line 18: machines[1].bmc: 172.22.1.24 is already machines[0] in line 17",
        "line 19: machines[2].mac: 52:54:00:00:00:01 is already machines[1] in line 18",
    ]


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n- b\n", "just words\n"])
def test_a_file_that_is_no_site_is_refused(text: str) -> None:
    assert problems(text)


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SeedvmError, match="create it with seedvm wizard"):
        load_site(tmp_path / "site.yaml")


def test_a_range_knows_its_addresses() -> None:
    span = AddressRange.parse("10.0.0.254-10.0.1.1")
    assert [str(address) for address in span] == ["10.0.0.254", "10.0.0.255", "10.0.1.0", "10.0.1.1"]
    assert IPv4Address("10.0.0.255") in span
    assert str(AddressRange.parse("10.0.0.0/30")) == "10.0.0.1-10.0.0.2"
    assert str(AddressRange.parse("10.0.0.7")) == "10.0.0.7"
    assert len(AddressRange.parse("10.0.0.7/32")) == 1
