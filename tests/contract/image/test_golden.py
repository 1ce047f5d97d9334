"""The images that were built, looked at from outside: what is in them is what their manifests say, and nothing that no image may hold."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from seedvm.base import process
from seedvm.image import appliance
from seedvm.image.build import GOLDEN_FILES, RAMDISK_FILES, ImageSet, build
from tests.rules.pins import pins

CACHE = Path(__file__).parents[3] / "build/cache"


@pytest.fixture(scope="module")
def images() -> ImageSet:
    return build(CACHE)


@pytest.fixture(scope="module")
def manifest(images: ImageSet) -> dict[str, Any]:
    return dict(json.loads((images.folder / "golden.json").read_text()))


def root_file(images: ImageSet, manifest: dict[str, Any], request: str) -> str:
    start = next(one["start"] for one in manifest["disk"]["partitions"] if one["name"] == "root")
    # debugfs takes an offset in its device's name, as every tool of e2fsprogs does.
    return process.run(["debugfs", "-R", request, f"{images.folder / 'golden.raw'}?offset={start}"], timeout=60).stdout


def test_every_file_is_there_and_has_the_sum_of_its_manifest(images: ImageSet) -> None:
    assert sorted(path.name for path in images.folder.iterdir()) == sorted((*GOLDEN_FILES, *RAMDISK_FILES))
    for name in ("golden.json", "ramdisk.json"):
        for file, sums in json.loads((images.folder / name).read_text())["files"].items():
            with (images.folder / file).open("rb") as stream:
                assert hashlib.file_digest(stream, "sha256").hexdigest() == sums["sha256"]


def test_the_image_says_inside_who_it_is(images: ImageSet, manifest: dict[str, Any]) -> None:
    assert json.loads(root_file(images, manifest, "cat /etc/seedvm-image.json")) == {
        "name": manifest["name"],
        "hash": manifest["hash"],
    }


def test_the_manifest_lists_the_services_and_our_own_libraries(manifest: dict[str, Any]) -> None:
    for name in ("keystone", "heat-engine", "ironic-conductor", "mariadb-server", "linux-image-amd64"):
        assert manifest["packages"][name]
    installed = {canonicalize_name(name): version for name, version in manifest["python"].items()}
    assert installed == pins("image.txt", python="3.13")


def test_no_machine_has_its_identity_from_the_image(images: ImageSet, manifest: dict[str, Any]) -> None:
    assert root_file(images, manifest, "cat /etc/machine-id") == ""
    assert "ssh_host" not in root_file(images, manifest, "ls /etc/ssh")
    assert ".erlang.cookie" not in root_file(images, manifest, "ls /var/lib/rabbitmq")


def test_built_again_nothing_is_built(images: ImageSet) -> None:
    heard: list[str] = []
    assert build(CACHE, on_progress=heard.append) == images
    assert heard == [f"images {images.key}: nothing has changed"]


def test_an_appliance_of_the_same_images_is_the_same_bytes_whenever_they_were_built(
    images: ImageSet, tmp_path: Path
) -> None:
    """The one of today, which the tests boot, and one of images that are years younger."""
    folder, cache = tmp_path / "images", tmp_path / "cache"
    folder.mkdir()
    for name in (*GOLDEN_FILES, *RAMDISK_FILES):
        if name != "golden.raw":
            shutil.copyfile(images.folder / name, folder / name)
            os.utime(folder / name, (1_900_000_000, 1_900_000_000))
    (folder / "golden.raw").symlink_to((images.folder / "golden.raw").resolve())
    today = appliance.make(images, CACHE)
    then = appliance.make(ImageSet(folder, images.key), cache)
    said = [json.loads((made.folder / f"{appliance.NAME}.json").read_text())["files"] for made in (today, then)]
    shutil.rmtree(cache)
    assert said[0] == said[1]
