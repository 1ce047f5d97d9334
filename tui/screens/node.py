"""One machine of the deployment: its stages, what is wrong, and the operator's requests: retry, replace with a spare, drop.

It writes an order or site.yaml, and has the engine started; it does nothing to a machine itself. What wipes or drops wants the
site's name typed, with machine and disk in the question.
"""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Static

from seedvm.base.errors import SeedvmError
from seedvm.base.rows import Line
from seedvm.engine.stages import stalled
from seedvm.engine.state import Failure, MachineFailure, NodeView
from seedvm.site import orders
from seedvm.site.review import Review, ReviewMachine
from tui.screens.blinking import MachinesPage
from tui.screens.page import put
from tui.state.failures import failures_of, log_of, to_read
from tui.state.machines import MachineView, names
from tui.state.watcher import View
from tui.text.dashboard import stage_lines, stage_strip
from tui.text.lanes import needy
from tui.text.machine import about_of, todo_lines, where_lines
from tui.text.progress import failure_lines, log_lines, past_lines
from tui.widgets.banner import Banner
from tui.widgets.lines import Lines


class NodePage(MachinesPage):
    """A machine and what may be done with it."""

    NAME: ClassVar[str] = "Machine"
    ABOUT: ClassVar[str] = "one machine: retry, replace, drop"
    SEARCHES: ClassVar[bool] = True
    HELP: ClassVar[str] = """\
One machine of the deployment: its stages, the cause of a failure as reported
by the service closest to it, and its log.

t  retry on the same machine; the failed parts are removed first
p  replace it with a spare. The spare's disk is WIPED: the page names machine
   and disk, and you confirm by typing the site name
o  choose another spare, if there are several
d  drop it permanently; refused if fewer than three nodes would be left
k  acknowledge its failure: until then it stays on every page as "to read",
   also when the machine was retried or replaced since
n  the next machine that needs attention
l  blinks its light, so that it is found in the rack; it stops by itself

If the engine is running, it takes the request at once: it cancels a stalled
deployment, and carries out the request when the other machines have finished.
Otherwise the engine is started. Esc goes back, / searches the log."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("t", "retry", "Retry", key_display="t"),
        Binding("p", "replace", "Replace", key_display="p"),
        Binding("o", "spare", "Other spare", key_display="o", show=False),
        Binding("l", "blink", "Light", key_display="l"),
        Binding("d", "drop", "Drop", key_display="d"),
        Binding("k", "acknowledge", "Acknowledge", key_display="k", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._ask = ""
        self._spare = 0
        self._spares: tuple[Review | None, tuple[orders.Spare, ...]] = (None, ())

    def body(self) -> ComposeResult:
        """Who it is, its way, the cause, the question, its log."""
        yield Static(id="who", classes="note", markup=False)
        yield Banner(id="where")
        yield Lines(id="stages")
        yield Lines(id="cause")
        yield Banner(id="todo")
        yield Static(id="offer", markup=False)
        with Horizontal(id="prompt", classes="hidden"):
            yield Static("> ", classes="mark", markup=False)
            yield Input(id="typed", max_length=64)
        yield Static(id="answer", markup=False)
        yield Static("Log of this machine", id="log-head", classes="head", markup=False)
        yield Lines(id="log", follow=True)

    def on_mount(self) -> None:
        """The keys scroll the log."""
        for name in ("stages", "cause"):
            self.query_one(f"#{name}", Lines).can_focus = False
        self.query_one("#log", Lines).focus()

    @property
    def _roomy(self) -> bool:
        return self.size.height >= _ROOMY

    @property
    def name_shown(self) -> str:
        """The machine that the page is about: the chosen one, else the first that needs attention, else the first."""
        if self.shell.node:
            return self.shell.node
        every = self.machines()
        return next(iter(needy(list(every.values())) or every), "")

    def machines(self) -> dict[str, MachineView]:
        """All machines by their keys."""
        return {one.key: one for one in self.shell.census.of(self.shell.view)}

    def show(self, view: View, now: float) -> None:
        """All parts."""
        name = self.name_shown
        node, found = self._node(name), self.machines().get(name)
        about = about_of(view, found, self.spare()) if found is not None else None
        machine = (
            next((one for one in view.review.machines if name in (one.name, one.bmc)), None) if view.review else None
        )
        put(self.query_one("#who", Static), _who(name, machine, found) if name else "No machine is known yet.")
        self.query_one("#where", Banner).fill(lambda width: where_lines(about, width) if about and self._roomy else [])
        self.query_one("#todo", Banner).fill(lambda width: todo_lines(about, width) if about and not self._ask else [])
        stages = stage_lines if self._roomy else stage_strip
        self.query_one("#stages", Lines).fill(lambda width: stages(node, now, width))
        self.query_one("#stages", Lines).set_class(not self._roomy, "low")
        self.query_one("#cause", Lines).fill(lambda width: self._cause(view, name, node, width))
        put(self.query_one("#offer", Static), self._offer(view, name))
        named = names(view.review)
        put(
            self.query_one("#log-head", Static),
            "Log of this machine" + (f", matching '{self.wanted}'" if self.wanted else ""),
        )
        log = log_of(view, self._failures(view, name), name)
        self.query_one("#log", Lines).fill(lambda width: log_lines(log, named, name, self.wanted, width))

    def marked_bmc(self) -> str:
        """That of the machine that the page is about."""
        found = self.machines().get(self.name_shown)
        return found.bmc if found is not None else ""

    def _node(self, name: str) -> NodeView | None:
        found = self.machines().get(name)
        return found.node if found is not None else self.shell.view.state.nodes.get(name)

    def _cause(self, view: View, name: str, node: NodeView | None, width: int) -> list[Line]:
        failure = view.state.failure
        if failure is not None and failure.machine == name:
            return failure_lines(failure, width)
        if name in view.orders:
            return [[(f"Requested: {view.orders[name]}", "busy")]]
        if node is not None and (node.phase == "failed" or stalled(node.detail)):
            return failure_lines(Failure("deploy", "failed", node.detail, hint=_STILL), width)
        if past := self._failures(view, name):
            return past_lines(past, view.acknowledged, width)
        return [[("No problem reported.", "good" if node is not None else "dim")]]

    def _failures(self, view: View, name: str) -> tuple[MachineFailure, ...]:
        found = self.machines().get(name)
        return failures_of(view, found.bmc if found is not None else name, name)

    def spares(self) -> tuple[orders.Spare, ...]:
        """The spares that fit, from the review."""
        review = self.shell.view.review
        if self._spares[0] is not review:
            self._spares = (review, orders.spares(review) if review else ())
        return self._spares[1]

    def spare(self) -> orders.Spare | None:
        """The spare that would be taken."""
        found = self.spares()
        return found[self._spare % len(found)] if found else None

    def _offer(self, view: View, name: str) -> str:
        if self._ask == "replace":
            return f"This WIPES {self.spare()}. Type the site name ({view.state.site}) to allow it:"
        if self._ask == "drop":
            return f"This drops {name} from the undercloud permanently. Type the site name ({view.state.site}) to allow it:"
        if self._refusal(view, name):
            return self._refusal(view, name)
        spare = self.spare()
        other = f"   o another spare than {spare.bmc}" if spare and len(self.spares()) > 1 else ""
        return f"t retry   p replace   d drop{other}"

    def _refusal(self, view: View, name: str) -> str:
        """Why nothing may be ordered for this machine now; blank where it may."""
        node = self._node(name)
        failure = view.state.failure
        if (failure is not None and failure.machine == name and failure.step == "deploy") or name in view.orders:
            return ""
        if node is None or (node.phase != "failed" and not stalled(node.detail)):
            return "Only failed or stalled machines can be retried, replaced or dropped. Press n for the next one."
        return ""

    def _begin(self, ask: str) -> None:
        refusal = self._refusal(self.shell.view, self.name_shown)
        if not refusal and ask == "replace" and self.spare() is None:
            refusal = "No spare is fit, free and has exactly one known disk to write: retry this machine, or drop it."
        self.answer(refusal, bad=True)
        if refusal:
            return
        if not ask:
            self.order("")
            return
        self._ask = ask
        self.query_one("#prompt").remove_class("hidden")
        self.query_one("#typed", Input).focus()
        self.refresh_view()

    def action_retry(self) -> None:
        """Try it again."""
        self._begin("")

    def action_replace(self) -> None:
        """Ask for the site's name, then replace it."""
        self._begin("replace")

    def action_drop(self) -> None:
        """Refused where too few would be left; else ask for the site's name."""
        self.look_at_drop()

    @work(exit_on_error=False, exclusive=True, group="order")
    async def look_at_drop(self) -> None:
        """Ask only what may be answered."""
        try:
            await self.shell.link.may_drop(self.name_shown)
        except (SeedvmError, OSError) as error:
            self.answer(f"Not dropped: {error}", bad=True)
            return
        self._begin("drop")

    @work(exit_on_error=False, exclusive=True, group="read")
    async def action_acknowledge(self) -> None:
        """Keep that this machine's failures were read."""
        view = self.shell.view
        open_ones = [one for one in self._failures(view, self.name_shown) if one in to_read(view)]
        try:
            if open_ones:
                await self.shell.link.acknowledge(open_ones)
        except (SeedvmError, OSError) as error:
            self.answer(str(error), bad=True)
            return
        self.answer("Acknowledged." if open_ones else "There is no failure of this machine to acknowledge.")

    def action_spare(self) -> None:
        """Another spare."""
        self._spare += 1
        self.refresh_view()

    def action_need(self) -> None:
        """The next machine that needs attention; with none, who is needed first."""
        waiting = needy(list(self.machines().values()))
        at = waiting.index(self.name_shown) if self.name_shown in waiting else -1
        if waiting:
            self.shell.node = waiting[(at + 1) % len(waiting)]
            self._end()
        else:
            super().action_need()

    def action_back(self) -> None:
        """End the question, else go back."""
        if self._ask:
            self._end()
        else:
            super().action_back()

    def _end(self) -> None:
        self._ask = ""
        self.query_one("#typed", Input).value = ""  # the next question is another one
        self.query_one("#prompt").add_class("hidden")
        self.query_one("#log", Lines).focus()
        self.refresh_view()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in the question."""
        if event.input.id == "typed":
            event.stop()
            self.order(event.value)
        else:
            super().on_input_submitted(event)

    @work(exit_on_error=False, exclusive=True, group="order")
    async def order(self, typed: str) -> None:
        """Write the order, have the engine started, or say what is wrong."""
        ask, name, site = self._ask, self.name_shown, self.shell.view.state.site
        try:
            if ask == "drop":
                await self.shell.link.drop(name, typed)
            elif ask == "replace" and (spare := self.spare()) is not None:
                await self.shell.link.order(orders.replace(site, name, spare, typed))
            else:
                await self.shell.link.order(orders.retry(site, name))
        except (SeedvmError, OSError) as error:
            self.answer(str(error), bad=True)
            return
        self._end()
        if self.shell.view.running:
            self.shell.order_given(name)
            self.answer("Requested: carried out when the other machines have finished." if ask != "drop" else _LATER)
        else:
            self.shell.start_engine()
            self.shell.go("progress")


_ROOMY = 30
_STILL = "check its power and its cable; t cancels this deployment now and retries it"
_LATER = "Dropped: takes effect when the engine starts again."


def _who(name: str, machine: ReviewMachine | None, found: MachineView | None) -> str:
    if found is not None and str(found.place):
        name = f"{found.place}  {name}"
    if machine is None:
        return name
    disks = ", ".join(f"{disk.name} serial {disk.serial or '-'}" for disk in machine.wiped) or "no disk is written"
    return f"{name}  BMC {machine.bmc} {machine.driver}  serial {machine.serial or '-'}  {disks}"
