"""What we ask of a BMC over Redfish: one careful login, identity of its system, power.

Source: DMTF DSP0266 (protocol, Basic authentication 13.3, password change 13.2.6), DSP0268 (ComputerSystem,
EthernetInterface, Manager). TLS is pinned to the certificate seen at discovery: the password goes to nobody else.
Refused here: redirects, answers over 4 MiB, services with several systems (which one would be written?).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import http.client
import json
import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from seedvm.errors import SeedvmError
from seedvm.secret import Secret

ANSWER_SECONDS = 15.0
MOST_BYTES = 4 * 1024 * 1024
NO_MAC = "00:00:00:00:00:00"
RESET = {"on": "On", "off": "ForceOff"}
LOCKED_WORDS = ("locked", "lockout", "lock out", "too many", "blocked")


class Unauthorized(SeedvmError):
    """The account was refused. `locked_seconds` > 0 when the service says that it is locked, and for how long."""

    def __init__(self, address: str, user: str, locked_seconds: float = 0.0) -> None:
        why = "the service says that it is locked" if locked_seconds else "wrong user or password"
        super().__init__(f"Redfish refused user {user}", machine=address, why=why)
        self.locked_seconds = locked_seconds


class PasswordChangeRequired(SeedvmError):
    """The account is right but may do nothing before its password is changed."""

    def __init__(self, address: str, user: str) -> None:
        super().__init__(
            f"the password of {user} has expired",
            machine=address,
            why="Redfish says PasswordChangeRequired",
            hint="set a new password in the BMC's web page and add it to the candidates",
        )


@dataclass(frozen=True)
class System:
    """One computer system. `path` is its resource; `macs` in lower case with colons, those with link first."""

    path: str
    uuid: str
    serial: str
    manufacturer: str
    model: str
    power: str
    macs: tuple[str, ...]
    linked: tuple[str, ...]
    cpus: int
    memory_mib: int
    clock_ahead: float | None


class RedfishBmc:
    """One Redfish service. Requests are made one at a time, each on a connection of its own."""

    def __init__(
        self, address: str, user: str, password: Secret, *, port: int = 443, tls: bool = True, pin: str | None = None
    ) -> None:
        self.address = address
        self.user = user
        self._password = password
        self._port = port
        self._tls = tls
        self._pin = pin
        self._turn = asyncio.Lock()

    @property
    def url(self) -> str:
        """The service's base, as Ironic's redfish_address wants it."""
        usual = 443 if self._tls else 80
        return f"{'https' if self._tls else 'http'}://{self.address}{'' if self._port == usual else f':{self._port}'}"

    async def needs_login(self) -> bool:
        """Whether the systems are closed to someone who does not log in."""
        status, _ = await self._request("GET", "/redfish/v1/Systems", login=False)
        return status in (401, 403)

    async def get(self, path: str) -> Mapping[str, Any]:
        """A resource. Raises Unauthorized, PasswordChangeRequired, or SeedvmError."""
        status, body = await self._request("GET", path)
        if status != 200:
            raise self._error(f"GET {path}", status, body)
        return body

    async def system(self) -> System:
        """The one system of the service."""
        members = _links(await self.get("/redfish/v1/Systems"), "Members")
        if len(members) != 1:
            raise SeedvmError(
                f"Redfish shows {len(members)} systems",
                machine=self.address,
                why="one machine per BMC is supported",
                hint="use IPMI",
            )
        said = await self.get(members[0])
        macs, linked = await self._macs(said)
        processors, memory = _tree(said, "ProcessorSummary"), _tree(said, "MemorySummary")
        return System(
            path=members[0],
            uuid=_text(said, "UUID").lower(),
            serial=_text(said, "SerialNumber"),
            manufacturer=_text(said, "Manufacturer"),
            model=_text(said, "Model"),
            power=_text(said, "PowerState").lower(),
            macs=macs,
            linked=linked,
            cpus=int(_number(processors, "LogicalProcessorCount") or _number(processors, "Count")),
            memory_mib=int(_number(memory, "TotalSystemMemoryGiB") * 1024),
            clock_ahead=await self._clock_ahead(),
        )

    async def set_power(self, path: str, state: str, seconds: float = 60.0) -> None:
        """Switch the system at `path` and wait until it is so."""
        if await self.power(path) == state:
            return
        status, body = await self._request("POST", f"{path}/Actions/ComputerSystem.Reset", {"ResetType": RESET[state]})
        if status >= 300:
            raise self._error(f"power {state}", status, body)
        deadline = time.monotonic() + seconds
        while await self.power(path) != state:
            if time.monotonic() > deadline:
                raise SeedvmError(
                    f"power is not {state}",
                    machine=self.address,
                    why=f"{seconds:.0f} s after the order",
                    hint="look at it",
                )
            await asyncio.sleep(1.0)

    async def power(self, path: str) -> str:
        """ "on", "off", or what else the service calls it, in lower case."""
        return _text(await self.get(path), "PowerState").lower()

    async def boot_from_network(self, path: str) -> None:
        """Boot the system at `path` from the network next time."""
        boot = {"Boot": {"BootSourceOverrideEnabled": "Once", "BootSourceOverrideTarget": "Pxe"}}
        status, body = await self._request("PATCH", path, boot)
        if status >= 300:
            raise self._error("the boot device", status, body)

    async def _macs(self, system: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        collection = _tree(system, "EthernetInterfaces").get("@odata.id")
        up: list[str] = []
        other: list[str] = []
        if isinstance(collection, str):
            for path in _links(await self.get(collection), "Members")[:32]:
                port = await self.get(path)
                mac = (_text(port, "MACAddress") or _text(port, "PermanentMACAddress")).lower().replace("-", ":")
                if re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", mac) and mac != NO_MAC:
                    (up if _text(port, "LinkStatus") == "LinkUp" else other).append(mac)
        return tuple(dict.fromkeys(up + other)), tuple(dict.fromkeys(up))

    async def _clock_ahead(self) -> float | None:
        status, managers = await self._request("GET", "/redfish/v1/Managers")
        for path in _links(managers, "Members")[:1] if status == 200 else ():
            status, manager = await self._request("GET", path)
            try:
                return (datetime.fromisoformat(_text(manager, "DateTime")) - datetime.now(UTC)).total_seconds()
            except (ValueError, TypeError):
                return None
        return None

    async def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, login: bool = True
    ) -> tuple[int, Mapping[str, Any]]:
        async with self._turn:
            try:
                async with asyncio.timeout(ANSWER_SECONDS * 2):
                    status, raw = await asyncio.to_thread(self._talk, method, path, body, login)
            except (OSError, TimeoutError, http.client.HTTPException) as error:
                raise SeedvmError(
                    "Redfish does not answer",
                    machine=self.address,
                    why=f"{method} {path}: {type(error).__name__} {error}".strip(),
                    hint="look at the BMC's network; some block an address after failed logins",
                ) from None
        try:
            said = json.loads(raw or b"{}")
        except (ValueError, RecursionError):
            said = {}
        said = said if isinstance(said, dict) else {}
        if login:
            self._judge(status, said)
        return status, said

    def _judge(self, status: int, said: Mapping[str, Any]) -> None:
        """Tell a refused account, a locked one and one whose password has expired apart."""
        text = json.dumps(said).lower()
        if status == 403 and "passwordchangerequired" in text:
            raise PasswordChangeRequired(self.address, self.user)
        locked = status in (401, 403, 429, 503) and any(word in text for word in LOCKED_WORDS)
        if locked or status == 401:
            raise Unauthorized(self.address, self.user, locked_seconds=_lock_seconds(text) if locked else 0.0)

    def _talk(self, method: str, path: str, body: Mapping[str, Any] | None, login: bool) -> tuple[int, bytes]:
        headers = {"Accept": "application/json", "OData-Version": "4.0", "Connection": "close"}
        if login:
            pair = f"{self.user}:{self._password.reveal()}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection = self._connect()
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            return answer.status, answer.read(MOST_BYTES)
        finally:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        if not self._tls:
            return http.client.HTTPConnection(self.address, self._port, timeout=ANSWER_SECONDS)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        connection = http.client.HTTPSConnection(self.address, self._port, timeout=ANSWER_SECONDS, context=context)
        connection.connect()
        assert isinstance(connection.sock, ssl.SSLSocket)
        seen = f"sha256:{hashlib.sha256(connection.sock.getpeercert(binary_form=True) or b'').hexdigest()}"
        if self._pin and seen != self._pin:
            connection.close()
            raise SeedvmError(
                "the certificate is not the one seen at discovery",
                machine=self.address,
                why=f"{seen[:23]}... now, {self._pin[:23]}... then",
                hint="find out who answers at this address, then scan again",
            )
        return connection

    def _error(self, what: str, status: int, body: Mapping[str, Any]) -> SeedvmError:
        said = _text(_tree(body, "error"), "message")[:200]
        return SeedvmError(f"Redfish refused {what}", machine=self.address, why=f"HTTP {status} {said}".strip())


def _lock_seconds(text: str) -> float:
    """For how long a refusal says that the account is locked; ten minutes where it does not say."""
    found = re.search(r"(\d{1,5})\s*(second|minute)", text)
    return float(found[1]) * (60 if found[2] == "minute" else 1) if found else 600.0


def _links(tree: Mapping[str, Any], name: str) -> tuple[str, ...]:
    members = tree.get(name)
    if not isinstance(members, list):
        return ()
    return tuple(one["@odata.id"] for one in members if isinstance(one, dict) and isinstance(one.get("@odata.id"), str))


def _tree(tree: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = tree.get(name)
    return value if isinstance(value, dict) else {}


def _text(tree: Mapping[str, Any], name: str) -> str:
    value = tree.get(name)
    return value[:500] if isinstance(value, str) else ""


def _number(tree: Mapping[str, Any], name: str) -> float:
    value = tree.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
