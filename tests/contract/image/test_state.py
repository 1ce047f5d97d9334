"""The state of a machine: the golden image's own early boot on disks of every kind, in a mount namespace, without its system."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.image.build import build
from seedvm.rack.firmware import disk as disks
from seedvm.rack.firmware import gpt

CACHE = Path(__file__).parents[3] / "build/cache"
GIB = 1 << 30
BOOT = """
device=$(losetup --find --show --partscan "$1"); trap 'umount --recursive "$2" 2>/dev/null || true; losetup --detach $device' EXIT
partx --update $device
mount -o ro ${device}p3 "$2"
mount --bind /dev "$2/dev"; mount -t proc proc "$2/proc"; mount --rbind /sys "$2/sys"; mount -t tmpfs tmpfs "$2/run"
chroot "$2" /usr/lib/seedvm/state >&2
chroot "$2" bash -euc "$3"
"""

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="loop devices and mounts need root"),
]


class Machine:
    """A disk with the golden image on it."""

    def __init__(self, disk: Path, golden: Path) -> None:
        self.disk = disk
        self.golden = golden
        self.root = disk.with_name("root")
        self.root.mkdir(exist_ok=True)

    def boot(self, command: str = "true", *, check: bool = True) -> process.Completed:
        """The early part of a boot, then `command` in its place."""
        words = ["unshare", "--mount", "--propagation", "private", "bash", "-euc", BOOT, "boot"]
        return process.run([*words, self.disk, self.root, command], timeout=120, check=check)

    def said(self, command: str) -> str:
        return self.boot(command).stdout.strip()

    def partition(self, name: str) -> gpt.DiskPartition | None:
        return next((one for one in gpt.partitions(self.disk) if one.name == name), None)

    def sgdisk(self, *words: str) -> None:
        process.run(["sgdisk", *words, self.disk], timeout=30)

    def place(self, content: Path, at: int) -> None:
        process.run(
            ["dd", f"if={content}", f"of={self.disk}", "bs=1M", "conv=notrunc,sparse", f"seek={at >> 20}"], timeout=60
        )

    def pretend_image(self, name: str) -> None:
        """Another image in the root's place: it differs by its hash and by a file of its own."""
        identity = self.disk.with_name("identity.json")
        identity.write_text(json.dumps({"name": f"seedvm-{name}", "hash": name}))
        root = f"{self.disk}?offset={next(one.start for one in gpt.partitions(self.disk) if one.name == 'root')}"
        orders = f"rm /etc/seedvm-image.json\nwrite {identity} /etc/seedvm-image.json\nwrite {identity} /etc/only-in-{name}\n"
        process.run(["debugfs", "-w", "-f", "-", root], timeout=60, input=orders)


@pytest.fixture(scope="module")
def golden() -> Path:
    return build(CACHE).folder / "golden.raw"


@pytest.fixture
def machine(golden: Path, tmp_path: Path) -> Iterator[Machine]:
    disks.write(golden, tmp_path / "disk.img", 20)
    yield Machine(tmp_path / "disk.img", golden)
    (tmp_path / "disk.img").unlink()


def test_the_first_boot_makes_the_state_of_the_rest_of_the_disk(machine: Machine) -> None:
    assert "the rest of /dev/" in machine.boot().stderr
    state = machine.partition("state")
    assert state is not None
    assert (state.start, state.label) == (6 * GIB, "state")
    assert state.start + state.size > 20 * GIB - (2 << 20)
    assert "the rest of /dev/" not in machine.boot().stderr


def test_what_is_declared_is_kept_and_the_rest_is_forgotten(machine: Machine) -> None:
    machine.boot(
        "echo 1 > /var/lib/mysql/kept; echo 1 > /etc/nova/kept; echo 1 > /root/.ssh/kept;"
        "echo 1 > /var/lib/forgotten; echo 1 > /var/cache/forgotten; echo 1 > /root/forgotten"
    )
    assert machine.said("find / -xdev -name kept; find /etc /var /root -name kept | sort").split() == [
        "/etc/nova/kept",
        "/root/.ssh/kept",
        "/var/lib/mysql/kept",
    ]
    assert machine.said("find /etc /var /root -name forgotten") == ""


def test_outside_state_nothing_can_be_written(machine: Machine) -> None:
    for folder in ("/", "/usr/lib", "/opt/seedvm", "/boot", "/usr/local/bin"):
        refused = machine.boot(f"touch {folder}/new", check=False)
        assert refused.returncode != 0
        assert "Read-only file system" in refused.stderr
    root = next(one for one in gpt.partitions(machine.disk) if one.name == "root")
    here, there = f"skip={root.start},count={root.size}", machine.disk.with_name("root.now")
    for source, target in ((machine.disk, there), (machine.golden, there.with_suffix(".then"))):
        process.run(
            [
                "dd",
                f"if={source}",
                f"of={target}",
                "bs=1M",
                "iflag=skip_bytes,count_bytes",
                "conv=sparse",
                *here.split(","),
            ],
            timeout=120,
        )
    process.run(["cmp", there, there.with_suffix(".then")], timeout=120)


