"""One answer of a Redfish service, and how its parts are read: text that is never cut, numbers in range, its own words in an error."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from seedvm.base.errors import SeedvmError
from seedvm.base.json_tree import subtree
from seedvm.foreign import numbers
from seedvm.foreign.text import exact, shown

MOST_REFUSAL = 64 * 1024  # characters of a refusal that are looked at
MOST_NUMBER = 1 << 40
ACCOUNT = re.compile(r"""/redfish/v1/[^"'\s<>\\]{1,100}/Accounts/[^"'\s<>\\]{1,100}""")
EMPTY_WORDS = ("", "-")
SEE_BELOW = re.compile(r"see @?(message\.)?extendedinfo|see extended", re.IGNORECASE)


@dataclass(frozen=True)
class RedfishAnswer:
    """Status, JSON body ({} where it is none), headers by lower-case name, and what was said where it was no JSON."""

    status: int
    body: Mapping[str, object]
    headers: Mapping[str, str]
    raw: str = ""

    @property
    def text(self) -> str:
        return (json.dumps(self.body) if self.body else self.raw).lower()

    @property
    def account(self) -> str:
        """The account that the message PasswordChangeRequired names, as its argument or in its text; "" where there is none."""
        found = ACCOUNT.search(json.dumps(self.body)[:MOST_REFUSAL])
        return found[0].rstrip(".,;") if found else ""

    @property
    def etag(self) -> str:
        """Several services require it with a change."""
        return exact(self.headers.get("etag")) or text(self.body, "@odata.etag")

    @property
    def words(self) -> str:
        """The service's own words: the first message that says something."""
        error = subtree(self.body, "error") or self.body
        extended = error.get("@Message.ExtendedInfo")
        messages = [error.get("message")]
        messages += (
            [one.get("Message") for one in extended if isinstance(one, dict)] if isinstance(extended, list) else []
        )
        said = [shown(one) for one in messages if isinstance(one, str)]
        useful = [one for one in said if one not in EMPTY_WORDS and not SEE_BELOW.search(one)]
        return (useful or said or [shown(self.raw)])[0]


def error_of(address: str, what: str, answer: RedfishAnswer) -> SeedvmError:
    """A refusal in the service's own words, with what to do about it."""
    why = f"HTTP {answer.status} {answer.words}".strip()
    return SeedvmError(f"Redfish refused {what}", machine=address, why=why, hint=_cure(answer.status))


def _cure(status: int) -> str:
    if status in (401, 403):
        return "give the account the Administrator privilege on the BMC"
    if status in (404, 405, 410, 501):
        return "update the BMC's firmware"
    if status >= 500:
        return "run again; reset the BMC if this continues"
    return "check the BMC's log, then run again; update its firmware if this continues"


def links(body: Mapping[str, object], name: str) -> tuple[str, ...]:
    """The references in a list, as the service wrote them."""
    members = body.get(name)
    if not isinstance(members, list):
        return ()
    return tuple(one["@odata.id"] for one in members if isinstance(one, dict) and isinstance(one.get("@odata.id"), str))


def link(body: Mapping[str, object], name: str) -> str:
    """A reference to one resource, "" where there is none."""
    return exact(subtree(body, name).get("@odata.id"))


def text(body: Mapping[str, object], name: str) -> str:
    """A string within, never cut: "" where there is none, or one that is no text."""
    return exact(body.get(name))


def number(body: Mapping[str, object], name: str) -> float:
    """A number within, 0 where there is none."""
    return numbers.real(body.get(name), 0, MOST_NUMBER) or 0.0
