"""The Redfish service root of one address, over TLS or in clear, with what the certificate says.

The service root needs no login (DMTF DSP0266 section 6.6) and none is sent. Who has no such path is asked for it without its slash. The
certificate is kept as evidence and not verified: a BMC out of the box has a self-signed one. TLS that is too old for a password is good
enough to look, and is noted. Redirects are followed on the same scheme, host and port. Refuses answers over 256 KiB and anything that is
not JSON; why a host that is there has no root is a remark.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import importlib
import os
import re
import socket
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from seedvm.base import addresses as addr
from seedvm.base.json_tree import subtree
from seedvm.foreign.certificate import certificate
from seedvm.foreign.identity import any_uuid, is_placeholder_uuid, serial
from seedvm.foreign.json_document import NotJson, is_json, parse, parse_object
from seedvm.foreign.text import exact, shown
from seedvm.scan.containment import ours
from seedvm.scan.evidence import REDFISH, REDFISH_CLEAR
from seedvm.scan.pace import Pace
from seedvm.scan.radio import NO_ROOM_SECONDS, NO_ROOM_TRIES
from seedvm.transport.dial import connect, segments_sent

if TYPE_CHECKING:
    from seedvm.transport.http import HttpAnswer, HttpClient

PATH = "/redfish/v1/"
MOST_BYTES = 256 * 1024
CONNECT_SECONDS = 0.6
TALK_SECONDS = 8.0
LONGEST_SECONDS = 120.0  # with the turns and connections in between, for which TALK_SECONDS stands still
TALK_PACKETS = 12  # handshake, request, answer, close
CLOSING = 2  # segments that leave after the last count: FIN and an acknowledgement
PAY_SECONDS = 0.1
HEADERS = {"Accept": "application/json", "OData-Version": "4.0"}
LOGIN = "asks for a login"
ORDINARY = (200, 404, 405)  # of any web server
ROOT_TYPE = re.compile(r"#?ServiceRoot\b")
RESOURCES = ("Systems", "Managers", "Chassis", "SessionService", "AccountService")
OUR_OWN = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM)
"""What is at fault on this machine, and not on the host."""


@dataclass(frozen=True)
class RedfishRoot:
    """A service root; empty text where it says nothing, or nothing that means something: a placeholder is no UUID.

    `closed` is how it refuses to be read, against DSP0266; `placeholder` the UUID that firmware has put into many machines; `old_tls` what
    is too old about its TLS; `doubt` what of its certificate could not be read.
    """

    protocol: str
    version: str
    uuid: str = ""
    vendor: str = ""
    product: str = ""
    fingerprint: str = ""
    subject: str = ""
    until: str = ""
    closed: str = ""
    placeholder: str = ""
    old_tls: str = ""
    doubt: str = ""


@dataclass(frozen=True)
class Probe:
    """What a probe gave: the root or None, whether a host is there at all, and what is odd about it, "" where nothing is."""

    root: RedfishRoot | None = None
    alive: bool = True
    remark: str = ""


@functools.cache
def http_library() -> Future[None]:
    """The import of the HTTP library, begun once, in a thread: it takes a second, and a scan without a web server needs none."""
    pool = ThreadPoolExecutor(max_workers=1)
    begun = pool.submit(_import)
    pool.shutdown(wait=False)
    return begun


def _import() -> None:
    importlib.import_module("seedvm.transport.http")


async def probe_root(address: str, port: int, *, tls: bool, pace: Pace) -> Probe:
    """Ask for the service root.

    Waits for the connection so shortly that the kernel sends one SYN and not a second one past the pace. What a long answer takes in
    acknowledgements beyond the usual is paid to the pace while it comes.
    """
    dialler = _Dialler(pace)
    try:
        dialler.waiting = await dialler.connect(address, port)
    except ConnectionRefusedError:
        return Probe()
    except (OSError, TimeoutError) as error:
        return Probe(alive=False, remark=_own_fault(port, error))
    try:
        with ours():
            await asyncio.shield(asyncio.wrap_future(http_library()))
        return await _talk(address, port, tls=tls, dialler=dialler)
    finally:
        dialler.close()


@dataclass
class _Dialler:
    """Connects at the pace. The first connection is made before the time for the talk runs, and it stands still while others are made."""

    pace: Pace
    waiting: socket.socket | None = None
    limit: asyncio.Timeout | None = None
    connections: int = 0
    paid: int = 0
    sent: dict[socket.socket, int] = field(default_factory=dict)

    async def __call__(self, address: str, port: int) -> socket.socket:
        made, self.waiting = self.waiting, None
        if made is None:
            loop, limit = asyncio.get_running_loop(), self.limit
            left = (limit.when() or 0.0) - loop.time() if limit else 0.0
            if limit:
                limit.reschedule(None)
            made = await self.connect(address, port)
            if limit:
                limit.reschedule(loop.time() + left)
        return made

    async def connect(self, address: str, port: int) -> socket.socket:
        """Connect; where the kernel's table of neighbours is full nothing has left, and it is tried again (see `radio`)."""
        await self.pace.turn()
        for _ in range(NO_ROOM_TRIES):
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    made = await connect(address, port)
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
            await asyncio.sleep(NO_ROOM_SECONDS)
        else:
            raise TimeoutError
        self.connections += 1
        self.sent[made] = 0
        try:
            await self.pace.turn(TALK_PACKETS)
        except BaseException:
            made.close()
            raise
        return made

    def close(self) -> None:
        """Close what was connected and not used."""
        if self.waiting is not None:
            self.waiting.close()

    async def pay(self) -> None:
        """Pay the pace for what leaves beyond the usual, while it leaves: a server that drips has each piece acknowledged."""
        while True:
            await asyncio.sleep(PAY_SECONDS)
            self.sent = {one: max(before, segments_sent(one)) for one, before in self.sent.items()}
            await self.settle(sum(self.sent.values()), closing=0)

    async def settle(self, segments: int, *, closing: int = CLOSING) -> None:
        """Pay for what left beyond the usual and is not paid yet; `segments` are those of all connections, as far as they were counted."""
        # Each connection had its turns for a SYN and TALK_PACKETS.
        more = segments + self.connections * (closing - 1 - TALK_PACKETS) - self.paid
        if more > 0:
            self.paid += more
            await self.pace.turn(more)


