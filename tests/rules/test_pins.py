"""Every Python package is pinned with its hashes, and what is installed is what is pinned."""

from __future__ import annotations

import importlib.metadata
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.rules.pins import FOLDER, pins
from tests.rules.test_linters import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
WANTED = {
    "image.txt": PROJECT["dependencies"],
    "desk.txt": [*PROJECT["dependencies"], *EXTRAS["dev"], *EXTRAS["rack"]],
    "host.txt": EXTRAS["host"],
}


@pytest.mark.parametrize("name", WANTED)
def test_what_pyproject_asks_for_is_pinned_within_its_limits(name: str) -> None:
    pinned = pins(name)
    for wanted in map(Requirement, WANTED[name]):
        if wanted.marker is None or wanted.marker.evaluate():
            version = pinned.get(canonicalize_name(wanted.name))
            assert version is not None and wanted.specifier.contains(version), f"{wanted}: make lock"


@pytest.mark.parametrize("name", WANTED)
def test_every_pin_has_a_hash(name: str) -> None:
    entries = (FOLDER / name).read_text().replace("\\\n", "").splitlines()
    assert entries and not [entry for entry in entries if "--hash=sha256:" not in entry]


def test_the_image_and_the_desk_have_the_same_versions() -> None:
    image, desk = pins("image.txt"), pins("desk.txt")
    assert {name: desk[name] for name in image} == image


def test_the_virtual_environment_is_what_is_pinned() -> None:
    installed = {canonicalize_name(one.name): one.version for one in importlib.metadata.distributions()}
    pinned = pins("desk.txt")
    assert {name: installed.get(name) for name in pinned} == pinned, "make venv installs what is pinned"
