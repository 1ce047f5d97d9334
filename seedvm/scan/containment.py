"""Whatever one host makes us raise stays with that host: a remark for the operator, an entry in the trace, and the scan goes on.

The one place of the scan that catches every error: of our own code, of a library that refuses a value, also what is no Exception, such as
a panic of a library in Rust. Refuses to hide our own failures: what is raised by those who are told of hosts (a full disk, a closed
pipe) passes, and so do cancellation and the end of the program.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from seedvm.base import trace
from seedvm.base.endings import ENDINGS
from seedvm.foreign.text import shown

MOST_REASON = 160


class OwnFailure(Exception):
    """Our own side has failed, with the cause, and no host is to blame: who is told of hosts, or what this machine lacks."""


@contextlib.contextmanager
def contained(
    host: str, doing: str, tell: Callable[[str], None] | None = None, passing: type[Exception] = OwnFailure
) -> Iterator[None]:
    """`tell` gets one line with type and reason of whatever is raised while we are `doing` something with a host. `passing` is let through
    as well: a parser's own refusal."""
    try:
        yield
    except ENDINGS:
        raise
    except (OwnFailure, passing):
        raise
    except BaseException as error:
        trace.error(error, f"scan of {host}: {doing}")
        if tell:
            tell(f"{doing} failed: {shown(f'{type(error).__name__}: {error}'.rstrip(': '), MOST_REASON)}")


@contextlib.contextmanager
def ours() -> Iterator[None]:
    """Around what is ours, such as a call of somebody who is told of hosts: what it raises is not taken for a host's."""
    try:
        yield
    except Exception as error:
        raise OwnFailure from error


def unwrapped(group: BaseExceptionGroup[OwnFailure]) -> BaseException:
    """What was raised on our own side, out of the groups of the tasks that it came through."""
    first = group.exceptions[0]
    return unwrapped(first) if isinstance(first, BaseExceptionGroup) else first.__cause__ or first
