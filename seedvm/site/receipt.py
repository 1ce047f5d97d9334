"""The signature of a receipt, and what follows from a receipt that is genuine: the screen's light, and what the engine does on a seed that
has left.

A receipt is believed by the site's own receipt key alone: the one in secrets.yaml and, once that is wiped, the public half of it that
was stored beside the receipt (`receipt.pub`). The key that a receipt carries itself proves nothing, as whoever edits it can sign it again.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from seedvm.base.errors import SeedvmError
from seedvm.base.json_tree import JSON
from seedvm.base.secret import Secret
from seedvm.base.typed_json import decode
from seedvm.foreign.json_document import NotJson, parse_object
from seedvm.site.doubts import COMMAND, Accepted, Doubt, open_of
from seedvm.site.evidence import EvidenceNeeds, SignedEvidence, canonical, fingerprint, wrong_evidence
from seedvm.site.secrets_file import load_receipt_key

FORMAT = 2
"""Receipts of this format have the members' own evidence; those of older versions have no format, and none."""
FILE = "receipt.json"
PAGE = "receipt.txt"
KEY = "receipt.pub"
_COMPARE = "compare it with the one on a node"
MEMBERS_RECORD = "handoff.jsonl"
"""The hand-off as a controller recorded it, in that controller's own folder: no seed has one."""


@dataclass(frozen=True)
class VipLine:
    """The virtual address, and the name of the node that it moved to."""

    address: str
    holder: str


@dataclass(frozen=True)
class Statement:
    """What a receipt says as far as anything is decided by it; its signature was right. `time` is UTC, ISO 8601.

    `doubts` are what could not be measured, `accepted` the operator's words on them, `attempt` the hand-off for which they are given.
    """

    site: str
    verdict: str
    may_leave: bool
    time: str
    vip: VipLine
    attempt: str = ""
    doubts: tuple[Doubt, ...] = ()
    accepted: tuple[Accepted, ...] = ()

    @property
    def open(self) -> tuple[Doubt, ...]:
        """The doubts on which the operator's word is missing."""
        return open_of(self.doubts, self.accepted, self.attempt)

    @property
    def hint(self) -> str:
        """What the operator may do about a NO."""
        if names := " ".join(one.name for one in self.open):
            return f"to leave it as it is: {COMMAND} {names}; else put it right; then run again"
        return "put right what the receipt names, then run again"


def sign_tree(tree: Mapping[str, JSON], key: Secret) -> str:
    """A receipt's JSON as text with its signature, which is over the canonical JSON of all the rest. `key` is PEM, ed25519."""
    private = serialization.load_pem_private_key(key.reveal().encode(), password=None)
    if not isinstance(private, Ed25519PrivateKey):
        raise SeedvmError("the receipt key is not ed25519")
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    value = base64.b64encode(private.sign(canonical(tree))).decode()
    signature = {"algorithm": "ed25519", "public_key": public.decode(), "value": value}
    return json.dumps({**tree, "signature": signature}, indent=1) + "\n"


@dataclass(frozen=True)
class _Member:
    name: str


