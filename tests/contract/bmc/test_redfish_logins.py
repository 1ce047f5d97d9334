"""Logins at Redfish services as the field has them: no refusal is told as another one, and no session is left behind or taken for one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.bmc.bmc_login import BmcLogin, BmcProtocol
from seedvm.bmc.credentials import still_opens
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.login_result import EXPIRED
from seedvm.bmc.redfish import RedfishBmc, Rejected
from seedvm.bmc.redfish_errors import PasswordChangeRequired
from seedvm.site.accounts import Candidate
from tests.contract.bmc.redfish_tried import LINKED, SESSIONS, SYSTEM, V1, both_logins, presence, tried
from tests.datacenter.script import Reply
from tests.datacenter.scripted import scripted
from tests.datacenter.tls import Tls

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


@pytest.mark.parametrize("other", [Reply(body=b"{"), Reply(500), Reply(404)])
async def test_another_account_that_cannot_be_read_does_not_hide_ours(other: Reply) -> None:
    accounts = f"{V1}/AccountService/Accounts"
    named = ["https://192.0.2.9/x", f"{accounts}/9", f"{accounts}/1"]
    listed = Reply(fields={"Members": [{"@odata.id": one} for one in named]})
    async with scripted({accounts: listed, f"{accounts}/9": other}) as bmc:
        client = RedfishBmc(bmc.address, bmc.user, Secret(bmc.password), port=bmc.port)
        async with client.session():
            assert await client.role() == "Administrator"
        await client.set_password(Secret("pony-43x"))
        assert bmc.accounts.passwords[bmc.user] == "pony-43x"


@pytest.mark.parametrize("status", [400, 404, 418, 500, 502, 504])
async def test_a_root_that_fails_gets_no_password(tmp_path: Path, status: int) -> None:
    """What the service offers is not known: the same root may name its sessions a moment later."""
    seen = await tried(tmp_path, {V1: Reply(status)})
    assert f"Redfish refused GET {V1}/" in seen.unproven.reason and f"HTTP {status}" in seen.unproven.reason
    assert (seen.bmc.record.logins, seen.counted) == ([], 0)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_root_that_is_closed_is_opened_by_basic(tmp_path: Path, status: int) -> None:
    seen = await tried(tmp_path, {V1: [(0, Reply(status))]})
    assert seen.proven.system and seen.counted == 0


async def test_a_proven_pair_still_opens_although_the_systems_cannot_be_read(tmp_path: Path) -> None:
    async with scripted({V1: Reply(fields=LINKED), f"{V1}/Systems": Reply(500)}) as bmc:
        make = partial(RedfishBmc, bmc.address, port=bmc.port)
        login = BmcLogin(bmc.address, Ledger(tmp_path), make)
        assert await still_opens(login, Candidate(bmc.user, Secret(bmc.password)), BmcProtocol.REDFISH)
