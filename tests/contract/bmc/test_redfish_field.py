"""Redfish services as the field has them, one oddity at a time over a real socket: what is odd is read or named, and nothing is told as a
block or a wrong password that is none."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.bmc.bmc_login import BmcLogin, BmcProtocol
from seedvm.bmc.clients import with_account
from seedvm.bmc.credentials import prove, still_opens
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.login_result import EXPIRED, Proven, Unproven
from seedvm.bmc.redfish import RedfishBmc, Rejected
from seedvm.bmc.redfish_errors import PasswordChangeRequired
from seedvm.machines.inventory import KnownMachine
from seedvm.site.accounts import Candidate
from seedvm.wire.rmcp import presence_ping
from tests.datacenter.script import Reply, Rule, Script, redirect, slash_required
from tests.datacenter.scripted import Bmc, scripted
from tests.datacenter.tls import Tls

V1 = "/redfish/v1"
SESSIONS = f"{V1}/SessionService/Sessions"
LINKED = {"Links": {"Sessions": {"@odata.id": SESSIONS}}}
SYSTEM, NICS = f"{V1}/Systems/1", f"{V1}/Systems/1/EthernetInterfaces"
both_logins = pytest.mark.parametrize("root", [LINKED, {"Links": ...}], ids=["by a session", "by basic"])


class Tried:
    """What came of one login, what the BMC saw of it, and what the ledger keeps."""

    def __init__(self, answer: Proven | Unproven, bmc: Bmc, ledger: Ledger) -> None:
        self.answer, self.bmc, self.ledger = answer, bmc, ledger

    @property
    def proven(self) -> Proven:
        assert isinstance(self.answer, Proven), self.answer
        return self.answer

    @property
    def unproven(self) -> Unproven:
        assert isinstance(self.answer, Unproven), self.answer
        assert self.answer.reason and self.answer.cure
        return self.answer

    @property
    def findings(self) -> dict[str, str]:
        return {one.name: one.detail for one in self.answer.seen}

    @property
    def counted(self) -> int:
        return len(self.ledger.failures())

    def machine(self) -> KnownMachine:
        return with_account(KnownMachine(self.bmc.address, protocols=("redfish",)), self.proven)


async def tried(
    folder: Path,
    script: Script | Mapping[str, Rule],
    password: str | None = None,
    *,
    root: Mapping[str, object] = LINKED,
    old_tls: bool = False,
    tls: Tls | None = Tls(),  # noqa: B008
    protocols: tuple[str, ...] = ("redfish",),
    **how: Any,
) -> Tried:
    """Prove an account at a BMC that does this."""
    said = script if isinstance(script, Script) else Script({V1: Reply(fields=root), **script})
    async with scripted(said, tls=tls, **how) as bmc:
        ledger = Ledger(folder)
        make = partial(RedfishBmc, bmc.address, port=bmc.port, tls=bmc.tls, old_tls=old_tls)
        pair = Candidate(bmc.user, Secret(password or bmc.password))
        answer = await prove(BmcLogin(bmc.address, ledger, make), protocols, [pair])
        return Tried(answer, bmc, ledger)


@contextlib.contextmanager
def presence() -> Iterator[None]:
    """Somebody who answers RMCP's presence ping at port 623 of this address."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", 623))
    ended = threading.Event()

    def answer() -> None:
        server.settimeout(0.1)
        while not ended.is_set():
            with contextlib.suppress(TimeoutError):
                ping, peer = server.recvfrom(1000)
                if ping[:8] == presence_ping(0)[:8]:
                    body = bytes.fromhex("000011be00000000810000000000000000")[:16]
                    server.sendto(b"\x06\x00\xff\x06" + b"\x00\x00\x11\xbe\x40" + ping[9:10] + b"\x00\x10" + body, peer)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        server.close()


