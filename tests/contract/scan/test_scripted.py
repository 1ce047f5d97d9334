"""The scripted BMC, asked by clients that are not ours: what it is told to do differently it does, and nothing else."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
from collections.abc import Mapping

import pytest

from seedvm.base import process
from tests.datacenter.certificates import BEYOND_OPENSSL, CERTIFICATES
from tests.datacenter.script import SESSIONS, Reply, Rule, Script, redirect, slash_required
from tests.datacenter.scripted import Bmc, scripted
from tests.datacenter.tls import Tls

SYSTEM = "/redfish/v1/Systems/1"
ROOT = "/redfish/v1/"


async def curl(bmc: Bmc, path: str, *words: str, password: str | None = None) -> process.Completed:
    """An answer with its head, as curl gives it: `-i`."""
    pair = ["-u", f"{bmc.user}:{bmc.password if password is None else password}"]
    return await process.arun(["curl", "-ksi", "-m", "20", *pair, *words, bmc.url + path], timeout=60, check=False)


async def spoken(bmc: Bmc, path: str) -> bytes:
    """All bytes that come back for a GET with the right login, until the connection ends."""
    reader, writer = await asyncio.open_connection(bmc.address, bmc.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YWRtaW46aG9yc2UtNDI=\r\n\r\n".encode())
    said = await reader.read(-1)
    writer.close()
    return said


async def test_the_plain_tree_is_what_a_bmc_out_of_the_box_has() -> None:
    async with scripted({}) as bmc:
        assert "401" in (await curl(bmc, SYSTEM, password="wrong")).stdout.splitlines()[0]
        opened = (await curl(bmc, SESSIONS, "-d", json.dumps({"UserName": bmc.user, "Password": bmc.password}))).stdout
        assert " 201 " in opened and "X-Auth-Token: " in opened and f"Location: {SESSIONS}/" in opened
        for path in (ROOT, "/redfish/v1/Systems", SYSTEM, f"{SYSTEM}/EthernetInterfaces/1", "/redfish/v1/Managers/1"):
            assert " 200 " in (await curl(bmc, path)).stdout, path
    assert [one.secret for one in bmc.asked("POST")] == ["basic"]
    assert [one.outcome for one in bmc.record.logins][:2] == ["wrong", "in"]


@pytest.mark.parametrize(
    ("reply", "wanted"),
    [
        (Reply(404), b" 404 Not Found"),
        (Reply(fields={"PowerState": "PoweringOn"}), b'"PowerState": "PoweringOn"'),
        (Reply(body=lambda raw: raw + b"\0"), b"}\0"),
        (Reply(headers=[(f"X-{n}", "y") for n in range(110)]), b"X-109: y\r\n"),
        (Reply(headers=[("X-Odd", "caf\udce9")]), b"X-Odd: caf\xe9\r\n"),
        (Reply(body=b"abcdefgh", chunks=3), b"3\r\nabc\r\n3\r\ndef\r\n2\r\ngh\r\n0\r\n\r\n"),
        (Reply(body=b"abcdefgh", cut=3), b"\r\n\r\nabc"),
        (Reply(body=b"abcdefgh", drip=(1, 0.001)), b"abcdefgh"),
        (Reply(raw=b"noise"), b"noise"),
    ],
)
async def test_one_answer_differs_as_it_was_told(reply: Reply, wanted: bytes) -> None:
    async with scripted({SYSTEM: reply}, tls=None) as bmc:
        assert wanted in await spoken(bmc, SYSTEM)
        assert b" 200 OK" in await spoken(bmc, "/redfish/v1/Systems")


async def test_a_wrong_password_gets_the_plain_refusal_whatever_the_resource_is() -> None:
    async with scripted({SYSTEM: Reply(404)}) as bmc:
        assert " 401 " in (await curl(bmc, SYSTEM, password="wrong")).stdout


async def test_gzip_is_announced_and_is_gzip() -> None:
    async with scripted({SYSTEM: Reply(encode=True)}, tls=None) as bmc:
        head, _, body = (await spoken(bmc, SYSTEM)).partition(b"\r\n\r\n")
    assert b"Content-Encoding: gzip" in head
    assert json.loads(gzip.decompress(body))["Id"] == "1"


async def test_a_value_changes_with_time() -> None:
    told: Mapping[str, Rule] = {
        SYSTEM: [(0, Reply(fields={"PowerState": "PoweringOn"})), (0.2, Reply(fields={"PowerState": "On"}))]
    }
    async with scripted(told, tls=None) as bmc:
        assert b"PoweringOn" in await spoken(bmc, SYSTEM)
        async with asyncio.timeout(60):
            while b'"PowerState": "On"' not in await spoken(bmc, SYSTEM):
                pass


async def test_redirects_and_paths_of_its_own() -> None:
    async with scripted({"*": slash_required, "/x": redirect("http://192.0.2.1:8080/", 301)}) as bmc:
        assert f"Location: {SYSTEM}/" in (await curl(bmc, SYSTEM)).stdout
        assert " 200 " in (await curl(bmc, f"{SYSTEM}/")).stdout
        assert " 301 " in (await curl(bmc, "/x", password="wrong")).stdout
    own = "/redfish/v1/Systems/437XR1138R2"
    async with scripted(Script(moved={SYSTEM: own, "/ComputerSystem.Reset": "/System.Reset"})) as bmc:
        assert own in (await curl(bmc, "/redfish/v1/Systems")).stdout
        assert f'"{own}/Actions/System.Reset"' in (await curl(bmc, own)).stdout
        done = await curl(bmc, f"{own}/Actions/System.Reset", "-d", '{"ResetType": "On"}')
        assert " 204 " in done.stdout and bmc.record.changes == ["power On"]


async def test_a_connection_is_kept_where_it_is_told_so() -> None:
    async with scripted(Script(keep=True)) as bmc:
        done = await process.arun(["curl", "-ksv", bmc.url + ROOT, bmc.url + ROOT], timeout=60)
    assert bmc.record.connections == 1 and len(bmc.asked("GET", ROOT)) == 2
    assert "Re-using existing connection" in done.stderr


@pytest.mark.parametrize(("end", "code"), [("drop", 52), ("reset", 56)])
async def test_a_connection_ends_as_it_was_told(end: str, code: int) -> None:
    async with scripted({"*": Reply(end=end, raw=b"" if end == "reset" else None)}, tls=None) as bmc:
        assert (await curl(bmc, ROOT)).returncode == code


def context(lowest: ssl.TLSVersion, *, legacy: bool = False) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode, made.minimum_version = False, ssl.CERT_NONE, lowest
    made.set_ciphers("DEFAULT:@SECLEVEL=0")
    made.options |= 0x4 if legacy else 0  # OP_LEGACY_SERVER_CONNECT
    return made


async def certificate(bmc: Bmc, known: ssl.SSLContext) -> tuple[bytes, str, bytes]:
    reader, writer = await asyncio.open_connection(bmc.address, bmc.port, ssl=known)
    made = writer.get_extra_info("ssl_object")
    writer.write(f"GET {ROOT} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    said = await reader.read(-1)
    writer.close()
    return made.getpeercert(binary_form=True), made.version(), said


@pytest.mark.parametrize(("version", "name"), [("1.0", "TLSv1"), ("1.1", "TLSv1.1"), ("1.3", "TLSv1.3")])
async def test_one_version_of_tls_alone(version: str, name: str) -> None:
    async with scripted({}, tls=Tls(version)) as bmc:
        assert (await certificate(bmc, context(ssl.TLSVersion.TLSv1)))[1] == name
        if version != "1.3":
            with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
                await certificate(bmc, context(ssl.TLSVersion.TLSv1_2))


async def test_without_secure_renegotiation_openssl_refuses_and_is_served_where_it_is_told_to_go_on() -> None:
    async with scripted({}, tls=Tls(rfc5746=False)) as bmc:
        with pytest.raises(ssl.SSLError, match="UNSAFE_LEGACY_RENEGOTIATION_DISABLED"):
            await certificate(bmc, context(ssl.TLSVersion.TLSv1_2))
        said = (await certificate(bmc, context(ssl.TLSVersion.TLSv1_2, legacy=True)))[2]
    assert b"RedfishVersion" in said


@pytest.mark.parametrize("kind", [kind for kind in CERTIFICATES if kind not in BEYOND_OPENSSL])
async def test_every_odd_certificate_is_served(kind: str) -> None:
    async with scripted({}, tls=Tls(certificate=kind)) as bmc:
        der, _, said = await certificate(bmc, context(ssl.TLSVersion.TLSv1_2))
    assert der and b"RedfishVersion" in said


@pytest.mark.parametrize("kind", BEYOND_OPENSSL)
async def test_some_certificates_are_so_odd_that_openssl_ends_the_handshake(kind: str) -> None:
    async with scripted({}, tls=Tls(certificate=kind)) as bmc:
        with pytest.raises(ssl.SSLError, match="ASN1"):
            await certificate(bmc, context(ssl.TLSVersion.TLSv1_2))


async def test_a_handshake_drips() -> None:
    async with scripted({}, tls=Tls(drip=0.001)) as bmc:
        assert (await certificate(bmc, context(ssl.TLSVersion.TLSv1_2)))[1] == "TLSv1.2"
