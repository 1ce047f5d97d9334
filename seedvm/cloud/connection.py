"""The cloud behind the VIP for asyncio: the client of `cloud.client` in threads, one request each, that a cancellation leaves behind.

A read or a login that fails by a cause that may pass (silence, HTTP 503) is repeated for a minute, and the journal says so. It refuses
to hold more policy than that, and to repeat anything that changes something.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from seedvm.base.files import write_private
from seedvm.base.item import Item
from seedvm.base.secret import Secret
from seedvm.base.waiting import TROUBLE_SECONDS, wait_out
from seedvm.cloud.client import Client, Login
from seedvm.cloud.probe import probe
from seedvm.cloud.reply import Refused, Unreachable
from seedvm.services.load import installed

if TYPE_CHECKING:
    from seedvm.cloud.session import Upload

__all__ = ["Cloud", "CloudAccess", "Refused", "Unreachable", "write_clouds"]

T = TypeVar("T")

REGION = "RegionOne"
_SECONDS = 60.0
_KNOCK_SECONDS = 1.5


@dataclass(frozen=True)
class CloudAccess:
    """Who logs in where. `vip` is a bare address."""

    vip: str
    password: Secret
    user: str = "admin"
    project: str = "admin"

    @property
    def auth_url(self) -> str:
        return f"http://{self.vip}:{installed().ports['keystone']}/v3"

    def clouds(self) -> dict[str, object]:
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
    """One login at the VIP. See `Client` for services, paths and errors; `patience` is how many seconds of trouble a read waits out."""

    def __init__(self, access: CloudAccess, *, patience: float = TROUBLE_SECONDS) -> None:
        self.access = access
        self._patience = patience
        login = Login(access.vip, password=access.password, user=access.user, project=access.project)
        self._client = Client(access.vip, login, _SECONDS)

    async def get(self, service: str, path: str) -> Item:
        """The object that a GET answers with. Trouble is waited out: a proxy that takes a new list says nothing for a moment."""
        return await self._read(lambda client: client.get(service, path))

    async def find(self, service: str, path: str) -> Item | None:
        """As `get`, but None for a 404."""
        return await self._read(lambda client: client.find(service, path))

    async def list_all(self, service: str, path: str, key: str) -> tuple[Item, ...]:
        """The list under `key`, to its last page; trouble is waited out."""
        return await self._read(lambda client: client.list_all(service, path, key))

    async def send(self, method: str, service: str, path: str, body: object = None) -> Item:
        """A request that changes something, and the object that it answers with."""
        return await self._change(lambda client: client.send(method, service, path, body))

    async def delete(self, service: str, path: str) -> None:
        """Delete; what is not there counts as deleted."""
        await self._change(lambda client: client.delete(service, path))

    async def upload(self, service: str, path: str, file: Upload, *, seconds: float) -> None:
        """Stream a file to a service."""
        await self._change(lambda client: client.upload(service, path, file), seconds)

    async def answers(self) -> bool:
        """Whether somebody at the VIP accepts our login: true of our own cloud only."""
        knock = await in_thread(
            lambda: probe(self.access.vip, installed().ports["keystone"], "/v3", seconds=_KNOCK_SECONDS)
        )
        if not knock.good:
            return False
        try:
            await self._run(lambda client: client.login.session())
        except Unreachable:
            return False
        return True

    async def _read(self, work: Callable[[Client], T]) -> T:
        return await wait_out(lambda: self._run(work), seconds=self._patience)

    async def _change(self, work: Callable[[Client], T], seconds: float = _SECONDS) -> T:
        """Once, but for the login before it: nothing was sent to the service while Keystone was silent."""
        await self._read(lambda client: client.login.session())
        return await self._run(work, seconds)

    async def _run(self, work: Callable[[Client], T], seconds: float = _SECONDS) -> T:
        client = replace(self._client, timeout=seconds, stop=threading.Event())
        try:
            return await in_thread(lambda: work(client))
        finally:
            client.stop.set()


async def in_thread(work: Callable[[], T]) -> T:
    """`work` in a thread of its own. Who is cancelled does not wait for it, and neither does the end of the program: asyncio's own
    threads hold both until the last of them is done. What it returns or raises then is nobody's."""
    done: Future[T] = Future()

    def run() -> None:
        done.set_running_or_notify_cancel()
        try:
            done.set_result(work())
        except BaseException as error:  # it is raised where the work was asked for
            done.set_exception(error)

    threading.Thread(target=run, daemon=True, name="cloud").start()
    return await asyncio.wrap_future(done)


def write_clouds(access: CloudAccess, path: Path) -> None:
    """clouds.yaml for the stock client, 0600."""
    import yaml

    write_private(path, yaml.safe_dump(access.clouds(), sort_keys=False))
