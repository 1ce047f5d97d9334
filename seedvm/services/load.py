"""The declared services where this program runs: from the elements of its checkout, or from the file that the image's build merged.

It refuses declarations that contradict each other or leave out what their element starts, and a program that has neither source.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.services.model import Api, Service, Services, Unit, contradictions

DECLARATION = "service.yaml"
MERGED = Path("/usr/share/seedvm/services.json")
"""In the image: a mapping with the one key `services`, so that os-apply-config's templates see it beside the metadata."""
ELEMENTS = Path(__file__).resolve().parents[2] / "elements"
_STARTED = re.compile(r"(?<![\w@.-])[a-z][\w-]*\.(?:service|timer)\b")


@functools.cache
def installed() -> Services:
    """The services that belong to this program: those of its own checkout, in an image those of the image."""
    if ELEMENTS.is_dir():
        return from_elements(declaring(ELEMENTS))
    try:
        return from_json(MERGED.read_text())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SeedvmError(
            "the service declarations are missing",
            why=f"there is neither {ELEMENTS} nor a readable {MERGED}: {error or type(error).__name__}",
            hint="run seedvm from a source checkout, or from an image that it built",
        ) from error


def declaring(elements: Path) -> tuple[Path, ...]:
    """The folders of the elements that declare a service, sorted."""
    return tuple(sorted(path.parent for path in elements.glob(f"*/{DECLARATION}")))


def from_elements(folders: Iterable[Path]) -> Services:
    """Read and check the declarations of these elements; those without one must start no unit of a service."""
    from seedvm.services.declaration import parse_service  # it reads YAML, which no controller does for a verb

    listed = sorted(folders)
    services = [
        parse_service(folder.name, (folder / DECLARATION).read_text(), f"elements/{folder.name}/{DECLARATION}")
        for folder in listed
        if (folder / DECLARATION).exists()
    ]
    problems = [problem for folder in listed for problem in _undeclared(folder, services)] + contradictions(services)
    if problems:
        raise SeedvmError(
            "the service declarations contradict each other",
            why="\n".join(problems),
            hint="correct service.yaml of the named elements; elements/README.rst documents its keys",
        )
    return Services(tuple(sorted(services, key=lambda one: one.order)))


def to_json(services: Services) -> str:
    """`services` as the image has it: a text that ends in a newline."""
    return json.dumps({"services": [asdict(one) for one in services]}, indent=1) + "\n"


def from_json(text: str) -> Services:
    """`to_json` read again."""
    return Services(
        tuple(
            Service(
                name=str(one["name"]),
                order=int(one["order"]),
                api=Api(**one["api"]) if one["api"] else None,
                databases=tuple(one["databases"]),
                units=tuple(Unit(**unit) for unit in one["units"]),
                masked=tuple(one["masked"]),
                fenced_ports=dict(one["fenced_ports"]),
            )
            for one in json.loads(text)["services"]
        )
    )


def _undeclared(folder: Path, services: Iterable[Service]) -> Iterator[str]:
    """What an element starts or makes on a controller and has not declared."""
    own = next((one for one in services if one.name == folder.name), None)
    units = {unit.name for unit in own.units} if own else set()
    static = folder / "static/etc/systemd/system"
    started = {path.parent.name.removesuffix(".d") for path in static.glob("*.d/controller.conf")}
    for script in folder.glob("os-refresh-config/*/*"):
        for line in script.read_text().splitlines():
            if "apply" in line and not line.lstrip().startswith("#"):
                started |= set(_STARTED.findall(line.partition("/etc/")[0]))
    for name in sorted(started - units):
        yield f"elements/{folder.name} starts {name} but does not declare it"
    for schema in sorted(folder.glob("static/usr/local/libexec/controller/schema.d/*")):
        if own is None or not own.databases:
            yield f"elements/{folder.name} creates the schema {schema.name} but declares no database"
