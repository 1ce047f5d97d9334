"""A folder that stands for Debian and PyPI while an image is built."""

from __future__ import annotations

from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from seedvm.errors import SeedvmError
from seedvm.image.appliance import refuse_foreign
from seedvm.image.offline import served


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    for suite, top in (("trixie", "debian"), ("trixie-updates", "debian"), ("trixie-security", "debian-security")):
        release = tmp_path / top / "dists" / suite / "InRelease"
        release.parent.mkdir(parents=True)
        release.write_text(f"Suite: {suite}\n")
    (tmp_path / "pypi").mkdir()
    for wheel in (
        "PyYAML-6.0-cp313-cp313-linux_x86_64.whl",
        "textual_serve-1.1-py3-none-any.whl",
        "textual-8.2-py3-none-any.whl",
    ):
        (tmp_path / "pypi" / wheel).write_bytes(wheel.encode())
    return tmp_path


def get(url: str) -> str:
    with urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def test_suites_and_wheels_are_served_as_their_tools_ask_for_them(mirror: Path) -> None:
    with served(mirror) as told:
        assert get(f"{told['SEEDVM_DEBIAN_MIRROR']}/dists/trixie/InRelease") == "Suite: trixie\n"
        assert (
            get(f"{told['SEEDVM_DEBIAN_SECURITY_MIRROR']}/dists/trixie-security/InRelease")
            == "Suite: trixie-security\n"
        )
        index = get(f"{told['PIP_INDEX_URL']}textual-serve/")
        assert "textual_serve-1.1" in index and "textual-8.2" not in index
        assert "PyYAML-6.0" in get(f"{told['PIP_INDEX_URL']}pyyaml/")
        base = told["PIP_INDEX_URL"].removesuffix("/simple/")
        assert get(f"{base}/pypi/textual-8.2-py3-none-any.whl").startswith("textual-8.2")
        with pytest.raises(HTTPError, match="404"):
            get(f"{told['PIP_INDEX_URL']}scapy/")


def test_a_folder_that_is_no_mirror_is_refused_by_what_it_lacks(mirror: Path) -> None:
    (mirror / "debian-security/dists/trixie-security/InRelease").unlink()
    with pytest.raises(SeedvmError, match="no mirror") as refused, served(mirror):
        pass
    assert "debian-security/dists/trixie-security/InRelease" in refused.value.why


def test_an_architecture_that_cannot_be_built_is_refused_with_its_reason() -> None:
    with pytest.raises(SeedvmError, match="there is no appliance for arm64") as refused:
        refuse_foreign("arm64")
    assert refused.value.hint == "--arch amd64"
