"""Rules of a site that reach across its parts: addresses inside their network, nothing used twice, ranges apart.

It only adds to the findings of `seedvm.site.model`, at the line of the value that is wrong.
"""

from __future__ import annotations

from ipaddress import IPv4Address

from seedvm.base.yaml_cursor import Cursor, Findings
from seedvm.site.model import AddressRange, BmcAddress, Site


def check_site(site: Site, root: Cursor, findings: Findings) -> None:
    """Note every problem of a site whose single values are all right."""
    quiet = Findings()  # keys were checked when it was read; this one only finds the lines again
    lines = _Lines(Cursor(root.node, root.where, root.line, quiet))
    for check in (_inside, _single, _ranges, _count, _bmc_network, _link_local, _old_tls, _machines):
        check(site, lines, findings)


class _Lines:
    """The line of each value, by its dotted name."""

    def __init__(self, root: Cursor) -> None:
        self._lines: dict[str, int] = {}
        self._walk(root)

    def of(self, where: str) -> int:
        return self._lines.get(where, 0)

    def _walk(self, cursor: Cursor) -> None:
        self._lines[cursor.where] = cursor.line
        value = getattr(cursor.node, "value", None)
        if not isinstance(value, list):
            return
        pairs = all(isinstance(item, tuple) for item in value)
        names = tuple(str(key.value) for key, _ in value) if pairs else ()
        for below in cursor.mapping((), names).values() if pairs else cursor.sequence():
            self._walk(below)


def _addresses(site: Site) -> list[tuple[str, IPv4Address]]:
    """In the order in which they are asked for: of two that are the same the later one is the mistake."""
    net = site.provisioning
    return [
        ("seed.address", site.seed.address),
        ("provisioning.gateway", net.gateway),
        ("provisioning.vip", net.vip),
        *((f"provisioning.undercloud[{index}]", address) for index, address in enumerate(net.undercloud)),
    ]


def _inside(site: Site, lines: _Lines, findings: Findings) -> None:
    cidr = site.provisioning.cidr
    ends = {cidr.network_address, cidr.broadcast_address}
    for where, address in _addresses(site):
        if address not in cidr or address in ends:
            findings.add(lines.of(where), where, f"{address} is not a usable host address in {cidr}")
    for where, span in (("instances", site.provisioning.instances), ("boot", site.provisioning.boot)):
        where = f"provisioning.{where}"
        if span.first not in cidr or span.last not in cidr or span.first in ends or span.last in ends:
            findings.add(lines.of(where), where, f"{span} is not entirely within the host addresses of {cidr}")


def _single(site: Site, lines: _Lines, findings: Findings) -> None:
    seen: dict[IPv4Address, str] = {}
    for where, address in _addresses(site):
        if address in seen:
            findings.add(
                lines.of(where), where, f"{address} is already {seen[address]}, line {lines.of(seen[address])}"
            )
        seen.setdefault(address, where)


def _ranges(site: Site, lines: _Lines, findings: Findings) -> None:
    net = site.provisioning
    for where, span in (("provisioning.instances", net.instances), ("provisioning.boot", net.boot)):
        for other, address in _addresses(site):
            if address in span:
                findings.add(
                    lines.of(where), where, f"{span} contains {address}, which is {other}, line {lines.of(other)}"
                )
    if net.instances.overlaps(net.boot):
        line = lines.of("provisioning.instances")
        findings.add(
            lines.of("provisioning.boot"),
            "provisioning.boot",
            f"{net.boot} overlaps instances {net.instances}, line {line}",
        )
    for index, span in enumerate(site.bmc.ranges):
        _range_apart(f"bmc.ranges[{index}]", span, site, lines, findings)


def _range_apart(where: str, span: AddressRange, site: Site, lines: _Lines, findings: Findings) -> None:
    net = site.provisioning
    others = [("provisioning.instances", net.instances), ("provisioning.boot", net.boot)]
    others += [(name, AddressRange(address, address)) for name, address in _addresses(site)]
    if site.seed.bmc_address is not None:
        others.append(("seed.bmc_address", AddressRange(site.seed.bmc_address.ip, site.seed.bmc_address.ip)))
    others += [(f"bmc.ranges[{index}]", other) for index, other in enumerate(site.bmc.ranges)]
    for name, other in others:
        if name == where:
            break  # of two overlapping ranges the later one is reported
        if span.overlaps(other):
            findings.add(lines.of(where), where, f"{span} overlaps {name} {other}, line {lines.of(name)}")


