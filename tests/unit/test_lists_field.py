"""Inputs from public lists and bug reports, each with what it means: nothing is dropped in silence, no placeholder is a password."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.foreign.text import is_clean
from seedvm.machines.lists.entry import ListEntry, MachineList
from seedvm.machines.lists.read import read_list

MACS = tuple(f"52:54:00:aa:00:{number:02d}" for number in range(1, 10))
LOGIN = "BMC IP,user,password\n192.0.2.1,admin,{}\n"


def reading(text: str) -> MachineList:
    return read_list(text.encode(), "list")


def only(text: str) -> ListEntry:
    found = reading(text)
    assert not found.refused
    return found.entries[0]


def refused(text: str) -> list[str]:
    found = reading(text)
    assert not found.entries
    return [str(one) for one in found.refused]


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("{{ vault_ipmi_password }}", "is a template that was not replaced by its value"),
        ("{% if x %}a{% endif %}", "is a template that was not replaced by its value"),
        ("$(cat ~/.ssh/id_rsa)", "is a shell variable or command that was not replaced by its value"),
        ("${IPMI_PASSWORD}", "is a shell variable or command that was not replaced by its value"),
        ("$IPMI_PASSWORD", "is a shell variable or command that was not replaced by its value"),
        ("%BMC_PASSWORD%", "is a shell variable or command that was not replaced by its value"),
        ("<password>", "is a placeholder: put the value in"),
        ("<your password>", "is a placeholder: put the value in"),
        ("!vault |", "is kept in a vault or elsewhere: put the value in, or decrypt the list first"),
        ("$ANSIBLE_VAULT;1.1;AES256", "is kept in a vault or elsewhere: put the value in, or decrypt the list first"),
        ("vault:secret/bmc#password", "is kept in a vault or elsewhere: put the value in, or decrypt the list first"),
        ("ENC[AES256_GCM data]", "is kept in a vault or elsewhere: put the value in, or decrypt the list first"),
        ("******", "is hidden in this list (stars or a word instead of the value): put the value in"),
        ("REDACTED", "is hidden in this list (stars or a word instead of the value): put the value in"),
        ("[redacted]", "is hidden in this list (stars or a word instead of the value): put the value in"),
        ("<%= @password %>", "is a template that was not replaced by its value"),
        ("__BMC_PASSWORD__", "is a placeholder: put the value in"),
        ("@PASSWORD@", "is a placeholder: put the value in"),
        ("your_password_here", "is a placeholder: put the value in"),
        ("env:BMC_PASSWORD", "is kept in a vault or elsewhere: put the value in, or decrypt the list first"),
        ("$6$saltsalt$0123456789abcdef", "is a hash of a password, not the password"),
        ("{SSHA}0123456789", "is a hash of a password, not the password"),
        ("None", "is a word for nothing, not a password: leave it empty"),
        ("n/a", "is a word for nothing, not a password: leave it empty"),
        ("#REF!", "is an error of the spreadsheet"),
        ("=VLOOKUP(A1)", "is a formula: save its value"),
        ("=B12", "is a formula: save its value"),
    ],
)
def test_a_placeholder_is_refused_by_its_line_and_is_not_shown(password: str, reason: str) -> None:
    assert refused(LOGIN.format(password)) == [f"line 2: password: {reason}"]


@pytest.mark.parametrize(
    "password",
    [
        "calvin",
        "0penBmc",
        "ADMIN",
        "$ecret1",
        "pa$$word",
        "a{b}c",
        "=secret",
        "<3",
        "100%",
        "x",
        "P@ss{{w",
        "$tr0ng$",
        "#1#",
        "@home@9",
        "my-p4ss",
    ],
)
def test_a_password_that_only_looks_odd_is_taken_as_it_is(password: str) -> None:
    assert only(LOGIN.format(password)).password == Secret(password)


@pytest.mark.parametrize("password", ["changeme", "password"])
def test_a_factory_password_is_taken_and_remarked_on_without_showing_it(password: str) -> None:
    found = reading(LOGIN.format(password))
    assert found.entries[0].password == Secret(password)
    assert [one for one in found.remarks if one.startswith("line 2: the password may be a placeholder")]


@pytest.mark.parametrize("cell", ['="0123456"', '"=""0123456"""'])
def test_the_text_of_a_spreadsheet_is_unwrapped(cell: str) -> None:
    assert only(LOGIN.format(cell)).password == Secret("0123456")


