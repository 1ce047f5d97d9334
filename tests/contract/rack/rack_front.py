"""The rack's BMC of one machine whose power is a flag: RACK_FILE MACHINE FOLDER. Everything in front of it is the rack's own."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from seedvm.rack.bmc import ipmi, redfish
from seedvm.rack.bmc.behind import door_of
from seedvm.rack.control import MachinePower
from seedvm.rack.faults import lose_packets
from seedvm.rack.model import load_rack


@dataclass
class Dark:
    """A machine without a supervisor, instead of `Behind`."""

    state: MachinePower = field(default_factory=lambda: MachinePower("off", None, False, "off", 0))

    def status(self) -> MachinePower:
        return self.state

    def power(self, action: str) -> None:
        self.state = replace(self.state, power="on" if action == "on" else "off")

    def boot(self, device: str | None, *, once: bool) -> None:
        self.state = replace(self.state, boot_device=device, boot_once=once)


machine = load_rack(Path(sys.argv[1])).machine(sys.argv[2])
folder = Path(sys.argv[3])
if machine.faults.lost_percent:
    lose_packets(machine.faults.lost_percent)
door = door_of(machine, folder)
if machine.bmc.protocol == "ipmi":
    ipmi.serve(machine, Dark(), door)
else:
    redfish.serve(machine, Dark(), door, folder)
