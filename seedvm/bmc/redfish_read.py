"""Reading a Redfish service: resources, collections over all their pages, and what may be missing without undoing a login.

Source: DSP0266 section 7.1 (pages: Members@odata.nextLink). Where nothing depends on it, what cannot be read is unknown and a doubt with
path and reason, never an error. Refused here: to read for longer than a login may take.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from seedvm.base.errors import SeedvmError
from seedvm.bmc.redfish_answer import error_of, link, links
from seedvm.bmc.redfish_errors import NoMembers, PasswordChangeRequired, Unauthorized
from seedvm.bmc.redfish_http import RedfishHttp
from seedvm.foreign.numbers import integer
from seedvm.foreign.text import exact, shown

PAGES = 16
MOST_MEMBERS = 512
MOST_COUNT = 1 << 20
EXTRA_SECONDS = 45.0  # for all that is optional together; a login has 180 (ledger)
UNREAD = "redfish-part-unread"


@dataclass(frozen=True)
class OptionalResource:
    """An optional resource: its body, or None and why it could not be read."""

    path: str
    body: Mapping[str, object] | None
    fault: str = ""


@dataclass(frozen=True)
class Collection:
    """A collection's members that are named, and how many it says that there are: more, where one has no reference. `whole` is false
    where it names a further page that cannot be had: one that came before, one too many, or one that fails, with `fault`. `elsewhere` are
    the members that are not in this service, as they were written, each with its error; `told` the count by the service's own word, 0 where
    it gives none."""

    members: tuple[str, ...]
    count: int
    whole: bool
    elsewhere: Mapping[str, SeedvmError] = field(default_factory=dict)
    fault: SeedvmError | None = None
    told: int = 0

    def sure(self) -> Collection:
        """Itself, for who must have all of it. Raises what is wrong with it."""
        for error in (*self.elsewhere.values(), self.fault):
            if error is not None:
                raise error
        return self


@dataclass(frozen=True)
class OptionalMembers:
    """The members of an optional collection that were asked for, how many `more` it has, or why it could not be read."""

    read: tuple[OptionalResource, ...] = ()
    more: int = 0
    fault: str = ""


class RedfishReader(RedfishHttp):
    """One Redfish service, read."""

    _extra_until = 0.0

    async def get(self, path: str) -> Mapping[str, object]:
        """A resource. Raises Unauthorized, PasswordChangeRequired, NoJson, or SeedvmError."""
        answer = await self.request("GET", path)
        if answer.status != 200:
            raise error_of(self.address, f"GET {path}", answer)
        return answer.body

    async def collection(self, path: str) -> Collection:
        """A collection over all its pages; a page that comes again ends it, and one that fails after the first. Raises what the first does,
        and at each page a refusal of the login."""
        found: dict[str, None] = {}
        elsewhere: dict[str, SeedvmError] = {}
        seen: dict[str, None] = {}
        following, told, nameless = path, 0, 0
        fault = None
        while following and len(seen) < PAGES and len(found) < MOST_MEMBERS:
            try:
                page = self.path(following, next(reversed(seen), path))
                if page in seen:
                    break
                body = await self._page(page)
            except SeedvmError as error:
                if not seen or isinstance(error, Unauthorized | PasswordChangeRequired):
                    raise
                fault = error
                break
            seen[page] = None
            told = max(told, integer(body.get("Members@odata.count"), 0, MOST_COUNT) or 0)
            named = links(body, "Members")
            nameless += _length(body) - len(named)
            for one in named:
                try:
                    found[self.path(one, page)] = None
                except SeedvmError as error:
                    elsewhere[shown(one, 100)] = error
            following = exact(body.get("Members@odata.nextLink")) or link(body, "Members@odata.nextLink")
        count = max(told, len(found) + len(elsewhere) + nameless)
        return Collection(tuple(found), count, not following, elsewhere, fault, told)

    async def _page(self, path: str) -> Mapping[str, object]:
        """A page of a collection: what is no list is not taken for an empty one."""
        body = await self.get(path)
        if not isinstance(body.get("Members"), list) and body.get("Members@odata.count") != 0:
            raise NoMembers(
                self.address, path, "its Members is not a list" if "Members" in body else "it has no Members"
            )
        return body

    def begin_extras(self) -> None:
        """From here on optional resources have their time."""
        self._extra_until = time.monotonic() + EXTRA_SECONDS

    async def part(self, reference: str, base: str = "/redfish/v1/") -> OptionalResource:
        """An optional resource. Raises only PasswordChangeRequired: what else goes wrong is its fault, and a doubt."""
        try:
            path = self.path(reference, base)
            self.need_time(path)
            return OptionalResource(path, await self.get(path))
        except PasswordChangeRequired:
            raise
        except SeedvmError as error:
            return OptionalResource(shown(reference, 100), None, self.unread(shown(reference, 100), error))

    async def parts(self, reference: str, most: int) -> OptionalMembers:
        """The members of an optional collection, the first `most`."""
        if not reference:
            return OptionalMembers()
        try:
            path = self.path(reference)
            self.need_time(path)
            listed = await self.collection(path)
        except PasswordChangeRequired:
            raise
        except SeedvmError as error:
            return OptionalMembers(fault=self.unread(shown(reference, 100), error))
        if listed.fault:
            self.unread(f"a further page of {path}", listed.fault)
        foreign = [
            OptionalResource(one, None, self.unread(f"{one} in {path}", why)) for one, why in listed.elsewhere.items()
        ][:most]
        more = max(listed.count - most, listed.count - len(listed.members) - len(foreign), 0 if listed.whole else 1)
        if more and len(listed.members) > most:
            self.doubt(f"{UNREAD} {path}", f"{path} lists {listed.count} members: the first {most} are read")
        return OptionalMembers((*[await self.part(one) for one in listed.members[:most]], *foreign), more)

    def need_time(self, path: str) -> None:
        if self._extra_until and time.monotonic() > self._extra_until:
            why = f"optional resources took more than {EXTRA_SECONDS:.0f} s"
            hint = "run again when the BMC is less busy; reset the BMC if this continues"
            raise SeedvmError(f"GET {path} was left out", machine=self.address, why=why, hint=hint)

    def unread(self, path: str, error: SeedvmError) -> str:
        why = f"{error.what}: {error.why}" if error.why else error.what
        self.doubt(f"{UNREAD} {path}", f"{path} could not be read: {why}")
        return why


def _length(body: Mapping[str, object]) -> int:
    members = body.get("Members")
    return len(members) if isinstance(members, list) else 0
