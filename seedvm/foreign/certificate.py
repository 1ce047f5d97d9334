"""A BMC's certificate as evidence: its fingerprint always, its subject and its last day where they can be read.

The fingerprint is of the bytes (SHA-256) and needs no parser. Everything else comes from certificates that no authority checked:
subjects that are no valid strings, dates out of range, negative serial numbers (RFC 5280 4.1.2). What is unreadable is unknown.
Never raises.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from cryptography import x509

from seedvm.base.endings import ENDINGS
from seedvm.foreign.text import shown

T = TypeVar("T")


@dataclass(frozen=True)
class Certificate:
    """`fingerprint` is "sha256:" and hex digits. `subject` is text for people, "" where it is unreadable; `until` None where it is. `doubt`
    says what could not be read and why, "" where all could."""

    fingerprint: str
    subject: str = ""
    until: datetime | None = None
    doubt: str = ""


def certificate(der: bytes) -> Certificate:
    """What a certificate in DER says."""
    fingerprint = f"sha256:{hashlib.sha256(der).hexdigest()}"
    parsed, doubt = _read(lambda: x509.load_der_x509_certificate(der), "the certificate")
    if parsed is None:
        return Certificate(fingerprint, doubt=doubt)
    subject, subject_doubt = _read(lambda: parsed.subject.rfc4514_string(), "its subject")
    until, until_doubt = _read(lambda: parsed.not_valid_after_utc, "its last day")
    doubts = "; ".join(one for one in (subject_doubt, until_doubt) if one)
    return Certificate(fingerprint, shown(subject), until, doubts)


def _read(part: Callable[[], T], name: str) -> tuple[T | None, str]:
    """One part, or None and why it cannot be read. The library raises its own errors, ValueError and, from Rust, PanicException."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what the library will refuse one day: no line for an operator
            return part(), ""
    except ENDINGS:
        raise
    except BaseException as error:  # pyo3's PanicException is no Exception
        return None, shown(f"{name} cannot be read: {type(error).__name__} {error}", 160)
