"""The whole rack: up, down, status, and the cleaning that leaves nothing.

What belongs to a rack is found by its names (control group, namespaces, run folder), never remembered, so that `down` is complete also
after a kill -9 of everything. It refuses to switch a machine on: that is for its BMC. Only the seed runs from `up` on.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from seedvm.base import install, process, terminal
from seedvm.base.errors import SeedvmError
from seedvm.base.waiting import NO_ERROR, wait_for_sync
from seedvm.rack import control, injected
from seedvm.rack.firmware import ramdisk
from seedvm.rack.model import CHILD_ENVIRONMENT, PREFIX, RUN, STATE, MachineSpec, RackSpec
from seedvm.rack.sandbox import cgroup, loop, network

Progress = Callable[[str], None]
_TOOLS = ("ip", "systemd-nspawn", "bsdtar", "sgdisk", "sfdisk", "resize2fs", "mount", "nsenter", "sysctl")
_LISTENS_SECONDS = 30.0
_SEED_SECONDS = 120.0


@dataclass(frozen=True)
class MachineStatus:
    """One machine: `where` is off, firmware, ramdisk, disk or gone (no supervisor); memory is PSS in MiB; `faults`: those injected."""

    name: str
    power: str
    where: str
    boot_device: str | None
    reboots: int
    pids: tuple[int, ...]
    pss_mib: float
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class RackStatus:
    """The rack and its machines; `up` when the network is there and every supervisor answers."""

    rack: str
    up: bool
    machines: tuple[MachineStatus, ...]


def up(spec: RackSpec, on_progress: Progress = lambda _: None, *, seed: bool = True) -> None:
    """Network, BMCs, dark machines, and the seed switched on (unless not `seed`). What runs already stays as it is."""
    _check_host(spec)
    spec.run.mkdir(parents=True, exist_ok=True, mode=0o700)
    (spec.run / "state").write_text(str(spec.state))
    on_progress("networks")
    network.raise_network(spec)
    for machine in spec.machines:
        if not _answers(spec, machine.name):
            on_progress(f"{machine.name}: machine")
            _start(spec, machine.name, "supervisor")
        if not _runs(spec, machine.name, "bmc"):
            on_progress(f"{machine.name}: {machine.bmc.protocol} BMC at {machine.bmc.address}")
            network.plug_bmc(spec, machine.name, str(machine.bmc.address))
            _start(spec, machine.name, "bmc", netns=spec.bmc_namespace(machine.name))
    for machine in spec.machines:
        _wait(f"{machine.name}'s supervisor", partial(_answers, spec, machine.name))
        _wait(f"{machine.name}'s BMC", partial(_bmc_listens, spec, machine))
    if seed and spec.seed is not None:
        if not _answers(spec, spec.seed.name):
            on_progress(f"{spec.seed.name}: powering on")
            _start(spec, spec.seed.name, "supervisor")
        _seed_ready(spec, spec.seed.name)
    on_progress("the rack is up")


def status(spec: RackSpec) -> RackStatus:
    """The status of each machine."""
    machines = tuple(_machine_status(spec, name) for name in spec.names)
    whole = spec.namespace in network.namespaces(spec.namespace)
    seed = spec.seed.name if spec.seed else None
    return RackStatus(spec.name, whole and all(one.where != "gone" for one in machines if one.name != seed), machines)


def machine_pss(spec: RackSpec, name: str) -> float:
    """Memory of what runs on one machine (PSS, MiB), without its supervisor and BMC."""
    return cgroup.pss_mib(cgroup.top() / spec.name / name / "guest")


def down(spec: RackSpec) -> None:
    """Cut the power of all and take the rack away; disks and logs stay."""
    _take_down(spec.name)


def wipe(spec: RackSpec) -> None:
    """`down`, and then disks and logs too."""
    _take_down(spec.name)
    shutil.rmtree(spec.state, ignore_errors=True)


@dataclass(frozen=True)
class Leftover:
    """A rack that is or was on this host, and its state folder, None where nothing names it."""

    name: str
    folder: Path | None

    def of(self, state: Path) -> bool:
        """Whether its folder is in this one, `build/rack` of a checkout."""
        return self.folder is not None and self.folder.parent == state.resolve()


def leftovers(run: Path = RUN, state: Path = STATE, others: Iterable[str] = ()) -> tuple[Leftover, ...]:
    """Every rack with a mark in `run`, a folder in `state`, or a name among `others`; a running rack's mark counts first."""
    folders: dict[str, Path | None] = dict.fromkeys([*others, *_names_in(run)])
    folders |= {name: state.resolve() / name for name in _names_in(state)}
    folders |= {mark.parent.name: Path(mark.read_text()) for mark in run.glob("*/state")}
    return tuple(Leftover(name, folder) for name, folder in sorted(folders.items()))


