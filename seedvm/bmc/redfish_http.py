"""Requests to one Redfish service: one login, the service's own references, refusals told apart.

Source: DMTF DSP0266 (references 6, sessions 13.3.4, HTTP basic 13.3.3, password change 13.2.6). A session where the service offers one,
basic where it does not; a session is deleted at its end. After a refusal nothing is sent again by the other way: that would be a second
failed login. TLS, time limits and framing are those of seedvm.transport.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import urllib.parse
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING

from seedvm.base import trace
from seedvm.base.errors import SeedvmError
from seedvm.base.json_tree import JSON, subtree
from seedvm.base.secret import Secret
from seedvm.bmc import quirks
from seedvm.bmc.redfish_answer import MOST_REFUSAL, RedfishAnswer, error_of, link
from seedvm.bmc.redfish_errors import (
    Busy,
    NoJson,
    PasswordChangeRequired,
    RedfishUnreachable,
    SessionRefused,
    Unauthorized,
)
from seedvm.foreign import json_document
from seedvm.foreign.numbers import decimal
from seedvm.foreign.text import exact
from seedvm.foreign.url import Elsewhere
from seedvm.transport.errors import TransportError

if TYPE_CHECKING:
    from seedvm.transport.http import HttpAnswer

__all__ = [
    "Busy",
    "PasswordChangeRequired",
    "RedfishAnswer",
    "RedfishHttp",
    "RedfishUnreachable",
    "Unauthorized",
    "error_of",
]

ANSWER_SECONDS = 30.0
ROOT = "/redfish/v1/"
BUSY = (429, 503)
CLOSED = (401, 403)  # of a root that wants a login itself
NO_SESSIONS = (404, 405, 501)
SESSIONS_FULL = ("sessionlimitexceeded", "createlimitreachedforresource", "maximum number of user sessions")
WRONG_PAIR = (400, 401, 403)  # iLO answers 400 with UnauthorizedLoginAttempt to a session with a wrong password
OUR_FAULT = (
    "malformedjson",
    "unrecognizedrequestbody",
    "propertymissing",
    "propertyunknown",
)  # 400, and nothing was judged
LONGEST_WAIT = 7 * 86400


class RedfishHttp:
    """One service and one account. Requests are made one at a time; within a session they share a connection.

    `old_tls`: a login is sent also over TLS that is too old for one. `logged_in` says whether the service has accepted the account in this
    session, `doubts` what was odd about the service, each once.
    """

    def __init__(
        self,
        address: str,
        user: str,
        password: Secret,
        *,
        port: int = 443,
        tls: bool = True,
        pin: str | None = None,
        old_tls: bool = False,
    ) -> None:
        # aiohttp is loaded with these, and no command needs that to start
        from seedvm.transport.connection import Endpoint
        from seedvm.transport.http import HttpClient

        self.address = address
        self.user = user
        self.port = port
        self.logged_in = False
        self.doubts: dict[str, str] = {}
        self._password = password
        self._http = HttpClient(Endpoint(address, port, tls, pin, old_tls))
        self._turn = asyncio.Lock()
        self._token = ""
        self._inside = 0
        self._own_account = ""
        self._root: Mapping[str, object] = {}

    @property
    def url(self) -> str:
        """The service's base, as Ironic's redfish_address wants it."""
        return self._http.origin.url

    @property
    def weakness(self) -> str:
        """What is too old about its TLS, "" where nothing is."""
        return self._http.weakness

    @contextlib.asynccontextmanager
    async def session(self, *, expired: bool = False) -> AsyncIterator[None]:
        """Log in once for all requests within; without a session service each request carries name and password.

        `expired`: also with a password that must be changed, by a session that may do that and nothing else (DSP0266 13.2.6).
        """
        self._inside += 1
        where = ""
        try:
            where = await self._log_in(expired) if self._inside == 1 else ""
            yield
        finally:
            if self._inside == 1:
                await self._end(where)
            self._inside -= 1

    async def request(
        self, method: str, path: str, body: Mapping[str, JSON] | None = None, *, login: bool = True, etag: str = ""
    ) -> RedfishAnswer:
        """Raises Unauthorized, PasswordChangeRequired, Busy, RedfishUnreachable, NoJson and what the transport does; other statuses are
        the caller's."""
        headers = dict(self._login_headers()) if login else {}
        if etag:
            headers["If-Match"] = etag
        answer = await self._send(method, path, body, headers)
        if login:
            self._judge(answer)
        return answer

    def path(self, reference: object, base: str = ROOT) -> str:
        """Where a reference of the service leads. Raises SeedvmError where that is not in this service."""
        try:
            return self._http.origin.path(reference, base)
        except Elsewhere as error:
            hint = "set the BMC's web interface to name itself by this address; update its firmware"
            raise SeedvmError(
                "Redfish names a resource elsewhere", machine=self.address, why=str(error), hint=hint
            ) from None

    def is_named(self, name: str) -> bool:
        """Whether the service root names this resource, or is closed so that nobody knows."""
        return not self._root or bool(link(self._root, name))

    def root_reference(self, name: str) -> str:
        """How the service root names a resource; its usual path where the root is closed or does not name it."""
        return link(self._root, name) or f"{ROOT}{name}"

    def root_link(self, name: str) -> str:
        """The path of a resource that the service root names. Raises SeedvmError where that is not in this service."""
        return self.path(self.root_reference(name))

    def doubt(self, name: str, detail: str) -> None:
        """Note once what is odd."""
        self.doubts.setdefault(name, detail)

    async def _log_in(self, expired: bool) -> str:
        """Open a session and return its resource; "" where basic has to do, or where the service does not name it."""
        self.logged_in = False
        root = await self._send("GET", ROOT, None, {})
        if root.status == 404:  # some services know it without the slash alone
            bare = await self._send("GET", ROOT.rstrip("/"), None, {})
            root = bare if bare.status in (200, *CLOSED) else root
        if root.status in BUSY:
            raise Busy(self.address, root.status, _wait(root) or 60.0)  # basic might be refused, and counted
        if root.status != 200 and root.status not in CLOSED:
            raise error_of(self.address, f"GET {ROOT}", root)  # nothing is known of it: basic is no answer to that
        self._root = root.body if root.status == 200 else {}
        sessions = link(subtree(self._root, "Links"), "Sessions")
        if not sessions:
            return ""
        sessions = self.path(sessions)
        pair = {"UserName": self.user, "Password": self._password.reveal()}
        answer = await self._send("POST", sessions, pair, {})
        token = exact(answer.headers.get("x-auth-token"))
        if answer.status in (200, 201) and token:
            self._token, self._own_account = token, answer.account
            where = self._session_of(answer, sessions)
            if quirks.must_change(answer.status, answer.text) and not expired:
                await self._end(where)
                raise self._change_first(answer)
            self.logged_in = True
            return where
        self._refused(answer, expired)
        return ""

    def _session_of(self, answer: RedfishAnswer, sessions: str) -> str:
        """The session's resource, also by a name that the service has for itself; "" where it is named nowhere, or by what is no session:
        nothing is deleted."""
        for named in (answer.headers.get("location"), answer.body.get("@odata.id")):
            with contextlib.suppress(SeedvmError, ValueError):  # a URL that cannot be read names nothing
                own = self.path(urllib.parse.urlsplit(exact(named)).path, sessions)
                parent = own.rstrip("/").rpartition("/")[0]
                if parent == sessions.rstrip("/") or parent.lower().endswith("/sessions"):
                    return own
        self.doubt("session-not-named", f"POST {sessions} names no session: it is left to expire")
        return ""

    def _refused(self, answer: RedfishAnswer, expired: bool) -> None:
        """Raise why there is no session, unless basic may be tried: nothing was judged, or the pair is right."""
        if quirks.must_change(answer.status, answer.text):
            if expired:
                return
            raise self._change_first(answer)
        tokenless = 200 <= answer.status < 300  # as DMTF's mock-up server: nothing was judged
        if tokenless or answer.status in NO_SESSIONS or any(word in answer.text for word in SESSIONS_FULL):
            return
        self._judge_lock(answer)
        if answer.status in BUSY:
            raise Busy(self.address, answer.status, _wait(answer) or 60.0)
        ours = answer.status == 400 and any(word in answer.text for word in OUR_FAULT)
        if answer.status in WRONG_PAIR and not ours:
            raise SessionRefused(self.address, self.user, answer.status)
        raise error_of(self.address, "a session", answer)

    async def _end(self, where: str) -> None:
        """Delete the session and close the connection."""
        try:
            if where:
                with contextlib.suppress(SeedvmError):
                    await self._send("DELETE", where, None, self._login_headers())
        finally:
            self._token = ""
            await self._http.close()

    def _login_headers(self) -> Mapping[str, str]:
        if self._token:
            return {"X-Auth-Token": self._token}
        pair = f"{self.user}:{self._password.reveal()}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}

    def _judge(self, answer: RedfishAnswer) -> None:
        """Tell a refused account, a locked one, one whose password has expired, and a busy service apart."""
        status = answer.status
        if status < 400:
            return
        if quirks.must_change(status, answer.text):
            raise self._change_first(answer)
        self._judge_lock(answer)
        if status in BUSY:
            raise Busy(self.address, status, _wait(answer) or 60.0)
        if status == 401 or (status == 400 and "unauthorizedloginattempt" in answer.text):
            raise Unauthorized(self.address, self.user)

    def _judge_lock(self, answer: RedfishAnswer) -> None:
        locked = quirks.lock_seconds(answer.text) if answer.status in (400, 401, 403, 429, 503) else None
        if locked is not None:
            raise Unauthorized(self.address, self.user, locked_seconds=_wait(answer) or locked)

    def _change_first(self, answer: RedfishAnswer) -> PasswordChangeRequired:
        said = "" if "passwordchangerequired" in answer.text else answer.words
        return PasswordChangeRequired(self.address, self.user, answer.account or self._own_account, said)

    async def _send(
        self, method: str, path: str, body: Mapping[str, JSON] | None, headers: Mapping[str, str]
    ) -> RedfishAnswer:
        wanted = {"Accept": "application/json", "OData-Version": "4.0", **headers}
        if body is not None:
            wanted["Content-Type"] = "application/json"
        content = json.dumps(body).encode() if body is not None else None
        command = f"{method} {path}"
        async with self._turn:
            with trace.Call("bmc", protocol="redfish", address=self.address, command=command) as call:
                try:
                    answer = await self._http.request(
                        method, path, headers=wanted, body=content, seconds=ANSWER_SECONDS, keep=self._inside > 0
                    )
                except TransportError as error:
                    if error.turned_away:
                        raise RedfishUnreachable(self.address, command, error) from None
                    raise
                call.result = answer.status
        return self._parsed(method, path, answer)

    def _parsed(self, method: str, path: str, answer: HttpAnswer) -> RedfishAnswer:
        """The answer with its JSON; only a resource that was asked for must have one."""
        try:
            return RedfishAnswer(answer.status, json_document.parse_object(answer.body), answer.headers)
        except json_document.NotJson as error:
            if method == "GET" and answer.status == 200:
                raise NoJson(self.address, path, str(error)) from None
        raw = answer.body[:MOST_REFUSAL].decode("utf-8", "replace")
        return RedfishAnswer(answer.status, {}, answer.headers, raw)


def _wait(answer: RedfishAnswer) -> float:
    """Seconds of Retry-After, 0 where there are none."""
    return float(decimal(answer.headers.get("retry-after"), 0, LONGEST_WAIT) or 0)
