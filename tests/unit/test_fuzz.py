"""Every parser of foreign bytes takes any bytes: it gives a value or refuses, quickly. `make fuzz` does the same for longer."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.fuzz.corpus import seeds
from tests.fuzz.targets import Chain, Target, all_targets, entrances

CHAIN = Chain(all_targets())
ENTRANCES = entrances()


def changed(seed: bytes) -> st.SearchStrategy[bytes]:
    """A real packet with a piece of it replaced, cut off or put in twice."""
    place = st.integers(0, max(0, len(seed)))
    return st.builds(lambda at, to, new: seed[:at] + new + seed[to:], place, place, st.binary(max_size=8))


def test_the_parsers_are_found() -> None:
    names = {one.name for one in ENTRANCES}
    assert {"seedvm.wire.rmcp.parse_pong", "seedvm.wire.rakp.Rakp2.decode", "seedvm.scan.root.parse_root"} <= names
    assert "seedvm.wire.lanplus.open_sealed" in names
    assert len(names) >= 30
    assert {one.takes.__name__ for one in all_targets()} >= {"bytes", "Message", "Frame", "Ssdp"}


@pytest.mark.parametrize("target", ENTRANCES, ids=lambda one: one.name.removeprefix("seedvm."))
def test_any_bytes_are_taken_or_refused(target: Target) -> None:
    known = seeds(target.name)
    mixed = st.one_of(st.binary(max_size=1600), *(changed(seed) for seed in known))

    @settings(
        max_examples=40, deadline=timedelta(seconds=60), derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(data=mixed)
    @example(data=b"")
    def holds(data: bytes) -> None:
        CHAIN.run(target, data)

    for seed in known:
        CHAIN.run(target, seed)
    holds()
