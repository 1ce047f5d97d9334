"""The way to the cloud's APIs through the VIP: login, catalogue, microversions (openstacksdk), one request, one kind of error.

It refuses to hold policy, to repeat anything but a read, and to log bodies (they may hold secrets). The SDK blocks, so that every
request runs in a thread, and none waits longer than it says.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import openstack
import requests
from keystoneauth1 import exceptions as keystone_errors
from openstack import exceptions as sdk_errors

from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.base.secret import Secret

Body: TypeAlias = Any  # JSON of a foreign service; each adapter parses it once into its own types

REGION = "RegionOne"
MICROVERSIONS: Mapping[str, str] = {"baremetal": "1.92", "compute": "2.90", "placement": "1.36"}
_CLOSE = {"Connection": "close"}  # a kept connection may be closed by the proxy just when it is used again
_JSON = {"Accept": "application/json"}  # else Heat says that it took an update as a page in HTML
_READ_TRIES = 3
_READ_PAUSE = 2.0
_SHORT = 20.0
_KNOCK = 1.5
_WORDS = 600


class Unreachable(SeedvmError):
    """No answer at all, or no login: the cloud is not there (yet)."""


class Refused(SeedvmError):
    """An answer that is a refusal; `status` is its HTTP status."""

    def __init__(self, what: str, *, status: int, why: str, hint: str = "") -> None:
        super().__init__(what, why=why, hint=hint)
        self.status = status


@dataclass(frozen=True)
class Access:
    """Who logs in where. `vip` is a bare address."""

    vip: str
    password: Secret
    user: str = "admin"
    project: str = "admin"

    @property
    def auth_url(self) -> str:
        return f"http://{self.vip}:5000/v3"

    def clouds(self) -> dict[str, Any]:
        """clouds.yaml's content, as the stock client reads it. Holds the password: for a 0600 file."""
        auth = {
            "auth_url": self.auth_url,
            "username": self.user,
            "password": self.password.reveal(),
            "project_name": self.project,
            "user_domain_name": "Default",
            "project_domain_name": "Default",
        }
        return {"clouds": {"undercloud": {"auth": auth, "region_name": REGION, "identity_api_version": 3}}}