def test_a_vault_in_yaml_is_refused_as_such() -> None:
    text = "nodes:\n- pm_addr: 192.0.2.1\n  pm_user: admin\n  pm_password: !vault |\n    $ANSIBLE_VAULT;1.1;AES256\n    6162\n"
    assert refused(text) == ["line 4: nodes[0].pm_password: is encrypted with ansible-vault: decrypt the list first"]


def test_a_template_without_quotes_in_yaml_is_not_passed_by() -> None:
    text = "nodes:\n- pm_addr: 192.0.2.1\n  pm_user: admin\n  pm_password: {{ password }}\n"
    assert refused(text)[0].startswith("line 4: nodes[0].pm_password: must be a single value; a template")


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


def test_a_csv_without_a_header_is_said_so() -> None:
    with pytest.raises(SeedvmError, match=r"no header: line 1 already holds data; .* BMC IP, bmc_address"):
        reading("n1;192.0.2.1;admin;pw\n")


def test_the_delimiter_that_excel_declares_is_taken() -> None:
    entry = only("sep=;\nBMC IP;user;password\n192.0.2.1;admin;a,b,c,d\n")
    assert (entry.line, entry.password) == (3, Secret("a,b,c,d"))


@pytest.mark.parametrize("key", ["name", "pm_password", "pm_user", "pm_type", "mac"])
@pytest.mark.parametrize("value", [None, ""])
def test_null_and_empty_are_absent(key: str, value: str | None) -> None:
    assert only(json.dumps({"nodes": [{"pm_addr": "192.0.2.1", key: value}]})).address == "192.0.2.1"


def test_bridging_is_refused_and_its_absence_is_not() -> None:
    node = {"ipmi_address": "192.0.2.1", "ipmi_bridging": "single"}
    assert "IPMI bridging is not supported" in refused(json.dumps([{"driver_info": node}]))[0]
    assert only(json.dumps([{"driver_info": {**node, "ipmi_bridging": "no"}}]))


def test_a_control_character_reaches_neither_an_entry_nor_a_message() -> None:
    text = "name,BMC IP,password\n\x1b[31mn1,192.0.2.1,x\nn\u202e2,192.0.2.2,x\nn3,192.0.2.\x1b]0;x\x073,x\nn4,192.0.2.4,a\x07b\n"
    said = refused(text)
    assert [one.split(":")[0] for one in said] == ["line 2", "line 3", "line 4", "line 5"]
    assert all(one.isprintable() for one in said)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 100_000, "nested too deeply"),
        ("- " * 100_000, "nested too deeply"),
        ("a: " + "{a: " * 2000, "nested too deeply"),
        ("<html><body>\n", "HTML or XML"),
        ("+------+------+\n| UUID | Name |\n", "add -f json"),
        ("$ANSIBLE_VAULT;1.1;AES256\n6162\n", "decrypt it first"),
        ("UUID,Name,Driver Info\na,n1,\"{'ipmi_address': '192.0.2.1'}\"\n", "use -f json"),
        ('{"nodes": [{]}', "not JSON: .* not YAML either"),
        ("", "the list is empty"),
    ],
)
def test_what_is_no_list_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(SeedvmError, match=reason):
        reading(text)


def test_aliases_do_not_expand_without_bound() -> None:
    lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(SeedvmError, match="aliases expand"):
        reading("nodes: []\n" + "\n".join(lines))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '{"nodes": [{"pm_addr": "192.0.2.1", "pm_password": "a", "pm_user": "x", "pm_password": "b"}]}',
            "line 1: nodes[0]: the key 'pm_password' is given twice",
        ),
        (
            "nodes:\n- driver_info:\n    ipmi_address: 192.0.2.1\n    ipmi_username: a\n    ipmi_username: b\n",
            "line 3: nodes[0].driver_info: the key 'ipmi_username' is given twice",
        ),
        ("nodes: []\nnodes:\n- pm_addr: 192.0.2.1\n", "line 1: the key 'nodes' is given twice"),
    ],
)
def test_a_key_that_is_given_twice_is_refused(text: str, said: str) -> None:
    assert [str(one) for one in reading(text).refused] == [said]


