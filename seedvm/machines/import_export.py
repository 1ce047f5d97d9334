"""The operator's own list of machines, in and out: where discovery and the credentials' stage find it, and as other tools read it.

What a list brings is checked whole before anything is written: addresses outside the declared ranges, and MACs that contradict what a
machine itself has said, are refused by row and column. Accounts go to secrets.yaml (0600) and nowhere else.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seedvm.base.addresses import parse
from seedvm.base.errors import InvalidFile
from seedvm.base.yaml_cursor import Findings
from seedvm.machines import inventory
from seedvm.machines.formats import ListEntry, read
from seedvm.machines.inventory import KnownMachine
from seedvm.site.accounts import Candidate
from seedvm.site.model import Site
from seedvm.site.secrets_file import load_accounts, load_proven, store_accounts

LISTED = "the operator's list"


@dataclass(frozen=True)
class Taken:
    """What an import did. `new` and `changed` are BMC addresses, `accounts` those whose account was put into secrets.yaml,
    `several` those of which the list names several MACs, so that the machine has to say itself which one boots."""

    machines: int
    new: tuple[str, ...]
    changed: tuple[str, ...]
    accounts: tuple[str, ...]
    several: tuple[str, ...]


def take(data: bytes, path: str, site: Site, state_dir: Path) -> Taken:
    """Import a list in any format. The same list twice changes nothing the second time; killed between its two files, the next run
    of it writes the other. Raises InvalidFile with every problem."""
    entries = read(data, path)
    known = {one.bmc: one for one in inventory.load(state_dir).machines}
    problems = _problems(entries, known, site)
    if problems.problems:
        raise InvalidFile(path, problems.problems)
    secrets = state_dir / "secrets.yaml"
    given = {
        one.address: Candidate(one.user, one.password)
        for one in entries
        if one.user is not None and one.password is not None
    }
    stored = load_accounts(secrets)
    news = {address: account for address, account in given.items() if stored.get(address) != account}
    machines = [_listed(known.get(one.address), one) for one in entries]
    changed = [one for one in machines if known.get(one.bmc) != one]
    if news:
        store_accounts(secrets, news)
    if changed:
        # No range counts as scanned: the next run looks for these machines, and finds what the wire says of them.
        inventory.update(state_dir, *changed, ranges=())
    return Taken(
        machines=len(entries),
        new=tuple(one.bmc for one in changed if one.bmc not in known),
        changed=tuple(one.bmc for one in changed if one.bmc in known),
        accounts=tuple(news),
        several=tuple(one.bmc for one in machines if one.boot_mac is None and len(one.macs) > 1),
    )


def give(state_dir: Path, *, passwords: bool = False) -> tuple[ListEntry, ...]:
    """The machines that are known, as a list. A password is the proven one, else the one that the operator gave for this BMC."""
    secrets = state_dir / "secrets.yaml"
    accounts = {**load_accounts(secrets), **load_proven(secrets)}
    return tuple(_entry(one, accounts.get(one.bmc), passwords) for one in inventory.load(state_dir).machines)


def _entry(machine: KnownMachine, account: Candidate | None, passwords: bool) -> ListEntry:
    macs = (machine.boot_mac,) if machine.boot_mac else machine.macs
    return ListEntry(
        machine.bmc,
        user=account.user if account else machine.proven_user,
        password=account.password if account and passwords else None,
        macs=tuple(macs),
        name=machine.name,
        driver=machine.driver,
    )


def _declared(address: str, site: Site) -> bool:
    with contextlib.suppress(ValueError):
        return parse(address) in site.bmc
    return False


def _problems(entries: Sequence[ListEntry], known: Mapping[str, KnownMachine], site: Site) -> Findings:
    found = Findings()
    owners = {one.boot_mac: one for one in known.values() if one.boot_mac}
    for entry in entries:
        if not _declared(entry.address, site):
            spans = ", ".join(site.bmc.targets)
            found.add(entry.line, "address", f"{entry.address} is outside bmc.ranges ({spans}); add it there first")
        if entry.password is not None and entry.user is None:
            found.add(entry.line, "user", "is missing, but there is a password")
        machine = known.get(entry.address)
        if (
            machine
            and machine.boot_mac
            and entry.macs
            and machine.boot_mac not in entry.macs
            and not _from_list(machine)
        ):
            found.add(entry.line, "mac", f"the machine boots from {machine.boot_mac} ({machine.boot_mac_source})")
        for mac in entry.macs:
            owner = owners.get(mac)
            if owner is not None and owner.bmc != entry.address and owner.bmc not in {one.address for one in entries}:
                found.add(entry.line, "mac", f"{mac} is the boot MAC of {owner.bmc} ({owner.boot_mac_source})")
    return found


def _listed(machine: KnownMachine | None, entry: ListEntry) -> KnownMachine:
    """A machine with what the list says of it. One that has not been heard yet counts as silent until discovery hears it."""
    made = machine or KnownMachine(entry.address, silent=True)
    made = replace(made, name=entry.name or made.name)
    if not entry.macs or (made.boot_mac and not _from_list(made)):
        return made
    boot = entry.macs[0] if len(entry.macs) == 1 else None
    return replace(made, macs=entry.macs, boot_mac=boot, boot_mac_source=LISTED if boot else None)


def _from_list(machine: KnownMachine) -> bool:
    return machine.boot_mac_source == LISTED