async def _talk(address: str, port: int, *, tls: bool, dialler: _Dialler) -> Probe:
    from seedvm.transport.connection import Endpoint
    from seedvm.transport.errors import Fault, TransportError
    from seedvm.transport.http import HttpClient

    client = HttpClient(Endpoint(address, port, tls, old_tls=True), dial=dialler, most=MOST_BYTES)
    paying = asyncio.create_task(dialler.pay())
    try:
        async with asyncio.timeout(TALK_SECONDS) as dialler.limit:
            answer = await client.request("GET", PATH, headers=HEADERS, seconds=LONGEST_SECONDS)
            found = _probe(answer, client, port)
            if answer.status == 404:
                bare = await client.request("GET", PATH.rstrip("/"), headers=HEADERS, seconds=LONGEST_SECONDS)
                found = _probe(bare, client, port) if bare.status in (200, 401) else found
        return found
    except TimeoutError:
        missing = "no end of the TLS handshake" if tls and not client.certificate else f"no answer to GET {PATH}"
        return Probe(remark=f"port {port}: {missing} within {TALK_SECONDS:g} s")
    except TransportError as error:
        elsewhere = error.fault is Fault.ELSEWHERE
        if elsewhere and not tls and f"https://{addr.in_url(address)}/" in error.why:
            return Probe()  # to where it has been asked before
        words = f"{error.what} ({error.why})" if error.why else error.what
        return Probe(remark=f"port {port}: {words}{'; not followed' if elsewhere else ''}")
    finally:
        paying.cancel()
        await client.close()
        await dialler.settle(client.segments_sent)


