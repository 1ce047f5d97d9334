"""The REST APIs of one controller at its own address, without the catalogue.

The hand-off has to ask each member by itself ("does *your* Keystone decrypt this?"); a client that follows the catalogue would
always land on the VIP. Plain HTTP, JSON, one token. It refuses to follow redirects and to retry: the caller decides.
"""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret

PORTS: Mapping[str, int] = {
    "keystone": 5000,
    "glance": 9292,
    "placement": 8778,
    "nova": 8774,
    "neutron": 9696,
    "ironic": 6385,
    "heat": 8004,
}
_MICROVERSIONS: Mapping[str, Mapping[str, str]] = {
    "ironic": {"X-OpenStack-Ironic-API-Version": "1.80"},
    "nova": {"OpenStack-API-Version": "compute 2.90"},
}
_CHUNK = 1 << 20
Body: TypeAlias = Any  # JSON of a foreign service; parsed where it is used


class Hopeless(SeedvmError):
    """What is waited for cannot come any more: `until` raises it at once."""


@dataclass(frozen=True)
class Answer:
    """What a service said; `body` is parsed JSON, or None where there was none."""

    status: int
    headers: Mapping[str, str]
    body: Body


@dataclass(frozen=True)
class Api:
    """One controller (or the VIP). Addresses are bare; `token` None means: nothing but what needs no login."""

    address: str
    token: Secret | None = None
    project: str = ""
    timeout: float = 30.0
    name: str = field(default="", compare=False)

    def at(self, address: str, *, name: str = "") -> Api:
        """The same login at another controller: a Fernet token is good wherever the keys are."""
        return Api(address, self.token, self.project, self.timeout, name)

    def ask(
        self, method: str, service: str, path: str, body: Body = None, *, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request. Every answer is returned, refusals as well; no answer is a SeedvmError."""
        connection = http.client.HTTPConnection(self.address, PORTS[service], timeout=self.timeout)
        try:
            connection.request(method, path, _encode(body), self._headers(service, body, headers))
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, _decode(answer.read()))
        except (OSError, http.client.HTTPException) as error:
            raise self._silent(service, error) from error
        finally:
            connection.close()

    def get(self, service: str, path: str) -> Body:
        """The parsed body of a GET; anything but 2xx is a SeedvmError."""
        return self._wanted("GET", service, path, self.ask("GET", service, path))

    def send(self, method: str, service: str, path: str, body: Body = None) -> Body:
        """The parsed body of a request that changes something; anything but 2xx is a SeedvmError."""
        return self._wanted(method, service, path, self.ask(method, service, path, body))

    def stream(self, service: str, path: str) -> Iterator[bytes]:
        """The raw bytes of a GET, in pieces."""
        connection = http.client.HTTPConnection(self.address, PORTS[service], timeout=self.timeout)
        try:
            connection.request("GET", path, None, self._headers(service, None, {"Accept": "*/*"}))
            answer = connection.getresponse()
            if answer.status != 200:
                self._wanted("GET", service, path, Answer(answer.status, {}, _decode(answer.read())))
                raise self._refused("GET", service, path, Answer(answer.status, {}, None))
            while piece := answer.read(_CHUNK):
                yield piece
        except (OSError, http.client.HTTPException) as error:
            raise self._silent(service, error) from error
        finally:
            connection.close()

    def _wanted(self, method: str, service: str, path: str, answer: Answer) -> Body:
        if 200 <= answer.status < 300:
            return answer.body
        raise self._refused(method, service, path, answer)

    def _refused(self, method: str, service: str, path: str, answer: Answer) -> SeedvmError:
        said = json.dumps(answer.body)[:400] if answer.body is not None else "nothing more"
        return SeedvmError(
            f"{service} refused {method} {path}", machine=self.name or self.address, why=f"HTTP {answer.status}: {said}"
        )

    def _silent(self, service: str, error: Exception) -> SeedvmError:
        return SeedvmError(
            f"{service} does not answer",
            machine=self.name or self.address,
            why=f"http://{self.address}:{PORTS[service]}: {error or type(error).__name__}",
            hint=f"on that machine: systemctl status {service}-api haproxy",
        )

    def _headers(self, service: str, body: Body, more: Mapping[str, str] | None) -> dict[str, str]:
        headers = {
            "Accept": "application/json",
            "Connection": "close",
            **_MICROVERSIONS.get(service, {}),
            **(more or {}),
        }
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        if self.token is not None:
            headers["X-Auth-Token"] = self.token.reveal()
        return headers


def login(address: str, password: Secret, *, user: str = "admin", project: str = "admin", timeout: float = 30.0) -> Api:
    """An Api with a project-scoped token, issued by the Keystone at `address`."""
    who = {"name": user, "domain": {"name": "Default"}, "password": password.reveal()}
    scope = {"project": {"name": project, "domain": {"name": "Default"}}}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": who}}, "scope": scope}}
    door = Api(address, timeout=timeout)
    answer = door.ask("POST", "keystone", "/v3/auth/tokens", body)
    if answer.status != 201:
        raise SeedvmError(
            f"Keystone does not let {user} in",
            machine=address,
            why=f"HTTP {answer.status}",
            hint="is that controller's database synced, and are its Fernet keys those of the site?",
        )
    return Api(address, Secret(answer.headers["x-subject-token"]), answer.body["token"]["project"]["id"], timeout)


def until(
    look: Callable[[], Body], *, seconds: float, what: str, machine: str | None = None, pause: float = 1.0
) -> Body:
    """Call `look` until it returns something true; a SeedvmError counts as "not yet", the last one is told at the end."""
    deadline = time.monotonic() + seconds
    last = "it was never so"
    while True:
        try:
            if found := look():
                return found
        except Hopeless:
            raise
        except SeedvmError as error:
            last = str(error)
        if time.monotonic() >= deadline:
            raise SeedvmError(f"{what}: not within {seconds:g} s", machine=machine, why=last)
        time.sleep(pause)


def _encode(body: Body) -> bytes | None:
    return None if body is None else json.dumps(body).encode()


def _decode(raw: bytes) -> Body:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return raw[:400].decode(errors="replace")


def names(items: Sequence[Mapping[str, Any]], key: str = "name") -> tuple[str, ...]:
    """The sorted values of one key: for evidence."""
    return tuple(sorted(str(item[key]) for item in items))
