"""The client under its old name and with the paths and untyped bodies of before, for modules that have not moved to `client` yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from seedvm.base.secret import Secret
from seedvm.cloud import client
from seedvm.cloud.client import Client, Login, next_page, spoken

__all__ = ["Answer", "Api", "login"]

Body: TypeAlias = Any
T = TypeVar("T")


@dataclass(frozen=True)
class Answer:
    """What a service said; `body` is parsed JSON."""

    status: int
    headers: Mapping[str, str]
    body: Body


@dataclass(frozen=True)
class Api:
    """See Client; a path here begins with the version, and `token` None means that nobody logs in."""

    address: str
    token: Secret | None = None
    project: str = ""
    timeout: float = 30.0
    name: str = field(default="", compare=False)
    by: Login | None = field(default=None, compare=False)

    def at(self, address: str, *, name: str = "") -> Api:
        return Api(address, self.token, self.project, self.timeout, name, self.by)

    def ask(
        self, method: str, service: str, path: str, body: Body = None, *, headers: Mapping[str, str] | None = None
    ) -> Answer:
        found = self._client.ask(method, service, self._short(service, path), body, headers=headers)
        return Answer(found.status, found.headers, dict(found.item().tree) if found.good else None)

    def get(self, service: str, path: str) -> Body:
        """The body of a GET, with all pages of its list in one."""
        short = self._short(service, path)
        first = self._client.get(service, short)
        found = dict(first.tree)
        for key, value in found.items():
            if isinstance(value, list) and next_page(first, key):
                found[key] = [dict(one.tree) for one in self._client.list_all(service, short, key)]
        return found

    def send(self, method: str, service: str, path: str, body: Body = None) -> Body:
        return dict(self._client.send(method, service, self._short(service, path), body).tree)

    def stream(self, service: str, path: str) -> Iterator[bytes]:
        return self._client.stream(service, self._short(service, path))

    @property
    def _client(self) -> Client:
        return Client(self.address, self.by or Login(token=self.token, project=self.project), self.timeout, self.name)

    def _short(self, service: str, path: str) -> str:
        return path.removeprefix(spoken(service).root.format(project=self.project))


def login(address: str, password: Secret, *, user: str = "admin", project: str = "admin", timeout: float = 30.0) -> Api:
    found = client.login(address, password, user=user, project=project, timeout=timeout)
    return Api(address, found.token, found.project, timeout, by=found.login)
