"""The bundle of a site: a second laptop continues from it, and nobody reads it without its passphrase."""

from __future__ import annotations

import io
import json
import os
import stat
import sys
import tarfile
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.site.bundle import Manifest, is_current, open_bundle, read_bundle, unpack, write_bundle
from seedvm.site.secrets_file import ensure_generated, load_secrets
from tests.conftest import SITE_TEXT
from tests.rules.test_linters import ROOT

WORDS = Secret("rain falls mainly on the plain")


def fill(folder: Path) -> Path:
    """A state folder in the middle of a deployment."""
    (folder / "orders").mkdir(parents=True)
    files = {"site.yaml": SITE_TEXT, "inventory.json": '{"ranges": [], "machines": []}\n', "journal.jsonl": "{}\n"}
    files |= {"orders/demo-undercloud-1.json": "{}", "engine.log": "noise", "engine.lock": "1", "trace.jsonl": "noise"}
    files |= {".inventory.json.lock": "", "clouds.yaml": "derived", "web-token": "x"}
    for name, text in files.items():
        (folder / name).write_text(text)
    ensure_generated(folder / "secrets.yaml")
    return folder


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Manifest]:
    """A state folder, its bundle and what is in it: written once, since a passphrase takes a second on purpose."""
    site, target = fill(tmp_path_factory.mktemp("first")), tmp_path_factory.mktemp("stick") / "demo.age"
    return site, target, write_bundle(site, "demo", target, WORDS)


def test_a_second_laptop_has_the_same_site_keys_and_passwords(
    written: tuple[Path, Path, Manifest], tmp_path: Path
) -> None:
    (site, target, manifest), second = written, tmp_path / "second"
    second.mkdir()
    (second / ".bundle.json.opening").touch()  # killed while it was opened for the first time
    (second / "inventory.json").write_text("half")
    assert open_bundle(target, second, WORDS) == manifest
    there = sorted(path.relative_to(second).as_posix() for path in second.rglob("*") if path.is_file())
    assert there == ["inventory.json", "journal.jsonl", "orders/demo-undercloud-1.json", "secrets.yaml", "site.yaml"]
    assert load_secrets(second / "secrets.yaml") == load_secrets(site / "secrets.yaml")
    assert (manifest.site, manifest.files, manifest.handoff) == ("demo", 5, False)
    assert (second / "inventory.json").read_bytes() == (site / "inventory.json").read_bytes()
    assert {stat.S_IMODE(path.stat().st_mode) for path in second.rglob("*") if path.is_file()} == {0o600}


def test_no_secret_is_in_the_file_and_only_its_owner_may_read_it(written: tuple[Path, Path, Manifest]) -> None:
    site, target, _ = written
    raw = target.read_bytes()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert not [one for one in load_secrets(site / "secrets.yaml").every() if one.reveal().encode() in raw]
    assert raw.startswith(b"age-encryption.org/v1\n-> scrypt ")


def test_a_bundle_knows_whether_passwords_changed_since(written: tuple[Path, Path, Manifest], tmp_path: Path) -> None:
    folder = fill(tmp_path / "folder")
    assert is_current(folder) is None
    for name in ("bundle.json", "secrets.yaml"):
        (folder / name).write_bytes((written[0] / name).read_bytes())
    assert is_current(folder) is True
    with (folder / "secrets.yaml").open("a") as file:
        file.write("bmc_candidates: []\n")
    assert is_current(folder) is False


def test_a_folder_with_a_site_is_not_overwritten(written: tuple[Path, Path, Manifest]) -> None:
    site, target, _ = written
    with pytest.raises(SeedvmError, match="already holds a site"):
        open_bundle(target, site, WORDS)


@pytest.mark.parametrize("passphrase", ["short", "eleven char"])
def test_a_short_passphrase_is_refused(tmp_path: Path, passphrase: str) -> None:
    with pytest.raises(SeedvmError, match="too short"):
        write_bundle(fill(tmp_path / "folder"), "demo", tmp_path / "demo.age", Secret(passphrase))
    assert not (tmp_path / "demo.age").exists()


def test_a_wrong_passphrase_a_damaged_file_and_another_file_are_refused(
    written: tuple[Path, Path, Manifest], tmp_path: Path
) -> None:
    target = tmp_path / "demo.age"
    raw = bytearray(written[1].read_bytes())
    with pytest.raises(SeedvmError, match="cannot be opened"):
        read_bundle(written[1], Secret("another passphrase"))
    raw[-5] ^= 1
    target.write_bytes(raw)
    with pytest.raises(SeedvmError, match="cannot be opened"):
        read_bundle(target, WORDS)
    target.write_text("site: demo\n")
    with pytest.raises(SeedvmError, match="is not a bundle"):
        read_bundle(target, WORDS)
    with pytest.raises(SeedvmError, match="cannot be read"):
        read_bundle(tmp_path / "missing.age", WORDS)


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil"])
def test_a_tar_that_leads_out_of_its_folder_is_refused(name: str) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for one in ("manifest.json", name):
            tar.addfile(tarfile.TarInfo(one), io.BytesIO(b""))
    with pytest.raises(SeedvmError, match="is damaged"):
        list(unpack(packed.getvalue(), Path("evil.age")))


def test_bytes_that_are_no_tar_are_refused() -> None:
    with pytest.raises(SeedvmError, match="is damaged"):
        list(unpack(b"\x1f\x8bnothing", Path("evil.age")))


def test_the_commands_say_what_to_do_next(written: tuple[Path, Path, Manifest], tmp_path: Path) -> None:
    (tmp_path / "words").write_text(WORDS.reveal() + "\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def seedvm(*words: str) -> str:
        argv = [sys.executable, "-m", "seedvm", "bundle", *words, "--passphrase-file", str(tmp_path / "words")]
        return process.run(process.Command(argv, cwd=tmp_path, env=environment), timeout=120).stdout

    said = json.loads(seedvm("site", "--state-dir", str(written[0]), "--output", "x.age", "--json"))
    assert (said["file"], said["site"], said["files"]) == ("x.age", "demo", 5)
    opened = seedvm("open", "x.age", "--state-dir", str(tmp_path / "second"))
    assert "Keep the first laptop off the network" in opened
    assert (tmp_path / "second" / "site.yaml").read_text() == SITE_TEXT
