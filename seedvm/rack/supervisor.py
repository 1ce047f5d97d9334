"""The process behind one machine: holds its power and listens for its BMC.

`python -m seedvm.rack.supervisor RACK_FILE MACHINE`. The seed is switched on at once and takes its supervisor with it when it
switches itself off; a machine waits in the dark. It refuses to start where one already listens.
"""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.rack import control
from seedvm.rack.firmware import disk
from seedvm.rack.machine import RackMachine, folder_of
from seedvm.rack.model import load_rack
from seedvm.rack.sandbox import cgroup


def main(arguments: list[str]) -> None:
    rack = load_rack(Path(arguments[0]))
    name = arguments[1]
    cgroup.join(cgroup.group(rack.name, name, "supervisor"))
    folder = folder_of(rack, name)
    over = threading.Event()
    is_seed = rack.seed is not None and rack.seed.name == name
    if not is_seed:
        disk.create(folder / "disk.img", rack.machine(name).disk_gib)
    machine = RackMachine(rack, name, on_off=over.set if is_seed else None)
    path = rack.socket(name)
    server = control.ControlServer(path, machine)
    threading.Thread(target=server.serve_forever, name="control", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    if is_seed:
        machine.order("on")
    over.wait()
    machine.order("off")
    path.unlink(missing_ok=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SeedvmError as error:
        sys.stderr.write("\n".join(error.lines()) + "\n")
        sys.exit(1)
