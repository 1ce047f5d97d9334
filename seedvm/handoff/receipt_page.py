"""The receipt as a page for people. Pure text; every figure is in the signed JSON as well."""

from __future__ import annotations

from seedvm.handoff.receipt import REMAINS, Receipt, utc

_KINDS = {
    "keystone credential": "Keystone credentials",
    "fernet token": "Fernet tokens",
    "heat stack": "Heat stack credentials",
    "bmc": "BMC passwords",
}
"""The kinds of secret (`seedvm.member.secrets.KINDS`) in the page's words."""


def page(receipt: Receipt) -> str:
    """The whole page."""
    head = [
        f"RECEIPT of site {receipt.site}",
        "",
        f"    {receipt.verdict}",
        "",
        f"The laptop may leave: {'no' if receipt.doubts else 'yes'}",
        "",
        f"Why:      {receipt.why}",
        f"Seed:     {receipt.seed}",
        f"VIP:      {receipt.vip}, moved to {receipt.vip_holder}",
        "Members:  " + ", ".join(f"{one.name} ({one.address})" for one in receipt.members),
    ]
    return "\n".join([*head, "", *_measured(receipt), "", *_compared(receipt), "", *_rehearsed(receipt)]) + "\n"


def _measured(receipt: Receipt) -> list[str]:
    before = receipt.ids_before
    return [
        "Phases:   " + ", ".join(f"{phase} {utc(began)}" for phase, began in receipt.phases.items()),
        f"IDs:      {receipt.ids_changed} changed; compared before and after: "
        + ", ".join(f"{len(ids)} {kind}" for kind, ids in before.items()),
        f"Reboots:  {receipt.node_reboots} nodes rebooted during the hand-off",
        f"Writes:   refused for {receipt.write_pause_seconds} s while control moved",
        *(
            f"API gap:  {gap.api} {gap.longest_seconds} s without an answer at worst; {gap.failed} of {gap.polls} polls failed"
            for gap in receipt.gaps
        ),
    ]


def _compared(receipt: Receipt) -> list[str]:
    return [
        f"Compared and identical on every member, from database transaction {receipt.seqno} on:",
        *(
            f"  {one.database:<12} {one.tables:>4} tables {one.rows:>8} rows  sha256 {one.sha256[:32]}"
            for one in receipt.databases
        ),
        *(f"  image {one.name:<20} {one.size:>12} bytes  sha512 {one.sha512[:32]}" for one in receipt.images),
        *(
            f"  secrets, decrypted with its own keys: {count} {_KINDS.get(kind, kind)}"
            for kind, count in receipt.secrets.items()
        ),
    ]


def _rehearsed(receipt: Receipt) -> list[str]:
    rehearsal = receipt.rehearsal
    return [
        f"Tests by {rehearsal.member} while the seed sent nothing on the network ({rehearsal.seconds} s):",
        *(f"  {name}: {part.said} ({part.seconds} s)" for name, part in rehearsal.parts.items()),
        "",
        f"Remains:  {REMAINS}",
        "Signed:   receipt.json contains the ed25519 signature; every member keeps a copy in /var/lib/seedvm",
    ]
