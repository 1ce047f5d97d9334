"""Seed and nodes get the same keys; one parameter switches all nodes from one view of the cluster to the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedvm.provisioning.metadata import node_tree, seed_tree, stack_metadata
from seedvm.site.model import Site
from seedvm.site.secrets_file import Secrets, draft_secrets


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    return draft_secrets(tmp_path / "secrets.yaml")


def test_seed_and_nodes_have_the_same_keys(site: Site, secrets: Secrets) -> None:
    seed, node = seed_tree(site, secrets), node_tree(site, secrets, 0, seed_is_member=True)
    assert set(seed) == set(node) == {"seedvm", "node", "cluster", "network", "secrets"}
    for part in seed:
        assert set(seed[part]) == set(node[part])


def test_the_seed_makes_the_cluster_and_knows_itself_alone(site: Site, secrets: Secrets) -> None:
    tree = seed_tree(site, secrets)
    assert tree["node"] == {
        "name": "seed",
        "address": "172.22.0.10",
        "interface": "eth0",
        "priority": 150,
        "bootstrap": True,
    }
    assert tree["cluster"]["galera_address"] == "gcomm://"
    assert (
        tree["cluster"]["rabbit_nodes"] == tree["cluster"]["backends"] == [{"name": "seed", "address": "172.22.0.10"}]
    )
    assert tree["cluster"]["galera_hosts"] == "172.22.0.10,172.22.0.11,172.22.0.12,172.22.0.13"
    assert tree["cluster"]["seed_is_member"]


def test_nodes_join_the_seed_and_forget_it(site: Site, secrets: Secrets) -> None:
    joined = node_tree(site, secrets, 1, seed_is_member=True)["cluster"]
    alone = node_tree(site, secrets, 1, seed_is_member=False)["cluster"]
    assert joined["galera_address"] == "gcomm://172.22.0.10,172.22.0.11,172.22.0.12,172.22.0.13"
    assert alone["galera_address"] == "gcomm://172.22.0.11,172.22.0.12,172.22.0.13"
    assert "172.22.0.10" not in str(alone)
    assert joined["backends"] == alone["backends"] == joined["rabbit_nodes"]
    assert [one["name"] for one in joined["backends"]] == [
        "demo-undercloud-0",
        "demo-undercloud-1",
        "demo-undercloud-2",
    ]


def test_every_node_has_a_name_an_address_and_a_priority_below_the_seeds(site: Site, secrets: Secrets) -> None:
    nodes = [node_tree(site, secrets, index, seed_is_member=True)["node"] for index in range(3)]
    assert [one["address"] for one in nodes] == ["172.22.0.11", "172.22.0.12", "172.22.0.13"]
    assert [one["priority"] for one in nodes] == [100, 90, 80]
    assert not any(one["bootstrap"] for one in nodes)


def test_the_generation_changes_with_what_the_nodes_are_told(site: Site, secrets: Secrets) -> None:
    parts = stack_metadata(site, secrets)
    assert parts.with_seed["seedvm"]["generation"] != parts.without_seed["seedvm"]["generation"]
    assert parts == stack_metadata(site, secrets)


def test_everybody_has_the_same_network_and_secrets(site: Site, secrets: Secrets) -> None:
    seed, node = seed_tree(site, secrets), node_tree(site, secrets, 2, seed_is_member=False)
    assert seed["network"] == node["network"]
    assert seed["network"]["netmask"] == "255.255.255.0"
    assert seed["secrets"] == node["secrets"]
    assert seed["secrets"]["fernet_keys"][1]["index"] == "1"
