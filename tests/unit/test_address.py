"""Addresses as text, zones included."""

from __future__ import annotations

import pytest

from seedvm.base import addresses as addr


def test_ipv4_comes_before_ipv6_and_what_is_no_address_last() -> None:
    texts = ["rack", "fe80::2%eth1", "10.0.0.10", "fe80::2%eth0", "10.0.0.9", "fd00::1"]
    assert sorted(texts, key=addr.order) == ["10.0.0.9", "10.0.0.10", "fd00::1", "fe80::2%eth0", "fe80::2%eth1", "rack"]


@pytest.mark.parametrize(
    ("text", "url", "header"),
    [
        ("10.0.0.1", "10.0.0.1", "10.0.0.1"),
        ("fd00::1", "[fd00::1]", "[fd00::1]"),
        ("fe80::1%eth1", "[fe80::1%25eth1]", "[fe80::1]"),
    ],
)
def test_in_urls_and_headers(text: str, url: str, header: str) -> None:
    assert (addr.in_url(text), addr.in_header(text)) == (url, header)


def test_a_link_local_address_names_its_wire() -> None:
    assert str(addr.parse("fe80::1%eth1")) == "fe80::1%eth1"
    with pytest.raises(ValueError, match="needs its interface"):
        addr.parse("fe80::1")
