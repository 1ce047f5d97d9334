"""Heat: one stack with what it is made of, and the words of a deployment that failed. Policy (when to
create, update or delete) is the steps' part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seedvm.cloud.connection import Cloud, Refused

STACK = "undercloud"
TEMPLATE = "undercloud.yaml"
_NESTED = "undercloud-node.yaml"
_FOLDER = Path(__file__).with_name("templates")


@dataclass(frozen=True)
class Stack:
    """A stack. `status` is like CREATE_IN_PROGRESS; parameters are text as Heat tells them, hidden ones starred."""

    id: str
    name: str
    status: str
    reason: str
    parameters: Mapping[str, str]
    outputs: Mapping[str, Any]

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
    """A resource in the stack or in a stack nested in it; `index` is the node's, None above the nodes."""

    name: str
    kind: str
    status: str
    reason: str
    physical: str
    index: int | None


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
    listed = await cloud.get("orchestration", f"/stacks?name={name}")
    if not listed["stacks"]:
        return None
    found = await cloud.get("orchestration", f"/stacks/{name}/{listed['stacks'][0]['id']}", missing_ok=True)
    if found is None:
        return None
    said = found["stack"]
    return Stack(
        said["id"],
        said["stack_name"],
        said["stack_status"],
        said["stack_status_reason"] or "",
        said["parameters"],
        {one["output_key"]: one.get("output_value") for one in said.get("outputs") or ()},
    )


async def create(
    cloud: Cloud, made_of: Template, parameters: Mapping[str, Any], *, minutes: int, name: str = STACK
) -> None:
    body = _body(made_of, parameters, minutes)
    await cloud.ask("orchestration", "POST", "/stacks", {**body, "stack_name": name, "disable_rollback": True})


async def update(
    cloud: Cloud, stack_: Stack, made_of: Template, parameters: Mapping[str, Any], *, minutes: int
) -> None:
    """Update with the whole template and all parameters: what failed is tried again, what stands and is unchanged stays."""
    await cloud.ask("orchestration", "PUT", f"/stacks/{stack_.name}/{stack_.id}", _body(made_of, parameters, minutes))


async def delete(cloud: Cloud, stack_: Stack) -> None:
    await cloud.ask("orchestration", "DELETE", f"/stacks/{stack_.name}/{stack_.id}", missing_ok=True)


async def resources(cloud: Cloud, stack_: Stack) -> tuple[Resource, ...]:
    """Every resource of the stack and of those nested in it."""
    found = await cloud.get("orchestration", f"/stacks/{stack_.name}/{stack_.id}/resources?nested_depth=3")
    return tuple(
        Resource(
            one["resource_name"],
            one["resource_type"],
            one["resource_status"],
            one.get("resource_status_reason") or "",
            one.get("physical_resource_id") or "",
            _index(one.get("parent_resource")),
        )
        for one in found["resources"]
    )


async def engine_alive(cloud: Cloud) -> bool:
    """Whether some Heat engine's heartbeat is fresh."""
    found = await cloud.get("orchestration", "/services")
    return any(one["status"] == "up" for one in found["services"])


async def deployment_words(cloud: Cloud, deployment: str) -> str:
    """What a node said when its configuration failed: its reason, then the end of its stderr."""
    try:
        found = await cloud.get("orchestration", f"/software_deployments/{deployment}", missing_ok=True)
    except Refused:
        return ""
    if not found:
        return ""
    said = found["software_deployment"]
    outputs = said.get("output_values") or {}
    words = [said.get("status_reason") or "", str(outputs.get("deploy_stderr") or "")[-600:]]
    return "; ".join(word for word in words if word)


def _body(made_of: Template, parameters: Mapping[str, Any], minutes: int) -> dict[str, Any]:
    return {
        "template": made_of.text,
        "files": dict(made_of.files),
        "parameters": dict(parameters),
        "timeout_mins": minutes,
    }


def _index(parent: str | None) -> int | None:
    return int(parent) if parent and parent.isdigit() else None
