"""The collector of `seedvm top`: what each controller keeps in its file, and what the APIs answer at the VIP. Reads only.

It runs on any controller, for as long as somebody looks, and needs no key but the admin's login that the controller has anyway. It refuses
to wait for who does not answer: a silent part is named, the rest is shown.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.cloud.connection import Cloud, CloudAccess, in_thread
from seedvm.controller import vip as addresses
from seedvm.monitor import model, openstack, peers
from seedvm.monitor.model import ControllerView, MemberSample, Overview, ReceiptView
from seedvm.monitor.sampler import PATH, load
from seedvm.services.load import installed
from seedvm.site import receipt
from seedvm.site.model import Controller, Site
from seedvm.site.secrets_file import load_secrets

READY_PORT = 9200
"""Where `member ready` answers (elements/ready)."""
_PATIENCE_SECONDS = 8.0


@dataclass(frozen=True)
class Collector:
    """Takes overviews of one site. `state_dir` is this controller's folder; `local` are this machine's addresses; `password` is the
    admin's, None where this machine has none: then there is nothing but its own sample."""

    site: Site
    state_dir: Path
    password: Secret | None
    local: frozenset[str]
    samples: Path = PATH
    port: int = READY_PORT

    async def snapshot(self, *, cloud: model.CloudView | None = None) -> Overview:
        """Everything as it is now; with `cloud` the APIs are not asked again."""
        at = time.time()
        members, seen = await asyncio.gather(self._members(), self._cloud() if cloud is None else _given(cloud))
        here = next((one.name for one in members if one.here), "")
        known = tuple(_since(one, members, at) for one in members)
        return Overview(
            site=self.site.name,
            at=at,
            here=here,
            vip=str(self.site.provisioning.vip),
            members=known,
            cloud=seen,
            receipt=self._receipt(),
            services=tuple(installed().apis),
        )

    async def _members(self) -> tuple[ControllerView, ...]:
        return tuple(await asyncio.gather(*map(self._member, self.site.controllers)))

    async def _member(self, one: Controller) -> ControllerView:
        address = str(one.address)
        member = ControllerView(one.name, address, None, here=address in self.local)
        try:
            return replace(member, sample=self._own() if member.here else await self._other(address))
        except SeedvmError as error:
            return replace(member, why=f"{error.what}: {error.why}" if error.why else error.what)

    def _own(self) -> MemberSample:
        sample = load(self.samples)
        if sample is None:
            raise SeedvmError("no samples are kept here")
        return sample

    async def _other(self, address: str) -> MemberSample:
        password = self.password
        if password is None:
            raise SeedvmError("this machine has no admin login to ask it with")
        return await in_thread(lambda: peers.ask(address, self.port, password, seconds=_PATIENCE_SECONDS))

    async def _cloud(self) -> model.CloudView:
        if self.password is None:
            return model.CloudView(silent={"the APIs": "this machine has no admin login"})
        cloud = Cloud(CloudAccess(str(self.site.provisioning.vip), self.password), patience=0.0)
        return await openstack.look(cloud, self.site, seconds=_PATIENCE_SECONDS)

    def _receipt(self) -> ReceiptView:
        if not (self.state_dir / receipt.FILE).exists():
            return ReceiptView()
        try:
            said = receipt.trusted(self.state_dir, self.site.name)
        except SeedvmError as error:
            return ReceiptView(why=error.what)
        return ReceiptView(said.time, said.verdict, said.may_leave, tuple(one.name for one in said.open))


def collector(site: Site, state_dir: Path) -> Collector:
    """The collector of this machine, with the admin's login that it finds here."""
    local = addresses.parse_addresses(process.run(["ip", "-json", "address", "show"], timeout=10).stdout)
    return Collector(site, state_dir, _password(state_dir), local)


def _password(state_dir: Path) -> Secret | None:
    """The admin's, as this controller itself uses it, or as a seed has it."""
    if found := peers.admin_password() or peers.admin_password(state_dir / "clouds.yaml"):
        return found
    if (state_dir / "secrets.yaml").exists():
        return load_secrets(state_dir / "secrets.yaml").generated.admin_password
    return None


def _since(member: ControllerView, members: Sequence[ControllerView], at: float) -> ControllerView:
    """When a silent member went away: what HAProxy knows, which has asked it all the time."""
    if member.sample is not None:
        return member
    seen = [
        sample.at - one.seconds
        for sample in (other.sample for other in members)
        if sample is not None
        for one in sample.backends
        if one.member == member.name and not one.up
    ]
    return replace(member, since=min(seen) if seen else None)


async def _given(cloud: model.CloudView) -> model.CloudView:
    return cloud
