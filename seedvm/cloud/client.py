"""The one client of OpenStack: the REST APIs of one controller, or of the VIP, at the ports that the services declare.

It never follows the catalogue, which would always lead to the VIP: the hand-off asks each member for itself ("does *your* Keystone
decrypt this?"). It logs in, renews a token that ran out, follows a list to its last page, waits while Ironic has a node locked, and
turns every failure into a SeedvmError. It refuses redirects, and to ask again after silence: the caller decides. Bodies are in no log.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from seedvm.base.errors import SeedvmError
from seedvm.base.item import Item
from seedvm.base.secret import Secret
from seedvm.cloud.reply import Answer, Refused
from seedvm.services.load import installed

if TYPE_CHECKING:
    from keystoneauth1.session import Session

    from seedvm.cloud.session import Request, Upload

_LOGIN_SECONDS = 20.0
_LOCKED_TRIES = 9  # Ironic answers 409 while a conductor has the node locked
_LOCKED_PAUSE = 2.0
_HINTS: Mapping[int, str] = {
    401: "check that the admin password and this controller's Fernet keys match the site",
    503: "on that machine: systemctl --failed; check the service behind HAProxy, then run again",
}


@dataclass(frozen=True)
class Spoken:
    """What we speak with a service: the path of its API's version, `{project}` for the project's id, and type and microversion."""

    root: str
    microversion: tuple[str, str] | None = None


_SPOKEN: Mapping[str, Spoken] = {
    "keystone": Spoken("/v3"),
    "glance": Spoken("/v2"),
    "placement": Spoken("", ("placement", "1.36")),
    "nova": Spoken("/v2.1", ("compute", "2.90")),
    "neutron": Spoken("/v2.0"),
    "ironic": Spoken("/v1", ("baremetal", "1.92")),
    "heat": Spoken("/v1/{project}"),
}


def spoken(service: str) -> Spoken:
    """What we speak with a service; one that is declared and not known here is asked at its root, without a version."""
    return _SPOKEN.get(service, Spoken(""))


class Login:
    """Who asks: nobody, the bearer of a token, or a user with a password. One session, made at the first request, for all threads."""

    def __init__(
        self,
        keystone: str = "",
        *,
        password: Secret | None = None,
        token: Secret | None = None,
        user: str = "admin",
        project: str = "admin",
        seconds: float = _LOGIN_SECONDS,
    ) -> None:
        """`keystone` is the address where a password is good; `project` is a name with a password, an id with a token."""
        self.user = user
        self._keystone = keystone
        self._password = password
        self._token = token
        self._project = project
        self._seconds = seconds
        self._lock = threading.Lock()
        self._session: Session | None = None

    def session(self) -> Session:
        """The session, logged in. Unreachable where that Keystone does not answer, or does not accept the login."""
        from seedvm.cloud import session

        with self._lock:
            if self._session is None:
                self._session = self._open()
        session.token(self._session, self._keystone)
        return self._session

    def token(self) -> Secret:
        """The token of now; see `session`."""
        from seedvm.cloud import session

        return session.token(self.session(), self._keystone)

    def project_id(self) -> str:
        """The id of the project that the token is for; see `session`."""
        session = self.session()
        return session.get_project_id() or "" if session.auth is not None else ""

    def _open(self) -> Session:
        from seedvm.cloud import session

        if self._password is not None:
            where = f"http://{self._keystone}:{installed().ports['keystone']}"
            return session.by_password(where, self.user, self._password, self._project, self._seconds)
        if self._token is not None:
            return session.by_token(self._token, self._project, self._seconds)
        return session.anonymous(self._seconds)


@dataclass(frozen=True)
class Client:
    """One controller (or the VIP) by its bare address. `seconds` limits a request: its connection, each silence, and its body;
    `name` is the machine's, for errors. `stop`, once set, ends the waiting between two attempts."""

    address: str
    login: Login = field(default_factory=Login)
    timeout: float = 30.0
    name: str = field(default="", compare=False)
    stop: threading.Event = field(default_factory=threading.Event, compare=False)

    @property
    def token(self) -> Secret:
        return self.login.token()

    @property
    def project(self) -> str:
        """The project's id."""
        return self.login.project_id()

    def at(self, address: str, *, name: str = "") -> Client:
        """The same login at another controller: a Fernet token is good wherever the keys are."""
        return Client(address, self.login, self.timeout, name)

    def ask(
        self, method: str, service: str, path: str, body: object = None, *, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request; `path` comes after the version's. Every answer is returned, refusals as well; silence is Unreachable."""
        return self._request(method, service, self._root(service) + path, body, headers)

    def get(self, service: str, path: str) -> Item:
        """The object that a GET answers with."""
        return self._wanted("GET", service, path, self.ask("GET", service, path)).item()

    def find(self, service: str, path: str) -> Item | None:
        """As `get`, but None for a 404."""
        answer = self.ask("GET", service, path)
        return None if answer.status == 404 else self._wanted("GET", service, path, answer).item()

    def list_all(self, service: str, path: str, key: str) -> tuple[Item, ...]:
        """The list under `key`, page after page to the last one, which services cut at 1,000 or so. A page always is this address's."""
        found: list[Item] = []
        ahead, seen = self._root(service) + path, set[str]()
        while ahead:
            seen.add(ahead)
            page = self._wanted("GET", service, path, self._request("GET", service, ahead)).item()
            found += page.items(key)
            ahead = next_page(page, key)
            if ahead in seen:
                raise SeedvmError(
                    f"{service} returns an endless list of {key}",
                    machine=self._machine,
                    why=f"page {ahead} links to itself",
                )
        return tuple(found)

    def send(self, method: str, service: str, path: str, body: object = None) -> Item:
        """A request that changes something, and the object that it answers with; an empty one where there is none."""
        return self._wanted(method, service, path, self.ask(method, service, path, body)).item()

    def delete(self, service: str, path: str) -> None:
        """Delete; what is not there counts as deleted."""
        answer = self.ask("DELETE", service, path)
        if answer.status != 404:
            self._wanted("DELETE", service, path, answer)

    def stream(self, service: str, path: str) -> Iterator[bytes]:
        """The raw bytes of a GET, in pieces."""
        from seedvm.cloud import session

        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        request = self._described("GET", service, self._root(service) + path, None, headers, None)
        for piece in session.stream(self.login.session(), request):
            if isinstance(piece, Answer):
                raise self._refused("GET", service, path, piece)
            yield piece

    def upload(self, service: str, path: str, file: Upload) -> None:
        """PUT a file's bytes."""
        headers = {"Content-Type": "application/octet-stream"}
        answer = self._request("PUT", service, self._root(service) + path, None, headers, file)
        self._wanted("PUT", service, path, answer)

    @property
    def _machine(self) -> str:
        return self.name or self.address

    def _root(self, service: str) -> str:
        root = spoken(service).root
        return root.format(project=self.project) if "{" in root else root

    def _request(
        self,
        method: str,
        service: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        file: Upload | None = None,
    ) -> Answer:
        from seedvm.cloud import session

        request = self._described(method, service, path, body, headers or {}, file)
        tries = _LOCKED_TRIES if service == "ironic" and method in ("PUT", "PATCH", "DELETE") else 1
        while True:
            answer = session.send(self.login.session(), request)
            tries -= 1
            if answer.status != 409 or not tries or self.stop.wait(_LOCKED_PAUSE):
                return answer

    def _described(
        self, method: str, service: str, path: str, body: object, headers: Mapping[str, str], file: Upload | None
    ) -> Request:
        from seedvm.cloud.session import Request

        return Request(
            method=method,
            url=f"http://{self.address}:{installed().ports[service]}{path}",
            seconds=self.timeout,
            service=service,
            machine=self._machine,
            headers={"Accept": "application/json", **headers},
            body=body,
            data=file,
            microversion=spoken(service).microversion,
        )

    def _wanted(self, method: str, service: str, path: str, answer: Answer) -> Answer:
        if not answer.good:
            raise self._refused(method, service, path, answer)
        return answer

    def _refused(self, method: str, service: str, path: str, answer: Answer) -> Refused:
        return Refused(
            f"{service} refused {method} {path.partition('?')[0]}",
            machine=self._machine,
            status=answer.status,
            why=answer.reason(),
            hint=_HINTS.get(answer.status, ""),
        )


def login(
    address: str, password: Secret, *, user: str = "admin", project: str = "admin", timeout: float = 30.0
) -> Client:
    """A client that is logged in with a project-scoped token, issued by the Keystone at `address`."""
    client = Client(address, Login(address, password=password, user=user, project=project, seconds=timeout), timeout)
    client.login.session()
    return client


def next_page(page: Item, key: str) -> str:
    """Path and query of the page that follows, empty after the last: Ironic's and Glance's `next`, Keystone's `links`, or the
    `KEY_links` of Nova and Neutron. The host of such a link is the VIP, whoever was asked: it is passed over."""
    if page.has("truncated") and page.flag("truncated"):
        raise SeedvmError(f"{page.source} did not list all {key}", why="the list is truncated and has no next page")
    found = page.text("next", "")
    if not found and page.has("links"):
        found = page.item("links").text("next", "")
    if not found and page.has(f"{key}_links"):
        found = next((link.text("href") for link in page.items(f"{key}_links") if link.text("rel", "") == "next"), "")
    parts = urlsplit(found)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
