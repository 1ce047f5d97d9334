"""Names of columns and where a BMC is: a host's address or password is never taken for its BMC's."""

from __future__ import annotations

import json

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.machines.lists.entry import ListEntry
from tests.unit.lists_read import MACS, only, reading, refused


def test_a_hosts_address_is_not_taken_for_its_bmcs() -> None:
    text = f"hostname,ip,ipmi_ip,ipmi_user,ipmi_pass,mac\nn1,10.20.1.101,192.0.2.1,ADMIN,pw,{MACS[0]}\n"
    found = reading(text)
    assert found.entries == (ListEntry("192.0.2.1", "ADMIN", Secret("pw"), MACS[:1], "n1", None, 2, MACS[0]),)
    assert [one for one in found.remarks if one.startswith("not used: 'ip': it is taken for the host's address")]
    with pytest.raises(SeedvmError, match=r"'ip' is taken for the host's.* rename it to bmc_ip"):
        reading("hostname,ip,ipmi_user,ipmi_pass\nn1,10.20.1.101,ADMIN,pw\n")
    assert only("hostname,ip,user,password\nn1,192.0.2.1,ADMIN,pw\n").address == "192.0.2.1"


def test_a_hosts_password_is_not_taken_where_the_bmcs_is_empty() -> None:
    entry = only("bmc_ip,bmc_user,bmc_password,user,password\n192.0.2.1,,,root,the-hosts\n")
    assert (entry.user, entry.password) == (None, None)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "bmc_ip",
            "BMC_IP",
            "BMC IP",
            "bmc-ip",
            "IPMI Address",
            "ipmi_ip",
            "iDRAC IP",
            "iDRAC9 IP",
            "iLO",
            "ilo5 ip",
            "OOB IP",
        ),
        *(
            "mgmt IP",
            "console",
            "IP",
            "ip address",
            "BmcIpAddress",
            "bmcip",
            "IPDRAC",
            "Out-of-Band IP",
            "pm_addr",
            "address",
        ),
    ],
)
def test_a_bmcs_address_goes_by_many_names(name: str) -> None:
    assert only(f"{name};user;password\n192.0.2.1;admin;pw\n").address == "192.0.2.1"


def test_a_csv_without_a_header_is_said_so() -> None:
    with pytest.raises(SeedvmError, match=r"no header: line 1 already holds data; .* BMC IP, bmc_address"):
        reading("n1;192.0.2.1;admin;pw\n")


def test_the_delimiter_that_excel_declares_is_taken() -> None:
    entry = only("sep=;\nBMC IP;user;password\n192.0.2.1;admin;a,b,c,d\n")
    assert (entry.line, entry.password) == (3, Secret("a,b,c,d"))


@pytest.mark.parametrize(
    "address", ["bmc1.example.org", "dhcp", "192.0.2.1-9", "192.0.2.1 192.0.2.2", "10.1", "https://"]
)
def test_what_is_not_an_address_is_refused_by_its_place(address: str) -> None:
    said = refused(json.dumps([{"pm_addr": address}]))
    assert len(said) == 1
    assert said[0].startswith("line 1: [0].pm_addr: ")


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        (f"{MACS[0]} (eth0)", 1),
        (f"eth0: {MACS[0]}", 1),
        (f"eth0={MACS[0]};eth1={MACS[1]}", 2),
        (f"{MACS[0]} (eth0), {MACS[1]} (eth1)", 2),
        (f"NIC 1 {MACS[0]} NIC 2 {MACS[1]}", 2),
        (f"[LOM1] {MACS[0].upper().replace(':', '-')}", 1),
        ("5254.00aa.0001 - ens1f0np0", 1),
        (f"<{MACS[0]}>", 1),
    ],
)
def test_a_mac_may_have_its_nics_name_beside_it(cell: str, found: int) -> None:
    assert only(f'bmc ip,mac\n192.0.2.1,"{cell}"\n').macs == MACS[:found]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (f"{MACS[0]} (BMC)", "is called the BMC's own"),
        (f"iDRAC: {MACS[0]}", "is called the BMC's own"),
        (f"{MACS[0]} 52:54:00", "is not a MAC address"),
        (f"{MACS[0]} 525400", "is not a MAC address"),
        (f"{MACS[0]}:02", "is not a MAC address"),
        ("eth0", "is not a MAC address"),
    ],
)
def test_what_is_more_than_a_mac_and_a_name_is_refused(cell: str, reason: str) -> None:
    assert reason in refused(f"bmc ip,mac\n192.0.2.1,{cell}\n")[0]


def test_a_plain_port_beside_a_plain_ip_is_the_bmcs() -> None:
    found = reading("host,ip,port\na,192.0.2.1,623\nb,192.0.2.2,6230\nc,192.0.2.3,12\n")
    assert [one.address for one in found.entries] == ["192.0.2.1", "192.0.2.3"]
    assert str(found.refused[0]).startswith("line 3: port: port 6230 is not supported")
    assert "not used: 'port': it does not say that it is the BMC's port" in found.remarks


def test_a_mac_in_the_place_of_an_address_is_said_so() -> None:
    assert refused(f'[{{"pm_addr": "{MACS[0]}"}}]') == [
        f"line 1: [0].pm_addr: '{MACS[0]}' is a MAC address, not the BMC's IP address"
    ]
