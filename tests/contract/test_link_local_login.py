"""A BMC that has an IPv6 link-local address alone is not only found: Redfish logs in to it by its scoped address."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from seedvm import proc
from seedvm.bmc.redfish import RedfishBmc
from seedvm.scan.sweep import sweep
from seedvm.secret import Secret
from tests.contract.isolated import child, isolated, until

ADDRESS = "fe80::77%near0"
HERE = Path(__file__).parent


def wire(folder: Path) -> None:
    for words in (
        ["link", "add", "near0", "type", "veth", "peer", "name", "far0"],
        ["link", "set", "far0", "up"],
        ["link", "set", "near0", "up"],
        ["address", "add", "fe80::77/64", "dev", "near0", "nodad"],
    ):
        proc.run(["ip", *words], timeout=10)
    made = ["-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=bmc", "-days", "30"]
    proc.run(["openssl", "req", *made, "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], timeout=60)


@isolated
async def test_redfish_logs_in_by_a_scoped_address(tmp_path: Path) -> None:
    wire(tmp_path)
    settings = {"address": ADDRESS, "port": 443, "user": "admin", "password": "right", "mac": "52:54:00:aa:00:01"}
    settings |= {
        "uuid": "00112233-4455-6677-8899-aabbccddee01",
        "tls": True,
        "lock_after": 0,
        "lock_seconds": 0,
        "rules": {},
    }
    settings |= {"state": str(tmp_path)}
    (tmp_path / "logins").write_text("")
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    redfish = [sys.executable, str(HERE / "redfish_emulator.py"), str(tmp_path / "settings.json")]
    with child(redfish, log=tmp_path / "redfish.log"):
        await until(lambda: ":443" in proc.run(["ss", "-Hlnt"], timeout=10).stdout)
        result = await sweep([ADDRESS])
        assert {bmc.address: bmc.protocols for bmc in result.bmcs} == {ADDRESS: ("redfish",)}
        service = RedfishBmc(ADDRESS, "admin", Secret("right"), pin=result.bmcs[0].fact("certificate"))
        assert service.url == "https://[fe80::77%25near0]"
        assert (await service.system()).uuid == "00112233-4455-6677-8899-aabbccddee01"