def on_host() -> tuple[Leftover, ...]:
    """Every rack that is or was on this host."""
    spaces = {name.split("-")[1] for name in network.namespaces(PREFIX) if "-" in name}
    return leftovers(others=[*_names_in(cgroup.top()), *spaces])


def clean(racks: Iterable[Leftover]) -> None:
    """Remove these racks with disks and logs, and what this checkout keeps of racks that are gone."""
    for rack in racks:
        _take_down(rack.name)
        if rack.folder is not None and rack.folder.parent.name == STATE.name:
            shutil.rmtree(rack.folder, ignore_errors=True)
    shutil.rmtree(STATE, ignore_errors=True)
    shutil.rmtree(ramdisk.CACHE, ignore_errors=True)


def exec_argv(spec: RackSpec, name: str, words: Iterable[str]) -> list[str]:
    """The command which runs `words` inside the seed or a machine.

    It begins with a shell that joins the container's control group; nsenter then enters all of its namespaces.
    """
    if name not in spec.names:
        spec.machine(name)  # says which there are
    init = cgroup.container_init(cgroup.top() / spec.name / name / "guest")
    if init is None:
        raise SeedvmError(
            "no system runs on the machine", machine=name, why="it is off or in its firmware", hint="run seedvm rack up"
        )
    group = _payload(init) / "rack-exec"
    group.mkdir(exist_ok=True)
    inner = [
        "env",
        "--ignore-environment",
        "--chdir=/root",
        f"TERM={os.environ.get('TERM', 'dumb')}",
        "HOME=/root",
        "USER=root",
        "LANG=C.UTF-8",
    ]
    inner += ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    enter = ["nsenter", "--target", str(init), "--all"]
    return ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group / "cgroup.procs"), *enter, *inner, *words]


def seed_exec(
    spec: RackSpec, words: Iterable[str], *, timeout: float, input: str | None = None, check: bool = True
) -> process.Completed:
    """Run a command inside the seed to its end."""
    name = spec.seed.name if spec.seed else "seed"
    return process.run(exec_argv(spec, name, words), timeout=timeout, input=input, check=check)


def attach(spec: RackSpec, name: str, words: Iterable[str]) -> int:
    """Run a command inside the seed or a machine on this terminal; its exit code. One that ended with its machine could not clear up."""
    code = process.interactive(exec_argv(spec, name, words))
    if code:
        terminal.leave_screen()
    return code


def order(spec: RackSpec, name: str, action: str) -> None:
    """Press a machine's button past its BMC: on, off, soft, reset, cycle. For tests and repairs; the deployment uses BMCs."""
    control.call(spec.socket(name), {"do": "power", "action": action})


def set_supply(spec: RackSpec, name: str, *, dead: bool) -> None:
    """A fault to order while the rack runs: the machine's BMC answers, and refuses to switch it on, until it is cleared."""
    control.call(spec.socket(name), {"do": "supply", "dead": dead})


def is_on(spec: RackSpec, name: str) -> bool:
    """Whether a machine has power; False too when nobody stands behind it."""
    return _machine_power(spec, name).power == "on"


def _seed_ready(spec: RackSpec, name: str) -> None:
    """Wait until the seed takes orders: its systemd listens, and for the message bus beside it."""
    group = cgroup.top() / spec.name / name / "guest"

    def ready() -> bool:
        init = cgroup.container_init(group)
        run = Path(f"/proc/{init}/root/run")
        return init is not None and (run / "systemd/private").exists() and (run / "dbus/system_bus_socket").exists()

    _wait("the seed", ready, _SEED_SECONDS)


