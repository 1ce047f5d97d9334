"""Evidence that a member has signed with a key of its own, and the fingerprints of keys. Pure; the receipt binds the keys by the site's.

It refuses evidence of another site, another hand-off or another member than it is shown for, and one key for two members.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from seedvm.base.errors import SeedvmError
from seedvm.base.json_tree import JSON
from seedvm.base.secret import Secret


@dataclass(frozen=True)
class SignedEvidence:
    """What a member says (canonical JSON), the public half of its key (PEM), and its signature (base64) over that text."""

    statement: str
    public_key: str
    signature: str


@dataclass(frozen=True)
class EvidenceNeeds:
    """What a receipt's evidence must be for: the site, the hand-off, every member by name, and those that may be silent."""

    site: str
    attempt: str
    members: tuple[str, ...]
    silent: frozenset[str]


def sign_evidence(seen: Mapping[str, JSON], key: Secret) -> SignedEvidence:
    """Sign what a member saw. `key` is PEM, ed25519."""
    private = serialization.load_pem_private_key(key.reveal().encode(), password=None)
    if not isinstance(private, Ed25519PrivateKey):
        raise SeedvmError("the member's key is not ed25519")
    text = canonical(seen)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return SignedEvidence(text.decode(), public.decode(), base64.b64encode(private.sign(text)).decode())


def wrong_evidence(given: Iterable[SignedEvidence], needs: EvidenceNeeds) -> str:
    """Why the evidence is not what the receipt needs; empty where it is."""
    found: dict[str, str] = {}
    for one in given:
        try:
            said = _statement(one)
        except SeedvmError as error:
            return error.what
        name = str(said.get("member"))
        if said.get("site") != needs.site or said.get("attempt") != needs.attempt:
            return f"the evidence of {name} is of another site or an earlier hand-off"
        if name not in needs.members or name in found or one.public_key in found.values():
            return f"the evidence of {name} does not belong to a member of its own"
        found[name] = one.public_key
    if missing := sorted({*needs.members} - {*found} - needs.silent):
        return f"the evidence of {', '.join(missing)} is missing"
    if 2 * len(found) <= len(needs.members):
        return "fewer than a majority of the members have signed their evidence"
    return ""


def fingerprint(public_key: str) -> str:
    """Of a public key in PEM: "SHA256:" and base64, as ssh shows one. Empty where it is no key."""
    try:
        key = serialization.load_pem_public_key(public_key.encode())
    except (ValueError, UnsupportedAlgorithm):
        return ""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return "SHA256:" + base64.b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")


def canonical(tree: Mapping[str, object]) -> bytes:
    """The one form in which a tree is signed."""
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _statement(one: SignedEvidence) -> Mapping[str, object]:
    """What the member says, once its signature was right."""
    try:
        public = serialization.load_pem_public_key(one.public_key.encode())
        value = base64.b64decode(one.signature, validate=True)
        said = json.loads(one.statement)
        if not isinstance(public, Ed25519PublicKey) or not isinstance(said, dict):
            raise ValueError("no ed25519 key or no object")
        public.verify(value, one.statement.encode())
    except (ValueError, binascii.Error, UnsupportedAlgorithm) as error:
        raise SeedvmError("a member's evidence cannot be read", why=str(error)) from error
    except InvalidSignature as error:
        raise SeedvmError("a member's evidence has been changed since it was signed") from error
    return said
