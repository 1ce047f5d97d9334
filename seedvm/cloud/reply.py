"""What a service answered, and the errors that its silence and its refusals become. It refuses to show a page of HTML, an object's
address or a traceback as a reason, and to copy what was asked (it may hold secrets)."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from seedvm.base.errors import SeedvmError
from seedvm.base.item import Item
from seedvm.foreign.text import shown

_WORDS = 400
_READ = 8192  # characters of a page: the time for its tags grows by the square
_PASSING = (429, 500, 502, 503, 504)  # a service that starts, has lost its database for a moment, or has too much to do
_MESSAGES = ("error_message", "faultstring", "message", "detail")
_UNSEEN = re.compile(r"<(head|style|script)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<[!/a-zA-Z][^>]*>")


class Unreachable(SeedvmError):
    """No answer, no whole answer, or no login: the cloud is not there (yet)."""

    passing = True


class Refused(SeedvmError):
    """An answer that is a refusal; `status` is its HTTP status."""

    def __init__(self, what: str, *, machine: str | None = None, status: int, why: str, hint: str = "") -> None:
        super().__init__(what, machine=machine, why=why, hint=hint)
        self.status = status
        self.passing = status in _PASSING


@dataclass(frozen=True)
class Answer:
    """What a service answered: HTTP status and phrase, headers by their names in lower case, and the body."""

    status: int
    phrase: str
    headers: Mapping[str, str]
    body: bytes
    source: str

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300

    def item(self) -> Item:
        """The JSON object; an empty body is an empty one. Anything else is Unreachable: whoever answered is not the service."""
        try:
            return Item.of(json.loads(self.body or b"{}"), self.source)
        except (ValueError, RecursionError) as error:
            seen = shown(words(self.body.decode(errors="replace")), 80)
            raise Unreachable(
                f"{self.source}: the answer has an unexpected format", why=f"not JSON ({error}): {seen}"
            ) from None

    def reason(self) -> str:
        """Status, and the service's own words from the envelope that each service has."""
        said = _message(self.body.decode(errors="replace"))
        head = f"HTTP {self.status}"
        return f"{head}: {said}" if said else f"{head} {shown(self.phrase)}".rstrip()


def words(text: str) -> str:
    """The text of a page or of a message with some HTML in it, on one line."""
    text = text[:_READ]
    plain = _TAG.sub(" ", _UNSEEN.sub(" ", text)) if "<" in text else text
    return shown(html.unescape(plain), _WORDS)


def cause(error: BaseException) -> str:
    """The system's own words at the bottom of what libraries wrap around a failure."""
    chain = list(_chain(error))
    names = {type(one).__name__ for one in chain}
    if "ConnectTimeoutError" in names:
        return "the connection was not accepted in time"
    if any("Timeout" in name for name in names):
        return "no answer in time"
    if "RemoteDisconnected" in names:
        return "the connection was closed without an answer"
    if "IncompleteRead" in names:
        return "the answer was incomplete"
    for one in chain:
        if isinstance(one, OSError) and one.strerror:
            return one.strerror
    return shown(str(error), _WORDS) or type(error).__name__


def _message(text: str) -> str:
    try:
        tree: object = json.loads(text)
    except (ValueError, RecursionError):
        return words(text)
    found = _inner(tree, 0)
    return words(found if found else json.dumps(tree)) if tree else ""


def _inner(tree: object, depth: int) -> str:
    """The first message in an envelope; Ironic's is JSON within JSON."""
    if isinstance(tree, str) and tree.startswith("{"):
        try:
            return _inner(json.loads(tree), depth) or tree
        except (ValueError, RecursionError):
            return tree
    if isinstance(tree, list) and tree:
        return _inner(tree[0], depth)
    if not isinstance(tree, dict) or depth > 2:
        return ""
    for key in _MESSAGES:
        if isinstance(tree.get(key), (str, dict)) and tree[key]:
            return _inner(tree[key], depth + 1) or str(tree[key])
    return next(
        (found for one in tree.values() if isinstance(one, (dict, list)) and (found := _inner(one, depth + 1))), ""
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The errors that this one was made of, the innermost first."""
    seen: list[BaseException] = []
    ahead = [error]
    while ahead and len(seen) < 20:
        one = ahead.pop()
        if any(one is other for other in seen):
            continue
        seen.append(one)
        inside = (one.__context__, one.__cause__, getattr(one, "reason", None), *one.args)
        ahead += [other for other in inside if isinstance(other, BaseException)]
    return reversed(seen)
