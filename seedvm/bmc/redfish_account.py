"""Our own account at a Redfish service: its role, the longest password it takes, a new password.

Source: DSP0268 (AccountService, ManagerAccount), DSP0266 13.2.6. Refused here: to guess which account is ours.
"""

from __future__ import annotations

import contextlib

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.bmc.redfish_answer import error_of, link, number, text
from seedvm.bmc.redfish_errors import NoJson, PasswordChangeRequired
from seedvm.bmc.redfish_read import RedfishReader
from seedvm.foreign.text import shown

ACCOUNTS = 32  # slots that are looked through


class Rejected(SeedvmError):
    """The service understood and said no: nothing was changed."""


class NotListed(SeedvmError):
    """The account is none of the service's own."""


class RedfishAccount(RedfishReader):
    """The account of one Redfish service."""

    async def role(self) -> str:
        """Our own account's RoleId, "" where the service does not show it."""
        service = self.root_reference("AccountService")
        try:
            self.need_time(service)
            path, _ = await self._account()
            return text(await self.get(path), "RoleId")
        except NotListed:
            return ""
        except SeedvmError as error:
            if self.is_named("AccountService"):
                self.unread(shown(service, 100), error)
            return ""

    async def longest_password(self) -> int:
        """The most characters of a password as the AccountService says; 0 where it does not, or not before a change."""
        with contextlib.suppress(PasswordChangeRequired):
            async with self.session():
                part = await self.part(self.root_reference("AccountService"))
                return int(number(part.body or {}, "MaxPasswordLength"))
        return 0

    async def set_password(self, password: Secret) -> None:
        """Give our own account a new password (ManagerAccount.Password), also where it must be changed before anything else.
        Raises Rejected where the service refuses it."""
        async with self.session(expired=True):
            path, etag = await self._account()
            answer = await self.request("PATCH", path, {"Password": password.reveal()}, etag=etag)
        error = error_of(self.address, f"the new password of {self.user}", answer)
        if 400 <= answer.status < 500:
            raise Rejected(error.what, machine=self.address, why=error.why, hint="see the BMC's rules for passwords")
        if answer.status >= 300:
            raise error

    async def _account(self) -> tuple[str, str]:
        """Our own account's resource and its ETag, which several services require with a change. A password that must be changed
        closes the list of accounts; the refusal names ours, which stays open (DSP0266 13.2.6)."""
        try:
            return await self._listed_account()
        except PasswordChangeRequired as expired:
            if not expired.account:
                hint = "set a new password in the BMC's web interface and add it to the candidates"
                why = f"{expired.why}; it does not name the account that may be changed"
                raise SeedvmError(expired.what, machine=self.address, why=why, hint=hint) from None
            with contextlib.suppress(PasswordChangeRequired):
                answer = await self.request("GET", expired.account)
                return expired.account, answer.etag
            return expired.account, ""

    async def _listed_account(self) -> tuple[str, str]:
        service = await self.get(self.root_link("AccountService"))
        accounts = link(service, "Accounts")
        found = await self.collection(self.path(accounts)) if accounts else None
        listed = found.members if found else ()
        unread = len(found.elsewhere) if found else 0
        for path in listed[:ACCOUNTS]:
            try:
                answer = await self.request("GET", path)
            except NoJson:
                unread += 1
                continue
            if answer.status == 200 and answer.body.get("UserName") == self.user:
                return path, answer.etag
            unread += answer.status != 200
        why = f"the AccountService lists {len(listed)} accounts" + (f", {unread} of them unreadable" if unread else "")
        raise NotListed(
            f"user {self.user} is not in the BMC's list of accounts",
            machine=self.address,
            why=why,
            hint="if it is a directory account (LDAP, Active Directory), change its password there",
        )
