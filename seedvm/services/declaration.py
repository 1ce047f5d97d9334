"""Reads one element's `service.yaml`, strictly: every problem with its line, none left for the image's first boot to find."""

from __future__ import annotations

import re
from collections.abc import Callable

from seedvm.base.errors import InvalidFile
from seedvm.base.yaml_cursor import Cursor, Findings, open_tree
from seedvm.services.model import ROLES, Api, Role, Service, Unit

_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_UNIT = re.compile(r"[a-z][a-z0-9_-]*\.(service|timer)")
_PATH = re.compile(r"(/[A-Za-z0-9._%()/-]*)?")


def parse_service(name: str, text: str, path: str) -> Service:
    """The declaration of element `name`. An InvalidFile holds every problem."""
    findings = Findings()
    root = open_tree(text, findings)
    keys = root.mapping(("order", "units"), ("api", "databases", "masked", "fenced_ports"))
    service = Service(
        name=name,
        order=keys["order"].integer(0, minimum=1),
        api=_api(keys["api"]) if keys["api"].present else None,
        databases=_names(keys["databases"], _NAME, "the name of a database"),
        units=tuple(unit for entry in keys["units"].sequence() if (unit := _unit(entry)) is not None),
        masked=_names(keys["masked"], _UNIT, "a unit's name with its suffix"),
        fenced_ports=_ports(keys["fenced_ports"]),
    )
    if not findings.problems and not service.units:
        keys["units"].problem("must list at least one unit")
    if service.api is not None and not any(unit.role == "server" for unit in service.units):
        keys["api"].problem("needs a unit with role server")
    if findings.problems:
        raise InvalidFile(path, findings.problems)
    return service


def _api(cursor: Cursor) -> Api | None:
    keys = cursor.mapping(("port", "type", "check"), ("path",))
    port = keys["port"].parsed(_port)
    kind = keys["type"].parsed(_matching(_NAME, "a type of the service catalogue"))
    check = keys["check"].parsed(_matching(_PATH, "a path that begins with /"))
    path = keys["path"].parsed(_matching(_PATH, "a path that begins with /"))
    return Api(port, kind, path or "", check) if port and kind and check else None


def _unit(cursor: Cursor) -> Unit | None:
    keys = cursor.mapping(("name", "role", "stop"), ("awaited", "with_vip", "at_boot"))
    name, role = keys["name"].parsed(_matching(_UNIT, "a unit's name with its suffix")), keys["role"].parsed(_role)
    stop = keys["stop"].integer(0, minimum=1)
    flags = [keys[flag].boolean(False) for flag in ("awaited", "with_vip", "at_boot")]
    return Unit(name, role, stop, *flags) if name is not None and role is not None else None


def _ports(cursor: Cursor) -> dict[str, int]:
    found: dict[str, int] = {}
    for entry in cursor.sequence():
        keys = entry.mapping(("name", "port"))
        name, port = keys["name"].parsed(_matching(_NAME, "the name of a port")), keys["port"].parsed(_port)
        if name is not None and port is not None:
            if name in found:
                entry.problem(f"{name} is listed twice")
            found[name] = port
    return found


def _names(cursor: Cursor, pattern: re.Pattern[str], wanted: str) -> tuple[str, ...]:
    found = (entry.parsed(_matching(pattern, wanted)) for entry in cursor.sequence())
    return tuple(name for name in found if name is not None)


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise ValueError(f"'{text}' is not a TCP port (1 to 65535)")
    return int(text)


def _role(text: str) -> Role:
    for role in ROLES:
        if text == role:
            return role
    raise ValueError(f"'{text}' is not a role; valid roles: {', '.join(ROLES)}")


def _matching(pattern: re.Pattern[str], wanted: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(f"'{text}' is not {wanted}")
        return text

    return parse
