"""What of this machine holds secrets, its wiping, and the search that proves it.

Whole folders of the services go first; then every file under the searched roots that holds one of the site's own secrets is
overwritten and removed. Passwords of BMCs are the operator's words and may stand in any text, so they are searched for where we
write, and nothing is removed because of them. It refuses to touch what it is told to keep.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from seedvm.base import process
from seedvm.base.secret import Secret
from seedvm.site.secrets_file import Secrets

FOLDERS = tuple(
    Path(name)
    for name in (
        "/var/lib/mysql",
        "/var/lib/rabbitmq",
        "/var/lib/glance/images",
        "/var/lib/ironic",
        "/var/lib/nova",
        "/var/lib/os-collect-config",
        "/etc/keystone/fernet-keys",
        "/etc/keystone/credential-keys",
        "/run/os-collect-config",
    )
)
ROOTS = tuple(Path(name) for name in ("/etc", "/var", "/root", "/run", "/home", "/tmp", "/opt/seedvm/etc"))
_OURS = tuple(Path(name) for name in ("/var/lib/seedvm", "/var/log", "/run/seedvm", "/root"))
_SHADOW = (Path("/etc/shadow"), Path("/etc/shadow-"))
_SHORTEST = 8


@dataclass(frozen=True)
class SecretSweep:
    """Words to look for, where, and which files stay."""

    own: tuple[bytes, ...]
    given: tuple[bytes, ...]
    keep: frozenset[Path]
    roots: tuple[Path, ...] = ROOTS
    ours: tuple[Path, ...] = _OURS
    folders: tuple[Path, ...] = FOLDERS

    @classmethod
    def of(cls, secrets: Secrets, *, keep: Sequence[Path]) -> SecretSweep:
        """For one site. The console's password is a hash in /etc/shadow: it is locked, not searched away."""
        given = {one.password for one in (*secrets.bmc_candidates, *secrets.bmc_accounts.values())}
        given |= set(secrets.bmc_passwords)
        hashed = secrets.generated.console_password_hash
        own = {one for one in secrets.every() if one not in given and one != hashed}
        return cls(_words(own), _words(given), frozenset(keep))

    def wipe(self) -> tuple[Path, ...]:
        """Remove; the files that were removed one by one because a secret was in them."""
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)
        if self.roots == ROOTS:
            process.run(["usermod", "--password", "*", "root"], timeout=20, check=False)
            _SHADOW[1].unlink(missing_ok=True)
        gone = tuple(self._holding(self.own, self.roots))
        for path in gone:
            _shred(path)
        return gone

    def find(self) -> tuple[Path, ...]:
        """Files that hold a secret still."""
        return (*self._holding(self.own, self.roots), *self._holding(self.given, self.ours))

    def _holding(self, words: Sequence[bytes], roots: Sequence[Path]) -> Iterator[Path]:
        for path in _files(roots):
            if path not in self.keep and _holds(path, words):
                yield path


def holds_anything(folder: Path) -> bool:
    """Whether a wiped folder is one still; a place of the state partition stays, empty, as long as it is mounted."""
    return folder.is_dir() and any(folder.iterdir())


def _words(secrets: set[Secret]) -> tuple[bytes, ...]:
    """What to search for: of a key in several lines, its first line of key proper."""
    found = set()
    for secret in secrets:
        lines = [line for line in secret.reveal().splitlines() if line and not line.startswith("-----")]
        if lines and len(lines[0]) >= _SHORTEST:
            found.add(max(lines, key=len).encode() if len(lines) > 1 else lines[0].encode())
    return tuple(sorted(found))


def _files(roots: Sequence[Path]) -> Iterator[Path]:
    """Every regular file under the roots that is on a file system of this machine's own (not the images' mount)."""
    for root in roots:
        for folder, folders, names in os.walk(root):
            folders[:] = [name for name in folders if not (Path(folder) / name).is_symlink()]
            for name in names:
                path = Path(folder) / name
                if path.is_file() and not path.is_symlink():
                    yield path


def _holds(path: Path, words: Sequence[bytes]) -> bool:
    with (
        contextlib.suppress(OSError, ValueError),
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        return any(content.find(word) >= 0 for word in words)
    return False


def _shred(path: Path) -> None:
    with contextlib.suppress(OSError):
        size = path.stat().st_size
        with path.open("r+b") as file:
            file.write(bytes(size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
