"""The folder for builds without a network: what a build asks for is fetched once and kept, and nothing else is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from seedvm.image.mirror import Kept
from seedvm.image.offline import serving

DEB = "debian/pool/main/b/bash/bash_5_amd64.deb"
INDEX = "debian/dists/trixie/InRelease"


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """An archive, and where it is served."""
    folder = tmp_path / "archive"
    for name, content in ((DEB, "bash"), (INDEX, "monday")):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(content)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def kept(folder: Path, base: str) -> Kept:
    return Kept(folder, {"debian": f"{base}/debian", "debian-security": f"{base}/debian-security"})


def get(base: str, name: str) -> str:
    with urlopen(f"{base.removesuffix('/debian')}/{name}", timeout=60) as answer:
        return str(answer.read().decode())


def test_what_is_asked_for_is_kept_and_an_index_is_one_state_of_the_archive(
    archive: tuple[Path, str], tmp_path: Path
) -> None:
    source, base = archive
    mirror = tmp_path / "mirror"
    with serving(mirror, kept(mirror, base).need) as told:
        assert get(told["SEEDVM_DEBIAN_MIRROR"], DEB) == "bash"
        assert get(told["SEEDVM_DEBIAN_MIRROR"], INDEX) == "monday"
        (source / INDEX).write_text("tuesday")
        assert get(told["SEEDVM_DEBIAN_MIRROR"], INDEX) == "monday"
    (source / DEB).unlink()
    with serving(mirror, kept(mirror, base).need) as told:
        assert get(told["SEEDVM_DEBIAN_MIRROR"], DEB) == "bash"
        assert get(told["SEEDVM_DEBIAN_MIRROR"], INDEX) == "tuesday"
    assert sorted(str(path.relative_to(mirror)) for path in mirror.rglob("*") if path.is_file()) == [INDEX, DEB]


def test_what_the_archive_no_longer_has_is_not_there_either(archive: tuple[Path, str], tmp_path: Path) -> None:
    source, base = archive
    mirror = tmp_path / "mirror"
    for expected in ("monday", None):
        with serving(mirror, kept(mirror, base).need) as told:
            if expected:
                assert get(told["SEEDVM_DEBIAN_MIRROR"], INDEX) == expected
            else:
                with pytest.raises(HTTPError, match="404"):
                    get(told["SEEDVM_DEBIAN_MIRROR"], INDEX)
        (source / INDEX).unlink(missing_ok=True)


def test_a_mirror_that_does_not_answer_is_told_as_such_and_leaves_nothing(tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    with serving(mirror, kept(mirror, "http://127.0.0.1:9").need) as told, pytest.raises(HTTPError, match="502"):
        get(told["SEEDVM_DEBIAN_MIRROR"], DEB)
    assert not [path for path in mirror.rglob("*") if path.is_file()]


def test_what_nobody_asked_for_goes(archive: tuple[Path, str], tmp_path: Path) -> None:
    _, base = archive
    mirror = tmp_path / "mirror"
    old = mirror / "debian/pool/main/o/old/old_1_amd64.deb"
    wheel = mirror / "pypi/scapy-2-py3-none-any.whl"
    for path in (old, wheel):
        path.parent.mkdir(parents=True)
        path.touch()
    one = kept(mirror, base)
    with serving(mirror, one.need) as told:
        get(told["SEEDVM_DEBIAN_MIRROR"], DEB)
    one.leave_out_the_rest()
    assert not old.parent.exists() and wheel.exists() and (mirror / DEB).exists()
