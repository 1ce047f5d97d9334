"""The operator's own list of machines, in and out: where discovery and the credentials' stage find it, and as other tools read it.

What a list brings is checked whole before anything is written: addresses outside the declared ranges, and MACs that contradict what a
machine itself has said, are refused by row and column. Accounts go to secrets.yaml (0600) and nowhere else.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seedvm.base.addresses import parse
from seedvm.base.errors import InvalidFile, Problem
from seedvm.machines import inventory
from seedvm.machines.inventory import KnownMachine
from seedvm.machines.lists.entry import ListEntry
from seedvm.machines.lists.read import read_list
from seedvm.site.accounts import Candidate
from seedvm.site.model import Site
from seedvm.site.secrets_file import load_accounts, load_proven, store_accounts

LISTED = "the operator's list"


@dataclass(frozen=True)
class ImportedMachine:
    """One machine of a list: the entry, the machine as the inventory will have it, and what that is against the inventory now: "new",
    "changed" or "unchanged". `account` is set where it goes into secrets.yaml and is not there yet."""

    entry: ListEntry
    machine: KnownMachine
    state: str
    account: Candidate | None

    @property
    def is_uncertain(self) -> bool:
        """The list names several MACs, so that the machine has to say itself which one boots."""
        return self.machine.boot_mac is None and len(self.machine.macs) > 1


@dataclass(frozen=True)
class Preview:
    """What an import would do. `form` is the list's format, `refused` what cannot be taken, by line and place, `left_out` the
    rows that this concerns, `remarks` what is not used."""

    form: str
    machines: tuple[ImportedMachine, ...]
    refused: tuple[Problem, ...]
    remarks: tuple[str, ...]
    left_out: tuple[str, ...]

    def taken(self) -> Taken:
        """The figures of this import."""
        return Taken(
            machines=len(self.machines),
            new=self._bmcs("new"),
            changed=self._bmcs("changed"),
            accounts=tuple(one.entry.address for one in self.machines if one.account),
            several=tuple(one.entry.address for one in self.machines if one.is_uncertain),
            form=self.form,
            remarks=self.remarks,
            refused=tuple(str(one) for one in self.refused),
            left_out=self.left_out,
        )

    def _bmcs(self, state: str) -> tuple[str, ...]:
        return tuple(one.entry.address for one in self.machines if one.state == state)


@dataclass(frozen=True)
class Taken:
    """What an import did. `new` and `changed` are BMC addresses, `accounts` those whose account was put into secrets.yaml,
    `several` those of which the list names several MACs and not which one boots. `refused` is what a partial import did not take
    and why, `left_out` the rows that this concerns."""

    machines: int
    new: tuple[str, ...]
    changed: tuple[str, ...]
    accounts: tuple[str, ...]
    several: tuple[str, ...]
    form: str = ""
    remarks: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def look(data: bytes, path: str, site: Site, state_dir: Path) -> Preview:
    """What an import of a list would do; it writes nothing. Raises InvalidFile for a file that is no list."""
    found = read_list(data, path)
    known = {one.bmc: one for one in inventory.load(state_dir).machines}
    problems, refused = _problems(found.entries, known, site)
    entries = [one for one in found.entries if one.address not in refused]
    stored = load_accounts(state_dir / "secrets.yaml")
    problems = sorted((*found.refused, *problems), key=lambda one: one.line)
    machines = tuple(_planned(one, known.get(one.address), stored.get(one.address)) for one in entries)
    gone = tuple(f"{one.name or one.address} (line {one.line})" for one in found.entries if one.address in refused)
    remarks = (*found.remarks, *_without_password(entries))
    return Preview(found.form, machines, tuple(problems), remarks, (*found.left_out, *gone))


def take(data: bytes, path: str, site: Site, state_dir: Path, *, partial: bool = False) -> Taken:
    """Import a list in any format. The same list twice changes nothing the second time; killed between its two files, the next run
    of it writes the other. Raises InvalidFile with every problem; with `partial` the rows without one are taken."""
    preview = look(data, path, site, state_dir)
    if preview.refused and not partial:
        raise InvalidFile(path, preview.refused)
    news = {one.entry.address: one.account for one in preview.machines if one.account}
    if news:
        store_accounts(state_dir / "secrets.yaml", news)
    changed = [one.machine for one in preview.machines if one.state != "unchanged"]
    if changed:
        # No range counts as scanned: the next run looks for these machines, and finds what the wire says of them.
        inventory.update(state_dir, *changed, ranges=())
    return preview.taken()


def give(state_dir: Path, *, passwords: bool = False) -> tuple[ListEntry, ...]:
    """The machines that are known, as a list. A password is the proven one, else the one that the operator gave for this BMC."""
    secrets = state_dir / "secrets.yaml"
    accounts = {**load_accounts(secrets), **load_proven(secrets)}
    return tuple(_entry(one, accounts.get(one.bmc), passwords) for one in inventory.load(state_dir).machines)


def _entry(machine: KnownMachine, account: Candidate | None, passwords: bool) -> ListEntry:
    boot = machine.boot_mac
    macs = machine.macs if boot is None or boot in machine.macs else (boot, *machine.macs)
    return ListEntry(
        machine.bmc,
        user=account.user if account else machine.proven_user,
        password=account.password if account and passwords else None,
        macs=macs,
        name=machine.name,
        driver=machine.driver,
        boot_mac=boot,
        rack=machine.rack,
        unit=machine.unit,
        height=machine.height,
    )


def _declared(address: str, site: Site) -> bool:
    with contextlib.suppress(ValueError):
        return parse(address) in site.bmc
    return False


def _planned(entry: ListEntry, known: KnownMachine | None, stored: Candidate | None) -> ImportedMachine:
    machine = _listed(known, entry)
    state = "new" if known is None else "unchanged" if machine == known else "changed"
    account = Candidate(entry.user, entry.password) if entry.user is not None and entry.password is not None else None
    return ImportedMachine(entry, machine, state, None if account == stored else account)


def _without_password(entries: Sequence[ListEntry]) -> tuple[str, ...]:
    users = [one.address for one in entries if one.user is not None and one.password is None]
    more = f" and {len(users) - 5} more" if len(users) > 5 else ""
    said = "a user without a password is not used; the accounts for all BMCs are tried"
    return (f"{', '.join(users[:5])}{more}: {said}",) if users else ()


def _problems(
    entries: Sequence[ListEntry], known: Mapping[str, KnownMachine], site: Site
) -> tuple[list[Problem], set[str]]:
    """What of the list contradicts the site or the inventory, and the addresses of the entries that are refused for it."""
    found: list[Problem] = []
    refused: set[str] = set()
    owners = {one.boot_mac: one for one in known.values() if one.boot_mac}
    listed = {one.address for one in entries}
    for entry in entries:
        for where, message in _problems_of(entry, known, owners, listed, site):
            found.append(Problem(entry.line, where, message))
            refused.add(entry.address)
    return found, refused


def _problems_of(
    entry: ListEntry,
    known: Mapping[str, KnownMachine],
    owners: Mapping[str, KnownMachine],
    listed: set[str],
    site: Site,
) -> Iterator[tuple[str, str]]:
    if not _declared(entry.address, site):
        spans = ", ".join(site.bmc.targets)
        yield entry.at.address, f"{entry.address} is outside bmc.ranges ({spans}); add it there first"
    if entry.password is not None and entry.user is None:
        yield entry.at.user, "is missing, but there is a password"
    machine = known.get(entry.address)
    if machine and machine.boot_mac and not _from_list(machine) and _contradicts(entry, machine.boot_mac):
        yield entry.at.mac, f"the machine boots from {machine.boot_mac} ({machine.boot_mac_source})"
    for mac in entry.macs:
        owner = owners.get(mac)
        if owner is not None and owner.bmc != entry.address and owner.bmc not in listed:
            yield entry.at.mac, f"{mac} is the boot MAC of {owner.bmc} ({owner.boot_mac_source})"


def _contradicts(entry: ListEntry, boot_mac: str) -> bool:
    """Whether a list knows another boot MAC than the machine itself, or does not know that NIC."""
    return bool(entry.macs) and (boot_mac not in entry.macs or entry.boot_mac not in (None, boot_mac))


def _listed(machine: KnownMachine | None, entry: ListEntry) -> KnownMachine:
    """A machine with what the list says of it. One that has not been heard yet counts as silent until discovery hears it."""
    made = machine or KnownMachine(entry.address, silent=True)
    made = replace(made, name=entry.name or made.name)
    if entry.rack or entry.unit:
        made = replace(made, rack=entry.rack, unit=entry.unit, height=entry.height, place_source=LISTED)
    if not entry.macs or (made.boot_mac and not _from_list(made)):
        return made
    return replace(made, macs=entry.macs, boot_mac=entry.boot_mac, boot_mac_source=LISTED if entry.boot_mac else None)


def _from_list(machine: KnownMachine) -> bool:
    return machine.boot_mac_source == LISTED