def _payload(init: int) -> Path:
    """The container's own control group: above its init.scope."""
    tree = cgroup.top().parent
    for line in Path(f"/proc/{init}/cgroup").read_text().splitlines():
        number, _, path = line.partition("::")
        if number == "0":
            folder = tree / path.lstrip("/")
            return folder.parent if folder.name == "init.scope" else folder
    raise SeedvmError(
        "the container has no control group", why=f"process {init}", hint="check that the rack started it"
    )


def _machine_status(spec: RackSpec, name: str) -> MachineStatus:
    guest = cgroup.top() / spec.name / name / "guest"
    found = _machine_power(spec, name)
    return MachineStatus(
        name,
        found.power,
        found.where,
        found.boot_device,
        found.reboots,
        tuple(sorted(cgroup.pids(guest))),
        cgroup.pss_mib(guest),
        tuple(one.fault for one in injected.all_of(spec) if name in one.machines),
    )


def _machine_power(spec: RackSpec, name: str) -> control.MachinePower:
    try:
        return control.call(spec.socket(name), {"do": "status"}, timeout=10)
    except SeedvmError:
        return control.MachinePower("off", None, False, "gone", 0)


def _check_host(spec: RackSpec) -> None:
    if os.geteuid() != 0:
        raise SeedvmError(
            "the rack needs root", why="it creates namespaces, mounts and containers", hint="run with sudo"
        )
    missing = [
        tool for tool in _TOOLS if shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None
    ]
    if missing:
        raise SeedvmError("programs are missing", why=", ".join(missing), hint=install.programs())
    if not Path("/dev/loop-control").exists():
        raise SeedvmError("there are no loop devices", why="/dev/loop-control is missing", hint="run modprobe loop")
    if spec.seed is not None and not (spec.images / "golden.raw").exists():
        raise SeedvmError(
            "there is no golden image", why=f"{spec.images}/golden.raw is missing", hint="run seedvm image build"
        )


def _start(spec: RackSpec, name: str, part: str, netns: str | None = None) -> None:
    folder = spec.folder(name)
    folder.mkdir(parents=True, exist_ok=True)
    cgroup.kill(cgroup.top() / spec.name / name / part)
    if part == "supervisor":
        cgroup.kill(cgroup.top() / spec.name / name / "guest")  # left by a supervisor that was killed
    words = [
        *(network.inside(netns) if netns else []),
        sys.executable,
        "-m",
        f"seedvm.rack.{part}",
        str(spec.file),
        name,
    ]
    process.spawn(process.Command(words, env=CHILD_ENVIRONMENT), log=folder / f"{part}.log")


def _take_down(name: str) -> None:
    cgroup.kill(cgroup.top() / name)
    cgroup.remove_memory(name)
    loop.restore_flushes()
    network.drop_all(name)
    shutil.rmtree(RUN / name, ignore_errors=True)
    with contextlib.suppress(OSError):
        cgroup.top().rmdir()
        RUN.rmdir()


def _answers(spec: RackSpec, name: str) -> bool:
    if not spec.socket(name).exists():
        return False
    try:
        control.call(spec.socket(name), {"do": "status"}, timeout=5)
    except SeedvmError:
        return False
    return True


def _runs(spec: RackSpec, name: str, part: str) -> bool:
    return any(True for _ in cgroup.pids(cgroup.top() / spec.name / name / part))


def _bmc_listens(spec: RackSpec, machine: MachineSpec) -> bool:
    """Seen from the router, which stands on the BMCs' wire."""
    port = "623" if machine.bmc.protocol == "ipmi" else "443"
    family = "-u" if machine.bmc.protocol == "ipmi" else "-t"
    done = process.run(
        process.Command(["ss", "-H", "-n", "-l", family, f"sport = :{port}"], netns=spec.bmc_namespace(machine.name)),
        timeout=10,
    )
    return bool(done.stdout.strip())


def _wait(what: str, condition: Callable[[], bool], timeout: float = _LISTENS_SECONDS) -> None:
    what = f"{what} did not start"
    wait_for_sync(condition, seconds=timeout, what=what, hint="see its log in build/rack", pause=0.1, passing=NO_ERROR)


def _names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
