"""One list of BMCs: addresses are put together where nothing speaks against it, and a maker is named with its certainty."""

from __future__ import annotations

import time

from seedvm.scan.evidence import Bmc, Evidence
from seedvm.scan.identity import GUESS, LIKELY, SAID, Maker, maker, merged

GUID = "00112233445566778899aabbccddeeff"
SWAPPED = "33221100-5544-7766-8899-AABBCCDDEEFF"
MAC = "52:54:00:aa:00:01"


def said(address: str, *facts: tuple[str, str]) -> Bmc:
    return Bmc(address, ("redfish",), tuple(Evidence(name, value, "test", "t") for name, value in facts))


def addresses(*bmcs: Bmc) -> list[tuple[str, ...]]:
    return [(one.address, *one.also) for one in merged(bmcs)]


def test_two_families_with_one_uuid_are_one_bmc_in_either_byte_order() -> None:
    four, six = said("10.0.0.1", ("guid", GUID)), said("fe80::1%eth1", ("uuid", SWAPPED))
    assert addresses(six, four) == [("10.0.0.1", "fe80::1%eth1")]
    assert merged([four, six])[0].facts("uuid") == (SWAPPED,)


def test_a_uuid_that_several_have_is_a_copy_and_merges_nothing() -> None:
    copies = [said(f"10.0.0.{last}", ("uuid", SWAPPED)) for last in range(1, 4)]
    assert len(addresses(*copies)) == 3
    assert len(addresses(*copies[:2])) == 2
    assert len(addresses(*copies[:2], said("fe80::1%eth1", ("uuid", SWAPPED)))) == 3


def test_one_mac_is_one_bmc_unless_its_addresses_name_different_ones() -> None:
    assert addresses(said("10.0.0.1", ("mac", MAC)), said("10.0.0.2", ("mac", MAC))) == [("10.0.0.1", "10.0.0.2")]
    blades = [said(f"10.0.0.{last}", ("mac", MAC), ("guid", f"{last:032x}")) for last in range(1, 4)]
    assert len(addresses(*blades)) == 3


def test_a_router_that_answers_for_many_is_no_bmc_with_many_addresses() -> None:
    assert len(addresses(*(said(f"10.0.0.{last}", ("mac", MAC)) for last in range(1, 21)))) == 20


def test_different_macs_are_different_machines_whatever_their_uuid() -> None:
    one, two = (
        said("10.0.0.1", ("uuid", SWAPPED), ("mac", MAC)),
        said("fe80::1%e", ("uuid", SWAPPED), ("mac", MAC[:-1] + "2")),
    )
    assert len(addresses(one, two)) == 2


def test_what_was_heard_of_its_mac_belongs_to_the_bmc() -> None:
    fact = Evidence("vendor-class", "iDRAC", "DHCPDISCOVER", "t")
    (bmc,) = merged([said("10.0.0.1", ("mac", MAC))], [(MAC, (fact,))])
    assert bmc.fact("vendor-class") == "iDRAC"


def test_a_thousand_are_merged_at_once() -> None:
    many = [
        said(
            f"10.0.{n // 250}.{n % 250}",
            ("mac", f"52:54:00:00:{n // 256:02x}:{n % 256:02x}"),
            ("uuid", f"{n + 1:032x}"),
        )
        for n in range(1000)
    ]
    began = time.process_time()
    assert len(merged([*many, *(said(f"10.1.{n // 250}.{n % 250}", ("uuid", SWAPPED)) for n in range(1000))])) == 2000
    assert time.process_time() - began < 5


def test_a_maker_comes_with_the_certainty_that_it_deserves() -> None:
    assert maker(said("a", ("vendor", "Contoso"), ("product", "Ace"), ("oem", "674"))) == Maker(
        "Contoso", "Ace", SAID, "Redfish service root"
    )
    assert maker(said("a", ("oem", "674"))).certainty == LIKELY
    assert maker(said("a", ("oem", "674"))).vendor == "Dell"
    assert maker(said("a", ("asf-enterprise", "4542"))) == Maker()
    assert maker(said("a", ("certificate-subject", "CN=idrac,O=Dell Inc.,C=US"))).vendor == "Dell Inc."
    assert maker(said("a", ("bmc-service", "x._obmc_console._tcp.local"))).vendor == "OpenBMC"
    guess = maker(said("a", ("mac", MAC)), lambda mac: "Somebody")
    assert (guess.vendor, guess.certainty) == ("Somebody", GUESS)
    assert maker(said("a", ("mac", MAC))) == Maker()
