"""Digests of two real Galera members, compared in rounds while somebody keeps writing."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.controller import galera
from seedvm.handoff.compare import Rounds
from tests.contract.isolated import isolated, until
from tests.contract.member.real_galera import healthy, member, needs_galera

pytestmark = [pytest.mark.slow, needs_galera]


def heartbeats(sock: Path, stop: threading.Event) -> None:
    """What services do all the time: a small change now and then."""
    with galera.connect(sock) as connection:
        while not stop.wait(0.15):
            galera.rows(connection, "UPDATE one.beats SET at = at + 1 WHERE id = 1")


def taken(sock: Path, tables: tuple[str, ...]) -> dict[str, str]:
    with galera.connect(sock) as connection:
        listed = tuple(map(galera.quoted, tables)) or galera.tables(connection, ("one", "two"))
        return {one.table: f"{one.rows} {one.checksum}" for one in galera.snapshot(connection, listed).tables}


async def compared(socks: list[Path]) -> Rounds:
    """The end of a comparison: all agree, or something is stuck."""
    rounds = Rounds()
    for _ in range(100):
        said = await asyncio.gather(*(asyncio.to_thread(taken, sock, rounds.open) for sock in socks))
        rounds.heard({f"m{number}": one for number, one in enumerate(said)})
        if rounds.stuck or not rounds.open:
            return rounds
    return rounds


@isolated
async def test_members_agree_under_writes_and_a_hidden_change_is_found() -> None:
    with ExitStack() as stack:
        # Not tmp_path: MariaDB and rsync run as users of their own, who may not pass root's folders.
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="seedvm-galera-")))
        folder.chmod(0o755)
        first = stack.enter_context(member(folder, 0, ""))
        await until(lambda: healthy(first, 1))
        with galera.connect(first) as connection:
            for sql in (
                "CREATE DATABASE one",
                "CREATE DATABASE two",
                "CREATE TABLE one.beats (id INT PRIMARY KEY, at INT NOT NULL)",
                "CREATE TABLE two.words (id INT PRIMARY KEY AUTO_INCREMENT, word VARCHAR(40))",
                "INSERT INTO one.beats VALUES (1, 0)",
                "INSERT INTO two.words (word) VALUES ('golden'), ('seed')",
            ):
                galera.rows(connection, sql)
        second = stack.enter_context(member(folder, 1, "127.0.0.1:20001"))
        await until(lambda: healthy(first, 2) and healthy(second, 2))

        stop = threading.Event()
        writer = threading.Thread(target=heartbeats, args=(first, stop))
        writer.start()
        try:
            for _ in range(4):
                assert (await compared([first, second])) == Rounds()

            with galera.connect(second) as connection:
                galera.rows(connection, "SET SESSION wsrep_on = OFF")
                galera.rows(connection, "UPDATE two.words SET word = 'sead' WHERE word = 'seed'")
            for _ in range(2):
                (stuck,) = (await compared([first, second])).stuck
                assert stuck.startswith("two.words (m0: 2 ")
        finally:
            stop.set()
            writer.join()

        with galera.connect(first) as connection, pytest.raises(SeedvmError, match="three"):
            galera.tables(connection, ("one", "three"))


@isolated
async def test_a_seed_that_gave_up_its_votes_may_die_and_two_of_three_nodes_go_on(tmp_path: Path) -> None:
    # As at COMMIT with one node down: the seed has two votes, the two nodes that are left have one each.
    with TemporaryDirectory(dir="/var/tmp") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        seed = stack.enter_context(member(folder, 0, "", votes=2))
        await until(lambda: healthy(seed, 1))
        nodes = [stack.enter_context(member(folder, 1, "127.0.0.1:20001"))]
        await until(lambda: healthy(nodes[0], 2))
        nodes.append(stack.enter_context(member(folder, 2, "127.0.0.1:20001")))
        await until(lambda: all(healthy(one, 3) for one in (seed, *nodes)))
        with galera.connect(seed) as connection:
            assert galera.votes(connection) == 2
            galera.give_up_votes(connection)
            assert galera.votes(connection) == 0
        os.kill(int((folder / "m0/pid").read_text()), signal.SIGKILL)
        await until(lambda: all(healthy(one, 2) for one in nodes))
