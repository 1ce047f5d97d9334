"""Real BMC emulators for the contract tests: OpenIPMI's ipmi_sim and sushy-tools, each on an address of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seedvm.base import process
from tests.contract.isolated import child

GUID = "00112233445566778899aabbccddeeff"

_LAN = """\
name "sim"
set_working_mc 0x20
  startlan 1
    addr {address} 623
    priv_limit admin
    allowed_auths_admin {auths}
    guid {guid}
  endlan
  user 1 {anonymous} "" "" {privilege} 10 {auths}
  user 2 true "{user}" "{password}" {privilege} 10 {auths}
  chassis_control "{chassis}"
"""

_EMULATION = """\
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
mc_enable 0x20
"""

_CHASSIS = """\
#!/bin/sh
while [ $# -gt 0 ]; do
  case "$1 $2" in
    "get power") echo "power:$(cat {power})"; shift 2 ;;
    "get boot") echo "boot:default"; shift 2 ;;
    "set power") echo "$3" > {power}
      if [ "$3" = 1 ]; then
        {on_power}
      fi
      shift 3 ;;
    *) shift ;;
  esac
done
exit 0
"""


@dataclass(frozen=True)
class IpmiSim:
    """A running ipmi_sim. `power` is the file that holds 0 or 1."""

    address: str
    power: Path


@contextlib.asynccontextmanager
async def ipmi_sim(
    folder: Path,
    address: str,
    *,
    user: str = "admin",
    password: str = "right",
    guid: str = GUID,
    privilege: str = "admin",
    on_power: str = "true",
    anonymous: bool = False,
    auths: str = "none md2 md5 straight",
) -> AsyncIterator[IpmiSim]:
    """OpenIPMI's simulator at `address`; `on_power` is a shell command that runs at power on, `auths` what IPMI 1.5 offers."""
    home = folder / f"sim-{address}"
    (home / "state").mkdir(parents=True)
    power, chassis = home / "power", home / "chassis"
    power.write_text("0")
    chassis.write_text(_CHASSIS.format(power=power, on_power=on_power))
    chassis.chmod(0o700)
    values = {
        "auths": auths,
        "anonymous": str(anonymous).lower(),
        "address": address,
        "guid": guid,
        "user": user,
        "password": password,
        "privilege": privilege,
        "chassis": chassis,
    }
    (home / "lan.conf").write_text(_LAN.format(**values))
    (home / "sim.emu").write_text(_EMULATION)
    process.run(["ip", "address", "replace", f"{address}/32", "dev", "lo"], timeout=60)
    command = ["ipmi_sim", "-c", "lan.conf", "-f", "sim.emu", "-s", "state", "-n"]
    with child(process.Command(command, cwd=home), log=home / "log"):
        await udp_listens(address, 623)
        yield IpmiSim(address, power)


@contextlib.asynccontextmanager
async def pyghmi_bmc(folder: Path, address: str, *, user: str = "admin", password: str = "right") -> AsyncIterator[str]:
    """pyghmi's `Bmc`: no pong, no GUID outside of a session, suite 3 whatever is asked, silence for unknown users."""
    process.run(["ip", "address", "replace", f"{address}/32", "dev", "lo"], timeout=60)
    script = Path(__file__).with_name("pyghmi_bmc.py")
    guid = "00112233-4455-6677-8899-aabbccddeeff"
    with child([sys.executable, str(script), address, "623", user, password, guid], log=folder / f"pyghmi-{address}"):
        await udp_listens(address, 623)
        yield address


@dataclass(frozen=True)
class RedfishSim:
    """A running sushy-tools emulator. `logins` holds one line for every login, "good" or "bad"; `password` the one in force."""

    address: str
    logins: Path
    overlay: Path
    password: Path

    def count(self, outcome: str) -> int:
        return self.logins.read_text().split().count(outcome)


@contextlib.asynccontextmanager
async def redfish_sim(
    folder: Path,
    address: str,
    *,
    user: str = "admin",
    password: str = "right",
    mac: str = "52:54:00:aa:00:01",
    uuid: str = "00112233-4455-6677-8899-aabbccddee01",
    tls: bool = True,
    lock_after: int = 0,
    lock_seconds: float = 300.0,
    days: int = 30,
    **rules: Any,
) -> AsyncIterator[RedfishSim]:
    """sushy-tools' emulator behind the rack's door; `rules` are those of seedvm.rack.bmc.redfish_login.Rules."""
    home = folder / f"redfish-{address}"
    home.mkdir(parents=True, exist_ok=True)
    (home / "logins").write_text("")
    settings = {
        "address": address,
        "port": 443 if tls else 80,
        "user": user,
        "password": password,
        "mac": mac,
        "uuid": uuid,
        "tls": tls,
        "lock_after": lock_after,
        "lock_seconds": lock_seconds,
        "rules": rules,
        "state": str(home),
    }
    (home / "settings.json").write_text(json.dumps(settings))
    if tls:
        request = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=bmc-test",
            "-days",
            str(days),
        ]
        process.run([*request, "-keyout", home / "key.pem", "-out", home / "cert.pem"], timeout=60)
    process.run(["ip", "address", "replace", f"{address}/32", "dev", "lo"], timeout=60)
    script = Path(__file__).with_name("redfish_emulator.py")
    command = [sys.executable, str(script), str(home / "settings.json")]
    with child(process.Command(command, env={"PYTHONPATH": str(Path(__file__).parents[3])}), log=home / "log"):
        await tcp_listens(address, 443 if tls else 80)
        yield RedfishSim(address, home / "logins", home / "overlay.json", home / "password")


async def tcp_listens(address: str, port: int) -> None:
    async with asyncio.timeout(120):
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(address, port)
                writer.close()
                return
            await asyncio.sleep(0.05)


async def udp_listens(address: str, port: int) -> None:
    wanted = f"{address}:{port}"
    async with asyncio.timeout(120):
        while wanted not in process.run(["ss", "-Hlun"], timeout=60).stdout:
            await asyncio.sleep(0.05)
