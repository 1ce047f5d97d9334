"""What both kinds of BMC share: the machine behind it, asked over its supervisor's socket.

It refuses to know the machine's state itself: each question goes to the supervisor.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from seedvm.base.secret import Secret
from seedvm.rack import control
from seedvm.rack.bmc.account import Door
from seedvm.rack.model import MachineSpec


@dataclass(frozen=True)
class Behind:
    """The machine as its BMC sees it."""

    socket: Path

    def status(self) -> control.MachinePower:
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
