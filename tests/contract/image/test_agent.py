"""The agent of the ramdisk that was built writes an image that is whole, and refuses one that is not, to a real block device."""

from __future__ import annotations

import hashlib
import random
import shlex
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bench.image.write import ROOT
from seedvm.base import process
from seedvm.image.build import build

pytestmark = [pytest.mark.root, pytest.mark.slow]
CACHE = Path(__file__).parents[3] / "build/cache"
MIB = 1 << 20
AGENT = """
import sys
from ironic_python_agent import config
from ironic_python_agent.extensions import standby
url, sha512, device = sys.argv[1:]
config.CONF([], project="ironic-python-agent", default_config_files=[])
config.CONF.set_override("image_download_connection_retries", 0)
extension = standby.StandbyExtension()
extension.partition_uuids = {}
image = {"id": "i", "urls": [url], "os_hash_algo": "sha512", "os_hash_value": sha512, "disk_format": "raw"}
try:
    extension._stream_raw_image_onto_device(image, device)
except Exception as error:
    print(type(error).__name__, error)
else:
    print("written")
"""


@pytest.fixture(scope="module")
def ramdisk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("ramdisk")
    archive = build(CACHE).folder.resolve() / "ramdisk.initramfs"
    order = f"set -o pipefail; zstd -dcq {shlex.quote(str(archive))} | cpio -idm --quiet"
    process.run(process.Command(["bash", "-c", order], cwd=tree), timeout=600)
    return tree


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image"
    path.write_bytes(random.Random(7).randbytes(40 * MIB + 512))
    process.run(["sfdisk", "--quiet", path], timeout=30, input="label: gpt\nstart=2048, size=20480\n")
    return path


@pytest.fixture
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    with (tmp_path / "disk").open("wb") as file:
        file.truncate(getattr(request, "param", 64) * MIB)
    device = process.run(["losetup", "--find", "--show", tmp_path / "disk"], timeout=30).stdout.strip()
    yield device
    process.run(["losetup", "--detach", device], timeout=30)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def served(image: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(image.parent))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/{image.name}"
        server.shutdown()


def write(ramdisk: Path, url: str, sha512: str, disk: str) -> str:
    words = ["unshare", "--mount", "--propagation", "private", "bash", "-euc", ROOT, "agent"]
    return process.run([*words, ramdisk, url, sha512, disk], timeout=120, input=AGENT).stdout


def test_an_image_is_on_the_disk_as_it_was_served(ramdisk: Path, image: Path, served: str, disk: str) -> None:
    content = image.read_bytes()
    assert write(ramdisk, served, hashlib.sha512(content).hexdigest(), disk) == "written\n"
    # The agent moves the second partition table from the image's end to the disk's, and says so in the first.
    assert Path(disk).read_bytes()[MIB : 40 * MIB - MIB] == content[MIB : 40 * MIB - MIB]


def test_an_image_that_changed_in_one_bit_is_refused(ramdisk: Path, image: Path, served: str, disk: str) -> None:
    right = hashlib.sha512(image.read_bytes()).hexdigest()
    with image.open("r+b") as file:
        file.seek(33 * MIB)
        was = file.read(1)[0]
        file.seek(33 * MIB)
        file.write(bytes([was ^ 1]))
    said = write(ramdisk, served, right, disk)
    assert said.startswith("ImageChecksumError ")
    assert right in said


@pytest.mark.parametrize("disk", [32, 40], indirect=True, ids=["by far", "by a sector"])
def test_an_image_that_the_disk_does_not_hold_is_refused(ramdisk: Path, image: Path, served: str, disk: str) -> None:
    said = write(ramdisk, served, hashlib.sha512(image.read_bytes()).hexdigest(), disk)
    assert said.startswith("ImageDownloadError ")
    assert "No space left" in said
