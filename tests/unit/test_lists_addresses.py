"""Addresses as lists have them, and what YAML and JSON files have around their values."""

from __future__ import annotations

import pytest

from seedvm.base.errors import InvalidFile
from seedvm.machines.lists.entry import MachineList
from seedvm.machines.lists.read import read_list


def of(address: str) -> MachineList:
    return read_list(f"name,BMC IP\nn1,{address}\n".encode(), "list")


def of_login(login: str) -> MachineList:
    text = f"nodes:\n- driver: ipmi\n  driver_info: {{ipmi_address: 192.0.2.1, ipmi_username: a, {login}}}\n"
    return read_list(text.encode(), "list")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("192.0.2.0/24", "'192.0.2.0/24' is a network, not an address: enter the address of one BMC"),
        ("192.0.2.1-10", "'192.0.2.1-10' is a range: each BMC needs a row of its own"),
        ("192.0.2.[1-4]", "'192.0.2.[1-4]' is a range: each BMC needs a row of its own"),
        (
            "192.0.2.1 192.0.2.2",
            "'192.0.2.1 192.0.2.2' is not an address alone: each BMC needs a row of its own, with nothing else in the cell",
        ),
        (
            "192.000.002.001",
            "'192.000.002.001' is not an address: enter its numbers without leading zeros",
        ),
        ("fe80::1%eth0", "'fe80::1%eth0' is valid on one link only: enter an address without a zone"),
        ("redfish+http://192.0.2.1", "http:// is not supported: a login is sent by https or IPMI only"),
        ("libvirt://192.0.2.1", "libvirt:// is not supported: a login is sent by https or IPMI only"),
    ],
)
def test_what_is_not_one_address_is_refused_in_words_that_say_so(address: str, reason: str) -> None:
    assert [str(one) for one in of(address).refused] == [f"line 2: BMC IP: {reason}"]


def test_a_prefix_length_and_the_path_of_a_system_are_named() -> None:
    prefix, path = of("192.0.2.1/24"), of("idrac-virtualmedia://192.0.2.1/redfish/v1/Systems/System.Embedded.1")
    assert [one.entries[0].address for one in (prefix, path)] == ["192.0.2.1", "192.0.2.1"]
    assert any("BMC IP: the prefix length" in one for one in prefix.remarks)
    assert any("BMC IP: the path" in one for one in path.remarks)


def test_two_systems_of_one_service_are_said_to_be_two() -> None:
    text = "BMC IP\nhttps://192.0.2.1/redfish/v1/Systems/1\nhttps://192.0.2.1/redfish/v1/Systems/2\n"
    found = read_list(text.encode(), "list")
    assert not found.entries
    assert "several systems behind one BMC address are not supported" in str(found.refused)


def test_a_password_in_a_url_is_shown_nowhere() -> None:
    found = read_list(b"BMC IP,user\nhttps://root:calv1n@192.0.2.1,root\n", "list")
    assert len(found.left_out) == 1
    assert "calv1n" not in repr(found)


def test_a_name_that_two_machines_have_is_named() -> None:
    found = read_list(b"name,bmc ip\nn1,192.0.2.1\nn1,192.0.2.2\n", "list")
    assert len(found.entries) == 2
    assert "line 3: the name 'n1' is also in line 2, for 192.0.2.1" in found.remarks


@pytest.mark.parametrize("tag", ["!!binary cGFzcw==", "!!python/name:os.system x", "!Ref Password"])
def test_a_tag_that_changes_a_value_is_refused(tag: str) -> None:
    found = of_login(f"ipmi_password: {tag}")
    assert not found.entries
    assert [one.message for one in found.refused] == [f"has the tag {tag.split()[0]}, which is not supported"]


def test_a_tag_on_the_settings_of_a_bmc_is_refused_and_not_passed_by() -> None:
    found = read_list(b"nodes:\n- name: n1\n  driver_info: !vault |\n    $ANSIBLE_VAULT;1.1;AES256\n", "list")
    assert "line 3: nodes[0].driver_info: is encrypted with ansible-vault: decrypt the list first" in map(
        str, found.refused
    )


def test_marks_at_the_end_of_a_yaml_file_are_no_documents() -> None:
    text = "---\nnodes:\n- driver: ipmi\n  driver_info: {ipmi_address: 192.0.2.1}\n"
    for end in ("---\n", "...\n", "---\n# the end\n", "...\n---\n\n"):
        assert len(read_list((text + end).encode(), "list").entries) == 1, end


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"pm_addr": "192.0.2.1"}\n{"pm_addr": "192.0.2.2"}\n', "put them into one list, as `jq -s .` does"),
        ('{\n// first rack\n"nodes": []}', "JSON has no comments: remove them"),
        ("---\n", "it is empty"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_to_do(text: str, said: str) -> None:
    with pytest.raises(InvalidFile, match=said.replace(".", r"\.")):
        read_list(text.encode(), "list")
