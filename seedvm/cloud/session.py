"""Logins as sessions of keystoneauth1, the layer that openstacksdk itself sends with: token, renewal when it runs out, microversions.

Imported at the first request: it costs a tenth of a second of processor time, and most commands on a controller send none. It refuses
proxies and .netrc of the environment, redirects, and connections that are kept: a kept one may be closed by the proxy, or lead to the
machine that had the VIP before, just when it is used again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
import urllib3
from keystoneauth1 import exceptions
from keystoneauth1.plugin import BaseAuthPlugin
from keystoneauth1.session import Session

from seedvm.base import trace
from seedvm.base.secret import Secret
from seedvm.cloud.reply import Answer, Unreachable, cause, words
from seedvm.services.load import installed

_CONNECT_SECONDS = 5.0
_PIECE = 1 << 18
_DOMAIN = "Default"
_LOOK = "on that machine: systemctl status keystone haproxy"


class Upload(Protocol):
    """A file to send, open at its beginning; its length is known, so that it is sent whole and not in chunks."""

    def __len__(self) -> int: ...

    def tell(self) -> int: ...

    def read(self, size: int = -1) -> bytes: ...


@dataclass(frozen=True)
class Request:
    """One request. `seconds` limits the connection, each silence, and, of what is not streamed, the whole body. `microversion` is the
    catalogue type of the service and the version asked for."""

    method: str
    url: str
    seconds: float
    service: str
    machine: str
    headers: Mapping[str, str]
    body: object = None
    data: Upload | None = None
    microversion: tuple[str, str] | None = None


class _Http(requests.Session):
    """The transport below keystoneauth's sessions: a limit on the connection beside that on each silence, and a line of the trace for
    each request, logins too."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False

    def send(self, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        seconds = float(more.pop("timeout"))
        where = urlsplit(request.url or "").netloc
        with trace.Call("api", method=request.method, address=where, path=request.path_url) as call:
            answer = super().send(request, timeout=(min(_CONNECT_SECONDS, seconds), seconds), **more)
            call.result = answer.status_code
            return answer


class _Given(BaseAuthPlugin):
    """A token that somebody else was issued: it is not renewed."""

    def __init__(self, token: Secret, project: str) -> None:
        super().__init__()
        self._token = token
        self._project = project

    def get_token(self, session: Session) -> str:
        return self._token.reveal()

    def get_project_id(self, session: Session) -> str:
        return self._project


def anonymous(seconds: float) -> Session:
    """For what needs no login."""
    return _session(None, seconds)


def by_token(token: Secret, project: str, seconds: float) -> Session:
    """With a token that is there already."""
    return _session(_Given(token, project), seconds)


def by_password(keystone: str, user: str, password: Secret, project: str, seconds: float) -> Session:
    """With a token that the Keystone at this address issues at the first request, and again when it runs out or is refused."""
    from keystoneauth1.identity import v3  # a verb that is given a token does not need it

    auth = v3.Password(
        f"{keystone}/v3",
        username=user,
        password=password.reveal(),
        user_domain_name=_DOMAIN,
        project_name=project,
        project_domain_name=_DOMAIN,
        include_catalog=False,
    )
    return _session(auth, seconds)


def token(session: Session, keystone: str) -> Secret:
    """The session's token, issued now if there is none yet; empty where nobody logs in. `keystone` is the address that issues it."""
    with _translated("keystone", keystone, f"http://{keystone}"):
        return Secret(session.get_token() or "" if session.auth is not None else "")


def send(session: Session, request: Request) -> Answer:
    """The whole answer, refusals too. Silence, half an answer and a login that Keystone refuses are Unreachable."""
    deadline = time.monotonic() + request.seconds
    with _translated(request.service, request.machine, request.url), _opened(session, request) as answer:
        body = b""
        for piece in _pieces(answer):
            body += piece
            if time.monotonic() > deadline:
                raise TimeoutError
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status_code, answer.reason or "", headers, body, request.service)


def stream(session: Session, request: Request) -> Iterator[bytes | Answer]:
    """The raw bytes of the answer in pieces; a refusal is one Answer."""
    with _translated(request.service, request.machine, request.url), _opened(session, request) as answer:
        if answer.status_code != 200:
            yield Answer(answer.status_code, answer.reason or "", {}, b"".join(_pieces(answer)), request.service)
            return
        yield from _pieces(answer)


def _session(auth: BaseAuthPlugin | None, seconds: float) -> Session:
    return Session(
        auth=auth, session=_Http(), timeout=seconds, additional_headers={"Connection": "close"}, redirect=False
    )


@contextmanager
def _opened(session: Session, request: Request) -> Iterator[requests.Response]:
    more: dict[str, Any] = {}
    if request.data is not None:  # a file that was read once cannot be sent again with another token
        more = {"data": request.data, "allow_reauth": False}
    if request.microversion is not None:
        more |= dict(zip(("microversion_service_type", "microversion"), request.microversion, strict=True))
    answer = session.request(
        request.url,
        request.method,
        json=request.body,
        headers=dict(request.headers),
        timeout=request.seconds,
        stream=True,
        raise_exc=False,
        log=False,
        **more,
    )
    try:
        yield answer
    finally:
        answer.close()


def _pieces(answer: requests.Response) -> Iterator[bytes]:
    """The body as it comes in: a piece is what one read of the socket gave."""
    while piece := answer.raw.read1(_PIECE, decode_content=True):
        yield piece


@contextmanager
def _translated(service: str, machine: str, url: str) -> Iterator[None]:
    try:
        yield
    except exceptions.HttpError as error:  # only a login raises one
        why = f"HTTP {error.http_status}: {words(error.message or '')}"
        mine = error.http_status in (401, 403)
        hint = (
            "check that this controller's database and Fernet keys and the admin password match the site"
            if mine
            else _LOOK
        )
        raise Unreachable("Keystone rejected the login", machine=machine, why=why, hint=hint) from None
    except (OSError, exceptions.ClientException, requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise Unreachable(
            f"{service} does not answer",
            machine=machine,
            why=f"{'/'.join(url.split('/', 3)[:3])}: {cause(error)}",
            hint=f"on that machine: systemctl status {_unit(service)} haproxy",
        ) from None


def _unit(service: str) -> str:
    """The systemd unit that answers for the service."""
    servers = (unit.name for unit in installed().service(service).units if unit.role == "server")
    return next(servers, service).removesuffix(".service")
