"""galera-prepare on a seed that has handed over: it begins no cluster, and starts without a vote."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.controller import handed_over
from tests.contract.handoff.machine import Machine

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "elements/mariadb/static/usr/local/libexec/controller/galera-prepare"
TEMPLATE = ROOT / "elements/mariadb/os-apply-config/etc/mysql/mariadb.conf.d/90-controller.cnf"
OPTIONS = "pc.weight=0;gcache.size=64M;gmcast.listen_addr=tcp://127.0.0.1:4567"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A controller that was the last to leave its cluster, and may begin it."""
    made = Machine("seed", "127.0.0.1", tmp_path / "seed")
    made.start()
    rendered = re.sub(r"\{\{\^node.bootstrap\}\}.*?\{\{/node.bootstrap\}\}", "", TEMPLATE.read_text())
    rendered = rendered.replace("{{#node.bootstrap}}", "").replace("{{/node.bootstrap}}", "")

    def fill() -> None:
        for name, text in (
            ("/etc/controller/node.env", "NODE_NAME=seed\nNODE_ADDRESS=127.0.0.1\nBOOTSTRAP=true\n"),
            ("/etc/controller/galera.env", 'GALERA_HOSTS=127.0.0.1,127.0.0.2\nGALERA_NAMES="seed node-0 node-1 "\n'),
            ("/etc/mysql/mariadb.conf.d/90-controller.cnf", rendered.replace("{{node.address}}", "127.0.0.1")),
            ("/var/lib/mysql/grastate.dat", "safe_to_bootstrap: 1\n"),
        ):
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(text)
        Path("/var/lib/mysql/mysql").mkdir()
        path = made.folder / "bin/galera_recovery"
        path.write_text("#!/bin/sh\necho --wsrep_start_position=u:7\n")
        path.chmod(0o755)

    made.do(fill)
    return made


def prepared(machine: Machine) -> tuple[int, dict[str, str], str]:
    """The script's exit code, what it leaves for the unit, and what it says."""

    def run() -> tuple[int, dict[str, str], str]:
        done = process.run(["bash", SCRIPT], timeout=60, check=False)
        left = {path.name: path.read_text().strip() for path in Path("/run/mysqld").glob("wsrep-*")}
        return done.returncode, left, done.stderr

    return machine.do(run)


@pytest.mark.root
def test_a_seed_begins_its_cluster_and_once_it_has_handed_over_it_begins_none(machine: Machine) -> None:
    code, left, _ = prepared(machine)
    assert code == 0 and left["wsrep-new-cluster"] == "_WSREP_NEW_CLUSTER=--wsrep-new-cluster"
    assert "wsrep-votes" not in left
    # HAProxy's last backend copies first, the comma at the end is any other: the first backend is blocked only where it is alone.
    assert left["wsrep-donors"] == "_WSREP_DONORS=--wsrep-sst-donor=node-1,node-0,"
    machine.do(lambda: handed_over.mark("demo", "a"))
    code, left, said = prepared(machine)
    assert code == 1 and left == {} and "this seed has handed over, and no member" in said
    machine.end()


@pytest.mark.root
def test_beside_a_member_that_answers_it_starts_without_a_vote(machine: Machine) -> None:
    machine.do(lambda: handed_over.mark("demo", "a"))
    with machine.do(lambda: socket.create_server(("127.0.0.2", 4567))):
        code, left, _ = prepared(machine)
    assert code == 0 and "wsrep-new-cluster" not in left
    assert left["wsrep-votes"] == f'_WSREP_VOTES="--wsrep-provider-options={OPTIONS}"'
    machine.end()
