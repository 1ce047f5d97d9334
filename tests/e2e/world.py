"""The finished demo seen from outside: the operator's place in the rack, the stock OpenStack client, the machines' own logs.

It reads only; what changes the world is in the tests, by name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seedvm.base import process
from seedvm.base.files import write_private
from seedvm.site.recovery import parse
from seedvm.site.sealed import open_sealed
from seedvm.site.secrets_file import load_secrets

VIP = "172.22.0.5"
NAMESPACE = "seedvm-demo"
MEMBERS = ("172.22.0.11", "172.22.0.12", "172.22.0.13")


@dataclass(frozen=True)
class World:
    """One demo: its build folder and the namespace that the operator stands in."""

    repo: Path

    @property
    def demo(self) -> Path:
        return self.repo / "build" / "demo"

    @property
    def state(self) -> Path:
        return self.demo / "seed"

    @property
    def rows(self) -> Path:
        """Where the writer keeps what was acknowledged to it; its account is in it, and no log."""
        return self.demo / "rows"

    @property
    def command(self) -> list[str]:
        """seedvm at the operator's desk: as a module, so that it is this checkout's."""
        return [str(self.repo / ".venv" / "bin" / "python"), "-m", "seedvm"]

    def inside(self, *argv: str, timeout: float = 120, check: bool = True) -> str:
        """What a command prints where the operator stands: on the router of the rack."""
        return process.run(process.Command(argv, netns=NAMESPACE, cwd=self.state), timeout=timeout, check=check).stdout

    def openstack(self, *words: str, timeout: float = 120) -> Any:
        """What the stock client says, through the VIP, as JSON."""
        return json.loads(self.stock_client(*words, "-f", "json", timeout=timeout))

    def nodes(self) -> dict[str, dict[str, Any]]:
        """What Ironic says of each node, by its BMC's address."""
        fields = ("uuid", "extra", "provision_state", "power_state", "instance_uuid")
        listed = self.openstack("baremetal", "node", "list", "--fields", *fields)
        return {node["extra"]["seedvm_bmc"]: node for node in listed}

    def stock_client(self, *words: str, timeout: float = 120, check: bool = True) -> str:
        """What the stock client says to people."""
        client = str(self.repo / ".venv" / "bin" / "openstack")
        return self.inside(client, "--os-cloud", "undercloud", *words, timeout=timeout, check=check)

    def seedvm(self, *words: str, timeout: float = 120, check: bool = True) -> process.Completed:
        """Run seedvm at the operator's desk."""
        return process.run(process.Command([*self.command, *words], cwd=self.repo), timeout=timeout, check=check)

    def receipt(self) -> Any:
        return json.loads((self.demo / "receipt.json").read_text())

    def report(self) -> Any:
        return json.loads((self.demo / "report.json").read_text())

    def journal(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.state / "journal.jsonl").read_text().splitlines() if line]

    def note_fact(self, name: str, value: float) -> None:
        """A figure that was measured from outside, into the demo's report."""
        facts = self.state / "facts.json"
        known = json.loads(facts.read_text()) if facts.exists() else {}
        facts.write_text(json.dumps({**known, name: value}))
        self.seedvm("--state-dir", str(self.state), "report")
        (self.demo / "report.json").write_text((self.state / "report.json").read_text())

    def machine_events(self, machine: str) -> list[dict[str, Any]]:
        """What the rack itself saw a machine do (power, network boot, writes), from its own log."""
        path = self.repo / "build" / "rack" / "demo" / machine / "events.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def inventory(self) -> dict[str, Any]:
        """What seedvm knows of each machine, by BMC address."""
        tree = json.loads((self.state / "inventory.json").read_text())
        return {str(machine["bmc"]): machine for machine in tree["machines"]}

    def on_machine(self, machine: str, *argv: str, timeout: float = 60, check: bool = True) -> str:
        """Run a command on a machine's own console, as one would at the rack."""
        words = ("rack", "exec", "--file", "build/demo/rack.yaml", machine, "--", *argv)
        return self.seedvm(*words, timeout=timeout, check=check).stdout

    def machine_at(self, address: str) -> str:
        """The machine whose NIC holds an address."""
        for number in range(1, 8):
            shown = process.run(
                process.Command(["ip", "-j", "addr", "show", "eth0"], netns=f"{NAMESPACE}-m{number}"),
                timeout=10,
                check=False,
            )
            links = json.loads(shown.stdout or "[]")
            if any(entry.get("local") == address for link in links for entry in link.get("addr_info", [])):
                return f"m{number}"
        raise AssertionError(f"no machine of the rack holds {address}")

    def note_recovery_key(self) -> None:
        """As the operator writes it down, while the seed has it."""
        secrets = load_secrets(self.state / "secrets.yaml")
        write_private(self.demo / "recovery.key", secrets.generated.recovery_key.reveal())

    def kept(self, machine: str) -> Mapping[str, bytes]:
        """What a controller keeps of the site, opened with the recovery key."""
        text = self.on_machine(machine, "cat", "/var/lib/seedvm/sealed.age")
        return open_sealed(text, parse((self.demo / "recovery.key").read_text()), machine)[1]

    def undercloud(self) -> dict[str, str]:
        """Address and machine of each undercloud node."""
        return {address: self.machine_at(address) for address in MEMBERS}

    def disk_is_blank(self, machine: str) -> bool:
        """Whether nothing was ever written to a machine's disk."""
        disk = self.repo / "build" / "rack" / "demo" / machine / "disk.img"
        with disk.open("rb") as stream:
            return not any(stream.read(4 << 20))

    def answers(self, url: str, timeout: float = 2) -> bool:
        """Whether an HTTP service answers at all, with any status below 500."""
        words = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-m", str(timeout), url)
        status = self.inside(*words, timeout=timeout + 5, check=False)
        return status.isdigit() and 0 < int(status) < 500
