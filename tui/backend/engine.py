"""Between engine and screen: follows the state folder, starts the engine as its own process, writes what the operator decided.

With `watch` and `bundle` the only module of the screen that touches files, and the only one that starts a process. It refuses to
run a step, to read the journal for deciding anything, and to write `confirmed.json` without the typed name. File work is done in
threads, so that nothing waits on the event loop, and the engine outlives the screen.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_atomic
from seedvm.base.nics import SYS_NET, SystemNic, nics
from seedvm.base.secret import Secret
from seedvm.engine.lock import engine_pid
from seedvm.engine.state import MachineFailure
from seedvm.scan.evidence import Bmc
from seedvm.scan.listen import Neighbour
from seedvm.scan.run import Cost, Plan, ScanEnd, cost, scan
from seedvm.site import doubts, orders
from seedvm.site.accounts import Candidate
from seedvm.site.doubts import Doubt
from seedvm.site.load import load_site
from seedvm.site.model import BmcSite
from seedvm.site.review import confirmation
from seedvm.site.secrets_file import load_candidates, store_candidates
from tui.backend import site_form
from tui.backend.listen import hear, overhear
from tui.backend.refusal import refusal
from tui.backend.seed_checks import IMAGES_DIR, Look, images_to_come, looks
from tui.backend.site_bundle import recovery_key, save_site
from tui.backend.support_bundle import gather, secrets_in, write_bundle
from tui.state.acknowledged import acknowledge
from tui.state.watcher import FolderWatch, View

UNIT = "seedvm-engine.service"
_APPLIANCE = Path("/var/lib/seedvm")
_UNIT_FOLDERS = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_POLL_SECONDS = 0.25
_BEGIN_SECONDS = 60.0
_UNDO_SECONDS = 300.0
BLINK_SECONDS, _BLINK_LIMIT = 30, 90.0  # how long a machine's light blinks, and how much longer its BMC may take


class EngineClient:
    """One site's state folder. `images_dir` is handed to the engine where this screen starts it without its unit; `sys_net` is where
    the kernel tells of NICs. `page` and `caption` lead through a tour, and are empty everywhere else."""

    def __init__(self, state_dir: Path, images_dir: Path | None = None, sys_net: Path = SYS_NET) -> None:
        self.state_dir = state_dir
        self.images_dir = images_dir
        self.sys_net = sys_net
        self.view = View()
        self.page = self.caption = ""
        self._watch = FolderWatch(state_dir)
        self._child: process.Child | None = None

    def adopt_site(self, site_file: Path) -> None:
        """Take a site file as this folder's site. Raises SeedvmError where another site is there already."""
        ours = self.state_dir / "site.yaml"
        text = site_file.read_text()
        if ours.exists() and ours.read_text() != text:
            raise SeedvmError(
                f"{ours} already exists and differs from {site_file}",
                why="a state folder holds one site",
                hint="use --state-dir with another folder, or remove the old state folder",
            )
        self._write_site(text)

    async def follow(self) -> AsyncIterator[View]:
        """Views: the first at once, then one whenever something has changed; never ends by itself."""
        first = True
        while True:
            fresh, more = await asyncio.to_thread(self._look)
            if first or fresh != self.view:
                first, self.view = False, fresh
                yield fresh
            if not more:
                await asyncio.sleep(_POLL_SECONDS)

    def _look(self) -> tuple[View, bool]:
        view, more = self._watch.look()
        if self._child is not None and self._child.poll() is None:
            return replace(view, running=True), more
        return replace(view, notice=view.notice or self._last_words(view)), more

    def _last_words(self, view: View) -> str:
        """What an engine said that we started and that ended in error before it could write its journal."""
        if self._child is None or view.running or self._child.returncode == 0 or view.state.failure is not None:
            return ""
        return f"the engine exited: {self._log_end()}"

    def _log_end(self) -> str:
        try:
            lines = (self.state_dir / "engine.log").read_text(errors="replace").strip().splitlines()
        except FileNotFoundError:
            lines = []
        code = self._child.returncode if self._child is not None else None
        return " ".join(line.strip() for line in lines[-3:]) or f"exit code {code}, no output"

    async def start_engine(self) -> None:
        """Start the engine unless one is at work, and see it begin. Raises SeedvmError with its last words where it does not."""
        if self.view.owned:
            raise SeedvmError(
                "No engine is started here",
                why="this machine is a controller of the undercloud, which owns the site",
                hint="see its state with seedvm top",
            )
        ours = self._child is not None and self._child.poll() is None
        if ours or await asyncio.to_thread(engine_pid, self.state_dir) is not None:
            return
        before = await asyncio.to_thread(self._journal_size)
        words = await asyncio.to_thread(self._unit_words)
        if words:
            await process.arun(["systemctl", "reset-failed", UNIT], timeout=20, check=False)
            await process.arun(words, timeout=20)
        else:
            self._child = await asyncio.to_thread(self._spawn)
        try:
            async with asyncio.timeout(_BEGIN_SECONDS):
                await self._see_it_begin(before, by_unit=bool(words))
        except TimeoutError:
            if await asyncio.to_thread(images_to_come, self.images_dir or IMAGES_DIR):
                raise SeedvmError(
                    "The engine is waiting for the images",
                    why="this machine is still assembling them from its own disk",
                    hint="no action needed: it starts automatically; the preflight page (F2) shows the progress",
                ) from None
            raise SeedvmError(
                "The engine did not start",
                why=f"it took no lock and wrote no journal within {_BEGIN_SECONDS:.0f} s",
                hint=f"run: systemctl status {UNIT}",
            ) from None

    async def _see_it_begin(self, before: int, *, by_unit: bool) -> None:
        while not await self._begun(before):
            if await self._gone(by_unit) and not await self._begun(before):
                why = await self._said(by_unit)
                raise SeedvmError(
                    "The engine did not start", why=why, hint="fix the cause, then start the engine again"
                )
            await asyncio.sleep(_POLL_SECONDS)

    async def _begun(self, before: int) -> bool:
        return await asyncio.to_thread(lambda: engine_pid(self.state_dir) is not None or self._journal_size() != before)

    async def _gone(self, by_unit: bool) -> bool:
        if not by_unit:
            return self._child is None or self._child.poll() is not None
        shown = await process.arun(["systemctl", "is-failed", UNIT], timeout=20, check=False)
        return shown.stdout.strip() == "failed"

    async def _said(self, by_unit: bool) -> str:
        if not by_unit:
            return await asyncio.to_thread(self._log_end)
        shown = await process.arun(
            ["journalctl", "--unit", UNIT, "--lines", "6", "--output", "cat"], timeout=20, check=False
        )
        return " ".join(shown.stdout.split())

    def _journal_size(self) -> int:
        try:
            return (self.state_dir / "journal.jsonl").stat().st_size
        except FileNotFoundError:
            return 0

    def _unit_words(self) -> list[str]:
        # The appliance's unit works on the appliance's folder; elsewhere systemd makes one for this run; without systemd none.
        if not Path("/run/systemd/system").is_dir() or os.geteuid() != 0:
            return []
        if any(Path(folder, UNIT).exists() for folder in _UNIT_FOLDERS):
            return ["systemctl", "start", "--no-block", UNIT] if self.state_dir == _APPLIANCE else []
        return ["systemd-run", "--no-block", "--collect", f"--unit={UNIT}", *self._engine_words()]

    def _engine_words(self) -> list[str]:
        images = ["--images-dir", str(self.images_dir)] if self.images_dir else []
        return [sys.executable, "-m", "seedvm", "run", "--state-dir", str(self.state_dir.absolute()), *images]

    def _spawn(self) -> process.Child:
        log = self.state_dir / "engine.log"
        log.unlink(missing_ok=True)
        return process.spawn(self._engine_words(), log=log)

    async def accept(self, typed: str) -> tuple[Doubt, ...]:
        """Keep the operator's word on the doubt of that name; gives those that are open still. Raises SeedvmError where none has it."""
        shown = self.view.receipt
        listed = shown.open if shown is not None else ()
        who, attempt = getpass.getuser(), shown.attempt if shown is not None else ""
        await asyncio.to_thread(doubts.accept, self.state_dir, listed, typed, by=who, attempt=attempt)
        return tuple(one for one in listed if one.name != typed)

    async def confirm(self, typed: str) -> None:
        """Write `confirmed.json` for the review that is shown. Raises SeedvmError on a wrong name."""
        if self.view.review is None:
            raise SeedvmError(
                "Nothing to confirm", why="the engine has not written a review yet", hint="start the engine"
            )
        text = confirmation(self.view.review, typed, datetime.now(UTC).isoformat(timespec="seconds"))
        await asyncio.to_thread(write_atomic, self.state_dir / "confirmed.json", text)

    async def undo(self, typed: str) -> str:
        """Take the hand-off back by `seedvm handoff undo`, which stops the engine; what it says of it. Raises SeedvmError on a wrong name,
        and where it is refused."""
        site = self.view.state.site
        if typed.strip() != site:
            raise SeedvmError("Not undone", why=f"the site's name is {site}", hint="type it exactly, or press Esc")
        command = [sys.executable, "-m", "seedvm", "handoff", "undo", "--json"]
        words = [*command, "--state-dir", str(self.state_dir.absolute())]
        done = await process.arun(words, timeout=_UNDO_SECONDS, check=False)
        if done.returncode != 0:
            raise refusal(done, "Not undone")
        return str(json.loads(done.stdout)["summary"])

    async def blink(self, bmc: str) -> None:
        """Blink a machine's location light by `seedvm bmc blink`, until it stops by itself. Raises SeedvmError where it does not blink."""
        command = [sys.executable, "-m", "seedvm", "bmc", "blink", bmc, "--json", "--seconds", str(BLINK_SECONDS)]
        words = [*command, "--state-dir", str(self.state_dir.absolute())]
        done = await process.arun(words, timeout=BLINK_SECONDS + _BLINK_LIMIT, check=False)
        if done.returncode != 0:
            raise refusal(done, "The light does not blink")

    async def save_site(self, file: str, passphrase: Secret, again: Secret) -> str:
        """Write the site's bundle by what was typed; what came of it in words. Raises SeedvmError where nothing is written."""
        return await asyncio.to_thread(save_site, self.state_dir, file, passphrase, again)

    async def recovery_key(self) -> str:
        """In groups, for paper. Raises SeedvmError where the site has none yet."""
        return await asyncio.to_thread(recovery_key, self.state_dir)

    async def seed_checks(self) -> tuple[Look, ...]:
        """What can be seen of the seed itself, right now."""
        images = self.view.state.step("images")
        stored = images is not None and images.state == "done"
        return await asyncio.to_thread(lambda: looks(self.images_dir, nics(self.sys_net), stored=stored))

    async def overhear(self, tell: Callable[[str, str], None]) -> None:
        """Listen a minute on every NIC with a link; `tell` gets NIC and what was heard. Raises SeedvmError where that is not allowed."""
        with_link = await asyncio.to_thread(lambda: [nic.name for nic in nics(self.sys_net) if nic.link])
        await overhear(with_link, tell)

    async def order(self, order: orders.Order) -> None:
        """Write an order for one node; the engine's deploy step obeys it."""
        await asyncio.to_thread(orders.give, self.state_dir, order)

    async def acknowledge(self, failures: Sequence[MachineFailure]) -> None:
        """Keep that the operator has read these."""
        await asyncio.to_thread(acknowledge, self.state_dir, failures)

    async def may_drop(self, node: str) -> None:
        """Raise SeedvmError where the undercloud cannot do without this node."""
        await asyncio.to_thread(lambda: orders.refuse_too_few(load_site(self.state_dir / "site.yaml"), node))

    async def drop(self, node: str, typed: str) -> None:
        """Write into site.yaml that the undercloud does without a node. Raises SeedvmError on a wrong name or too few left."""
        await asyncio.to_thread(lambda: self._write_site(orders.without(self._site_text(), node, typed)))

    async def site_values(self) -> tuple[dict[str, str], tuple[SystemNic, ...]]:
        """The form's values from site.yaml as it is, and the seed's NICs."""
        return await asyncio.to_thread(lambda: (site_form.from_text(self._site_text()), nics(self.sys_net)))

    async def wrong(self, values: Mapping[str, str]) -> dict[str, str]:
        """What would be wrong with site.yaml with these values in it, by the field's key; what is about no field is under ''."""
        return await asyncio.to_thread(lambda: site_form.problems(site_form.to_text(values, self._site_text())))

    async def write_site(self, values: Mapping[str, str]) -> None:
        """Write site.yaml from the form's values; keys the form does not know stay."""
        await asyncio.to_thread(lambda: self._write_site(site_form.to_text(values, self._site_text())))

    async def write_roles(self, roles: Mapping[str, str]) -> None:
        """Write what the operator says of machines, by BMC address, into site.yaml; an empty role says nothing."""
        await asyncio.to_thread(lambda: self._write_site(site_form.with_roles(self._site_text(), roles)))

    async def write_place(self, bmc: str, typed: str) -> None:
        """Write where a machine stands into site.yaml. Raises SeedvmError where what was typed is no place, or another machine is there."""
        await asyncio.to_thread(lambda: self._write_site(site_form.with_place(self._site_text(), bmc, typed)))

    async def roles(self) -> dict[str, str]:
        """What site.yaml says of machines, by BMC address."""
        return await asyncio.to_thread(lambda: site_form.roles_of(self._site_text()))

    async def listen_nics(self) -> tuple[tuple[str, ...], BmcSite | None]:
        """The NICs to listen on for BMCs and where the site allows one; while there is no right site each NIC with a link, and None."""
        return await asyncio.to_thread(self._listen_nics)

    def _listen_nics(self) -> tuple[tuple[str, ...], BmcSite | None]:
        try:
            site = load_site(self.state_dir / "site.yaml")
        except SeedvmError:
            return tuple(nic.name for nic in nics(self.sys_net) if nic.link), None
        return tuple(dict.fromkeys((site.seed.bmc_nic, *site.bmc.link_local))), site.bmc

    async def listen(self, names: Sequence[str], on_heard: Callable[[str, Neighbour], None], seconds: float) -> None:
        """Hear who speaks on these NICs; nothing is sent. Raises SeedvmError where that is not allowed."""
        await hear(names, on_heard, seconds)

    async def scan_cost(self) -> Cost:
        """What a scan of the site's ranges would send, before it is started. Raises SeedvmError without a right site.yaml."""
        return await cost(Plan(await self._ranges()))

    async def scan(self, on_found: Callable[[Bmc], None]) -> ScanEnd:
        """Scan the site's ranges; no password is sent."""
        plan = Plan(await self._ranges())
        return await scan(plan, on_found=on_found, deadline=(await cost(plan)).seconds * 3 + 30)

    async def _ranges(self) -> tuple[str, ...]:
        site = await asyncio.to_thread(load_site, self.state_dir / "site.yaml")
        return site.bmc.targets

    def _site_text(self) -> str:
        path = self.state_dir / "site.yaml"
        return path.read_text() if path.exists() else ""

    def _write_site(self, text: str) -> None:
        self.state_dir.mkdir(parents=True, exist_ok=True)
        write_atomic(self.state_dir / "site.yaml", text)

    async def candidates(self) -> tuple[Candidate, ...]:
        """The BMC accounts in secrets.yaml."""
        return await asyncio.to_thread(load_candidates, self.state_dir / "secrets.yaml")

    async def store_candidates(self, candidates: tuple[Candidate, ...]) -> None:
        """Write the BMC accounts into secrets.yaml (0600), whose other keys stay."""

        def store() -> None:
            self.state_dir.mkdir(parents=True, exist_ok=True)
            store_candidates(self.state_dir / "secrets.yaml", candidates)

        await asyncio.to_thread(store)

    async def bundle(self) -> Path:
        """Write a support bundle into the state folder and give its path. Raises SeedvmError where it would hold a secret."""
        texts = await gather(self.state_dir)
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        path = self.state_dir / f"seedvm-bundle-{stamp}.tar.gz"
        secrets = await asyncio.to_thread(secrets_in, self.state_dir / "secrets.yaml")
        await asyncio.to_thread(write_bundle, path, texts, secrets)
        return path
