"""Real MariaDB servers as members of one Galera cluster, on the loopback of the caller's network namespace."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.controller import galera
from tests.contract.isolated import child

PROVIDER = Path("/usr/lib/galera/libgalera_smm.so")
needs_galera = pytest.mark.skipif(
    not (shutil.which("mariadbd") and PROVIDER.exists()), reason="mariadb-server and galera-4 are not installed"
)


@contextmanager
def member(folder: Path, number: int, peers: str, *, votes: int = 1) -> Iterator[Path]:
    """A MariaDB that is a Galera member on the loopback; its socket. Its tmpdir is its own: a starting server deletes what is in it."""
    home = folder / f"m{number}"
    data, sock, port, temporary = home / "data", home / "sock", 20000 + 10 * number, home / "tmp"
    for path in (home, temporary):
        path.mkdir()
        shutil.chown(path, "mysql")
    own = ("--no-defaults", "--user=mysql", f"--datadir={data}", f"--tmpdir={temporary}")
    install = ["mariadb-install-db", *own, "--skip-test-db", "--auth-root-authentication-method=socket"]
    process.run(install, timeout=120)
    argv = [
        *("mariadbd", *own, f"--socket={sock}", f"--port={port}"),
        *("--bind-address=127.0.0.1", "--binlog-format=ROW", "--innodb-autoinc-lock-mode=2", "--wsrep-on=ON"),
        *(f"--wsrep-provider={PROVIDER}", f"--wsrep-cluster-address=gcomm://{peers}", "--wsrep-cluster-name=t"),
        *(f"--wsrep-node-address=127.0.0.1:{port + 1}", f"--wsrep-node-name=m{number}", "--wsrep-sst-method=rsync"),
        *(
            f"--wsrep-sst-receive-address=127.0.0.1:{port + 2}",
            f"--pid-file={home / 'pid'}",
            "--innodb-buffer-pool-size=32M",
        ),
        f"--wsrep-provider-options=gmcast.listen_addr=tcp://127.0.0.1:{port + 1};ist.recv_addr=127.0.0.1:{port + 3};pc.weight={votes}",
    ]
    with child(argv, log=folder / f"m{number}.log"):
        yield sock


def healthy(sock: Path, size: int) -> bool:
    try:
        with galera.connect(sock, timeout=5) as connection:
            said = galera.status(connection)
    except SeedvmError:
        return False
    return said.healthy and said.cluster_size == size
