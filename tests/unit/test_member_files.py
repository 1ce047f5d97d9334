"""The member's own files: its record, what it keeps, image hashes, and the wipe."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.handoff.wipe import SecretSweep, holds_anything
from seedvm.member.images import ImagesRequest, StoredImage, images
from seedvm.member.notes import KeepRequest, KeptRequest, Line, NoteRequest, NotesRequest, keep, kept, note, notes
from seedvm.member.verbs import VERBS, answer
from seedvm.site.accounts import Candidate
from seedvm.site.secrets_file import Secrets, ensure_generated, load_secrets, store_proven

IMAGE = "0a1b2c3d-0000-4000-8000-00000000000a"


def test_the_record_grows_by_a_line_and_is_private(tmp_path: Path) -> None:
    for state in ("started", "done"):
        note(NoteRequest(Line("COMMIT", state), str(tmp_path)))
    lines = notes(NotesRequest(str(tmp_path)))
    assert [line.state for line in lines] == ["started", "done"]
    assert (tmp_path / "handoff.jsonl").stat().st_mode & 0o777 == 0o600


def test_a_line_that_was_cut_by_a_power_loss_is_left_out(tmp_path: Path) -> None:
    note(NoteRequest(Line("COMMIT"), str(tmp_path)))
    with (tmp_path / "handoff.jsonl").open("a") as file:
        file.write('{"phase": "OW')
    assert len(notes(NotesRequest(str(tmp_path)))) == 1


def test_kept_files_are_private_and_told_by_their_hash(tmp_path: Path) -> None:
    said = keep(KeepRequest({"site.yaml": "site: demo\n"}, str(tmp_path)))
    assert said == {"site.yaml": hashlib.sha256(b"site: demo\n").hexdigest()}
    assert (tmp_path / "site.yaml").stat().st_mode & 0o777 == 0o600
    assert kept(KeptRequest(("site.yaml", "absent"), str(tmp_path))) == said


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", ".hidden", "a/b"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SeedvmError):
        keep(KeepRequest({name: "x"}, str(tmp_path)))


def test_image_files_are_hashed_once_and_again_when_they_change(tmp_path: Path) -> None:
    store, known = tmp_path / "images", tmp_path / "known.json"
    store.mkdir()
    (store / IMAGE).write_bytes(b"one")
    (store / f".{IMAGE}.part").write_bytes(b"half")
    request = ImagesRequest(str(store), str(known))
    first = images(request)
    assert first == {IMAGE: StoredImage(3, hashlib.sha512(b"one").hexdigest())}
    (store / IMAGE).write_bytes(b"another")
    assert images(request)[IMAGE].sha512 == hashlib.sha512(b"another").hexdigest()


def test_every_failure_of_a_verb_has_one_shape() -> None:
    code, said = answer("launch", {"verb": "status", "seconds": 1, "request": {}})
    assert (code, said["error"]["what"]) == (1, "status does not run as a systemd unit")
    code, said = answer("keep", {})
    assert code == 2
    assert "error" in said
    assert set(VERBS) >= {"status", "digest", "secrets", "images", "watch", "gaps", "rehearse", "cleanup"}


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    path = tmp_path / "secrets.yaml"
    path.write_text("bmc_candidates: [{user: admin, password: operators-own-words}]\n")
    path.chmod(0o600)
    return ensure_generated(path)


def test_the_wipe_removes_every_file_with_a_secret_and_its_search_finds_what_is_left(
    tmp_path: Path, secrets: Secrets
) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "data").mkdir()
    generated = secrets.generated
    (root / "data" / "table").write_text("anything")
    (root / "etc" / "heat.conf").write_text(f"key = {generated.heat_auth_encryption_key.reveal()}\n")
    (root / "etc" / "key").write_text(generated.ssh_private_key.reveal())
    (root / "etc" / "words").write_text("operators-own-words")
    (root / "etc" / "harmless").write_text("nothing here")
    kept_file = root / "etc" / "clouds.yaml"
    kept_file.write_text(generated.admin_password.reveal())
    (root / "etc" / "link").symlink_to("heat.conf")
    sweep = SecretSweep.of(secrets, keep=(kept_file,))
    sweep = SecretSweep(sweep.own, sweep.given, sweep.keep, (root,), (root,), (root / "data",))
    assert {path.name for path in sweep.find()} == {"heat.conf", "key", "words"}
    assert {path.name for path in sweep.wipe()} == {"heat.conf", "key"}
    assert [path.name for path in sweep.find()] == ["words"]
    assert {path.name for path in (root / "etc").iterdir()} == {"words", "harmless", "clouds.yaml", "link"}
    assert not (root / "data").exists()


def test_the_search_knows_passwords_that_bmcs_were_given_and_wipes_no_file_of_the_system_for_a_word_in_it(
    tmp_path: Path, secrets: Secrets
) -> None:
    root, path = tmp_path / "root", tmp_path / "secrets.yaml"
    root.mkdir()
    store_proven(path, {"10.0.0.1": Candidate("admin", Secret("a-rotated-password"))})
    (root / "words").write_text("a-rotated-password")
    sweep = SecretSweep.of(load_secrets(path), keep=())
    sweep = SecretSweep(sweep.own, sweep.given, sweep.keep, (root,), (root,), (root / "data",))
    assert sweep.wipe() == ()
    assert sweep.find() == (root / "words",)


def test_a_wiped_folder_that_is_a_mount_point_may_stay_empty(tmp_path: Path) -> None:
    (tmp_path / "mysql/keystone").mkdir(parents=True)
    assert holds_anything(tmp_path / "mysql")
    (tmp_path / "mysql/keystone").rmdir()
    assert not holds_anything(tmp_path / "mysql")
    assert not holds_anything(tmp_path / "gone")
