"""The engine's way into a member: `seedvm member VERB` over SSH as root with the site's key, or on this machine itself.

Requests travel as JSON by stdin and answers as JSON by stdout, so nothing secret is on a command line. It refuses passwords,
agents and every key but the site's; a member's host key is learned at the first contact and held to from then on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.base.secret import Secret

_RUN = Path("/run/seedvm")
_OPTIONS = (
    "-o", "BatchMode=yes",
    "-o", "IdentitiesOnly=yes",
    "-o", "StrictHostKeyChecking=accept-new",
    "-o", "ConnectTimeout=8",
    "-o", "ServerAliveInterval=5",
    "-o", "ServerAliveCountMax=4",
    "-o", "LogLevel=ERROR",
)  # fmt: skip
SEEDVM = "/usr/local/bin/seedvm"


@dataclass(frozen=True)
class SshHost:
    """A controller. `local` is the seed, where the engine runs: no SSH there."""

    name: str
    address: str
    local: bool = False


@dataclass(frozen=True)
class Ssh:
    """The site's key as a file that ssh can take, and where host keys are kept."""

    key_file: Path
    known_hosts: Path

    async def run(
        self, machine: SshHost, argv: Sequence[str], *, timeout: float, input: str | None = None, check: bool = True
    ) -> process.Completed:
        """One command on that machine. Its words are quoted for the shell at the other end."""
        try:
            return await process.arun(self.argv(machine, argv), timeout=timeout, input=input, check=check)
        except SeedvmError as error:
            raise SeedvmError(error.what, machine=machine.name, why=error.why, hint=error.hint) from error

    def forget_host_keys(self) -> None:
        """Learn the host keys again: a node that was deployed again has others."""
        self.known_hosts.unlink(missing_ok=True)

    def argv(self, machine: SshHost, argv: Sequence[str]) -> list[str]:
        """The command line that `run` starts."""
        if machine.local:
            return list(argv)
        keys = ("-i", str(self.key_file), "-o", f"UserKnownHostsFile={self.known_hosts}")
        return ["ssh", *_OPTIONS, *keys, f"root@{machine.address}", "--", process.pasteable(argv)]

    async def verb(
        self, machine: SshHost, verb: str, request: Mapping[str, object] | None = None, *, timeout: float = 60
    ) -> object:
        """A node-side verb: its answer, parsed. What the member says went wrong comes out as a SeedvmError of that machine."""
        argv = [SEEDVM, "member", verb]
        said = await self.run(machine, argv, timeout=timeout, input=json.dumps(request or {}), check=False)
        try:
            answer = json.loads(said.stdout)
        except ValueError:
            why = (said.stderr or said.stdout).strip()[-600:] or f"exit code {said.returncode}, no output"
            raise SeedvmError(f"member {verb} gave no answer", machine=machine.name, why=why) from None
        if isinstance(answer, dict) and "error" in answer:
            error = answer["error"]
            where = error.get("machine")
            what = f"{where}: {error['what']}" if where and where != machine.name else error["what"]
            raise SeedvmError(what, machine=machine.name, why=error.get("why", ""), hint=error.get("hint", ""))
        return answer


def way_in(private_key: Secret, folder: Path = _RUN) -> Ssh:
    """Put the site's key where ssh can read it (in memory-backed storage, 0600)."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    text = private_key.reveal()
    write_private(folder / "site_key", text if text.endswith("\n") else text + "\n")
    return Ssh(folder / "site_key", folder / "known_hosts")
