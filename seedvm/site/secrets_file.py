"""secrets.yaml: what the operator gave, and what is made once per site.

It refuses a secrets file that others may read, and to make anything twice: whatever stands in the file stays.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TypeAlias

import yaml

from seedvm.base.errors import SeedvmError
from seedvm.base.file_lock import locked
from seedvm.base.files import write_private
from seedvm.base.json_tree import JSON
from seedvm.base.secret import Secret
from seedvm.base.typed_json import decode, encode
from seedvm.site.accounts import Candidate, Rotation
from seedvm.site.generate import generate

# libyaml where it is: with a thousand BMCs the file is read and written seven times as fast
_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_Tree: TypeAlias = Mapping[str, object]
"""The file as it is; `_section` checks the part that is asked for. It is kept whole, so that a write changes nothing but that part."""


_NO_KEY = Secret("")


@dataclass(frozen=True)
class Generated:
    """What is made once per site. Names and shapes are those of the metadata's `secrets`, see docs/architecture.md.

    Beyond the metadata: `ssh_private_key` (OpenSSH, ed25519; the engine's way into nodes), `receipt_key` (PEM, ed25519; signs the
    receipt) with its public half, the console's password itself, and `recovery_key` (seedvm.site.recovery; empty in a file of an older
    version until the next run).
    """

    admin_password: Secret
    mysql_password: Secret
    rabbit_password: Secret
    erlang_cookie: Secret
    service_password: Secret
    stack_domain_admin_password: Secret
    heat_auth_encryption_key: Secret
    keepalived_password: Secret
    fernet_keys: tuple[Secret, ...]
    credential_keys: tuple[Secret, ...]
    handoff_key: Secret
    ssh_private_key: Secret
    ssh_public_key: str
    receipt_key: Secret
    receipt_public_key: str
    console_password: Secret
    console_password_hash: Secret
    recovery_key: Secret = _NO_KEY

    def metadata(self) -> dict[str, JSON]:
        """The `secrets` of a node's metadata, in the open: for a 0600 file or Heat only."""
        plain: dict[str, JSON] = {name: encode(getattr(self, name), reveal=True) for name in _METADATA_NAMES}
        for name, keys in (("fernet_keys", self.fernet_keys), ("credential_keys", self.credential_keys)):
            plain[name] = [{"index": str(index), "key": key.reveal()} for index, key in enumerate(keys)]
        return plain


@dataclass(frozen=True)
class Secrets:
    """All of secrets.yaml. `bmc_candidates` are tried on every BMC, `bmc_accounts` on the one whose address it is; `bmc_passwords` are
    those that were proven and, while they are changed, the old and the new, as they were when the file was read."""

    bmc_candidates: tuple[Candidate, ...]
    generated: Generated
    bmc_accounts: Mapping[str, Candidate] = field(default_factory=dict)
    bmc_passwords: tuple[Secret, ...] = ()

    def every(self) -> tuple[Secret, ...]:
        """Each secret there is: for the search that proves that none of them leaked."""
        found = [account.password for account in (*self.bmc_candidates, *self.bmc_accounts.values())]
        found += self.bmc_passwords
        for item in fields(self.generated):
            value = getattr(self.generated, item.name)
            found += [one for one in (value if isinstance(value, tuple) else (value,)) if isinstance(one, Secret)]
        return tuple(found)


@dataclass(frozen=True)
class _Rotating:
    """A Rotation as the file has it: `sent` is "true", or missing."""

    user: str
    old: Secret
    new: Secret
    sent: str = ""


_METADATA_NAMES = tuple(
    item.name
    for item in fields(Generated)
    if item.name not in ("ssh_private_key", "receipt_key", "receipt_public_key", "console_password", "recovery_key")
)


def load_secrets(path: Path) -> Secrets:
    """The secrets of a site whose secrets have been made."""
    tree = _read(path)
    generated = tree.get("generated")
    if not isinstance(generated, dict):
        raise SeedvmError(
            "the site's own secrets do not exist yet",
            why=f"{path} has no 'generated'",
            hint="create them with seedvm run",
        )
    return _whole(path, tree, generated)


