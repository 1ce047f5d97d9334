"""The boot MAC of every machine, without typing it: from Redfish, or from the machine's own DHCP request.

Runs after the credentials. Powers on only dark machines whose account was proven, and only where the site allows it by
`bmc.learn_mac_by_power_on`; what was powered on is powered off again. Refuses doubtful matches.
"""

from __future__ import annotations

import uuid
from functools import partial

from seedvm import inventory
from seedvm.bmc.bootmac import LEARN_SECONDS, Heard, IpmiSwitch, RedfishSwitch, Switch, learn
from seedvm.bmc.ipmi import IpmiBmc
from seedvm.bmc.redfish import RedfishBmc
from seedvm.errors import SeedvmError
from seedvm.inventory import Machine
from seedvm.scan.sniff import match_machine, sniff_dhcp
from seedvm.scan.sweep import USUAL_PORTS, Ports
from seedvm.secret import Candidate, load_proven
from seedvm.step import Context, Done, Report, Todo, Verdict
from seedvm.wire.dhcp import Dhcp
from seedvm.wire.rmcp import guid_readings

UNKNOWN = "its boot MAC"
TYPE_IT = "write its MAC under `machines` in site.yaml"


class BootMacStep:
    """Every usable machine has a boot MAC that is certain, or a reason why not."""

    name = "boot-mac"
    title = "Learn the boot MACs"
    stretch = "credentials"
    usual_seconds = 40.0

    def __init__(self, context: Context, *, ports: Ports = USUAL_PORTS, seconds: float = LEARN_SECONDS) -> None:
        self._state_dir = context.state_dir
        self._secrets_file = context.state_dir / "secrets.yaml"
        self._interface = context.site.seed.interface
        self._site = context.site
        self._allowed = context.site.bmc.learn_mac_by_power_on
        self._ports = ports
        self._seconds = seconds

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
        waiting = [one for one in inventory.load(self._state_dir).machines if self._waits(one)]
        switches, guids = await self._dark(waiting, report)
        if not switches:
            return
        heard = Heard()

        def on_request(request: Dhcp) -> None:
            machine = match_machine(request, guids)
            if machine:
                heard.hear(machine, request.mac)

        def mark(machine: str, on: bool) -> None:
            inventory.change(self._state_dir, machine, powered_by_us=on)

        async def told(machine: str, mac: str | None, why: str) -> None:
            if mac is None:
                self._unfit(machine, f"{UNKNOWN} could not be learned: {why}", report)
                return
            source = "DHCP request with the BMC's UUID (option 97)"
            inventory.change(self._state_dir, machine, boot_mac=mac, boot_mac_source=source, power="off")
            report.log(f"boot MAC {mac} from its own DHCP request", node=machine)

        until = learn(switches, heard, mark=mark, told=told, seconds=self._seconds)
        await sniff_dhcp(self._interface, until=until, on_request=on_request)

    def _waits(self, machine: Machine) -> bool:
        """Whether this machine still needs its MAC, or was left powered on by a run that was killed."""
        return (
            self._typed(machine)
            or machine.powered_by_us
            or (machine.usable and not machine.silent and machine.boot_mac is None)
        )

    def _typed(self, machine: Machine) -> bool:
        """Whether the operator wrote a MAC that the inventory does not have yet."""
        said = self._site.machine(machine.bmc).mac
        return said is not None and said != machine.boot_mac

    def _take(self, machine: Machine) -> None:
        values: dict[str, str | None] = {
            "boot_mac": self._site.machine(machine.bmc).mac,
            "boot_mac_source": "site.yaml",
        }
        if (machine.unfit_reason or "").startswith(UNKNOWN):
            values |= {"unfit_reason": None, "cure": None}
        inventory.change(self._state_dir, machine.bmc, **values)

    async def _dark(self, machines: list[Machine], report: Report) -> tuple[dict[str, Switch], dict[str, bytes]]:
        """The machines that may be powered on, with their GUIDs; for the others the reason is noted."""
        proven = load_proven(self._secrets_file)
        switches: dict[str, Switch] = {}
        guids: dict[str, bytes] = {}
        for machine in machines:
            raw = raw_guid(machine)
            if not self._allowed:
                self._unfit(machine.bmc, f"{UNKNOWN} is not known and power on is not allowed to learn it", report)
            elif not guid_readings(raw):
                self._unfit(machine.bmc, f"{UNKNOWN} is not known and its BMC gives no UUID to match it by", report)
            elif pair := proven.get(machine.bmc):
                switch = self._switch(machine, pair)
                if reason := await self._busy(machine, switch):
                    self._unfit(machine.bmc, reason, report)
                else:
                    switches[machine.bmc], guids[machine.bmc] = switch, raw
        return switches, guids

    async def _busy(self, machine: Machine, switch: Switch) -> str | None:
        """Why a machine must not be started; one that a killed run of ours left on is switched off first."""
        try:
            if await switch.power() != "on":
                return None
            if not machine.powered_by_us:
                return f"{UNKNOWN} is not known and the machine is running: power it off first"
            await switch.stop()
        except SeedvmError as error:
            return f"{UNKNOWN} is not known and its power cannot be read: {error.what}"
        return None

    def _switch(self, machine: Machine, pair: Candidate) -> Switch:
        if machine.driver == "redfish" and machine.redfish_system:
            tls = (machine.redfish_url or "https:").startswith("https:")
            port = self._ports.redfish if tls else self._ports.redfish_clear or 80
            make = partial(RedfishBmc, machine.bmc, pair.user, pair.password, port=port, tls=tls)
            return RedfishSwitch(make(pin=machine.certificate), machine.redfish_system)
        ipmi = IpmiBmc(machine.bmc, pair.user, pair.password, port=self._ports.ipmi, old=machine.old_ipmi)
        return IpmiSwitch(ipmi)

    def _unfit(self, bmc: str, reason: str, report: Report) -> None:
        inventory.change(self._state_dir, bmc, unfit_reason=reason, cure=TYPE_IT, powered_by_us=False)
        report.node(bmc, "unfit", detail=f"{reason}. Cure: {TYPE_IT}")


def raw_guid(machine: Machine) -> bytes:
    """The 16 bytes by which the machine's DHCP request can be told: the system's UUID, else the BMC's GUID."""
    if machine.uuid:
        try:
            return uuid.UUID(machine.uuid).bytes
        except ValueError:
            return b""
    return bytes.fromhex(machine.guid) if machine.guid else b""
