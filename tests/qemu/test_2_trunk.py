"""Tagged VLANs on emulated cards under Debian's kernel: this machine's may have no 8021q, and a veth filters nothing as cards do."""

from __future__ import annotations

import json
from importlib import util
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.image.build import build
from seedvm.wire import slp
from tests.contract.scan.trunk_guest import BMC
from tests.qemu.laptop import SOURCE, is_root, until

pytestmark = [
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.skipif(not is_root(), reason="building the image needs root"),
]
SECONDS = 400.0
LINK_LOCAL, MAC = "fe80::21", "52:54:00:aa:00:01"
# What the scan imports and the ramdisk's Python lacks; what is compiled in them is for this machine's Python, and left out there.
COMPILED = ("aiohttp", "multidict", "yarl", "propcache", "frozenlist")
LIBRARIES = (*COMPILED, "scapy", "aiosignal", "aiohappyeyeballs", "attr", "attrs", "idna", "typing_extensions")
INIT = f"""\
#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin PYTHONPATH=/guest PYTHONDONTWRITEBYTECODE=1
export {" ".join(f"{name.upper()}_NO_EXTENSIONS=1" for name in COMPILED)}
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev; mount -t tmpfs tmp /tmp
modprobe e1000; modprobe ipv6 2>/dev/null; ip link set lo up
for line in all.accept_dad=0 default.accept_dad=0; do sysctl -qw "net.ipv6.conf.$line"; done
cd /guest; python3 -m tests.contract.scan.trunk_guest /guest/plan.json </dev/null 2>&1; cat /tmp/far.log
echo GUEST ENDS; sync; poweroff -ff
"""


def ramdisk(folder: Path, images: Path) -> Path:
    """The deploy ramdisk, and behind it what the guest runs: the kernel unpacks one archive over the other."""
    guest = folder / "root/guest"
    (guest / "tests").mkdir(parents=True)
    for name in ("seedvm", "tests/contract", "tests/__init__.py"):
        process.run(["cp", "-r", SOURCE / name, guest / name], timeout=60)
    for name in LIBRARIES:
        source = util.find_spec(name)
        assert source is not None and source.origin is not None
        origin = Path(source.origin)
        process.run(["cp", "-r", origin.parent if origin.name == "__init__.py" else origin, guest], timeout=60)
    key, cert = guest / "key.pem", guest / "cert.pem"
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=bmc-test", "-days", "3000"]
    process.run(["openssl", *words, "-keyout", key, "-out", cert], timeout=60)
    host = {"ipmi": "00112233445566778899aabbccddee21", "redfish": "92384634-2938-2342-8820-489239905421"}
    plan = {"mac": MAC, "hosts": [{"address": one, **host} for one in (BMC, LINK_LOCAL)], "services": True}
    plan |= {"key": "/guest/key.pem", "cert": "/guest/cert.pem", "slp_v6": slp.group_v6("service:ipmi")}
    (guest / "plan.json").write_text(json.dumps(plan))
    (folder / "root/begin").write_text(INIT)
    (folder / "root/begin").chmod(0o755)
    whole = folder / "whole"
    pack = 'cat "$1/ramdisk.initramfs" >"$0"; truncate --size=%512 "$0"; find . | cpio --create --format=newc --quiet >>"$0"'
    process.run(process.Command(["sh", "-c", pack, whole, images], cwd=folder / "root"), timeout=60)
    return whole


def test_a_vlan_of_a_trunk_is_heard_made_scanned_and_taken_away(tmp_path: Path) -> None:
    images = (SOURCE / "build/cache/images/current").resolve()
    if not (images / "ramdisk.kernel").exists():
        images = build(SOURCE / "build/cache").folder
    words: list[str | Path] = [
        "qemu-system-x86_64",
        "-machine",
        "q35,accel=tcg",
        "-cpu",
        "Nehalem,-cx16,vendor=AuthenticAMD",
        "-m",
        "2048",
        "-display",
        "none",
        "-no-reboot",
    ]
    words += ["-kernel", images / "ramdisk.kernel", "-initrd", ramdisk(tmp_path, images), "-serial", "stdio"]
    words += ["-append", "console=ttyS0 quiet panic=-1 rdinit=/begin net.ifnames=0"]
    for number in (0, 1):
        words += ["-netdev", f"hubport,hubid=1,id=port{number}"]
        words += ["-device", f"e1000,netdev=port{number},mac=52:54:00:aa:00:1{number}"]
    log = tmp_path / "console"
    machine = process.spawn(words, log=log)
    try:
        until("the guest to end", lambda: machine.poll() is not None, SECONDS)
    finally:
        process.stop(machine)
    console = log.read_text(errors="replace")
    said = next((line for line in console.splitlines() if line.startswith("TRUNK ")), "")
    assert said, console[-3000:]
    trunk = json.loads(said.removeprefix("TRUNK "))
    near = f"{LINK_LOCAL}%near0.20"
    assert trunk["heard"] == {"vlan": ["30"], "address": ["10.0.30.9"]}
    assert {"ipmi-2.0", "redfish", "SSDP answer", "SLP reply", "mDNS answer"} <= set(trunk["scan"]["found"][near])
    assert (trunk["scan"]["made"], trunk["scan"]["left"]) == (True, False)
    assert trunk["untagged"] == {}
    assert list(trunk["tagged"]) == [BMC]
    assert {"ipmi-2.0", "redfish", "ARP reply"} <= set(trunk["tagged"][BMC])
