"""MD2, which no library in reach carries any more and IPMI 1.5 still asks for.

Source: RFC 1319. Refused here: any use but the packets of an old BMC; it protects nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator


def md2(data: bytes) -> bytes:
    """The 16 bytes of the digest."""
    table = _table()
    fill = 16 - len(data) % 16
    data += bytes((fill,)) * fill
    check, last = bytearray(16), 0
    for at in range(0, len(data), 16):
        for index in range(16):
            check[index] ^= table[data[at + index] ^ last]
            last = check[index]
    data += bytes(check)
    state = bytearray(48)
    for at in range(0, len(data), 16):
        for index in range(16):
            state[16 + index] = data[at + index]
            state[32 + index] = data[at + index] ^ state[index]
        last = 0
        for turn in range(18):
            for index in range(48):
                state[index] ^= table[last]
                last = state[index]
            last = (last + turn) & 0xFF
    return bytes(state[:16])


@functools.cache
def _table() -> bytes:
    """The permutation of section 3.2: a shuffle of 0..255 driven by the digits of pi."""
    digits = _digits_of_pi()
    table = list(range(256))
    for limit in range(2, 257):
        other = _below(limit, digits)
        table[limit - 1], table[other] = table[other], table[limit - 1]
    return bytes(table)


def _below(limit: int, digits: Iterator[int]) -> int:
    """A number under `limit` from as many digits as it takes; what would make it uneven is drawn again."""
    while True:
        value, span = next(digits), 10
        while span < limit:
            value, span = value * 10 + next(digits), span * 10
        if value < limit * (span // limit):
            return value % limit


def _digits_of_pi() -> Iterator[int]:
    """The decimal digits, 3 first (Gibbons' spigot)."""
    q, r, t, k, digit, step = 1, 0, 1, 1, 3, 3
    while True:
        if 4 * q + r - t < digit * t:
            yield digit
            q, r, digit = 10 * q, 10 * (r - digit * t), 10 * (3 * q + r) // t - 10 * digit
        else:
            digit = (q * (7 * k + 2) + r * step) // (t * step)
            q, r, t, k, step = q * k, (2 * q + r) * step, t * step, k + 1, step + 2
