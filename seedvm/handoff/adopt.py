"""A hand-off whose seed is lost for good is taken up from the nodes by another seed, which completes it and is never a controller.

`look` only reads, and proves all that it reads by the recovery key; `take_up` begins with the mark of a seed that has handed over, so that
nothing of this machine ever serves. Before COMMIT the way is forward as well: the nodes hold the VIP and accept changes as soon as the seed
is gone, and a seed that started its own services again would be a second holder. It refuses while the first seed is heard, while the nodes'
cluster is not whole without it, and where fewer than a majority of the nodes answer.
"""

from __future__ import annotations

import json
import secrets as random
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.base.nics import nic
from seedvm.base.secret import Secret
from seedvm.base.tcp import connects
from seedvm.base.typed_json import decode, encode_record
from seedvm.cloud.ssh import SshHost, way_in
from seedvm.controller import handed_over
from seedvm.handoff import record
from seedvm.handoff.members import Members, Transport
from seedvm.handoff.record import Adopted, Committed, Record
from seedvm.member import verbs
from seedvm.member.notes import FetchRequest, Line, NotesRequest, commit_begun
from seedvm.scan.claims import claims_on
from seedvm.site import sealed
from seedvm.site.load import load_site, parse_site
from seedvm.site.secrets_file import load_secrets

_LOST = "if it is permanently lost, keep it off this network; else run seedvm run on it"


@dataclass(frozen=True)
class Authority:
    """The site's authority: the recovery key, and the way into its nodes."""

    recovery: Secret
    ssh: Secret


@dataclass(frozen=True)
class Found:
    """What the nodes have of a site: its files by name, sealed when `time` says (RFC 3339); what was measured; which node has the VIP; what
    they noted last ("PHASE state"); whether that was behind COMMIT; to which node the VIP moved then, where a node saw COMMIT done; nodes
    that do not answer."""

    site: str
    time: str
    files: Mapping[str, bytes]
    record: Record
    holder: str
    last: str
    committed: bool
    moved_to: str
    silent: tuple[str, ...]


async def heard(interface: str, address: IPv4Address) -> None:
    """A SeedvmError where another machine has the address: the first seed, most probably."""
    found = nic(interface)
    if found is None:
        raise SeedvmError(
            f"interface {interface} does not exist", hint="name the one on the provisioning network: --interface NIC"
        )
    if claims := await claims_on(interface, found.mac, [address]):
        raise SeedvmError(
            f"{address} is in use by {claims[0].mac}",
            why="the first seed seems to be on this network still",
            hint=_LOST,
        )


async def look(vip: str, authority: Authority, connect: Callable[[Secret], Transport] = way_in) -> Found:
    """What the site's nodes hold, proven. Nothing is changed, here or there."""
    first = await _from_holder(vip, authority, connect(authority.ssh))
    site = parse_site(first["site.yaml"].decode())
    if str(site.provisioning.vip) != vip:
        raise SeedvmError(
            f"{vip} is not the VIP of site {site.name}",
            why=f"its VIP is {site.provisioning.vip}; a controller of it answers at {vip}",
            hint=f"seedvm adopt {site.provisioning.vip}",
        )
    with tempfile.TemporaryDirectory(prefix="seedvm-adopt-", dir="/run") as folder:
        for name in ("secrets.yaml", "site.yaml"):
            write_private(Path(folder, name), first[name])
        members = Members(site, load_secrets(Path(folder, "secrets.yaml")), Path(folder), connect)
        return await _of_all(members, authority)


async def take_up(found: Found, state_dir: Path, connect: Callable[[Secret], Transport] = way_in) -> Members:
    """This machine is the site's seed from now on, one that has handed over. Killed halfway it may be run again."""
    attempt = found.record.attempt or random.token_hex(4)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    handed_over.mark(found.site, attempt)  # before all else: from here on no service of this machine starts
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    adopted = found.record.adopted or Adopted(now, found.last, before_commit=not found.committed)
    committed = found.record.committed or (Committed(found.moved_to) if found.moved_to else None)
    record.save(state_dir, replace(found.record, attempt=attempt, adopted=adopted, committed=committed))
    for name in sealed.NAMES:
        if name in found.files:
            write_private(state_dir / name, found.files[name])
    members = Members(load_site(state_dir / "site.yaml"), load_secrets(state_dir / "secrets.yaml"), state_dir, connect)
    if not found.committed:
        await members.note("COMMIT", "started")  # another seed that comes after this one finds it passed
    return members


