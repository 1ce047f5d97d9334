"""The appliance boots by UEFI in the VM that `seedvm host up` makes, through power losses, to the wizard on the serial line.

The wizard is used, the images are put together, and the next start goes on where it was. The machine has no KVM for it: everything
is emulated and takes its minutes. The tests are one story and run in this order.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.rack.firmware import gpt
from tests.qemu.appliance import KERNEL_SECONDS, STATE_BEGINS, SYSTEM_BEGINS, raw_image
from tests.qemu.console import Console, console
from tests.qemu.laptop import FOLDER, SOURCE, Laptop, is_root, laptop, until

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.skipif(not is_root(), reason="namespaces and libvirt need root"),
]
GOLDEN = SOURCE / "build/cache/images/current/golden.raw"
WIZARD_SECONDS, KEY_SECONDS, IMAGES_SECONDS = 900.0, 180.0, 900.0
SSH_PORT = 2291
# What is the machine's own, and what the operator has told it.
OWN = """cat /etc/machine-id /etc/ssh/ssh_host_*.pub; cd /var/lib/seedvm; cat site.yaml; sha256sum secrets.yaml
stat --format '%n %i %s %y' /srv/seedvm/images/*"""


class Story:
    """What the first start told, for the second."""

    password = ""
    own = ""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    raw_image()
    with laptop(tmp_path_factory.mktemp("laptop")) as here:
        yield here


@pytest.fixture(scope="module")
def line(desk: Laptop) -> Iterator[Console]:
    with console(desk.scratch, desk.host_words("console")) as window:
        yield window


@pytest.fixture(scope="module")
def story() -> Story:
    return Story()


def up(desk: Laptop) -> None:
    desk.host(
        "up", "--image", str(raw_image()), "--port", "br0", "--memory", "3072", "--ssh-port", str(SSH_PORT), timeout=600
    )


def state(desk: Laptop) -> str:
    return str(json.loads(desk.host("status", "--json").stdout)["state"])


def lose_power(desk: Laptop, line: Console) -> None:
    """kill -9 of QEMU: what it had not written is lost."""
    desk.run("sh", "-c", "kill -9 $(cat /run/libvirt/qemu/seedvm.pid)")
    until("the power to be gone", lambda: state(desk) == "off", 60)
    line.close()


def shown_password(line: Console) -> str:
    found = re.search(r"SSH +root, password ([a-z2-9-]{19}) ", line.screen())
    assert found is not None, line.screen()
    return found[1]


def test_power_is_lost_while_the_state_partition_is_made(desk: Laptop, line: Console) -> None:
    up(desk)
    line.open()
    line.hear(STATE_BEGINS, KERNEL_SECONDS)
    lose_power(desk, line)


def test_power_is_lost_during_the_first_boot(desk: Laptop, line: Console) -> None:
    up(desk)
    line.open()
    before = len(line.said())
    line.hear(SYSTEM_BEGINS, KERNEL_SECONDS, since=before)
    lose_power(desk, line)


def test_the_next_power_on_comes_right_and_the_wizard_is_on_the_serial_line(
    desk: Laptop, line: Console, story: Story
) -> None:
    up(desk)
    line.open()
    line.see("Enter: check the seed, then describe the site", WIZARD_SECONDS)
    shown = line.screen()
    assert "seedvm turns a rack of bare-metal machines into a self-contained OpenStack." in shown
    assert shown.isascii()
    story.password = shown_password(line)


def test_the_wizard_says_that_the_images_are_being_put_together(line: Console) -> None:
    line.press("Enter")
    line.see("The seed, as seen by this wizard", KEY_SECONDS)
    line.see("[x] images       being assembled from this disk", KEY_SECONDS)


def test_the_site_is_described_by_keys(line: Console) -> None:
    line.press("F10")
    line.see("Site name", KEY_SECONDS)
    line.stands_on("Site name", KEY_SECONDS)
    line.type("cellar")
    line.press("Tab", "Tab")
    line.stands_on("Provisioning network", KEY_SECONDS)
    line.type("10.20.0.0/24")
    line.press("F7")
    line.see("10.20.0.11, 10.20.0.12", KEY_SECONDS)
    line.press(*["Tab"] * 11)
    line.stands_on("BMC address ranges", KEY_SECONDS)
    line.type("10.20.0.201-10.20.0.209")
    line.press("F10")
    line.see("F5 scans 9 addresses", KEY_SECONDS)
    line.press("F10")
    line.stands_on("Add: user", KEY_SECONDS)
    line.type("operator")
    line.press("Enter")
    line.stands_on("password", KEY_SECONDS)
    line.type("hush-in-the-cellar")
    line.press("Enter")
    line.see("1. operator  ****", KEY_SECONDS)
    assert "hush" not in line.said()


def test_the_images_are_put_together_and_nothing_failed(desk: Laptop, story: Story) -> None:
    waited = desk.ssh(SSH_PORT, story.password, "systemctl is-system-running --wait", timeout=IMAGES_SECONDS)
    failed = desk.ssh(SSH_PORT, story.password, "systemctl --failed --no-legend --plain").stdout
    assert (waited.stdout.strip(), failed) == ("running", "")
    told = desk.ssh(SSH_PORT, story.password, OWN)
    assert told.returncode == 0, told.stderr
    story.own = told.stdout
    assert "site: cellar" in story.own and "/srv/seedvm/images/golden.json" in story.own


def test_the_console_detaches_while_the_seed_goes_on(desk: Laptop, line: Console) -> None:
    line.press("C-]")
    line.hear("the seed keeps running without this terminal", 30)
    line.close()
    assert state(desk) == "running"


def test_the_golden_image_that_it_put_together_is_the_one_that_was_built(desk: Laptop, tmp_path: Path) -> None:
    desk.host("down")
    assert state(desk) == "off"
    disk = tmp_path / "disk.raw"
    desk.run("qemu-img", "convert", "-O", "raw", str(FOLDER / "seedvm.qcow2"), str(disk), timeout=600)
    places = {one.name: one for one in gpt.partitions(disk)}
    with GOLDEN.open("rb") as golden, disk.open("rb") as written:
        for stream in (golden, written):
            stream.seek(places["root"].start)
        for _ in range(places["root"].size >> 20):
            assert golden.read(1 << 20) == written.read(1 << 20), "root was written"
    script = """device=$(losetup --find --show --read-only --offset "$1" "$2"); trap 'umount "$3"; losetup --detach $device' EXIT
mount -t ext4 -o ro,noload $device "$3"; sha256sum <"$3/images/golden.raw" """
    point = tmp_path / "state"
    point.mkdir()
    words = ["unshare", "--mount", "--propagation", "private", "bash", "-euc", script, "state"]
    told = process.run([*words, str(places["state"].start), disk, point], timeout=300).stdout
    with GOLDEN.open("rb") as golden:
        assert told.split()[0] == hashlib.file_digest(golden, "sha256").hexdigest()
    disk.unlink()


def test_the_second_start_goes_on_where_it_was(desk: Laptop, line: Console, story: Story) -> None:
    up(desk)
    line.open()
    line.see("Enter: start the engine and see the progress", WIZARD_SECONDS)
    assert "described, not started" in line.screen()
    password = shown_password(line)
    assert password != story.password
    assert desk.ssh(SSH_PORT, story.password, "true").returncode != 0, "the password of the start before"
    told = desk.ssh(SSH_PORT, password, OWN)
    assert told.stdout == story.own
    desk.host("wipe", "--yes", "seedvm")
    assert "seedvm" not in desk.run("ls", str(FOLDER)).stdout
