"""What a controller tells HAProxy and keepalived of itself: by its own database and its own RabbitMQ, not by a version page."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from seedvm.member.ready import cut_off
from seedvm.services.load import installed
from tests.contract.handoff.lab import Lab, in_a_lab
from tests.contract.handoff.machine import mount
from tests.contract.isolated import child, until

MESSAGES = {"heat", "ironic", "neutron", "nova"}


@contextlib.contextmanager
def rabbit(answer: bytes = b"\x01") -> Iterator[None]:
    """RabbitMQ as far as its first byte goes (AMQP 0-9-1, section 4.2.2)."""
    with socket.create_server(("127.0.0.1", 5672)) as door:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    line, _ = door.accept()
                    with line, contextlib.suppress(OSError):
                        line.sendall(answer if line.recv(8) == b"AMQP\x00\x00\x09\x01" else b"")

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield
        finally:
            door.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def ready(lab: Lab) -> Iterator[None]:
    """The unit's own command."""
    for store in ("rabbitmq", "mysql"):
        Path("/var/lib", store).mkdir(exist_ok=True)
    request = Path("/run/ready.json")
    request.write_text(json.dumps({"address": lab.seed.address, "every": 0.05}))
    with child(["seedvm", "member", "ready", "--request", str(request)]):
        yield


def asked(lab: Lab, name: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{lab.seed.address}:9200/{name}", timeout=20) as answer:
            return answer.status, answer.read().decode().strip()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode().strip()
    except OSError:
        return 0, ""


def well(lab: Lab) -> set[str]:
    return {name for name in (*installed().apis, "vip") if asked(lab, name)[0] == 200}


@in_a_lab
async def test_a_controller_whose_database_has_no_room_to_write_is_not_ready_and_gives_up_the_vip(lab: Lab) -> None:
    every = {*installed().apis, "vip"}
    tables = Path("/var/lib/mysql")
    tables.mkdir()
    mount("tables", str(tables), "tmpfs", options="size=120m")
    with ready(lab), rabbit():
        await until(lambda: well(lab) == every)
        (tables / "region.ibd").write_bytes(bytes(90_000_000))
        await until(lambda: well(lab) == set())
        assert "the database cannot write: " in asked(lab, "keystone")[1]
        (tables / "region.ibd").unlink()
        await until(lambda: well(lab) == every)


@in_a_lab
async def test_each_service_is_ready_where_what_it_stands_on_works(lab: Lab) -> None:
    every = {*installed().apis, "vip"}
    with ready(lab):
        with rabbit():
            await until(lambda: well(lab) == every)
            assert asked(lab, "keystone") == (200, "ready")
            assert asked(lab, "../etc/passwd") == (503, "no service is called ../etc/passwd")
        await until(lambda: well(lab) == every - MESSAGES)
        assert asked(lab, "nova")[1].startswith("RabbitMQ does not answer: ")
        with rabbit(answer=b""):
            await until(lambda: asked(lab, "nova")[1] == "RabbitMQ does not speak AMQP 0-9-1")
        with rabbit():
            await until(lambda: well(lab) == every)


@in_a_lab
async def test_no_service_is_ready_and_no_vip_wanted_without_a_database_in_the_primary_component(lab: Lab) -> None:
    database, every = lab.galera["seed"], {*installed().apis, "vip"}
    with rabbit(), ready(lab):
        await until(lambda: well(lab) == every)
        database.component = "non-Primary"
        await until(lambda: well(lab) == set())
        assert asked(lab, "vip")[1] == "the database is Synced in a component that is non-Primary"
        database.component, database.state = "Primary", "Donor/Desynced"
        await until(lambda: well(lab) == every)  # the seed, while the nodes join
        database.gone = True
        await until(lambda: well(lab) == set())
        assert asked(lab, "keystone")[1].startswith("MariaDB does not answer on this machine")
        database.gone = False
        await until(lambda: well(lab) == every)


def door(lab: Lab, number: int) -> socket.socket:
    """A node's own such service, as far as a connection goes."""
    node = lab.nodes[number]
    return node.do(lambda: socket.create_server((node.address, 9200)))


@in_a_lab
async def test_a_machine_that_is_cut_off_lets_go_of_the_vip_before_its_database_finds_out(lab: Lab) -> None:
    lab.galera["seed"].addresses = ",".join(f"{one.address}:0" for one in lab.machines)
    every = {*installed().apis, "vip"}
    with rabbit(), ready(lab), door(lab, 0), door(lab, 1):
        await until(lambda: well(lab) == every)  # one of three is down, and the seed has two votes
        lab.link(lab.nodes[1], "down")
        await until(lambda: well(lab) == every)
        lab.link(lab.nodes[0], "down")
        await until(lambda: well(lab) == every - {"vip"})
        assert asked(lab, "vip")[1] == "3 of the 3 other members cannot be reached"
        lab.galera["seed"].addresses = f"{lab.seed.address}:0"  # the others left in order: it serves alone
        await until(lambda: well(lab) == every)


def test_what_remains_must_be_more_than_what_is_lost() -> None:
    with socket.create_server(("127.0.0.1", 9200)):
        reached, lost = "127.0.0.1", "127.0.0.2"
        assert cut_off(1, []) == "" and cut_off(2, [lost]) == "" and cut_off(1, [reached, lost]) == ""
        assert cut_off(1, [lost]) and cut_off(1, [reached, lost, lost]) and cut_off(2, [lost, lost])
