"""What `seedvm top` shows is what the controllers' own sockets, HAProxy, Galera and the APIs say, with one of them down too."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.base.tcp import tcp_open
from seedvm.base.typed_json import encode
from seedvm.cloud.connection import CloudAccess, write_clouds
from seedvm.monitor import peers
from seedvm.monitor.collect import Collector
from seedvm.monitor.model import MemberSample
from seedvm.monitor.sampler import PATH, Sampler
from seedvm.monitor.verdict import verdict
from seedvm.monitor.words import page
from tests.contract.cloud.cloud_http import VIP
from tests.contract.handoff.lab import Lab, in_a_lab
from tests.contract.handoff.machine import Machine


def sampled(lab: Lab, machine: Machine, missing: dict[str, str] | None = None) -> MemberSample:
    """A sample, taken on that machine as the unit takes it."""
    sample: MemberSample = lab.do(machine, lambda: Sampler(machine.address, VIP, lambda: missing or {}).take())
    return sample


def handed_over(lab: Lab) -> Collector:
    """The seed has gone, its site is the nodes'."""
    lab.seed.units("mariadb.service", state="inactive")
    process.run(["systemctl", "stop", "keepalived.service"], timeout=20)
    for proxy in lab.haproxy.values():
        proxy.servers = tuple(node.name for node in lab.nodes)
    for number, node in enumerate(lab.cloud.nodes.values(), 21):
        node.update(
            driver="ipmi",
            maintenance=False,
            properties={},
            extra={"seedvm_site": "demo", "seedvm_bmc": f"172.22.1.{number}"},
        )
    return Collector(lab.site, lab.state_dir, lab.secrets.generated.admin_password, frozenset())


@contextlib.contextmanager
def serving(lab: Lab, nodes: int = 3) -> Iterator[None]:
    """The unit's own command on the first `nodes`, which serves the sample that is there (it takes none where it is not told the VIP)."""
    with contextlib.ExitStack() as stack:
        for node in lab.nodes[:nodes]:
            access = CloudAccess(VIP, lab.secrets.generated.admin_password)

            def put(node: Machine = node, access: CloudAccess = access) -> process.Child:
                Path("/etc/openstack").mkdir(exist_ok=True)
                write_clouds(access, Path("/etc/openstack/clouds.yaml"))
                Path("/run/ready.json").write_text(json.dumps({"address": node.address}))
                return process.spawn(
                    ["seedvm", "member", "ready", "--request", "/run/ready.json"], log=Path("/run/ready.log")
                )

            stack.callback(process.stop, node.do(put))
        deadline = time.monotonic() + 60
        while not all(tcp_open(node.address, 9200) for node in lab.nodes[:nodes]):
            assert time.monotonic() < deadline, (lab.nodes[0].run / "ready.log").read_text()
        yield