class Cloud:
    """One login. The session is made at the first request and used by all threads."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self._lock = threading.Lock()
        self._connection: openstack.connection.Connection | None = None

    async def ask(
        self,
        service: str,
        method: str,
        path: str,
        body: Body = None,
        *,
        timeout: float = 60.0,
        missing_ok: bool = False,
    ) -> Body:
        """One request; the parsed answer. With `missing_ok` a 404 is None. Anything else but 2xx is Refused."""
        return await self._thread(lambda: self._request(service, method, path, body, timeout, missing_ok), timeout)

    async def get(self, service: str, path: str, *, missing_ok: bool = False, timeout: float = 60.0) -> Body:
        """A GET; see `ask`. Silence is asked again: a proxy that takes a new list says nothing for a moment."""
        for left in range(_READ_TRIES - 1, -1, -1):
            try:
                return await self.ask(service, "GET", path, missing_ok=missing_ok, timeout=timeout)
            except Unreachable:
                if not left:
                    raise
                await asyncio.sleep(_READ_PAUSE)
        raise AssertionError("not reached")

    async def put_data(self, service: str, path: str, data: Any, *, timeout: float) -> None:
        """Stream a file-like object to a service."""
        await self._thread(lambda: self._put_data(service, path, data, timeout), timeout)

    async def answers(self) -> bool:
        """Whether somebody at the VIP accepts our login: true of our own cloud only."""
        if not await _knock(self.access.vip, 5000):
            return False
        try:
            await self._thread(lambda: self._open().authorize(), _SHORT)
        except Unreachable:
            return False
        return True

    async def _thread(self, work: Callable[[], Body], timeout: float) -> Body:
        try:
            return await asyncio.wait_for(asyncio.to_thread(work), timeout + _SHORT)
        except TimeoutError:
            raise Unreachable(
                "the cloud did not answer in time",
                why=f"{self.access.auth_url} for {timeout + _SHORT:.0f} s",
                hint="look at the services behind the VIP: systemctl --failed",
            ) from None
        except (keystone_errors.ClientException, sdk_errors.SDKException, requests.RequestException) as error:
            self._connection = None  # the SDK remembers for good what it could not discover
            raise Unreachable(
                "the cloud does not answer",
                why=f"{self.access.auth_url}: {_first_line(error)}",
                hint="if the seed's services were just started, wait and run again; else systemctl --failed",
            ) from None

    def _open(self) -> openstack.connection.Connection:
        with self._lock:
            if self._connection is None:
                auth = self.access.clouds()["clouds"]["undercloud"]["auth"]
                self._connection = openstack.connect(
                    load_yaml_config=False,
                    load_envvars=False,
                    auth=auth,
                    region_name=REGION,
                    identity_api_version="3",
                    api_timeout=_SHORT,
                )
            return self._connection

    def _service(self, service: str) -> Any:
        connection = self._open()
        with self._lock:  # the first look at a service reads its versions
            return getattr(connection, service)

    def _request(self, service: str, method: str, path: str, body: Body, timeout: float, missing_ok: bool) -> Body:
        more: dict[str, Any] = {"json": body} if body is not None else {}
        headers = {**_CLOSE, **_JSON}
        if service in MICROVERSIONS:
            more["microversion"] = MICROVERSIONS[service]
        if service == "image" and method == "PATCH":
            headers["Content-Type"] = "application/openstack-images-v2.1-json-patch"
        if service == "baremetal" and method in ("PUT", "PATCH"):  # Ironic says 409 while it has the node locked
            more |= {"retriable_status_codes": [409], "status_code_retries": 8, "status_code_retry_delay": 2.0}
        answer = self._service(service).request(
            path, method, raise_exc=False, timeout=timeout, headers=headers, connect_retries=0, **more
        )
        if missing_ok and answer.status_code == 404:
            return None
        _accept(answer, f"{service} refused {method} {path.partition('?')[0]}")
        return answer.json() if answer.content else None

    def _put_data(self, service: str, path: str, data: Any, timeout: float) -> None:
        headers = {"Content-Type": "application/octet-stream", **_CLOSE}
        answer = self._service(service).request(
            path, "PUT", raise_exc=False, timeout=timeout, headers=headers, data=data, connect_retries=0
        )
        _accept(answer, f"{service} refused the data of {path}")


async def _knock(address: str, port: int) -> bool:
    """Whether something listens there: quicker to say no than a login."""
    try:
        async with asyncio.timeout(_KNOCK):
            _, writer = await asyncio.open_connection(address, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


def _accept(answer: requests.Response, what: str) -> None:
    if answer.status_code >= 300:
        raise Refused(what, status=answer.status_code, why=f"HTTP {answer.status_code}: {_explained(answer)}")


def _explained(answer: requests.Response) -> str:
    """The service's own words, dug out of the envelope that each of them has."""
    try:
        said = answer.json()
    except ValueError:
        return " ".join(answer.text.split())[:_WORDS]
    for key in ("error_message", "faultstring", "message"):
        for tree in (said, *said.values()) if isinstance(said, dict) else ():
            if isinstance(tree, dict) and isinstance(tree.get(key), str):
                inner = tree[key]
                return _inner(inner)[:_WORDS]
    return json.dumps(said)[:_WORDS]


def _inner(text: str) -> str:
    try:
        said = json.loads(text)
    except ValueError:
        return text
    return str(said.get("faultstring", text)) if isinstance(said, dict) else text


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:_WORDS]


def write_clouds(access: Access, path: Any) -> None:
    """clouds.yaml for the stock client, 0600."""
    import yaml

    write_private(path, yaml.safe_dump(access.clouds(), sort_keys=False))
