"""The boot MAC of every machine, without typing it: from Redfish, or from the machine's own DHCP request.

Runs after the credentials. Powers on only dark machines whose account was proven, and only where the site allows it by
`bmc.learn_mac_by_power_on`: all at once those whose request is told by its UUID, then one at a time those of which the BMC tells no UUID
that is theirs alone. What was powered on is powered off again. Refuses doubtful matches, and MACs that two machines claim.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import ClassVar

from seedvm.base.addresses import parse
from seedvm.base.errors import SeedvmError
from seedvm.bmc.boot_mac import Alone, BootRequests, Ear, IpmiSwitch, RedfishSwitch, Switch, learn, learn_alone
from seedvm.bmc.clients import BmcPorts, opens
from seedvm.bmc.ipmi import IpmiBmc
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.power import PowerState, settled
from seedvm.bmc.rate_limit import RateLimit
from seedvm.bmc.redfish import RedfishBmc
from seedvm.engine.stages import Stage
from seedvm.engine.step import Context, Done, Report, Todo, Verdict
from seedvm.machines import inventory
from seedvm.machines.each import MachineRemark, each
from seedvm.machines.inventory import KnownMachine
from seedvm.scan.sniff import match_machine, sniff_dhcp
from seedvm.scan.sweep import USUAL_PORTS, Ports
from seedvm.site.accounts import Candidate
from seedvm.site.secrets_file import load_proven
from seedvm.wire.dhcp import Dhcp
from seedvm.wire.rmcp import guid_readings

UNKNOWN = "its boot MAC"
UNLEARNED = f"{UNKNOWN} could not be learned"
UNTRIED = f"{UNKNOWN} is unknown, and"
TYPE_IT = "add its MAC under `machines` in site.yaml"
ALLOW_IT = f"set bmc.learn_mac_by_power_on in site.yaml, or {TYPE_IT}"
FREE_IT = f"make sure that it is not in use, power it off and run again, or {TYPE_IT}"
BY_UUID = "DHCP request with the BMC's UUID (option 97)"
BY_POWER = "DHCP request while only this machine was powered on, twice"
ALONE = Alone()
AT_ONCE = 64
OURS_SECONDS = 1800.0  # a run that is not killed powers a machine off after a third of it
PC_BIOS, ARM64 = (0, 20), (11, 19)


class BootMacStep:
    """Every usable machine has a boot MAC that is certain, or a reason why not."""

    name: ClassVar[str] = "boot-mac"
    title: ClassVar[str] = "Learn the boot MACs"
    stage: ClassVar[Stage] = "credentials"
    usual_seconds: ClassVar[float] = 40.0

    def __init__(self, context: Context, *, ports: Ports = USUAL_PORTS, alone: Alone = ALONE) -> None:
        self._state_dir = context.state_dir
        self._secrets_file = context.state_dir / "secrets.yaml"
        self._interface = context.site.seed.interface
        self._site = context.site
        self._allowed = context.site.bmc.learn_mac_by_power_on
        self._ports = ports
        self._alone = alone
        self._pace = RateLimit(context.state_dir)
        self._looked_at: set[str] = set()  # in this run: what was put aside then is looked at again by the next one

    async def check(self) -> Verdict:
        known = inventory.load(self._state_dir)
        if not known.machines:
            return Todo("no BMC is known yet")
        waiting = [one.bmc for one in known.machines if self._waits(one)]
        if waiting:
            return Todo(f"boot MAC not known yet: {', '.join(waiting)}")
        return Done({one.bmc: f"{one.boot_mac} ({one.boot_mac_source})" for one in known.machines if one.boot_mac})

    async def apply(self, report: Report) -> None:
        for machine in inventory.load(self._state_dir).machines:
            if self._typed(machine):
                self._take(machine)
        known = inventory.load(self._state_dir).machines
        guids = {one.bmc: raw for one in known if guid_readings(raw := raw_guid(one))}
        waiting = [one for one in known if self._waits(one)]
        self._looked_at |= {one.bmc for one in waiting}
        switches = await self._dark(waiting, report)
        by_uuid = {bmc: switch for bmc, switch in switches.items() if own_uuid(bmc, guids)}
        if by_uuid:
            await self._learn_by_uuid(by_uuid, guids, report)
        for bmc in [one for one in switches if one not in by_uuid]:
            await self._learn_alone(bmc, switches[bmc], guids, report)
        self._contradictions(report)

    async def _learn_by_uuid(self, switches: dict[str, Switch], guids: dict[str, bytes], report: Report) -> None:
        """All at once: each request says whose it is."""
        heard = BootRequests()
        requests: dict[str, Dhcp] = {}

        def on_request(request: Dhcp) -> None:
            machine = match_machine(request, guids)
            if machine in switches:
                requests.setdefault(request.mac, request)
                heard.hear(machine, request.mac)

        async def ended(machine: str, mac: str | None, why: str) -> None:
            if mac is None:
                self._unfit(machine, f"{UNLEARNED}: {why}", report)
            else:
                self._learned(machine, requests[mac], BY_UUID, report)

        until = learn(switches, heard, mark=self._mark, ended=ended, seconds=self._alone.seconds)
        await sniff_dhcp(self._interface, until=until, on_request=on_request)

    async def _learn_alone(self, bmc: str, switch: Switch, guids: dict[str, bytes], report: Report) -> None:
        """One machine, and nothing else is powered meanwhile."""
        ear = Ear()
        requests: dict[str, Dhcp] = {}
        machines = inventory.load(self._state_dir).machines
        others = {one.boot_mac.lower() for one in machines if one.boot_mac and one.bmc != bmc}

        def on_request(request: Dhcp) -> None:
            if match_machine(request, guids) in (None, bmc):
                requests[request.mac] = request
                ear.hear(request.mac)

        async def work(bmc: str) -> None:
            mac, why = await learn_alone(switch, ear, others, self._alone, partial(self._mark, bmc))
            if mac is None:
                self._unfit(bmc, f"{UNLEARNED}: {why}", report)
            else:
                self._learned(bmc, requests[mac], BY_POWER, report)

        async def fell(bmc: str, remark: MachineRemark) -> None:
            self._unfit(bmc, f"{UNLEARNED}: {remark.reason}", report)

        report.log(
            "its BMC reports no unique UUID: it is powered on alone, twice, to detect its DHCP request", node=bmc
        )
        await sniff_dhcp(self._interface, until=each([bmc], work, fell, where=self.name), on_request=on_request)

    def _learned(self, bmc: str, request: Dhcp, source: str, report: Report) -> None:
        """Note the MAC and what the request says of the firmware."""
        values: dict[str, str | None] = {"boot_mac": request.mac, "boot_mac_source": source, "power": "off"}
        known = inventory.load(self._state_dir).machine(bmc)
        if known and (known.unfit_reason or "").startswith(UNTRIED):
            values |= {"unfit_reason": None, "cure": None}
        inventory.change(self._state_dir, bmc, **values, boot_mode=boot_mode(request.architecture))
        report.log(f"boot MAC {request.mac} from its own DHCP request", node=bmc)
        if request.architecture in ARM64:
            self._unfit(
                bmc,
                f"its firmware reports ARM64 (option 93: {request.architecture}), but the image is for x86_64",
                report,
            )

    def _mark(self, bmc: str, on: bool) -> None:
        inventory.change(self._state_dir, bmc, powered_by_us=on, powered_at=time.time() if on else None)

    def _contradictions(self, report: Report) -> None:
        """A MAC that two machines claim is nobody's."""
        machines = [one for one in inventory.load(self._state_dir).machines if one.usable and one.boot_mac]
        for one in machines:
            others = [other.bmc for other in machines if other.bmc != one.bmc and other.boot_mac == one.boot_mac]
            if others:
                self._unfit(one.bmc, f"{UNKNOWN} {one.boot_mac} is also claimed by {', '.join(others)}", report)

    def _waits(self, machine: KnownMachine) -> bool:
        """Whether this machine still needs its MAC, or was left powered on by a run that was killed. One that an earlier run put aside
        before it was powered on is looked at once in this one: it may be dark by now."""
        if self._typed(machine):
            return True
        if machine.bmc in self._looked_at or machine.silent:
            return False
        untried = machine.proven_user is not None and (machine.unfit_reason or "").startswith(UNTRIED) and self._allowed
        return machine.powered_by_us or ((machine.usable or untried) and machine.boot_mac is None)

    def _typed(self, machine: KnownMachine) -> bool:
        """Whether the operator wrote a MAC that the inventory does not have yet."""
        said = self._site.machine(machine.bmc).mac
        return said is not None and said != machine.boot_mac

    def _take(self, machine: KnownMachine) -> None:
        values: dict[str, str | None] = {
            "boot_mac": self._site.machine(machine.bmc).mac,
            "boot_mac_source": "site.yaml",
        }
        if (machine.unfit_reason or "").startswith(UNKNOWN):
            values |= {"unfit_reason": None, "cure": None}
        inventory.change(self._state_dir, machine.bmc, **values)

    async def _dark(self, machines: list[KnownMachine], report: Report) -> dict[str, Switch]:
        """The machines that may be powered on; for the others the reason is noted."""
        proven = load_proven(self._secrets_file)
        switches: dict[str, Switch] = {}

        async def one(machine: KnownMachine) -> None:
            pair = proven.get(machine.bmc)
            switch = self._switch(machine, pair) if pair else None
            reason, cure = f"{UNTRIED} powering it on to detect the MAC is not allowed", ALLOW_IT
            if pair and switch and (self._allowed or machine.powered_by_us):
                busy = await self._busy(machine, pair, switch, report)
                reason, cure = (f"{UNTRIED} {busy}", FREE_IT) if busy else (reason if not self._allowed else "", cure)
            if machine.boot_mac is None and reason:
                self._unfit(machine.bmc, reason, report, cure)
            elif machine.boot_mac is None and switch:
                switches[machine.bmc] = switch

        async def fell(machine: KnownMachine, remark: MachineRemark) -> None:
            reason = f"{UNTRIED} its power state cannot be read: {remark.reason}"
            self._unfit(machine.bmc, reason, report, f"{remark.cure}, or {TYPE_IT}")

        await each(machines, one, fell, where=self.name, at_once=AT_ONCE)
        return {one.bmc: switches[one.bmc] for one in machines if one.bmc in switches}

    async def _busy(self, machine: KnownMachine, pair: Candidate, switch: Switch, report: Report) -> str:
        """Why a machine must not be started, empty where it is dark; one that a killed run of ours left on a moment ago is
        switched off first, and after `OURS_SECONDS` it may be somebody's. The
        first login is a counted one: what follows it is sent only with a pair that has just opened the BMC."""
        old_tls = self._site.bmc.allow_old_tls
        ports = BmcPorts(self._ports.ipmi, self._ports.redfish, self._ports.redfish_clear or 80, old_tls)
        if not await opens(machine, pair, Ledger(self._state_dir), self._pace, ports):
            cure = "add the correct password to the candidates in secrets.yaml and run again"
            raise SeedvmError("the BMC no longer accepts the account", machine=machine.bmc, hint=cure)
        seen = await settled(switch.power, self._alone.power)
        doubt = ""
        if seen.state is PowerState.ON and machine.powered_by_us:
            doubt = not_ours(machine.powered_at, time.time())
            if not doubt:
                await switch.stop()
                seen = await switch.power()
        if seen.steady:
            self._mark(machine.bmc, False)  # off again, or somebody else's
        inventory.change(self._state_dir, machine.bmc, power=seen.noted)
        if doubt:
            report.log(f"{seen.objection}: {doubt}; it is left on", node=machine.bmc)
        return f"{seen.objection}: {doubt}" if doubt else seen.objection

    def _switch(self, machine: KnownMachine, pair: Candidate) -> Switch:
        mark = partial(self._mark, machine.bmc, True)
        if machine.driver == "redfish" and machine.redfish_system:
            tls = (machine.redfish_url or "https:").startswith("https:")
            port = self._ports.redfish if tls else self._ports.redfish_clear or 80
            make = partial(RedfishBmc, machine.bmc, pair.user, pair.password, port=port, tls=tls)
            old_tls = parse(machine.bmc) in self._site.bmc.allow_old_tls
            return RedfishSwitch(make(pin=machine.certificate, old_tls=old_tls), machine.redfish_system, mark)
        ipmi = IpmiBmc(machine.bmc, pair.user, pair.password, port=self._ports.ipmi, old=machine.old_ipmi)
        return IpmiSwitch(ipmi, self._pace, mark)

    def _unfit(self, bmc: str, reason: str, report: Report, cure: str = TYPE_IT) -> None:
        inventory.change(self._state_dir, bmc, unfit_reason=reason, cure=cure)
        report.node(bmc, "unfit", detail=f"{reason}. To fix: {cure}")


