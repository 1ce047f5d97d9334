"""What commands print when every text of foreign origin in the state folder paints on the terminal: text, and no control but newlines."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from seedvm.base import process
from tests.datacenter.paint import MARK, PAINT, remains
from tests.painted import SCANNED, more_events, painted_state
from tests.tui.helpers import SITE

COMMANDS = (
    "status",
    "status --json",
    "report",
    "report --json",
    "machines",
    "machines --json",
    "export --format csv",
    "export --format ironic",
    "export --format instackenv",
    "wizard --plain",
    "replay --speed 0 --plain",
    "import LIST",
    "import LIST --json",
    "node drop zq7",
    "run",
    "run --json",
    "plan",
    "bmc test 172.22.1.21",
    f"scan {SCANNED}",
    f"scan {SCANNED} --json",
    "handoff doubts",
    "handoff doubts --json",
    "handoff accept no\x1b[31mx",
    "handoff undo",
    "bundle open LIST",
    "bundle open no\x1b]0;x\x07",
    "receipt verify RECEIPT",
    "receipt verify RECEIPT --json",
    "receipt verify LIST",
    "receipt verify RECEIPT --key \x1b[31mx",
    "wizard \x1b[31mx",
    "import no\x1b]0;x\x07",
    "nosuch\x9b2J",
)


@pytest.fixture(scope="module", params=["escaped", "as it came"])
def state(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = painted_state(tmp_path_factory.mktemp("state"), ascii_only=request.param == "escaped")
    more_events(folder)
    (folder / "site.yaml").write_text(SITE)
    nodes = [{"name": f"n{number}{PAINT}", "driver": PAINT, "driver_info": {PAINT: PAINT}} for number in range(3)]
    (folder / "LIST").write_text(json.dumps({"nodes": nodes, PAINT: PAINT}))
    return folder


def printed(state: Path, command: str) -> process.Completed:
    files = {"LIST": state / "LIST", "RECEIPT": state / "receipt.json"}
    words = [str(files.get(word, word)) for word in command.split()]
    words += [str(state / "journal.jsonl")] if words[0] == "replay" else []
    argv = [sys.executable, "-m", "seedvm", *words, "--state-dir", str(state)]
    return process.run(process.Command(argv, env={"TERM": "dumb", "LANG": "C.UTF-8"}), timeout=60, check=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_prints_no_control_that_came_from_elsewhere(state: Path, command: str) -> None:
    done = printed(state, command)
    said = (done.stdout + done.stderr).encode("utf-8", "surrogateescape")
    assert b"Traceback" not in said, done.stderr[-3000:]
    assert remains(said) == []
    if command.endswith("--json") and done.returncode == 0:
        for document in done.stdout.splitlines() if command.startswith("scan") else [done.stdout]:
            json.loads(document)


def test_the_values_are_shown_all_the_same(state: Path) -> None:
    for command in ("status", "status --json", "machines", "replay --speed 0 --plain"):
        assert MARK in printed(state, command).stdout, command
