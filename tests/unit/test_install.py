"""The hint for what is missing fits where seedvm runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedvm.base import install
from tests.rules.test_linters import ROOT


def test_in_a_checkout_it_is_make() -> None:
    assert install.package("libvirt") == f"run make host in {ROOT}, then use {ROOT}/.venv/bin/seedvm"
    assert install.programs() == f"run make host in {ROOT}"


@pytest.mark.parametrize(
    ("module", "hint"),
    [
        ("libvirt", "run pip install 'seedvm[host]' (needs the Debian package libvirt-dev)"),
        ("sushy_tools.error", "run pip install 'seedvm[rack]'"),
        ("yaml", "run pip install seedvm"),
    ],
)
def test_from_a_wheel_it_is_pip_with_the_extra_that_holds_it(tmp_path: Path, module: str, hint: str) -> None:
    assert install.package(module, tmp_path) == hint


def test_from_a_wheel_programs_come_from_debian(tmp_path: Path) -> None:
    assert install.programs(tmp_path) == "install them with apt-get"
