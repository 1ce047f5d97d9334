"""A tree that travels by a pipe arrives whole, however its last record falls, and its writer is never left with half of it."""

from __future__ import annotations

import os
from pathlib import Path

from seedvm.base import process
from seedvm.image import dib


def test_the_reader_stays_until_the_writer_has_written_its_last_record(tmp_path: Path) -> None:
    source, tree, pipe = tmp_path / "source", tmp_path / "tree", tmp_path / "pipe"
    source.mkdir()
    tree.mkdir()
    os.mkfifo(pipe)
    one_cpu = ["taskset", "-c", str(min(os.sched_getaffinity(0)))]
    for blocks in range(1, 61):  # three whole records: the end mark comes to lie everywhere in the last one
        (source / "file").write_bytes(os.urandom(512 * blocks + 2_000_000))
        reader = process.spawn([*one_cpu, *dib.unpacker(tree), pipe])
        process.run([*one_cpu, "tar", "-C", source, "-cf", pipe, "."], timeout=30)
        assert reader.wait(timeout=30) == 0
        assert (tree / "file").read_bytes() == (source / "file").read_bytes()
