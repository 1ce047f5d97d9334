"""The undercloud's own work, a verb each: read power, update a stack, serve an image, deploy a machine. All through the VIP.

Each returns a sentence on what was seen and raises SeedvmError where the cloud did not do it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.base.first import first
from seedvm.base.item import Item
from seedvm.base.secret import Secret
from seedvm.base.tcp import tcp_open
from seedvm.base.waiting import Hopeless, wait_for_sync
from seedvm.cloud.client import Client, login
from seedvm.foreign.text import shown
from seedvm.site.doubts import COMMAND, Doubt

_SPARE_KEY = Path("/run/seedvm/spare_key")
MANIFEST = Path("/etc/seedvm-image.json")
_POWER_SECONDS = 60.0
_ALL_POWER_SECONDS = 240.0
_AT_ONCE = 32
_STACK_SECONDS = 180.0
MOST_TOLD = 400  # characters of what an API says of its own


@dataclass(frozen=True)
class ServedImage:
    """An image that Glance must serve: its SHA-512 in hex."""

    id: str
    name: str
    size: int
    sha512: str


@dataclass(frozen=True)
class SpareStack:
    """The stack that deploys a free machine: its name, its server's, the Heat template as JSON, and the key that opens the machine."""

    stack: str
    server: str
    template: Mapping[str, object]
    key: Secret


@dataclass(frozen=True)
class _Stack:
    """A stack as Heat lists it; `updated` is empty before its first update."""

    id: str
    status: str
    reason: str
    updated: str
    tags: tuple[str, ...]

    @classmethod
    def of(cls, said: Item) -> _Stack:
        return cls(
            said.text("id"),
            said.text("stack_status"),
            shown(said.text("stack_status_reason", ""), MOST_TOLD),
            said.text("updated_time", ""),
            said.texts("tags"),
        )


@dataclass(frozen=True)
class _Node:
    """A machine with the power state that Ironic last read; `maintenance` is why it is left alone, empty where it is not."""

    id: str
    name: str
    power: str
    maintenance: str

    @classmethod
    def of(cls, said: Item) -> _Node:
        reason = shown(said.text("maintenance_reason", ""), MOST_TOLD) or "no reason given"
        return cls(
            said.text("uuid"),
            said.text("name", "") or said.text("uuid"),
            shown(said.text("power_state", "unknown")),
            reason if said.flag("maintenance") else "",
        )


@dataclass(frozen=True)
class PowerRead:
    """How many BMCs answered the conductors, and a doubt for each that did not."""

    answered: int
    doubts: tuple[Doubt, ...]

    def __str__(self) -> str:
        missing = f"; not read: {', '.join(one.machine for one in self.doubts)}" if self.doubts else ""
        return f"{self.answered} BMCs answered the undercloud's conductors{missing}"


