"""Bytes of RMCP, IPMI and RMCP+: what is sent, what is understood, and that no bytes at all can do harm."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seedvm.base.secret import Secret
from seedvm.wire import WireError, dhcp, lan, lanplus, rakp, rmcp
from seedvm.wire.md2 import md2

PONG = bytes.fromhex("0600ff06000011be4000001000000000000000008100000000000000")
AUTH_CAPS = bytes.fromhex("0600ff0700000000000000000010811c63200038000197140300000000")


def sealed_pair() -> tuple[rakp.Suite, rakp.SessionKeys]:
    return rakp.SUITE_3, rakp.SessionKeys(b"s" * 20, b"1" * 20, b"2" * 20)


DECODERS: list[Callable[[bytes], object]] = [
    rmcp.rmcp_class,
    rmcp.parse_pong,
    rmcp.parse_response,
    rmcp.parse_sessionless,
    lambda data: rmcp.parse_auth_capabilities(rmcp.parse_sessionless(data)),
    lambda data: rmcp.parse_system_guid(rmcp.parse_sessionless(data)),
    rakp.parse_setup_packet,
    rakp.OpenResponse.decode,
    rakp.Rakp2.decode,
    rakp.Rakp4.decode,
    lambda data: lanplus.open_sealed(*sealed_pair(), data),
    lambda data: lan.parse_challenge(rmcp.parse_response(data)),
    lambda data: lan.parse_activated(rmcp.parse_response(data)),
    lambda data: lan.open_signed(lan.Seal(2, 0, b"p"), data),
    lambda data: lan.open_signed(lan.Seal(0, 0x10000000, b"p"), data),
    dhcp.parse_frame,
    dhcp.parse_dhcp,
]


@pytest.mark.parametrize("decode", DECODERS)
@given(data=st.binary(max_size=600))
def test_any_bytes_are_a_value_or_a_wire_error(decode: Callable[[bytes], object], data: bytes) -> None:
    with contextlib.suppress(WireError):
        decode(data)


@pytest.mark.parametrize("decode", DECODERS)
@given(
    base=st.sampled_from([PONG, AUTH_CAPS]), at=st.integers(0, 60), value=st.integers(0, 255), cut=st.integers(0, 60)
)
def test_a_damaged_packet_is_a_value_or_a_wire_error(
    decode: Callable[[bytes], object], base: bytes, at: int, value: int, cut: int
) -> None:
    data = bytearray(base)
    data[at % len(data)] = value
    with contextlib.suppress(WireError):
        decode(bytes(data[: len(data) - cut % len(data)]))


@given(body=st.binary(max_size=300))
def test_a_sealed_packet_with_a_right_code_and_any_contents_does_no_harm(body: bytes) -> None:
    suite, keys = sealed_pair()
    packet = rmcp.rmcp(rmcp.CLASS_IPMI, body + suite.hmac(keys.k1, body)[: suite.icv])
    with contextlib.suppress(WireError):
        lanplus.open_sealed(suite, keys, packet)


def test_a_pong_that_supports_ipmi_says_so() -> None:
    pong = rmcp.parse_pong(PONG)
    assert pong.ipmi
    assert pong.tag == 0


def test_a_pong_without_ipmi_says_so() -> None:
    assert not rmcp.parse_pong(PONG[:20] + b"\x01" + PONG[21:]).ipmi


def test_the_ping_is_the_one_of_the_specification() -> None:
    assert rmcp.presence_ping(0) == bytes.fromhex("0600ff06000011be80000000")


def test_tag_0xff_is_never_sent() -> None:
    with pytest.raises(WireError):
        rmcp.presence_ping(0xFF)


@given(
    netfn=st.sampled_from([0, 6, 10]),
    command=st.integers(0, 255),
    data=st.binary(max_size=40),
    sequence=st.integers(0, 63),
)
def test_a_response_comes_back_as_it_was_sent(netfn: int, command: int, data: bytes, sequence: int) -> None:
    head = bytes((0x81, (netfn + 1) << 2))
    rest = bytes((0x20, sequence << 2, command, 0)) + data
    raw = head + bytes((rmcp.checksum(head),)) + rest + bytes((rmcp.checksum(rest),))
    assert rmcp.parse_response(raw) == rmcp.Message(netfn, command, sequence, 0, data)


def test_a_wrong_checksum_is_refused() -> None:
    head, rest = bytes((0x81, 7 << 2)), bytes((0x20, 0, 0x38, 0))
    raw = head + bytes((rmcp.checksum(head),)) + rest + bytes((rmcp.checksum(rest) ^ 1,))
    with pytest.raises(WireError, match="checksum"):
        rmcp.parse_response(raw)


@given(raw=st.binary(min_size=16, max_size=16))
def test_a_guid_is_recognised_in_either_byte_order(raw: bytes) -> None:
    turned = [raw, raw[3::-1] + raw[5:3:-1] + raw[7:5:-1] + raw[8:], raw[::-1]]
    readings = [set(rmcp.guid_readings(one)) for one in turned]
    if readings[0]:
        assert readings[0] & readings[1]
        assert readings[0] & readings[2]


@pytest.mark.parametrize("raw", [bytes(16), b"\xff" * 16])
def test_an_empty_guid_means_nothing(raw: bytes) -> None:
    assert rmcp.guid_readings(raw) == ()


def bmc_side(suite: rakp.Suite, password: bytes, user: bytes = b"admin") -> rakp.Exchange:
    """What a BMC that knows `password` answers to RAKP 1, worked out from 13.21 and not by the code under test."""
    import hashlib
    import hmac

    one = rakp.Rakp1(7, 0x11223344, os.urandom(16), user)
    random, guid = os.urandom(16), os.urandom(16)
    said = (0x55667788).to_bytes(4, "little") + (0x11223344).to_bytes(4, "little") + one.console_random + random + guid
    said += bytes((0x14, len(user))) + user
    code = hmac.new(password, said, hashlib.sha1 if suite.id == 3 else hashlib.sha256).digest()
    two = rakp.Rakp2.decode(bytes((7, 0, 0, 0)) + (0x55667788).to_bytes(4, "little") + random + guid + code)
    return rakp.Exchange(suite, 0x55667788, 0x11223344, one, two)


@pytest.mark.parametrize("suite", [rakp.SUITE_3, rakp.SUITE_17])
def test_the_right_password_is_found_among_many_without_another_packet(suite: rakp.Suite) -> None:
    exchange = bmc_side(suite, b"right")
    found = rakp.first_accepted(exchange, [Secret("wrong"), Secret("x" * 40), Secret("right"), Secret("other")])
    assert found == Secret("right")


@pytest.mark.parametrize("suite", [rakp.SUITE_3, rakp.SUITE_17])
def test_no_password_is_accepted_that_is_not_right(suite: rakp.Suite) -> None:
    assert rakp.first_accepted(bmc_side(suite, b"right"), [Secret("righ"), Secret("right "), Secret("")]) is None


def test_a_short_code_is_not_a_match() -> None:
    """A BMC that sends no code at all must not look as if it took any password."""
    exchange = bmc_side(rakp.SUITE_3, b"right")
    bare = rakp.Rakp2(7, 0, exchange.console_id, exchange.rakp2.bmc_random, exchange.rakp2.guid, b"")
    empty = rakp.Exchange(exchange.suite, exchange.console_id, exchange.bmc_id, exchange.rakp1, bare)
    assert not empty.accepts(b"right")


@pytest.mark.parametrize("suite", [rakp.SUITE_3, rakp.SUITE_17])
@given(payload=st.binary(max_size=200), sequence=st.integers(1, 2**32 - 1))
def test_a_sealed_packet_opens_to_what_was_put_in(suite: rakp.Suite, payload: bytes, sequence: int) -> None:
    keys = rakp.SessionKeys(b"s" * 32, b"1" * 32, b"2" * 32)
    packet = lanplus.seal(suite, keys, 0x01020304, sequence, payload, os.urandom(16))
    opened = lanplus.open_sealed(suite, keys, packet)
    assert (opened.payload, opened.sequence, opened.session, opened.payload_type) == (payload, sequence, 0x01020304, 0)


def test_a_sealed_packet_that_was_touched_is_refused() -> None:
    suite, keys = sealed_pair()
    packet = bytearray(lanplus.seal(suite, keys, 1, 1, b"hello", bytes(16)))
    packet[30] ^= 1
    with pytest.raises(WireError, match="integrity"):
        lanplus.open_sealed(suite, keys, bytes(packet))


def test_keys_do_not_show_themselves() -> None:
    assert "s" * 4 not in repr(rakp.SessionKeys(b"s" * 20, b"1" * 20, b"2" * 20))


def test_rakp_3_that_gives_a_slot_back_carries_no_code() -> None:
    assert rakp.Rakp3(1, 2, b"code", status=1).encode() == bytes((1, 1, 0, 0, 2, 0, 0, 0))


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        (b"", "8350e5a3e24c153df2275c9f80692773"),
        (b"a", "32ec01ec4a6dac72c0ab96fb34c0b5d1"),
        (b"message digest", "ab4f496bfb2a530b219ff33031fe06b0"),
        (b"1234567890" * 8, "d5976f79d83d3a0dc9806c3c66f3efd8"),
    ],
)
def test_md2_gives_the_digests_of_rfc_1319(text: bytes, digest: str) -> None:
    assert md2(text).hex() == digest


@pytest.mark.parametrize("auth", sorted(lan.NUMBERS))
@given(message=st.binary(max_size=60), sequence=st.integers(0, 2**32 - 1), at=st.integers(0, 200))
def test_a_packet_of_a_1_5_session_opens_with_its_seal_and_with_no_other(
    auth: str, message: bytes, sequence: int, at: int
) -> None:
    seal = lan.Seal(lan.NUMBERS[auth], 0x01020304, b"secret")
    answer = bytearray(rmcp.encode_request(rmcp.NETFN_APP + 1, 1, b"\0" + message, 5))
    packet = lan.signed(seal, sequence, bytes(answer))
    assert lan.open_signed(seal, packet).data == message
    for other in (lan.Seal(seal.auth, seal.session, b"guess"), lan.Seal(seal.auth, 1, b"secret")):
        with pytest.raises(WireError):
            lan.open_signed(other, packet)
    assert "secret" not in repr(seal)


def test_the_strongest_authentication_is_chosen_and_none_is_no_proof() -> None:
    assert lan.strongest(["none", "md2", "md5", "password"]) == "md5"
    assert lan.strongest(["none", "password"]) == "password"
    assert lan.strongest(["none", "oem"]) is None
