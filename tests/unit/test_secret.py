"""Secrets hide themselves, are made once, and live in a file that nobody else reads."""

from __future__ import annotations

import json
import pickle
import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key, load_ssh_private_key

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret, strike
from seedvm.site.accounts import Candidate, Rotation
from seedvm.site.generate import sha512_crypt
from seedvm.site.secrets_file import (
    draft_secrets,
    end_rotation,
    ensure_generated,
    load_candidates,
    load_proven,
    load_secrets,
    store_candidates,
    store_proven,
    store_rotation,
)


def test_a_secret_shows_itself_to_reveal_alone() -> None:
    secret = Secret("swordfish")
    assert secret.reveal() == "swordfish"
    for shown in (
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret:>10}",
        "".join(map(str, [secret])),
        repr([secret]),
        f"{ValueError(secret)}",
    ):
        assert "swordfish" not in shown
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps({"secret": secret})


@pytest.mark.parametrize(("text", "struck"), [("pw abc, abcd", "pw ****, abcd"), ('{"k":"abc"}', '{"k":"****"}')])
def test_short_secrets_are_struck_as_words(text: str, struck: str) -> None:
    assert strike(text, (Secret("abc"),)) == struck


def test_every_secret_of_the_metadata_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "secrets.yaml"
    made = ensure_generated(path)
    before = path.stat()
    assert ensure_generated(path) == made == load_secrets(path) == draft_secrets(path)
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert stat.S_IMODE(before.st_mode) == 0o600
    metadata = made.generated.metadata()
    assert set(metadata) == {
        "admin_password", "mysql_password", "rabbit_password", "erlang_cookie", "service_password",
        "stack_domain_admin_password", "heat_auth_encryption_key", "keepalived_password", "fernet_keys", "credential_keys",
        "handoff_key", "ssh_public_key", "console_password_hash",
    }  # fmt: skip
    assert len(metadata["heat_auth_encryption_key"]) == 32
    assert len(metadata["keepalived_password"]) == 8
    assert len(metadata["handoff_key"]) == 64
    assert [entry["index"] for entry in metadata["fernet_keys"]] == ["0", "1"]
    for entry in metadata["fernet_keys"] + metadata["credential_keys"]:
        Fernet(entry["key"])


def test_the_keys_are_keys(tmp_path: Path) -> None:
    made = ensure_generated(tmp_path / "secrets.yaml").generated
    load_ssh_private_key(made.ssh_private_key.reveal().encode(), None)
    assert made.ssh_public_key.startswith("ssh-ed25519 ")
    private = load_pem_private_key(made.receipt_key.reveal().encode(), None)
    public = load_pem_public_key(made.receipt_public_key.encode())
    public.verify(private.sign(b"receipt"), b"receipt")  # type: ignore[union-attr, call-arg, arg-type]


@pytest.mark.parametrize("password", ["a", "Hello world!", "x" * 70, "päßwort"])
def test_the_console_password_is_hashed_as_openssl_does(password: str) -> None:
    theirs = process.run(
        ["openssl", "passwd", "-6", "-salt", "saltstring", "-stdin"], timeout=60, input=password + "\n"
    )
    assert sha512_crypt(password, "saltstring") == theirs.stdout.strip()


def test_a_file_that_lacks_secrets_is_completed_and_keeps_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "secrets.yaml"
    store_candidates(path, (Candidate("admin", Secret("calvin")),))
    made = ensure_generated(path)
    lines = [line for line in path.read_text().splitlines() if not line.startswith("  handoff_key:")]
    path.write_text("\n".join(lines) + "\n")
    mended = ensure_generated(path)
    assert mended.generated.admin_password == made.generated.admin_password
    assert mended.bmc_candidates == (Candidate("admin", Secret("calvin")),)
    assert mended.generated.handoff_key != made.generated.handoff_key


def test_candidates_are_stored_beside_what_was_made(tmp_path: Path) -> None:
    path = tmp_path / "secrets.yaml"
    assert load_candidates(path) == ()
    made = ensure_generated(path)
    store_candidates(path, (Candidate("root", Secret("calvin")), Candidate("root", Secret("calvin2"))))
    assert [candidate.password.reveal() for candidate in load_candidates(path)] == ["calvin", "calvin2"]
    assert load_secrets(path).generated == made.generated
    assert Secret("calvin2") in load_secrets(path).every()


def test_a_draft_is_stored_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "secrets.yaml"
    assert draft_secrets(path).generated.admin_password.reveal()
    assert not path.exists()
    with pytest.raises(SeedvmError, match="create them with seedvm run"):
        load_secrets(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secrets.yaml"
    ensure_generated(path)
    path.chmod(mode)
    for read in (load_secrets, draft_secrets, ensure_generated, load_candidates):
        with pytest.raises(SeedvmError, match="chmod 0600"):
            read(path)


@pytest.mark.parametrize(
    "text",
    [
        "bmc_candidates: [{user: a}]\n",
        "bmc_candidates: [{user: a, password: hunter2, host: b}]\n",
        "other: hunter2\n",
        "{hunter2\n",
    ],
)
def test_a_wrong_file_is_refused_without_showing_what_is_in_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secrets.yaml"
    path.touch(0o600)
    path.write_text(text)
    with pytest.raises(SeedvmError) as refused:
        load_candidates(path)
    assert "hunter2" not in "\n".join(refused.value.lines())


def test_a_password_of_digits_stays_what_was_typed(tmp_path: Path) -> None:
    path = tmp_path / "secrets.yaml"
    path.touch(0o600)
    path.write_text("bmc_candidates: [{user: 007, password: 0123}, {user: on, password: 1e3}]\n")
    assert [(one.user, one.password.reveal()) for one in load_candidates(path)] == [("007", "0123"), ("on", "1e3")]
    ensure_generated(path)
    assert [(one.user, one.password.reveal()) for one in load_candidates(path)] == [("007", "0123"), ("on", "1e3")]


def test_a_proven_account_is_kept_per_machine(tmp_path: Path) -> None:
    path = tmp_path / "secrets.yaml"
    assert load_proven(path) == {}
    account = Candidate("root", Secret("calvin"))
    store_proven(path, {"10.0.0.1": account})
    before = path.stat().st_mtime_ns
    store_proven(path, {"10.0.0.1": account})
    assert path.stat().st_mtime_ns == before
    store_proven(path, {"10.0.0.2": Candidate("admin", Secret("other"))})
    assert load_proven(path)["10.0.0.1"] == account
    assert len(load_proven(path)) == 2


def test_every_secret_has_the_passwords_that_were_proven_and_both_of_one_that_is_being_changed(tmp_path: Path) -> None:
    path = tmp_path / "secrets.yaml"
    ensure_generated(path)
    store_proven(path, {"10.0.0.1": Candidate("root", Secret("turned-1"))})
    store_rotation(path, "10.0.0.2", Rotation("root", Secret("before-2"), Secret("after-2")))
    for read in (load_secrets, draft_secrets, ensure_generated):
        assert {Secret("turned-1"), Secret("before-2"), Secret("after-2")} <= set(read(path).every())
    end_rotation(path, "10.0.0.2", Candidate("root", Secret("after-2")))
    assert Secret("after-2") in load_secrets(path).every()
    assert Secret("before-2") not in load_secrets(path).every()
