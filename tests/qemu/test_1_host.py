"""`seedvm host` on a laptop with real libvirt: check, up, status, cable, snapshot, back, down, wipe. The image in these is empty."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.qemu.laptop import FOLDER, Laptop, is_root, laptop, until

pytestmark = [pytest.mark.root, pytest.mark.skipif(not is_root(), reason="namespaces and libvirt need root")]
IMAGE = FOLDER / "image.raw"
STATE = "up", "--image", str(IMAGE), "--ssh-port", "2290"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    with laptop(tmp_path_factory.mktemp("laptop")) as here:
        here.run("sh", "-c", f"truncate -s 64M {IMAGE} && cd {FOLDER} && sha256sum image.raw >image.raw.sha256")
        yield here


@pytest.fixture
def clean(desk: Laptop) -> Iterator[Laptop]:
    """No seed, and the cable in."""
    desk.run("ip", "link", "set", "wall", "up")
    yield desk
    desk.host("wipe", "--yes", "seedvm")
    assert "port0" not in links(desk, "up")


def links(desk: Laptop, *words: str) -> list[str]:
    return [one["ifname"] for one in json.loads(desk.run("ip", "-json", "link", "show", *words).stdout) if one]


def status(desk: Laptop) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(desk.host("status", "--json").stdout)
    return tree


def test_check_names_each_need_and_the_cure_of_what_is_missing(desk: Laptop) -> None:
    done = desk.host("check", "--json", "--memory", "1024")  # other tests use memory at the same time
    needs = {need["name"]: need for need in json.loads(done.stdout)["needs"]}
    assert needs["sleep"]["met"]
    assert needs["rights"]["met"] and needs["programs"]["met"] and needs["libvirt"]["met"]
    assert "UEFI firmware" in needs["libvirt"]["found"]
    assert not needs["virtualisation"]["met"] and not needs["virtualisation"]["must"]
    refused = desk.host("check", "--memory", "99999999", check=False)
    assert refused.returncode == 3
    assert "MISSING  memory" in refused.stdout and "close other programs" in refused.stdout


def test_a_libvirt_that_does_not_answer_is_a_need_with_its_cure(desk: Laptop) -> None:
    done = desk.host("check", "--connect", "qemu+unix:///system?socket=/nowhere", check=False)
    assert done.returncode == 3
    assert "libvirt does not answer" in done.stdout and "systemctl start libvirtd" in done.stdout


def test_up_without_a_port_or_with_one_that_is_not_there_says_which_there_are(clean: Laptop) -> None:
    assert "--port NIC" in clean.host(*STATE, check=False).stderr
    assert "br0, port0, wall" in clean.host(*STATE, "--port", "eth9", check=False).stderr


def test_a_damaged_image_is_refused(clean: Laptop) -> None:
    clean.run("sh", "-c", f"printf x >>{FOLDER}/bad.raw; cp {IMAGE}.sha256 {FOLDER}/bad.raw.sha256")
    done = clean.host("up", "--image", str(FOLDER / "bad.raw"), "--port", "br0", check=False)
    assert done.returncode == 1 and "bad.raw is damaged" in done.stderr
    assert status(clean)["state"] == "absent"


def test_the_network_is_not_changed_without_a_yes_and_is_put_back(clean: Laptop) -> None:
    clean.run("ip", "addr", "add", "192.0.2.7/24", "dev", "port0")
    asked = clean.host(*STATE, "--port", "port0", "--bridge", check=False)
    assert asked.returncode == 3
    assert "create the bridge seedvm0 with port0 in it" in asked.stdout
    assert "seedvm0" not in links(clean)
    clean.host(*STATE, "--port", "port0", "--bridge", "--yes-network")
    assert "port0" in links(clean, "master", "seedvm0")
    assert status(clean)["changed"]
    clean.host("down", "--force")
    assert "seedvm0" not in links(clean)
    shown = json.loads(clean.run("ip", "-json", "addr", "show", "port0").stdout)[0]
    assert [one["local"] for one in shown["addr_info"] if one["scope"] == "global"] == ["192.0.2.7"]
    assert "UP" not in shown["flags"]
    assert status(clean)["changed"] == []
    clean.run("ip", "addr", "del", "192.0.2.7/24", "dev", "port0")


def test_the_seed_comes_up_is_looked_after_and_a_pulled_cable_is_pulled_from_it_too(clean: Laptop) -> None:
    clean.host(*STATE, "--port", "port0", "--bridge", "--yes-network")
    found = status(clean)
    assert (found["state"], found["watched"]) == ("running", True)
    assert found["ports"] == [{"name": "seedvm0", "bridge": True, "cable": True}]
    xml = clean.run("virsh", "dumpxml", "seedvm").stdout
    assert "<cpu mode='custom'" in xml and "OVMF_CODE" in xml and "secure='yes'" not in xml
    port = ElementTree.fromstring(xml).find("./devices/interface/address")
    assert port is not None and port.attrib["bus"] == "0x00", "beside the NAT NIC, and named before it"
    assert int(port.attrib["slot"], 16) < 0x1E
    assert "already" in clean.host(*STATE, "--port", "port0").stdout

    def pulled() -> bool:
        return "<link state='down'/>" in clean.run("virsh", "dumpxml", "seedvm").stdout

    clean.run("ip", "link", "set", "wall", "down")
    until("the cable out of the seed", pulled, 20)
    clean.run("ip", "link", "set", "wall", "up")
    until("the cable in the seed", lambda: not pulled(), 20)
    told = [event.split(" ", 1)[1] for event in status(clean)["events"]]
    assert told[-2:] == [
        "seedvm0: cable disconnected; the seed's NIC follows",
        "seedvm0: cable connected; the seed's NIC follows",
    ]


def test_a_seed_that_does_not_start_leaves_the_network_as_it_was(clean: Laptop) -> None:
    clean.host(*STATE, "--port", "br0")
    taken = clean.host(*STATE, "--port", "port0", "--bridge", "--yes-network", "--name", "second", check=False)
    assert taken.returncode == 1 and "the seed could not be started" in taken.stderr, "both want SSH's port"
    assert "seedvm0" not in links(clean)
    clean.host("wipe", "--name", "second", "--yes", "second")


def test_a_port_is_taken_by_macvtap_where_the_kernel_has_it(clean: Laptop) -> None:
    clean.host(*STATE, "--port", "port0", "--yes-network", check=False)
    xml = clean.run("virsh", "dumpxml", "seedvm").stdout
    assert "<interface type='direct'>" in xml and "<source dev='port0'" in xml
    has = (
        clean.run("sh", "-c", "ip link add link wall name try type macvtap && ip link del try", check=False).returncode
        == 0
    )
    assert status(clean)["state"] == ("running" if has else "off")
    assert ("port0" in links(clean, "up")) == has, "set up for it, and down again where it was in vain"


def test_the_laptop_is_held_awake_while_the_seed_is_on_and_no_longer(clean: Laptop) -> None:
    def held() -> str:
        return clean.run("systemd-inhibit", "--list", "--no-pager").stdout

    assert "seedvm" not in held()
    assert "the laptop stays awake while the seed is on" in clean.host(*STATE, "--port", "br0").stdout
    assert "sleep:idle:handle-lid-switch" in held() and "block" in held()
    assert status(clean)["held_awake"]
    clean.host("down", "--force")
    until("the laptop to be let go", lambda: "seedvm" not in held(), 20)


def test_a_watch_that_was_killed_is_begun_again(clean: Laptop) -> None:
    clean.host(*STATE, "--port", "br0")
    held = "lslocks --noheadings --output PID,PATH | awk '/seedvm.watch.lock/ {print $1}'"
    clean.run("sh", "-c", f"kill -9 $({held})")
    until("the watch to be gone", lambda: not status(clean)["watched"], 20)
    clean.host(*STATE, "--port", "br0")
    assert status(clean)["watched"]


def test_a_snapshot_keeps_the_disk_and_back_throws_away_what_came_after(clean: Laptop) -> None:
    clean.host(*STATE, "--port", "br0")
    first = json.loads(clean.host("snapshot", "--json").stdout)["snapshot"]
    assert status(clean)["state"] == "running"
    refused = clean.host("back", first, "--yes", "seedvm", check=False)
    assert "the seed is running" in refused.stderr
    clean.host("down", "--force")
    top = f"{FOLDER}/seedvm@{first}.qcow2"
    clean.run("qemu-io", "-f", "qcow2", "-c", "write -P 0x5e 1M 64k", top)
    until("another second", lambda: clean.run("date", "-u", "+%Y%m%dT%H%M%SZ").stdout.strip() != first, 5)
    second = json.loads(clean.host("snapshot", "--json").stdout)["snapshot"]
    assert status(clean)["snapshots"] == [first, second]
    assert clean.host("back", first, check=False).returncode == 3, "it asks"
    clean.host("back", first, "--yes", "seedvm")
    assert status(clean)["snapshots"] == [first]
    assert "failed" in clean.run("qemu-io", "-f", "qcow2", "-c", "read -P 0x5e 1M 64k", top, check=False).stdout.lower()
    clean.host(*STATE, "--port", "br0")
    assert status(clean)["state"] == "running"


def test_wipe_asks_names_what_goes_and_leaves_nothing(clean: Laptop) -> None:
    clean.host(*STATE, "--port", "br0")
    asked = clean.host("wipe", check=False)
    assert asked.returncode == 3
    assert f"{FOLDER}/seedvm.qcow2" in asked.stdout and "the VM seedvm (running)" in asked.stdout
    assert status(clean)["state"] == "running"
    clean.host("wipe", "--yes", "seedvm")
    assert status(clean)["state"] == "absent"
    left = clean.run("sh", "-c", f"ls {FOLDER}; ls /var/lib/libvirt/qemu/nvram").stdout
    assert "seedvm" not in left


def test_a_vm_that_is_not_ours_is_never_touched(clean: Laptop) -> None:
    other = (
        "<domain type='qemu'><name>other</name><memory>65536</memory><os><type arch='x86_64'>hvm</type></os></domain>"
    )
    clean.run("sh", "-c", f'echo "{other}" >/run/other.xml && virsh define /run/other.xml')
    done = clean.host("wipe", "--name", "other", "--yes", "other", check=False)
    assert done.returncode == 1 and "not created by seedvm" in done.stderr
    assert "other" in clean.run("virsh", "list", "--all").stdout


def test_a_record_cut_short_by_a_power_loss_is_read_to_its_last_whole_line(tmp_path: Path) -> None:
    from seedvm.host import changes

    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    whole = json.dumps({"boot": boot, "says": "set x up", "do": [], "undo": []})
    old = json.dumps({"boot": "another", "says": "set y up", "do": [], "undo": []})
    record = tmp_path / "record"
    record.write_text(f"{old}\n{whole}\n{whole[:20]}")
    assert changes.pending(record) == ("set x up",)
    assert changes.restore(record) == ("set x up",)
    assert not record.exists()
