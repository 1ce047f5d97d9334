"""Which NIC of a machine is its boot NIC, from what its Redfish service lists: certain, or learned from its own DHCP request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seedvm.bmc.nics import boot_nic, macs_of, nic_of, unread

MAC, OTHER, GLOBAL = "52:54:00:aa:00:01", "52:54:00:aa:00:02", "3c:ec:ef:00:00:01"
UP = {"LinkStatus": "LinkUp"}
PATH = "/redfish/v1/Systems/1/EthernetInterfaces/1"
TO_MANAGER = {"Id": "ToManager", "MACAddress": "B2:93:12:04:00:01", **UP}


def certain(*members: Mapping[str, Any]) -> str | None:
    return boot_nic([nic_of(one, PATH) for one in members]).mac


@pytest.mark.parametrize("mac", ["52:54:00:AA:00:01", "52-54-00-aa-00-01", "5254.00AA.0001", "525400AA0001"])
def test_the_only_nic_with_a_link_is_certain_however_its_mac_is_written(mac: str) -> None:
    assert certain({"MACAddress": mac, **UP}) == MAC


@pytest.mark.parametrize(
    "members",
    [
        [{"MACAddress": MAC}, {"MACAddress": ""}, {"MACAddress": None}],
        [{"MACAddress": MAC, **UP}, {"MACAddress": ""}],
        [{"MACAddress": MAC, **UP}, {"MACAddress": "not a MAC"}],
        [{"MACAddress": MAC, **UP}, {"MACAddress": ["52:54:00:aa:00:02"]}],
        [{"MACAddress": MAC, "LinkStatus": None}, {"MACAddress": OTHER, "LinkStatus": "NoLink"}, TO_MANAGER],
        [{"MACAddress": MAC, **UP}, {"MACAddress": "5254.00AA.0002", "LinkStatus": "NoLink"}],
        [{"MACAddress": MAC, **UP}, {"MACAddress": "525400AA0002", **UP}],
        [{"MACAddress": MAC, "LinkStatus": "LinkDown"}],
        [{"MACAddress": MAC, "LinkStatus": None}],
        [{"MACAddress": MAC, "LinkStatus": "a word of its own"}],
        [{"MACAddress": MAC, "InterfaceEnabled": False, **UP}],
        [{"MACAddress": MAC, "Status": {"State": "Disabled"}, **UP}],
        [{"MACAddress": MAC, "PermanentMACAddress": GLOBAL, **UP}],
        [{"MACAddress": "", **UP}],
        [TO_MANAGER],
        [],
    ],
)
def test_what_is_not_the_only_one_is_learned(members: Sequence[Mapping[str, Any]]) -> None:
    assert certain(*members) is None
    assert boot_nic([nic_of(one, PATH) for one in members]).why


@pytest.mark.parametrize(
    "host",
    [
        TO_MANAGER,
        {"Id": "ToHost", "MACAddress": GLOBAL, **UP},
        {"Id": "3", "Name": "Host Interface to the manager", "MACAddress": GLOBAL, **UP},
        {"Id": "NIC.USB.1", "MACAddress": GLOBAL, **UP},
        {"Id": "3", "MACAddress": "02:11:22:33:44:55", **UP},
        {"Id": "3", "MACAddress": GLOBAL, "IPv4Addresses": [{"Address": "169.254.0.18"}], **UP},
        {"Id": "3", "MACAddress": GLOBAL, "Links": {"HostInterface": {"@odata.id": "/x"}}, **UP},
        {"Id": "ToManager", "MACAddress": None},
    ],
)
def test_a_port_to_the_bmc_is_never_the_boot_nic_and_takes_no_certainty(host: Mapping[str, Any]) -> None:
    assert certain(host) is None
    assert certain({"Id": "1", "MACAddress": MAC, **UP}, host) == MAC
    assert macs_of([nic_of(host, PATH), nic_of({"MACAddress": MAC}, PATH)]) == (MAC,)


def test_a_nic_that_could_not_be_read_or_was_not_listed_takes_the_certainty() -> None:
    first = nic_of({"MACAddress": MAC, **UP}, PATH)
    broken = boot_nic([first, unread("/redfish/v1/Systems/1/EthernetInterfaces/2", "HTTP 500")])
    assert broken.mac is None
    assert broken.why == "Redfish tells no MAC address of 2 (HTTP 500)"
    assert boot_nic([first], more=1).why == "Redfish has 1 NICs or more that it does not list"


def test_a_service_that_has_no_link_status_at_all_is_taken_at_its_only_nic() -> None:
    """As sushy-tools, which tells of virtual machines."""
    assert certain({"Id": "1", "Name": f"VNIC {MAC}", "MACAddress": MAC, "PermanentMACAddress": MAC}) == MAC
    assert certain({"PermanentMACAddress": MAC, "MACAddress": None, **UP}) == MAC


def test_nothing_that_a_service_tells_paints_the_terminal() -> None:
    why = boot_nic([nic_of({"Id": "\x1b[2J\u202e" + "x" * 900, "MACAddress": ""}, PATH)]).why
    assert why.isprintable()
    assert len(why) < 200


VALUES = st.none() | st.booleans() | st.floats() | st.text(max_size=30) | st.lists(st.text(max_size=5)) | st.just({})
KEYS = (
    "Id",
    "Name",
    "MACAddress",
    "PermanentMACAddress",
    "LinkStatus",
    "Status",
    "Links",
    "IPv4Addresses",
    "IPv6Addresses",
)


@given(st.dictionaries(st.sampled_from(KEYS), VALUES))
def test_any_resource_is_read(said: dict[str, Any]) -> None:
    found = boot_nic([nic_of(said, PATH)])
    assert (found.mac is None) == bool(found.why)
