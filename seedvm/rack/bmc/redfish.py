"""A Redfish BMC: the sushy-tools emulator on HTTPS 443 with a driver that asks the machine's supervisor, without delay.

What the emulator's templates leave out is put into its answers: boot override once or for good, a service UUID of its own.
It refuses everything but the service root without a session or the right name and password (redfish_door.py).
"""

from __future__ import annotations

import datetime
import ipaddress
import json
import logging
import os
import ssl
import threading
from collections.abc import Iterable
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment

import flask
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sushy_tools import error
from sushy_tools.emulator import main as emulator
from sushy_tools.emulator.resources.systems.base import AbstractSystemsDriver
from werkzeug.serving import WSGIRequestHandler, make_server

from seedvm.base.errors import SeedvmError
from seedvm.rack.bmc.account import Door
from seedvm.rack.bmc.behind import Behind
from seedvm.rack.bmc.redfish_login import ROOT_LINKS, RedfishDoor, Rules
from seedvm.rack.model import MachineSpec

_DEVICES = {"Pxe": "pxe", "Hdd": "disk", "None": None}
_ACTIONS = {
    "On": "on",
    "ForceOn": "on",
    "ForceOff": "off",
    "GracefulShutdown": "soft",
    "GracefulRestart": "restart",
    "ForceRestart": "reset",
    "PowerCycle": "cycle",
}
_CERTIFICATE_DAYS = 3650


def serve(machine: MachineSpec, behind: Behind, door: Door, folder: Path) -> None:
    """Answer on TCP 443 for ever."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = emulator.app
    emulator.Application.systems = RackDriver(machine, behind)  # its own choice of drivers knows no plug-ins
    app.config["SUSHY_EMULATOR_STATE_DIR"] = str(folder)
    app.after_request(lambda response: _complete(response, machine, behind))
    rules = Rules(sessions=machine.faults.sessions or 16)
    app.wsgi_app = _hang if machine.faults.hang else RedfishDoor(app.wsgi_app, door, rules)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*_certificate(machine, folder))
    address = str(machine.bmc.address)
    server = make_server(address, 443, app, threaded=True, ssl_context=context, request_handler=_Quiet)
    assert isinstance(server.socket, ssl.SSLSocket)
    server.socket.do_handshake_on_connect = False  # type: ignore[attr-defined]  # a client that says nothing holds up its own thread alone
    server.serve_forever()


class _Quiet(WSGIRequestHandler):
    """Keeps connections open as BMCs do, and logs nothing: a request may hold a name."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: object) -> None:
        return


class RackDriver(AbstractSystemsDriver):
    """One system: the machine."""

    def __init__(self, machine: MachineSpec, behind: Behind) -> None:
        super().__init__()
        self._machine = machine
        self._behind = behind
        self._uuid = str(machine.uuid)
        self._mode = boot_mode(machine)

    @property
    def driver(self) -> str:
        return "<rack>"

    @property
    def systems(self) -> list[str]:
        return [self._uuid]

    def uuid(self, identity: str) -> str:
        if identity not in (self._uuid, self._machine.name):
            raise error.NotFound(f"There is no system {identity}")
        return self._uuid

    def name(self, identity: str) -> str:
        self.uuid(identity)
        return self._machine.name

    def get_power_state(self, identity: str) -> str:
        self.uuid(identity)
        return "On" if self._behind.status().power == "on" else "Off"

    def set_power_state(self, identity: str, state: str) -> None:
        self.uuid(identity)
        if state not in _ACTIONS:
            raise error.BadRequest(f"ResetType {state} is not supported")
        try:
            self._behind.power(_ACTIONS[state])
        except SeedvmError as refused:
            raise error.Conflict(refused.why) from refused

    def get_boot_device(self, identity: str) -> str:
        self.uuid(identity)
        device = self._behind.status().boot_device
        return next((name for name, value in _DEVICES.items() if value == device), "None")

    def set_boot_device(self, identity: str, boot_source: str) -> None:
        """Within a request: once or for good stands beside the target, and the emulator passes on the target alone."""
        self.uuid(identity)
        enabled = (flask.request.get_json().get("Boot") or {}).get("BootSourceOverrideEnabled", "Continuous")
        if boot_source not in _DEVICES or enabled not in ("Once", "Continuous", "Disabled"):
            raise error.BadRequest(f"BootSourceOverride {boot_source} {enabled} is not supported")
        device = None if enabled == "Disabled" else _DEVICES[boot_source]
        self._behind.boot(device, once=enabled == "Once")

    def get_boot_mode(self, identity: str) -> str:
        self.uuid(identity)
        return self._mode

    def set_boot_mode(self, identity: str, boot_mode: str) -> None:
        if boot_mode != self._mode:
            raise error.BadRequest(f"BootSourceOverrideMode {boot_mode} is not supported")

    def get_secure_boot(self, identity: str) -> bool:
        return self._machine.firmware == "secure"

    def get_total_memory(self, identity: str) -> float:
        return self._machine.memory_mib / 1024

    def get_total_cpus(self, identity: str) -> int:
        return self._machine.cpus

    def get_nics(self, identity: str) -> list[dict[str, str]]:
        self.uuid(identity)
        return [{"id": self._machine.mac, "mac": self._machine.mac}]


def boot_mode(machine: MachineSpec) -> str:
    """As Redfish calls it; firmware cannot be told to be another."""
    return "Legacy" if machine.firmware == "bios" else "UEFI"


def _hang(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Takes the request and never says a word."""
    threading.Event().wait()
    return []


def _complete(response: flask.Response, machine: MachineSpec, behind: Behind) -> flask.Response:
    endpoint, asked = flask.request.endpoint, flask.request.method == "GET" and response.status_code == 200
    if asked and endpoint == "root_resource":
        tree = json.loads(response.get_data())
        tree |= {
            "UUID": str(machine.uuid),
            "Product": "virtual rack BMC",
            "Vendor": "seedvm",
            "Name": "Redfish Service",
            **ROOT_LINKS,
        }
        response.set_data(json.dumps(tree))
    elif asked and endpoint == "system_resource":
        tree = json.loads(response.get_data())
        status = behind.status()
        enabled = "Disabled" if status.boot_device is None else "Once" if status.boot_once else "Continuous"
        tree["Boot"] |= {"BootSourceOverrideEnabled": enabled, "BootSourceOverrideMode": boot_mode(machine)}
        tree["Boot"]["BootSourceOverrideTarget@Redfish.AllowableValues"] = ["None", "Pxe", "Hdd"]
        tree |= {"Manufacturer": "seedvm", "Model": "virtual rack machine", "SerialNumber": machine.serial}
        response.set_data(json.dumps(tree))
    elif asked and endpoint == "manager_resource":
        tree = json.loads(response.get_data())
        now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=machine.faults.clock_ahead)
        response.set_data(json.dumps(tree | {"DateTime": now.isoformat(timespec="seconds")}))
    return response


def _certificate(machine: MachineSpec, folder: Path) -> tuple[Path, Path]:
    """A self-made certificate for the BMC's address, made once."""
    certificate, key_file = folder / "bmc.crt", folder / "bmc.key"
    if certificate.exists() and key_file.exists():
        return certificate, key_file
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{machine.name} BMC")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(str(machine.bmc.address)))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=_CERTIFICATE_DAYS))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    descriptor = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(private)
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return certificate, key_file
