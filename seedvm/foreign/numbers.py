"""Numbers of foreign origin: within their range, or unknown.

Refused here: booleans, NaN, infinities, digits without end, and text that only looks like a number.
"""

from __future__ import annotations

import math

MOST_DIGITS = 20


def integer(value: object, low: int, high: int) -> int | None:
    """A whole number of `low` to `high`; a float counts where it is whole."""
    if isinstance(value, float):
        value = int(value) if math.isfinite(value) and value.is_integer() else None
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if low <= value <= high else None


def real(value: object, low: float, high: float) -> float | None:
    """A finite number of `low` to `high`."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    if isinstance(value, int):
        return float(value) if low <= value <= high else None
    return value if math.isfinite(value) and low <= value <= high else None


def decimal(text: object, low: int, high: int) -> int | None:
    """A whole number of `low` to `high` in ASCII digits, as headers such as Retry-After have it."""
    if not isinstance(text, str) or len(text) > MOST_DIGITS or not (text.isascii() and text.isdecimal()):
        return None
    return integer(int(text), low, high)
