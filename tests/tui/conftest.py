"""What a screen leaves behind in the test's process is given back: the next test, and the processes it forks, pay nothing for it."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from textual._styles_cache import StylesCache

_USUAL = gc.get_threshold()


@pytest.fixture(autouse=True)
def nothing_of_a_screen_is_kept() -> Iterator[None]:
    """Textual keeps the last 1,024 widgets' lines by a cache of a method; the wizard sets the garbage collector for itself alone."""
    yield
    StylesCache.get_inner_outer.cache_clear()
    if gc.get_freeze_count():
        gc.unfreeze()
        gc.set_threshold(*_USUAL)
        gc.collect()