@contextlib.contextmanager
def foreign_server(address: str, body: bytes) -> Iterator[None]:
    """Somebody on the wire who repeats what a controller once said."""

    class Parrot(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header(peers.PROOF, self.headers.get(peers.PROOF, ""))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with HTTPServer((address, 9200), Parrot) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield
        served.shutdown()


@in_a_lab
async def test_a_healthy_undercloud_is_seen_whole(lab: Lab) -> None:
    top = handed_over(lab)
    for node in lab.nodes:
        sampled(lab, node)
    with serving(lab):
        seen = await top.snapshot()
    assert [(one.name, one.sample is not None) for one in seen.members] == [(node.name, True) for node in lab.nodes]
    assert seen.holder == lab.nodes[0].name
    first = seen.samples[0]
    assert first.database is not None and first.database.members == 3 and first.database.size == 229_000_000
    assert first.queue == tuple(sorted(node.name for node in lab.nodes)) and not first.broken
    assert all(answers[-1].good for answers in (*first.apis.values(), *first.through_vip.values()))
    assert {one.member for one in first.backends} == {node.name for node in lab.nodes} and all(
        one.up for one in first.backends
    )
    assert [one.server for one in seen.cloud.machines if one.controller]
    judged = verdict(seen)
    assert judged.margin == "3 of 3 nodes: one may fail" and not [one for one in judged.needs if one.bad]
    assert "ALL WELL" in page(seen, judged, 100)[1]


@in_a_lab
async def test_a_member_that_is_down_is_named_with_the_time_since_when_and_the_rest_is_shown(lab: Lab) -> None:
    top = handed_over(lab)
    for node in lab.nodes:
        sampled(lab, node)
    lab.link(lab.nodes[2], "down")
    lab.nodes[2].units("mariadb.service", state="inactive")
    for node in lab.nodes[:2]:
        lab.haproxy[node.name].away = {lab.nodes[2].name: 240}
        sampled(lab, node)
    with serving(lab, 2):
        seen = await top.snapshot()
    away = seen.members[2]
    assert away.sample is None and away.why and away.since is not None and 230 < seen.at - away.since < 300
    judged = verdict(seen)
    assert judged.margin == "2 of 3 nodes: none may fail" and not judged.well
    told = "\n".join(page(seen, judged, 100))
    assert "undercloud-2  does not answer, since" in told and "(4 min)" in told
    changes = [one.what for one in seen.samples[0].changes]
    assert "the database cluster has 2 members, it had 3" in changes
    assert any("services down, as" in one for one in changes)


@in_a_lab
async def test_a_broken_part_is_named_and_breaks_no_other(lab: Lab) -> None:
    top = handed_over(lab)
    lab.galera[lab.nodes[1].name].gone = True
    lab.haproxy[lab.nodes[1].name].down = True
    lab.galera[lab.nodes[2].name].component = "non-Primary"
    for node in lab.nodes:
        sampled(lab, node, {"nova": "RabbitMQ does not answer"} if node is lab.nodes[0] else None)
    with serving(lab):
        seen = await top.snapshot()
    assert set(seen.samples[1].broken) == {"database", "haproxy"} and seen.samples[1].queue is not None
    needs = {(one.where, one.what.partition(":")[0]) for one in verdict(seen).needs}
    assert (lab.nodes[1].name, "no database") in needs
    assert (lab.nodes[2].name, "its database is outside the majority") in needs
    assert (lab.nodes[0].name, "nova is not ready") in needs
    assert verdict(seen).margin == "1 of 3 nodes: no majority"


@in_a_lab
async def test_samples_are_bounded_private_and_outlive_a_restart_of_the_unit(lab: Lab) -> None:
    handed_over(lab)
    node = lab.nodes[0]
    first = sampled(lab, node)
    again = sampled(lab, node)  # another Sampler, as after a restart
    assert len(again.apis["keystone"]) == 2 and again.apis["keystone"][0] == first.apis["keystone"][0]
    path = node.run / "seedvm/monitor.json"
    assert path.stat().st_mode & 0o777 == 0o600
    full = json.loads(path.read_text())
    for name in ("apis", "through_vip"):
        full[name] = {service: answers * 45 for service, answers in full[name].items()}
    path.write_text(json.dumps(full))
    longest = sampled(lab, node)
    assert {len(answers) for answers in longest.apis.values()} == {90}
    assert len(json.dumps(encode(longest))) < 80_000
    (node.run / "seedvm/monitor.json").write_text("{")
    assert len(sampled(lab, node).apis["keystone"]) == 1


@in_a_lab
async def test_without_a_login_top_still_shows_this_controller(lab: Lab) -> None:
    handed_over(lab)
    sampled(lab, lab.seed)
    mine = Collector(lab.site, lab.state_dir, None, frozenset({lab.nodes[0].address}), PATH)
    seen = await mine.snapshot()
    assert seen.here == lab.nodes[0].name and seen.members[0].sample is not None
    assert {one.why for one in seen.members[1:]} == {"this machine has no admin login to ask it with"}
    assert seen.cloud.silent


@in_a_lab
async def test_who_does_not_hold_the_admin_password_is_told_nothing(lab: Lab) -> None:
    handed_over(lab)
    node = lab.nodes[0]
    sampled(lab, node)
    password = lab.secrets.generated.admin_password
    with serving(lab):
        assert peers.ask(node.address, 9200, password, seconds=20).host
        with pytest.raises(SeedvmError, match="only controllers of this undercloud"):
            peers.ask(node.address, 9200, Secret("another"), seconds=20)
        seen = await Collector(lab.site, lab.state_dir, Secret("another"), frozenset()).snapshot()
        assert {one.sample for one in seen.members} == {None} and {"machines", "tenants"} <= set(seen.cloud.silent)
    counter = peers.Counter(node.run / "seedvm/monitor.json", clouds=lab.state_dir / "clouds.yaml")
    write_clouds(CloudAccess(VIP, password), lab.state_dir / "clouds.yaml")
    heard = peers.question(password)
    assert counter.answer(*heard)[0] == 200
    assert counter.answer(*heard)[0] == 403, "what was overheard opens nothing again"


@in_a_lab
async def test_who_answers_without_the_password_is_no_controller(lab: Lab) -> None:
    handed_over(lab)
    node = lab.nodes[0]
    sampled(lab, node)
    with serving(lab):
        sample = (node.run / "seedvm/monitor.json").read_bytes()
    with foreign_server(lab.seed.address, sample), pytest.raises(SeedvmError, match="not a controller"):
        peers.ask(lab.seed.address, 9200, lab.secrets.generated.admin_password, seconds=20)
