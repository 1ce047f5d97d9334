"""The undercloud's template: what it takes is what the step gives, and no server depends on what the hand-off changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from seedvm.cloud.heat import template


@pytest.fixture(scope="module")
def outer() -> dict[str, Any]:
    return dict(yaml.safe_load(template().text))


@pytest.fixture(scope="module")
def node() -> dict[str, Any]:
    return dict(yaml.safe_load(template().files["undercloud-node.yaml"]))


def parameters_of(tree: object) -> Iterator[str]:
    """Every parameter that a piece of a template reads."""
    if isinstance(tree, dict):
        if "get_param" in tree:
            wanted = tree["get_param"]
            yield wanted if isinstance(wanted, str) else wanted[0]
        for value in tree.values():
            yield from parameters_of(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from parameters_of(value)


def test_every_parameter_is_declared_and_used(outer: dict[str, Any], node: dict[str, Any]) -> None:
    for tree in (outer, node):
        used = set(parameters_of([tree["resources"], tree.get("conditions"), tree["outputs"]]))
        assert used == set(tree["parameters"])


def test_the_group_gives_a_node_exactly_what_it_takes(outer: dict[str, Any], node: dict[str, Any]) -> None:
    given = outer["resources"]["controllers"]["properties"]["resource_def"]["properties"]
    assert set(given) == set(node["parameters"])


def test_no_server_or_port_depends_on_membership_or_metadata(node: dict[str, Any]) -> None:
    for name in ("server", "port"):
        assert not {"members", "shared"} & set(parameters_of(node["resources"][name]))
        assert '"get_resource": "metadata"' not in json.dumps(node["resources"][name])


def test_whatever_holds_secrets_is_hidden(outer: dict[str, Any], node: dict[str, Any]) -> None:
    for tree, names in ((outer, ("shared", "with_seed", "without_seed")), (node, ("shared", "members"))):
        assert all(tree["parameters"][name]["hidden"] for name in names)


def test_nodes_signal_through_heat_and_configure_again_on_update(node: dict[str, Any]) -> None:
    configured = node["resources"]["configured"]["properties"]
    assert configured["signal_transport"] == "HEAT_SIGNAL"
    assert configured["actions"] == ["CREATE", "UPDATE"]
    assert node["resources"]["server"]["properties"]["software_config_transport"] == "POLL_SERVER_HEAT"
