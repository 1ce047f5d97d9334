"""A list that comes in lands where discovery and the stage credentials look, or is refused whole by row and column."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest

from seedvm.base.errors import InvalidFile
from seedvm.base.secret import Secret
from seedvm.cli import main
from seedvm.machines import inventory
from seedvm.machines.import_export import LISTED, give, take
from seedvm.machines.inventory import KnownMachine
from seedvm.machines.lists.write import write
from seedvm.site.accounts import Candidate
from seedvm.site.model import Site
from seedvm.site.secrets_file import load_accounts, load_candidates, store_candidates, store_proven
from tests.rules.test_linters import ROOT
from tests.terminal import Tmux

LIST = """\
Server;BMC IP;User;Password;Boot MAC
n1;172.22.1.21;admin;horse-1;52-54-00-AA-00-01
n2;172.22.1.22;root;horse-2;"52:54:00:aa:00:02 52:54:00:aa:00:03"
n3;172.22.1.23;;;
"""
ONE = "address,user,password,mac\n172.22.1.21,admin,{password},{mac}\n"


def problems(text: str, site: Site, state_dir: Path) -> list[str]:
    with pytest.raises(InvalidFile) as caught:
        take(text.encode(), "list.csv", site, state_dir)
    return [str(one) for one in caught.value.problems]


def test_a_list_lands_where_discovery_will_use_it(site: Site, state_dir: Path) -> None:
    inventory.save(state_dir, inventory.Inventory(("172.22.1.21-172.22.1.26",)))
    taken = take(LIST.encode("utf-8-sig"), "list.csv", site, state_dir)
    assert (taken.machines, len(taken.new), taken.several) == (3, 3, ("172.22.1.22",))
    known = inventory.load(state_dir)
    assert known.ranges == ()  # nothing counts as scanned: discovery looks for what came in
    first, second, third = known.machines
    assert (first.name, first.boot_mac, first.boot_mac_source, first.silent) == (
        "n1",
        "52:54:00:aa:00:01",
        LISTED,
        True,
    )
    assert (second.boot_mac, second.macs) == (None, ("52:54:00:aa:00:02", "52:54:00:aa:00:03"))
    assert third.macs == ()
    assert load_accounts(state_dir / "secrets.yaml") == {
        "172.22.1.21": Candidate("admin", Secret("horse-1")),
        "172.22.1.22": Candidate("root", Secret("horse-2")),
    }


def test_passwords_are_in_the_secrets_file_alone(site: Site, state_dir: Path) -> None:
    store_candidates(state_dir / "secrets.yaml", (Candidate("old", Secret("kept")),))
    take(LIST.encode(), "list.csv", site, state_dir)
    assert load_candidates(state_dir / "secrets.yaml") == (Candidate("old", Secret("kept")),)
    assert stat.S_IMODE((state_dir / "secrets.yaml").stat().st_mode) == 0o600
    others = [path for path in state_dir.rglob("*") if path.is_file() and path.name != "secrets.yaml"]
    assert others
    assert not any("horse" in path.read_text() for path in others)


def test_the_same_list_again_writes_nothing(site: Site, state_dir: Path) -> None:
    take(LIST.encode(), "list.csv", site, state_dir)
    inventory.update(state_dir, ranges=("172.22.1.21-172.22.1.26",))
    before = {path.name: path.stat().st_mtime_ns for path in state_dir.glob("*.[jy]*")}
    again = take(LIST.encode(), "list.csv", site, state_dir)
    assert (again.new, again.changed, again.accounts) == ((), (), ())
    assert {path.name: path.stat().st_mtime_ns for path in state_dir.glob("*.[jy]*")} == before


def test_killed_between_its_two_files_the_next_run_writes_the_other(site: Site, state_dir: Path) -> None:
    take(LIST.encode(), "list.csv", site, state_dir)
    (state_dir / inventory.FILE).unlink()
    again = take(LIST.encode(), "list.csv", site, state_dir)
    assert (len(again.new), again.accounts) == (3, ())


def test_an_address_that_nobody_declared_is_refused_and_nothing_is_written(site: Site, state_dir: Path) -> None:
    text = LIST + "n9;10.0.0.9;admin;x;\n" + "n8;fe80::1;admin;x;\n"
    said = problems(text, site, state_dir)
    assert [one.split(" is outside")[0] for one in said] == ["line 5: BMC IP: 10.0.0.9", "line 6: BMC IP: fe80::1"]
    assert not (state_dir / inventory.FILE).exists()
    assert not (state_dir / "secrets.yaml").exists()


def test_a_mac_that_the_machine_itself_contradicts_is_refused(site: Site, state_dir: Path) -> None:
    heard = KnownMachine(
        "172.22.1.21", boot_mac="52:54:00:aa:00:07", boot_mac_source="DHCP request with the BMC's UUID (option 97)"
    )
    inventory.update(state_dir, heard)
    said = problems(ONE.format(password="x", mac="52:54:00:aa:00:01"), site, state_dir)
    assert said == [
        "line 2: mac: the machine boots from 52:54:00:aa:00:07 (DHCP request with the BMC's UUID (option 97))"
    ]
    other = KnownMachine("172.22.1.24", boot_mac="52:54:00:aa:00:01", boot_mac_source="Redfish EthernetInterfaces")
    inventory.save(state_dir, inventory.Inventory((), (other,)))
    assert (
        "is the boot MAC of 172.22.1.24"
        in problems(ONE.format(password="x", mac="52:54:00:aa:00:01"), site, state_dir)[0]
    )


def test_a_nic_that_is_marked_is_not_taken_over_the_one_that_the_machine_boots_from(
    site: Site, state_dir: Path
) -> None:
    learned = KnownMachine("172.22.1.21", boot_mac="52:54:00:aa:00:02", boot_mac_source="DHCP request")
    inventory.update(state_dir, learned)
    ports = [{"address": f"52:54:00:aa:00:0{number}", "pxe_enabled": number == 1} for number in (1, 2)]
    said = problems(json.dumps([{"pm_addr": "172.22.1.21", "ports": ports}]), site, state_dir)
    assert said == ["line 1: [0].ports[0].address: the machine boots from 52:54:00:aa:00:02 (DHCP request)"]


def test_a_newer_list_replaces_an_older_one(site: Site, state_dir: Path) -> None:
    take(ONE.format(password="old-word", mac="52:54:00:aa:00:01").encode(), "a.csv", site, state_dir)
    taken = take(ONE.format(password="new-word", mac="52:54:00:aa:00:02").encode(), "b.csv", site, state_dir)
    assert (taken.changed, taken.accounts) == (("172.22.1.21",), ("172.22.1.21",))
    assert inventory.load(state_dir).machines[0].boot_mac == "52:54:00:aa:00:02"
    assert load_accounts(state_dir / "secrets.yaml")["172.22.1.21"].password == Secret("new-word")


def test_a_password_without_a_user_is_refused(site: Site, state_dir: Path) -> None:
    said = problems("address,user,password\n172.22.1.21,,horse\n", site, state_dir)
    assert said == ["line 2: user: is missing, but there is a password"]


def test_what_goes_out_comes_in_again(site: Site, state_dir: Path, tmp_path: Path) -> None:
    take(LIST.encode(), "list.csv", site, state_dir)
    store_proven(state_dir / "secrets.yaml", {"172.22.1.21": Candidate("admin", Secret("turned-1"))})
    assert [one.password for one in give(state_dir)] == [None, None, None]
    path = tmp_path / "out.json"
    order = ["export", "--format", "instackenv", "--passwords", "--output", str(path), "--state-dir", str(state_dir)]
    assert main(order) == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    taken = take(path.read_bytes(), "out.json", site, state_dir)
    assert (taken.new, taken.changed, taken.accounts) == ((), (), ("172.22.1.21",))


def test_the_commands_say_what_they_did(state_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(LIST.replace("n1", "K\u00f6ln").encode("cp1252"))
    assert main(["import", str(path), "--state-dir", str(state_dir)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "3 machines: 3 new, 0 changed, 2 accounts",
        "172.22.1.22: several MAC addresses listed; the boot MAC will be detected when the machine boots",
    ]
    assert main(["machines", "172.22.1.21", "--state-dir", str(state_dir)]) == 0
    told = capsys.readouterr().out
    assert "172.22.1.21  K\u00f6ln" in told
    assert f"boots from 52:54:00:aa:00:01 ({LISTED})" in told
    assert main(["export", "--state-dir", str(state_dir)]) == 0
    assert "K\u00f6ln,172.22.1.21,,admin,,52:54:00:aa:00:01" in capsys.readouterr().out
    assert main(["export", "--passwords", "--state-dir", str(state_dir)]) == 1
    assert "--output" in capsys.readouterr().err
    assert main(["import", str(tmp_path / "none"), "--state-dir", str(state_dir)]) == 1


def test_what_inspection_found_is_shown_with_the_machine(state_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inventory.update(
        state_dir, KnownMachine("172.22.1.21", driver="ipmi", proven_user="admin", boot_mac="aa", power="off")
    )
    disk = {"name": "/dev/sda", "serial": "R1", "size_gib": 64.0, "wipe": True, "holds": "gpt: ext4 'db' 64.0 GiB"}
    nic = {"name": "eth0", "mac": "aa", "mbps": 1000, "switch": "tor1", "port": "17"}
    found = {"bmc": "172.22.1.21", "role": "spare", "verdict": "fit", "serial": "S1", "cpus": 8, "memory_mib": 16384}
    found |= {"architecture": "x86_64", "boot_mode": "uefi", "firmware": "Acme 1", "remarks": ["a note"]}
    (state_dir / "review.json").write_text(
        json.dumps({"site": "demo", "machines": [{**found, "disks": [disk], "nics": [nic]}]})
    )
    assert main(["machines", "--state-dir", str(state_dir)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "172.22.1.21  S1",
        "    ipmi as admin; boots from aa (None); power off when it was found",
        "    8 CPUs, 16384 MiB, x86_64, uefi, Acme 1",
        "    WIPE /dev/sda 64 GiB, serial R1, holds gpt: ext4 'db' 64.0 GiB",
        "    eth0 aa 1000 Mb/s, switch tor1 port 17",
        "    note: a note",
        "    fit: spare",
    ]


MIXED = (
    "BMC IP,user,password,Rack\n172.22.1.21,admin,horse-1,A1\n172.22.1.22,admin,******,A1\n10.0.0.9,admin,horse-3,A1\n"
)


@pytest.fixture
def mixed(tmp_path: Path) -> str:
    (tmp_path / "list.csv").write_text(MIXED)
    return str(tmp_path / "list.csv")


def test_rack_and_unit_of_a_list_are_where_the_machine_stands(tmp_path: Path, state_dir: Path) -> None:
    text = (
        "BMC IP;Rack;U;Height\n172.22.1.21;A1;U21;2\n172.22.1.22;Rack A1;24-25;\n172.22.1.23;A1;top;\n172.22.1.24;;;\n"
    )
    (tmp_path / "list.csv").write_text(text)
    assert run(state_dir, str(tmp_path / "list.csv"), "--yes") == 0
    found = {one.bmc: (one.rack, one.unit, one.height) for one in inventory.load(state_dir).machines}
    assert found["172.22.1.21"] == ("A1", 21, 2) and found["172.22.1.22"] == ("A1", 24, 2)
    assert found["172.22.1.23"] == ("A1", None, None), "a unit that cannot be read stops no machine"
    assert found["172.22.1.24"] == (None, None, None)
    exported = write(give(state_dir), "csv").splitlines()
    assert exported[0].endswith(",rack,u,height") and exported[1].endswith(",A1,21,2")


def run(state_dir: Path, *words: str) -> int:
    return main(["import", *words, "--state-dir", str(state_dir)])


def test_a_check_shows_everything_and_writes_nothing(
    mixed: str, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(state_dir, mixed, "--check") == 1
    assert capsys.readouterr().out.splitlines() == [
        "format: CSV (comma)",
        "LINE  BMC          NAME  STATE  ACCOUNT              BOOT MAC",
        "2     172.22.1.21  -     new    admin, new password  -",
        "refused: line 3: password: is hidden in this list (stars or a word instead of the value): put the value in",
        "refused: line 4: BMC IP: 10.0.0.9 is outside bmc.ranges (172.22.1.21-172.22.1.26); add it there first",
        "left out: 172.22.1.22 (line 3), 10.0.0.9 (line 4)",
        "1 machines: 1 new, 0 changed, 1 accounts to store, 2 problems",
    ]
    assert not (state_dir / inventory.FILE).exists()
    assert not (state_dir / "secrets.yaml").exists()


def test_a_check_of_a_list_that_is_right_succeeds(
    tmp_path: Path, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "list.csv"
    path.write_text(LIST)
    assert run(state_dir, str(path), "--check", "--json") == 0
    tree = json.loads(capsys.readouterr().out)
    assert (tree["machines"], tree["form"], tree["refused"], tree["left_out"]) == (3, "CSV (semicolon)", [], [])
    assert tree["rows"][0] == {
        "line": 2,
        "bmc": "172.22.1.21",
        "name": "n1",
        "state": "new",
        "user": "admin",
        "password": True,
        "boot_mac": "52:54:00:aa:00:01",
        "macs": ["52:54:00:aa:00:01"],
    }
    assert "horse" not in json.dumps(tree)
    assert not (state_dir / inventory.FILE).exists()


def test_a_list_with_a_refused_row_is_refused_whole_unless_a_part_is_wanted(
    mixed: str, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(state_dir, mixed, "--yes") == 2
    assert not (state_dir / inventory.FILE).exists()
    capsys.readouterr()
    assert run(state_dir, mixed, "--partial") == 0
    assert capsys.readouterr().out.splitlines() == [
        "refused: line 3: password: is hidden in this list (stars or a word instead of the value): put the value in",
        "refused: line 4: BMC IP: 10.0.0.9 is outside bmc.ranges (172.22.1.21-172.22.1.26); add it there first",
        "left out: 172.22.1.22 (line 3), 10.0.0.9 (line 4)",
        "1 machines: 1 new, 0 changed, 1 accounts",
    ]
    assert [one.bmc for one in inventory.load(state_dir).machines] == ["172.22.1.21"]
    assert run(state_dir, mixed, "--partial", "--json") == 0
    again = json.loads(capsys.readouterr().out)
    assert (again["new"], again["changed"], again["accounts"]) == ([], [], [])


def test_nics_that_do_not_boot_are_kept_beside_the_one_that_does(site: Site, state_dir: Path) -> None:
    ports = [{"address": f"52:54:00:aa:00:0{number}", "pxe_enabled": number == 2} for number in (1, 2)]
    take(json.dumps([{"pm_addr": "172.22.1.21", "ports": ports}]).encode(), "list.json", site, state_dir)
    machine = inventory.load(state_dir).machines[0]
    assert (machine.boot_mac, machine.macs) == ("52:54:00:aa:00:02", ("52:54:00:aa:00:01", "52:54:00:aa:00:02"))


@pytest.mark.parametrize("form", ["csv", "instackenv", "ironic"])
def test_an_export_names_every_nic_and_the_one_that_boots(
    form: str, site: Site, state_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ports = [{"address": f"52:54:00:aa:00:0{number}", "pxe_enabled": number == 1} for number in (1, 2)]
    take(json.dumps([{"pm_addr": "172.22.1.21", "ports": ports}]).encode(), "list.json", site, state_dir)
    assert main(["export", "--format", form, "--state-dir", str(state_dir)]) == 0
    again = take(capsys.readouterr().out.encode(), "export", site, state_dir)
    assert (again.machines, again.new, again.changed) == (1, (), ())


def test_a_user_without_a_password_is_said_not_to_be_used(site: Site, state_dir: Path) -> None:
    taken = take(b"BMC IP,user\n172.22.1.21,admin\n", "list.csv", site, state_dir)
    assert taken.remarks == ("172.22.1.21: a user without a password is not used; the accounts for all BMCs are tried",)


@pytest.mark.parametrize(("answer", "stored"), [("y", True), ("n", False)])
def test_on_a_terminal_the_list_is_shown_and_asked_about(
    answer: str, stored: bool, tmp_path: Path, state_dir: Path
) -> None:
    path = tmp_path / "list.csv"
    path.write_text(LIST)
    tmux = Tmux(tmp_path)
    tmux.begin()
    try:
        pane = tmux.open(f"{sys.executable} -m seedvm import {path} --state-dir {state_dir}", ROOT)
        pane.until("admin, new password", "Take 3 machines? [y/N]", within=60)
        assert not (state_dir / inventory.FILE).exists()
        pane.type(answer)
        pane.press("Enter")
        pane.until("will be detected when" if stored else "nothing was changed", within=60, unless="Traceback")
    finally:
        tmux.end()
    assert (state_dir / inventory.FILE).exists() is stored
