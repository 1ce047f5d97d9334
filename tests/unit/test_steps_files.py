"""Images are known by their manifests and proven by reading; ARP probes claim nothing; nodes are enrolled as the machines are."""

from __future__ import annotations

import hashlib
import json
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.controller.networkd import network_unit
from seedvm.machines.inventory import KnownMachine
from seedvm.provisioning.images import open_images, proofs, prove
from seedvm.site.accounts import Candidate
from seedvm.steps.register import driver_info, enrolment, node_name
from seedvm.wire.arp import Claim, claim, probe

IMAGES = {"deploy_kernel": "k", "deploy_ramdisk": "r"}
ACCOUNT = Candidate("admin", Secret("swordfish"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = tmp_path / "images"
    images.mkdir()
    content = {"golden.raw": b"g" * 5000, "ramdisk.kernel": b"k" * 10, "ramdisk.initramfs": b"i" * 20}
    sums = {}
    for name, data in content.items():
        (images / name).write_bytes(data)
        sums[name] = {"sha256": hashlib.sha256(data).hexdigest()}
    (images / "golden.json").write_text(json.dumps({"files": {"golden.raw": sums["golden.raw"]}}))
    (images / "ramdisk.json").write_text(
        json.dumps({"files": {name: sums[name] for name in sums if "ramdisk" in name}})
    )
    return images


def test_images_are_proven_once_and_again_when_they_change(folder: Path, tmp_path: Path) -> None:
    files, heard = open_images(folder), list[tuple[int, int]]()
    assert proofs(tmp_path, files) == {}
    proven = prove(tmp_path, files, lambda done, total: heard.append((done, total)))
    assert heard[-1] == (5030, 5030)
    assert proven["golden.raw"].sha512 == hashlib.sha512(b"g" * 5000).hexdigest()
    assert proofs(tmp_path, files) == proven
    (folder / "ramdisk.kernel").write_bytes(b"k" * 11)
    assert set(proofs(tmp_path, files)) == {"golden.raw", "ramdisk.initramfs"}


def test_a_damaged_image_is_named(folder: Path, tmp_path: Path) -> None:
    (folder / "golden.raw").write_bytes(b"x" * 5000)
    with pytest.raises(SeedvmError, match=r"golden\.raw is damaged"):
        prove(tmp_path, open_images(folder), lambda done, total: None)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "ramdisk.json").unlink()
    with pytest.raises(SeedvmError, match=r"does not contain ramdisk\.json"):
        open_images(folder)


def test_a_probe_asks_without_claiming() -> None:
    frame = probe("02:00:00:00:00:01", IPv4Address("172.22.0.5"))
    assert len(frame) == 42
    assert claim(frame) is None


def test_an_answer_claims_its_address() -> None:
    asked = probe("02:00:00:00:00:01", IPv4Address("172.22.0.5"))
    answer = asked[:21] + b"\x02" + bytes.fromhex("02000000000f") + IPv4Address("172.22.0.5").packed + asked[32:]
    assert claim(answer) == Claim("172.22.0.5", "02:00:00:00:00:0f")
    assert claim(answer[:30]) is None


def test_a_redfish_machine_is_enrolled_by_its_system() -> None:
    machine = KnownMachine(
        "172.22.1.21", driver="redfish", redfish_url="https://172.22.1.21", redfish_system="/redfish/v1/Systems/1"
    )
    info = driver_info(machine, ACCOUNT, IMAGES)
    assert info["redfish_system_id"] == "/redfish/v1/Systems/1"
    assert info["redfish_password"] == "swordfish"
    assert info["deploy_kernel"] == "k"


def test_a_node_carries_site_and_bmc_and_nothing_typed() -> None:
    body = enrolment("demo", KnownMachine("172.22.1.22", driver="ipmi", serial="X1"), ACCOUNT, IMAGES)
    assert body["name"] == node_name("demo", "172.22.1.22") == "demo-1-22"
    assert body["extra"] == {"seedvm_site": "demo", "seedvm_bmc": "172.22.1.22", "seedvm_serial": "X1"}
    assert body["driver_info"]["ipmi_username"] == "admin"
    assert body["resource_class"] == "baremetal"


def test_only_the_provisioning_interface_gets_a_gateway() -> None:
    with_route = network_unit("eth0", IPv4Interface("172.22.0.10/24"), "172.22.0.1")
    assert "Address=172.22.0.10/24\nGateway=172.22.0.1\n" in with_route
    assert "Gateway" not in network_unit("eth1", IPv4Interface("172.22.1.10/24"), None)
