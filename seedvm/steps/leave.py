"""leave: the seed leaves Galera for good, its rows are cleaned up, its secrets are wiped and the wipe is checked, it goes off.

Nothing begins without a receipt that says that the seed may leave. The seed's own powering off is the last act of the deployment; a seed
that is started again afterwards finds nothing to do.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.base.typed_json import decode, encode
from seedvm.base.waiting import wait_for
from seedvm.cloud.connection import CloudAccess, in_thread, write_clouds
from seedvm.controller import units
from seedvm.controller.boot import booted
from seedvm.engine.stages import Stage
from seedvm.engine.step import Blocked, Done, Report, Todo, Verdict
from seedvm.handoff import kept, services
from seedvm.handoff.members import Members, NodeAnswers
from seedvm.handoff.wipe import FOLDERS, SecretSweep, holds_anything
from seedvm.member import verbs
from seedvm.member.leave import CleanupRequest
from seedvm.services.load import installed
from seedvm.site import receipt, sealed
from seedvm.site.secrets_file import load_secrets

_VIEW_SECONDS = 60.0
A = TypeVar("A")
_OFF_UNIT = "seedvm-off"
_OFF_SECONDS = 5.0
_OFF_FILE = "seed-off"


def allowed(members: Members) -> Blocked | None:
    """What keeps the seed from leaving, or None."""
    if not (members.state_dir / receipt.FILE).exists():
        return Blocked("there is no receipt", "complete the hand-off first")
    try:
        said = receipt.trusted(members.state_dir, members.site.name)
    except SeedvmError as error:
        return Blocked(error.what, error.hint)
    return None if said.may_leave else Blocked(said.verdict, said.hint)


def expected(members: Members, heard: NodeAnswers[A]) -> NodeAnswers[A]:
    """What was heard, if only those controllers are silent on which the receipt has the operator's word."""
    said = receipt.trusted(members.state_dir, members.site.name)
    named = {one.machine for one in said.doubts if one.name.startswith("silent-")}
    if lost := sorted({*heard.silent} - named):
        raise SeedvmError(
            "the seed does not leave while a controller is silent",
            machine=lost[0],
            why=heard.silent[lost[0]],
            hint="bring it back, or run again: the receipt then asks for your word on it",
        )
    return heard


@dataclass(frozen=True)
class LeaveCluster:
    """Galera is the nodes' alone, and no service lists the seed."""

    members: Members
    view_seconds: float = _VIEW_SECONDS
    name: ClassVar[str] = "leave-cluster"
    title: ClassVar[str] = "Remove the seed from the cluster"
    stage: ClassVar[Stage] = "leave"
    usual_seconds: ClassVar[float] = 15

    async def check(self) -> Verdict:
        if blocked := allowed(self.members):
            return blocked
        if await units.active(installed().units("database")):
            return Todo("the seed's database is still a member of the cluster")
        if wrong := await self._wrong():
            return Todo(wrong)
        api = await self.members.login()
        if lists := await in_thread(lambda: services.known(api, self.members.seed.name)):
            return Todo(f"{', '.join(lists)} still list the seed")
        return Done({"members": len(self.members.nodes), "status": "Primary", "rows_of_the_seed": 0})

    async def apply(self, report: Report) -> None:
        if await units.active(installed().units("database")) and (wrong := await self._wrong(seed=True)):
            raise SeedvmError(
                "the controllers' database cluster is not healthy: the seed stays a member",
                why=wrong,
                hint="on that node: systemctl status mariadb; then run again",
            )
        await units.stop(installed().units("database"), grace=90)
        await units.disable(installed().units("database"))

        async def alone() -> bool:
            if wrong := await self._wrong():
                raise SeedvmError("the cluster is not healthy without the seed yet", why=wrong)
            return True

        await wait_for(
            alone,
            seconds=self.view_seconds,
            what="Galera did not become healthy without the seed",
            hint="on a node: seedvm member status",
        )
        heard = expected(self.members, await self.members.status_most("galera"))
        node = self.members.node(min(heard.said))
        request = CleanupRequest(node.address, self.members.secrets.generated.admin_password, self.members.seed.name)
        removed = await self.members.ask_one(node, verbs.CLEANUP, request, timeout=120)
        report.log(
            "rows of the seed removed: " + ", ".join(f"{count} {kind}" for kind, count in removed.items()),
            node=node.name,
        )

    async def _wrong(self, *, seed: bool = False) -> str:
        """What is not yet as it must be among the nodes; with `seed`, while it is a member still. A node on whose silence the operator
        has given a word may be missing."""
        heard = expected(self.members, await self.members.status_most("galera"))
        most, least = len(self.members.nodes) + seed, len(heard.said) + seed
        for name, said in heard.said.items():
            galera = said.galera
            if galera is None:
                return f"{name}: {said.broken.get('galera', 'no database')}"
            if not galera.healthy or not least <= galera.cluster_size <= most:
                return f"{name}: {galera.state}, {galera.cluster_status}, {galera.cluster_size} members"
        return ""


