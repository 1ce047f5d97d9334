"""upgrade-databases on two real Galera members that boot an image with newer software: one migrates, once, and a second boot only looks."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from seedvm.base import process
from seedvm.controller import galera
from tests.contract.isolated import isolated, until
from tests.contract.member.real_galera import healthy, member, needs_galera

SCRIPT = Path(__file__).parents[3] / "elements/mariadb/static/usr/local/libexec/controller/upgrade-databases"
SERVICES = ("glance", "nova")
OLD, NEW = "2:30.0.0-3+deb13u5", "2:30.0.1-1"
pytestmark = [pytest.mark.slow, needs_galera]


class Controller:
    """A member's machine as far as the script looks: its software, its services' migrations, its database."""

    def __init__(self, folder: Path, name: str, sock: Path) -> None:
        self.folder, self.name, self.sock = folder / f"machine-{name}", name, sock
        self.migrated = folder / "migrated"
        schemas = self.folder / "schema.d"
        schemas.mkdir(parents=True)
        for service in SERVICES:
            path = schemas / service
            path.write_text(
                f"#!/bin/bash\nset -eu\nmkdir {folder}/busy\n"
                f"mariadb --no-defaults --socket={sock} --execute 'ALTER TABLE work.rows ADD COLUMN IF NOT EXISTS {service} INT'\n"
                f"echo '{name} {service}' >> {self.migrated}\nrmdir {folder}/busy\n"
            )
            path.chmod(0o755)
        self.boot(OLD, bootstrap=False)
        text = SCRIPT.read_text().replace("limit=900", "limit=2").replace("/run/mysqld/mysqld.sock", str(sock))
        for path in (
            "/etc/controller/node.env",
            "/usr/local/libexec/controller/schema.d",
            "/run/upgrade-databases.lock",
        ):
            assert path in text
            text = text.replace(path, str(self.folder / Path(path).name))
        (self.folder / "script").write_text(text)

    def boot(self, version: str, *, bootstrap: bool) -> None:
        """An image with this version of all services."""
        (self.folder / "node.env").write_text(f"NODE_NAME={self.name}\nBOOTSTRAP={str(bootstrap).lower()}\n")
        packages = (f"Package: python3-{one}\nStatus: install ok installed\nVersion: {version}\n" for one in SERVICES)
        (self.folder / "dpkg/info").mkdir(parents=True, exist_ok=True)
        (self.folder / "dpkg/status").write_text("\n".join(packages))

    async def run(self, *words: str) -> process.Completed:
        environment = {"DPKG_ADMINDIR": str(self.folder / "dpkg")}
        argv = ["bash", self.folder / "script", *words]
        return await process.arun(process.Command(argv, env=environment), timeout=100, check=False)

    def seqno(self) -> int:
        with galera.connect(self.sock) as connection:
            return galera.seqno(connection)

    def say(self, sql: str) -> None:
        with galera.connect(self.sock) as connection:
            galera.rows(connection, sql)

    def migrations(self) -> list[str]:
        """What was migrated by whom, and forget it."""
        lines = self.migrated.read_text().splitlines() if self.migrated.exists() else []
        self.migrated.write_text("")
        return sorted(lines)


async def two_members(stack: ExitStack) -> list[Controller]:
    """A cluster whose schemas were made by the first member, as the seed makes them."""
    folder = Path(stack.enter_context(TemporaryDirectory(dir="/var/tmp")))
    folder.chmod(0o755)
    socks = [stack.enter_context(member(folder, 0, ""))]
    await until(lambda: healthy(socks[0], 1))
    socks.append(stack.enter_context(member(folder, 1, "127.0.0.1:20001")))
    await until(lambda: all(healthy(one, 2) for one in socks))
    found = [Controller(folder, f"m{number}", sock) for number, sock in enumerate(socks)]
    found[0].say("CREATE DATABASE work")
    found[0].say("CREATE TABLE work.rows (id INT PRIMARY KEY)")
    found[0].boot(OLD, bootstrap=True)
    done = await asyncio.gather(*(found[0].run("--record", service) for service in SERVICES))
    assert [one.returncode for one in done] == [0, 0]
    return found


@isolated
async def test_one_member_migrates_what_a_new_image_needs_and_the_next_boot_only_looks() -> None:
    with ExitStack() as stack:
        members = await two_members(stack)
        members[0].boot(OLD, bootstrap=False)
        before = members[0].seqno()
        assert [(await one.run()).returncode for one in members] == [0, 0]
        assert (members[0].migrations(), members[0].seqno()) == ([], before), "the image did not change"

        for one in members:
            one.boot(NEW, bootstrap=False)
        done = await asyncio.gather(*(one.run() for one in members))
        assert [one.returncode for one in done] == [0, 0], done
        lines = members[0].migrations()
        assert [line.split()[1] for line in lines] == ["glance", "nova"] and len(
            {line.split()[0] for line in lines}
        ) == 1

        before = members[0].seqno()
        assert [(await one.run()).returncode for one in members] == [0, 0]
        members[1].boot(OLD, bootstrap=False)
        assert (await members[1].run()).returncode == 0
        assert (members[0].migrations(), members[0].seqno()) == ([], before), (
            "a second boot, and an image that went back"
        )


@isolated
async def test_a_turn_ends_with_its_member_and_is_respected_as_long_as_that_member_is_there() -> None:
    with ExitStack() as stack:
        first, second = await two_members(stack)
        for one in (first, second):
            one.boot(NEW, bootstrap=False)
        first.say("INSERT INTO controller.upgrades (name, version, member) VALUES ('turn', 'x', 'm0')")
        done = await second.run()
        assert done.returncode == 1 and "member m0 has been upgrading the databases for 2 s" in done.stderr
        assert second.migrations() == []

        assert (await first.run()).returncode == 0, "a member that was cut off takes its own turn up again"
        assert first.migrations() == ["m0 glance", "m0 nova"]

        for one in (first, second):
            one.boot("2:30.0.2-1", bootstrap=False)
        first.say("UPDATE controller.upgrades SET member = 'm0' WHERE name = 'turn'")
        os.kill(int((first.folder.parent / "m0/pid").read_text()), signal.SIGTERM)
        await until(lambda: healthy(second.sock, 1))
        assert (await second.run()).returncode == 0
        assert second.migrations() == ["m1 glance", "m1 nova"]
