"""Every command as an operator types it who forgot sudo: words and an exit code, never a traceback."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest

from seedvm.base import process

ROOT = Path(__file__).parents[2]
STATE = "{state}"
COMMANDS = (
    "plan",
    "run",
    "status",
    "status --json",
    "top --once",
    "top",
    "report",
    "machines",
    "export",
    "wizard",
    "wizard --plain",
    "wizard --web",
    "replay {state}/journal.jsonl",
    "replay {state}/journal.jsonl --plain",
    "import {state}/list.csv",
    "bmc test 192.0.2.1",
    "bmc rotate",
    "node retry demo-undercloud-0",
    "handoff undo",
    "handoff accept x",
    "receipt key",
    "receipt verify {state}/receipt.json",
    "bundle site",
    "demo",
    "demo --headless",
    "image build",
    "--trace status",
)
_OPEN = """\
import os, sys
from pathlib import Path
# The interpreter and the sources may lie in a folder of root's own: what is above them is opened, for this process's mounts alone.
import subprocess
def run(*words): subprocess.run(words, check=True)
run("mount", "--make-rprivate", "/")
run("mount", "-t", "tmpfs", "none", "/mnt")
wanted = [Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), Path(sys.argv[1])]
closed = {p for one in wanted for p in one.parents if not p.stat().st_mode & 0o1}
for top in [p for p in closed if not any(o in p.parents for o in closed)]:
    inside = [one for one in wanted if top in one.parents]
    for number, one in enumerate(inside):
        os.makedirs(f"/mnt/open-{number}", exist_ok=True); run("mount", "--bind", str(one), f"/mnt/open-{number}")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "none", str(top))
    for number, one in enumerate(inside):
        one.mkdir(parents=True, exist_ok=True); run("mount", "--bind", f"/mnt/open-{number}", str(one))
os.chdir(sys.argv[1])
os.setgroups([]); os.setgid(65534); os.setuid(65534)
for number, command in enumerate(sys.argv[3:]):
    told = open(f"{sys.argv[2]}/{number}", "w")
    done = subprocess.run([sys.executable, "-m", "seedvm", *command.split()], stdin=subprocess.DEVNULL, stdout=told,
                          stderr=subprocess.STDOUT, timeout=60, env={"HOME": "/nonexistent", "PATH": os.environ["PATH"], "TERM": "xterm"})
    told.write(f"\\nexit code {done.returncode}\\n")
"""


@pytest.mark.root
def test_every_command_gives_words_and_an_exit_code() -> None:
    with (
        tempfile.TemporaryDirectory() as folder
    ):  # pytest closes its own to everybody else, at each start of another pytest too
        _run(Path(folder))


def _run(tmp_path: Path) -> None:
    state, said = tmp_path / "state", tmp_path / "said"
    state.mkdir(mode=0o700)
    said.mkdir(mode=0o777)
    said.chmod(0o777)
    tmp_path.chmod(0o755)
    for name in ("journal.jsonl", "site.yaml", "secrets.yaml", "receipt.json"):
        (state / name).write_text("")
    words = [f"--state-dir {state} {one}".replace("{state}", str(state)) for one in COMMANDS]
    program = ["unshare", "--mount", sys.executable, "-c", _OPEN, str(ROOT), str(said), *words]
    process.run(program, timeout=300)
    for number, command in enumerate(COMMANDS):
        text = (said / str(number)).read_text()
        assert "Traceback" not in text, f"{command}: {text}"
        assert text.strip().splitlines()[-1] in {f"exit code {code}" for code in (1, 2, 3)}, f"{command}: {text}"
        assert any(word in text for word in ("root", "sudo", "ermission", "give the path")), f"{command}: {text}"
