"""Nodes, ports and drivers in JSON and YAML: nothing with a known meaning is dropped, and two meanings are not mixed."""

from __future__ import annotations

import json

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from tests.unit.lists_read import MACS, only, reading, refused

CHASSIS = {
    "chassis": [
        {
            "nodes": [
                {
                    "name": "n3",
                    "driver": "ipmi",
                    "driver_info": {"ipmi_address": "192.0.2.1"},
                    "portgroups": [{"ports": [{"address": MACS[0]}]}],
                    "ports": [{"address": MACS[1]}],
                }
            ]
        }
    ],
    "nodes": [],
}


@pytest.mark.parametrize("tree", [CHASSIS, {"chassis": CHASSIS["chassis"]}])
def test_nodes_in_a_chassis_are_taken_with_all_their_ports(tree: dict[str, object]) -> None:
    entry = only(json.dumps(tree))
    assert (entry.name, entry.address, set(entry.macs), entry.boot_mac) == ("n3", "192.0.2.1", set(MACS[:2]), None)


@pytest.mark.parametrize(
    "text", ['{"a": 1}', "a:\n  b: 1\n", "- 1\n- 2\n", "[1, 2]", '{"name,ip": "x"}', "--- text\n", "{name,ip\n"]
)
def test_json_and_yaml_are_never_read_as_csv(text: str) -> None:
    with pytest.raises(SeedvmError) as caught:
        reading(text)
    assert "no header" not in str(caught.value) and "no column" not in str(caught.value)


def test_yaml_is_merged_as_a_safe_loader_does() -> None:
    text = (
        "x: &ipmi {ipmi_username: admin, ipmi_password: pw}\n"
        "nodes: [{name: n1, driver: ipmi, driver_info: {<<: *ipmi, ipmi_address: 192.0.2.1}}]"
    )
    entry = only(text)
    assert (entry.user, entry.password) == ("admin", Secret("pw"))
    own = text.replace("ipmi_address: 192.0.2.1", "ipmi_username: own, ipmi_address: 192.0.2.1")
    assert only(own).user == "own"


@pytest.mark.parametrize(
    ("flags", "boots"),
    [
        ((False,), None),
        ((None,), 0),
        ((True,), 0),
        ((False, True), 1),
        ((True, None), None),
        ((None, None), None),
        ((True, True), None),
        ((False, None), 1),
    ],
)
def test_the_only_port_that_is_pxe_enabled_boots(flags: tuple[bool | None, ...], boots: int | None) -> None:
    ports = [
        {"address": mac} | ({} if flag is None else {"pxe_enabled": flag})
        for mac, flag in zip(MACS, flags, strict=False)
    ]
    entry = only(json.dumps({"nodes": [{"pm_addr": "192.0.2.1", "ports": ports}]}))
    assert entry.macs == MACS[: len(flags)]
    assert entry.boot_mac == (None if boots is None else MACS[boots])


@pytest.mark.parametrize(
    ("node", "port"),
    [
        ({"pm_addr": "192.0.2.1", "pm_port": 6230}, 6230),
        ({"pm_addr": "192.0.2.1:8000"}, 8000),
        ({"driver": "ipmi", "driver_info": {"ipmi_address": "192.0.2.1", "ipmi_port": "6231"}}, 6231),
        ({"driver": "redfish", "driver_info": {"redfish_address": "https://192.0.2.1:8443/redfish/v1"}}, 8443),
        ({"driver": "ipmi", "driver_info": {"ipmi_address": "192.0.2.1", "ipmi_port": 443}}, 443),
        ({"driver": "redfish", "driver_info": {"redfish_address": "https://[2001:db8::1]:8443"}}, 8443),
    ],
)
def test_a_port_that_is_not_contacted_is_refused(node: dict[str, object], port: int) -> None:
    said = refused(json.dumps([node]))
    assert len(said) == 1
    assert f"port {port} is not supported: BMCs are contacted on UDP 623 (IPMI) and TCP 443 (Redfish) only" in said[0]


