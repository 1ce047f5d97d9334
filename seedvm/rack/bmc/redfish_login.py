"""What an emulator of Redfish lacks in front of it: logins, sessions, the account and its password, lock-out.

A WSGI application around another. Source: DSP0266 13.3 (sessions, basic), DSP0268 SessionService, AccountService,
ManagerAccount; messages of the Base registry. It refuses every path but the service root without a login.
"""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from seedvm.base.json_tree import JSON
from seedvm.base.secret import Secret
from seedvm.rack.bmc.account import Door

OPEN_PATHS = ("", "redfish", "redfish/v1", "redfish/v1/odata", "redfish/v1/$metadata")
SESSIONS = "/redfish/v1/SessionService/Sessions"
ACCOUNTS = "/redfish/v1/AccountService/Accounts"
ACCOUNT = f"{ACCOUNTS}/1"
ROOT_LINKS: Mapping[str, JSON] = {
    "SessionService": {"@odata.id": "/redfish/v1/SessionService"},
    "AccountService": {"@odata.id": "/redfish/v1/AccountService"},
    "Links": {"Sessions": {"@odata.id": SESSIONS}},
}
IDLE_SECONDS = 600.0
_Refusal: TypeAlias = tuple[int, Mapping[str, JSON]]
STATUSES = {200: "OK", 201: "Created", 204: "No Content", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden"} | {
    404: "Not Found",
    412: "Precondition Failed",
    503: "Service Unavailable",
}


@dataclass(frozen=True)
class Rules:
    """How this service is set up. `sessions` is their number, 0 offers none; `shortest` and `longest` are of a password.

    `basic` off: sessions only. `expired`: the account may do nothing before its password is changed. `stored` is how many
    characters of a password are kept, as careless firmware does; `heard` is told each login and how it ended.
    """

    sessions: int = 16
    basic: bool = True
    shortest: int = 8
    longest: int = 20
    stored: int = 255
    expired: bool = False
    role: str = "Administrator"
    lock_message: str = "The account is locked for {seconds:.0f} seconds."
    heard: Callable[[bool], None] = lambda right: None


