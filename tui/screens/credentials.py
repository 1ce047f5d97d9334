"""The BMC accounts to try, and what was found at each BMC with its cure. Passwords are never shown, not even their length."""

from __future__ import annotations

from asyncio import Lock
from collections.abc import Callable
from textwrap import wrap
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from seedvm.base.errors import SeedvmError
from seedvm.base.rows import Line
from seedvm.base.secret import Secret
from seedvm.site.accounts import Candidate
from tui.screens.page import Page, matches
from tui.state.watcher import View
from tui.text.format import fit
from tui.widgets.lines import Lines

Candidates = tuple[Candidate, ...]


def finding_lines(view: View, wanted: str, width: int) -> list[Line]:
    """Per BMC the proven account, or what is wrong and its cure."""
    lines: list[Line] = []
    for machine in view.inventory:
        who = f"{machine.bmc:<15} {machine.driver or '/'.join(machine.protocols):<16} "
        if not matches(who + machine.unfit + machine.user, wanted):
            continue
        if machine.unfit:
            parts = wrap(machine.unfit, max(20, width - len(who)))
            lines.extend(
                [(who if not number else " " * len(who), ""), (part, "bad")] for number, part in enumerate(parts)
            )
        elif machine.user:
            lines.append([(who, ""), (f"verified: {machine.user}", "good")])
        else:
            lines.append([(who, ""), ("not tried yet", "dim")])
        texts = [f"fix: {machine.cure}"] if machine.cure else []
        for finding in machine.findings:
            texts += [f"{finding.name}: {finding.detail}", *([f"fix: {finding.cure}"] if finding.cure else [])]
        lines.extend([(fit(f"    {text}", width).rstrip(), "dim")] for text in texts)
    return lines or [[("no results yet: the engine tries the accounts carefully, one login per BMC", "dim")]]


def _without(known: Candidates, taken: Candidate) -> Candidates:
    at = next((number for number, one in enumerate(known) if one == taken), len(known))
    return known[:at] + known[at + 1 :]


class CredentialsPage(Page):
    """Accounts in, findings out."""

    NAME: ClassVar[str] = "Credentials"
    ABOUT: ClassVar[str] = "BMC accounts to try, and the results"
    SEARCHES: ClassVar[bool] = True
    HELP: ClassVar[str] = """\
Enter the accounts that the BMCs might have, most likely first. The engine
tests them as gently as the protocol allows, and never so often that a BMC
locks the account. It sends them only to addresses in the BMC ranges that you
declared, because any other host could pose as a BMC. They are stored in
secrets.yaml (readable by root only) and never appear in a log or report.

Type user, Enter, password, Enter to add an account. Leave the password empty
for an account without one. To remove an account, press Tab to reach the list,
then Delete. F10 continues, and starts the engine if it is not running.
Below: for each BMC, the verified account, or what is wrong and how to fix it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("delete", "remove", "Remove", key_display="Del"),
        Binding("f10", "go_on", "Start the engine", key_display="F10"),
        Binding("f9", "app.go('bundle')", "Save the site", key_display="F9"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._candidates: Candidates = ()
        self._turn = Lock()  # one change after the other, each of what the one before it wrote

    def body(self) -> ComposeResult:
        """The list, the two fields, the findings."""
        yield Static("Accounts to try, in this order, in the declared BMC ranges only", classes="head", markup=False)
        yield OptionList(id="candidates")
        with Horizontal(classes="row"):
            yield Static("Add: user", classes="label", markup=False)
            yield Input(id="user", max_length=64)
        with Horizontal(classes="row"):
            yield Static("password", classes="label", markup=False)
            yield Input(id="password", password=True, max_length=128)
        yield Static(id="answer", markup=False)
        yield Static("Results", classes="head", markup=False)
        yield Lines(id="findings")

    def on_mount(self) -> None:
        """The keys go to the user's name."""
        self.query_one("#user", Input).focus()
        self.load()

    def show(self, view: View, now: float) -> None:
        """The findings."""
        findings = self.query_one("#findings", Lines)
        findings.fill(lambda width: finding_lines(view, self.wanted, width))

    @work(exit_on_error=False)
    async def load(self) -> None:
        """The accounts as they are stored."""
        async with self._turn:
            try:
                self._list(await self.shell.link.candidates())
            except (SeedvmError, OSError) as error:
                self.answer(str(error), bad=True)

    def _list(self, candidates: Candidates) -> None:
        self._candidates = candidates
        listed = self.query_one("#candidates", OptionList)
        listed.clear_options()
        rows = [Option(f"{number}. {one.user}  ****") for number, one in enumerate(candidates, 1)]
        listed.add_options(rows or [Option("none yet", disabled=True)])

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: from the name to the password, from the password into the list."""
        super().on_input_submitted(event)
        if event.input.id == "user":
            self.query_one("#password", Input).focus()
        elif event.input.id == "password":
            self.action_add()

    def action_add(self) -> None:
        """Add the account that was typed."""
        user, password = self.query_one("#user", Input), self.query_one("#password", Input)
        if not user.value:
            self.answer("Enter a user name.", bad=True)
            user.focus()
            return
        added = Candidate(user.value, Secret(password.value))
        self.store(lambda known: (*known, added))
        user.value = password.value = ""
        user.focus()

    def action_remove(self) -> None:
        """Take the marked account out."""
        marked = self.query_one("#candidates", OptionList).highlighted
        if marked is not None and marked < len(self._candidates):
            taken = self._candidates[marked]
            self.store(lambda known: _without(known, taken))

    @work(exit_on_error=False, group="store")
    async def store(self, changed: Callable[[Candidates], Candidates]) -> None:
        """Change what is stored, then show it."""
        async with self._turn:
            try:
                candidates = changed(await self.shell.link.candidates())
                await self.shell.link.store_candidates(candidates)
            except (SeedvmError, OSError) as error:
                self.answer(f"Not saved: {error}", bad=True)
                return
            self.answer("Saved.")
            self._list(candidates)

    @work(exit_on_error=False, exclusive=True, group="go")
    async def action_go_on(self) -> None:
        """On to the work, if there is anything to try; what is being stored counts."""
        async with self._turn:
            there = self._candidates
        if not there:
            self.answer("Enter at least one account.", bad=True)
            return
        self.shell.start_engine()
        self.shell.go("progress")
