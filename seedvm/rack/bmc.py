"""What both kinds of BMC share: the machine behind it, asked over its supervisor's socket.

`python -m seedvm.rack.bmc RACK_FILE MACHINE` becomes the BMC of the machine's protocol, in the BMC's namespace.
It refuses to know the machine's state itself: each question goes to the supervisor.
"""

from __future__ import annotations

import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seedvm.errors import SeedvmError
from seedvm.rack import cgroup, control
from seedvm.rack.door import Door
from seedvm.rack.faults import lose_packets
from seedvm.rack.model import MachineSpec, load_rack
from seedvm.secret import Secret


@dataclass(frozen=True)
class Behind:
    """The machine as its BMC sees it."""

    socket: Path

    def status(self) -> dict[str, Any]:
        return control.call(self.socket, {"do": "status"})

    def power(self, action: str) -> None:
        control.call(self.socket, {"do": "power", "action": action})

    def boot(self, device: str | None, *, once: bool) -> None:
        control.call(self.socket, {"do": "boot", "device": device, "once": once})


def door_of(machine: MachineSpec, folder: Path) -> Door:
    """The machine's account with its faults. A password that was changed is kept beside the machine's disk."""
    faults = machine.faults
    password = Secret(secrets.token_hex(8)) if faults.wrong_password else machine.bmc.password
    kept = None if faults.wrong_password else folder / "bmc-password"
    return Door(machine.bmc.user, password, lock_after=faults.lock_after, lock_seconds=faults.lock_seconds, kept=kept)


def main(arguments: list[str]) -> None:
    rack = load_rack(Path(arguments[0]))
    machine = rack.machine(arguments[1])
    cgroup.join(cgroup.group(rack.name, machine.name, "bmc"))
    behind = Behind(rack.socket(machine.name))
    if machine.faults.lost_percent:
        lose_packets(machine.faults.lost_percent)
    door = door_of(machine, rack.folder(machine.name))
    if machine.bmc.protocol == "ipmi":
        from seedvm.rack import bmc_ipmi

        bmc_ipmi.serve(machine, behind, door)
    else:
        from seedvm.rack import bmc_redfish

        bmc_redfish.serve(machine, behind, door, rack.folder(machine.name))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SeedvmError as error:
        sys.stderr.write("\n".join(error.lines()) + "\n")
        sys.exit(1)