def _own_fault(port: int, error: OSError) -> str:
    if error.errno not in OUR_OWN:
        return ""
    return f"port {port} could not be asked: {os.strerror(error.errno or 0)} (on this machine)"


def _probe(answer: HttpAnswer, client: HttpClient, port: int) -> Probe:
    protocol = REDFISH if client.endpoint.tls else REDFISH_CLEAR
    root = parse_root(answer.body, protocol, answer.status, answer.headers)
    if root is None:
        why = why_no_root(answer.body, answer.status, answer.headers)
        return Probe(remark=f"port {port} {why}" if why else "")
    root = replace(root, old_tls=client.weakness)
    refused = root.closed not in ("", LOGIN)
    return Probe(
        with_certificate(root, client.certificate) if client.certificate else root,
        remark=f"port {port} {root.closed} at {PATH}" if refused else "",
    )


def parse_root(
    body: bytes, protocol: str, status: int = 200, headers: Mapping[str, str] = MappingProxyType({})
) -> RedfishRoot | None:
    """Decode an answer to the service root; None when it is none. Any bytes may come in."""
    try:
        said = parse(body)
    except NotJson:
        said = None
    if status >= 400:
        sign = _is_redfish_error(said) or (status == 401 and "odata-version" in headers)
        how = LOGIN if status == 401 else f"answers HTTP {status}"
        return RedfishRoot(protocol, "", closed=how) if sign else None
    if status != 200 or not isinstance(said, dict) or not _is_root(said):
        return None
    version = said.get("RedfishVersion")
    number = any_uuid(said.get("UUID"))
    meaningless = number is not None and is_placeholder_uuid(number)
    return RedfishRoot(
        protocol,
        shown(version) if isinstance(version, str | int | float) and not isinstance(version, bool) else "",
        uuid="" if number is None or meaningless else str(number),
        vendor=serial(said.get("Vendor")),
        product=serial(said.get("Product")),
        placeholder=exact(said.get("UUID")) if meaningless else "",
    )


def _is_root(said: Mapping[str, object]) -> bool:
    """Whether an object is a service root, also one that leaves out or garbles what it must have: a property that nothing else has, its
    type, or a resource of its own under /redfish/."""
    if "RedfishVersion" in said or ROOT_TYPE.match(str(said.get("@odata.type"))):
        return True
    return any(
        link.startswith("/redfish/") for link in (exact(subtree(said, one).get("@odata.id")) for one in RESOURCES)
    )


def why_no_root(body: bytes, status: int, headers: Mapping[str, str] = MappingProxyType({})) -> str:
    """What an operator should know of an answer that is no service root; "" for that of an ordinary web server."""
    if status == 401:
        return f"asks for a login at {PATH} (HTTP 401) and shows no sign of Redfish"
    if status not in ORDINARY:
        return f"answers HTTP {status} at {PATH}"
    if status == 200 and ("json" in headers.get("content-type", "").lower() or body.lstrip()[:1] in (b"{", b"[")):
        try:
            if not parse_object(body):
                raise NotJson("it is an empty object")
        except NotJson as error:
            return f"answers no {'service root' if is_json(body) else 'JSON'} at {PATH}: {error}"
    return ""


def _is_redfish_error(said: object) -> bool:
    """An error object as Redfish has it: its code names a message of a registry (DSP0266 section 8.6).

    Other APIs answer {"error": {"code": 401, "message": ...}}; a password must not go to one of them.
    """
    error = said.get("error") if isinstance(said, dict) and len(said) == 1 else None
    code = error.get("code") if isinstance(error, dict) and "message" in error else None
    return isinstance(code, str) and re.fullmatch(r"[A-Za-z][\w-]*(\.\d+)+\.\w+", code) is not None


def with_certificate(root: RedfishRoot, der: bytes) -> RedfishRoot:
    """The root with the certificate's SHA-256 and, as far as they can be read, its subject and last day."""
    seen = certificate(der)
    until = seen.until.isoformat(timespec="seconds") if seen.until else ""
    return replace(root, fingerprint=seen.fingerprint, subject=seen.subject, until=until, doubt=seen.doubt)
