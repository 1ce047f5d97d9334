"""From real firmware to a running system: the seed's Ironic inspects a UEFI machine, writes the golden image to it and starts it.

The tests are one story and run in this order. The machine is emulated: its kernel and its programs take their minutes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.qemu.laptop import is_root
from tests.qemu.metal import UEFI, Metal, metal, plain

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.skipif(not is_root(), reason="namespaces and containers need root"),
]
# Three to four times what they take where the machine has a core of its own.
SEED_SECONDS, INSPECT_SECONDS, ACTIVE_SECONDS, BOOT_SECONDS = 600.0, 900.0, 1200.0, 600.0
TO_REGISTERED = (
    *("seed-network", "preflight", "seed-services", "discover", "credentials", "boot-mac"),
    *("ramdisk", "register", "images"),
)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metal]:
    with metal(tmp_path_factory.mktemp("metal")) as found:
        yield found


def test_seedvm_finds_and_registers_it_in_the_mode_that_its_firmware_boots_in(here: Metal) -> None:
    ended = here.seed("walk", *TO_REGISTERED, timeout=SEED_SECONDS)
    assert ended == {"verdict": "done", "step": None, "error": ""}
    here.says("registered")
    assert here.node(UEFI)["boots_in"] == "uefi"


def test_the_agent_tells_its_hardware_after_a_boot_by_ipxe(here: Metal) -> None:
    ended = here.seed("walk", "inspect", timeout=INSPECT_SECONDS)
    here.says("inspected")
    assert ended["verdict"] == "blocked" and "2 of 3 undercloud machines are missing" in ended["error"]
    console = plain(here.console(UEFI))
    assert "PXE over IPv4" in console and "iPXE" in console and "Run /init as init process" in console
    node = here.node(UEFI)
    assert (node["state"], node["power"], node["error"]) == ("manageable", "power off", "")
    assert node["properties"]["root_device"] == {"serial": "METAL2"}
    assert "boot_mode:uefi" in node["properties"]["capabilities"]


def test_ironic_writes_the_golden_image_and_it_boots_as_its_metadata_says(here: Metal) -> None:
    here.seed("offer", UEFI, timeout=300)
    here.seed("deploy", UEFI)
    here.until("it is active", lambda: active(here, UEFI), ACTIVE_SECONDS, UEFI)
    address = here.node(UEFI)["address"]
    said = here.until(f"it answers at {address}", lambda: told(here, address), BOOT_SECONDS, UEFI)
    assert said["manifest"]["hash"] == json.loads((here.spec.images / "golden.json").read_text())["hash"]
    assert said["hostname"] == f"server-{UEFI}"
    assert said["address"] == address
    assert said["uefi"] == "yes"
    assert said["root"].split(",")[0] == "ro"


def active(here: Metal, name: str) -> bool:
    node = here.node(name)
    assert node["server"] != "ERROR", f"{name}: {node['fault']} {node['error']}"
    return bool(node["server"] == "ACTIVE")


_TOLD = """\
printf '{"manifest": %s, "hostname": "%s", "address": "%s", "uefi": "%s", "root": "%s"}' "$(cat /etc/seedvm-image.json)" "$(hostname)" \
  "$(ip -4 -o addr show dev eth0 | awk '{sub("/.*", "", $4); print $4}')" "$([ -d /sys/firmware/efi ] && echo yes || echo no)" \
  "$(findmnt --noheadings --output OPTIONS --first-only /)"
"""


def told(here: Metal, address: str) -> dict[str, Any]:
    """What the deployed system says of itself; empty until it lets the seed in."""
    said = here.seed("ask", address, "sh", "-c", _TOLD)
    return json.loads(said) if said else {}
