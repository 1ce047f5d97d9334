"""`seedvm import` on a terminal: it shows what would be taken, asks, and obeys; nothing in the list acts on the terminal."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import sys
from pathlib import Path

import pytest

from tests.datacenter.paint import PAINT, PAINTS, remains
from tests.tui.helpers import SITE

LIST = "bmc ip,user,password,name\n172.22.1.21,admin,pw,n1\n172.22.1.22,admin,pw,n2\n"


def asked(folder: Path, text: bytes, typed: bytes, *options: str) -> tuple[int, str]:
    """The exit code, and what stood on the terminal by then; `typed` is what the operator types at the question."""
    (folder / "site.yaml").write_text(SITE)
    (folder / "LIST").write_bytes(text)
    argv = [sys.executable, "-m", "seedvm", "import", str(folder / "LIST"), *options, "--state-dir", str(folder)]
    child, line = pty.fork()
    if child == 0:
        os.execve(sys.executable, argv, {**os.environ, "TERM": "xterm", "LANG": "C.UTF-8"})
    seen = b""
    with contextlib.suppress(OSError):  # EIO: nobody is at the other end any more
        while piece := os.read(line, 65536):
            seen += piece
            if typed and b"[y/N] " in seen:
                os.write(line, typed)
                typed = b""
    os.close(line)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), seen.decode("utf-8", "surrogateescape")


@pytest.mark.parametrize("typed", [b"y\n", b"YES\n", b" y \n"])
def test_yes_takes_what_was_shown(tmp_path: Path, typed: bytes) -> None:
    code, seen = asked(tmp_path, LIST.encode(), typed)
    assert code == 0
    assert (
        seen.index("172.22.1.21") < seen.index("Take 2 machines? [y/N] ") < seen.index("2 new, 0 changed, 2 accounts\r")
    )
    assert len(json.loads((tmp_path / "inventory.json").read_text())["machines"]) == 2
    assert "pw" not in seen.replace("new password", "").replace("known password", "")


@pytest.mark.parametrize("typed", [b"\n", b"n\n", b"yesterday\n", b"\x04", b"\xff\n"], ids=repr)
def test_anything_else_changes_nothing(tmp_path: Path, typed: bytes) -> None:
    code, seen = asked(tmp_path, LIST.encode(), typed)
    assert (code, "nothing was changed" in seen) == (2, True), seen
    assert not (tmp_path / "inventory.json").exists() and not (tmp_path / "secrets.yaml").exists()


def test_a_list_that_is_refused_is_not_asked_about(tmp_path: Path) -> None:
    code, seen = asked(tmp_path, LIST.replace("172.22.1.22", "nowhere").encode(), b"")
    assert (code, "[y/N]" in seen) == (2, False)
    assert "nowhere" in seen


def test_what_is_left_out_is_part_of_the_question(tmp_path: Path) -> None:
    code, seen = asked(tmp_path, LIST.replace("172.22.1.22", "nowhere").encode(), b"y\n", "--partial")
    assert code == 0
    assert "Take 1 machines and leave out n2 (line 3)? [y/N] " in seen


@pytest.mark.parametrize("options", [(), ("--partial",)], ids=["whole", "partial"])
def test_no_list_acts_on_the_terminal_that_it_is_asked_on(tmp_path: Path, options: tuple[str, ...]) -> None:
    good = {"name": "n0", "driver": "ipmi", "driver_info": {"ipmi_address": "172.22.1.21"}}
    nodes = [{**good, "name": f"{name}{text}", "driver_info": {"ipmi_address": PAINT}} for name, text in PAINTS.items()]
    tree = {"nodes": [good, *nodes], PAINT: PAINT}
    code, seen = asked(tmp_path, json.dumps(tree).encode(), b"y\n", *options)
    assert code == (0 if options else 2), seen
    assert remains(seen.replace("\r\n", "\n").encode("utf-8", "surrogateescape")) == []
