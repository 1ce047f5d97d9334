"""The site's recovery key: an age identity (X25519, age-encryption.org/v1) that the operator keeps away from the seed.

It opens what every controller keeps of the site, and the site's own way into the controllers (its SSH key) is derived from it: whoever
has it can take a hand-off up whose seed is lost. No controller ever has it. It refuses text that is not such a key: an age identity has
a checksum, so that a slip of the pen is found.
"""

from __future__ import annotations

import hashlib
import hmac

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret

_HEAD = "AGE-SECRET-KEY-"


def make() -> str:
    """A new key, 74 characters."""
    from pyrage import x25519

    return str(x25519.Identity.generate())


def parse(typed: str) -> Secret:
    """The key as it was typed: blanks, line breaks and small letters do not matter. A SeedvmError where it is none."""
    from pyrage import IdentityError, x25519

    text = "".join(typed.split()).upper()
    try:
        return Secret(str(x25519.Identity.from_str(text)))
    except IdentityError:
        why = "one of its characters is wrong" if text.startswith(_HEAD) else f"it does not begin with {_HEAD}"
        hint = "type it as seedvm bundle key showed it, 74 characters; blanks and small letters do not matter"
        raise SeedvmError("this is not a recovery key", why=why, hint=hint) from None


def grouped(key: Secret) -> str:
    """The key for the eye and for paper, in groups of six characters behind its head."""
    rest = key.reveal().removeprefix(_HEAD)
    return " ".join((_HEAD, *(rest[at : at + 6] for at in range(0, len(rest), 6))))


def ssh_key(key: Secret) -> Ed25519PrivateKey:
    """The site's way into its controllers, as this key gives it."""
    return Ed25519PrivateKey.from_private_bytes(_derived(key, "ssh"))


def ssh_private(key: Secret) -> Secret:
    """`ssh_key` as OpenSSH writes a private key."""
    return Secret(
        ssh_key(key)
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
        .decode()
    )


def ssh_public(key: Secret) -> str:
    """The public half of `ssh_key`, as authorized_keys has it, without a comment."""
    public = ssh_key(key).public_key()
    return public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()


def proof(key: Secret, content: bytes) -> str:
    """Who has the key can say that this content is the site's, and nobody else can (HMAC-SHA256, hex)."""
    return hmac.new(_derived(key, "proof"), content, hashlib.sha256).hexdigest()


def seal(content: bytes, key: Secret) -> str:
    """An age file in ASCII armor that this key alone opens; `age --decrypt --identity KEYFILE` opens it as well."""
    import pyrage

    identity = pyrage.x25519.Identity.from_str(key.reveal())
    return bytes(pyrage.encrypt(content, [identity.to_public()], armored=True)).decode()


def opened(text: str, key: Secret) -> bytes:
    """What was sealed; a SeedvmError where this key does not open it."""
    import pyrage

    try:
        return bytes(pyrage.decrypt(text.encode(), [pyrage.x25519.Identity.from_str(key.reveal())]))
    except pyrage.DecryptError as error:
        raise SeedvmError(
            "the site that the controllers keep does not open",
            why=f"the recovery key is another site's, or the file is damaged ({error})",
            hint="use the recovery key of this site: from paper, or from the site's bundle",
        ) from None


def _derived(key: Secret, purpose: str) -> bytes:
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"seedvm/recovery/{purpose}".encode())
    return kdf.derive(key.reveal().encode())
