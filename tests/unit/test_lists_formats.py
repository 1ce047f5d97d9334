"""A list of each format as people have it (tests/recorded/lists): every machine, and a line for each name that is not used."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seedvm.base.secret import Secret
from seedvm.machines.lists.entry import ListEntry, MachineList
from seedvm.machines.lists.read import read_list
from seedvm.machines.lists.tree import Value, parse_json
from tests.rules.test_linters import ROOT

SAMPLES = ROOT / "tests/recorded/lists"
Brief = tuple[str, str | None, str | None, str | None, str | None, str | None, int]


def sample(name: str) -> MachineList:
    return read_list((SAMPLES / name).read_bytes(), name)


def brief(one: ListEntry) -> Brief:
    password = one.password.reveal() if one.password else None
    return (one.address, one.name, one.user, password, one.driver, one.boot_mac, len(one.macs))


MACHINES: dict[str, tuple[str, list[Brief]]] = {
    "instackenv.json": (
        "instackenv",
        [
            ("192.0.2.11", "control-0", "ADMIN", "horse-1", "ipmi", "52:54:00:aa:00:11", 1),
            ("192.0.2.12", "compute-0", "root", "calvin", "idrac", "52:54:00:aa:00:12", 1),
        ],
    ),
    "ironic.yaml": (
        "nodes of Ironic",
        [
            ("192.0.2.21", "n1", "admin", "0123456", "ipmi", "52:54:00:aa:00:21", 3),
            ("192.0.2.22", "n2", "admin", "horse-2", "redfish", "52:54:00:aa:00:24", 1),
            ("192.0.2.23", "n3", "Administrator", "horse-3", "redfish", None, 0),
        ],
    ),
    "openstack.json": (
        "nodes as the OpenStack client prints them",
        [("192.0.2.32", None, "admin", None, "redfish", None, 0)],
    ),
    "bifrost.yaml": (
        "machines by name, as bifrost has them",
        [("192.0.2.41", "oscompute0", "admin", "horse-1", "ipmi", "52:54:00:aa:00:41", 1)],
    ),
    "bifrost.csv": (
        "CSV of bifrost",
        [
            ("192.0.2.45", "hostname_a", "root", "horse-5", "ipmi", "52:54:00:aa:00:45", 1),
            ("192.0.2.46", "hostname_b", "root", "horse-6", "ipmi", "52:54:00:aa:00:46", 1),
        ],
    ),
    "kayobe.ini": (
        "an inventory of Ansible (INI)",
        [
            ("192.0.2.51", "compute01", "admin", "horse-1", None, None, 0),
            ("192.0.2.52", "compute02", "admin", "horse-1", None, None, 0),
            ("192.0.2.53", "compute03", "admin", "p w#3", None, None, 0),
        ],
    ),
    "kayobe.yaml": (
        "an inventory of Ansible",
        [
            ("192.0.2.61", "hv1", "root", "horse-1", "redfish", None, 0),
            ("192.0.2.62", "hv2", "root", "horse-2", "redfish", None, 0),
        ],
    ),
    "maas.json": (
        "machines of MAAS",
        [("192.0.2.71", "n1", "maas", "horse-1", "ipmi", "52:54:00:aa:00:71", 2)],
    ),
    "inventory.csv": (
        "CSV (semicolon)",
        [
            ("192.0.2.81", "n1", "root", "calvin", None, "52:54:00:aa:00:81", 1),
            ("192.0.2.82", "n2", "root", "horse;2", None, "52:54:00:aa:00:82", 1),
        ],
    ),
}


def test_every_sample_is_expected() -> None:
    assert {path.name for path in SAMPLES.iterdir()} == set(MACHINES)


@pytest.mark.parametrize("name", MACHINES)
def test_the_machines_of_a_sample_are_read(name: str) -> None:
    found = sample(name)
    form, machines = MACHINES[name]
    assert found.form == form
    assert sorted(map(brief, found.entries), key=str) == machines


REFUSED = {
    "openstack.json": [
        "line 13: [0].Driver Info.ipmi_password: is hidden in this list (stars or a word instead of the value): put the value in"
    ],
    "maas.json": [
        "line 29: [1]: the BMC address is missing: `maas PROFILE machines read` does not contain it; add the answer of"
        " `maas PROFILE machine power-parameters SYSTEM_ID` to each machine as power_parameters"
    ],
}


@pytest.mark.parametrize("name", MACHINES)
def test_what_a_sample_lacks_is_refused_in_its_own_words(name: str) -> None:
    assert [str(one) for one in sample(name).refused] == REFUSED.get(name, [])


NOT_USED = {
    "instackenv.json": ["arch", "capabilities", "ports.local_link_connection", "pm_system_id", "ssh-user"],
    "ironic.yaml": [
        "driver_info.deploy_kernel",
        "properties",
        "portgroups.address",
        "driver_info.redfish_system_id",
        "driver_info.redfish_verify_ca",
    ],
    "openstack.json": ["UUID", "Properties", "Driver Info.deploy_kernel"],
    "bifrost.yaml": ["uuid", "ipv4_address", "properties"],
    "bifrost.csv": ["cpus", "host ip", "uuid"],
    "kayobe.ini": [],
    "kayobe.yaml": ["ironic_properties", "ironic_driver"],
    "maas.json": ["fqdn", "power_parameters.mac_address", "architecture", "ip_addresses", "zone", "interface_set.bond"],
    "inventory.csv": ["IP", "Service Tag"],
}


@pytest.mark.parametrize("name", MACHINES)
def test_each_name_that_is_not_used_is_said(name: str) -> None:
    said = "\n".join(one for one in sample(name).remarks if one.startswith("not used: "))
    assert [one for one in NOT_USED[name] if f"'{one}'" not in said] == []


def test_hosts_without_a_bmc_are_named() -> None:
    assert (
        "hosts without a BMC's address in their variables are not taken: localhost, controller0"
        in sample("kayobe.ini").remarks
    )
    assert "hosts without a BMC's address in their variables are not taken: seed0" in sample("kayobe.yaml").remarks


def test_ansible_inventory_prints_the_same_machines() -> None:
    hostvars = {
        f"hv{number}": {
            "driver_info": {"power": {"ipmi_address": f"192.0.2.{number}", "ipmi_username": "a", "ipmi_password": "b"}},
            "nics": [{"mac": f"52:54:00:aa:00:0{number}"}],
        }
        for number in (1, 2)
    }
    tree = {"_meta": {"hostvars": hostvars}, "baremetal": {"hosts": [*hostvars]}, "localhost": {"hosts": ["127.0.0.1"]}}
    found = read_list(json.dumps(tree).encode(), "inventory")
    assert not found.refused
    assert [(one.address, one.name, one.boot_mac) for one in found.entries] == [
        ("192.0.2.1", "hv1", "52:54:00:aa:00:01"),
        ("192.0.2.2", "hv2", "52:54:00:aa:00:02"),
    ]


def test_a_childs_variables_win_over_its_parents_and_a_hosts_over_both() -> None:
    text = """\
