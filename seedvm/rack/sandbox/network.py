"""The wires of the rack: namespaces, two bridges, and a cable per machine and BMC.

The router's namespace has an address on each bridge and forwards. Nothing is connected to the host's own network: it refuses to
make an interface outside of the rack's namespaces. A machine's namespace is created again at each boot, as a power cut forgets
addresses, routes and packet filters.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.rack.model import PREFIX, RackSpec, made_up_mac

NAMESPACES = Path("/run/netns")
_BRIDGES = ("br-prov", "br-bmc")


def namespaces(prefix: str) -> list[str]:
    """Names of all namespaces that are `prefix` or begin with `prefix-`."""
    if not NAMESPACES.is_dir():
        return []
    names = sorted(path.name for path in NAMESPACES.iterdir())
    return [name for name in names if name == prefix or name.startswith(f"{prefix}-")]


def inside(namespace: str) -> list[str]:
    """The words before a command that put it into a namespace and leave it the host's mounts (`ip netns exec` hides /sys/fs/cgroup)."""
    return ["nsenter", f"--net={NAMESPACES / namespace}"]


def raise_network(rack: RackSpec) -> None:
    """The router's namespace with both bridges; what is there stays."""
    name = rack.namespace
    if name in namespaces(name) and _has_link(name, "br-bmc"):
        return
    _forget(name)
    process.run(["ip", "netns", "add", name], timeout=20)
    lines = ["link set lo up"]
    for bridge, network in zip(_BRIDGES, (rack.provisioning, rack.bmc), strict=True):
        lines += [
            f"link add {bridge} address {made_up_mac(rack.name, bridge)} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
            f"addr add {network.router_with_prefix} dev {bridge}",
            f"link set {bridge} up",
        ]
    _batch(name, lines)
    process.run(process.Command(["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"], netns=name), timeout=20)


def plug(rack: RackSpec, namespace: str, cables: Sequence[tuple[str, str, str]]) -> None:
    """A fresh namespace with a cable per (interface, bridge, MAC); the interfaces are up and have no address."""
    unplug(rack, namespace, [interface for interface, _, _ in cables])
    process.run(["ip", "netns", "add", namespace], timeout=20)
    lines = []
    for interface, bridge, mac in cables:
        port = port_of(namespace, interface)
        lines += [
            f"link add {port} type veth peer name {interface} address {mac} netns {namespace}",
            f"link set {port} master {bridge} up",
        ]
    _batch(rack.namespace, lines)
    _batch(namespace, ["link set lo up", *(f"link set {interface} up" for interface, _, _ in cables)])


def unplug(rack: RackSpec, namespace: str, interfaces: Sequence[str] = ("eth0", "eth1")) -> None:
    """Pull the cables, at once, and let the namespace go."""
    for interface in interfaces:
        port = port_of(namespace, interface)
        process.run(["ip", "-n", rack.namespace, "link", "del", port], timeout=20, check=False)
    _forget(namespace)


def bridge_in(wire_mac: str) -> None:
    """In this process's own namespace: a bridge between the cable eth0 and a tap0 for a VM, whose NIC has the machine's MAC.

    The cable's end gets another MAC, or the bridge would keep the machine's frames for itself. LLDP passes (802.1D keeps it back).
    """
    lines = [
        f"link set eth0 down address {wire_mac}",
        "link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0 group_fwd_mask 0x4000",
        "tuntap add tap0 mode tap",
        *(f"link set {port} master br0 up" for port in ("eth0", "tap0")),
        "link set br0 up",
    ]
    process.run(["ip", "-batch", "-"], timeout=20, input="\n".join(lines) + "\n")


def plug_bmc(rack: RackSpec, name: str, address: str) -> None:
    """A BMC's own namespace with its address and the way to the other wire."""
    namespace = rack.bmc_namespace(name)
    plug(rack, namespace, [("eth0", "br-bmc", made_up_mac(rack.name, name, "bmc"))])
    _batch(
        namespace,
        [f"addr add {address}/{rack.bmc.cidr.prefixlen} dev eth0", f"route add default via {rack.bmc.router}"],
    )


def drop_all(rack_name: str) -> None:
    """Every namespace of a rack, whoever left it."""
    for name in reversed(namespaces(f"{PREFIX}-{rack_name}")):
        _forget(name)


def port_of(namespace: str, interface: str) -> str:
    """The bridge's side of a cable: at most 15 characters, the same each time."""
    return f"v{hashlib.sha256(f'{namespace}/{interface}'.encode()).hexdigest()[:10]}"


def _has_link(namespace: str, link: str) -> bool:
    return process.run(["ip", "-n", namespace, "link", "show", link], timeout=20, check=False).returncode == 0


def _batch(namespace: str, lines: Sequence[str]) -> None:
    """Several `ip` commands in one process, in a namespace and never outside of one."""
    if not namespace.startswith(f"{PREFIX}-"):
        raise ValueError(namespace)
    process.run(["ip", "-n", namespace, "-batch", "-"], timeout=20, input="\n".join(lines) + "\n")


def _forget(namespace: str) -> None:
    path = NAMESPACES / namespace
    deadline = time.monotonic() + 10
    while path.exists():
        process.run(["ip", "netns", "del", namespace], timeout=20, check=False)
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        if time.monotonic() > deadline:
            raise SeedvmError(
                f"the namespace {namespace} could not be removed",
                why="it is in use",
                hint=f"list its processes with ip netns pids {namespace}",
            )
