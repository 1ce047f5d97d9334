"""From a fetched initramfs to a root tree: unpacked once per content and shared, with a layer in memory on top per boot.

It refuses an archive that does not unpack whole. The kernel that comes with it is fetched and does not run.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.file_lock import locked
from seedvm.rack.firmware.fetch import Fetched

CACHE = Path("build/cache/ramdisk")


def unpacked(archive: Path, fetched: Fetched) -> tuple[Path, bool]:
    """The tree of an initramfs, and whether it was there before. Safe with several machines at once."""
    cache = CACHE.absolute()
    cache.mkdir(parents=True, exist_ok=True)
    tree = cache / fetched.sha256
    with locked(cache / f"{fetched.sha256}.lock"):
        if tree.exists():
            return tree, True
        partial = cache / f"{fetched.sha256}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        process.run(["bsdtar", "--numeric-owner", "-x", "-p", "-f", archive, "-C", partial], timeout=300)
        if not any((partial / init).is_symlink() or (partial / init).exists() for init in ("init", "sbin/init")):
            raise SeedvmError(
                f"{fetched.url} is not a ramdisk", why="there is no init in it", hint="check the boot script"
            )
        partial.rename(tree)
        return tree, False


def mount_layered(tree: Path, scratch: Path, memory_mib: int) -> Path:
    """The tree with a writable layer of memory on top, mounted below `scratch` in this mount namespace."""
    scratch.mkdir(exist_ok=True)
    process.run(["mount", "-t", "tmpfs", "-o", f"size={memory_mib}m,mode=755", "rack-ram", scratch], timeout=20)
    for name in ("upper", "work", "root"):
        (scratch / name).mkdir()
    layers = f"lowerdir={tree},upperdir={scratch / 'upper'},workdir={scratch / 'work'}"
    process.run(["mount", "-t", "overlay", "-o", layers, "rack-root", scratch / "root"], timeout=20)
    return scratch / "root"
