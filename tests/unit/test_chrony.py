"""Time on the provisioning network: the seed's own, then the controllers'; a clock that is far off is named before the nodes join."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pystache
import pytest

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.cloud.ssh import SshHost
from seedvm.handoff.members import Members
from seedvm.member.status import MemberStatus
from seedvm.provisioning.metadata import Tree, node_tree, seed_tree
from seedvm.site import limits
from seedvm.site.model import Site
from seedvm.site.secrets_file import draft_secrets
from seedvm.steps.join import clocks_apart, set_clocks
from tests.contract.handoff.wire import Told

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


class Remembered:
    """How members are reached: what was run on each."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, str]] = []

    async def verb(self, machine: SshHost, verb: str, request: object = None, *, timeout: float = 60) -> object:
        raise SeedvmError("no verb is wanted", machine=machine.name)

    async def run(self, machine: SshHost, argv: Sequence[str], **_: Any) -> process.Completed:
        self.ran.append((machine.name, " ".join(argv)))
        raise SeedvmError("the connection is lost", machine=machine.name)

    def forget_host_keys(self) -> None: ...


def test_a_member_whose_clock_is_off_sets_it_again_once(site: Site, tmp_path: Path) -> None:
    reached = Remembered()
    members = Members(site, draft_secrets(tmp_path / "secrets.yaml"), tmp_path, connect=lambda _: reached)
    name = members.nodes[1].name
    missing = clocks_apart({"seed": status(1000.0), name: status(1040.0)}, 1000.0, 1005.0)
    corrected: set[str] = set()
    log = Told()
    for _ in range(2):
        asyncio.run(
            set_clocks(members, [*missing, f"{members.nodes[0].name}: RabbitMQ runs on no member"], corrected, log)
        )
    assert reached.ran == [(name, "systemctl restart chrony.service")]
    assert log.lines == ["its clock is set again, from the seed's"]


def test_the_operators_watch_and_the_seeds_clock_may_be_two_minutes_apart() -> None:
    assert limits.watch(1000.0, 1100.0) is None and limits.watch(1000.0, 900.0) is None
    trouble = limits.watch(0.0, 86_400.0)
    assert (
        trouble is not None
        and trouble.what == "the seed's clock says 1970-01-01 00:00 UTC, and you say 1970-01-02 00:00 UTC"
    )
    assert limits.spoken("2026-11-30 16:40") == 1796056800.0
    with pytest.raises(ValueError, match="time"):
        limits.spoken("teatime")
