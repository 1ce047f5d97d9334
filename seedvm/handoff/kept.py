"""What the undercloud must know of itself once the seed is gone: files that every controller keeps, proven by their content.

It refuses to take a name for a content: a file that was changed on the seed since counts as not kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

import yaml

from seedvm.cloud.connection import CloudAccess
from seedvm.handoff.members import Members, NodeAnswers
from seedvm.member import verbs
from seedvm.member.notes import KeepRequest, KeptRequest

FILES = ("site.yaml", "secrets.yaml", "inventory.json", "review.json", "confirmed.json", "accepted.json")


def contents(members: Members) -> dict[str, str]:
    """Name -> text, as it is on the seed now. All of it arrives 0600."""
    folder = members.state_dir
    found = {name: (folder / name).read_text() for name in FILES if (folder / name).is_file()}
    access = CloudAccess(members.vip, members.secrets.generated.admin_password)
    key = members.secrets.generated.ssh_private_key.reveal()
    return {
        **found,
        "clouds.yaml": yaml.safe_dump(access.clouds(), sort_keys=False),
        "site_key": key.rstrip("\n") + "\n",
    }


async def keep(members: Members, also: Mapping[str, str] | None = None) -> NodeAnswers[dict[str, str]]:
    """Store it all, and what else is given, on every controller that answers."""
    files = KeepRequest({**contents(members), **(also or {})})
    return await members.hear_most(verbs.KEEP, lambda _: files)


async def lacking(members: Members, also: Mapping[str, str] | None = None) -> list[str]:
    """Names of files that some controller does not keep as they are here; one that is silent is a doubt of its own."""
    there = {**contents(members), **(also or {})}
    wanted = {name: sha256(text.encode()).hexdigest() for name, text in there.items() if text}
    heard = await members.ask_most(verbs.KEPT, KeptRequest(tuple(wanted)))
    return sorted({name for files in heard.values() for name, one in wanted.items() if files.get(name) != one})
