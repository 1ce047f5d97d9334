"""A Redfish service: root, Systems, Managers, SessionService, AccountService, with the accounts and lock-out of its BMC.

Source: DMTF DSP0266 (open root 6.6, errors 8.6, Basic 13.3.2, sessions 13.3.4, password change 13.2.6), DSP0268 (ManagerAccount
Locked). A locked account is told as OpenBMC and iLO do: 401 with a message; what a blocked address gets is silence (iDRAC9).
A Host header that is none, as one with a zone, is refused (RFC 9112 section 3.2).
"""

from __future__ import annotations

import asyncio
import os
import random
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from tests.datacenter.accounts import Accounts
from tests.datacenter.http import Answer, Request, answer, read_request
from tests.datacenter.record import Sent
from tests.datacenter.script import Script, deliver
from tests.datacenter.slots import Slots

V1 = "/redfish/v1"
OPEN = ("/redfish", V1)
ENDLESS = b'{"@odata.id": "' + b"a" * 65000


class Redfish:
    """The TCP side of one BMC. `slots` are shared with IPMI; `script` is what it does otherwise than the rest."""

    def __init__(self, accounts: Accounts, slots: Slots, script: Script | None = None) -> None:
        self._accounts = accounts
        self._host = accounts.host
        self._record = accounts.record
        self._slots = slots
        self._script = script or Script()
        self._tokens: dict[str, tuple[int, str]] = {}
        self._power = "Off"
        self._boot = {"BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideTarget": "None"}

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: hang, malformed answers, or a service as it should be."""
        self._record.connections += 1
        source = str(writer.get_extra_info("peername")[0])
        try:
            while (request := await read_request(reader)) is not None:
                self._record.saw(f"{request.method} {request.path}")
                self._record.requests.append(Sent(request.method, request.path, request.secret))
                if self._host.hang == "answer":
                    await reader.read()
                    return
                if self._host.redfish_bad:
                    self._note_credential(request)
                    await misbehave(self._host.redfish_bad, request, writer)
                    return
                if not await self._answered(request, source, reader, writer):
                    return
        except (OSError, EOFError):
            return
        finally:
            writer.close()

    async def _answered(
        self, request: Request, source: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answer as the script has it; whether the connection stays open."""
        reply = self._script.reply(request)
        if reply.first or reply.end in ("silence", "drop"):
            self._note_credential(request)
            said: Answer | None = answer(200, {})
        else:
            said = self._serve(self._script.plain(request), source)
        if said is None or reply.end == "silence":
            await reader.read()
            return False
        if reply.end == "drop":
            return False
        if said.status == 401 and not reply.first:
            reply = replace(reply, status=None, body=None, fields={})
        keep = self._script.keep and request.headers.get("connection", "").lower() != "close"
        return await deliver(reply, self._script.shown(reply.over(said)), writer, keep=keep)

    def _note_credential(self, request: Request) -> None:
        if request.secret:
            self._record.login("redfish", (request.basic or ("?", ""))[0], "received")

    def _serve(self, request: Request, source: str) -> Answer | None:
        """The answer, None for silence."""
        path = request.path.partition("?")[0].rstrip("/")
        if "%" in request.headers.get("host", ""):
            return answer(400)
        if self._accounts.blocks(source):
            self._note_credential(request)
            return None
        if request.method == "GET" and path in OPEN:
            return answer(200, self._root())
        if request.method == "POST" and path in (
            f"{V1}/SessionService/Sessions",
            f"{V1}/SessionService/Sessions/Members",
        ):
            return self._log_in(request, source)
        user, refused = self._who(request, source)
        if refused:
            return refused
        own = f"{V1}/AccountService/Accounts/{list(self._accounts.passwords).index(user) + 1}"
        leaves = request.method == "DELETE" and path.startswith(f"{V1}/SessionService/Sessions/")
        if user in self._accounts.expired and not leaves and (path != own or request.method not in ("GET", "PATCH")):
            return answer(403, {"error": {"code": "Base.1.8.GeneralError", "message": "-", **change_first(own)}})
        return self._resource(request, path, user)

    def _who(self, request: Request, source: str) -> tuple[str, Answer | None]:
        """The user of this request, or the answer that refuses it."""
        if (token := request.headers.get("x-auth-token")) is not None:
            known = self._tokens.get(token)
            return (known[1], None) if known else ("", refusal("the session is not known"))
        if request.basic is None:
            return "", refusal("log in")
        return self._judged(*request.basic, source)

    def _judged(self, user: str, password: str, source: str) -> tuple[str, Answer | None]:
        right = self._accounts.passwords.get(user) == password
        outcome = self._accounts.judge(source, "redfish", user, right)
        if outcome in ("in", "expired"):  # who has to change a password may come in and do that
            return user, None
        if outcome == "locked":
            return "", refusal(f"the account is locked for {self._host.lock_seconds:.0f} seconds")
        return "", refusal("wrong user or password")

    def _log_in(self, request: Request, source: str) -> Answer:
        tree = request.tree()
        user, refused = self._judged(str(tree.get("UserName")), str(tree.get("Password")), source)
        if refused:
            return refused
        number = self._slots.take("redfish session")
        if number is None:
            return answer(503, {"error": {"code": "Base.1.8.SessionLimitExceeded", "message": "too many sessions"}})
        token = os.urandom(12).hex()
        self._tokens[token] = (number, user)
        path = f"{V1}/SessionService/Sessions/{number}"
        body: dict[str, Any] = {"@odata.id": path, "Id": str(number), "Name": "session", "UserName": user}
        if user in self._accounts.expired:
            body |= change_first(f"{V1}/AccountService/Accounts/{list(self._accounts.passwords).index(user) + 1}")
        return answer(201, body, {"X-Auth-Token": token, "Location": path})

    def _resource(self, request: Request, path: str, user: str) -> Answer:
        rest = path.removeprefix(V1)
        if request.method == "DELETE" and rest.startswith("/SessionService/Sessions/"):
            for token, (number, _) in list(self._tokens.items()):
                if rest.endswith(f"/{number}"):
                    self._slots.give(number)
                    del self._tokens[token]
            return answer(204)
        if request.method == "POST" and rest == "/Systems/1/Actions/ComputerSystem.Reset":
            self._power = "On" if "On" in str(request.tree().get("ResetType")) else "Off"
            self._record.changes.append(f"power {self._power}")
            return answer(204)
        if request.method == "PATCH":
            return self._patch(rest, request.tree(), user)
        body = self._tree(rest) if request.method == "GET" else None
        return (
            answer(200, body)
            if body
            else answer(404, {"error": {"code": "Base.1.8.ResourceMissingAtURI", "message": rest}})
        )

    def _patch(self, rest: str, tree: Mapping[str, Any], user: str) -> Answer:
        names = list(self._accounts.passwords)
        if rest.startswith("/AccountService/Accounts/") and "Password" in tree:
            number = int(rest.rpartition("/")[2]) - 1
            self._accounts.change(names[number], str(tree["Password"]))
            return answer(200, self._account(number))
        if rest == "/Systems/1" and isinstance(wanted := tree.get("Boot"), dict):
            self._boot |= wanted
            self._record.changes.append(f"boot {self._boot['BootSourceOverrideTarget']}")
            return answer(200, self._tree(rest) or {})
        self._record.changes.append(f"PATCH {rest}")
        return answer(200, self._tree(rest) or {})

    def _account(self, number: int) -> dict[str, Any]:
        name = list(self._accounts.passwords)[number]
        path = f"{V1}/AccountService/Accounts/{number + 1}"
        locked = self._accounts.locked(name)
        return {
            "@odata.id": path,
            "Id": str(number + 1),
            "UserName": name,
            "RoleId": "Administrator",
            "Enabled": True,
            "Locked": locked,
        }

    def _root(self) -> dict[str, Any]:
        links = {
            name: {"@odata.id": f"{V1}/{name}"} for name in ("Systems", "Managers", "AccountService", "SessionService")
        }
        said: dict[str, Any] = {
            "@odata.id": f"{V1}/",
            "Id": "RootService",
            "Name": "Root Service",
            "RedfishVersion": "1.11.0",
            **links,
        }
        said["UUID"] = str(uuid.UUID(bytes_le=bytes.fromhex(self._host.guid)))
        said["Vendor"] = self._host.vendor
        said["Links"] = {"Sessions": {"@odata.id": f"{V1}/SessionService/Sessions"}}
        return said

    def _tree(self, rest: str) -> dict[str, Any] | None:
        def members(name: str, count: int = 1) -> dict[str, Any]:
            at = f"{V1}{name}"
            return {"@odata.id": at, "Members": [{"@odata.id": f"{at}/{one + 1}"} for one in range(count)]}

        nic, system = "/Systems/1/EthernetInterfaces", f"{V1}/Systems/1"
        trees: dict[str, Any] = {
            "/Systems": members("/Systems"),
            "/Managers": members("/Managers"),
            "/AccountService/Accounts": members("/AccountService/Accounts", len(self._accounts.passwords)),
            "/AccountService": {"Accounts": {"@odata.id": f"{V1}/AccountService/Accounts"}, "MinPasswordLength": 8}
            | {"MaxPasswordLength": 20, "AccountLockoutThreshold": self._host.lock_after or None},
            "/SessionService": {"Sessions": {"@odata.id": f"{V1}/SessionService/Sessions"}},
            nic: members(nic),
            f"{nic}/1": {"MACAddress": "52" + self._host.mac[2:], "LinkStatus": "LinkUp", "Id": "1"},
            "/Managers/1": {
                "DateTime": datetime.now(UTC).isoformat(timespec="seconds"),
                "UUID": str(uuid.uuid4()),
                "Id": "1",
            },
            "/Systems/1": {
                "@odata.id": system,
                "Id": "1",
                "Boot": self._boot | {"BootSourceOverrideTarget@Redfish.AllowableValues": ["None", "Pxe", "Hdd"]},
                "UUID": str(uuid.UUID(bytes_le=bytes.fromhex(self._host.guid))),
                "SerialNumber": self._host.guid[:10].upper(),
                "Manufacturer": self._host.vendor,
                "Model": "Emulated",
                "PowerState": self._power,
                "Actions": {"#ComputerSystem.Reset": {"target": f"{system}/Actions/ComputerSystem.Reset"}},
                "EthernetInterfaces": {"@odata.id": f"{V1}{nic}"},
                "ProcessorSummary": {"Count": 2, "LogicalProcessorCount": 32},
                "MemorySummary": {"TotalSystemMemoryGiB": 256},
                "Links": {"ManagedBy": [{"@odata.id": f"{V1}/Managers/1"}]},
            },
        }
        if rest.startswith("/AccountService/Accounts/") and rest.rpartition("/")[2].isdigit():
            number = int(rest.rpartition("/")[2]) - 1
            return self._account(number) if number < len(self._accounts.passwords) else None
        return trees.get(rest)


