"""`seedvm scan` over hosts of which each is odd in its own way: all that are BMCs are listed, and what is odd is said, never swallowed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from seedvm.base import process
from seedvm.scan.pace import Pace
from seedvm.scan.root import probe_root
from tests.contract.isolated import isolated
from tests.datacenter.model import Host
from tests.datacenter.script import Reply, Rule, redirect, slash_required
from tests.datacenter.scripted import PLAIN, scripted
from tests.datacenter.tls import Tls

REPOSITORY = Path(__file__).parents[3]
ROOT = "/redfish/v1"
BUSY = {"error": {"code": "Base.1.8.ServiceTemporarilyUnavailable", "message": "later"}}
PLACEHOLDER = "03000200-0400-0500-0006-000700080009"
HOSTILE = "\x1b]0;owned\x07\x1b[2JEvil\u202eCorp\r\n10.0.0.1 hijacked"


@dataclass(frozen=True)
class Odd:
    """`said` is what the remarks must say of it, "" where nothing is to be said; `facts` what its evidence must hold."""

    name: str
    script: dict[str, Rule]
    tls: Tls = Tls()  # noqa: RUF009 - it is frozen
    listed: bool = True
    said: str = ""
    facts: tuple[tuple[str, str], ...] = ()


def root(**changes: Any) -> dict[str, Rule]:
    """The service root answers so to everybody."""
    return {ROOT: Reply(first=True, **changes)}


def fields(**changes: object) -> dict[str, Rule]:
    return {ROOT: Reply(fields=changes)}


HOSTS = (
    Odd("plain", {}),
    Odd(
        "a subject that is no valid string",
        {},
        Tls(certificate="subject-not-printable"),
        said="TLS certificate: the certificate cannot be read",
    ),
    Odd("a subject that paints", {}, Tls(certificate="subject-paints")),
    Odd(
        "a date out of range",
        {},
        Tls(certificate="until-month-13"),
        said="TLS certificate: ",
    ),
    Odd("a date that is none", {}, Tls(certificate="until-no-date"), said="TLS certificate: "),
    Odd("a negative serial", {}, Tls(certificate="serial-negative")),
    Odd("a certificate of version 1", {}, Tls(certificate="v1")),
    Odd(
        "a subject that OpenSSL refuses",
        {},
        Tls(certificate="subject-not-utf8"),
        listed=False,
        said="no TLS connection",
    ),
    Odd("TLS 1.0", {}, Tls(version="1.0"), facts=(("old-tls", "TLS 1.0 only"),)),
    Odd("TLS 1.1", {}, Tls(version="1.1"), facts=(("old-tls", "TLS 1.1 only"),)),
    Odd("no RFC 5746", {}, Tls(rfc5746=False), facts=(("old-tls", "no secure renegotiation (RFC 5746)"),)),
    Odd("old ciphers", {}, Tls(version="1.2", ciphers="ECDHE-ECDSA-AES128-SHA")),
    Odd("308 to itself with a slash", {"*": slash_required}),
    Odd("308 to itself without one", {ROOT: [(0.0, redirect("/redfish/v1", 308)), (0.001, Reply())]}),
    Odd(
        "301 to its own name with the port",
        {ROOT: [(0.0, redirect("https://127.0.1.15:443/redfish/v1/", 301)), (0.001, Reply())]},
    ),
    Odd(
        "a redirect elsewhere",
        {ROOT: redirect("http://127.0.1.16:8080/redfish/v1/", 301)},
        listed=False,
        said="not followed",
    ),
    Odd("a redirect without end", {ROOT: redirect("/redfish/v1/", 302)}, listed=False, said="redirected without end"),
    Odd("gzip", {ROOT: Reply(encode=True)}),
    Odd("a NUL at the end", {ROOT: Reply(body=lambda raw: raw + b"\0")}),
    Odd("a byte order mark", {ROOT: Reply(body=lambda raw: b"\xef\xbb\xbf" + raw)}),
    Odd("HTTP/1.0", root(raw=b'HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{"RedfishVersion": "1.0.2"}')),
    Odd("110 header lines", {"*": Reply(headers=[(f"X-{n}", "y") for n in range(110)])}),
    Odd(
        "200 kB of headers",
        {"*": Reply(headers=[(f"X-{n}", "y" * 90) for n in range(2000)])},
        listed=False,
        said="is not HTTP",
    ),
    Odd(
        "401 without JSON",
        root(status=401, body=b"<html>log in</html>"),
        listed=False,
        said="asks for a login at /redfish/v1/ (HTTP 401)",
    ),
    Odd(
        "401 of OData",
        root(status=401, body=b"", headers=[("OData-Version", "4.0")]),
        facts=(("redfish-root", "asks for a login"),),
    ),
    Odd("busy", root(status=503, body=BUSY), said="answers HTTP 503"),
    Odd(
        "a byte that is no text",
        {ROOT: Reply(body=lambda raw: raw.replace(b'"Id"', b'"I\xff"'))},
        listed=False,
        said="answers no JSON at /redfish/v1/",
    ),
    Odd(
        "a trailing comma",
        {ROOT: Reply(body=lambda raw: raw[:-1] + b",}")},
        listed=False,
        said="answers no JSON at /redfish/v1/",
    ),
    Odd("a placeholder for a UUID", fields(UUID=PLACEHOLDER), facts=(("uuid-placeholder", PLACEHOLDER),)),
    Odd("a vendor that paints", fields(Vendor=HOSTILE, Product="x" * 5000)),
    Odd(
        "no version",
        fields(**{"RedfishVersion": ..., "@odata.type": "#ServiceRoot.v1_5_0.ServiceRoot"}),
        facts=(("redfish-root", "names no version"),),
    ),
    Odd(
        "silence",
        {"*": Reply(end="silence", first=True)},
        listed=False,
        said="no answer to GET /redfish/v1/ within 8 s",
    ),
    Odd(
        "closed without a byte",
        {"*": Reply(end="drop", first=True)},
        listed=False,
        said="the connection was closed before an answer",
    ),
    Odd("a drip in the handshake", {}, Tls(drip=0.5), listed=False, said="no end of the TLS handshake within 8 s"),
    Odd(
        "a root without its slash alone",
        {ROOT: lambda asked: Reply(404, b"", first=True) if asked.path[-1] == "/" else None},
    ),
)


def address(number: int) -> str:
    return f"127.0.1.{number + 1}"


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """What SSH says on any port."""
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    with contextlib.suppress(OSError):
        await reader.read()
    writer.close()


@contextlib.asynccontextmanager
async def all_hosts() -> Any:
    async with contextlib.AsyncExitStack() as stack:
        for number, odd in enumerate(HOSTS):
            host = Host(**{**vars(PLAIN), "address": address(number)})
            await stack.enter_async_context(scripted(odd.script, tls=odd.tls, host=host, port=443))
        ssh = await asyncio.start_server(greet, address(len(HOSTS)), 443)
        try:
            yield f"{address(0)}-{address(len(HOSTS))}"
        finally:
            ssh.close()


async def seedvm(*words: str) -> str:
    command = process.Command([sys.executable, "-m", "seedvm", *words], cwd=REPOSITORY)
    return (await process.arun(command, timeout=300)).stdout


def wrong(odd: Odd, bmc: dict[str, Any] | None, remarks: list[str]) -> list[str]:
    """What the operator sees of a host otherwise than wanted."""
    rows = {(one["fact"], one["value"]) for one in bmc["evidence"]} if bmc else set()
    found = [f"listed: {bmc}"] if (bmc is not None) != odd.listed else []
    if bmc and odd.listed:
        found += [f"protocols {bmc['protocols']}"] if bmc["protocols"] != ["redfish"] else []
        found += [] if any(name == "certificate" for name, _ in rows) else ["no fingerprint"]
    found += [f"without {fact}" for fact in odd.facts if fact not in rows]
    if not (any(odd.said in one for one in remarks) if odd.said else not remarks):
        found.append(f"remarks {remarks} instead of {odd.said!r}")
    return found


@isolated
@pytest.mark.slow
async def test_each_odd_host_is_listed_or_it_is_said_why_not(tmp_path: Path) -> None:
    async with all_hosts() as where:
        said = json.loads((await seedvm("scan", where, "--json", "--state-dir", str(tmp_path))).splitlines()[-1])
    assert said["complete"]
    bmcs = {one["address"]: one for one in said["bmcs"]}
    remarks = [one for one in said["remarks"] if "share one identity" not in one]
    named = {
        odd.name: {one["name"] for one in bmcs[address(n)]["findings"]} for n, odd in enumerate(HOSTS) if odd.listed
    }
    assert [name for name, found in named.items() if "old-tls" in found] == ["TLS 1.0", "TLS 1.1", "no RFC 5746"]
    assert [name for name, found in named.items() if "placeholder-uuid" in found] == ["a placeholder for a UUID"]
    amiss: dict[str, list[str]] = {}
    for number, odd in enumerate(HOSTS):
        here = address(number)
        of_it = [one for one in remarks if here in one.partition(": ")[0].split(" ")]
        if found := wrong(odd, bmcs.get(here), of_it):
            amiss[odd.name] = found
    assert not amiss
    assert not any(PLACEHOLDER in one for one in said["remarks"]), "a placeholder is nobody's identity"
    ssh = address(len(HOSTS))
    assert ssh not in bmcs and any(one.startswith(f"{ssh}: port 443: no TLS connection") for one in remarks)


@isolated
async def test_nothing_that_a_host_says_reaches_the_terminal_as_a_command(tmp_path: Path) -> None:
    async with all_hosts() as where:
        text = await seedvm("scan", where, "--evidence", "--state-dir", str(tmp_path))
    assert not [char for char in text if not char.isprintable() and char != "\n"]
    assert not any(line.startswith("10.0.0.1 hijacked") for line in text.splitlines())
    assert f"{address(15)}: port 443: GET /redfish/v1/ is redirected elsewhere" in text
    cure = "update the BMC's firmware, or add its address to bmc.allow_old_tls in site.yaml"
    assert f"{address(8)}: old-tls: the BMC's TLS is too old for a password: TLS 1.0 only; {cure}" in text


async def test_the_old_tls_of_a_host_costs_it_the_turns_of_two_connections() -> None:
    pace = Pace(10_000)
    async with scripted({}, tls=Tls(version="1.0")) as bmc:
        found = await probe_root(bmc.address, bmc.port, tls=True, pace=pace)
    assert found.root is not None and found.root.old_tls == "TLS 1.0 only"
    assert 26 <= pace.sent <= 40
    assert not bmc.record.logins, "nothing secret went over it"