@both_logins
async def test_the_plain_service_is_proven_without_a_finding(tmp_path: Path, root: Mapping[str, object]) -> None:
    seen = await tried(tmp_path, {}, root=root)
    assert (seen.findings, seen.counted) == ({}, 0)
    assert seen.machine().boot_mac == "52:54:00:aa:00:01"
    assert bool(seen.bmc.asked("POST", SESSIONS)) == (root is LINKED)
    assert seen.bmc.record.leaked_slots == 0


ABSENT: dict[str, tuple[str, Reply]] = {
    "a port that is not there": (f"{NICS}/1", Reply(404)),
    "a port that fails": (f"{NICS}/1", Reply(500, body=b"")),
    "the ports": (NICS, Reply(404)),
    "ports that fail": (NICS, Reply(500)),
    "ports that are no JSON": (NICS, Reply(body=b"{")),
    "ports elsewhere": (NICS, Reply(fields={"Members": [{"@odata.id": "https://192.0.2.9/x"}]})),
    "a port that is cut off": (f"{NICS}/1", Reply(cut=10)),
    "a port behind a reset": (f"{NICS}/1", Reply(cut=0, end="reset")),
    "a port that is refused": (f"{NICS}/1", Reply(403)),
    "a port that asks who we are": (f"{NICS}/1", Reply(401)),
    "a port that is busy": (f"{NICS}/1", Reply(503)),
    "the managers": (f"{V1}/Managers", Reply(500)),
    "one manager": (f"{V1}/Managers/1", Reply(body=b"[]")),
    "the account service": (f"{V1}/AccountService", Reply(500)),
    "the accounts": (f"{V1}/AccountService/Accounts", Reply(404)),
    "many header lines": (f"{V1}/Managers/1", Reply(headers=[(f"X-{n}", "y") for n in range(2000)])),
}


@pytest.mark.parametrize(("path", "reply"), ABSENT.values(), ids=ABSENT)
@both_logins
async def test_what_is_optional_never_undoes_a_login_and_is_named(
    tmp_path: Path, path: str, reply: Reply, root: Mapping[str, object]
) -> None:
    with presence():
        seen = await tried(tmp_path, {path: reply}, root=root)
    assert seen.counted == 0
    assert seen.ledger.held(seen.bmc.address) is None
    machine = seen.machine()
    assert machine.usable
    assert path.removesuffix("/1") in seen.findings["redfish-part-unread"]
    assert all(one.cure for one in seen.answer.seen)
    assert (machine.boot_mac is None) == path.startswith(NICS)


async def test_a_second_port_that_cannot_be_read_leaves_the_first_one_known_and_not_certain(tmp_path: Path) -> None:
    listed = Reply(fields={"Members": [{"@odata.id": f"{NICS}/1"}, {"@odata.id": f"{NICS}/2"}]})
    for status in (404, 500):
        seen = await tried(tmp_path, {NICS: listed, f"{NICS}/2": Reply(status)})
        machine = seen.machine()
        assert (machine.macs, machine.boot_mac, machine.usable) == (("52:54:00:aa:00:01",), None, True)
        assert f"{NICS}/2" in seen.findings["redfish-part-unread"]
        assert f"HTTP {status}" in seen.findings["redfish-part-unread"]


@both_logins
@pytest.mark.parametrize("count", [110, 300])
async def test_many_header_lines_are_no_block(tmp_path: Path, root: Mapping[str, object], count: int) -> None:
    lines = [(f"X-Feature-{number}", "yes") for number in range(count)]
    with presence():
        seen = await tried(tmp_path, {V1: Reply(fields=root, headers=lines), "*": Reply(headers=lines)})
    assert seen.proven.system and seen.findings == {}


FAULTS: dict[str, tuple[Reply, str]] = {
    "headers without end": (Reply(headers=[(f"X-{n}", "y") for n in range(2000)]), "not HTTP"),
    "more than 4 MiB": (Reply(body=b"{" + b" " * (5 << 20) + b"}"), "too large"),
    "cut in the middle": (Reply(cut=30), "cut off"),
    "reset in the middle": (Reply(cut=30, end="reset"), "cut off"),
    "another protocol": (Reply(raw=b"220 mail.example ESMTP\r\n"), "not HTTP"),
    "HTTP 500": (Reply(500), "HTTP 500"),
    "no JSON": (Reply(body=b"<html>"), "no JSON at"),
}


