"""A lock-out or a block that is there is recognised, named and waited out; nothing that we send could start its clock again."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from seedvm.base.secret import Secret
from seedvm.bmc.bmc_login import BmcLogin
from seedvm.bmc.credentials import prove
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.login_result import Proven, Unproven
from seedvm.bmc.redfish import RedfishBmc
from seedvm.site.accounts import Candidate
from tests.contract.bmc.bmcs import ipmi_sim, redfish_sim
from tests.contract.bmc.small_bmc import small_bmc
from tests.contract.isolated import isolated

ADDRESS = "172.22.1.21"
RIGHT = (Candidate("admin", Secret("right")),)
MAKE = partial(RedfishBmc, ADDRESS)
IDRAC = "RAC0212: Login failed. Verify that username and password is correct. Login delayed for {seconds:.0f} seconds."


async def tried(
    folder: Path, protocols: Sequence[str], vendor: str | None = None, opened_by: str | None = None
) -> Unproven:
    answer = await prove(BmcLogin(ADDRESS, Ledger(folder), MAKE, vendor=vendor, opened_by=opened_by), protocols, RIGHT)
    assert isinstance(answer, Unproven), answer
    return answer


@isolated
async def test_an_account_that_an_idrac_has_locked_is_left_alone_for_as_long_as_it_says(tmp_path: Path) -> None:
    async with redfish_sim(tmp_path, ADDRESS, lock_after=3, lock_seconds=600, lock_message=IDRAC) as sim:
        wrong = [Candidate("admin", Secret(text)) for text in ("a", "b", "c")]
        for number, one in enumerate(wrong):  # somebody else locks it
            await prove(BmcLogin(ADDRESS, Ledger(_folder(tmp_path, f"other{number}")), MAKE), ["redfish"], [one])
        assert sim.count("bad") == 3
        for _ in range(3):
            answer = await tried(tmp_path, ["redfish"])
            assert 590 < answer.retry_seconds <= 600
        assert sim.count("bad") == 4  # the one that was told of the lock
        assert (await tried(_folder(tmp_path, "new"), ["redfish"])).finding == "account-locked"


@isolated
async def test_a_login_refused_with_the_right_password_is_a_lock_and_not_a_wrong_password(tmp_path: Path) -> None:
    async with small_bmc(ADDRESS) as bmc:
        answer = await tried(tmp_path, ["ipmi-2.0"], "OpenBMC")
        assert answer.finding == "account-locked"
        assert "is correct" in answer.reason
        assert answer.retry_seconds == 300
        again = await tried(tmp_path, ["ipmi-2.0"], "OpenBMC")
        assert again.retry_seconds > 0
        assert bmc.logins == 1  # no second login: only slots are given back


@isolated
async def test_a_user_who_opened_the_bmc_before_and_is_unknown_now_is_locked(tmp_path: Path) -> None:
    async with ipmi_sim(tmp_path, ADDRESS, user="other"):
        stranger = await tried(tmp_path, ["ipmi-2.0"])
        assert "does not know user admin" in stranger.reason
        friend = await tried(tmp_path, ["ipmi-2.0"], "OpenBMC", opened_by="admin")
        assert (friend.finding, friend.retry_seconds) == ("account-locked", 300)


@isolated
async def test_presence_without_sessions_is_a_block_and_is_held(tmp_path: Path) -> None:
    async with small_bmc(ADDRESS, sessions=False):
        answer = await tried(tmp_path, ["ipmi-2.0"], "Dell Inc.")
        assert (answer.finding, answer.retry_seconds) == ("address-blocked", 600)
    held = await tried(tmp_path, ["ipmi-2.0", "redfish"])  # nothing listens any more: not even asked
    assert held.finding == "address-blocked"
    assert 500 < held.retry_seconds <= 600


@isolated
async def test_presence_without_sessions_while_redfish_takes_connections_is_ipmi_turned_off(tmp_path: Path) -> None:
    async with small_bmc(ADDRESS, sessions=False), redfish_sim(tmp_path, ADDRESS):
        answer = await prove(BmcLogin(ADDRESS, Ledger(tmp_path), MAKE), ["ipmi-2.0", "redfish"], RIGHT)
        assert isinstance(answer, Proven)
        assert answer.protocol == "redfish"


@isolated
async def test_connections_refused_while_presence_answers_are_a_block(tmp_path: Path) -> None:
    async with small_bmc(ADDRESS, sessions=False):
        answer = await tried(tmp_path, ["redfish"])
        assert answer.finding == "address-blocked"
        assert Ledger(tmp_path).held(ADDRESS) is not None


@isolated
async def test_a_bmc_that_is_gone_is_no_block(tmp_path: Path) -> None:
    answer = await tried(tmp_path, ["redfish"])
    assert answer.finding == ""
    assert Ledger(tmp_path).held(ADDRESS) is None
    assert Ledger(tmp_path).failures() == ()


@isolated
async def test_too_many_requests_are_waited_out_as_long_as_the_header_says(tmp_path: Path) -> None:
    asked: list[str] = []

    class TooMany(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(503)
            self.send_header("Retry-After", "120")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 80), TooMany)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        make = partial(RedfishBmc, "127.0.0.1", port=80, tls=False)
        answer = await prove(BmcLogin("127.0.0.1", Ledger(tmp_path), make), ["redfish-http"], RIGHT)
    finally:
        server.shutdown()
        server.server_close()
    assert isinstance(answer, Unproven)
    assert answer.retry_seconds == 120
    assert Ledger(tmp_path).failures() == ()


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder
