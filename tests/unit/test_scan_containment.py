"""What one host makes us raise stays with it; what those raise who are told of hosts does not."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from seedvm.base import trace
from seedvm.scan.containment import contained
from seedvm.scan.evidence import Bmc, HostRemark
from seedvm.scan.identify import USUAL_PORTS, Interview, Ports, first_evidence
from seedvm.scan.pace import Pace
from seedvm.scan.sweep import sweep
from seedvm.scan.table import remark_lines
from seedvm.wire import WireError, rmcp
from tests.contract.scan.far_end import rmcp_reply
from tests.datacenter.scripted import scripted
from tests.unit.test_scan_identify import GUID, Bmcs


class Panic(BaseException):
    """As a library in Rust raises it: no Exception."""


@pytest.mark.parametrize("raised", [ValueError("no\x1b[2J date"), Panic("index out of range"), RecursionError()])
def test_whatever_is_raised_becomes_a_line_and_a_trace(
    raised: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(trace.VARIABLE, str(tmp_path / "trace"))
    said: list[str] = []
    with contained("192.0.2.7", "reading its certificate", said.append):
        raise raised
    assert said == [
        f"reading its certificate failed: {type(raised).__name__}: {raised}".replace("\x1b[2J", "").rstrip(": ")
    ]
    line = json.loads((tmp_path / "trace").read_text())
    assert (line["kind"], line["where"]) == ("error", "scan of 192.0.2.7: reading its certificate")
    assert "test_scan_containment.py" in line["traceback"]


@pytest.mark.parametrize("raised", [asyncio.CancelledError(), KeyboardInterrupt(), SystemExit(1), WireError("no")])
def test_the_end_of_the_scan_and_a_parsers_refusal_pass(raised: BaseException) -> None:
    said: list[str] = []
    with pytest.raises(type(raised)), contained("192.0.2.7", "reading", said.append, passing=WireError):
        raise raised
    assert not said


class Broken(Bmcs):
    """Our own code fails while one host is asked."""

    async def send(self, packet: bytes, address: str, port: int) -> None:
        if address == "10.0.0.2":
            raise OverflowError("a number of 4,000 digits")
        await super().send(packet, address, port)


async def test_a_host_that_breaks_our_code_keeps_a_remark_and_the_others_are_identified() -> None:
    told: list[Bmc] = []
    interview = Interview(Pace(1000), USUAL_PORTS, Broken(), told.append)
    for address in ("10.0.0.1", "10.0.0.2", "10.0.0.3"):
        pong = rmcp_reply(GUID, False, [])(rmcp.presence_ping(1))
        assert pong
        await interview.ipmi(address, pong, first_evidence(pong))
    found = interview.found
    assert [found[one].protocols for one in sorted(found)] == [("ipmi-2.0",), (), ("ipmi-2.0",)]
    wanted = "10.0.0.2: reading its IPMI answers failed: OverflowError: a number of 4,000 digits"
    assert remark_lines(found.values()) == (wanted,)
    assert told[-1].address == "10.0.0.3"


async def test_a_remark_on_a_host_that_turns_out_to_be_a_bmc_is_its_evidence() -> None:
    said: list[HostRemark] = []
    interview = Interview(Pace(1000), USUAL_PORTS, Bmcs(), on_remark=said.append)
    interview.remark("10.0.0.1", "port 443: no TLS connection")
    interview.remark("10.0.0.1", "port 443: no TLS connection")
    assert (len(said), interview.found) == (1, {})
    interview.learn("10.0.0.1", ("ipmi-2.0",), ())
    assert (interview.found["10.0.0.1"].fact("remark"), interview.aside) == ("port 443: no TLS connection", {})


async def test_the_failure_of_who_is_told_ends_the_scan_as_what_it_is() -> None:
    def full(bmc: Bmc) -> None:
        raise OSError(28, "No space left on device")

    async with scripted({}) as bmc:
        ports = Ports(ipmi=9, redfish=bmc.port, redfish_clear=None)
        with pytest.raises(OSError, match="No space left"):
            await sweep([bmc.address], ports=ports, on_found=full)
