"""A rack file is read whole or refused whole, each problem by name and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from seedvm.base.errors import InvalidFile, SeedvmError
from seedvm.rack.faults import Faults
from seedvm.rack.model import RackSpec, made_up_mac, parse_rack

RACK = """\
rack: toy
networks:
  provisioning: {cidr: 172.22.0.0/24, router: 172.22.0.1}
  bmc: {cidr: 172.22.1.0/24, router: 172.22.1.1}
images: images
seed: {name: seed, state: state, binds: [{source: images, target: /srv/seedvm/images, read_only: true}]}
machines:
  - name: m1
    uuid: 11111111-2222-3333-4444-555555555501
    mac: 52:54:00:AA:00:01
    bmc: {protocol: redfish, address: 172.22.1.21, user: admin, password: hush-hush}
    cpus: 2
    memory_mib: 8192
    disk_gib: 20
    serial: TOY1
    faults: {}
"""


def rack(text: str = RACK) -> RackSpec:
    return parse_rack(text, Path("rack.yaml"))


def problems(text: str) -> list[str]:
    with pytest.raises(InvalidFile) as refused:
        rack(text)
    return [str(problem) for problem in refused.value.problems]


def test_a_rack_file_becomes_frozen_types() -> None:
    spec = rack()
    assert (spec.name, spec.namespace) == ("toy", "seedvm-toy")
    assert spec.machines[0].mac == "52:54:00:aa:00:01"
    assert spec.machines[0].memory_mib == 8192
    assert spec.seed is not None and spec.seed.binds[0].read_only
    assert spec.names == ("m1", "seed")


def test_relative_paths_are_those_of_the_current_folder() -> None:
    assert rack().images == Path.cwd() / "images"


def test_the_password_does_not_show_itself() -> None:
    assert "hush-hush" not in repr(rack())


def test_an_unknown_key_is_refused_by_name_and_line() -> None:
    assert problems(RACK.replace("cpus:", "cpu:"))[1].startswith("line 12: machines[0].cpu: unknown key")


def test_a_bmc_outside_of_its_network_is_refused() -> None:
    assert (
        "172.22.9.21 cannot be used for a BMC in 172.22.1.0/24"
        in problems(RACK.replace("172.22.1.21", "172.22.9.21"))[0]
    )


def test_overlapping_networks_are_refused() -> None:
    text = RACK.replace("172.22.1.0/24, router: 172.22.1.1", "172.22.0.0/23, router: 172.22.1.1")
    assert any("overlaps 172.22.0.0/24" in problem for problem in problems(text))


def test_a_multicast_mac_is_refused() -> None:
    assert "not a unicast MAC address" in problems(RACK.replace("52:54:00:AA", "53:54:00:AA"))[0]


def test_what_is_given_twice_is_refused_with_each_thing() -> None:
    second = RACK[RACK.index("  - name: m1") :]
    found = problems(RACK + second)
    assert len(found) == 4
    assert any("the MAC address 52:54:00:aa:00:01 is given twice" in problem for problem in found)


def test_an_unknown_protocol_and_an_unknown_fault_are_refused_together() -> None:
    found = problems(RACK.replace("redfish", "ilo").replace("faults: {}", "faults: {gremlins: true}"))
    assert len(found) == 2


FAULTS = """{wrong_password: true, lock_out: {after: 3, seconds: 600}, lost_packets_percent: 20, sessions: 2, hang: true,
             clock_ahead_seconds: 3600}"""


def test_faults_are_read_as_they_are_ordered() -> None:
    assert rack().machines[0].faults == Faults()
    ordered = rack(RACK.replace("faults: {}", f"faults: {FAULTS}")).machines[0].faults
    assert ordered == Faults(True, 3, 600, 20, 2, True, 3600)
    assert rack(RACK.replace("faults: {}", "faults: {lock_out: {after: 5}}")).machines[0].faults.lock_seconds == 300


@pytest.mark.parametrize(
    "wrong", ["[hang]", "{lock_out: {}}", "{lost_packets_percent: 100}", "{sessions: none}", "{hang: maybe}"]
)
def test_a_fault_that_cannot_be_is_refused(wrong: str) -> None:
    assert len(problems(RACK.replace("faults: {}", f"faults: {wrong}"))) == 1


def test_a_machine_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(SeedvmError, match=r"no machine 'm9'.*its machines: m1"):
        rack().machine("m9")


def test_made_up_addresses_are_local_and_stay_the_same() -> None:
    assert made_up_mac("toy", "m1") == made_up_mac("toy", "m1") != made_up_mac("toy", "m2")
    assert int(made_up_mac("toy", "m1")[:2], 16) & 3 == 2
