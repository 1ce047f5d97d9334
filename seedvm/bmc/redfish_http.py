"""Requests to one Redfish service: TLS pinned to the certificate of the discovery, one login, refusals told apart.

Source: DMTF DSP0266 (sessions 13.3.4, HTTP basic 13.3.3, password change 13.2.6, ETags 6.5). A session where the
service offers one, basic where it does not; a session is deleted at its end. After a refusal nothing is sent again by
the other way: that would be a second failed login. Refused here: redirects, answers over 4 MiB.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import http.client
import json
import re
import ssl
import urllib.parse
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from seedvm.base import trace
from seedvm.base.addresses import in_url
from seedvm.base.errors import SeedvmError
from seedvm.base.json_tree import JSON, subtree
from seedvm.base.secret import Secret
from seedvm.bmc import quirks

ANSWER_SECONDS = 15.0
MOST_BYTES = 4 * 1024 * 1024
MOST_REFUSAL = 64 * 1024  # characters of a refusal that are looked at
ROOT = "/redfish/v1/"
NO_SESSIONS = (404, 405, 501)
SESSIONS_FULL = ("sessionlimitexceeded", "createlimitreachedforresource", "maximum number of user sessions")
ACCOUNT = re.compile(r"""/redfish/v1/[^"'\s<>\\]{1,100}/Accounts/[^"'\s<>\\]{1,100}""")
WRONG_PAIR = (400, 401, 403)  # iLO answers 400 with UnauthorizedLoginAttempt to a session with a wrong password


class Unauthorized(SeedvmError):
    """The account was refused. `locked_seconds` > 0 when the service says that it is locked, and for how long."""

    def __init__(self, address: str, user: str, locked_seconds: float = 0.0) -> None:
        why = "the service reports that the account is locked" if locked_seconds else "wrong user or password"
        super().__init__(f"Redfish refused user {user}", machine=address, why=why)
        self.locked_seconds = locked_seconds


class PasswordChangeRequired(SeedvmError):
    """The account is right but may do nothing before its password is changed. `account` is its resource, "" where it is not known."""

    def __init__(self, address: str, user: str, account: str = "") -> None:
        super().__init__(
            f"the password of {user} has expired",
            machine=address,
            why="Redfish reports PasswordChangeRequired",
            hint=f"run seedvm bmc rotate {address}, or set a new password in the BMC's web interface and add it to the candidates",
        )
        self.account = account


class RedfishUnreachable(SeedvmError):
    """No answer. `refused` where the connection was turned away instead of ignored."""

    def __init__(self, address: str, what: str, error: BaseException) -> None:
        super().__init__(
            "Redfish does not answer",
            machine=address,
            why=f"{what}: {type(error).__name__} {error}".strip(),
            hint="check the BMC's network; some BMCs block an address after failed logins",
        )
        self.refused = isinstance(error, ConnectionRefusedError)


class Busy(SeedvmError):
    """The service asks to come back later; it has judged nothing. `seconds` as it says, a minute where it does not."""

    def __init__(self, address: str, status: int, seconds: float) -> None:
        super().__init__("Redfish is busy", machine=address, why=f"HTTP {status}", hint=f"retry in {seconds:.0f} s")
        self.seconds = seconds


@dataclass(frozen=True)
class RedfishAnswer:
    """Status, JSON body ({} where it is none) and headers by lower-case name."""

    status: int
    body: Mapping[str, object]
    headers: Mapping[str, str]

    @property
    def text(self) -> str:
        return json.dumps(self.body).lower()

    @property
    def account(self) -> str:
        """The account that the message PasswordChangeRequired names, as its argument or in its text; "" where there is none."""
        found = ACCOUNT.search(json.dumps(self.body)[:MOST_REFUSAL])
        return found[0].rstrip(".,;") if found else ""


class RedfishHttp:
    """One service and one account. Requests are made one at a time; within a session they share a connection."""

    def __init__(
        self, address: str, user: str, password: Secret, *, port: int = 443, tls: bool = True, pin: str | None = None
    ) -> None:
        self.address = address
        self.user = user
        self._password = password
        self.port = port
        self._tls = tls
        self._pin = pin
        self._turn = asyncio.Lock()
        self._token: str | None = None
        self._inside = 0
        self._kept: http.client.HTTPConnection | None = None
        self._own_account = ""

    @property
    def url(self) -> str:
        """The service's base, as Ironic's redfish_address wants it."""
        usual = 443 if self._tls else 80
        return f"{'https' if self._tls else 'http'}://{in_url(self.address)}{'' if self.port == usual else f':{self.port}'}"

    @contextlib.asynccontextmanager
    async def session(self, *, expired: bool = False) -> AsyncIterator[None]:
        """Log in once for all requests within; without a session service each request carries name and password.

        `expired`: also with a password that must be changed, by a session that may do that and nothing else (DSP0266 13.2.6).
        """
        self._inside += 1
        where = None
        try:
            where = await self._log_in(expired) if self._inside == 1 else None
            yield
        finally:
            if where is not None:
                with contextlib.suppress(SeedvmError):
                    await self.request("DELETE", where)
                self._token = None
            self._inside -= 1
            if self._inside == 0:
                self._hang_up()

    async def request(
        self, method: str, path: str, body: Mapping[str, JSON] | None = None, *, login: bool = True, etag: str = ""
    ) -> RedfishAnswer:
        """Raises Unauthorized, PasswordChangeRequired, Busy, Unreachable; other statuses are the caller's."""
        headers = dict(self._login_headers()) if login else {}
        if etag:
            headers["If-Match"] = etag
        answer = await self._send(method, path, body, headers)
        if login:
            self._judge(answer)
        return answer

    async def _log_in(self, expired: bool) -> str | None:
        """Open a session and return its resource; None where basic has to do."""
        root = await self._send("GET", ROOT, None, {})
        sessions = subtree(subtree(root.body, "Links"), "Sessions").get("@odata.id")
        if root.status != 200 or not isinstance(sessions, str):
            return None
        pair = {"UserName": self.user, "Password": self._password.reveal()}
        answer = await self._send("POST", sessions, pair, {})
        token = answer.headers.get("x-auth-token")
        if answer.status in (200, 201) and token:
            where = answer.headers.get("location") or text(answer.body, "@odata.id")
            self._token = token
            self._own_account = answer.account
            if "passwordchangerequired" in answer.text and not expired:
                with contextlib.suppress(SeedvmError):
                    await self._send("DELETE", urllib.parse.urlsplit(where).path, None, {"X-Auth-Token": token})
                self._token = None
                raise PasswordChangeRequired(self.address, self.user, answer.account)
            return urllib.parse.urlsplit(where).path
        tokenless = 200 <= answer.status < 300  # as DMTF's mock-up server: nothing was judged
        if tokenless or answer.status in NO_SESSIONS or any(word in answer.text for word in SESSIONS_FULL):
            return None
        self._judge(answer)
        if answer.status in WRONG_PAIR:
            raise Unauthorized(self.address, self.user)
        raise error_of(self.address, "a session", answer)

    def _login_headers(self) -> Mapping[str, str]:
        if self._token:
            return {"X-Auth-Token": self._token}
        pair = f"{self.user}:{self._password.reveal()}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}

    def _judge(self, answer: RedfishAnswer) -> None:
        """Tell a refused account, a locked one, one whose password has expired, and a busy service apart."""
        status, said = answer.status, answer.text
        if status == 403 and "passwordchangerequired" in said:
            raise PasswordChangeRequired(self.address, self.user, answer.account or self._own_account)
        after = answer.headers.get("retry-after", "")
        seconds = float(after) if after.isdecimal() else 0.0
        locked = quirks.lock_seconds(said) if status in (400, 401, 403, 429, 503) else None
        if locked is not None:
            raise Unauthorized(self.address, self.user, locked_seconds=seconds or locked)
        if status in (429, 503):
            raise Busy(self.address, status, seconds or 60.0)
        if status == 401 or (status == 400 and "unauthorizedloginattempt" in said):
            raise Unauthorized(self.address, self.user)

    async def _send(
        self, method: str, path: str, body: Mapping[str, JSON] | None, headers: Mapping[str, str]
    ) -> RedfishAnswer:
        command = f"{method} {path}"
        async with self._turn:
            with trace.Call("bmc", protocol="redfish", address=self.address, command=command) as call:
                try:
                    async with asyncio.timeout(ANSWER_SECONDS * 2):
                        status, raw, said = await asyncio.to_thread(self._talk, method, path, body, headers)
                except (OSError, TimeoutError, http.client.HTTPException) as error:
                    raise RedfishUnreachable(self.address, command, error) from None
                call.result = status
        try:
            parsed = json.loads(raw or b"{}")
        except (ValueError, RecursionError):
            parsed = {}
        return RedfishAnswer(status, parsed if isinstance(parsed, dict) else {}, said)

    def _talk(
        self, method: str, path: str, body: Mapping[str, JSON] | None, extra: Mapping[str, str]
    ) -> tuple[int, bytes, dict[str, str]]:
        headers = {"Accept": "application/json", "OData-Version": "4.0", **extra}
        headers["Connection"] = "keep-alive" if self._inside else "close"
        if "%" in self.address:
            headers["Host"] = f"[{self.address.partition('%')[0]}]"  # the wire's name is ours alone (RFC 6874 4)
        if body is not None:
            headers["Content-Type"] = "application/json"
        content = json.dumps(body) if body is not None else None
        if method == "GET" and self._kept is not None and self._kept.sock is not None:
            with contextlib.suppress(OSError, http.client.HTTPException):
                return self._ask(self._kept, method, path, content, headers)
        self._hang_up()  # what changes something is never sent twice: it has a connection of its own
        self._kept = self._connect()
        try:
            return self._ask(self._kept, method, path, content, headers)
        finally:
            if not self._inside:
                self._hang_up()

    @staticmethod
    def _ask(
        connection: http.client.HTTPConnection, method: str, path: str, content: str | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes, dict[str, str]]:
        connection.request(method, path, content, dict(headers))
        answer = connection.getresponse()
        said = {name.lower(): value for name, value in answer.getheaders()}
        raw = answer.read(MOST_BYTES)
        if answer.read(1):
            connection.close()  # more than anyone should say
        return answer.status, raw, said

    def _hang_up(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _connect(self) -> http.client.HTTPConnection:
        if not self._tls:
            return http.client.HTTPConnection(self.address, self.port, timeout=ANSWER_SECONDS)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        connection = http.client.HTTPSConnection(self.address, self.port, timeout=ANSWER_SECONDS, context=context)
        connection.connect()
        assert isinstance(connection.sock, ssl.SSLSocket)
        seen = f"sha256:{hashlib.sha256(connection.sock.getpeercert(binary_form=True) or b'').hexdigest()}"
        if self._pin and seen != self._pin:
            connection.close()
            raise SeedvmError(
                "the certificate is not the one seen at discovery",
                machine=self.address,
                why=f"{seen[:23]}... now, {self._pin[:23]}... then",
                hint="find out which device answers at this address, then scan again",
            )
        return connection


def error_of(address: str, what: str, answer: RedfishAnswer) -> SeedvmError:
    """A refusal in the service's own words."""
    said = text(subtree(answer.body, "error"), "message")[:200]
    return SeedvmError(f"Redfish refused {what}", machine=address, why=f"HTTP {answer.status} {said}".strip())


def links(body: Mapping[str, object], name: str) -> tuple[str, ...]:
    """The resources that a list of references names."""
    members = body.get(name)
    if not isinstance(members, list):
        return ()
    return tuple(one["@odata.id"] for one in members if isinstance(one, dict) and isinstance(one.get("@odata.id"), str))


def text(body: Mapping[str, object], name: str) -> str:
    """A string within, at most 500 characters, "" where there is none."""
    value = body.get(name)
    return value[:500] if isinstance(value, str) else ""


def number(body: Mapping[str, object], name: str) -> float:
    """A number within, 0 where there is none."""
    value = body.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