def test_several_documents_in_one_file_are_said_so() -> None:
    with pytest.raises(SeedvmError, match="it has several documents"):
        reading("---\nnodes:\n- pm_addr: 192.0.2.1\n---\nnodes:\n- pm_addr: 192.0.2.2\n")


def test_json_that_was_sent_as_a_c_string_is_read() -> None:
    assert only('{"nodes": [{"pm_addr": "192.0.2.1"}]}\0\0').address == "192.0.2.1"


@pytest.mark.parametrize(
    "address", ["bmc1.example.org", "dhcp", "192.0.2.1-9", "192.0.2.1 192.0.2.2", "10.1", "https://"]
)
def test_what_is_not_an_address_is_refused_by_its_place(address: str) -> None:
    said = refused(json.dumps([{"pm_addr": address}]))
    assert len(said) == 1
    assert said[0].startswith("line 1: [0].pm_addr: ")


@pytest.mark.parametrize("user", ["{{ user }}", "$USER", "$BMC_USER", "<username>"])
def test_a_placeholder_is_not_a_user_either(user: str) -> None:
    assert len(refused(json.dumps([{"pm_addr": "192.0.2.1", "pm_user": user, "pm_password": "x"}]))) == 1


def test_a_plain_port_beside_a_plain_ip_is_the_bmcs() -> None:
    found = reading("host,ip,port\na,192.0.2.1,623\nb,192.0.2.2,6230\nc,192.0.2.3,12\n")
    assert [one.address for one in found.entries] == ["192.0.2.1", "192.0.2.3"]
    assert str(found.refused[0]).startswith("line 3: port: port 6230 is not supported")
    assert "not used: 'port': it does not say that it is the BMC's port" in found.remarks


@pytest.mark.parametrize(("keys", "name"), [("", "SN1"), ("hostname: h1", "h1"), ("name: n1, hostname: h1", "n1")])
def test_a_name_in_a_machine_comes_before_the_key_that_it_is_kept_under(keys: str, name: str) -> None:
    assert only(f"SN1: {{bmc_ip: 192.0.2.1, {keys}}}\n").name == name
    assert only(f"[a]\nh9 bmc_ip=192.0.2.1 {keys.replace(': ', '=').replace(',', '')}\n").name == "h9"


def test_a_manifest_of_kubernetes_is_not_half_read() -> None:
    text = "apiVersion: metal3.io/v1alpha1\nkind: BareMetalHost\nspec:\n  bmc: {address: 'ipmi://192.0.2.1'}\n"
    with pytest.raises(SeedvmError, match="manifests of Kubernetes are not read"):
        reading(text)


_PIECES = st.sampled_from(
    [
        *(
            "\x1b[31m",
            "\x1b]0;x\x07",
            "\u202e",
            "\u2066",
            "\x00",
            "\x9b2J",
            "\r",
            "\n",
            "\t",
            "\u200b",
            "\ud800",
            "\x7f",
        ),
        *("nodes:", "- ", "{", "}", "[", "]", '"', "'", ",", ";", "|", ": ", "=", "#", "&a ", "*a", "<<: ", "!vault "),
        *(
            "BMC IP",
            "user",
            "password",
            "mac",
            "name",
            "pm_addr",
            "driver_info",
            "hosts",
            "vars",
            "Rack",
            "192.0.2.1",
            "x",
        ),
        *("192.0.2.2", "52:54:00:aa:00:01", "{{ x }}", "sep=;\n", "[all]\n", "all:\n  hosts:\n    h: ", "power_type"),
    ]
)


@settings(max_examples=250, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(pieces=st.lists(_PIECES, max_size=24))
def test_no_list_paints_the_terminal(pieces: list[str]) -> None:
    data = "".join(pieces).encode("utf-8", "surrogatepass")
    try:
        found = read_list(data, "list\x1b[31m")
    except SeedvmError as error:
        assert all(is_clean(line) for line in str(error).splitlines())
        return
    said = [found.form, *found.remarks, *found.left_out, *map(str, found.refused)]
    said += [text for one in found.entries for text in (one.address, one.user or "", one.name or "", *one.macs)]
    assert all(map(is_clean, said))


def test_a_mac_in_the_place_of_an_address_is_said_so() -> None:
    assert refused(f'[{{"pm_addr": "{MACS[0]}"}}]') == [
        f"line 1: [0].pm_addr: '{MACS[0]}' is a MAC address, not the BMC's IP address"
    ]