def _count(site: Site, lines: _Lines, findings: Findings) -> None:
    count = len(site.provisioning.undercloud)
    if count < 3 or count % 2 == 0:
        where = "provisioning.undercloud"
        findings.add(
            lines.of(where),
            where,
            f"{count} addresses given; use an odd number, 3 or more, so that the cluster survives the loss of a node",
        )
    for index, address in enumerate(site.undercloud.without):
        where = f"undercloud.without[{index}]"
        if address not in site.provisioning.undercloud:
            findings.add(lines.of(where), where, f"{address} is not listed in provisioning.undercloud")
    if site.undercloud.without and len(site.controllers) < 3:
        where = "undercloud.without"
        findings.add(
            lines.of(where),
            where,
            f"leaves {len(site.controllers)} nodes; at least 3 are needed to survive the loss of one",
        )


def _bmc_network(site: Site, lines: _Lines, findings: Findings) -> None:
    address = site.seed.bmc_address
    if site.seed.bmc_interface == site.seed.interface and site.seed.bmc_vlan is None:
        findings.add(
            lines.of("seed.bmc_interface"),
            "seed.bmc_interface",
            "is the same as seed.interface; omit it if there is only one network",
        )
    if address is not None and address.network.overlaps(site.provisioning.cidr):
        findings.add(
            lines.of("seed.bmc_address"), "seed.bmc_address", f"{address.network} overlaps {site.provisioning.cidr}"
        )


def _link_local(site: Site, lines: _Lines, findings: Findings) -> None:
    ours = {site.seed.interface, site.seed.bmc_nic}
    for index, name in enumerate(site.bmc.link_local):
        if name not in ours:
            where = f"bmc.link_local[{index}]"
            findings.add(
                lines.of(where), where, f"{name} is not an interface of the seed; use one of: {', '.join(sorted(ours))}"
            )


def _old_tls(site: Site, lines: _Lines, findings: Findings) -> None:
    """Only BMCs of the site: an address that is never asked would be an opening that nobody meant."""
    where = "bmc.allow_old_tls"
    for span in site.bmc.allow_old_tls.ranges:
        if not any(own.first <= span.first and span.last <= own.last for own in site.bmc.ranges):
            findings.add(lines.of(where), where, f"{span} is not in bmc.ranges")
    for address in site.bmc.allow_old_tls.singles:
        if address not in site.bmc:
            findings.add(lines.of(where), where, f"{address} is not on an interface of bmc.link_local")


def _machines(site: Site, lines: _Lines, findings: Findings) -> None:
    bmcs: dict[BmcAddress, str] = {}
    macs: dict[str, str] = {}
    for index, machine in enumerate(site.machines):
        where = f"machines[{index}]"
        if machine.bmc not in site.bmc:
            findings.add(
                lines.of(f"{where}.bmc"), f"{where}.bmc", f"{machine.bmc} is not in bmc.ranges{_or_wire(site)}"
            )
        if machine.bmc in bmcs:
            findings.add(lines.of(f"{where}.bmc"), f"{where}.bmc", f"{machine.bmc} is already {bmcs[machine.bmc]}")
        bmcs.setdefault(machine.bmc, f"machines[{index}] in line {lines.of(f'{where}.bmc')}")
        if machine.mac is not None:
            if machine.mac in macs:
                findings.add(lines.of(f"{where}.mac"), f"{where}.mac", f"{machine.mac} is already {macs[machine.mac]}")
            macs.setdefault(machine.mac, f"machines[{index}] in line {lines.of(f'{where}.mac')}")
    _units(site, lines, findings)


def _units(site: Site, lines: _Lines, findings: Findings) -> None:
    """No two machines in one rack unit."""
    taken: dict[tuple[str, int], BmcAddress] = {}
    for index, machine in enumerate(site.machines):
        where = f"machines[{index}].u"
        for unit in range(machine.unit or 0, (machine.unit or 0) + (machine.height or 1) if machine.unit else 0):
            other = taken.setdefault((machine.rack or "", unit), machine.bmc)
            if other != machine.bmc:
                rack = f" of rack {machine.rack}" if machine.rack else ""
                findings.add(lines.of(where), where, f"unit {unit}{rack} is already that of {other}")
                break


def _or_wire(site: Site) -> str:
    return " and not on an interface of bmc.link_local" if site.bmc.link_local else ""
