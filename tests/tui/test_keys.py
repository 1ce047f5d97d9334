"""One key, one meaning on every page."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from textual.binding import Binding, BindingType

from tui.app import PAGES, WizardApp
from tui.screens.notes import Help, Jump, Notes
from tui.screens.page import Page
from tui.widgets.table import Table

SAME: dict[str, frozenset[str]] = {
    "escape": frozenset({"back", "close"}),  # leave what is in front
    "f1": frozenset({"app.help", "close"}),  # the key that opened the window closes it
    "f2": frozenset({"app.jump", "close"}),
    "f5": frozenset({"look", "scan"}),  # look at the world again
    "f10": frozenset(
        {"app.go('networks')", "app.go('credentials')", "save", "go_on"}
    ),  # done here, on to the next page
    "h": frozenset({"app.go('handoff')", "app.go('progress')"}),  # between the hand-off and the rest of the deployment
    "enter": frozenset({"go_on", "choose"}),  # yes, this
    "ctrl+q": frozenset({"app.quit", "quit"}),
}
"""What a key does where that has more than one name; each is one meaning."""


def actions(bindings: Iterable[BindingType]) -> dict[str, set[str]]:
    """Key -> every action that it has."""
    found: dict[str, set[str]] = {}
    for one in bindings:
        binding = one if isinstance(one, Binding) else Binding(*one)
        for key in binding.key.split(","):
            found.setdefault(key.strip(), set()).add(
                binding.action.partition("(")[0] if "say(" in binding.action else binding.action
            )
    return found


def several(bindings: Iterable[BindingType]) -> dict[str, set[str]]:
    """Keys with more than one meaning."""
    return {
        key: found
        for key, found in actions(bindings).items()
        if len(found) > 1 and not found <= SAME.get(key, frozenset())
    }


def test_a_key_means_the_same_on_every_page() -> None:
    classes = (*PAGES.values(), Page, Notes, Help, Jump, Table, WizardApp)
    assert several(chain.from_iterable(one.BINDINGS for one in classes)) == {}


def test_a_key_with_two_meanings_is_found() -> None:
    assert several([Binding("x", "say('exclude')"), Binding("x", "spare")]) == {"x": {"say", "spare"}}
    assert several([("f5", "look", "Look"), ("f5", "propose", "Propose")]) == {"f5": {"look", "propose"}}


def test_what_is_the_same_is_bound_somewhere() -> None:
    bound = actions(
        chain.from_iterable(one.BINDINGS for one in (*PAGES.values(), Page, Notes, Help, Jump, Table, WizardApp))
    )
    assert all(found <= bound[key] for key, found in SAME.items())