@dataclass(frozen=True)
class Work:
    """A login at the VIP."""

    api: Client

    def read_power(self, *, each: float = _POWER_SECONDS, most: float = _ALL_POWER_SECONDS) -> PowerRead:
        """Have each conductor ask its BMCs, many at a time: a node is told to be in the power state that it is in, so nothing changes,
        but is read. A BMC that does not answer within `each` seconds, or before all of it took `most`, is a doubt. All of them: a failure.
        """
        fields = "uuid,name,power_state,maintenance,maintenance_reason"
        nodes = [_Node.of(one) for one in self.api.list_all("ironic", f"/nodes?fields={fields}", "nodes")]
        if not nodes:
            raise SeedvmError("Ironic has no nodes")
        deadline = time.monotonic() + most
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            heard = list(pool.map(lambda node: self._unread(node, each, deadline), nodes))
        doubts = tuple(one for one in heard if one is not None)
        if len(doubts) == len(nodes):
            raise SeedvmError(
                "no BMC answers the undercloud's conductors", machine=doubts[0].machine, why=doubts[0].why
            )
        return PowerRead(len(nodes) - len(doubts), doubts)

    def try_stack(self, name: str, silent: Sequence[str]) -> str:
        """A stack of its own is created, updated with a tag and deleted: where a controller is silent the undercloud's own stack cannot
        be updated to the end."""
        template = {"heat_template_version": "2021-04-16", "resources": {"word": {"type": "OS::Heat::RandomString"}}}
        if not self._stack(name):
            body = {"stack_name": name, "template": template, "timeout_mins": 5, "disable_rollback": True}
            self.api.send("POST", "heat", "/stacks", body)
        wait_for_sync(lambda: self._created(name), seconds=_STACK_SECONDS, what=f"stack {name} was not created")
        said = self.update_stack(name, name)
        if stack := self._stack(name):
            self.api.delete("heat", f"/stacks/{name}/{stack.id}")
        wait_for_sync(lambda: self._stack(name) is None, seconds=_STACK_SECONDS, what=f"stack {name} was not deleted")
        return f"{said}, deleted again; the undercloud's own stack waits for {', '.join(silent)}"

    def update_stack(self, name: str, tag: str) -> str:
        """Update a stack with a new tag; it must come out complete, with the tag."""
        stack = wait_for_sync(
            lambda: self._at_rest(name), seconds=_STACK_SECONDS, what=f"stack {name} is still being changed"
        )
        self.api.send("PATCH", "heat", f"/stacks/{name}/{stack.id}", {"tags": tag})
        done = wait_for_sync(
            lambda: self._updated(name, stack.updated),
            seconds=_STACK_SECONDS,
            what=f"stack {name} was not updated",
        )
        if tag not in done.tags:
            raise SeedvmError(
                f"the update of stack {name} had no effect", why=f"tags: {', '.join(done.tags) or 'none'}"
            )
        return f"stack {name} {done.status} with tag {tag}"

    def serve_image(self, image: ServedImage) -> str:
        """Download an image and compare its SHA-512."""
        sha, size = hashlib.sha512(), 0
        for piece in self.api.stream("glance", f"/images/{image.id}/file"):
            sha.update(piece)
            size += len(piece)
        if not size or sha.hexdigest() != image.sha512:
            raise SeedvmError(
                f"image {image.name} differs from what was uploaded",
                why=f"{size} bytes, SHA-512 {sha.hexdigest()[:16]}",
            )
        return f"{image.name}: {size} bytes, SHA-512 matches the upload"

    def begin_spare(self, spare: SpareStack) -> str:
        """Create the stack with the spare machine's server. One that is there and well is kept, a failed one is created again."""
        name = spare.stack
        found = self._stack(name)
        if found and found.status in ("CREATE_COMPLETE", "CREATE_IN_PROGRESS"):
            return f"stack {name} exists: {found.status}"
        if found:
            self.api.delete("heat", f"/stacks/{name}/{found.id}")
            wait_for_sync(
                lambda: self._stack(name) is None, seconds=_STACK_SECONDS, what=f"stack {name} was not deleted"
            )
            wait_for_sync(self._free, seconds=_STACK_SECONDS, what="no machine became available")
        body = {"stack_name": name, "template": spare.template, "timeout_mins": 30, "disable_rollback": True}
        self.api.send("POST", "heat", "/stacks", body)
        return f"stack {name} started"

    def finish_spare(self, spare: SpareStack, seconds: float) -> str:
        """Wait until the server is active and answers on the network with the golden image's manifest."""
        wait_for_sync(
            lambda: self._created(spare.stack), seconds=seconds, what="the spare machine was not deployed", pause=2.0
        )
        server = self._server(spare.server)
        addresses = server.item("addresses")
        address = first(
            (port.text("addr") for network in addresses.tree for port in addresses.items(network)),
            "the spare machine has no address",
            machine=spare.server,
            hint="check the server's ports in Neutron",
        )
        wait_for_sync(
            lambda: tcp_open(address, 22),
            seconds=seconds,
            what="the spare machine does not accept SSH connections",
            machine=address,
        )
        write_private(_SPARE_KEY, spare.key.reveal().rstrip("\n") + "\n")
        try:
            manifest = wait_for_sync(
                lambda: _manifest(address),
                seconds=120,
                what="logging in to the spare machine over SSH failed",
                machine=address,
            )
        finally:
            _SPARE_KEY.unlink()
        own = Item.of(json.loads(MANIFEST.read_text()), str(MANIFEST))
        if manifest.text("hash") != own.text("hash"):
            raise SeedvmError("the spare machine runs another image", machine=address, why=manifest.text("hash"))
        return f"server {spare.server} {server.text('id')} ACTIVE at {address}, image {own.text('hash')}"

    def _unread(self, node: _Node, each: float, deadline: float) -> Doubt | None:
        """Why this node's power was not read; None where it was."""
        if node.maintenance:
            return _unread(node, f"it is in maintenance: {node.maintenance}")
        if node.power not in ("power on", "power off"):
            return _unread(node, f"Ironic does not know its power state: {node.power}")
        try:
            for look, what in (
                (self._ask_power, "no conductor contacted its BMC"),
                (self._power_read, "its power state was not read"),
            ):
                left = min(each, deadline - time.monotonic())
                wait_for_sync(lambda look=look: look(node), seconds=left, what=what)  # type: ignore[misc]
        except SeedvmError as error:
            return _unread(node, f"{error.what}: {error.why}" if error.why else error.what)
        return None

    def _ask_power(self, node: _Node) -> bool:
        self.api.send("PUT", "ironic", f"/nodes/{node.id}/states/power", {"target": node.power})
        return True

    def _power_read(self, node: _Node) -> bool:
        fields = "power_state,target_power_state,last_error,reservation"
        now = self.api.get("ironic", f"/nodes/{node.id}?fields={fields}")
        if now.has("reservation") or now.has("target_power_state"):
            return False  # a conductor is at it, and has not judged yet
        if error := now.text("last_error", ""):
            raise Hopeless("its BMC does not answer the undercloud", machine=node.name, why=shown(error, MOST_TOLD))
        return now.text("power_state", "") == node.power

    def _stack(self, name: str) -> _Stack | None:
        return next(map(_Stack.of, self.api.list_all("heat", f"/stacks?name={name}", "stacks")), None)

    def _at_rest(self, name: str) -> _Stack | None:
        stack = self._stack(name)
        return stack if stack and not stack.status.endswith("IN_PROGRESS") else None

    def _updated(self, name: str, before: str) -> _Stack | None:
        stack = self._stack(name)
        if stack and stack.status == "UPDATE_FAILED":
            raise Hopeless(f"the update of stack {name} failed", why=stack.reason)
        return stack if stack and stack.status == "UPDATE_COMPLETE" and stack.updated != before else None

    def _free(self) -> bool:
        return bool(self.api.list_all("ironic", "/nodes?provision_state=available&fields=uuid", "nodes"))

    def _created(self, name: str) -> bool:
        stack = self._stack(name)
        if stack and stack.status.endswith("FAILED"):
            raise Hopeless(f"stack {name} failed", why=stack.reason)
        return bool(stack and stack.status == "CREATE_COMPLETE")

    def _server(self, name: str) -> Item:
        servers = self.api.list_all("nova", f"/servers/detail?name=^{name}$", "servers")
        if not servers or servers[0].text("status") != "ACTIVE":
            state = servers[0].text("status") if servers else "it does not exist"
            raise SeedvmError(f"server {name} is not active", why=state)
        return servers[0]


def _unread(node: _Node, why: str) -> Doubt:
    name = f"power-{node.name}"
    return Doubt(
        name,
        f"the undercloud could not read the power of {node.name}",
        node.name,
        why,
        f"repair its BMC or its account and run again, or: {COMMAND} {name}",
    )


def work_of(vip: str, password: Secret) -> Work:
    """Log in at the VIP."""
    return Work(login(vip, password, timeout=60))


def _manifest(address: str) -> Item:
    said = process.run(
        [
            *("ssh", "-i", _SPARE_KEY, "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=5"),
            *("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"),
            *(f"root@{address}", "cat", MANIFEST),
        ],
        timeout=20,
    )
    return Item.of(json.loads(said.stdout), f"{MANIFEST} of {address}")