def test_a_folder_of_state_has_its_owner_from_the_image(machine: Machine) -> None:
    shown = "stat --format '%n %U %G %a' /var/lib/mysql /var/lib/rabbitmq /var/lib/os-collect-config /root/.ssh"
    assert machine.said(shown).splitlines() == [
        "/var/lib/mysql mysql mysql 755",
        "/var/lib/rabbitmq rabbitmq rabbitmq 755",
        "/var/lib/os-collect-config root root 700",
        "/root/.ssh root root 700",
    ]


def test_another_image_keeps_the_state_and_forgets_the_rest_of_etc(machine: Machine) -> None:
    before = machine.said(
        "echo 1 > /var/lib/mysql/kept; echo 0123456789abcdef0123456789abcdef > /etc/machine-id; ssh-keygen -q -A >/dev/null;"
        "echo secret > /etc/nova/nova.conf; echo '[Match]' > /etc/systemd/network/10-eth0.network;"
        "ln -s /dev/null /etc/systemd/system/x.service;"
        "ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub"
    )
    machine.pretend_image("feedfeedfeedfeed")
    after = machine.said(
        "cat /var/lib/mysql/kept /etc/machine-id; ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub;"
        "ls /etc/systemd/network /etc/only-in-feedfeedfeedfeed /state/new-image; stat --format %a /etc/ssh/ssh_host_ed25519_key;"
        "grep -c '^secret' /etc/nova/nova.conf || true; [ ! -e /etc/systemd/system/x.service ]; ls /state/etc"
    ).splitlines()
    assert after[:2] == ["1", "0123456789abcdef0123456789abcdef"]
    assert after[2] == before
    assert {"/etc/only-in-feedfeedfeedfeed", "/state/new-image", "10-eth0.network"} <= set(after)
    assert after[-3:] == ["600", "0", "feedfeedfeedfeed"]


def test_power_lost_before_the_file_system_was_whole_begins_it_again(machine: Machine) -> None:
    machine.boot("echo 1 > /var/lib/mysql/of-an-earlier-life")
    state = machine.partition("state")
    assert state is not None
    machine.sgdisk(f"--change-name={state.number}:state-new")
    assert machine.said("ls /var/lib/mysql") == ""
    assert machine.partition("state-new") is None


@pytest.mark.parametrize("kept", ["", "state-new"])
def test_power_lost_anywhere_in_the_first_boot_comes_right_at_the_next(machine: Machine, kept: str) -> None:
    if kept:
        machine.sgdisk("--move-second-header", f"--new=0:{6 * GIB // 512}:0", f"--change-name=0:{kept}")
    assert machine.said("touch /var/lib/mysql/works; ls /var/lib/mysql") == "works"
    assert machine.said("ls /var/lib/mysql") == "works"


def test_a_table_torn_by_power_loss_is_read_from_its_backup(machine: Machine) -> None:
    machine.boot("touch /var/lib/mysql/kept")
    with machine.disk.open("r+b") as file:
        file.seek(512 + 24)
        file.write(b"\xff" * 64)
    mended = machine.boot("ls /var/lib/mysql")
    assert mended.stdout == "kept\n"
    assert "was torn" in mended.stderr
    assert "was torn" not in machine.boot().stderr


def test_a_disk_that_is_just_large_enough_for_root_is_refused_by_name(golden: Path, tmp_path: Path) -> None:
    disks.write(golden, tmp_path / "disk.img", 0)
    process.run(["cp", "--sparse=always", golden, tmp_path / "disk.img"], timeout=120)
    refused = Machine(tmp_path / "disk.img", golden).boot(check=False)
    assert refused.returncode != 0
    assert "has not enough free space for a state partition" in refused.stderr


def test_the_config_drive_is_read_without_the_kernel(machine: Machine, tmp_path: Path) -> None:
    content = tmp_path / "drive/openstack/latest"
    content.mkdir(parents=True)
    (content / "meta_data.json").write_text('{"hostname": "m1"}')
    order = ["xorriso", "-as", "mkisofs", "-quiet", "-R", "-V", "config-2"]
    process.run([*order, "-o", tmp_path / "drive.iso", tmp_path / "drive"], timeout=60)
    machine.sgdisk("--move-second-header", "--new=0:-64M:0")  # as Ironic's agent does
    machine.place(tmp_path / "drive.iso", gpt.partitions(machine.disk)[-1].start)
    seed = "/var/lib/cloud/seed/config_drive"
    assert json.loads(machine.said(f"cat {seed}/openstack/latest/meta_data.json")) == {"hostname": "m1"}
    assert machine.said(f"stat --format %a {seed}") == "700"
    state = machine.partition("state")
    assert state is not None and state.start + state.size <= gpt.partitions(machine.disk)[-1].start


def test_what_was_mounted_at_a_path_before_is_its_state(machine: Machine) -> None:
    """A container of the virtual rack brings the seed's folder in this way."""
    script = BOOT.replace(
        "chroot", 'mount -t tmpfs own "$2/var/lib/seedvm"; echo 1 > "$2/var/lib/seedvm/own"; chroot', 1
    )
    words = ["unshare", "--mount", "--propagation", "private", "bash", "-euc", script, "boot"]
    shown = process.run(
        [*words, machine.disk, machine.root, "stat --file-system --format %T /var/lib/seedvm; ls /var/lib/seedvm"],
        timeout=60,
    )
    assert shown.stdout.split() == ["tmpfs", "own"]
