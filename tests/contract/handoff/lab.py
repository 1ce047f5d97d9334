"""A site at the moment of its hand-off: the seed, three nodes, one wire, one cloud, one Galera; the steps under test run on the seed.

The real verbs run in each machine's own namespaces; what they talk to are programs and sockets that behave as the real ones. It
patches nothing. Each test has a lab of its own, of which nothing is left.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from seedvm.base import process
from seedvm.base.secret import Secret
from seedvm.base.tcp import tcp_open
from seedvm.controller import handed_over
from seedvm.controller.local_data import LOCAL_DATA
from seedvm.engine.step import Context
from seedvm.handoff.members import Members
from seedvm.handoff.record import Record
from seedvm.member import verbs
from seedvm.provisioning.metadata import SEED_NAME
from seedvm.services.load import installed
from seedvm.site.load import parse_site
from seedvm.site.secrets_file import ensure_generated
from tests.conftest import SITE_TEXT
from tests.contract.cloud.cloud_http import VIP
from tests.contract.handoff.galera import Cluster, Member
from tests.contract.handoff.haproxy import Haproxy
from tests.contract.handoff.machine import REPOSITORY, Machine, leave, mount
from tests.contract.handoff.openstack import Cloud, Servers
from tests.contract.handoff.unix_server import UnixServer
from tests.contract.handoff.wire import Told, Wire
from tests.contract.isolated import run_isolated

IMAGE = "0a1b2c3d-0000-4000-8000-00000000000a"
_WORKERS = {
    "ironic-conductor", "heat-engine", "nova-conductor", "nova-scheduler", "nova-compute", "ironic-neutron-agent",
}  # fmt: skip
_LIMIT_SECONDS = 180.0


class Lab:
    """The machines and what they share. `down` are nodes that cannot be reached at all."""

    def __init__(self, folder: Path, *, sealed: bool = False, site: str = SITE_TEXT) -> None:
        names = [SEED_NAME, *(f"demo-undercloud-{number}" for number in range(3))]
        addresses = ["172.22.0.10", "172.22.0.11", "172.22.0.12", "172.22.0.13"]
        self.machines = [Machine(n, a, folder / n) for n, a in zip(names, addresses, strict=True)]
        self.seed, self.nodes = self.machines[0], self.machines[1:]
        for (
            node
        ) in self.nodes:  # before this thread is the seed's: a thread begins with the mounts of the one that started it
            node.start()
        self.seed.enter(network=False, sealed=sealed)
        if sealed:
            for machine in self.machines:
                machine.from_afar()
        self._cable()
        self.state_dir = Path("/var/lib/site")
        self.state_dir.mkdir(mode=0o700)
        (self.state_dir / "site.yaml").write_text(site)
        (self.state_dir / "journal.jsonl").write_text("")
        self.site, self.secrets = parse_site(site), ensure_generated(self.state_dir / "secrets.yaml")
        self.down: set[str] = set()
        self.told = Told()
        self._emulate()
        self.wire = Wire(Path("/run/wire"))
        self.members = Members(self.site, self.secrets, self.state_dir, connect=self.connect)
        self.context = Context(self.site, self.secrets, self.state_dir, self.state_dir)
        self._door = UnixServer(Path("/run/wire"), self._member)

    def connect(self, _: Secret) -> Wire:
        return self.wire

    @property
    def record(self) -> Record:
        return self.members.record()

    def holder(self) -> list[str]:
        """The machines that have the VIP."""
        argv = ["ip", "-o", "address", "show", "to", VIP]
        return [one.name for one in self.machines if self.do(one, lambda: process.run(argv, timeout=20).stdout)]

    def do(self, machine: Machine, work: Callable[[], Any]) -> Any:
        return work() if machine is self.seed else machine.do(work)

    def start(self, unit: str) -> None:
        """Somebody starts a unit of the seed, past whatever the unit's own file says of that."""
        (self.seed.run / "conditions" / unit).unlink(missing_ok=True)
        process.run(["systemctl", "start", unit], timeout=20)

    def boot(self, node: Machine) -> None:
        """The node has been booted again: its process 1 began at another time."""
        told = Path("/proc/1/stat").read_text()
        other = node.folder / "stat"
        head, _, tail = told.rpartition(")")
        words = tail.split()
        words[19] += "1"
        other.write_text(f"{head}) {' '.join(words)}\n")
        node.do(lambda: mount(str(other), "/proc/1/stat", "none", 4096))

    def power_cut(self) -> None:
        """The seed loses its power and boots: what was in memory is gone, the units start that are enabled and that may start."""
        units = self.seed.run / "units"
        for path in units.iterdir():
            if (self.seed.run / "transient" / path.name).exists():
                path.unlink()
            else:
                path.write_text("inactive\n")
        self.haproxy["seed"].held = False
        if self.holder() == ["seed"]:
            process.run([str(self.seed.run / "hooks/keepalived.service.stop")], timeout=20)
        process.run(
            ["systemctl", "start", *sorted(path.name for path in (self.seed.run / "enabled").iterdir())], timeout=60
        )

    def lose_seed(self) -> None:
        """The seed is gone for good, the nodes take over; in its place stands a fresh one at the same cable, that knows nothing."""
        process.run(["systemctl", "stop", "keepalived.service"], timeout=20)
        for kind in ("units", "enabled", "timers"):
            for path in (self.seed.run / kind).iterdir():
                path.unlink()
        self.galera["seed"].gone = True
        for folder in (self.state_dir, handed_over.PATH.parent, LOCAL_DATA.parent):
            shutil.rmtree(folder, ignore_errors=True)
        every = [unit for role in ("worker", "vip", "server", "database") for unit in installed().units(role)]
        self.seed.units(*every, state="inactive")

    def link(self, node: Machine, state: str) -> None:
        """A node's cable is in ("up") or out ("down")."""
        node.do(lambda: process.run(["ip", "link", "set", "eth0", state], timeout=20))
        while state == "up" and not tcp_open(node.address, 22):
            pass

    async def killed(self, step: str, at: str) -> None:
        """A real engine applies the step (MODULE.CLASS) and dies by SIGKILL right before it runs the line with these words."""
        argv = [sys.executable, "-m", "tests.contract.handoff.engine", step, at]
        command = process.Command(argv, cwd=REPOSITORY)
        done = await process.arun(command, timeout=60, check=False)
        assert done.returncode == -signal.SIGKILL, f"not killed: {done.stdout} {done.stderr}"

    def lines(self, node: Machine) -> list[str]:
        """A node's own record of the hand-off, "PHASE state" by line."""
        path = node.lib / "seedvm/handoff.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [f"{line['phase']} {line['state']}" for line in lines]

    def close(self) -> None:
        self._door.close()
        self.servers.close()
        for one in (*self.haproxy.values(), *self.galera.values()):
            one.close()
        for machine in (*self.machines, self._wire):
            machine.end()

    def _cable(self) -> None:
        """One wire: a bridge in a namespace of its own, a cable to eth0 of each machine; the seed has a second NIC, and the VIP."""
        seed = self.seed.thread

        def lay() -> None:
            leave(0x40000000)
            lines = ["link add br0 type bridge", "link set br0 up"]
            for number, thread in enumerate((seed, *(node.thread for node in self.nodes))):
                lines.append(f"link add v{number} type veth peer name eth0 netns {thread}")
                lines.append(f"link set v{number} master br0 up")
            process.run(["ip", "-batch", "-"], timeout=60, input="\n".join(lines))

        self._wire = Machine("wire", "", self.seed.folder / "wire")
        self._wire.do(lay)
        for machine in self.machines:
            lines = [f"address add {machine.address}/24 dev eth0", "link set eth0 up"]
            if machine is self.seed:
                lines += [
                    f"address add {VIP}/24 dev eth0",
                    "link add eth1 type veth peer name bmcs",
                    "link set eth1 up",
                ]
            self.do(machine, lambda lines=lines: process.run(["ip", "-batch", "-"], timeout=60, input="\n".join(lines)))

    def _emulate(self) -> None:
        self.cluster = Cluster(self._databases)
        self.cloud = Cloud(
            self.secrets.generated.admin_password.reveal(), self._alive, [one.name for one in self.machines]
        )
        self.servers = Servers(self.cloud)
        self.haproxy: dict[str, Haproxy] = {}
        self.galera: dict[str, Member] = {}
        for machine in self.machines:
            self.do(machine, lambda machine=machine: self._emulate_on(machine))
        self.galera["seed"].weight = 2  # elements/mariadb
        self.servers.start()
        names = [one.name for one in self.machines]
        kinds = ("nova-compute", "nova-scheduler", "nova-conductor", "ironic-neutron-agent")
        self.cloud.listed = {f"{kind}+{name}" for kind in kinds for name in names}
        self.cloud.rows = self.cluster.rows
        for rows in self.cluster.rows.values():
            rows.update(names)
        self.put_image(IMAGE, "golden", b"golden image")
        for number in (1, 2, 3):
            self.cloud.nodes[f"node-{number}"] = {
                "uuid": f"node-{number}", "name": f"demo-{number}", "provision_state": "active", "power_state": "power on",
                "target_power_state": None, "reservation": None, "last_error": None, "instance_uuid": f"server-{number}", "extra": {},
            }  # fmt: skip
            self.cloud.servers[f"server-{number}"] = {
                "id": f"server-{number}", "name": f"demo-undercloud-{number - 1}", "status": "ACTIVE", "OS-EXT-STS:task_state": None,
            }  # fmt: skip
        self.cloud.stack = {
            "id": "stack-1", "stack_name": "undercloud", "stack_status": "CREATE_COMPLETE", "stack_status_reason": "",
            "parameters": {"seed_is_member": "True"}, "updated_time": None, "tags": [], "outputs": [],
        }  # fmt: skip
        self._keepalived()

    def _emulate_on(self, machine: Machine) -> None:
        self.haproxy[machine.name] = Haproxy(Path("/run/haproxy/admin.sock"))
        self.galera[machine.name] = Member(self.cluster, Path("/run/mysqld/mysqld.sock"))
        self.servers.listen(machine, self.haproxy[machine.name])
        every = [unit for role in ("worker", "vip", "server", "database") for unit in installed().units(role)]
        machine.units(*every)
        for unit in every:
            (machine.run / "enabled" / unit).touch()
        for unit in set(every) - set(installed().units("database")):
            (machine.run / "conditions" / unit).write_text(f"{handed_over.PATH}\n")
        rabbit = {"running_nodes": [f"rabbit@{node.name}" for node in self.nodes]}
        (machine.run / "rabbit.json").write_text(json.dumps(rabbit))

    def put_image(self, image: str, name: str, content: bytes) -> None:
        """An image in Glance, its file on every machine."""
        self.cloud.images[image] = (name, content, hashlib.sha512(content).hexdigest())
        for machine in self.machines:
            store = machine.lib / "glance/images"
            store.mkdir(parents=True, exist_ok=True)
            (store / image).write_bytes(content)

    def _keepalived(self) -> None:
        """VRRP as it ends here: where the VIP's holder stops its keepalived, the first other machine has it whose own runs; one that starts
        has it if nobody has (nopreempt)."""
        enter = "nsenter --net=/proc/{}/ns/net "
        flush = [f"{enter.format(one.thread)} ip neighbour flush to {VIP}" for one in self.machines]

        def take(one: Machine) -> str:
            return f"{enter.format(one.thread)} ip address add {VIP}/24 dev eth0"

        def held(one: Machine) -> str:
            return f"{enter.format(one.thread)} ip -o address show to {VIP} | grep -q ."

        def runs(one: Machine) -> str:
            return f"grep -qx active {one.run}/units/keepalived.service"

        nobody = " && ".join(f"! {held(one)}" for one in self.machines)
        for machine in self.machines:
            others = [one for one in self.machines if one is not machine]
            next_one = "\n".join(f"if {runs(one)}; then {take(one)}; exit 0; fi" for one in others)
            gone = f"{enter.format(machine.thread)} ip address delete {VIP}/24 dev eth0"
            machine.hook("keepalived.service.stop", f"{held(machine)} || exit 0", gone, *flush, next_one)
            machine.hook("keepalived.service.start", f"if {nobody}; then {take(machine)}; fi", *flush)

    def _alive(self, name: str) -> set[str]:
        """The workers that the services' own heartbeats know of: a unit that runs."""
        machine = next(one for one in self.machines if one.name == name)
        return {one for one in _WORKERS if machine.unit(f"{one}.service") == "active"}

    def _databases(self) -> int:
        return sum(one.unit("mariadb.service") == "active" for one in self.machines)

    def _member(self, line: socket.socket) -> None:
        with line.makefile("rb") as lines:
            line_of_request = lines.readline()
        if not line_of_request:  # whoever asked has given up
            return
        asked = json.loads(line_of_request)
        names = self.holder() if asked["machine"] == VIP else [asked["machine"]]
        machine = next(one for one in self.machines if {one.name, one.address} & {*names})
        if asked.get("key", self.secrets.generated.ssh_public_key) not in self.secrets.generated.ssh_public_key:
            line.sendall(json.dumps((255, "Permission denied (publickey).")).encode())
        elif machine.name not in self.down:
            line.sendall(json.dumps(self.do(machine, lambda: _run(asked))).encode())


