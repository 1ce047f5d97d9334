"""What the page of the site's bundle writes and shows. It refuses to write over a file that is there."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.site import recovery
from seedvm.site.bundle import write_bundle
from seedvm.site.load import load_site
from seedvm.site.secrets_file import load_secrets


def save_site(state_dir: Path, file: str, passphrase: Secret, again: Secret) -> str:
    """Write the bundle of the site; what to say of it. `file` is a path, or a folder in which the file gets a name of its own."""
    if passphrase != again:
        raise SeedvmError("Not saved", why="the two passphrases differ", hint="type both again")
    target = Path(file.strip())
    if not file.strip() or not target.is_absolute():
        raise SeedvmError("Not saved", why="the file's name is not a full path", hint="for example /mnt/demo.age")
    site = load_site(state_dir / "site.yaml").name
    if target.is_dir():
        target /= f"{site}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.age"
    if target.exists():
        raise SeedvmError("Not saved", why=f"{target} is there already", hint="name another file")
    manifest = write_bundle(state_dir, site, target, passphrase)
    return f"{manifest.files} files written to {target}. Keep it and its passphrase apart from this laptop."


def recovery_key(state_dir: Path) -> str:
    """The site's recovery key in groups."""
    key = load_secrets(state_dir / "secrets.yaml").generated.recovery_key
    if not key.reveal():
        raise SeedvmError("this site has no recovery key yet", hint="start the engine once: it makes the key")
    return recovery.grouped(key)