async def _from_holder(vip: str, authority: Authority, transport: Transport) -> Mapping[str, bytes]:
    """The sealed files of the node that has the VIP: the only address that is known yet."""
    machine = SshHost(vip, vip)
    if not await connects(vip, 22):
        raise SeedvmError(
            f"no machine answers at {vip}",
            why="no SSH connection is accepted",
            hint="look at the cable and at this machine's address (--address, --interface); on the nodes: systemctl status keepalived",
        )
    try:
        said = await transport.verb(machine, verbs.FETCH.name, encode_record(FetchRequest((sealed.FILE,))))
    except SeedvmError as error:
        why = f"{error.what}: {error.why}" if error.why else error.what
        hint = "is it a controller of this site? The site's key opens all of them; compare the VIP and the recovery key"
        raise SeedvmError(f"the machine at {vip} does not let this site's key in", why=why, hint=hint) from None
    text = decode(dict[str, str], said, f"the answer of {vip}").get(sealed.FILE)
    if text is None:
        raise SeedvmError(
            f"the controllers of {vip} do not keep the site",
            why="the seed was lost before all of them had joined, or they are of an older version",
            hint="continue from the site's bundle: seedvm bundle open FILE, then seedvm run",
        )
    return sealed.open_sealed(text, authority.recovery, vip)[1]


async def _of_all(members: Members, authority: Authority) -> Found:
    fetched = await members.hear_most(verbs.FETCH, lambda _: FetchRequest((sealed.FILE, record.FILE)))
    kept = [
        sealed.open_sealed(files[sealed.FILE], authority.recovery, name)
        for name, files in fetched.said.items()
        if sealed.FILE in files
    ]
    manifest, files = max(kept, key=lambda one: one[0].time)
    lines = await members.ask_most(verbs.NOTES, NotesRequest())
    holders = await members.holders()
    if len(holders) != 1:
        told = ", ".join(node.name for node in holders) or "none of them"
        raise SeedvmError(
            f"the nodes' VIP {members.vip} is on {told}",
            hint="on the nodes: systemctl status keepalived; then run it again",
        )
    await _whole_without_the_seed(members)
    moved = _moved_to(lines.values(), holders[0].name)
    return Found(
        site=members.site.name,
        time=manifest.time,
        files=files,
        record=_newest(fetched.said, authority),
        holder=holders[0].name,
        last=_last(lines[holders[0].name]),
        committed=bool(moved) or 2 * sum(commit_begun(one) is not None for one in lines.values()) > len(members.nodes),
        moved_to=moved,
        silent=tuple(sorted(fetched.silent)),
    )


def _newest(fetched: Mapping[str, Mapping[str, str]], authority: Authority) -> Record:
    """The record that was written last; an empty one where no node has any."""
    found = [
        record.brought(files[record.FILE], authority.recovery, f"{record.FILE} of {name}")
        for name, files in fetched.items()
        if record.FILE in files
    ]
    return max(found, key=lambda one: one[0])[1] if found else Record()


def _last(lines: Sequence[Line]) -> str:
    return f"{lines[-1].phase} {lines[-1].state}" if lines else "no phase"


def _moved_to(records: Iterable[Sequence[Line]], holder: str) -> str:
    """The node to which COMMIT moved the VIP, by a line of any node; empty where none saw it done. A COMMIT that was begun by a majority is
    passed as well: its mark may have been on the disk that was lost."""
    done = [line for lines in records for line in lines if line.phase == "COMMIT" and line.state == "done"]
    return (done[-1].vip or holder) if done else ""


async def _whole_without_the_seed(members: Members) -> None:
    """The nodes' database is one cluster of theirs alone; where the seed is still a member it lives."""
    said = await members.status_most("galera")
    for name, one in said.said.items():
        galera = one.galera
        if galera is not None and galera.healthy and galera.cluster_size > len(members.nodes):
            raise SeedvmError(
                "the first seed is still a member of the nodes' database cluster", machine=name, hint=_LOST
            )
    wrong = {
        name: one.broken.get("galera", "") if one.galera is None else f"{one.galera.state}, {one.galera.cluster_status}"
        for name, one in said.said.items()
        if one.galera is None or not one.galera.healthy
    }
    if 2 * (len(said.said) - len(wrong)) <= len(members.nodes):
        raise SeedvmError(
            "the nodes' database cluster is not whole",
            machine=min(wrong),
            why="; ".join(f"{name}: {why}" for name, why in sorted(wrong.items())),
            hint="bring the silent nodes back; on a node: seedvm member status",
        )


def adopted(state_dir: Path, site: str) -> bool:
    """Has this machine taken up the site before?"""
    try:
        return handed_over.marked(site) and json.loads((state_dir / record.FILE).read_text()).get("adopted") is not None
    except (OSError, ValueError, AttributeError):
        return False
