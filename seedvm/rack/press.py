"""Presses a machine's power button as an operator would: from the rack's router, through the machine's own BMC.

Names and passwords are those of the rack file, or what the password was changed to. It refuses actions which not every BMC knows.
"""

from __future__ import annotations

import json

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.rack.bmc.behind import door_of
from seedvm.rack.model import MachineSpec, RackSpec

ACTIONS = ("on", "off", "reset")
_RESET_TYPES = {"on": "On", "off": "ForceOff", "reset": "ForceRestart"}
_SECONDS = 40.0


def press(spec: RackSpec, name: str, action: str) -> None:
    """Power a machine on, off at once, or off and on."""
    if action not in ACTIONS:
        raise SeedvmError(f"unknown power action {action}", machine=name, hint=f"use one of: {', '.join(ACTIONS)}")
    machine = spec.machine(name)
    password = door_of(machine, spec.folder(name)).password
    if machine.bmc.protocol == "ipmi":
        _ipmi(spec, machine, action, password)
    else:
        _redfish(spec, machine, action, password)


def _ipmi(spec: RackSpec, machine: MachineSpec, action: str, password: Secret) -> None:
    bmc = machine.bmc
    process.run(
        process.Command(
            ["ipmitool", "-I", "lanplus", "-C", "3", "-H", str(bmc.address), "-U", bmc.user, "-E", "power", action],
            netns=spec.namespace,
            secret_env={"IPMI_PASSWORD": password},
        ),
        timeout=_SECONDS,
    )


def _redfish(spec: RackSpec, machine: MachineSpec, action: str, password: Secret) -> None:
    url = f"https://{machine.bmc.address}/redfish/v1/Systems/{machine.uuid}/Actions/ComputerSystem.Reset"
    body = json.dumps({"ResetType": _RESET_TYPES[action]})
    account = f'user = "{machine.bmc.user}:{password.reveal()}"\n'  # on curl's standard input, not its command line
    process.run(
        process.Command(
            ["curl", "-sS", "-k", "--fail", "-K", "-", "-H", "Content-Type: application/json", "-d", body, url],
            netns=spec.namespace,
        ),
        timeout=_SECONDS,
        input=account,
    )
