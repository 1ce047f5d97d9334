"""A folder that stands for Debian and PyPI while an image is built."""

from __future__ import annotations

import json
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.image.appliance import refuse_foreign
from seedvm.image.offline import cut_off, served, serving

NETWORK = Path("/proc/thread-self/ns/net")


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
    with urlopen(url, timeout=60) as answer:
        return str(answer.read().decode())


def test_suites_and_wheels_are_served_as_their_tools_ask_for_them(mirror: Path) -> None:
    with serving(mirror) as told:
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
    with pytest.raises(SeedvmError, match="cannot be built") as refused, served(mirror):
        pass
    assert "debian-security/dists/trixie-security/InRelease" in refused.value.why


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")
def test_who_builds_offline_reaches_the_folder_and_nothing_else(mirror: Path) -> None:
    here, name = NETWORK.readlink(), socket.gethostname()
    with served(mirror) as told, ThreadPoolExecutor(1) as pool:
        devices = process.run(["ip", "-json", "link"], timeout=60).stdout
        assert [one["ifname"] for one in json.loads(devices)] == ["lo"]
        assert pool.submit(get, f"{told['SEEDVM_DEBIAN_MIRROR']}/dists/trixie/InRelease").result() == "Suite: trixie\n"
        suites = told["DIB_APT_SOURCES_CONF"].splitlines()
        assert [line.split()[3] for line in suites] == ["trixie", "trixie-updates", "trixie-security"]
        assert all(":deb [check-valid-until=no] http://127.0.0.1:" in line for line in suites)  # a folder may be old
        assert process.run(["hostname", "-f"], timeout=60).stdout == "localhost\n"
        with pytest.raises(OSError, match="unreachable"):
            socket.create_connection(("192.0.2.1", 80), timeout=5)
    assert NETWORK.readlink() == here and socket.gethostname() == name


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")
def test_a_build_that_fails_is_on_the_network_again() -> None:
    here = NETWORK.readlink()
    with pytest.raises(ZeroDivisionError), cut_off():
        raise ZeroDivisionError
    assert NETWORK.readlink() == here


def test_an_architecture_that_cannot_be_built_is_refused_with_its_reason() -> None:
    with pytest.raises(SeedvmError, match="there is no appliance for arm64") as refused:
        refuse_foreign("arm64")
    assert "linux-image-arm64" in refused.value.why
    assert refused.value.hint == "--arch amd64"
