"""A rack of two toy machines, with the stock clients in front of the BMCs and stock boot servers on the wire."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.rack import control, rack
from seedvm.rack.press import press
from seedvm.rack.sandbox import cgroup, loop, network
from tests.contract.rack.desk import Desk, open_desk, until
from tests.contract.rack.toy_machine import write_disk

SYSTEM = "/redfish/v1/Systems/11111111-2222-3333-4444-555555555501"

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces, loop devices and containers need root"),
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with open_desk(tmp_path_factory.mktemp("rack")) as one:
        yield one


@pytest.fixture
def dark(desk: Desk) -> Iterator[Desk]:
    """All machines off, and no boot device set."""
    for name in ("m1", "m2"):
        rack.order(desk.spec, name, "off")
        control.call(desk.spec.socket(name), {"do": "boot", "device": None, "once": False})
    yield desk
    for name in ("m1", "m2"):
        rack.order(desk.spec, name, "off")


def test_a_rack_comes_up_dark(desk: Desk) -> None:
    found = rack.status(desk.spec)
    assert found.up
    assert [(one.power, one.where, one.pids) for one in found.machines] == [("off", "off", ()), ("off", "off", ())]
    assert not desk.events("m1")


def test_up_again_changes_nothing(desk: Desk) -> None:
    before = sorted(cgroup.pids(cgroup.top() / "rkt"))
    rack.up(desk.spec)
    assert sorted(cgroup.pids(cgroup.top() / "rkt")) == before


def test_ipmitool_reads_the_machines_identity_and_sets_its_boot_device(dark: Desk) -> None:
    assert "11111111-2222-3333-4444-555555555502" in dark.ipmitool("mc", "guid").stdout
    assert "is off" in dark.ipmitool("power", "status").stdout
    dark.ipmitool("chassis", "bootdev", "pxe", "options=persistent")
    shown = dark.ipmitool("chassis", "bootparam", "get", "5").stdout
    assert "Force PXE" in shown and "all future boots" in shown
    dark.ipmitool("chassis", "bootdev", "disk")
    assert "only next boot" in dark.ipmitool("chassis", "bootparam", "get", "5").stdout


def test_ipmitool_with_a_wrong_name_or_password_is_refused(desk: Desk) -> None:
    assert desk.ipmitool("power", "status", password="wrong", check=False).returncode != 0
    assert desk.ipmitool("power", "status", user="nobody", check=False).returncode != 0
    assert desk.ipmitool("power", "status").returncode == 0


def test_another_cipher_suite_is_refused_by_name(desk: Desk) -> None:
    done = desk.ipmitool("-C", "17", "power", "status", check=False)
    assert done.returncode != 0
    assert "no matching cipher suite" in done.stderr.lower()


def test_sessions_that_end_are_given_back(desk: Desk) -> None:
    for _ in range(40):
        desk.ipmitool("power", "status", password="wrong", check=False)
    assert "is off" in desk.ipmitool("power", "status").stdout


def test_pyghmis_own_client_logs_in(dark: Desk) -> None:
    text = "import json; from pyghmi.ipmi.command import Command; c = Command('172.22.1.22', 'admin', 'hush-m2')"
    assert dark.python(f"{text}; print(json.dumps(c.get_power()))") == {"powerstate": "off"}


def test_sushy_reads_and_sets_the_machine_behind_redfish(dark: Desk) -> None:
    text = f"""
