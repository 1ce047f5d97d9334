"""What the controllers keep of a site: one file that the recovery key opens, and nobody else makes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.handoff.record import Adopted, Record, brought, carried
from seedvm.site import bundle, recovery
from seedvm.site.sealed import FILE, forget, open_sealed, sealed
from seedvm.site.secrets_file import ensure_generated, load_secrets
from tests.conftest import SITE_TEXT


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A state folder."""
    (tmp_path / "site.yaml").write_text(SITE_TEXT)
    ensure_generated(tmp_path / "secrets.yaml")
    (tmp_path / "journal.jsonl").write_text("not sealed\n")
    return tmp_path


def key_of(site: Path) -> Secret:
    return load_secrets(site / "secrets.yaml").generated.recovery_key


def test_it_is_made_again_only_when_what_is_in_it_has_changed(site: Path) -> None:
    first = sealed(site, "demo", key_of(site))
    (site / "journal.jsonl").write_text("another line\n")
    assert sealed(site, "demo", key_of(site)) == first
    (site / "inventory.json").write_text("{}")
    second = sealed(site, "demo", key_of(site))
    assert second != first
    (site / FILE).write_text("cut off")
    assert open_sealed(sealed(site, "demo", key_of(site)), key_of(site), "node")[1]["inventory.json"] == b"{}"
    forget(site)
    assert not [path.name for path in site.iterdir() if path.name.startswith("sealed")]


def test_a_file_made_for_the_right_key_by_somebody_without_it_is_refused(site: Path) -> None:
    """The public half of the key is enough to encrypt; it is not enough to be believed."""
    import pyrage

    manifest, files = open_sealed(sealed(site, "demo", key_of(site)), key_of(site), "node")
    forged = {**files, "site.yaml": b"name: demo", "proof": recovery.proof(Secret(recovery.make()), b"").encode()}
    public = pyrage.x25519.Identity.from_str(key_of(site).reveal()).to_public()
    text = pyrage.encrypt(bundle.packed(manifest, forged), [public], armored=True).decode()
    with pytest.raises(SeedvmError, match="node was not made by this site"):
        open_sealed(text, key_of(site), "node")


def test_a_key_is_read_as_people_write_it_and_a_slip_of_the_pen_is_found(site: Path) -> None:
    key = key_of(site)
    assert recovery.parse(recovery.grouped(key).lower() + "\n") == key
    text = key.reveal()
    for wrong, why in ((text[:-1], "one of its characters"), (text[4:], "does not begin with"), ("", "does not begin")):
        with pytest.raises(SeedvmError, match="not a recovery key") as refused:
            recovery.parse(wrong)
        assert why in refused.value.why


def test_a_new_sites_way_into_its_nodes_is_derived_from_its_key_and_an_older_site_keeps_its_own(site: Path) -> None:
    made = load_secrets(site / "secrets.yaml").generated
    assert made.ssh_public_key.startswith(recovery.ssh_public(made.recovery_key))
    assert "OPENSSH PRIVATE KEY" in recovery.ssh_private(made.recovery_key).reveal()
    secrets = site / "secrets.yaml"
    tree = yaml.safe_load(secrets.read_text())
    del tree["generated"]["recovery_key"]
    secrets.write_text(yaml.safe_dump(tree))
    assert load_secrets(secrets).generated.recovery_key == Secret(""), "a file of an older version is read as it is"
    again = ensure_generated(secrets).generated
    assert again.ssh_private_key == made.ssh_private_key and recovery.parse(again.recovery_key.reveal())


def test_a_record_that_a_node_kept_is_believed_by_the_key_alone(site: Path) -> None:
    key, known = key_of(site), Record(attempt="a1", adopted=Adopted("2026-11-30T12:00:00Z", "FENCE done"))
    text = carried(known, 5.0, key)
    assert brought(text, key, "node") == (5.0, known)
    tree = json.loads(text)
    edited = json.dumps({**tree, "record": {**tree["record"], "attempt": "a2"}})
    for wrong, by in ((edited, key), (text, Secret(recovery.make())), (text[:-9], key)):
        with pytest.raises(SeedvmError):
            brought(wrong, by, "node")
    assert brought(carried(replace(known, attempt="a2"), 6.0, key), key, "node")[1].attempt == "a2"
