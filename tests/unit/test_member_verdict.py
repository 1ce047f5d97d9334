"""The verdict's datagram: only the site's own key and the rehearsal in question are believed."""

from __future__ import annotations

import pytest

from seedvm.base.secret import Secret
from seedvm.wire.verdict import Verdict, pack, seal, unpack

KEY = Secret("ab" * 32)
VERDICT = Verdict("token-1", "demo-undercloud-0", True, "all is well")


def test_a_verdict_survives_the_wire() -> None:
    assert unpack(pack(VERDICT, KEY), KEY, "token-1") == VERDICT


def test_another_key_another_rehearsal_and_a_changed_byte_are_refused() -> None:
    datagram = pack(VERDICT, KEY)
    assert unpack(datagram, Secret("cd" * 32), "token-1") is None
    assert unpack(datagram, KEY, "token-2") is None
    assert unpack(datagram.replace(b"true", b"1234"), KEY, "token-1") is None


@pytest.mark.parametrize("junk", [b"", b"seedvm1 ", b"seedvm1 " + b"0" * 64 + b" {}", bytes(1500), b"\xff" * 100])
def test_junk_is_none_and_no_error(junk: bytes) -> None:
    assert unpack(junk, KEY, "token-1") is None


def test_a_long_reason_is_cut_to_one_frame() -> None:
    for letter in ("x", "\u00e9", "\u6f22", "\U0001f469", '"', "\\", "\x1b"):
        datagram = pack(Verdict("t", "m", False, letter * 5000), KEY)
        assert len(datagram) < 1400
        heard = unpack(datagram, KEY, "t")
        assert heard is not None
        assert not heard.passed


def test_a_seal_tells_values_apart_and_shows_none() -> None:
    assert seal("one", KEY) == seal("one", KEY) != seal("two", KEY)
    assert "one" not in seal("one", KEY)
