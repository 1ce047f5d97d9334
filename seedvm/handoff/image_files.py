"""Every image that Glance lists: its file on every node, by SHA-512."""

from __future__ import annotations

from seedvm.base.errors import SeedvmError
from seedvm.cloud.client import Client
from seedvm.cloud.connection import in_thread
from seedvm.engine.step import Report
from seedvm.handoff import compare, services
from seedvm.handoff.members import Members
from seedvm.handoff.services import ListedImage
from seedvm.member import verbs
from seedvm.member.images import ImagesRequest


class OnTheWay(SeedvmError):
    """A node does not have a file yet; it fetches what it lacks."""

    passing = True


async def compared(
    members: Members, api: Client, report: Report, known: tuple[ListedImage, ...] = ()
) -> tuple[ListedImage, ...]:
    """The images of now, each the same on every node. Where Glance lists just those that are `known` to be, no file is read again."""
    wanted = await in_thread(lambda: services.images(api))
    if known and sorted(wanted, key=_id) == sorted(known, key=_id):
        return wanted
    held = await members.ask(verbs.IMAGES, ImagesRequest(), timeout=600)
    wanted = tuple(one for one in wanted if one.sha512)  # one that is being uploaded has none, and is in flight
    reference = {one.id: one.sha512 for one in wanted}
    found = {
        name: {image: item.sha512 for image, item in files.items() if image in reference}
        for name, files in held.items()
    }
    if different := compare.differences({"Glance": reference, **found}):
        damaged = any(
            files.get(image, sha512) != sha512 for files in found.values() for image, sha512 in reference.items()
        )
        raise (SeedvmError if damaged else OnTheWay)(
            "image files differ",
            why="; ".join(different[:5]),
            hint="on the node: systemctl start glance-image-sync",
        )
    report.fact("images_compared", f"{len(wanted)} on {len(found)} nodes")
    return wanted


def _id(one: ListedImage) -> str:
    return one.id
