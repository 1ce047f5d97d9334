"""What the undercloud must hold once the seed is gone: files that every controller keeps from JOIN on, proven by their content.

What is secret is in one file that the site's recovery key alone opens (seedvm.site.sealed): root of a controller has the rest. It refuses
to take a name for a content: a file that was changed on the seed since counts as not kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

import yaml

from seedvm.cloud.connection import CloudAccess
from seedvm.handoff.members import Members, NodeAnswers
from seedvm.member import verbs
from seedvm.member.notes import KeepRequest, KeptRequest
from seedvm.site import sealed

FILES = ("site.yaml", "inventory.json", "review.json", "confirmed.json", "accepted.json")
_GONE = ("secrets.yaml", "site_key")  # in the open on the controllers of older versions


def contents(members: Members) -> dict[str, str]:
    """Name -> text, as it is on the seed now. All of it arrives 0600."""
    folder, generated = members.state_dir, members.secrets.generated
    found = {name: (folder / name).read_text() for name in FILES if (folder / name).is_file()}
    access = CloudAccess(members.vip, generated.admin_password)
    return {
        **found,
        "clouds.yaml": yaml.safe_dump(access.clouds(), sort_keys=False),
        sealed.FILE: sealed.sealed(folder, members.site.name, generated.recovery_key),
    }


async def keep(members: Members, also: Mapping[str, str] | None = None) -> NodeAnswers[dict[str, str]]:
    """Store it all, and what else is given, on every controller that answers."""
    files = KeepRequest({**contents(members), **(also or {})}, gone=_GONE)
    return await members.hear_most(verbs.KEEP, lambda _: files)


async def lacking(members: Members, also: Mapping[str, str] | None = None) -> list[str]:
    """Names of files that some controller does not keep as they are here; one that is silent is a doubt of its own."""
    there = {**contents(members), **(also or {})}
    wanted = {name: sha256(text.encode()).hexdigest() for name, text in there.items() if text}
    heard = await members.ask_most(verbs.KEPT, KeptRequest((*wanted, *_GONE)))
    lacking = {name for files in heard.values() for name, one in wanted.items() if files.get(name) != one}
    return sorted(lacking | {name for files in heard.values() for name in _GONE if name in files})
