"""Heat: one stack with what it is made of, and the words of a deployment that failed. Policy (when to
create, update or delete) is the steps' part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seedvm.base.errors import SeedvmError
from seedvm.base.item import Item
from seedvm.cloud.connection import Cloud, Refused
from seedvm.foreign.text import shown

STACK = "undercloud"
TEMPLATE = "undercloud.yaml"
_WORDS = 1000  # characters of a reason, which quotes what Nova and Ironic were told
_NESTED = "undercloud-node.yaml"
_FOLDER = Path(__file__).with_name("templates")


@dataclass(frozen=True)
class Stack:
    """A stack. `status` is like CREATE_IN_PROGRESS; parameters are text as Heat tells them, hidden ones starred; `servers` are the ids
    of the nodes' servers, empty until there are any."""

    id: str
    name: str
    status: str
    reason: str
    parameters: Mapping[str, str]
    servers: tuple[str, ...] = ()

    @property
    def settled(self) -> bool:
        return not self.status.endswith("IN_PROGRESS")

    @property
    def complete(self) -> bool:
        return self.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "CHECK_COMPLETE")

    @property
    def seed_is_member(self) -> bool:
        return self.parameters.get("seed_is_member", "true").lower() in ("true", "1", "yes", "on", "t", "y")


@dataclass(frozen=True)
class Resource:
    """A resource in the stack or in a stack nested in it; `index` is the node's, None above the nodes; `path` is its own in Heat's API."""

    name: str
    kind: str
    status: str
    reason: str
    physical: str
    index: int | None
    path: str = ""


@dataclass(frozen=True)
class Template:
    """A template with the files that it names."""

    text: str
    files: Mapping[str, str]


def template() -> Template:
    """The undercloud's template."""
    return Template((_FOLDER / TEMPLATE).read_text(), {_NESTED: (_FOLDER / _NESTED).read_text()})


async def stack(cloud: Cloud, name: str = STACK) -> Stack | None:
    """The stack of that name, None where there is none."""
    listed = await cloud.list_all("heat", f"/stacks?name={name}", "stacks")
    found = await cloud.find("heat", f"/stacks/{name}/{listed[0].text('id')}") if listed else None
    if found is None:
        return None
    said = found.item("stack")
    parameters, outputs = said.item("parameters").tree, said.items("outputs") if said.has("outputs") else ()
    return Stack(
        said.text("id"),
        said.text("stack_name"),
        said.text("stack_status"),
        shown(said.text("stack_status_reason", ""), _WORDS),
        {key: str(value) for key, value in parameters.items()},
        next((_ids(one.tree.get("output_value")) for one in outputs if one.text("output_key") == "servers"), ()),
    )


async def create(
    cloud: Cloud, made_of: Template, parameters: Mapping[str, object], *, minutes: int, name: str = STACK
) -> None:
    body = _body(made_of, parameters, minutes)
    await cloud.send("POST", "heat", "/stacks", {**body, "stack_name": name, "disable_rollback": True})


async def update(
    cloud: Cloud, stack_: Stack, made_of: Template, parameters: Mapping[str, object], *, minutes: int
) -> None:
    """Update with the whole template and all parameters: what failed is tried again, what stands and is unchanged stays."""
    await cloud.send("PUT", "heat", f"/stacks/{stack_.name}/{stack_.id}", _body(made_of, parameters, minutes))


async def delete(cloud: Cloud, stack_: Stack) -> None:
    await cloud.delete("heat", f"/stacks/{stack_.name}/{stack_.id}")


async def resources(cloud: Cloud, stack_: Stack) -> tuple[Resource, ...]:
    """Every resource of the stack and of those nested in it."""
    found = await cloud.list_all("heat", f"/stacks/{stack_.name}/{stack_.id}/resources?nested_depth=3", "resources")
    return tuple(
        Resource(
            one.text("resource_name"),
            one.text("resource_type"),
            one.text("resource_status"),
            shown(one.text("resource_status_reason", ""), _WORDS),
            one.text("physical_resource_id", ""),
            _index(one.text("parent_resource", "")),
            _path(one),
        )
        for one in found
    )


async def mark_unhealthy(cloud: Cloud, resource: Resource, why: str) -> None:
    """The stack's next update makes this resource again, also where nothing of its properties has changed."""
    if not resource.path:
        raise SeedvmError(
            "Heat did not say where a resource is",
            why=resource.name,
            hint="openstack stack resource list -n 3 undercloud",
        )
    body = {"mark_unhealthy": True, "resource_status_reason": shown(why, 250)}
    await cloud.send("PATCH", "heat", resource.path, body)


async def engine_alive(cloud: Cloud) -> bool:
    """Whether some Heat engine's heartbeat is fresh."""
    return any(one.text("status") == "up" for one in await cloud.list_all("heat", "/services", "services"))


async def deployment_words(cloud: Cloud, deployment: str) -> str:
    """What a node said when its configuration failed: its reason, then the end of its stderr."""
    try:
        found = await cloud.find("heat", f"/software_deployments/{deployment}")
    except Refused:
        return ""
    if found is None:
        return ""
    said = found.item("software_deployment")
    words = (said.text("status_reason", ""), said.item("output_values").text("deploy_stderr", "")[-600:])
    return "; ".join(filter(None, (shown(word, _WORDS) for word in words)))


def _ids(value: object) -> tuple[str, ...]:
    """The ids in an output: while the nodes are made it is null, or a list with nulls in it."""
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _body(made_of: Template, parameters: Mapping[str, object], minutes: int) -> dict[str, object]:
    return {
        "template": made_of.text,
        "files": dict(made_of.files),
        "parameters": dict(parameters),
        "timeout_mins": minutes,
    }


def _path(resource: Item) -> str:
    """`/stacks/NAME/ID/resources/NAME` of the stack that holds it, from the resource's link to itself."""
    links = resource.items("links") if resource.has("links") else ()
    href = next((one.text("href", "") for one in links if one.text("rel", "") == "self"), "")
    return href[href.index("/stacks/") :] if "/stacks/" in href else ""


def _index(parent: str) -> int | None:
    return int(parent) if parent.isdigit() else None
