"""Machines with real firmware, as the rack starts them: boot by network, restart, power-off; Secure Boot refuses what nobody signed."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.rack.sandbox import vm
from tests.qemu.laptop import is_root, until
from tests.qemu.wire import Wire, wire

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.skipif(not is_root(), reason="namespaces and taps need root"),
]
SECONDS = 240.0
IPXE = Path("/usr/lib/ipxe/snponly.efi")
SHIM, GRUB = Path("/usr/lib/shim/shimx64.efi.signed"), Path("/usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed")


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    with wire(tmp_path_factory.mktemp("wire")) as here:
        yield here


@pytest.mark.parametrize(("do", "reason"), [("restart", "guest-reset"), ("off", "guest-shutdown")])
def test_bios_boots_by_ipxe_and_says_whether_it_restarted_or_went_off(line: Wire, do: str, reason: str) -> None:
    line.offer(do)
    with line.power_on("bios") as boot:
        boot.says("SeaBIOS", "iPXE", f"GUEST RUNS: console=ttyS0 by=pcbios do={do}", seconds=SECONDS)
        assert boot.ends() == reason


def test_uefi_boots_by_its_own_network_stack_and_then_ipxe(line: Wire) -> None:
    line.offer("off")
    shutil.copy(IPXE, line.served / "boot.efi")
    with line.power_on("uefi") as boot:
        boot.says("PXE over IPv4", "iPXE", "GUEST RUNS: ", "by=efi do=off", seconds=SECONDS)
        assert boot.ends() == "guest-shutdown"


def test_secure_boot_refuses_an_unsigned_loader_and_says_so(line: Wire) -> None:
    line.offer("off")
    shutil.copy(IPXE, line.served / "boot.efi")
    with line.power_on("secure") as boot:
        boot.says("Access Denied", seconds=SECONDS)
        assert "iPXE" not in boot.console()


def test_secure_boot_takes_a_chain_that_is_signed_to_the_kernel(line: Wire) -> None:
    shutil.copy(SHIM, line.served / "boot.efi")
    shutil.copy(GRUB, line.served / "grubx64.efi")
    config = "set timeout=0\nmenuentry signed {\n linux /kernel console=ttyS0 by=shim do=off\n initrd /ramdisk\n}\n"
    (line.served / "grub/grub.cfg").write_text(config)
    with line.power_on("secure") as boot:
        boot.says("Secure boot enabled", "by=shim do=off", seconds=SECONDS)
        assert boot.ends() == "guest-shutdown"


def test_lost_power_is_told_long_after_the_start_while_its_memory_still_goes(tmp_path: Path) -> None:
    qmp = tmp_path / "qmp"
    memory = "memory-backend-ram,id=memory,size=1G,prealloc=on"
    words = ["qemu-system-x86_64", "-machine", "none", "-nodefaults", "-display", "none", "-object", memory]
    child = process.spawn([*words, "-qmp", f"unix:{qmp},server=on,wait=off"], log=tmp_path / "console.log")

    def ends(number: int) -> bool:
        return Path("/proc/net/unix").read_text().count(str(qmp)) == number

    try:
        until("QEMU to listen", lambda: ends(1), 30)
        with ThreadPoolExecutor() as pool:
            ended = pool.submit(vm.reason_of_end, qmp, child, seconds=0)
            until("its end to be waited for", lambda: ends(2), 30)
            os.kill(child.pid, signal.SIGKILL)
            assert ended.result(timeout=30) == "killed"
    finally:
        process.stop(child)
