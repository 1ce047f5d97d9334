"""Discover and credentials among BMCs with every oddity of the field: each is listed, none is locked, what is in the way is named."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.contract.isolated import isolated
from tests.datacenter.cable import Seen, datacenter
from tests.datacenter.model import Host
from tests.datacenter.oddities import ODDITIES
from tests.datacenter.paint import remains
from tests.datacenter.population import FIRST, oddities

REFUSED = ("wrong", "unknown", "locked", "blocked")


def remarks(host: Host, seen: Seen, said: Mapping[str, Any] | None) -> Iterator[str]:
    """What is not as it should be, in words."""
    wanted, record = ODDITIES[host.odd], seen.hosts[host.address]
    if said is None:
        yield "it is not listed"
        return
    text = f"{said['why']} {said['cure']} {' '.join(said['found'])}"
    if record.locked_by_visitor or record.blocked_visitor:
        yield "the account was locked, or our address blocked, by us"
    if sum(one.outcome in REFUSED for one in record.logins) > 1:
        yield "more than one login was refused"
    if wanted.proven and said["user"] != "admin":
        yield f"the right password was not proven: {said['why']}"
    if wanted.proven and said["why"]:
        yield f"it is proven and cannot be used: {said['why']}"
    if not wanted.proven and not said["why"]:
        yield "it cannot be used and nothing says why"
    if not re.search(wanted.says, text):
        yield f"nothing says {wanted.says!r} but {text}"
    if "blocks this address" in text:
        yield "it is said to block this address"
    if "wrong password" in text:
        yield "the password is called wrong"
    if left := remains(json.dumps(said, ensure_ascii=False).encode("utf-8", "surrogatepass")):
        yield f"it paints: {left}"


@partial(isolated, seconds=300)
@pytest.mark.slow
async def test_every_oddity_is_listed_and_proven_or_says_why(tmp_path: Path) -> None:
    async with datacenter(tmp_path, oddities()) as there:
        state = tmp_path / "state"
        state.mkdir(mode=0o700)
        done = await there.run(
            [sys.executable, "-m", "tests.datacenter.prove", state, f"{FIRST}-10.66.0.200"], timeout=240, check=False
        )
        assert not done.returncode, done.stderr[-4000:]
        said = json.loads((state / "proved.json").read_text())
        seen = await there.seen()
    machines = said["machines"]
    told = {host.odd: list(remarks(host, seen, machines.get(host.address))) for host in there.hosts.values()}
    wrong = {name: words for name, words in told.items() if words}
    assert not wrong, "\n".join(f"{name}: {words}" for name, words in wrong.items())
