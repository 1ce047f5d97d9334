"""A controller's root is replaced by another image's: it configures itself by what it has kept, also when its power is lost in between.

The tests are one story and run in this order. By real firmware and kernel the new image comes up, is itself and lays out its configuration;
the services of a controller take an emulated machine twenty minutes, so that the power is lost then, and the next boot is a container's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.qemu.controller import ADDRESS, VIP, Controller, other_image, same_root, scene, write_root
from tests.qemu.laptop import is_root, until

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.skipif(not is_root(), reason="namespaces and containers need root"),
]
BOOT_SECONDS, LAID_OUT_SECONDS, CONFIGURED_SECONDS, ANSWER_SECONDS = 600.0, 600.0, 600.0, 120.0
OTHER = "feedfeedfeedfeed"
# What is the machine's own, and what the next image is to know.
KEPT = """\
cat /etc/machine-id /etc/hostname /etc/ssh/ssh_host_*.pub /var/lib/seedvm/kept
ls /var/lib/cloud/instances
sha256sum /etc/systemd/network/* /var/lib/os-collect-config/local-data/* /etc/os-collect-config.conf"""
# What an image makes of that.
MADE = "sha256sum /etc/keystone/keystone.conf /etc/keystone/fernet-keys/* /etc/nova/nova.conf /etc/haproxy/haproxy.cfg"
BASE = "mysql -Nse 'select word from kept.one'"
LAID_OUT = "20-os-apply-config completed"
IMAGE = f"ls /state/etc; ls /etc/only-in-{OTHER}; [ ! -e /etc/nova/gone ]"


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with scene(tmp_path_factory.mktemp("controller")) as found:
        yield found


@pytest.fixture(scope="module")
def shown(golden: Path) -> dict[str, str]:
    """What it shows at the end of its first life; then it is off, and the other image's root is on its disk."""
    node = Controller("container")
    node.first_life(golden)
    node.inside(
        "mysql -e \"create database kept; create table kept.one (word text); insert into kept.one values ('kept')\";"
        "echo kept >/var/lib/seedvm/kept; echo gone >/etc/nova/gone"
    )
    found = {script: node.inside(script) for script in (KEPT, MADE, BASE)}
    node.power_off()
    assert same_root(golden, node.disk), "root was written"
    other_image(golden, Path("other.raw"), OTHER)
    write_root(Path("other.raw"), node.disk)
    return found


@pytest.fixture(scope="module")
def node(shown: dict[str, str]) -> Controller:
    """Its second life, by real firmware."""
    machine = Controller("vm")
    machine.power_on()
    return machine


def test_by_real_firmware_it_is_reached_at_its_address_while_nobody_serves_metadata(
    node: Controller, shown: dict[str, str]
) -> None:
    try:
        until("SSH", node.greets, BOOT_SECONDS)
    except AssertionError as error:
        raise AssertionError(f"{error}; last: {node.console()[-3000:]!r}") from error
    assert "SeaBIOS" in node.console() and f"has become {OTHER}" in node.console()
    assert ADDRESS in node.ssh("ip -4 -o address show dev eth0")
    assert node.ssh(KEPT) == shown[KEPT]
    assert node.ssh("findmnt --noheadings --output OPTIONS --first-only /").split(",")[0] == "ro"


def test_it_lays_out_its_configuration_by_the_metadata_that_it_has_kept(
    node: Controller, shown: dict[str, str]
) -> None:
    node.ssh(
        f"journalctl --follow --lines=all --output=cat --unit=seedvm-new-image | grep -q -m 1 '{LAID_OUT}'",
        timeout=LAID_OUT_SECONDS,
    )
    assert node.ssh(MADE) == shown[MADE]
    assert node.ssh(IMAGE) == f"{OTHER}\n/etc/only-in-{OTHER}"


def test_power_is_lost_and_nothing_but_its_state_was_written(node: Controller) -> None:
    node.lose_power()
    assert same_root(Path("other.raw"), node.disk), "root was written"


def test_the_next_boot_goes_on_until_it_is_the_controller_that_it_was(node: Controller, shown: dict[str, str]) -> None:
    after = Controller("container")
    after.settle(CONFIGURED_SECONDS)
    said = "systemctl show --property Result --value seedvm-new-image; systemctl --failed --no-legend --plain"
    assert after.inside(said) == "success", after.inside("journalctl --no-pager --lines=40 --unit=seedvm-new-image")
    assert after.inside("ls /state/new-image 2>/dev/null || true") == ""
    assert {script: after.inside(script) for script in shown} == shown
    assert after.inside(IMAGE) == f"{OTHER}\n/etc/only-in-{OTHER}"
    until("Keystone", lambda: "identity-v3" in after.from_outside(f"http://{VIP}:5000/v3"), ANSWER_SECONDS)
    assert after.ssh("hostname") == "undercloud-0"
    after.power_off()
    assert same_root(Path("other.raw"), after.disk), "root was written"