def _run(asked: Mapping[str, Any]) -> tuple[int, Any]:
    if "argv" in asked:
        done = process.run(asked["argv"], timeout=30, check=False)
        return done.returncode, done.stdout
    return verbs.answer(asked["verb"], asked["request"])


@contextlib.contextmanager
def lab(folder: Path, **more: Any) -> Iterator[Lab]:
    """A lab in the calling thread, which must have left the host's network."""
    made = Lab(folder, **more)
    try:
        yield made
    finally:
        made.close()


def in_a_lab(test: Callable[[Lab], Awaitable[None]]) -> Callable[[Path], None]:
    """The test as a plain function of `tmp_path`, with a lab of its own."""
    return in_a_lab_of()(test)


def in_a_lab_of(**more: Any) -> Callable[[Callable[[Lab], Awaitable[None]]], Callable[[Path], None]]:
    """The same, with what the lab is made of."""

    def decorate(test: Callable[[Lab], Awaitable[None]]) -> Callable[[Path], None]:
        @pytest.mark.root
        def run(tmp_path: Path) -> None:
            async def inside() -> None:
                with lab(tmp_path, **more) as made:
                    await test(made)

            run_isolated(inside, _LIMIT_SECONDS)

        run.__name__ = run.__qualname__ = test.__name__
        run.__doc__, run.__module__ = test.__doc__, test.__module__
        return run

    return decorate
