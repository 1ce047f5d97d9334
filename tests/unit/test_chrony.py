"""Time on the provisioning network: the seed's own, then the controllers'; a clock that is far off is named before the nodes join."""

from __future__ import annotations

from pathlib import Path

import pystache
import pytest

from seedvm.base import process
from seedvm.member.status import MemberStatus
from seedvm.provisioning.metadata import Tree, node_tree, seed_tree
from seedvm.site.model import Site
from seedvm.site.secrets_file import draft_secrets
from seedvm.steps.join import clocks_apart

CHRONY = Path(__file__).parents[2] / "elements/chrony"


def servers(metadata: Tree, folder: Path) -> list[str]:
    """Whom a member with this metadata follows, after its configuration's own script."""
    conf, env = folder / "chrony.conf", folder / "node.env"
    conf.write_text(pystache.render((CHRONY / "os-apply-config/etc/chrony/chrony.conf").read_text(), metadata))
    node, cluster = metadata["node"], metadata["cluster"]
    assert isinstance(node, dict) and isinstance(cluster, dict)
    env.write_text(f"NODE_ADDRESS={node['address']}\nBOOTSTRAP={node['bootstrap']}\nVIP={cluster['vip']}\n")
    script = (CHRONY / "os-refresh-config/configure.d/26-chrony").read_text()
    for name, path in (("/etc/controller/node.env", env), ("/etc/chrony/chrony.conf", conf)):
        script = script.replace(name, str(path))
    process.run(["bash", "-c", script.replace("/usr/local/libexec/controller/", "true ")], timeout=20)
    lines = [line.split() for line in conf.read_text().splitlines()]
    return [words[1] for words in lines if words and words[0] == "server"]


def test_the_seed_follows_no_node_and_a_node_follows_all_others(site: Site, tmp_path: Path) -> None:
    secrets = draft_secrets(tmp_path / "secrets.yaml")
    assert servers(seed_tree(site, secrets), tmp_path) == []
    joined = node_tree(site, secrets, 1, seed_is_member=True)
    assert servers(joined, tmp_path) == ["172.22.0.10", "172.22.0.11", "172.22.0.13"]
    alone = node_tree(site, secrets, 1, seed_is_member=False)
    assert servers(alone, tmp_path) == ["172.22.0.11", "172.22.0.13"]


def status(clock: float | None) -> MemberStatus:
    return MemberStatus("node", "1", {}, clock=clock)


@pytest.mark.parametrize(("clock", "words"), [(980.0, "20 s behind"), (1025.0, "20 s ahead of")])
def test_a_clock_that_is_off_is_named_with_its_cure(clock: float, words: str) -> None:
    (found,) = clocks_apart({"seed": status(1002.0), "undercloud-1": status(clock)}, 1000.0, 1005.0)
    assert found == f"undercloud-1: its clock is {words} the seed's; on it: systemctl restart chrony"


def test_how_long_the_answer_took_is_no_skew_and_an_older_member_has_no_clock() -> None:
    assert clocks_apart({"a": status(1000.1), "b": status(1008.9), "c": status(None)}, 1000.0, 1009.0) == []
