"""The rows of the discovery page: BMCs that the engine has noted, that a scan has seen, and who was heard; each fact with its packet.

Pure: no widget, no file. It refuses to call a neighbour a BMC that announced no management service.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from seedvm.base.nics import SystemNic
from seedvm.base.rows import Line
from seedvm.scan.evidence import Bmc
from seedvm.scan.listen import Neighbour
from seedvm.site.model import BmcSite
from tui.state.files import Known
from tui.text.format import fit

_WHO = ("vendor", "product", "redfish-version", "guid", "uuid")


def known_line(machine: Known, width: int) -> Line:
    """A machine that the engine has noted."""
    style, status = (
        ("bad", machine.unfit)
        if machine.unfit
        else ("good", f"account {machine.user}")
        if machine.user
        else ("", "found")
    )
    facts = {name: value for name, value, _ in machine.facts}
    maker = machine.maker or " ".join(facts[name] for name in _WHO[:2] if name in facts)
    wide = 19 if width < 110 else 34
    head = f"{machine.bmc:<15} {'/'.join(machine.protocols):<17} {fit(maker or '-', wide)} "
    return [(head, ""), (fit(status, max(1, width - len(head))).rstrip(), style)]


def scanned_line(bmc: Bmc, width: int) -> Line:
    """A BMC that this page's own scan has seen and the engine has not noted yet."""
    who = " ".join(filter(None, (bmc.fact(name) for name in _WHO)))
    head = f"{bmc.address:<15} {'/'.join(bmc.protocols) or 'answers':<17} "
    return [(head, "busy"), (fit(who or "found just now", max(1, width - len(head))).rstrip(), "dim")]


@dataclass(frozen=True)
class ShownFact:
    """A fact of a BMC and the packet that it came from."""

    bmc: str
    name: str
    value: str
    source: str


@dataclass(frozen=True)
class HeardHost:
    """Who was heard on a NIC, and whether the site allows a BMC at one of its addresses; None where there is no site."""

    nic: str
    who: Neighbour
    declared: bool | None

    @classmethod
    def on(cls, nic: str, who: Neighbour, site: BmcSite | None) -> HeardHost:
        """Judged by the site's ranges and wires."""
        inside = None if site is None else any(ip_address(one) in site for one in who.facts("address"))
        return cls(nic, who, inside)


def heard_line(one: HeardHost, width: int) -> Line:
    """A neighbour on the wire: its addresses, and what it said of itself."""
    who = one.who
    addresses = who.facts("address")
    head = f"{(addresses or (who.mac,))[0]:<15} {'heard on ' + one.nic:<17} "
    notes = [f"also {', '.join(addresses[1:])}"] if addresses[1:] else []
    if who.is_bmc:
        scope = {True: "; F5 scans it", False: " OUTSIDE the ranges", None: ""}
        notes = [f"announces a BMC{scope[one.declared]}", *notes]
    for fact, word in _SAYS:
        notes += [f"{word} {value}" for value in who.facts(fact)]
    style = "" if not who.is_bmc else "busy" if one.declared else "bad"
    return [(head, style), (fit("; ".join(notes) or who.mac, max(1, width - len(head))).rstrip(), style or "dim")]


_SAYS = (("switch", "switch"), ("switch-port", "port"), ("dhcp-server", "DHCP SERVER"), ("vendor-class", "boots as"))

Row = Known | Bmc | HeardHost | ShownFact


def facts_of(one: Known | Bmc | HeardHost) -> list[ShownFact]:
    """Where everything that is known of a BMC came from."""
    if isinstance(one, Known):
        return [ShownFact(one.bmc, *fact) for fact in one.facts]
    if isinstance(one, HeardHost):
        return [ShownFact(one.who.mac, e.fact, e.value, e.source) for e in one.who.evidence]
    return [ShownFact(one.address, e.fact, e.value, e.source) for e in one.evidence]


def row_line(one: Row, width: int) -> Line:
    """One row of the table."""
    if isinstance(one, Known):
        return known_line(one, width)
    if isinstance(one, Bmc):
        return scanned_line(one, width)
    if isinstance(one, HeardHost):
        return heard_line(one, width)
    return [(fit(f"    {one.name}: {one.value}  ({one.source})", width).rstrip(), "dim")]


def row_text(one: Row) -> str:
    """What a row is searched by."""
    bmc = one.address if isinstance(one, Bmc) else one.who.mac if isinstance(one, HeardHost) else one.bmc
    return f"{bmc} " + "".join(span[0] for span in row_line(one, 300))


def none_found(values: Mapping[str, str], nics: Sequence[SystemNic]) -> str:
    """Why a scan found no BMC, as far as this machine can tell, and what to do; `values` are the form's, `nics` this machine's."""
    name = values.get("seed.bmc_interface", "").strip() or values.get("seed.interface", "").strip()
    nic = next((one for one in nics if one.name == name), None)
    if nic is None:
        return f"NIC {name} does not exist on this machine: choose another one on the page Networks (F2)."
    if not nic.link:
        return f"NIC {name} has no link: connect its cable, then press F5."
    if not nic.address and not values.get("seed.bmc_vlan", "").strip():
        return f"NIC {name} has no address yet, so no answer can arrive: the engine sets it when it starts (F10, then F10)."
    return (
        "No address in the ranges answered: compare the ranges with the BMCs' network, or press l to listen for them."
    )
