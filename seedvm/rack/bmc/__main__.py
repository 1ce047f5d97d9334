"""A rack machine's BMC as a process of its own.

`python -m seedvm.rack.bmc RACK_FILE MACHINE` becomes the BMC of the machine's protocol, in the BMC's namespace.
It refuses a machine that the rack file does not name.
"""

from __future__ import annotations

import sys
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.rack.bmc.behind import Behind, door_of
from seedvm.rack.faults import lose_packets
from seedvm.rack.model import load_rack
from seedvm.rack.sandbox import cgroup


def main(arguments: list[str]) -> None:
    rack = load_rack(Path(arguments[0]))
    machine = rack.machine(arguments[1])
    cgroup.join(cgroup.group(rack.name, machine.name, "bmc"))
    behind = Behind(rack.socket(machine.name))
    if machine.faults.lost_percent:
        lose_packets(machine.faults.lost_percent)
    door = door_of(machine, rack.folder(machine.name))
    if machine.bmc.protocol == "ipmi":
        from seedvm.rack.bmc import ipmi

        ipmi.serve(machine, behind, door)
    else:
        from seedvm.rack.bmc import redfish

        redfish.serve(machine, behind, door, rack.folder(machine.name))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SeedvmError as error:
        sys.stderr.write("\n".join(error.lines()) + "\n")
        sys.exit(1)