@pytest.mark.parametrize(
    "info",
    [
        {"ipmi_address": "192.0.2.1", "ipmi_port": 623},
        {"redfish_address": "https://192.0.2.1:443"},
        {"redfish_address": "192.0.2.1"},
        {"redfish_address": "https://192.0.2.1/redfish/v1"},
    ],
)
def test_the_usual_ports_are_taken(info: dict[str, object]) -> None:
    assert only(json.dumps([{"driver_info": info}])).address == "192.0.2.1"


def test_a_login_is_not_sent_by_http() -> None:
    assert "http:// is not supported" in refused('[{"driver_info": {"redfish_address": "http://192.0.2.1"}}]')[0]


def test_two_systems_behind_one_address_are_said_so() -> None:
    nodes = [{"pm_addr": "192.0.2.1", "pm_port": port} for port in (6230, 6231)]
    assert "several systems behind one BMC address are not supported" in refused(json.dumps(nodes))[-1]
    info = [{"redfish_address": "https://192.0.2.1", "redfish_system_id": f"/redfish/v1/Systems/{n}"} for n in (1, 2)]
    said = refused(json.dumps([{"driver_info": one} for one in info]))
    assert said == [
        "line 1: [1].driver_info.redfish_address: 192.0.2.1 is also in line 1 ([0]), for another system:"
        " several systems behind one BMC address are not supported"
    ]


def test_instackenv_may_be_a_list_alone() -> None:
    assert only('[{"pm_addr": "192.0.2.1", "pm_user": "a", "pm_password": "b"}]').password == Secret("b")


@pytest.mark.parametrize(
    ("driver", "info", "becomes"),
    [
        ("ilo", {"ilo_address": "192.0.2.1", "ilo_username": "a", "ilo_password": "b"}, "redfish"),
        ("irmc", {"irmc_address": "192.0.2.1", "irmc_username": "a", "irmc_password": "b"}, "redfish"),
        ("idrac", {"drac_address": "192.0.2.1", "drac_username": "a", "drac_password": "b"}, "idrac"),
        ("pxe_drac", {"drac_host": "192.0.2.1", "drac_username": "a", "drac_password": "b"}, "idrac"),
    ],
)
def test_drivers_that_left_ironic_are_read_as_redfish(driver: str, info: dict[str, str], becomes: str) -> None:
    entry = only(json.dumps({"nodes": [{"driver": driver, "driver_info": info}]}))
    assert (entry.address, entry.user, entry.password, entry.driver) == ("192.0.2.1", "a", Secret("b"), becomes)


def test_what_is_missing_is_named() -> None:
    assert refused('{"nodes": [{"name": "n1", "driver": "ipmi"}]}') == ["line 1: nodes[0]: the BMC address is missing"]


@pytest.mark.parametrize("key", ["name", "pm_password", "pm_user", "pm_type", "mac"])
@pytest.mark.parametrize("value", [None, ""])
def test_null_and_empty_are_absent(key: str, value: str | None) -> None:
    assert only(json.dumps({"nodes": [{"pm_addr": "192.0.2.1", key: value}]})).address == "192.0.2.1"


def test_bridging_is_refused_and_its_absence_is_not() -> None:
    node = {"ipmi_address": "192.0.2.1", "ipmi_bridging": "single"}
    assert "IPMI bridging is not supported" in refused(json.dumps([{"driver_info": node}]))[0]
    assert only(json.dumps([{"driver_info": {**node, "ipmi_bridging": "no"}}]))


@pytest.mark.parametrize(("keys", "name"), [("", "SN1"), ("hostname: h1", "h1"), ("name: n1, hostname: h1", "n1")])
def test_a_name_in_a_machine_comes_before_the_key_that_it_is_kept_under(keys: str, name: str) -> None:
    assert only(f"SN1: {{bmc_ip: 192.0.2.1, {keys}}}\n").name == name
    assert only(f"[a]\nh9 bmc_ip=192.0.2.1 {keys.replace(': ', '=').replace(',', '')}\n").name == "h9"