@dataclass(frozen=True)
class WipeStep:
    """No secret of the site is left on the seed but the operator's own clouds.yaml."""

    members: Members
    name: ClassVar[str] = "wipe"
    title: ClassVar[str] = "Delete the secrets on the seed"
    stage: ClassVar[Stage] = "leave"
    usual_seconds: ClassVar[float] = 15

    async def check(self) -> Verdict:
        if blocked := allowed(self.members):
            return blocked
        if (self.members.state_dir / "secrets.yaml").exists():
            return Todo("the site's secrets are still on the seed")
        left = [str(folder) for folder in FOLDERS if holds_anything(folder)]
        return (
            Todo(f"still there: {', '.join(left)}")
            if left
            else Done({"secrets.yaml": "gone", "kept by design": "clouds.yaml, 0600"})
        )

    async def apply(self, report: Report) -> None:
        """Everything else first, secrets.yaml last: as long as it is there a killed wipe can be told apart from a finished one."""
        journal = {"journal.jsonl": (self.members.state_dir / "journal.jsonl").read_text()}
        expected(self.members, await kept.keep(self.members, journal))
        # As they are now: a password that was changed since the hand-off would be lost with the seed.
        if lacking := await kept.lacking(self.members, journal):
            raise SeedvmError(
                "the controllers do not keep what the seed would wipe", why=", ".join(lacking), hint="run again"
            )
        generated = self.members.secrets.generated
        write_clouds(CloudAccess(self.members.vip, generated.admin_password), self.members.state_dir / "clouds.yaml")
        file = self.members.state_dir / "secrets.yaml"
        now = load_secrets(file)  # as it is: BMC passwords were proven and changed since the engine began
        sweep = SecretSweep.of(now, keep=(self.members.state_dir / "clouds.yaml", file))
        gone = await in_thread(sweep.wipe)
        report.log(f"wiped {len(gone)} files with secrets and {len(FOLDERS)} folders")
        if left := await in_thread(sweep.find):
            raise SeedvmError(
                "secrets remain on the seed",
                why=", ".join(str(path) for path in left[:8]),
                hint="wipe these files manually, then run again",
            )
        report.log("searched the seed again for every secret of the site: none found")
        sealed.forget(self.members.state_dir)
        # What proves the receipt from now on; a receipt of an older seedvm has no such file beside it.
        write_private(self.members.state_dir / receipt.KEY, now.generated.receipt_public_key)
        file.unlink()


@dataclass(frozen=True)
class _Off:
    """The boot in which the seed was ordered to switch itself off."""

    booted: str = ""


@dataclass(frozen=True)
class SeedOff:
    """The seed's machine is powered off, a moment after the engine's last word."""

    members: Members
    name: ClassVar[str] = "seed-off"
    title: ClassVar[str] = "Power off the seed"
    stage: ClassVar[Stage] = "leave"
    usual_seconds: ClassVar[float] = 1

    async def check(self) -> Verdict:
        if blocked := allowed(self.members):
            return blocked
        if self._off_since(booted()):
            return Done({"power": "was off"})
        if await units.active((f"{_OFF_UNIT}.timer",)):
            return Done({"power": f"powers off within {_OFF_SECONDS:g} s"})
        return Todo("the seed is on")

    async def apply(self, report: Report) -> None:
        write_private(self.members.state_dir / _OFF_FILE, json.dumps(encode(_Off(booted()))))
        await process.arun(["systemctl", "disable", "--quiet", "seedvm-engine.service"], timeout=20, check=False)
        await units.timer(_OFF_UNIT, _OFF_SECONDS, ["systemctl", "poweroff"])
        report.log("the seed powers off in a moment; the undercloud runs without it")

    def _off_since(self, now: str) -> bool:
        """Has it been off since it was ordered to switch itself off?"""
        path = self.members.state_dir / _OFF_FILE
        return path.exists() and decode(_Off, json.loads(path.read_text()), str(path)).booted not in ("", now)