@dataclass(frozen=True)
class _Witnessed:
    """What a receipt says of its members and their evidence."""

    site: str
    format: int = 1
    attempt: str = ""
    members: tuple[_Member, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    evidence: tuple[SignedEvidence, ...] = ()


def verify(text: str, *, public_key: str | None = None) -> Statement:
    """What the receipt says, if its signature is right (and, when given, by this key); else a SeedvmError."""
    return decode(Statement, _signed(text, public_key), "the receipt")


def doubt(text: str, *, key: str, site: str, attempt: str = "") -> str:
    """Why a receipt is not to be believed, in a few words for the operator; empty where it is the genuine one of this site and, where that
    is known, of the hand-off `attempt`. One without the members' evidence, as older versions wrote it, is believed where it is not."""
    if not key:
        return f"this site's receipt key is not known ({KEY} is missing)"
    try:
        said = decode(_Witnessed, _signed(text, key), "the receipt")
    except SeedvmError as error:
        return error.what
    if said.site != site:
        return f"the receipt is for site {said.site}, but this is {site}"
    if not attempt:
        return ""
    if said.format < FORMAT:
        return "the members' own evidence is missing from the receipt"
    return "" if said.attempt == attempt else "the receipt is of an earlier hand-off of this site"


def signer(text: str) -> str:
    """The fingerprint of the key that a receipt says to be signed by; whoever made the receipt chose it."""
    try:
        return fingerprint(str(json.loads(text)["signature"]["public_key"]))
    except (ValueError, KeyError, TypeError):
        return ""


def witnesses(text: str) -> dict[str, str]:
    """Member -> the fingerprint of its own key, of a receipt that was verified."""
    given = decode(_Witnessed, json.loads(text), "the receipt").evidence
    return {str(json.loads(one.statement).get("member")): fingerprint(one.public_key) for one in given}


def this_attempt(state_dir: Path) -> str:
    """The hand-off that this state folder knows of; empty where it knows none."""
    try:
        return str(json.loads((state_dir / "handoff.json").read_text()).get("attempt") or "")
    except (OSError, ValueError, AttributeError):
        return ""


def doubt_here(text: str, state_dir: Path, site: str) -> str:
    """`doubt` by what this state folder knows: its key and its hand-off. The screen and every step that leaves ask here."""
    return doubt(text, key=site_key(state_dir), site=site, attempt=this_attempt(state_dir))


def site_key(state_dir: Path) -> str:
    """The public key, PEM, that a receipt of this site is signed by; empty where it is not known."""
    if key := load_receipt_key(state_dir / "secrets.yaml"):
        return key
    try:
        return (state_dir / KEY).read_text()
    except FileNotFoundError:
        return ""


def trusted(state_dir: Path, site: str) -> Statement:
    """What this site's genuine receipt says; a SeedvmError where there is none."""
    text = (state_dir / FILE).read_text()
    if wrong := doubt_here(text, state_dir, site):
        raise SeedvmError(wrong, hint=f"compare {state_dir / FILE} with /var/lib/seedvm/{FILE} on a node")
    return verify(text)


def departed(state_dir: Path, site: str) -> Statement | None:
    """What the receipt says on a seed that has wiped its secrets because of it; None on any other.

    A seed that left before receipts had a key file beside them is known by the key in the receipt, or it would start from the beginning.
    """
    if not (state_dir / FILE).exists() or (state_dir / "secrets.yaml").exists():
        return None
    old = not (state_dir / KEY).exists()
    said = verify((state_dir / FILE).read_text()) if old else trusted(state_dir, site)
    if said.site != site:
        raise SeedvmError(
            f"the receipt is for site {said.site}, but this is {site}",
            hint=f"move {state_dir / FILE} away, or use the folder of {said.site}",
        )
    return said if said.may_leave else None


def handed_over(state_dir: Path, site: str) -> Statement | None:
    """What the receipt says in the folder of a controller that the site was handed over to; None in any other folder. The journal there
    is a copy that was made while the seed's engine worked: it never says how that ended, and no engine is at work on it."""
    if not (state_dir / MEMBERS_RECORD).exists() or not (state_dir / FILE).exists():
        return None
    said = trusted(state_dir, site)
    return said if said.may_leave else None


def _signed(text: str, public_key: str | None) -> dict[str, object]:
    """The receipt without its signature, once that was right."""
    try:
        tree = dict(parse_object(text.encode("utf-8", "surrogatepass")))
    except NotJson as error:
        raise SeedvmError("not a valid receipt", why=f"it is not JSON: {error}", hint=_COMPARE) from None
    if "signature" not in tree:
        raise SeedvmError("the receipt is not signed", why="it has no signature", hint=_COMPARE)
    signature = tree.pop("signature")
    parts = signature if isinstance(signature, dict) else {}
    pem, base = parts.get("public_key"), parts.get("value")
    if not isinstance(pem, str) or not isinstance(base, str):
        raise SeedvmError("not a valid receipt", why="its signature has no key or no value", hint=_COMPARE)
    try:
        public = serialization.load_pem_public_key(pem.encode("utf-8", "replace"))
    except (ValueError, UnsupportedAlgorithm):
        raise SeedvmError("not a valid receipt", why="the key in it cannot be read", hint=_COMPARE) from None
    try:
        value = base64.b64decode(base.encode("utf-8", "replace"))
    except ValueError:
        raise SeedvmError("not a valid receipt", why="its signature is not Base64", hint=_COMPARE) from None
    if public_key is not None and pem.strip() != public_key.strip():
        raise SeedvmError("the receipt is signed by another site's key")
    if not isinstance(public, Ed25519PublicKey):
        raise SeedvmError("the receipt's key is not ed25519")
    try:
        public.verify(value, canonical(tree))
    except InvalidSignature as error:
        raise SeedvmError("the receipt has been changed since it was signed", hint=_COMPARE) from error
    if wrong := _unwitnessed(tree):
        raise SeedvmError(wrong, hint=_COMPARE)
    return dict(tree)


def _unwitnessed(tree: Mapping[str, object]) -> str:
    """What is wrong with the members' evidence; nothing in a receipt of a version that had none."""
    said = decode(_Witnessed, tree, "the receipt")
    if said.format < FORMAT and not said.evidence:
        return ""
    silent = frozenset(one.machine for one in said.doubts if one.name == f"silent-{one.machine}")
    needs = EvidenceNeeds(said.site, said.attempt, tuple(one.name for one in said.members), silent)
    return wrong_evidence(said.evidence, needs)