@dataclass
class RedfishDoor:
    """The WSGI application."""

    app: WSGIApplication
    door: Door
    rules: Rules = field(default_factory=Rules)
    tokens: dict[str, tuple[str, float]] = field(default_factory=dict)
    expired: bool = field(init=False)

    def __post_init__(self) -> None:
        self.expired = self.rules.expired

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path, method = environ.get("PATH_INFO", "").rstrip("/"), environ["REQUEST_METHOD"]
        if path.strip("/") in OPEN_PATHS:
            return self.app(environ, start)
        body = (
            self._body(environ) if path.startswith(("/redfish/v1/SessionService", "/redfish/v1/AccountService")) else {}
        )
        if path == SESSIONS and method == "POST" and self.rules.sessions:
            return self._open(body, start)
        refusal = self._refusal(environ)
        if refusal:
            environ["wsgi.input"].read(0 if body else int(environ.get("CONTENT_LENGTH") or 0))
            return self._answer(start, *refusal)
        if self.expired and not (
            path == ACCOUNT and method in ("GET", "PATCH")
        ):  # DSP0266 13.2.6: for all other operations
            environ["wsgi.input"].read(0 if body else int(environ.get("CONTENT_LENGTH") or 0))
            return self._answer(start, 403, _error(*_CHANGE_FIRST))
        if path.startswith("/redfish/v1/SessionService") and self.rules.sessions:
            return self._sessions(path, method, start)
        if path.startswith("/redfish/v1/AccountService"):
            return self._accounts(path, method, body, environ.get("HTTP_IF_MATCH"), start)
        return self.app(environ, start)

    def _refusal(self, environ: WSGIEnvironment) -> _Refusal | None:
        """Why this request is not let in; None if it is."""
        token = environ.get("HTTP_X_AUTH_TOKEN")
        if token in self.tokens:
            self.tokens[str(token)] = (self.tokens[str(token)][0], time.monotonic())
            return None
        kind, _, coded = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if token is not None or kind != "Basic" or not self.rules.basic:
            return 401, _error("NoValidSession", "There is no valid session established.")
        try:
            user, _, password = base64.b64decode(coded).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return 401, _error("NoValidSession", "There is no valid session established.")
        return self._judge(user, password)

    def _judge(self, user: str, password: str) -> _Refusal | None:
        was_locked = self.door.locked
        right = self.door.judge(user, password)
        self.rules.heard(right)
        if right:
            return None
        if was_locked:
            text = self.rules.lock_message.format(seconds=self.door.lock_seconds)
            return 401, _error("AccountLocked", text)
        return 401, _error("ResourceAtUriUnauthorized", "The user name or the password is wrong.")

    def _open(self, body: Mapping[str, object], start: StartResponse) -> Iterable[bytes]:
        """POST to Sessions."""
        now = time.monotonic()
        self.tokens = {token: one for token, one in self.tokens.items() if now - one[1] < IDLE_SECONDS}
        if len(self.tokens) >= self.rules.sessions:
            text = "The session establishment failed due to the number of simultaneous sessions exceeding the limit."
            return self._answer(start, 503, _error("SessionLimitExceeded", text))
        refusal = self._judge(str(body.get("UserName")), str(body.get("Password")))
        if refusal:
            return self._answer(start, *refusal)
        token, number = secrets.token_hex(16), secrets.token_hex(4)
        self.tokens[token] = (number, now)
        where = f"{SESSIONS}/{number}"
        said: dict[str, JSON] = {"@odata.id": where, "Id": number, "UserName": self.door.user}
        if self.expired:
            said["@Message.ExtendedInfo"] = _info(*_CHANGE_FIRST)
        return self._answer(start, 201, said, [("X-Auth-Token", token), ("Location", where)])

    def _sessions(self, path: str, method: str, start: StartResponse) -> Iterable[bytes]:
        numbers = {f"{SESSIONS}/{number}": token for token, (number, _) in self.tokens.items()}
        if method == "DELETE" and path in numbers:
            del self.tokens[numbers[path]]
            return self._answer(start, 204, None)
        if path == SESSIONS:
            members = [{"@odata.id": where} for where in numbers]
            return self._answer(
                start, 200, {"@odata.id": path, "Members": members, "Members@odata.count": len(members)}
            )
        if path in numbers:
            return self._answer(start, 200, {"@odata.id": path, "UserName": self.door.user})
        if path == "/redfish/v1/SessionService":
            return self._answer(
                start, 200, {"@odata.id": path, "ServiceEnabled": True, "Sessions": {"@odata.id": SESSIONS}}
            )
        return self._answer(start, 404, _error("ResourceMissingAtURI", "There is no such resource."))

    def _accounts(
        self, path: str, method: str, body: Mapping[str, object], match: str | None, start: StartResponse
    ) -> Iterable[bytes]:
        etag = f'"{abs(hash(self.door.password)):x}"'
        if path == ACCOUNT and method == "PATCH":
            if match not in (None, etag):
                return self._answer(start, 412, _error("PreconditionFailed", "The ETag does not match."))
            return self._change(str(body.get("Password", "")), start)
        trees: dict[str, dict[str, JSON]] = {
            "/redfish/v1/AccountService": {
                "MinPasswordLength": self.rules.shortest,
                "MaxPasswordLength": self.rules.longest,
                "AccountLockoutThreshold": self.door.lock_after,
                "AccountLockoutDuration": int(self.door.lock_seconds),
                "Accounts": {"@odata.id": ACCOUNTS},
            },
            ACCOUNTS: {"Members": [{"@odata.id": ACCOUNT}], "Members@odata.count": 1},
            ACCOUNT: {"UserName": self.door.user, "RoleId": self.rules.role, "Locked": self.door.locked},
        }
        if method != "GET" or path not in trees:
            return self._answer(start, 404, _error("ResourceMissingAtURI", "There is no such resource."))
        return self._answer(start, 200, {"@odata.id": path} | trees[path], [("ETag", etag)] if path == ACCOUNT else [])

    def _change(self, password: str, start: StartResponse) -> Iterable[bytes]:
        if not self.rules.shortest <= len(password) <= self.rules.longest:
            return self._answer(start, 400, _error("PropertyValueFormatError", "The password has a wrong length."))
        self.expired &= password == self.door.password.reveal()
        self.door.change(Secret(password[: self.rules.stored]))
        return self._answer(start, 204, None)

    @staticmethod
    def _body(environ: WSGIEnvironment) -> Mapping[str, object]:
        raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        try:
            said = json.loads(raw or b"{}")
        except ValueError:
            said = {}
        return said if isinstance(said, dict) else {}

    @staticmethod
    def _answer(
        start: StartResponse, status: int, tree: Mapping[str, JSON] | None, more: Iterable[tuple[str, str]] = ()
    ) -> Iterable[bytes]:
        if tree is not None and isinstance(where := tree.get("@odata.id"), str):
            tree = {"Id": where.rsplit("/", 1)[1], "Name": where.rsplit("/", 1)[1], **tree}  # every resource has them
        body = b"" if tree is None else json.dumps(tree).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *more]
        if status == 401:
            headers.append(("WWW-Authenticate", 'Basic realm="redfish"'))
        start(f"{status} {STATUSES[status]}", headers)
        return [body] if body else []


def _info(message: str, text: str, *args: str) -> JSON:
    return [{"MessageId": f"Base.1.8.{message}", "Message": text, "MessageArgs": list(args)}]


def _error(message: str, text: str, *args: str) -> Mapping[str, JSON]:
    """An error in Redfish's form."""
    info = _info(message, text, *args)
    return {"error": {"code": f"Base.1.8.{message}", "message": text, "@Message.ExtendedInfo": info}}


_CHANGE_FIRST = (
    "PasswordChangeRequired",
    "The password provided for this account must be changed before access is granted. PATCH the Password property for this account "
    f"located at the target URI '{ACCOUNT}' to complete this process.",
    ACCOUNT,
)
