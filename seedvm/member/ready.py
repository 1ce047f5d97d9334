"""`member ready`: what this controller can do right now, told by HTTP to HAProxy's checks and to keepalived. Runs as a unit for ever.

An API answers its version page without a database, and HAProxy took a controller whose database was stopped for the best one. Here
each service is ready (200) where what it stands on works, else it is not (503, with the reason). It refuses to repair, to hold a request up
while it looks, and to call anything ready that it has not seen lately.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer

from seedvm.base.errors import SeedvmError
from seedvm.base.tcp import tcp_open
from seedvm.controller import galera
from seedvm.monitor import peers
from seedvm.monitor.sampler import Sampler
from seedvm.services.load import installed

PORT = 9200
VIP = "vip"
"""The name of what the VIP's holder must have: a database in the primary component."""
_EVERY_SECONDS = 1.0
_STALE_SECONDS = 10.0
_AMQP = b"AMQP\x00\x00\x09\x01"  # AMQP 0-9-1, section 4.2.2: the server answers with a method frame, Connection.Start
_WIRE_SECONDS = 1.0
_MESSAGES = ("127.0.0.1", 5672)
_STORE = Path("/var/lib/rabbitmq")
_TABLES = Path("/var/lib/mysql")
_LEAST_ROOM = (
    100_000_000  # below it a table that has to grow is soon "full": each write to it fails, and each read still works
)
_LEAST_FREE = 200_000_000  # elements/rabbitmq: disk_free_limit, below which publishers are blocked


@dataclass(frozen=True)
class ReadyRequest:
    """At which address and port to answer, and how often to look. With the address of the `vip` samples are kept too (`seedvm top`)."""

    address: str
    port: int = PORT
    every: float = _EVERY_SECONDS
    vip: str = ""


@dataclass(frozen=True)
class Looks:
    """Why the database, the messages, or the wire to the other members do not work; empty where they do. `at` is monotonic."""

    database: str
    messages: str
    at: float
    wire: str = ""

    def missing(self, name: str) -> str:
        """Why `name` (a service, or the VIP) is not ready; empty where it is."""
        if time.monotonic() - self.at > _STALE_SECONDS:
            return f"nothing was seen for {_STALE_SECONDS:g} s"
        also = self.wire if name == VIP else self.messages if name in with_messages() else ""
        return "; ".join(why for why in (self.database, also) if why)


def ready(request: ReadyRequest) -> None:
    """Answer until the process is ended."""
    with server(request) as serving:
        serving.serve_forever()


def server(request: ReadyRequest) -> ThreadingHTTPServer:
    """The server, which has looked once; `serve_forever` has it answer."""
    seen = [look(request.address)]

    def watch() -> None:
        while True:
            time.sleep(request.every)
            seen[0] = look(request.address)

    counter = peers.Counter()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == peers.SAMPLE:
                status, body, proof = counter.answer(
                    self.headers.get(peers.NONCE, ""), self.headers.get(peers.PROOF, "")
                )
                self._send(status, "application/json" if proof else "text/plain; charset=utf-8", body, proof)
                return
            name = self.path.strip("/")
            known = name == VIP or name in installed().apis
            missing = seen[0].missing(name) if known else f"no service is called {name[:40]}"
            self._send(503 if missing else 200, "text/plain; charset=utf-8", f"{missing or 'ready'}\n".encode())

        def _send(self, status: int, kind: str, text: bytes, proof: str = "") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text)))
            if proof:
                self.send_header(peers.PROOF, proof)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:
            """HAProxies ask many times a second."""

    def missing() -> dict[str, str]:
        return {name: seen[0].missing(name) for name in installed().apis}

    made = _Server((request.address, request.port), Answer)
    threading.Thread(target=watch, daemon=True).start()
    if request.vip:
        threading.Thread(target=Sampler(request.address, request.vip, missing).run, daemon=True, name="samples").start()
    return made


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def server_bind(self) -> None:
        """Without the look-up of a name, which waits where no name server answers."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """HAProxy ends a connection once it has read the status: no error of ours."""


def look(address: str) -> Looks:
    """What works right now on the machine of this address. Takes seconds where something hangs."""
    try:
        with galera.connect(timeout=3) as connection:
            said, votes = galera.status(connection), _votes(connection)
    except SeedvmError as error:
        return Looks(f"{error.what}: {error.why}", _messages(), time.monotonic())
    others = [one for one in said.members if one != address]
    return Looks(_database(said) or _room(), _messages(), time.monotonic(), cut_off(votes, others))


def cut_off(votes: int, others: Sequence[str]) -> str:
    """Why this machine, which has so many votes, would not remain in the primary component; empty where it would. Each of the others counts
    one, and answers by this very service. Galera finds out itself, seconds later: by then the VIP may have two holders."""
    if not others:
        return ""
    with ThreadPoolExecutor(len(others)) as pool:
        heard = sum(pool.map(lambda one: tcp_open(one, PORT, seconds=_WIRE_SECONDS), others))
    lost = len(others) - heard
    return "" if votes + heard > lost else f"{lost} of the {len(others)} other members cannot be reached"


def with_messages() -> frozenset[str]:
    """The services that send messages to workers: without RabbitMQ they accept work that nobody does."""
    return frozenset(one.name for one in installed() if one.api and any(unit.role == "worker" for unit in one.units))


def _votes(connection: galera.Connection) -> int:
    with contextlib.suppress(SeedvmError):
        return galera.votes(connection)
    return 1


def _database(said: galera.GaleraStatus) -> str:
    # A donor serves: it is the seed's lot while the nodes join.
    works = said.ready and said.cluster_status == "Primary"
    return "" if works else f"the database is {said.state} in a component that is {said.cluster_status}"


def _room() -> str:
    """Why the database cannot write: it takes part in the cluster with a full disk, and says so in its log alone."""
    try:
        free = _free(_TABLES)
    except OSError as error:
        return f"the database's folder cannot be read: {error}"
    return "" if free > _LEAST_ROOM else f"the database cannot write: {free // 1_000_000} MB are free in {_TABLES}"


def _free(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def _messages() -> str:
    try:
        with socket.create_connection(_MESSAGES, timeout=3) as line:
            line.sendall(_AMQP)
            if line.recv(1) != b"\x01":
                return "RabbitMQ does not speak AMQP 0-9-1"
        free = _free(_STORE)
    except OSError as error:
        return f"RabbitMQ does not answer: {error}"
    return "" if free > _LEAST_FREE else f"RabbitMQ blocks publishers: {free // 1_000_000} MB are free in {_STORE}"
