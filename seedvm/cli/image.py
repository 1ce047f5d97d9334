"""The command image: golden image, deploy ramdisk, appliance, and the folder that a build without the network takes from."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from seedvm.cli.common import EXIT_DONE, EXIT_FAILED, Commands, answer, require_checkout, say

if TYPE_CHECKING:
    from seedvm.image.build import ImageSet

CACHE = Path("build/cache")


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    parser = commands.add_parser(
        "image", parents=[shared], help="build the golden image, the deploy ramdisk and the appliance"
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    build = verbs.add_parser("build", parents=[shared], help="build the images that are missing or out of date")
    build.set_defaults(handler=_build)
    appliance = verbs.add_parser(
        "appliance", parents=[shared], help="build the seed as a disk image: raw, qcow2, manifest, SBOM"
    )
    appliance.add_argument("--arch", default="amd64", help="architecture (default amd64)")
    appliance.set_defaults(handler=_appliance)
    for verb in (build, appliance):
        verb.add_argument("--force", action="store_true", help="build from scratch")
        verb.add_argument("--offline", type=Path, metavar="DIR", help="take packages only from this mirror")
    mirror = verbs.add_parser(
        "mirror", parents=[shared], help="build from scratch and keep every download, for --offline"
    )
    mirror.add_argument(
        "folder", type=Path, metavar="DIR", help="folder of the mirror; files already in it are not downloaded again"
    )
    mirror.set_defaults(handler=_mirror)
    compare = verbs.add_parser("compare", parents=[shared], help="list the differences between two builds")
    compare.add_argument("first", type=Path, metavar="A", help="folder of images or of an appliance")
    compare.add_argument("second", type=Path, metavar="B", help="the folder to compare it with")
    compare.set_defaults(handler=_compare)
    verbs.add_parser(
        "status", parents=[shared], help="show the current images and whether they are up to date"
    ).set_defaults(handler=_status)


def _build(args: argparse.Namespace) -> int:
    require_checkout("seedvm image build")
    say(str(_images(args)))
    return EXIT_DONE


def _images(args: argparse.Namespace) -> ImageSet:
    from seedvm.image.build import build
    from seedvm.image.offline import served

    with contextlib.ExitStack() as stack:
        environment = stack.enter_context(served(args.offline)) if args.offline else {}
        return build(CACHE, on_progress=say, force=args.force, environment=environment)


def _appliance(args: argparse.Namespace) -> int:
    require_checkout("seedvm image appliance")
    from seedvm.image import appliance

    appliance.refuse_foreign(args.arch)
    made = appliance.make(_images(args), CACHE, on_progress=say)
    for line in made.lines():
        say(line)
    return EXIT_DONE


def _mirror(args: argparse.Namespace) -> int:
    require_checkout("seedvm image mirror")
    from seedvm.image import mirror
    from seedvm.image.build import build

    with mirror.filling(args.folder, say) as environment:
        images = build(CACHE, on_progress=say, force=True, environment=environment)
    say(str(images))
    say(mirror.weigh(args.folder))
    return EXIT_DONE


def _compare(args: argparse.Namespace) -> int:
    from seedvm.image.compare import compare

    found = compare(args.first, args.second)
    if args.json:
        answer(found.as_json())
    else:
        for line in found.lines():
            say(line)
    return EXIT_DONE if found.same else EXIT_FAILED


def _status(args: argparse.Namespace) -> int:
    require_checkout("seedvm image status")
    from seedvm.image.build import status

    found = status(CACHE)
    if args.json:
        answer(found.as_json())
    else:
        for line in found.lines():
            say(line)
    return EXIT_DONE