import json, sushy, urllib3
urllib3.disable_warnings()
system = sushy.Sushy('https://172.22.1.21', username='admin', password='hush-m1', verify=False).get_system('{SYSTEM}')
found = [system.uuid, system.power_state.value, list(system.ethernet_interfaces.summary)]
system.set_system_boot_options(target=sushy.BOOT_SOURCE_TARGET_PXE, enabled=sushy.BOOT_SOURCE_ENABLED_ONCE)
system.refresh()
print(json.dumps([*found, system.boot.target.value, system.boot.enabled.value, system.boot.mode.value]))
"""
    uuid = "11111111-2222-3333-4444-555555555501"
    assert dark.python(text) == [uuid, "Off", ["52:54:00:aa:00:01"], "Pxe", "Once", "Legacy"]


def test_redfish_opens_its_root_to_all_and_the_rest_to_its_user(desk: Desk) -> None:
    def code(*words: str) -> str:
        curl = ["curl", "-sk", "-m", "10", "-o", "/dev/null", "-w", "%{http_code}", *words]
        return process.run(process.Command(curl, netns=desk.spec.namespace), timeout=20).stdout

    assert code("https://172.22.1.21/redfish/v1/") == "200"
    assert code("https://172.22.1.21/redfish/v1/Systems") == "401"
    assert code("-u", "admin:wrong", "https://172.22.1.21/redfish/v1/Systems") == "401"
    assert code("-u", "admin:hush-m1", "https://172.22.1.21/redfish/v1/Systems") == "200"


def test_a_machine_boots_the_offered_ramdisk_over_dhcp_tftp_and_http(dark: Desk) -> None:
    dark.ipmitool("chassis", "bootdev", "pxe")
    dark.ipmitool("power", "on")
    until("the ramdisk", lambda: dark.booted("m2"))
    assert "ipa-api-url=http://api BOOTIF=52:54:00:aa:00:02" in dark.inside("m2", "cat", "/proc/cmdline")
    shown = json.loads(dark.inside("m2", "lsblk", "-b", "--json", "-oKNAME,SIZE,TYPE,SERIAL"))["blockdevices"]
    assert [(disk["size"], disk["type"], disk["serial"]) for disk in shown] == [(1 << 30, "disk", "RKT2")]
    last = [one["event"] for one in dark.events("m2")][-8:]
    assert last == ["power-on", "dhcp", "tftp", "dhcp", "http", "http", "http", "ramdisk"]
    assert {one.get("stage") for one in dark.events("m2")} >= {"firmware", "ipxe"}


def test_partitions_made_in_the_ramdisk_get_their_nodes(dark: Desk) -> None:
    dark.ipmitool("chassis", "bootdev", "pxe")
    dark.ipmitool("power", "on")
    until("the ramdisk", lambda: dark.booted("m2"))
    disk = dark.inside("m2", "ls", "/sys/block").strip()
    partition = "echo 'label: gpt\n,32M' | sfdisk --quiet --no-reread /dev/$0; ls /dev"
    dark.inside("m2", "bash", "-c", partition, disk)
    process.run(["partx", "--add", f"/dev/{disk}"], timeout=20, check=False)
    until("the node", lambda: f"{disk}p1" in dark.inside("m2", "ls", "/dev").split(), timeout=10)


def test_a_deployed_machine_boots_its_own_disk_sees_its_partitions_restarts_and_switches_itself_off(dark: Desk) -> None:
    disk = dark.spec.folder("m1") / "disk.img"
    loop.wait_free(disk)
    (dark.tree / "restart-once").touch()
    write_disk(dark.tree, disk, dark.scratch)
    restarts = dark.count("m1", "reboot")
    rack.order(dark.spec, "m1", "on")
    until("the restart", lambda: dark.count("m1", "reboot") == restarts + 1)
    until("the second boot", lambda: dark.booted("m1", "disk"))
    name = dark.inside("m1", "ls", "/sys/block").strip()
    until("the nodes", lambda: f"{name}p3" in dark.inside("m1", "ls", "/dev").split(), timeout=10)
    rack.order(dark.spec, "m1", "restart")
    until("the system to restart", lambda: dark.count("m1", "reboot") == restarts + 2)
    until("the third boot", lambda: dark.booted("m1", "disk"))
    rack.order(dark.spec, "m1", "soft")
    until("the power to go", lambda: not rack.is_on(dark.spec, "m1"))
    assert dark.events("m1")[-1] | {"time": ""} == {"time": "", "event": "power-off", "by": "itself"}


def test_a_hard_power_off_ends_everything_at_once_and_pulls_the_cable(dark: Desk) -> None:
    dark.ipmitool("chassis", "bootdev", "pxe")
    dark.ipmitool("power", "on")
    until("the ramdisk", lambda: dark.booted("m2"))
    begin = time.monotonic()
    dark.ipmitool("power", "off")
    assert time.monotonic() - begin < 5
    assert not list(cgroup.pids(cgroup.top() / "rkt/m2/guest"))
    assert "seedvm-rkt-m2" not in network.namespaces("seedvm-rkt")
    assert not list(loop.users(dark.spec.folder("m2") / "disk.img"))


def test_a_machine_without_anything_to_boot_asks_again_until_it_is_switched_off(dark: Desk) -> None:
    (dark.scratch / "served/boot.ipxe").rename(dark.scratch / "served/away")
    try:
        dark.ipmitool("chassis", "bootdev", "pxe")
        asked = dark.count("m2", "dhcp")
        dark.ipmitool("power", "on")
        until("DHCP", lambda: dark.count("m2", "dhcp") >= asked + 2)
        until("the end", lambda: dark.events("m2")[-1]["event"] == "nothing-boots")
    finally:
        (dark.scratch / "served/away").rename(dark.scratch / "served/boot.ipxe")


def test_a_dead_power_supply_refuses_over_both_protocols_until_it_is_mended(dark: Desk) -> None:
    for name in ("m1", "m2"):
        rack.set_supply(dark.spec, name, dead=True)
        with pytest.raises(SeedvmError, match="409" if name == "m1" else "Unspecified error"):
            press(dark.spec, name, "on")
        assert not rack.is_on(dark.spec, name) and dark.events(name)[-1]["event"] == "power-on-refused"
        rack.set_supply(dark.spec, name, dead=False)
        press(dark.spec, name, "on")
        assert rack.is_on(dark.spec, name)


def test_the_button_is_pressed_with_a_password_that_was_changed(dark: Desk) -> None:
    dark.ipmitool("user", "set", "password", "2", "hush-changed")
    try:
        press(dark.spec, "m2", "on")
        assert rack.is_on(dark.spec, "m2")
    finally:
        dark.ipmitool("user", "set", "password", "2", "hush-m2", password="hush-changed")


def test_down_after_kill_9_of_everything_leaves_nothing(desk: Desk) -> None:
    rack.order(desk.spec, "m2", "off")
    desk.ipmitool("chassis", "bootdev", "pxe")
    desk.ipmitool("power", "on")
    until("the ramdisk", lambda: desk.where("m2") == "ramdisk")
    for part in ("m1/supervisor", "m2/supervisor", "m1/bmc"):
        for pid in cgroup.pids(cgroup.top() / "rkt" / part):
            os.kill(pid, signal.SIGKILL)
    assert list(cgroup.pids(cgroup.top() / "rkt/m2/guest")), "the guest outlives its supervisor"
    rack.down(desk.spec)
    assert network.namespaces("seedvm-rkt") == []
    assert not (cgroup.top() / "rkt").exists()
    assert not desk.spec.run.exists()
    assert not list(loop.users(desk.spec.folder("m2") / "disk.img"))
    assert str(desk.spec.state) not in Path("/proc/self/mountinfo").read_text()
    rack.up(desk.spec)
    assert rack.status(desk.spec).up
