"""The appliance boots by UEFI in the VM that `seedvm host up` makes, through power losses, to the wizard on the serial line.

The machine has no KVM for it: everything is emulated and takes its minutes. The tests are one story and run in this order.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pytest

from seedvm import proc
from tests.qemu.console import Console, console
from tests.qemu.laptop import FOLDER, SOURCE, Laptop, is_root, laptop, until

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.skipif(not is_root(), reason="namespaces and libvirt need root"),
]
CURRENT = SOURCE / "build/cache/appliance/current"
KERNEL_SECONDS, WIZARD_SECONDS, KEY_SECONDS = 600.0, 900.0, 180.0
STATE_BEGINS = "becomes the state partition"
SYSTEM_BEGINS = "\x1b[!p"  # systemd resets the console that it takes (DECSTR)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    if not (CURRENT / "seedvm-appliance.raw").exists():
        proc.run([sys.executable, "-m", "seedvm", "image", "appliance"], timeout=3600, cwd=SOURCE)
    with laptop(tmp_path_factory.mktemp("laptop")) as here:
        yield here


@pytest.fixture(scope="module")
def line(desk: Laptop) -> Iterator[Console]:
    with console(desk.scratch, desk.host_words("console")) as window:
        yield window


def up(desk: Laptop) -> None:
    image = CURRENT.resolve() / "seedvm-appliance.raw"
    desk.host("up", "--image", str(image), "--port", "br0", "--memory", "3072", "--ssh-port", "2291", timeout=600)


def lose_power(desk: Laptop, line: Console) -> None:
    """kill -9 of QEMU: what it had not written is lost."""
    desk.run("sh", "-c", "kill -9 $(cat /run/libvirt/qemu/seedvm.pid)")
    until("the power to be gone", lambda: json.loads(desk.host("status", "--json").stdout)["state"] == "off", 60)
    line.close()


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


def test_the_next_power_on_comes_right_and_the_wizard_is_on_the_serial_line(desk: Laptop, line: Console) -> None:
    up(desk)
    line.open()
    line.see("Enter: look at the seed, then describe the site", WIZARD_SECONDS)
    shown = line.screen()
    assert "seedvm turns a rack of dark machines into an OpenStack that stands alone." in shown
    assert shown.isascii()


def test_keys_are_heard_and_the_wizard_says_that_the_images_are_being_put_together(line: Console) -> None:
    line.press("Enter")
    line.see("The seed, as this screen sees it", KEY_SECONDS)
    line.see("[x] images       being put together from this disk", KEY_SECONDS)


def test_the_console_detaches_while_the_seed_goes_on(desk: Laptop, line: Console) -> None:
    line.press("C-]")
    line.hear("the seed goes on without this terminal", 30)
    line.close()
    assert json.loads(desk.host("status", "--json").stdout)["state"] == "running"
    desk.host("wipe", "--yes", "seedvm")
    assert "seedvm" not in desk.run("ls", str(FOLDER)).stdout
