"""Makes the secrets of a site from the kernel's randomness. It stores nothing and knows no file; `seedvm.site.secrets_file` does."""

from __future__ import annotations

import hashlib
import secrets

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from seedvm.base.secret import Secret
from seedvm.site import recovery

_LETTERS = "abcdefghijkmnpqrstuvwxyzACDEFGHJKLMNPQRTUVWXY34679"
_CRYPT64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def generate() -> dict[str, str | list[str]]:
    """Every secret of a site, plain, under the names of `seedvm.site.secrets_file.Generated`."""
    key = Secret(recovery.make())
    receipt = Ed25519PrivateKey.generate()
    console = _password(16)
    return {
        "admin_password": _password(24),
        "mysql_password": _password(24),
        "rabbit_password": _password(24),
        "erlang_cookie": _password(32),
        "service_password": _password(24),
        "stack_domain_admin_password": _password(24),
        "heat_auth_encryption_key": secrets.token_hex(16),  # Heat takes exactly 32 characters
        "keepalived_password": _password(8),  # VRRP's field is 8 bytes
        "fernet_keys": [_fernet(), _fernet()],
        "credential_keys": [_fernet(), _fernet()],
        "handoff_key": secrets.token_hex(32),
        "recovery_key": key.reveal(),
        "ssh_private_key": recovery.ssh_private(key).reveal(),
        "ssh_public_key": recovery.ssh_public(key) + " seedvm",
        "receipt_key": receipt.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
        "receipt_public_key": receipt.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode(),
        "console_password": console,
        "console_password_hash": sha512_crypt(console, _password(16)),
    }


def _password(length: int) -> str:
    # Letters and digits that are not mistaken for each other: safe in URLs, in INI files and on a keyboard of any land.
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


def _fernet() -> str:
    return Fernet.generate_key().decode()


def sha512_crypt(password: str, salt: str, rounds: int = 5000) -> str:
    """SHA-512 crypt for /etc/shadow (U. Drepper, "Unix crypt using SHA-256 and SHA-512"): Python 3.13 has no crypt module."""
    key, seasoning = password.encode(), salt.encode()[:16]
    inner = hashlib.sha512(key + seasoning + key).digest()
    outer = hashlib.sha512(key + seasoning + _stretched(inner, len(key)))
    length = len(key)
    while length:
        outer.update(inner if length & 1 else key)
        length >>= 1
    digest = outer.digest()
    p = _stretched(hashlib.sha512(key * len(key)).digest(), len(key))
    s = _stretched(hashlib.sha512(seasoning * (16 + digest[0])).digest(), len(seasoning))
    for turn in range(rounds):
        block = hashlib.sha512(p if turn & 1 else digest)
        block.update(s if turn % 3 else b"")
        block.update(p if turn % 7 else b"")
        block.update(digest if turn & 1 else p)
        digest = block.digest()
    return f"$6${seasoning.decode()}${_crypt64(digest)}"


def _stretched(block: bytes, length: int) -> bytes:
    return (block * (length // len(block) + 1))[:length]


def _crypt64(digest: bytes) -> str:
    text = ""
    a, b, c = 0, 21, 42
    for _ in range(21):
        text += _sixes(digest[a] << 16 | digest[b] << 8 | digest[c], 4)
        a, b, c = b + 1, c + 1, a + 1
    return text + _sixes(digest[63], 2)


def _sixes(number: int, count: int) -> str:
    return "".join(_CRYPT64[number >> 6 * place & 63] for place in range(count))
