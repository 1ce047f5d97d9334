"""Passwords are proven against real BMC emulators, and no account ever sees a wrong one over IPMI."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from uuid import UUID

from seedvm.base.secret import Secret
from seedvm.bmc.bmc_login import BmcLogin, BmcProtocol, MakeRedfish
from seedvm.bmc.credentials import prove, still_opens
from seedvm.bmc.ipmi import IpmiBmc
from seedvm.bmc.ipmi20_session import exchange
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.login_result import Proven, Unproven
from seedvm.bmc.redfish import RedfishBmc
from seedvm.site.accounts import Candidate
from seedvm.wire.rmcp import guid_readings
from tests.contract.bmc.bmcs import GUID, ipmi_sim, pyghmi_bmc, redfish_sim
from tests.contract.isolated import isolated

ADDRESS = "172.22.1.21"


def pair(user: str, password: str) -> Candidate:
    return Candidate(user, Secret(password))


def maker(*, tls: bool = True) -> MakeRedfish:
    return partial(RedfishBmc, ADDRESS, port=443 if tls else 80, tls=tls)


@isolated
async def test_the_right_password_is_found_among_wrong_ones_over_ipmi(tmp_path: Path) -> None:
    async with ipmi_sim(tmp_path, ADDRESS):
        candidates = [pair("root", "x"), pair("admin", "y"), pair("root", "right")]
        answer = await prove(BmcLogin(ADDRESS, ledger := Ledger(tmp_path), maker()), ["ipmi-2.0"], candidates)
        assert isinstance(answer, Proven)
        assert (answer.user, answer.password.reveal()) == ("admin", "right")
        assert answer.identity is not None
        assert answer.identity.guid.hex() == GUID
        assert answer.identity.power == "off"
        assert ledger.failures() == ()


@isolated
async def test_a_bmc_that_grants_another_suite_and_is_silent_to_unknown_users_is_opened(tmp_path: Path) -> None:
    async with pyghmi_bmc(tmp_path, ADDRESS):
        candidates = [pair("root", "x"), pair("admin", "y"), pair("admin", "right")]
        answer = await prove(BmcLogin(ADDRESS, Ledger(tmp_path), maker()), ["ipmi-2.0"], candidates)
        assert isinstance(answer, Proven)
        assert answer.user == "admin"
        assert answer.identity is not None
        assert UUID("00112233-4455-6677-8899-aabbccddeeff") in guid_readings(answer.identity.guid)
        bmc = IpmiBmc(ADDRESS, "admin", Secret("right"), gap=0)
        await bmc.start_from_network()
        assert await bmc.power() == "on"


@isolated
async def test_wrong_passwords_and_unknown_users_have_a_reason_and_a_cure(tmp_path: Path) -> None:
    async with ipmi_sim(tmp_path, ADDRESS):
        ledger = Ledger(tmp_path)
        wrong = await prove(BmcLogin(ADDRESS, ledger, maker()), ["ipmi-2.0"], [pair("admin", "a"), pair("admin", "b")])
        unknown = await prove(BmcLogin(ADDRESS, ledger, maker()), ["ipmi-2.0"], [pair("root", "right")])
        assert isinstance(wrong, Unproven)
        assert "wrong password" in wrong.reason
        assert wrong.cure
        assert isinstance(unknown, Unproven)
        assert "does not know user root" in unknown.reason


@isolated
async def test_an_account_that_is_no_administrator_is_named(tmp_path: Path) -> None:
    async with ipmi_sim(tmp_path, ADDRESS, privilege="user"):
        answer = await prove(BmcLogin(ADDRESS, Ledger(tmp_path), maker()), ["ipmi-2.0"], [pair("admin", "right")])
        assert isinstance(answer, Unproven)
        assert "lacks the Administrator privilege" in answer.reason


@isolated
async def test_two_hundred_handshakes_leave_no_session_slot_taken(tmp_path: Path) -> None:
    async with ipmi_sim(tmp_path, ADDRESS):
        for _ in range(200):
            said = await exchange(ADDRESS, "admin")
            assert said.accepts(b"right")
        answer = await prove(BmcLogin(ADDRESS, Ledger(tmp_path), maker()), ["ipmi-2.0"], [pair("admin", "right")])
        assert isinstance(answer, Proven)


@isolated
async def test_power_and_boot_device_over_ipmi(tmp_path: Path) -> None:
    async with ipmi_sim(tmp_path, ADDRESS) as sim:
        bmc = IpmiBmc(ADDRESS, "admin", Secret("right"), gap=0)
        await bmc.set_boot_device("pxe")
        await bmc.set_power("on")
        assert sim.power.read_text().strip() == "1"
        assert await bmc.power() == "on"
        await bmc.set_power("off")
        assert await bmc.power() == "off"


@isolated
async def test_redfish_is_proven_with_one_login_and_tells_its_mac(tmp_path: Path) -> None:
    async with redfish_sim(tmp_path, ADDRESS) as sim:
        answer = await prove(BmcLogin(ADDRESS, Ledger(tmp_path), maker()), ["redfish"], [pair("admin", "right")])
        assert isinstance(answer, Proven)
        assert answer.system is not None
        assert answer.system.macs == ("52:54:00:aa:00:01",)
        assert answer.system.uuid == "00112233-4455-6677-8899-aabbccddee01"
        assert answer.url == f"https://{ADDRESS}"
        assert sim.count("bad") == 0


@isolated
async def test_redfish_alone_gets_one_wrong_login_per_account_whatever_is_asked(tmp_path: Path) -> None:
    async with redfish_sim(tmp_path, ADDRESS, lock_after=2) as sim:
        candidates = [pair("admin", "a"), pair("admin", "b"), pair("admin", "right")]
        for _ in range(3):
            answer = await prove(BmcLogin(ADDRESS, Ledger(tmp_path), maker()), ["redfish"], candidates)
            assert isinstance(answer, Unproven)
        assert sim.count("bad") == 1


@isolated
async def test_a_pair_that_opened_other_bmcs_goes_first(tmp_path: Path) -> None:
    async with redfish_sim(tmp_path, ADDRESS) as sim:
        candidates = [pair("admin", "a"), pair("admin", "right")]
        known = [pair("admin", "right")]
        answer = await prove(BmcLogin(ADDRESS, Ledger(tmp_path), maker()), ["redfish"], candidates, known)
        assert isinstance(answer, Proven)
        assert sim.count("bad") == 0


@isolated
async def test_a_lock_out_that_is_there_is_named_and_not_fed(tmp_path: Path) -> None:
    async with redfish_sim(tmp_path, ADDRESS, lock_after=1) as sim:
        somebody = RedfishBmc(ADDRESS, "admin", Secret("guess"))
        login = BmcLogin(ADDRESS, Ledger(tmp_path / ".."), lambda *_: somebody)
        assert not await still_opens(login, pair("admin", "guess"), BmcProtocol.REDFISH)
        ledger = Ledger(tmp_path)
        for _ in range(2):
            answer = await prove(BmcLogin(ADDRESS, ledger, maker()), ["redfish"], [pair("admin", "right")])
            assert isinstance(answer, Unproven)
        assert sim.count("bad") == 2
        assert "locked" in ledger.failures()[0].address or ledger.failures()[0].until > 0


@isolated
async def test_an_expired_password_is_told_from_a_wrong_one(tmp_path: Path) -> None:
    async with redfish_sim(tmp_path, ADDRESS, expired=True):
        ledger = Ledger(tmp_path)
        answer = await prove(BmcLogin(ADDRESS, ledger, maker()), ["redfish"], [pair("admin", "right")])
        assert isinstance(answer, Unproven)
        assert "PasswordChangeRequired" in answer.reason
        assert ledger.failures() == ()


@isolated
async def test_a_bmc_with_both_uses_redfish_with_the_pair_that_ipmi_proved(tmp_path: Path) -> None:
    async with ipmi_sim(tmp_path, ADDRESS), redfish_sim(tmp_path, ADDRESS) as redfish:
        candidates = [pair("admin", "a"), pair("admin", "b"), pair("admin", "right")]
        answer = await prove(BmcLogin(ADDRESS, Ledger(tmp_path), maker()), ["ipmi-2.0", "redfish"], candidates)
        assert isinstance(answer, Proven)
        assert answer.protocol == "redfish"
        assert answer.identity is not None
        assert redfish.count("bad") == 0


@isolated
async def test_a_certificate_other_than_the_one_seen_gets_no_password(tmp_path: Path) -> None:
    async with redfish_sim(tmp_path, ADDRESS) as sim:
        make = partial(RedfishBmc, ADDRESS, pin="sha256:" + "0" * 64)
        answer = await prove(BmcLogin(ADDRESS, Ledger(tmp_path), make), ["redfish"], [pair("admin", "right")])
        assert isinstance(answer, Unproven)
        assert "certificate" in answer.reason
        assert sim.logins.read_text() == ""