def draft_secrets(path: Path) -> Secrets:
    """The stored secrets or, where none are made yet, ones that live in memory only: for `plan`, which changes nothing."""
    tree = _read(path)
    return _whole(path, tree, {**generate(), **_section(path, tree, "generated")})


def ensure_generated(path: Path) -> Secrets:
    """Make what is not in the file yet and store it: each secret exactly once, also when killed halfway."""
    with locked(_lock(path)):
        tree = _read(path)
        _candidates(path, tree)  # a file that is refused is not written
        stored = _section(path, tree, "generated")
        if set(stored) != {item.name for item in fields(Generated)}:
            stored = {**generate(), **stored}
            _store(path, {**tree, "generated": stored})
        return _whole(path, tree, stored)


def load_candidates(path: Path) -> tuple[Candidate, ...]:
    """The BMC accounts that the operator gave; none when there is no file."""
    return _candidates(path, _read(path))


def store_candidates(path: Path, candidates: tuple[Candidate, ...]) -> None:
    """Write the operator's BMC accounts and leave everything else in the file as it is."""
    plain = [{"user": candidate.user, "password": candidate.password.reveal()} for candidate in candidates]
    with locked(_lock(path)):
        _store(path, {**_read(path), "bmc_candidates": plain})


def load_proven(path: Path) -> dict[str, Candidate]:
    """The account that was proven for each BMC, by its address."""
    return _accounts(path, _read(path), "proven")


def load_accounts(path: Path) -> dict[str, Candidate]:
    """The account that the operator gave for one BMC alone, by its address."""
    return _accounts(path, _read(path), "bmc_accounts")


def store_proven(path: Path, proven: Mapping[str, Candidate]) -> None:
    """Add or replace proven accounts and leave everything else in the file as it is."""
    _put(path, "proven", proven)


def store_accounts(path: Path, accounts: Mapping[str, Candidate]) -> None:
    """Add or replace accounts for one BMC each and leave everything else in the file as it is."""
    _put(path, "bmc_accounts", accounts)


def load_receipt_key(path: Path) -> str:
    """The public key, PEM, by which this site's receipt is known; empty where none was made, or the secrets are wiped."""
    generated = _read(path).get("generated")
    return str(generated.get("receipt_public_key") or "") if isinstance(generated, dict) else ""


def load_rotations(path: Path) -> dict[str, Rotation]:
    """The changes of BMC passwords that have not finished, by address."""
    return _rotations(path, _read(path))


def _rotations(path: Path, tree: _Tree) -> dict[str, Rotation]:
    known = decode(dict[str, _Rotating], _section(path, tree, "rotating"), f"'rotating' in {path}")
    return {address: Rotation(one.user, one.old, one.new, one.sent == "true") for address, one in known.items()}


def store_rotation(path: Path, address: str, rotation: Rotation) -> None:
    """Keep both passwords before the BMC gets the new one, and again once it has it."""
    plain = {"user": rotation.user, "old": rotation.old.reveal(), "new": rotation.new.reveal()}
    with locked(_lock(path)):
        tree = _read(path)
        sent = {"sent": "true"} if rotation.sent else {}
        _store(path, {**tree, "rotating": {**_section(path, tree, "rotating"), address: plain | sent}})


def end_rotation(path: Path, address: str, account: Candidate) -> None:
    """The account that is in force now is the proven one; the other password goes. One write."""
    with locked(_lock(path)):
        tree = _read(path)
        rest = {one: pair for one, pair in _section(path, tree, "rotating").items() if one != address}
        proven = {
            **_section(path, tree, "proven"),
            address: {"user": account.user, "password": account.password.reveal()},
        }
        tree = {**tree, "proven": proven, "rotating": rest}
        _store(path, tree if rest else {key: value for key, value in tree.items() if key != "rotating"})


