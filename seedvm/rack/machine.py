"""The power of one machine: off, on, reset, cycle and soft off, boot device for once or for good.

Powered by its BMC only. A boot is a child process (seedvm.rack.firmware.boot); cutting the power ends its control group and
pulls its cable.
It refuses to hold two boots at once, and to go on while its power supply is dead (a fault to order).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.rack import events
from seedvm.rack.firmware import boot
from seedvm.rack.model import CHILD_ENVIRONMENT, RackSpec, made_up_mac
from seedvm.rack.sandbox import cgroup, loop, network, vm

NETWORK, DISK = "network", "disk"
_RETRY_SECONDS = 8.0
_SOFT_OFF, _SOFT_RESTART = signal.SIGRTMIN + 4, signal.SIGRTMIN + 5  # systemd: poweroff.target, reboot.target


class RackMachine:
    """One machine's state. `is_seed` has two NICs and ends its supervisor when it switches itself off."""

    def __init__(self, rack: RackSpec, name: str, on_off: Callable[[], None] | None = None) -> None:
        self.rack = rack
        self.name = name
        self.folder = rack.folder(name)
        self.boot_device: str | None = None
        self.boot_once = False
        self.reboots = 0
        self.dead_supply = False
        self._on = False
        self._restart = False
        self._lock = threading.RLock()
        self._wake = threading.Condition()
        self._runner: threading.Thread | None = None
        self._child: process.Child | None = None
        self._on_off = on_off
        self._group = cgroup.top() / rack.name / name / "guest"

    @property
    def is_seed(self) -> bool:
        return self.rack.seed is not None and self.rack.seed.name == self.name

    @property
    def _is_vm(self) -> bool:
        return not self.is_seed and self.rack.machine(self.name).kind == "vm"

    @property
    def power(self) -> str:
        return "on" if self._on else "off"

    @property
    def where(self) -> str:
        if not self._on:
            return "off"
        path = self.folder / boot.WHERE
        return path.read_text() if path.exists() else "firmware"

    def set_boot(self, device: str | None, once: bool) -> None:
        self.boot_device, self.boot_once = device, once
        events.note(self.folder, "boot-device", device=device, once=once)

    def order(self, action: str) -> None:
        """Do what a BMC was told: on, off, reset, cycle; soft (off) and restart ask the system."""
        with self._lock:
            if action == "on":
                self._power_on()
            elif action == "off":
                self._power_off()
            elif action == "soft":
                self._ask_system(_SOFT_OFF, "soft-off", self._power_off)
            elif action == "restart":
                self._ask_system(_SOFT_RESTART, "restart", self._reset)
            elif action == "reset":
                self._reset()
            elif action == "cycle":
                self._power_off()
                self._power_on()
            else:
                raise ValueError(f"unknown action {action}")

    def set_supply(self, dead: bool) -> None:
        """Break or repair the power supply; what runs continues until it is powered off."""
        self.dead_supply = dead
        events.note(self.folder, "power-supply", dead=dead)

    def _power_on(self) -> None:
        if self._on:
            return
        if self.dead_supply:
            events.note(self.folder, "power-on-refused")
            raise SeedvmError(
                "the machine does not power on",
                machine=self.name,
                why="its power supply is dead",
                hint="run seedvm rack fault to repair it",
            )
        if self._runner is not None:
            self._runner.join()
        self._on = True
        self._restart = False
        (self.folder / boot.WHERE).write_text("firmware")
        events.note(self.folder, "power-on")
        self._runner = threading.Thread(target=self._run, name=f"power-{self.name}", daemon=True)
        self._runner.start()

    def _power_off(self) -> None:
        if not self._on:
            return
        self._on = False
        events.note(self.folder, "power-off", by="bmc")
        network.unplug(self.rack, self.rack.machine_namespace(self.name))
        with self._wake:
            self._wake.notify_all()
        while self._runner is not None and self._runner.is_alive():
            self._end_boot()
            self._runner.join(timeout=0.5)

    def _end_boot(self) -> None:
        """Everything of the running boot, also when it has not joined its group yet."""
        child = self._child
        if child is not None and child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
        cgroup.strike(self._group)

    def _reset(self) -> None:
        if self._on:
            events.note(self.folder, "reset")
            self._restart = True
            self._end_boot()

    def _ask_system(self, number: int, event: str, otherwise: Callable[[], None]) -> None:
        """Press the power button: for the system to obey; firmware does the hard thing at once."""
        if not self._on:
            return
        if self._is_vm and number == _SOFT_OFF and vm.press(vm.qmp_socket(self.rack, self.name)):
            events.note(self.folder, event)
            return
        init = cgroup.container_init(self._group)
        if init is None:
            otherwise()
            return
        events.note(self.folder, event)
        os.kill(init, number)

    def _run(self) -> None:
        while self._on:
            code = self._boot_once()
            if not self._on:
                break
            if self._restart:
                self._restart = False
            elif code == boot.REBOOT:
                self.reboots += 1
                events.note(self.folder, "reboot")
            elif code == boot.POWER_OFF:
                events.note(self.folder, "power-off", by="itself")
                self._on = False
                network.unplug(self.rack, self.rack.machine_namespace(self.name))
                if self._on_off is not None:
                    self._on_off()
            else:
                events.note(self.folder, "nothing-boots" if code == boot.NOTHING_BOOTS else "halt", code=code)
                with self._wake:
                    self._wake.wait_for(lambda: not self._on, timeout=_RETRY_SECONDS)

    def _boot_once(self) -> int:
        """Start the firmware, wait for the end of whatever it became; its exit code."""
        namespace = self.rack.machine_namespace(self.name)
        network.plug(self.rack, namespace, self._cables())
        words = [
            *network.inside(namespace),
            sys.executable,
            "-m",
            "seedvm.rack.firmware.boot",
            str(self.rack.file),
            self.name,
            ",".join(self._next_order()),
        ]
        self._child = process.spawn(process.Command(words, env=CHILD_ENVIRONMENT), log=self.folder / "console.log")
        if not self._on:
            self._end_boot()
        code = self._child.wait()
        cgroup.kill(self._group)
        loop.wait_free(self.folder / "disk.img")
        loop.restore_flushes()
        return code

    def _next_order(self) -> list[str]:
        """Devices in order for this boot. A device that was set for once is forgotten with it."""
        device = self.boot_device
        if self.boot_once:
            self.boot_device, self.boot_once = None, False
        return [NETWORK, DISK] if device == "pxe" else [DISK, NETWORK]

    def _cables(self) -> list[tuple[str, str, str]]:
        if self.is_seed:
            return [
                ("eth0", "br-prov", made_up_mac(self.rack.name, self.name, "eth0")),
                ("eth1", "br-bmc", made_up_mac(self.rack.name, self.name, "eth1")),
            ]
        return [("eth0", "br-prov", self.rack.machine(self.name).mac)]


def folder_of(rack: RackSpec, name: str) -> Path:
    """A machine's folder; made, for root alone."""
    folder = rack.folder(name)
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    return folder
