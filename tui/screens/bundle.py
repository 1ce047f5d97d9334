"""The site in one encrypted file, for the day on which this laptop is lost; and the recovery key. It never shows a passphrase."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Static

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from tui.screens.page import Page, put
from tui.state.watcher import View

SAVED = {
    "": "Nothing to save yet: the site has no keys and no passwords.",
    "none": "No bundle yet: the keys and the new BMC passwords are on this laptop alone.",
    "old": "Passwords or keys have changed since the last bundle was written.",
    "current": "The last bundle holds the passwords and keys of now.",
}
_FIELDS = ("file", "passphrase", "again")


class BundlePage(Page):
    """Save the site for another laptop."""

    NAME: ClassVar[str] = "Site bundle"
    ABOUT: ClassVar[str] = "save the site in case this laptop is lost"
    HELP: ClassVar[str] = """\
A bundle is one encrypted file with the site, its keys and the BMC passwords.
If this laptop is lost before the nodes have joined, another laptop continues
from it: seedvm bundle open FILE, then seedvm run. Once they have joined, the
nodes keep all of it themselves, sealed: seedvm adopt VIP on another laptop
takes the hand-off up from them, with this site's recovery key or any bundle.

Write it to a stick, again after every change of passwords, and keep it apart
from this laptop. The passphrase is at least 12 characters; a few words do.

F10  writes the bundle      F8  shows the recovery key, and hides it again:
     write it down; whoever has it can read every password of the site"""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f10", "save", "Write the bundle", key_display="F10"),
        Binding("f8", "key", "Recovery key", key_display="F8"),
    ]

    def body(self) -> ComposeResult:
        """What it is for, how it stands, three fields, the answer, the recovery key."""
        yield Static(
            "One encrypted file from which another laptop continues if this one is lost.", classes="head", markup=False
        )
        yield Static(id="saved", markup=False)
        for name, label in zip(_FIELDS, ("file or folder", "passphrase", "passphrase again"), strict=True):
            with Horizontal(classes="row"):
                yield Static(label, classes="label", markup=False)
                yield Input(id=name, password=name != "file", max_length=200)
        yield Static(id="answer", markup=False)
        yield Static(id="key", classes="hidden", markup=False)

    def on_mount(self) -> None:
        """The keys go to the file's name."""
        self.query_one("#file", Input).focus()

    def show(self, view: View, now: float) -> None:
        """How it stands."""
        put(self.query_one("#saved", Static), SAVED[view.bundle])

    def on_screen_suspend(self) -> None:
        """Another page is in front: the key is not on the screen any more, nor a passphrase in a field."""
        self._hide()
        for name in _FIELDS[1:]:
            self.query_one(f"#{name}", Input).value = ""

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: on to the next field, and from the last one it is written."""
        if event.input.id not in _FIELDS:
            super().on_input_submitted(event)
            return
        event.stop()
        rest = _FIELDS[_FIELDS.index(event.input.id) + 1 :]
        if rest:
            self.query_one(f"#{rest[0]}", Input).focus()
        else:
            self.action_save()

    def action_save(self) -> None:
        """Write it."""
        file, first, again = (self.query_one(f"#{name}", Input) for name in _FIELDS)
        self.save(file.value, Secret(first.value), Secret(again.value))

    @work(exit_on_error=False, exclusive=True, group="save")
    async def save(self, file: str, passphrase: Secret, again: Secret) -> None:
        """Have it written, and say what came of it."""
        self.answer("Writing the bundle ...")
        try:
            told = await self.shell.link.save_site(file, passphrase, again)
        except (SeedvmError, OSError) as error:
            self.answer(str(error), bad=True)
            return
        for name in _FIELDS[1:]:
            self.query_one(f"#{name}", Input).value = ""
        self.answer(told)

    def action_key(self) -> None:
        """Show the recovery key, or hide it again."""
        if self.query_one("#key").has_class("hidden"):
            self.reveal()
        else:
            self._hide()

    @work(exit_on_error=False, exclusive=True, group="key")
    async def reveal(self) -> None:
        """The recovery key, for paper."""
        try:
            key = await self.shell.link.recovery_key()
        except (SeedvmError, OSError) as error:
            self.answer(str(error), bad=True)
            return
        shown = self.query_one("#key", Static)
        put(shown, f"The recovery key of this site. Write it down, then press F8:\n\n{key}")
        shown.remove_class("hidden")

    def _hide(self) -> None:
        shown = self.query_one("#key", Static)
        put(shown, "")
        shown.add_class("hidden")
