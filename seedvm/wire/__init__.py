"""Bytes of the wire <-> frozen types: pure functions, no sockets, no clock, no randomness.

Every decoder takes any bytes at all and either returns a value or raises WireError, nothing else.
Refused here: waiting, sending, and guessing what a malformed packet may have meant.
"""

from __future__ import annotations


class WireError(ValueError):
    """The bytes are not what the decoder was asked for; the text says at which field."""
