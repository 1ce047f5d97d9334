"""What a service of the cloud answers when it is not itself: the reason is short, in words, and made quickly."""

from __future__ import annotations

import time

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.base.item import Item
from seedvm.cloud.ironic import Node
from seedvm.cloud.reply import Answer
from seedvm.foreign.text import is_clean

DEEP = b"[" * 200_000
BODIES = (
    DEEP,
    b'{"error_message": ' + DEEP,
    b'{"error_message": "' + b"{" * 100_000 + b'"}',
    b"<script" * 30_000,
    b"<" * 200_000,
    b"9" * 5000,
    b"NaN",
    b"\xff\xfe",
    b'{"detail": "\\u001b[2J\\u202e"}',
)
NODE = {"uuid": "u1", "driver": "ipmi", "provision_state": "manageable"}


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:12]))
def test_any_body_gives_a_reason_or_is_refused_quickly(body: bytes) -> None:
    began, answer = time.process_time(), Answer(500, "Error", {}, body, "Ironic")
    assert answer.reason().startswith("HTTP 500") and is_clean(answer.reason()) and len(answer.reason()) < 500
    try:
        answer.item()
    except SeedvmError as refused:
        assert is_clean(str(refused))
    assert time.process_time() - began < 5


@pytest.mark.parametrize("url", ["http://[", 7, "", "\x1b[2J", "x" * 5000, None])
def test_a_ramdisks_address_that_cannot_be_read_is_unknown(url: object) -> None:
    assert Node.of(Item({**NODE, "driver_internal_info": {"agent_url": url}}, "Ironic")).agent == ""