@pytest.mark.parametrize(("reply", "why"), FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("path", [f"{V1}/Systems", SYSTEM])
@both_logins
async def test_our_limits_and_broken_answers_are_neither_a_block_nor_a_wrong_password(
    tmp_path: Path, root: Mapping[str, object], path: str, reply: Reply, why: str
) -> None:
    with presence():
        seen = await tried(tmp_path, {path: reply}, root=root)
    assert why in seen.unproven.reason and path in seen.unproven.reason
    assert "block" not in seen.unproven.reason and "wrong password" not in seen.unproven.reason
    assert seen.unproven.retry_seconds <= 60
    assert (seen.counted, seen.ledger.held(seen.bmc.address)) == (0, None)


@pytest.mark.parametrize("end", ["drop", "reset"])
async def test_a_connection_that_is_closed_without_an_answer_is_a_block_where_presence_is_answered(
    tmp_path: Path, end: str
) -> None:
    reply = Reply(first=True, end=end, cut=0, raw=b"" if end == "reset" else None)
    with presence():
        seen = await tried(tmp_path, {V1: reply})
    assert seen.unproven.finding == "address-blocked"
    assert seen.ledger.held(seen.bmc.address) is not None


async def test_a_connection_that_is_closed_after_the_login_is_no_block(tmp_path: Path) -> None:
    with presence():
        seen = await tried(tmp_path, {f"{V1}/Systems": Reply(first=True, end="drop")})
    assert seen.unproven.finding == ""
    assert seen.ledger.held(seen.bmc.address) is None and seen.counted == 0


async def test_a_service_that_wants_a_slash_everywhere_is_followed_also_by_the_session(tmp_path: Path) -> None:
    seen = await tried(tmp_path, Script({V1: _root_with_slash, "*": slash_required}))
    assert seen.proven.system and seen.findings == {}
    assert seen.bmc.asked("POST", f"{SESSIONS}/")
    assert seen.bmc.record.leaked_slots == 0


def _root_with_slash(request: Any) -> Reply | None:
    return slash_required(request) or Reply(fields=LINKED)


async def test_a_root_that_moved_is_followed(tmp_path: Path) -> None:
    def root(request: Any) -> Reply:
        return redirect(V1) if request.path.endswith("/") else Reply(fields=LINKED)

    assert (await tried(tmp_path, Script({V1: root}))).proven.system


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_to_another_port_is_not_followed_and_said(tmp_path: Path, status: int) -> None:
    seen = await tried(tmp_path, {V1: redirect("https://127.0.0.1:8080/redfish/v1/", status)})
    assert "redirected elsewhere" in seen.unproven.reason and "8080" in seen.unproven.reason
    assert not seen.bmc.record.logins


MOVED = {
    f"{V1}/Systems": f"{V1}/Rack/7/Computers",
    f"{V1}/Managers": f"{V1}/Rack/7/Controllers",
    f"{V1}/AccountService": f"{V1}/People",
    SESSIONS: f"{V1}/Logins",
}


async def test_the_services_own_references_are_followed(tmp_path: Path) -> None:
    script = Script({V1: Reply(fields=LINKED)}, moved=MOVED)
    seen = await tried(tmp_path, script)
    assert seen.proven.system and seen.proven.system.path == f"{V1}/Rack/7/Computers/1"
    assert seen.proven.system.clock_ahead is not None
    assert seen.findings == {}
    usual = [one.path for one in seen.bmc.record.requests if one.path.rstrip("/") in MOVED]
    assert usual == []


@pytest.mark.parametrize("form", ["https://127.0.0.1:{port}{path}", "{path}/", "1", "{path}?x=1"])
async def test_a_reference_is_read_in_every_form(tmp_path: Path, form: str) -> None:
    port = 40443
    named = form.format(port=port, path=SYSTEM)
    members = {f"{V1}/Systems": Reply(fields={"Members": [{"@odata.id": named}]})}
    systems = {**LINKED, "Systems": {"@odata.id": f"{V1}/Systems/"}}
    seen = await tried(tmp_path, members, root=systems, port=port)
    assert seen.proven.system and seen.proven.system.power == "off"


async def test_ids_that_are_not_ascii_are_read(tmp_path: Path) -> None:
    strange = f"{V1}/Systems/Größe 一"
    quoted = f"{V1}/Systems/Gr%C3%B6%C3%9Fe%20%E4%B8%80"
    script = {
        f"{V1}/Systems": Reply(fields={"Members": [{"@odata.id": strange}]}),
        strange: Reply(fields={"PowerState": "On", "SerialNumber": "S1"}),
    }
    seen = await tried(tmp_path, script)
    assert seen.proven.system and (seen.proven.system.path, seen.proven.system.serial) == (quoted, "S1")


async def test_all_pages_of_a_collection_are_read(tmp_path: Path) -> None:
    more = f"{NICS}?$skip=1"
    pages = {
        NICS: lambda request: (
            Reply(fields={"Members": [{"@odata.id": f"{NICS}/2"}]})
            if "skip" in request.path
            else Reply(fields={"Members@odata.nextLink": more})
        ),
        f"{NICS}/2": Reply(fields={"MACAddress": "52:54:00:AA:00:02", "LinkStatus": "LinkUp"}),
    }
    seen = await tried(tmp_path, pages)
    assert seen.machine().macs == ("52:54:00:aa:00:01", "52:54:00:aa:00:02")


async def test_pages_in_a_circle_end(tmp_path: Path) -> None:
    seen = await tried(tmp_path, {NICS: Reply(fields={"Members@odata.nextLink": NICS})})
    assert seen.machine().macs == ("52:54:00:aa:00:01",)


@pytest.mark.parametrize(
    "target",
    [f"{SYSTEM}/Actions/System.Reset", f"https://127.0.0.1:40444{SYSTEM}/Actions/System.Reset", "Actions/System.Reset"],
)
async def test_power_goes_to_the_services_own_target(target: str) -> None:
    path = f"{SYSTEM}/"
    actions = {"#ComputerSystem.Reset": {"target": target}}
    script = Script({SYSTEM: Reply(fields={"Actions": actions})}, moved={})
    script.replies |= {f"POST {SYSTEM}/Actions/System.Reset": Reply(204, body=b"", first=True)}  # type: ignore[operator]
    async with scripted(script, port=40444) as bmc:
        client = RedfishBmc(bmc.address, bmc.user, Secret(bmc.password), port=bmc.port)
        async with client.session():
            await client.reset(path, "On")
        assert bmc.asked("POST", f"{SYSTEM}/Actions/System.Reset")


async def test_a_service_without_a_target_gets_the_usual_one_without_two_slashes() -> None:
    async with scripted({SYSTEM: Reply(fields={"Actions": ...})}) as bmc:
        client = RedfishBmc(bmc.address, bmc.user, Secret(bmc.password), port=bmc.port)
        await client.set_power(f"{SYSTEM}/", "on")
        assert bmc.record.changes == ["power On"]
        assert not [one for one in bmc.record.requests if "//" in one.path]


async def test_a_target_elsewhere_gets_nothing() -> None:
    actions = {"#ComputerSystem.Reset": {"target": "https://192.0.2.9/reset"}}
    async with scripted({SYSTEM: Reply(fields={"Actions": actions})}) as bmc:
        client = RedfishBmc(bmc.address, bmc.user, Secret(bmc.password), port=bmc.port)
        with pytest.raises(SeedvmError, match="elsewhere"):
            await client.set_power(SYSTEM, "on")
        assert not bmc.record.changes


DELL = {
    "error": {
        "code": "Base.1.12.GeneralError",
        "message": "-",
        "@Message.ExtendedInfo": [
            {
                "MessageId": "IDRAC.2.9.SWC1908",
                "Message": "Unable to complete the operation because the default password is still in use and must be changed.",
            }
        ],
    }
}
SENTENCE = {"error": {"code": "Oem.1.0.Error", "message": "Your password has expired and must be changed."}}


@pytest.mark.parametrize("body", [DELL, SENTENCE], ids=["Dell's message", "a sentence"])
@pytest.mark.parametrize("where", [f"{V1}/Systems", SYSTEM, f"POST {SESSIONS}"])
@both_logins
async def test_a_demand_for_a_new_password_is_known_in_vendors_words(
    tmp_path: Path, where: str, body: dict[str, object], root: Mapping[str, object]
) -> None:
    if where.startswith("POST") and root is not LINKED:
        where = f"{V1}/Systems"
    seen = await tried(tmp_path, {where: Reply(403, body=body, first=True)}, root=root)
    assert (seen.unproven.finding, seen.counted) == (EXPIRED, 0)
    assert seen.unproven.pair is not None
    assert "password" in seen.unproven.reason and "wrong" not in seen.unproven.reason


async def test_a_refused_change_names_what_the_operator_does_instead() -> None:
    async with scripted({V1: Reply(fields=LINKED), f"{V1}/AccountService": Reply(403, body=DELL)}) as bmc:
        client = RedfishBmc(bmc.address, bmc.user, Secret(bmc.password), port=bmc.port)
        with pytest.raises(SeedvmError, match="does not name the account") as raised:
            await client.set_password(Secret("new-password-1"))
        assert "web interface" in raised.value.hint and not isinstance(raised.value, Rejected | PasswordChangeRequired)


@pytest.mark.parametrize("status", [401, 403, 400])
async def test_a_session_service_that_refuses_is_named_and_basic_is_not_tried(tmp_path: Path, status: int) -> None:
    seen = await tried(tmp_path, {f"POST {SESSIONS}": Reply(status, body={}, first=True)})
    assert f"the session service refused user admin (HTTP {status}); Basic was not tried" in seen.unproven.reason
    assert seen.counted == 1
    assert not [one for one in seen.bmc.record.requests if one.path == f"{V1}/Systems"]


async def test_a_request_that_the_session_service_could_not_read_is_not_counted(tmp_path: Path) -> None:
    body = {"error": {"code": "Base.1.8.MalformedJSON", "message": "The request body was malformed."}}
    seen = await tried(tmp_path, {f"POST {SESSIONS}": Reply(400, body=body, first=True)})
    assert seen.counted == 0 and "HTTP 400" in seen.unproven.reason


OLD = {
    "TLS 1.0 only": Tls(version="1.0"),
    "TLS 1.1 only": Tls(version="1.1"),
    "no secure renegotiation (RFC 5746)": Tls(rfc5746=False),
}


@pytest.mark.parametrize(("weakness", "tls"), OLD.items(), ids=OLD)
async def test_old_tls_gets_a_password_only_where_it_is_allowed(tmp_path: Path, weakness: str, tls: Tls) -> None:
    with presence():
        seen = await tried(tmp_path, {}, tls=tls)
    assert seen.unproven.finding == "old-tls" and weakness in seen.unproven.reason
    assert "bmc.allow_old_tls" in seen.unproven.cure
    assert (seen.bmc.record.requests, seen.counted, seen.ledger.held(seen.bmc.address)) == ([], 0, None)
    allowed = await tried(tmp_path, {}, tls=tls, old_tls=True)
    assert allowed.proven.system and weakness in allowed.findings["old-tls"]


async def test_a_certificate_that_changed_gets_nothing(tmp_path: Path) -> None:
    async with scripted({}) as bmc:
        client = RedfishBmc(bmc.address, bmc.user, Secret(bmc.password), port=bmc.port, pin="sha256:" + "0" * 64)
        with pytest.raises(SeedvmError, match="not the one seen at discovery"):
            await client.system()
        assert bmc.record.requests == []


UNREADABLE = {
    "a byte that is no UTF-8": lambda raw: raw[:-1] + b', "x": "\xff"}',
    "a control character": lambda raw: raw[:-1] + b', "x": "\x01"}',
    "a comma too many": lambda raw: raw[:-1] + b",}",
    "gzip that is not announced": gzip.compress,
    "a list": lambda raw: b"[]",
    "nothing": lambda raw: b"",
    "half of it": lambda raw: raw[: len(raw) // 2],
}


@pytest.mark.parametrize("change", UNREADABLE.values(), ids=UNREADABLE)
async def test_a_system_that_cannot_be_read_is_not_taken_for_an_empty_one(tmp_path: Path, change: Any) -> None:
    seen = await tried(tmp_path, {SYSTEM: Reply(body=change)})
    assert f"answers no JSON at {SYSTEM}" in seen.unproven.reason
    assert seen.counted == 0


LENIENT = {
    "NUL at the end": Reply(body=lambda raw: raw + b"\0"),
    "a byte order mark": Reply(body=lambda raw: b"\xef\xbb\xbf" + raw),
    "gzip that is announced": Reply(encode=True),
    "small chunks": Reply(chunks=7),
    "Infinity": Reply(body=lambda raw: raw[:-1] + b', "x": Infinity, "y": NaN}'),
    "a number of 4,000 digits": Reply(body=lambda raw: raw[:-1] + b', "x": ' + b"7" * 4000 + b"}"),
}


@pytest.mark.parametrize("reply", LENIENT.values(), ids=LENIENT)
async def test_what_can_be_read_safely_is_read(tmp_path: Path, reply: Reply) -> None:
    seen = await tried(tmp_path, {SYSTEM: reply})
    assert seen.proven.system and (seen.proven.system.model, seen.findings) == ("Emulated", {})


async def test_numbers_that_nobody_can_hold_are_unknown(tmp_path: Path) -> None:
    huge = (b'"ProcessorSummary": {"Count": Infinity}', b'"MemorySummary": {"TotalSystemMemoryGiB": 1e999}')
    seen = await tried(tmp_path, {SYSTEM: Reply(body=lambda raw: raw[:-1] + b", " + b", ".join(huge) + b"}")})
    assert seen.proven.system and (seen.proven.system.cpus, seen.proven.system.memory_mib) == (0, 0)


async def test_a_long_serial_is_not_cut(tmp_path: Path) -> None:
    long = "S" + "0123456789ABCDEF" * 12
    seen = await tried(
        tmp_path, {SYSTEM: Reply(fields={"SerialNumber": long, "UUID": "03000200-0400-0500-0006-000700080009"})}
    )
    assert seen.proven.system and (seen.proven.system.serial, seen.proven.system.uuid) == (long, "")


async def test_two_systems_have_a_cure_that_fits_the_machine(tmp_path: Path) -> None:
    two = {f"{V1}/Systems": Reply(fields={"Members": [{"@odata.id": SYSTEM}, {"@odata.id": f"{V1}/Systems/2"}]})}
    alone = await tried(tmp_path, two)
    assert "2 systems" in alone.unproven.reason and "IPMI" not in alone.unproven.cure
    beside = await tried(tmp_path, two, protocols=("redfish", "ipmi-1.5"))
    assert "IPMI" in beside.unproven.cure
    none = await tried(tmp_path, {f"{V1}/Systems": Reply(fields={"Members": []})})
    assert "0 systems" in none.unproven.reason


async def test_a_session_that_is_named_nowhere_is_left_and_said_once(tmp_path: Path) -> None:
    reply = Reply(fields={"@odata.id": ...}, without=["Location"])
    seen = await tried(tmp_path, {f"POST {SESSIONS}": reply})
    assert seen.proven.system and SESSIONS in seen.findings["session-not-named"]
    assert not seen.bmc.asked("DELETE")
    assert len(seen.answer.seen) == 1


@pytest.mark.parametrize(
    "named", [f"https://bmc-7.example{SESSIONS}/1", f"https://127.0.0.1{SESSIONS}/1", f"{SESSIONS}/1"]
)
async def test_a_session_by_another_name_of_the_bmc_is_deleted_at_this_one(tmp_path: Path, named: str) -> None:
    reply = Reply(without=["Location"], headers=[("Location", named)])
    seen = await tried(tmp_path, {f"POST {SESSIONS}": reply})
    assert seen.proven.system and seen.findings == {}
    assert [one.path for one in seen.bmc.asked("DELETE")] == [f"{SESSIONS}/1"]


async def test_a_session_somewhere_else_is_not_deleted(tmp_path: Path) -> None:
    reply = Reply(
        without=["Location"],
        fields={"@odata.id": ...},
        headers=[("Location", "https://192.0.2.9/redfish/v1/Systems/1")],
    )
    seen = await tried(tmp_path, {f"POST {SESSIONS}": reply})
    assert seen.proven.system and not seen.bmc.asked("DELETE")


@pytest.mark.parametrize(
    "named", ["https://[bad/x", SYSTEM, SESSIONS, "https://192.0.2.9:8443/redfish/v1/Systems/1", "?", "http://h:x/y"]
)
async def test_what_is_no_session_is_not_deleted_and_does_not_undo_the_login(tmp_path: Path, named: str) -> None:
    reply = Reply(without=["Location"], fields={"@odata.id": ...}, headers=[("Location", named)])
    seen = await tried(tmp_path, {f"POST {SESSIONS}": reply})
    assert seen.proven.system and not seen.bmc.asked("DELETE")
    assert SESSIONS in seen.findings["session-not-named"]


@pytest.mark.parametrize("status", [429, 503])
async def test_a_root_that_is_busy_gets_no_password(tmp_path: Path, status: int) -> None:
    """The way to log in is not known, and basic may be refused where sessions are not."""
    seen = await tried(tmp_path, {V1: Reply(status, {}, headers=[("Retry-After", "120")], first=True)})
    assert "busy" in seen.unproven.reason and seen.unproven.retry_seconds == 120
    assert (seen.bmc.record.logins, seen.counted) == ([], 0)


async def test_a_system_that_is_listed_twice_is_one(tmp_path: Path) -> None:
    twice = {f"{V1}/Systems": Reply(fields={"Members": [{"@odata.id": SYSTEM}, {"@odata.id": SYSTEM}]})}
    assert (await tried(tmp_path, twice)).proven.system


async def test_a_system_without_a_reference_is_not_called_several(tmp_path: Path) -> None:
    seen = await tried(tmp_path, {f"{V1}/Systems": Reply(fields={"Members": [None]})})
    assert "1 system: its list has one entry, without a reference" in seen.unproven.reason
    assert "exclude" not in seen.unproven.cure


async def test_a_proven_pair_still_opens_although_the_systems_cannot_be_read(tmp_path: Path) -> None:
    async with scripted({V1: Reply(fields=LINKED), f"{V1}/Systems": Reply(500)}) as bmc:
        make = partial(RedfishBmc, bmc.address, port=bmc.port)
        login = BmcLogin(bmc.address, Ledger(tmp_path), make)
        assert await still_opens(login, Candidate(bmc.user, Secret(bmc.password)), BmcProtocol.REDFISH)


@pytest.mark.slow
async def test_a_manager_that_drips_does_not_hold_the_login_for_long(tmp_path: Path) -> None:
    began = time.monotonic()
    seen = await tried(tmp_path, {f"{V1}/Managers/1": Reply(drip=(1, 0.5))})
    assert seen.proven.system and "no end" in seen.findings["redfish-part-unread"]
    assert time.monotonic() - began < 60
