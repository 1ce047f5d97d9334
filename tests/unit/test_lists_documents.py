"""Documents that are no list, or nearly one: each is refused with the reason, quickly, and none paints the terminal."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seedvm.base.errors import SeedvmError
from seedvm.foreign.text import is_clean
from seedvm.machines.lists.read import read_list
from tests.unit.lists_read import only, reading, refused


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
