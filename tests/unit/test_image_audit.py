"""What no image may hold is found by its place, by its content, and by a login that works."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.image.audit import audit_tree

PEM = "-----BEGIN PRIVATE KEY-----\n" + "A" * 64 + "\n-----END PRIVATE KEY-----\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, content in {
        "etc/machine-id": "",
        "etc/resolv.conf": "",
        "etc/shadow": "root:*:20000:0:99999:7:::\nneutron:!:20000::::::\n",
        "etc/ssh/sshd_config": "PermitRootLogin prohibit-password\n",
        "root/.bashrc": "# nothing\n",
    }.items():
        put(tmp_path, name, content)
    for folder in ("var/lib/mysql", "root/.ssh", "etc/ssl/private"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def put(tree: Path, name: str, content: str) -> None:
    (tree / name).parent.mkdir(parents=True, exist_ok=True)
    (tree / name).write_text(content)


def test_a_tree_without_secrets_passes(tree: Path) -> None:
    audit_tree(tree)


@pytest.mark.parametrize(
    "name",
    [
        "etc/ssh/ssh_host_ed25519_key",
        "etc/ssh/ssh_host_rsa_key.pub",
        "var/lib/rabbitmq/.erlang.cookie",
        "var/lib/mysql/ibdata1",
        "etc/mysql/debian.cnf",
        "etc/keystone/fernet-keys/0",
        "etc/ssl/private/ssl-cert-snakeoil.key",
        "etc/nvme/hostnqn",
        "var/lib/systemd/random-seed",
        "root/.ssh/authorized_keys",
        "var/lib/os-collect-config/heat.json",
        "var/lib/seedvm/secrets.yaml",
        "etc/pip.conf",
        "etc/dib-manifests",
    ],
)
def test_a_file_that_no_image_may_hold_is_named(tree: Path, name: str) -> None:
    put(tree, name, "x\n")
    with pytest.raises(SeedvmError) as refused:
        audit_tree(tree)
    assert f"/{name}" in refused.value.why


@pytest.mark.parametrize("name", ["etc/machine-id", "var/lib/dbus/machine-id", "etc/resolv.conf"])
def test_an_identity_must_be_empty(tree: Path, name: str) -> None:
    put(tree, name, "0123456789abcdef0123456789abcdef\n")
    with pytest.raises(SeedvmError) as refused:
        audit_tree(tree)
    assert f"/{name}" in refused.value.why


def test_a_private_key_is_found_by_its_content_and_a_mention_of_one_is_not(tree: Path) -> None:
    put(tree, "usr/local/share/notes.txt", "it begins with -----BEGIN PRIVATE KEY----- they say\n")
    audit_tree(tree)
    put(tree, "etc/some/service.pem", PEM)
    with pytest.raises(SeedvmError) as refused:
        audit_tree(tree)
    assert refused.value.why == "/etc/some/service.pem: a private key"


def test_a_password_that_a_package_was_given_is_found(tree: Path) -> None:
    put(
        tree,
        "var/cache/debconf/passwords.dat",
        "Name: nova/rabbit-password\nTemplate: nova/rabbit-password\nOwners: nova\n\n",
    )
    audit_tree(tree)
    put(
        tree,
        "var/cache/debconf/passwords.dat",
        "Name: nova/rabbit-password\nTemplate: nova/x\nValue: hunter22\nOwners: nova\n\n",
    )
    with pytest.raises(SeedvmError) as refused:
        audit_tree(tree)
    assert "passwords.dat" in refused.value.why


@pytest.mark.parametrize("password", ["$6$abc$def", ""])
def test_a_login_that_works_is_found(tree: Path, password: str) -> None:
    put(tree, "etc/shadow", f"root:{password}:20000:0:99999:7:::\n")
    with pytest.raises(SeedvmError) as refused:
        audit_tree(tree)
    assert "root" in refused.value.why
    assert not password or password not in refused.value.why


def test_two_machines_are_not_one_to_their_storage(tree: Path) -> None:
    put(tree, "etc/iscsi/initiatorname.iscsi", "GenerateName=yes\n")
    audit_tree(tree)
    put(tree, "etc/iscsi/initiatorname.iscsi", "InitiatorName=iqn.1993-08.org.debian:01:0123456789ab\n")
    with pytest.raises(SeedvmError, match=r"image contains") as refused:
        audit_tree(tree)
    assert "/etc/iscsi/initiatorname.iscsi: an iSCSI initiator's name" in refused.value.why