def change_first(account: str) -> dict[str, Any]:
    """What a session says, and every other answer but those of the account itself, before its password is changed."""
    return {"@Message.ExtendedInfo": [{"MessageId": "Base.1.8.PasswordChangeRequired", "MessageArgs": [account]}]}


def refusal(message: str) -> Answer:
    extended = [{"MessageId": "Base.1.8.InsufficientPrivilege", "Message": message}]
    body = {"error": {"code": "Base.1.8.GeneralError", "message": message, "@Message.ExtendedInfo": extended}}
    return answer(401, body, {"WWW-Authenticate": 'Basic realm="redfish"', "OData-Version": "4.0"})


async def misbehave(kind: str, request: Request, writer: asyncio.StreamWriter) -> None:
    """An answer as no service should give it."""
    if kind == "huge":
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        for _ in range(1024):  # 64 MiB, if somebody takes them
            writer.write(ENDLESS)
            await writer.drain()
        return
    body = {
        "truncated": answer(200, {"RedfishVersion": "1.0.0"}).raw[:-9],
        "garbage": random.Random(request.path).randbytes(4000),
        "checksum": answer(200, {"Name": "RedfishVersion", "Systems": "/redfish/v1/Systems"}).raw,
        "echo": answer(200, repr(request).encode()).raw,
        "deep": answer(200, b"[" * 200_000).raw,
    }
    writer.write(body[kind])
    await writer.drain()
