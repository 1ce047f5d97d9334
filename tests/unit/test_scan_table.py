"""The list of BMCs as text: it fits 80 columns, names nobody by guess, and says what contradicts itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from seedvm.scan.evidence import Bmc, Evidence
from seedvm.scan.listen import Neighbour
from seedvm.scan.table import contradictions, head, row, tagged_vlans


def said(address: str, *facts: tuple[str, str]) -> Bmc:
    return Bmc(address, ("redfish",), tuple(Evidence(name, value, "test", "t") for name, value in facts))


@given(name=st.text(max_size=200), address=st.text(max_size=60))
def test_a_row_fits_a_terminal_of_80_columns(name: str, address: str) -> None:
    assert len(row(said(address, ("vendor", name)))) <= 80
    assert len(head()) <= 80


def test_a_bmc_is_named_by_what_it_says() -> None:
    assert "Contoso Ace" in row(said("10.0.0.1", ("vendor", "Contoso"), ("product", "Ace")))
    assert row(Bmc("10.0.0.1", ("ipmi-2.0",))) == "10.0.0.1              ipmi-2.0"


def test_two_addresses_with_one_identity_are_shown_whatever_the_notation() -> None:
    one = said("10.0.0.1", ("guid", "00112233445566778899aabbccddeeff"))
    two = said("10.0.0.2", ("uuid", "00112233-4455-6677-8899-AABBCCDDEEFF"))
    assert any("10.0.0.1 and 10.0.0.2" in line for line in contradictions([one, two]))


def test_one_address_with_two_identities_is_shown() -> None:
    assert any(
        "two BMCs with one address" in line for line in contradictions([said("10.0.0.1", ("uuid", "a"), ("uuid", "b"))])
    )


def test_sound_lists_have_no_remark() -> None:
    assert contradictions([said("10.0.0.1", ("uuid", "a")), said("10.0.0.2", ("uuid", "b"))]) == ()


def test_the_vlans_of_a_trunk_are_said_with_the_way_to_ask_one() -> None:
    def speaks_on(tag: str) -> Neighbour:
        return Neighbour(f"52:54:00:00:00:{tag}", (Evidence("vlan", tag, "802.1Q tag", ""),))

    assert tagged_vlans([]) == tagged_vlans([Neighbour("52:54:00:00:00:01")]) == ""
    said = tagged_vlans([speaks_on("30"), speaks_on("20"), speaks_on("20")])
    assert said == "tagged VLANs heard: 20, 30 (scan one with --nic NIC.20)"
