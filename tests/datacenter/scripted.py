"""One emulated BMC on a real socket, for a test that needs no datacenter: the plain Redfish tree, and a Script laid over it.

The plain tree is /redfish/v1/ with Systems/1, its EthernetInterfaces/1 (a MAC, LinkUp), Managers/1, AccountService with an account for
each user, SessionService. Whoever has no right password gets 401; a session's POST gets 201 with X-Auth-Token and Location. It keeps
accounts, lock-out and sessions as every BMC of the datacenter does (`tests.datacenter.redfish`; the fields of `model.Host`).

    from tests.datacenter.script import Reply, Script, redirect, slash_required
    from tests.datacenter.scripted import scripted
    from tests.datacenter.tls import Tls

    async def test_a_port_that_cannot_be_read_is_named() -> None:
        async with scripted({"/redfish/v1/Systems/1/EthernetInterfaces/1": Reply(404)}) as bmc:
            found = await RedfishBmc(bmc.address, bmc.user, Secret(bmc.password), port=bmc.port).system()
        assert bmc.asked("GET", "/redfish/v1/Systems/1/EthernetInterfaces/1")
        assert bmc.record.logins[0].outcome == "in"

Scripts, by path:

    {"/redfish/v1/Systems/1": Reply(fields={"PowerState": "PoweringOn"})}           one field of the plain answer
    {"/redfish/v1/Systems/1": [(0, Reply(fields={"PowerState": "PoweringOn"})),     ... and On after 3 s (from the first request on)
                               (3, Reply(fields={"PowerState": "On"}))]}
    {"/redfish/v1/Systems/1": Reply(body=lambda raw: raw + b"\\0")}                  bytes of the plain answer changed
    {"/redfish/v1/Systems/1": Reply(encode=True, chunks=7, drip=(3, 0.01))}         gzip, in small chunks, slowly
    {"/redfish/v1/Systems/1": Reply(cut=40, end="reset")}                           RST in the middle
    {"*": Reply(headers=[(f"X-{n}", "y") for n in range(110)])}                     110 header lines on everything
    {"*": slash_required}                                                           308 to itself with a slash
    {"/redfish/v1": redirect("https://192.0.2.1:8080/redfish/v1/", 301)}
    {"POST /redfish/v1/SessionService/Sessions": Reply(without=["Location"], fields={"@odata.id": ...})}
    {"/redfish/v1/Systems/1/EthernetInterfaces": Reply(fields={"Members": [{"@odata.id": "/x/2"}]}), "/x/2": Reply(fields={...})}
    Script(moved={"/redfish/v1/Systems/1": "/redfish/v1/Systems/437XR1138R2"})      the same tree with other paths
    Script(moved={"/Actions/ComputerSystem.Reset": "/Actions/System.Reset"})        any part of a path

TLS: `scripted({}, tls=Tls(version="1.0"))`, `Tls(rfc5746=False)`, `Tls(certificate="subject-not-utf8")`, `Tls(drip=0.05)`, None in clear.
In the datacenter a host has `odd="..."` (`tests.datacenter.oddities`), a name for a Script and a Tls.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from tests.datacenter.accounts import Accounts
from tests.datacenter.model import Host
from tests.datacenter.record import Record, Sent
from tests.datacenter.redfish import Redfish
from tests.datacenter.script import Rule, Script
from tests.datacenter.slots import Slots
from tests.datacenter.tls import Tls, serve

USER, PASSWORD = "admin", "horse-42"
PLAIN = Host("127.0.0.1", "52:54:00:aa:00:01", redfish="tls", guid=uuid.UUID(int=7, version=4).hex, vendor="Emulated")


@dataclass(frozen=True)
class Bmc:
    """A running one. `record` holds what it saw: requests, logins, changes; `accounts` its passwords, which a test may change."""

    address: str
    port: int
    tls: bool
    user: str
    password: str
    record: Record
    accounts: Accounts

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.address}:{self.port}"

    def asked(self, method: str, path: str = "") -> list[Sent]:
        """The requests of one method, and of one path where it is given, in the order of their arrival."""
        return [one for one in self.record.requests if one.method == method and path in ("", one.path)]


@contextlib.asynccontextmanager
async def scripted(
    script: Script | Mapping[str, Rule],
    *,
    tls: Tls | None = Tls(),  # noqa: B008 - it is frozen
    host: Host = PLAIN,
    users: Mapping[str, str] | None = None,
    port: int = 0,
) -> AsyncIterator[Bmc]:
    """A BMC at `host.address` until the block ends, on a free port unless one is given. `host` sets lock-out, slots, vendor, UUID, MAC."""
    record = Record()
    pairs = {USER: PASSWORD} if users is None else users
    known = Host(**{**vars(host), "users": host.users or pairs})
    accounts = Accounts(known, record)
    said = script if isinstance(script, Script) else Script(script)
    service = Redfish(accounts, Slots(known, record), said)
    server = await serve(service.connected, known.address, port, tls)
    user, password = next(iter(known.users.items()), ("", ""))
    try:
        taken = server.sockets[0].getsockname()[1]
        yield Bmc(known.address, taken, tls is not None, user, password, record, accounts)
    finally:
        server.close()
