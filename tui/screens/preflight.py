"""Is the seed fit for the deployment: what the wizard sees of it now, and what the engine's preflight found. It changes nothing."""

from __future__ import annotations

from textwrap import wrap
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from seedvm.base.errors import SeedvmError
from seedvm.base.rows import Line
from seedvm.engine.state import State, StepView
from tui.backend.listen import SECONDS
from tui.backend.seed_checks import Look
from tui.screens.page import Page, matches, put
from tui.state.watcher import View
from tui.text.format import MARKS, fit
from tui.text.progress import failure_lines, step_seconds
from tui.text.waiting import Wait
from tui.widgets.lines import Lines

_STAGES = ("preflight", "seed")
_ENGINE = (
    "the provisioning NIC has a link and enough speed", "no other machine uses the site's addresses or the VIP",
    "no foreign DHCP server answers",
    "the seed's disk, memory and clock are suitable", "the images match their digests",
)  # fmt: skip


_TEXT_AT = 17
"""The column in which it is said what was seen."""


class PreflightPage(Page):
    """Before anything is powered."""

    NAME: ClassVar[str] = "Preflight"
    ABOUT: ClassVar[str] = "checks of the seed, before any machine is powered"
    SEARCHES: ClassVar[bool] = True
    HELP: ClassVar[str] = """\
Above: the state of the seed right now; ! marks a problem, with its fix. The
wizard listens on each NIC for a minute: a switch with LLDP announces its name
and port, and a foreign DHCP server can be noticed. Nothing is sent.

Below: the engine's own preflight, which also checks the site's network
(duplicate addresses, the VIP, foreign DHCP servers) before any machine is
powered. It runs at every start of the engine.

F5 checks again      r starts the engine; it checks before it changes anything
F10 continues to the site settings      / searches"""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f5", "look", "Check again", key_display="F5"),
        Binding("r", "retry", "Start", key_display="r"),
        Binding("b", "bundle", "Bundle", key_display="b", show=False),
        Binding("m", "app.go('networks')", "Modify site", key_display="m", show=False),
        Binding("f10", "app.go('networks')", "Networks", key_display="F10"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._looks: tuple[Look, ...] = ()
        self._heard: dict[str, dict[str, None]] = {}
        self._wait: Wait | None = None

    def body(self) -> ComposeResult:
        """The seed as it is, then the engine's word."""
        yield Static(id="looks-head", classes="head", markup=False)
        yield Lines(id="looks")
        yield Static("The engine's preflight", classes="head", markup=False)
        yield Lines(id="checks")
        yield Static(id="answer", markup=False)

    def on_mount(self) -> None:
        """Look at once."""
        self.query_one("#looks", Lines).focus()
        self.action_look()

    def action_look(self) -> None:
        """Look again, and listen again."""
        self.look()

    @work(exit_on_error=False, exclusive=True, group="look")
    async def look(self) -> None:
        """Look, then listen on the NICs with a link."""
        self._looks = await self.shell.link.seed_checks()
        self._wait = Wait("listening on its NICs", SECONDS, ends=True)
        self.refresh_view()
        try:
            await self.shell.link.overhear(self._tell)
        except SeedvmError as error:
            self.answer(f"Cannot listen: {error}", bad=True)
        self._wait = None
        self.refresh_view()

    def _tell(self, nic: str, text: str) -> None:
        self._heard.setdefault(f"NIC {nic}", {})[text] = None
        self.refresh_view()

    def show(self, view: View, now: float) -> None:
        """Both parts."""
        self.query_one("#looks", Lines).fill(self._look_lines)
        self.query_one("#checks", Lines).fill(lambda width: self._check_lines(view, now, width))
        listening = f"; {self._wait}" if self._wait is not None else ""
        put(self.query_one("#looks-head", Static), f"The seed, as seen by this wizard{listening}")

    def _look_lines(self, width: int) -> list[Line]:
        lines: list[Line] = []
        for one in sorted(self._looks, key=lambda one: one.good):  # problems first
            text = "; ".join([one.seen, *self._heard.get(one.name, ())])
            if not matches(f"{one.name} {text} {one.cure}", self.wanted):
                continue
            mark, style = ("x", "good") if one.good else ("!", "bad")
            first, *rest = wrap(text, max(20, width - _TEXT_AT)) or [""]
            lines.append([(f"[{mark}] ", style), (fit(one.name, 12) + " ", "strong"), (first, "")])
            lines.extend([(" " * _TEXT_AT + part, "")] for part in rest)
            if one.cure:
                cures = wrap(f"fix: {one.cure}", max(20, width - _TEXT_AT), subsequent_indent="    ")
                lines.extend([(" " * _TEXT_AT, ""), (part, "bad")] for part in cures)
        return lines or [[("checking ..." if not self._looks else "no matches", "dim")]]

    def _check_lines(self, view: View, now: float, width: int) -> list[Line]:
        lines = _step_lines(view.state, now, width)
        if not lines:
            return [[("not run yet; it checks that", "dim")], *([(f"    {text}", "dim")] for text in _ENGINE)]
        failure = view.state.failure
        if failure is not None and not view.running and any(step.name == failure.step for step in _steps(view.state)):
            keys = "r check again   m modify the site   b write a support bundle"
            lines += [*failure_lines(failure, width), [(" " * 9 + keys, "strong")]]
        return lines

    def action_retry(self) -> None:
        """Start the engine, which looks first; it needs a site."""
        if not self.shell.view.has_site:
            self.answer("The engine needs a site description first: press F10.", bad=True)
        elif not self.shell.view.running:
            self.shell.start_engine()

    def action_bundle(self) -> None:
        """Write a support bundle."""
        self.shell.make_bundle()


def _steps(state: State) -> list[StepView]:
    return [step for step in state.steps if step.stage in _STAGES]


def _step_lines(state: State, now: float, width: int) -> list[Line]:
    lines: list[Line] = []
    for step in _steps(state):
        style = {"done": "good", "failed": "bad", "blocked": "bad", "running": "busy"}.get(step.state, "dim")
        text = step.summary if step.state == "done" else step.why
        head = f"[{MARKS.get(step.state, ' ')}] {fit(step.title, 30 if width < 100 else 40)} {fit(step_seconds(step, now), 10)} "
        lines.append([(head, style), (fit(text, max(1, width - len(head))).rstrip(), "dim")])
    return lines
