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


def page(receipt: Receipt, key: str = "") -> str:
    """The whole page; `key` is the fingerprint of the site's receipt key."""
    head = [
        f"RECEIPT of site {receipt.site}",
        "",
        f"    {receipt.verdict}",
        "",
        f"The laptop may leave: {'yes' if receipt.may_leave else 'no'}",
        "",
        f"Why:      {receipt.why}",
        f"Seed:     {receipt.seed}",
        f"VIP:      {receipt.vip}, moved to {receipt.vip_holder or 'a node that is not known any more'}",
        "Members:  " + ", ".join(f"{one.name} ({one.address})" for one in receipt.members),
    ]
    parts = (
        _doubted(receipt),
        _measured(receipt),
        _compared(receipt),
        _rehearsed(receipt),
        _to_do(receipt),
        _signed(receipt, key),
    )
    return "\n".join([*head, *(line for part in parts if part for line in ("", *part))]) + "\n"


def _doubted(receipt: Receipt) -> list[str]:
    """Each doubt, and whose word there is on it."""
    words = {word.name: word for word in receipt.accepted}
    lines = []
    for one in receipt.doubts:
        word = words.get(one.name)
        lines.append(f"Doubt:    {one.name}: {one.what}")
        lines.append(f"          {one.why}")
        lines.append(
            f"          accepted by {word.by} at {word.time}" if word else f"          not accepted; {one.hint}"
        )
    return lines


def _measured(receipt: Receipt) -> list[str]:
    before, owned, pause = receipt.quiesced, receipt.owned, receipt.write_pause_seconds
    return [
        "Begun:    " + ", ".join(f"{phase} {utc(began)}" for phase, began in receipt.phases.items()),
        f"IDs:      {owned.ids_changed} changed or gone; compared before and after: "
        + (", ".join(f"{len(ids)} {kind}" for kind, ids in before.ids.items()) if before else "none"),
        f"Reboots:  {owned.node_reboots} nodes rebooted during the hand-off",
        "Writes:   " + ("not measured" if pause is None else f"refused for {pause} s while control moved"),
        *(
            f"API gap:  {gap.api} {gap.longest_seconds} s without an answer at worst; {gap.failed} of {gap.polls} polls failed"
            for gap in owned.gaps
        ),
    ]


def _compared(receipt: Receipt) -> list[str]:
    found = receipt.compared
    if found is None:
        return ["Compared: not known any more"]
    return [
        f"Compared and identical on every member, from database transaction {found.seqno} on:",
        *(
            f"  {one.database:<12} {one.tables:>4} tables {one.rows:>8} rows  sha256 {one.sha256[:32]}"
            for one in found.databases
        ),
        *(f"  image {one.name:<20} {one.size:>12} bytes  sha512 {one.sha512[:32]}" for one in found.images),
        *(
            f"  secrets, decrypted with its own keys: {count} {_KINDS.get(kind, kind)}"
            for kind, count in found.secrets.items()
        ),
        *(f"  Ironic node {one} has no BMC password: nothing to decrypt" for one in found.without_password),
    ]


def _rehearsed(receipt: Receipt) -> list[str]:
    rehearsal = receipt.rehearsal
    return [
        f"Tests by {rehearsal.member} while the seed sent nothing on the network ({rehearsal.seconds} s):",
        *(f"  {name}: {part.said} ({part.seconds} s)" for name, part in rehearsal.parts.items()),
        "",
        f"Remains:  {REMAINS}",
    ]


def _to_do(receipt: Receipt) -> list[str]:
    """What is to be done before the laptop goes; nothing of it while it may not."""
    if not receipt.may_leave:
        return []
    return [
        "Before the laptop goes:",
        "  [ ] keep this receipt, receipt.json and clouds.yaml; each controller has them in /var/lib/seedvm",
        "  [ ] keep the recovery key: it opens the secrets that each controller keeps sealed",
        "  [ ] switch off: the seed does it by itself; its VM: seedvm host down",
        "  [ ] clear up: seedvm host wipe",
        "  [ ] pull the laptop's cables, to the provisioning network and to the BMCs",
    ]


def _signed(receipt: Receipt, key: str) -> list[str]:
    return [
        f"Signed:   receipt.json, ed25519, by the site's key {key or 'in receipt.pub'}",
        f"          and by {len(receipt.evidence)} members with their own keys; each keeps a copy in /var/lib/seedvm",
        f"Verify:   seedvm receipt verify receipt.json --key {key or 'FINGERPRINT'} (on any machine)",
    ]