[all:vars]
bmc_user=all
bmc_password=all
bmc_type=ipmi
[parent:children]
child
[child]
h1 bmc_ip=192.0.2.1
h2 bmc_ip=192.0.2.2 bmc_user=own
[parent:vars]
bmc_user=parent
bmc_password=parent
[child:vars]
bmc_user=child
"""
    found = read_list(text.encode(), "hosts")
    assert [(one.user, one.password) for one in found.entries] == [
        ("child", Secret("parent")),
        ("own", Secret("parent")),
    ]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("n[1:3]", ["n1", "n2", "n3"]),
        ("n[08:10]x", ["n08x", "n09x", "n10x"]),
        ("r[a:b]n[1:2]", ["ran1", "ran2", "rbn1", "rbn2"]),
        ("n[1:5:2]", ["n1", "n3", "n5"]),
    ],
)
def test_ranges_of_hosts_are_expanded(pattern: str, names: list[str]) -> None:
    text = f"[a]\n{pattern}\n" + "".join(f"{name} bmc_ip=192.0.2.{at}\n" for at, name in enumerate(names, 1))
    assert [one.name for one in read_list(text.encode(), "hosts").entries] == names


def test_a_range_without_end_is_refused() -> None:
    found = read_list(b"[a]\nn[1:99999999] bmc_ip=192.0.2.1\n", "hosts")
    assert found.refused
    assert not found.entries


def test_a_variable_that_names_itself_ends() -> None:
    text = "[a]\nh bmc_ip=192.0.2.1 bmc_user='{{ x }}' x='{{ y }}' y='{{ x }}'\n"
    assert [str(one) for one in read_list(text.encode(), "hosts").refused] == [
        "line 2: h bmc_user: is a template that was not replaced by its value"
    ]


@pytest.mark.parametrize("form", ["{}", '{{"machines": [{}]}}', "[{}]"])
def test_a_machine_of_maas_may_stand_alone(form: str) -> None:
    machine = json.loads((SAMPLES / "maas.json").read_text())[0]
    found = read_list(form.format(json.dumps(machine)).encode(), "maas")
    assert [(one.name, one.boot_mac) for one in found.entries] == [("n1", "52:54:00:aa:00:71")]


def test_a_node_of_the_openstack_client_may_stand_alone() -> None:
    node = {"driver": "ipmi", "driver_info": {"ipmi_address": "192.0.2.1"}, "name": "n1", "uuid": "x", "extra": {}}
    assert read_list(json.dumps(node).encode(), "node").entries[0].name == "n1"
    listed = '[{"UUID": "a", "Name": "n1", "Power State": "power on", "Provisioning State": "active"}]'
    assert "only with --long" in str(read_list(listed.encode(), "nodes").refused[0])


def test_a_driver_that_is_not_supported_is_refused_by_name() -> None:
    nodes = [{"pm_type": "pxe_ssh", "pm_addr": "192.0.2.1"}, {"pm_type": "ipmi", "pm_addr": "192.0.2.2"}]
    found = read_list(json.dumps(nodes).encode(), "instackenv.json")
    assert [str(one) for one in found.refused] == [
        "line 1: [0].pm_type: 'pxe_ssh' is not supported; use one of: idrac, ipmi, redfish"
    ]
    assert [one.address for one in found.entries] == ["192.0.2.2"]
    assert found.left_out == ("192.0.2.1 (line 1 ([0]))",)


def test_json_with_tabs_surrogates_and_a_mark_is_read() -> None:
    text = (
        '\ufeff{\t"nodes":\t[{"pm_addr":\t"192.0.2.1", "name": "k\\u00f6ln-\\ud83d\\ude00", "x": NaN, "y": Infinity}]}'
    )
    assert read_list(text.encode(), "list").entries[0].name == "k\u00f6ln-\U0001f600"


def plain(value: Value) -> object:
    if value.items is not None:
        return {key: plain(one) for key, one in value.items}
    return value.text if value.elements is None else [plain(one) for one in value.elements]


def as_text(tree: object) -> object:
    if isinstance(tree, dict):
        return {key: as_text(one) for key, one in tree.items()}
    if isinstance(tree, list):
        return [as_text(one) for one in tree]
    return tree if tree is None or isinstance(tree, str) else json.dumps(tree)


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(tree=TREES, indent=st.sampled_from([None, 1, "\t"]), ascii_only=st.booleans())
def test_json_is_read_as_json_loads_does(tree: object, indent: int | str | None, ascii_only: bool) -> None:
    text = json.dumps(tree, indent=indent, ensure_ascii=ascii_only)
    assert plain(parse_json(text)) == as_text(tree)


def test_a_value_of_json_knows_its_line_and_its_path() -> None:
    found = parse_json('{\n"nodes": [\n{"a": 1},\n{"a":\n2}]}').get("nodes")
    assert found is not None and found.elements is not None
    last = found.elements[1].get("a")
    assert last is not None
    assert (last.line, last.where, last.text) == (5, "nodes[1].a", "2")


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "null"])
def test_a_number_that_is_none_is_no_name_user_or_password(word: str) -> None:
    for key, field in (("name", "name"), ("pm_user", "user"), ("pm_password", "password")):
        node = f'"pm_type": "ipmi", "pm_addr": "192.0.2.1", "{key}": {word}'
        [entry] = read_list(f'{{"nodes": [{{{node}}}]}}'.encode(), "list").entries
        assert getattr(entry, field) is None
