"""Refuses a tree that holds a secret or an identity: what must be made at first boot or arrive as metadata.

It looks at known places by name and at every small file of the configuration by content.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from seedvm.base.errors import SeedvmError

# A glob below the tree, and what such a file is.
_FORBIDDEN = {
    "etc/ssh/ssh_host_*": "an SSH host key",
    "root/.ssh/*": "an SSH key or setting of root",
    "home/*/.ssh/*": "an SSH key or setting of a user",
    "var/lib/*/.ssh/*": "an SSH key or setting of a service",
    "var/lib/rabbitmq/.erlang.cookie": "the package's Erlang cookie",
    "root/.erlang.cookie": "an Erlang cookie",
    "var/lib/rabbitmq/mnesia/*": "a message broker's state",
    "var/lib/mysql/*": "a database made when the package was installed",
    "etc/mysql/debian.cnf": "a database login",
    "etc/keystone/fernet-keys/*": "a Fernet key",
    "etc/keystone/credential-keys/*": "a credential key",
    "var/lib/keystone/fernet-keys/*": "a Fernet key",
    "etc/ssl/private/*": "a private key",
    "etc/nvme/host*": "an NVMe host's name",
    "var/lib/systemd/random-seed": "a random seed",
    "var/lib/systemd/credential.secret": "the key of systemd's credentials",
    "var/lib/cloud/instance*": "an instance's data",
    "var/lib/os-collect-config/*": "a machine's metadata",
    "var/lib/seedvm/*": "a site's state",
    "var/lib/heat-cfntools/*": "a machine's metadata",
    "etc/dib-manifests": "the builder's environment",
    "etc/pip.conf": "the builder's pip configuration",
    "root/.config/pip": "the builder's pip configuration",
    "root/.netrc": "a login",
    "root/.*_history": "a history of commands",
    "etc/NetworkManager/system-connections/*": "a network's login",
}
_MUST_BE_EMPTY = {
    "etc/machine-id": "a machine ID",
    "var/lib/dbus/machine-id": "a machine ID",
    "etc/resolv.conf": "the builder's name servers",
}
_READ = ("etc", "root", "home", "srv", "var/lib", "var/cache/debconf", "opt/seedvm/share", "usr/local")
_READ_BYTES = 1 << 20
_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40,}")
_INITIATOR = re.compile(rb"^InitiatorName=", re.MULTILINE)
_DEBCONF_PASSWORD = re.compile(rb"^Name: \S*pass\S*\n(?:[A-Z]\w*: .*\n)*?Value: (?!true$|false$)\S", re.MULTILINE)
_LOCKED = ("*", "!", "!*", "!!")


def audit_tree(tree: Path) -> None:
    """SeedvmError, with every finding by its path, when the tree must not leave the workshop."""
    found = sorted({*_by_name(tree), *_by_content(tree), *_by_login(tree)})
    if found:
        raise SeedvmError(
            "the image contains files that no image may contain",
            why="\n".join(found),
            hint="remove them in the element that brings them (install.d), or in undercloud-base/cleanup.d",
        )


def _by_name(tree: Path) -> Iterator[str]:
    for pattern, what in _FORBIDDEN.items():
        for path in tree.glob(pattern):
            yield f"/{path.relative_to(tree)}: {what}"
    for name, what in _MUST_BE_EMPTY.items():
        path = tree / name
        if not path.is_symlink() and path.exists() and path.stat().st_size:
            yield f"/{name}: {what}"


def _by_content(tree: Path) -> Iterator[str]:
    for top in _READ:
        for folder, _, files in os.walk(tree / top):
            for name in files:
                path = Path(folder, name)
                if path.is_symlink() or not path.is_file() or path.stat().st_size > _READ_BYTES:
                    continue
                content = path.read_bytes()
                if _PRIVATE_KEY.search(content):
                    yield f"/{path.relative_to(tree)}: a private key"
                if name == "initiatorname.iscsi" and _INITIATOR.search(content):
                    yield f"/{path.relative_to(tree)}: an iSCSI initiator's name"
                if top == "var/cache/debconf" and _DEBCONF_PASSWORD.search(content):
                    yield f"/{path.relative_to(tree)}: a password given to a package"


def _by_login(tree: Path) -> Iterator[str]:
    shadow = tree / "etc/shadow"
    for line in shadow.read_text().splitlines() if shadow.exists() else []:
        user, password = line.split(":")[:2]
        if password not in _LOCKED:
            yield f"/etc/shadow: a password, or none, for {user}"
