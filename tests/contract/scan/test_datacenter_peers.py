"""The emulator against clients that are not ours, so that it and seedvm.wire cannot be wrong together."""

from __future__ import annotations

import sys
from pathlib import Path

from seedvm.base import process
from tests.contract.isolated import isolated
from tests.datacenter.cable import Datacenter, datacenter
from tests.datacenter.model import Host

GUID = "00112233445566778899aabbccddeeff"
USERS = {"admin": "horse-42"}
NEW = Host("10.66.0.1", "52:54:00:66:00:01", ipmi=("1.5", "2.0"), redfish="tls", guid=GUID, users=USERS, lock_after=3)
OLD = Host("10.66.0.2", "52:54:00:66:00:02", ipmi=("1.5",), guid=GUID, users=USERS)
EXPIRED = Host(
    "10.66.0.4", "52:54:00:66:00:04", redfish="tls", guid=GUID, users={"other": "x", **USERS}, expired=True, slots=2
)
ZERO = Host("10.66.0.3", "52:54:00:66:00:03", ipmi=("2.0",), suites=(0, 3), guid=GUID, users=USERS)
PYGHMI = """\
import sys
from pyghmi.ipmi.command import Command
from pyghmi.exceptions import IpmiException
try:
    bmc = Command(sys.argv[1], "admin", sys.argv[2])
    print(bmc.get_power(), bmc.xraw_command(netfn=6, command=1)["data"].hex())
    bmc.ipmi_session.logout()
except IpmiException as error:
    print("refused", error)
"""
ABANDON = """\
import socket, sys
suite_3 = "0000000801000000" "0100000801000000" "0200000801000000"
request = bytes.fromhex("0600ff07" "0610" + "00" * 8 + "2000" "01040000" "a4a3a2a0" + suite_3)
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.settimeout(60)
one.sendto(request, (sys.argv[1], 623))
print(one.recv(99).hex())
"""


async def ipmitool(
    there: Datacenter, host: Host, *words: str, password: str = "horse-42", old: bool = False
) -> process.Completed:
    suite = [] if old else ["-C", words[0]]
    rest = words if old else words[1:]
    via = "lan" if old else "lanplus"
    command = [
        "ipmitool",
        "-I",
        via,
        *suite,
        "-H",
        host.address,
        "-U",
        "admin",
        "-P",
        password,
        "-N",
        "1",
        "-R",
        "1",
        *rest,
    ]
    return await there.run(command, timeout=60, check=False)


@isolated
async def test_ipmitool_logs_in_by_every_suite_and_by_ipmi_15(tmp_path: Path) -> None:
    async with datacenter(tmp_path, [NEW, OLD, ZERO]) as there:
        for suite in ("3", "17"):
            said = await ipmitool(there, NEW, suite, "chassis", "power", "status")
            assert "Chassis Power is off" in said.stdout, said.stderr
        said = await ipmitool(there, OLD, "chassis", "power", "on", old=True)
        assert "Up/On" in said.stdout, said.stderr
        said = await ipmitool(there, OLD, "mc", "info", old=True)
        assert "Manufacturer ID           : 10876" in said.stdout
        said = await ipmitool(there, ZERO, "0", "mc", "guid", password="anything")
        assert "33221100-5544-7766-8899" in said.stdout.lower() or GUID[:8] in said.stdout.lower(), (
            said.stdout + said.stderr
        )
        seen = (await there.seen()).hosts
        assert {one.slots_open for one in seen.values()} == {0}
        assert [one.outcome for one in seen[NEW.address].logins] == ["in", "in"]


@isolated
async def test_an_account_is_locked_by_whoever_feeds_it_and_the_right_password_does_not_help_then(
    tmp_path: Path,
) -> None:
    async with datacenter(tmp_path, [NEW]) as there:
        url = f"https://{NEW.address}/redfish/v1/Systems"
        for _ in range(3):
            said = await there.run(["curl", "-ks", "-u", "admin:wrong", url], timeout=60)
            assert "wrong user or password" in said.stdout
        said = await there.run(["curl", "-ks", "-u", "admin:horse-42", url], timeout=60)
        assert "locked for 300 seconds" in said.stdout
        assert (await ipmitool(there, NEW, "17", "power", "status")).returncode
        assert (await ipmitool(there, NEW, "power", "status", old=True)).returncode
        record = (await there.seen()).hosts[NEW.address]
        assert record.locked_by_visitor
        assert [one.outcome for one in record.logins][:4] == ["wrong", "wrong", "wrong", "locked"]
        assert record.tries_while_locked >= 3


@isolated
async def test_pyghmi_logs_in_and_an_abandoned_handshake_is_seen_as_a_slot_that_leaks(tmp_path: Path) -> None:
    async with datacenter(tmp_path, [NEW]) as there:
        said = await there.run([sys.executable, "-c", PYGHMI, NEW.address, "horse-42"], timeout=60)
        assert "{'powerstate': 'off'}" in said.stdout, said.stdout + said.stderr
        assert (await there.seen()).hosts[NEW.address].slots_open == 0
        said = await there.run([sys.executable, "-c", ABANDON, NEW.address], timeout=60)
        assert said.stdout.startswith("0600ff070611")
        assert (await there.seen()).hosts[NEW.address].leaked_slots == 1


@isolated
async def test_a_password_that_must_be_changed_lets_its_own_change_through_and_nothing_else(tmp_path: Path) -> None:
    """DSP0266 13.2.6, asked by curl."""
    v1, account = f"https://{EXPIRED.address}/redfish/v1", "/redfish/v1/AccountService/Accounts/2"

    async def curl(path: str, *words: str, password: str = "horse-42") -> str:
        pair = ["-u", f"admin:{password}", "-w", " HTTP %{http_code}"]
        return (await there.run(["curl", "-ks", *pair, *words, v1 + path], timeout=60)).stdout

    def change(password: str) -> tuple[str, ...]:
        return ("-X", "PATCH", "-H", "Content-Type: application/json", "-d", f'{{"Password": "{password}"}}')

    async with datacenter(tmp_path, [EXPIRED]) as there:
        session = '{"UserName": "admin", "Password": "horse-42"}'
        opened = await curl("/SessionService/Sessions", "-d", session)
        assert opened.endswith("HTTP 201") and "PasswordChangeRequired" in opened and account in opened
        for path in ("/Systems", "/AccountService", "/AccountService/Accounts/1"):
            closed = await curl(path)
            assert closed.endswith("HTTP 403") and "PasswordChangeRequired" in closed and account in closed
        assert (await curl("/AccountService/Accounts/1", *change("taken-over"))).endswith("HTTP 403")
        assert '"UserName": "admin"' in await curl("/AccountService/Accounts/2")
        assert (await curl("/AccountService/Accounts/2", *change("mine-now-7"))).endswith("HTTP 200")
        assert (await curl("/Systems", password="mine-now-7")).endswith("HTTP 200")
        assert (await curl("/Systems")).endswith("HTTP 401")
