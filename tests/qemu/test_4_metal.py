"""From real firmware to a running system: Ironic inspects, writes and starts a BIOS and a UEFI machine; one loses power in the write.

The tests are one story and run in this order. Both machines are at work at once, so that each takes its time on a core of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.qemu.laptop import is_root
from tests.qemu.metal import BIOS, UEFI, Metal, metal, plain

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.skipif(not is_root(), reason="namespaces and containers need root"),
]
BOTH = (BIOS, UEFI)
SEED_SECONDS, INSPECT_SECONDS, WRITE_SECONDS, ACTIVE_SECONDS, BOOT_SECONDS = 400.0, 900.0, 900.0, 900.0, 600.0
BEGUN = 200 << 20  # bytes on the disk: the agent is in the middle of the write
TO_REGISTERED = (
    *("seed-network", "preflight", "seed-services", "discover", "credentials", "boot-mac"),
    *("ramdisk", "register", "images"),
)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metal]:
    with metal(tmp_path_factory.mktemp("metal")) as found:
        yield found


def test_seedvm_finds_and_registers_them_in_the_mode_that_their_firmware_boots_in(here: Metal) -> None:
    ended = here.seed("walk", *TO_REGISTERED, timeout=SEED_SECONDS)
    assert ended == {"verdict": "done", "step": None, "error": ""}
    here.says("registered")
    assert {name: node["boots_in"] for name, node in here.seed("look").items()} == {BIOS: "bios", UEFI: "uefi"}


def test_the_agent_tells_their_hardware_by_ipxe_and_the_real_kernel(here: Metal) -> None:
    ended = here.seed("walk", "inspect", timeout=INSPECT_SECONDS)
    here.says("inspected")
    assert ended["verdict"] == "blocked" and "1 of 3 undercloud machines are missing" in ended["error"]
    cables = here.seed("cables")
    for name in BOTH:
        console = plain(here.console(name))
        assert "iPXE" in console and "Run /init as init process" in console
        node = here.node(name)
        assert (node["state"], node["power"], node["error"]) == ("manageable", "power off", "")
        assert cables[name] == [f"metal-switch port-{node['boots_in']}"]
        assert node["properties"]["root_device"] == {"serial": f"METAL{name[-1]}"}
        assert f"boot_mode:{node['boots_in']}" in node["properties"]["capabilities"]
    assert "PXE over IPv4" in plain(here.console(UEFI)) and "SeaBIOS" in plain(here.console(BIOS))


def test_power_is_lost_while_the_agent_writes(here: Metal) -> None:
    here.seed("offer", timeout=300)
    for name in BOTH:
        here.seed("deploy", name)
    here.until(f"{BIOS} writes", lambda: here.written(BIOS) > BEGUN, WRITE_SECONDS, BIOS)
    here.lose_power(BIOS)
    here.until(f"{BIOS} is dark", lambda: here.power(BIOS) == "off", 30)
    assert BEGUN < here.written(BIOS) < golden_bytes(here), "in the middle of the write"
    here.seed("drop", BIOS, timeout=400)
    here.says(f"{BIOS} is free again")
    here.seed("deploy", BIOS)


@pytest.mark.parametrize("name", [UEFI, BIOS])
def test_it_boots_the_golden_image_from_its_own_disk_and_is_what_its_metadata_says(here: Metal, name: str) -> None:
    here.until(f"{name} is active", lambda: active(here, name), ACTIVE_SECONDS, name)
    address = here.node(name)["address"]
    said = here.until(f"{name} answers at {address}", lambda: told(here, address), BOOT_SECONDS, name)
    assert said["manifest"]["hash"] == json.loads((here.spec.images / "golden.json").read_text())["hash"]
    assert said["hostname"] == f"server-{name}"
    assert said["address"] == address
    assert said["uefi"] == ("yes" if name == UEFI else "no")
    assert said["root"].split(",")[0] == "ro"
    assert "agent_token=" not in here.console(name)  # the agent's log goes there


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


def golden_bytes(here: Metal) -> int:
    return (here.spec.images / "golden.raw").stat().st_size
