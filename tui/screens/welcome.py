"""First page: which site this is, where it stands, and Enter to go on. It decides nothing."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from tui.screens.page import Page, put
from tui.state.watcher import View
from tui.text.format import clock, duration
from tui.text.progress import standing

# Made at each start of the appliance (appliance/access), readable by root alone.
ACCESS = Path("/run/seedvm-access")
_STORY = """\
seedvm turns a rack of dark machines into an OpenStack that stands alone.

It looks for machines in the address ranges that you name, proves their
passwords, inspects them, shows you every disk it would write, and asks.
Then it deploys the undercloud, hands everything over to it, and says when
this laptop may leave.
"""


def _lacking(view: View) -> str:
    """The page where somebody is needed before an engine can begin; a site that was begun has proved its accounts."""
    return next((page for page in view.lacks if page == "networks" or not view.state.steps), "")


class WelcomePage(Page):
    """Welcome, or welcome back."""

    NAME: ClassVar[str] = "Welcome"
    ABOUT: ClassVar[str] = "which site this is and where it stands"
    HELP: ClassVar[str] = """\
The engine does the work; this screen only shows it. You may close the screen
at any time (Ctrl+Q), lose the line, or open a second one: the work goes on,
and whoever comes back sees where it stands.

Enter  goes on: to the seed's preflight and the questions where the site is
       not described yet, else to the progress page; the engine is started
       if it is not running.
F2     goes to any other page."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "go_on", "Continue", key_display="Enter"),
        Binding("f4", "app.plain", "Plain", key_display="F4"),
        Binding("ctrl+q", "app.quit", "Close", key_display="^Q"),
    ]

    _early = False

    def body(self) -> ComposeResult:
        """Story, standing, what Enter does."""
        yield Static(_STORY, id="story", markup=False)
        yield Static(id="standing", markup=False)
        yield Static(id="next", markup=False)

    def show(self, view: View, now: float) -> None:
        """The site and its standing."""
        state = view.state
        lines = [f"Site      {state.site or ('described, not started' if view.has_site else 'not described yet')}"]
        lines.append(f"Standing  {standing(state, view.running)}")
        if state.started:
            lines.append(f"Begun     {clock(state.started)} UTC; last word {clock(state.last)} UTC, run {state.run}")
        if state.steps:
            took = sum(step.seconds or 0 for step in state.steps)
            lines.append(f"Steps     {state.finished} of {len(state.steps)} done, {duration(took)} of work")
        if view.notice:
            lines.append(f"Note      {view.notice}")
        if not self.shell.replaying and ACCESS.exists():
            lines.append(f"SSH       root, password {ACCESS.read_text().strip()} (until it is switched off)")
        put(self.query_one("#standing", Static), "\n".join(lines))
        put(self.query_one("#next", Static), self._next(view))
        if self._early and self.shell.looked:
            self.action_go_on()

    def on_screen_suspend(self) -> None:
        """Another page is in front: an Enter that waited is over."""
        self._early = False

    def _next(self, view: View) -> str:
        if not self.shell.looked:
            return "Looking at what is here ..."
        if view.running or view.state.all_done or self.shell.replaying:
            return "Enter: see the progress"
        if "networks" in view.lacks:
            return (
                "Enter: mend what is wrong in the site"
                if view.has_site
                else "Enter: look at the seed, then describe the site"
            )
        if _lacking(view):
            return "Enter: give the accounts of the BMCs"
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
