"""The status of the seed on this laptop, as one frozen answer. It changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from seedvm.base.json_tree import JSON
from seedvm.base.typed_json import encode
from seedvm.host import changes, domain, nics, power, seed, watch
from seedvm.host.hypervisor import Hypervisor
from seedvm.host.seed import SeedFiles


@dataclass(frozen=True)
class PortStatus:
    """A NIC of the seed: where it is plugged in, and whether there is a link (None: the port is gone)."""

    name: str
    bridge: bool
    cable: bool | None


@dataclass(frozen=True)
class HostStatus:
    """`state` is absent, off, running, paused or stopping; disk in MiB on this laptop; changes and events in words."""

    state: str
    disk_mib: int
    snapshots: tuple[str, ...]
    ports: tuple[PortStatus, ...]
    watched: bool
    held_awake: bool
    power: str
    changed: tuple[str, ...]
    events: tuple[str, ...]

    def as_json(self) -> JSON:
        return encode(self)


def status(hypervisor: Hypervisor, place: SeedFiles) -> HostStatus:
    """Look at everything once."""
    state = hypervisor.state(place.name)
    ports = domain.ports(hypervisor.xml(place.name)) if state != "absent" else ()
    watched = watch.runs(place.folder, place.name)
    return HostStatus(
        state=state,
        disk_mib=sum(path.stat().st_blocks * 512 for path in place.files()) >> 20,
        snapshots=seed.labels(hypervisor, place),
        ports=tuple(PortStatus(port.name, port.bridge, nics.has_cable(port.name)) for port in ports),
        watched=watched,
        held_awake=watched and watch.can_inhibit(),
        power=power.warning(),
        changed=changes.pending(place.changes),
        events=tuple(map(str, watch.events(place.folder, place.name))),
    )
