"""DMTF's public mock-up of a rack server, as sushy carries it, is read as any BMC is: not only our own emulators say what Redfish is.

DMTF's mock-up server itself is in no package registry; it was tried by hand (decision 20), and what it does to a login is done here.
"""

from __future__ import annotations

import http.server
import importlib.resources
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seedvm.base.secret import Secret
from seedvm.bmc.bmc_login import BmcLogin
from seedvm.bmc.clients import with_account
from seedvm.bmc.credentials import prove
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.login_result import Proven
from seedvm.bmc.redfish import RedfishBmc
from seedvm.machines.inventory import KnownMachine
from seedvm.site.accounts import Candidate
from seedvm.steps.register import driver_of

PARTS = ("root", "system_collection", "system", "ethernet_interfaces_collection", "ethernet_interfaces")
MORE = ("manager_collection", "manager", "session_service", "session_collection", "processor_collection", "processor")


@pytest.fixture
def mockup() -> Iterator[int]:
    """Its resources by their own @odata.id; the port. A POST to its sessions is answered with 204 and no token."""
    samples = importlib.resources.files("sushy.tests.unit") / "json_samples"
    trees: dict[str, Any] = {}
    for name in PARTS + MORE:
        tree = json.loads((samples / f"{name}.json").read_text())
        trees[tree["@odata.id"].rstrip("/")] = tree

    class Service(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(trees.get(self.path.rstrip("/"), {})).encode()
            self._answer(200 if len(body) > 2 else 404, body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._answer(204, b"")

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


async def test_a_public_mockup_is_identified_and_gets_the_redfish_driver(tmp_path: Path, mockup: int) -> None:
    def make(user: str, password: Secret) -> RedfishBmc:
        return RedfishBmc("127.0.0.1", user, password, port=mockup, tls=False)

    pair = Candidate("admin", Secret("any"))
    answer = await prove(BmcLogin("127.0.0.1", Ledger(tmp_path), make), ["redfish-http"], [pair])
    assert isinstance(answer, Proven), answer
    machine = with_account(KnownMachine("127.0.0.1", protocols=("redfish-http",)), answer)
    assert machine.redfish_system == "/redfish/v1/Systems/437XR1138R2"
    assert (machine.vendor, machine.serial) == ("Contoso", "437XR1138R2")
    assert machine.uuid == "38947555-7742-3448-3784-823347823834"
    assert machine.boot_mac == "12:44:6a:3b:04:11"
    assert driver_of(machine) == "redfish"
    assert answer.system is not None
    assert (answer.system.power, answer.system.memory_mib) == ("on", 96 * 1024)
    assert (answer.system.architecture, machine.usable) == ("x86_64", True)
    arm = replace(answer, system=replace(answer.system, architecture="aarch64"))
    other = with_account(KnownMachine("127.0.0.1", protocols=("redfish-http",)), arm)
    assert (other.usable, other.cure) == (False, "exclude the machine")
    assert "aarch64" in (other.unfit_reason or "")
