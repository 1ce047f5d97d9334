"""First page: which site this is, its status, and Enter to continue. It decides nothing."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from tui.screens.page import Page, put
from tui.state.watcher import View
from tui.text.format import clock, duration
from tui.text.progress import status_line

# Made at each start of the appliance (appliance/access), readable by root alone.
ACCESS = Path("/run/seedvm-access")
_STORY = """\
seedvm turns a rack of bare-metal machines into a self-contained OpenStack.

It finds machines in the address ranges that you name, verifies their
passwords, inspects them, and asks you to confirm every disk that it would
wipe. Then it deploys the undercloud, hands control over to it, and shows
when this laptop can be disconnected.
"""


def _lacking(view: View) -> str:
    """The page that needs input before an engine can start; a site that has been started has verified its accounts."""
    return next((page for page in view.lacks if page == "networks" or not view.state.steps), "")


class WelcomePage(Page):
    """Welcome, or welcome back."""

    NAME: ClassVar[str] = "Welcome"
    ABOUT: ClassVar[str] = "the site and its status"
    HELP: ClassVar[str] = """\
The engine does the work; this wizard only shows it. You can close the wizard
at any time (Ctrl+Q), lose the connection, or open a second wizard: the engine
keeps running, and every wizard shows its current state.

Enter  continues: to the preflight page and the site settings if the site is
       not described yet, otherwise to the progress page. It starts the
       engine if it is not running.
F2     goes to any other page.

Note the key that signs the receipt. With it the receipt can be checked on
any machine: seedvm receipt verify receipt.json --key SHA256:..."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "go_on", "Continue", key_display="Enter"),
        Binding("f4", "app.plain", "Plain", key_display="F4"),
        Binding("ctrl+q", "app.quit", "Close", key_display="^Q"),
    ]

    _early = False

    def body(self) -> ComposeResult:
        """Story, status, what Enter does."""
        yield Static(_STORY, id="story", markup=False)
        yield Static(id="status", markup=False)
        yield Static(id="next", markup=False)

    def show(self, view: View, now: float) -> None:
        """The site and its status."""
        state = view.state
        lines = [f"Site      {state.site or ('described, not started' if view.has_site else 'not described yet')}"]
        lines.append(f"Status    {status_line(state, view.running)}")
        if state.started:
            lines.append(f"Started   {clock(state.started)} UTC; last event {clock(state.last)} UTC, run {state.run}")
        if state.steps:
            took = sum(step.seconds or 0 for step in state.steps)
            lines.append(f"Steps     {state.finished} of {len(state.steps)} done, {duration(took)} of work")
        if view.receipt_key:
            lines.append(f"Receipt   key {view.receipt_key}")
        if view.notice:
            lines.append(f"Note      {view.notice}")
        if not self.shell.replaying and ACCESS.exists():
            lines.append(f"SSH       root, password {ACCESS.read_text().strip()} (new at every start)")
        put(self.query_one("#status", Static), "\n".join(lines))
        put(self.query_one("#next", Static), self._next(view))
        if self._early and self.shell.looked:
            self.action_go_on()

    def on_screen_suspend(self) -> None:
        """Another page is in front: an Enter that waited is over."""
        self._early = False

    def _next(self, view: View) -> str:
        if not self.shell.looked:
            return "Reading the state folder ..."
        if view.running or view.state.all_done or self.shell.replaying:
            return "Enter: see the progress"
        if "networks" in view.lacks:
            return (
                "Enter: fix errors in the site settings"
                if view.has_site
                else "Enter: check the seed, then describe the site"
            )
        if _lacking(view):
            return "Enter: add the BMC accounts"
        return "Enter: start the engine and see the progress"

    def action_go_on(self) -> None:
        """On to the first question that is open, or to the work; an Enter before anything was read waits until it was."""
        view, self._early = self.shell.view, not self.shell.looked
        if self._early:
            return
        at_work = view.running or view.state.all_done or self.shell.replaying
        if not at_work and (page := _lacking(view)):
            self.shell.go("preflight" if page == "networks" and not view.has_site else page)
            return
        if not at_work:
            self.shell.start_engine()
        self.shell.go("progress")