def _store(path: Path, tree: _Tree) -> None:
    head = "# Secrets of the site. Keep it 0600, never copy it into a ticket.\n"
    write_private(path, head + yaml.dump(dict(tree), Dumper=_DUMPER, sort_keys=False, default_flow_style=False))


def _put(path: Path, key: str, accounts: Mapping[str, Candidate]) -> None:
    plain = {address: {"user": one.user, "password": one.password.reveal()} for address, one in accounts.items()}
    with locked(_lock(path)):
        tree = _read(path)
        known = _section(path, tree, key)
        if any(known.get(address) != pair for address, pair in plain.items()):
            _store(path, {**tree, key: {**known, **plain}})


def _lock(path: Path) -> Path:
    """Engine, screen and commands change the file one after the other: none may undo what another has just stored."""
    return path.with_name(f".{path.name}.lock")


def _section(path: Path, tree: _Tree, key: str) -> Mapping[str, object]:
    """A part of the file that is a mapping; empty where there is none."""
    value = tree.get(key) or {}
    if not isinstance(value, dict):
        raise SeedvmError(
            f"{path}: '{key}' is refused", why="it is not a mapping", hint="correct it, or restore the file"
        )
    return value


def _accounts(path: Path, tree: _Tree, key: str) -> dict[str, Candidate]:
    return decode(dict[str, Candidate], _section(path, tree, key), f"'{key}' in {path}")


def _bmc_passwords(path: Path, tree: _Tree) -> tuple[Secret, ...]:
    changed = [one for pair in _rotations(path, tree).values() for one in (pair.old, pair.new)]
    return tuple(dict.fromkeys([*(one.password for one in _accounts(path, tree, "proven").values()), *changed]))


def _whole(path: Path, tree: _Tree, generated: Mapping[str, object]) -> Secrets:
    accounts = _accounts(path, tree, "bmc_accounts")
    return Secrets(_candidates(path, tree), _generated(path, generated), accounts, _bmc_passwords(path, tree))


def _read(path: Path) -> _Tree:
    try:
        mode = path.stat().st_mode
        text = path.read_text()
    except FileNotFoundError:
        return {}
    if stat.S_IMODE(mode) & 0o077:
        raise SeedvmError(
            f"{path} is readable by other users",
            why=f"its mode is {stat.S_IMODE(mode):04o}",
            hint=f"run chmod 0600 {path}",
        )
    try:
        tree = yaml.load(text, Loader=_LOADER) or {}  # strings only: a password of digits is not a number
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise SeedvmError(
            f"{path} is not YAML", why=f"line {line}", hint="fix that line"
        ) from None  # its text may be secret
    if not isinstance(tree, dict) or set(tree) - {"bmc_candidates", "bmc_accounts", "generated", "proven", "rotating"}:
        raise SeedvmError(
            f"{path} has an unknown key",
            why="known keys: bmc_candidates, bmc_accounts, proven, rotating, generated",
            hint="remove the key from the file",
        )
    return tree


def _candidates(path: Path, tree: _Tree) -> tuple[Candidate, ...]:
    found, listed = [], tree.get("bmc_candidates") or []
    for number, entry in enumerate(listed if isinstance(listed, list) else [None], 1):
        if not isinstance(entry, dict) or set(entry) != {"user", "password"}:
            raise SeedvmError(
                f"{path}: BMC candidate {number} is invalid",
                why="it must have 'user' and 'password' and nothing else",
                hint="write bmc_candidates: [{user: ..., password: ...}]",
            )
        found.append(Candidate(str(entry["user"]), Secret(str(entry["password"]))))
    return tuple(found)


def _generated(path: Path, stored: Mapping[str, object]) -> Generated:
    names = {item.name for item in fields(Generated)}
    if wrong_names := (set(stored) ^ names) - {"recovery_key"}:
        wrong = ", ".join(sorted(wrong_names))
        raise SeedvmError(
            f"{path}: section 'generated' is incomplete",
            why=f"missing or unknown: {wrong}",
            hint="complete it with seedvm run",
        )
    return decode(Generated, stored, f"'generated' in {path}")
