"""Files written whole: the old content or the new one, whoever reads and whatever ends the writer."""

from __future__ import annotations

import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.base.files import write_atomic, write_private

ROOT = Path(__file__).parents[2]
SIZE = 2_000_000
WRITER = f"""
import sys
from pathlib import Path
from seedvm.base.files import write_atomic
for number in range(10_000):
    write_atomic(Path(sys.argv[1]), str(number % 10) * {SIZE})
    print(number, flush=True)
"""


def test_a_file_is_written_with_its_mode_whatever_it_had_before(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch(0o666)
    before = os.umask(0o077)
    try:
        write_atomic(path, "é\n")
    finally:
        os.umask(before)
    assert (path.read_bytes(), mode(path)) == ("é\n".encode(), 0o644)
    write_private(path, b"\x00\xff")
    assert (path.read_bytes(), mode(path)) == (b"\x00\xff", 0o600)
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_who_has_the_old_file_open_reads_it_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomic(path, "old")
    with path.open() as reader:
        write_atomic(path, "new")
        assert reader.read() == "old"
    assert path.read_text() == "new"


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        write_atomic(path, "new")
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "no folder" / "file", "new")


def test_a_link_laid_in_the_way_is_not_followed(tmp_path: Path) -> None:
    path, other = tmp_path / "file", tmp_path / "other"
    (tmp_path / f".file.{threading.get_native_id()}").symlink_to(other)
    with pytest.raises(OSError, match="symbolic"):
        write_private(path, "secret")
    assert not other.exists()


def test_a_writer_killed_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for _ in range(5):
        command = process.Command([sys.executable, "-c", WRITER, path], cwd=ROOT)
        child = process.spawn(command, stdout=process.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        child.kill()
        child.stdout.close()
        process.stop(child)
        text = path.read_text()
        assert len(text) == SIZE and len(set(text)) == 1


def test_threads_that_write_one_file_at_once_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "file"
    threads = [threading.Thread(target=write_atomic, args=(path, str(number) * SIZE)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(text := path.read_text()) == SIZE and len(set(text)) == 1
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