def not_ours(powered_at: float | None, now: float) -> str:
    """Why a machine that a killed run powered on at `powered_at` must not be powered off `now`, empty where it may be: nobody else can
    have taken it over in so short a time. A clock that went back, and a mark without a time, say nothing."""
    if powered_at is None:
        return "an earlier run powered it on, it is not known when, and it may be in use since"
    if 0 <= now - powered_at <= OURS_SECONDS:
        return ""
    when = datetime.fromtimestamp(powered_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"an interrupted run powered it on at {when}, and it may be in use since"


def own_uuid(bmc: str, guids: Mapping[str, bytes]) -> bool:
    """Whether the BMC tells a UUID that can be no other machine's, whatever order its bytes are in."""
    own = set(guid_readings(guids.get(bmc, b"")))
    return bool(own) and not any(own & set(guid_readings(raw)) for other, raw in guids.items() if other != bmc)


def boot_mode(architecture: int | None) -> str | None:
    """What a client's architecture (RFC 4578 section 2.1, and IANA's list of it) says of its firmware."""
    if architecture is None:
        return None
    return "bios" if architecture in PC_BIOS else "uefi"


def raw_guid(machine: KnownMachine) -> bytes:
    """The 16 bytes by which the machine's DHCP request can be told: the system's UUID, else the BMC's GUID."""
    if machine.uuid:
        try:
            return uuid.UUID(machine.uuid).bytes
        except ValueError:
            return b""
    return bytes.fromhex(machine.guid) if machine.guid else b""
