"""The site's questions on one page: NICs, networks, ranges, needs. It writes site.yaml only when nothing is wrong with it."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.timer import Timer
from textual.widgets import Input, Static

from seedvm.base.errors import SeedvmError
from tui.backend.site_form import FIELDS, PROPOSED, problems, propose, to_text
from tui.screens.page import Page, put
from tui.state.watcher import View


class NetworksPage(Page):
    """The form."""

    NAME: ClassVar[str] = "Networks"
    ABOUT: ClassVar[str] = "describe the site: networks, ranges, nodes"
    HELP: ClassVar[str] = """\
These answers are saved as site.yaml, which describes the site and holds no
secrets. Nothing outside the ranges that you enter here is contacted, powered
or written.

The machines boot over the provisioning network. The seed, the VIP (the
permanent address of OpenStack) and the undercloud nodes have fixed addresses
on it. BMCs are searched for in their ranges, and on the NICs that you name
for BMCs with only an IPv6 link-local address (fe80::). If the BMCs are on a
tagged VLAN of a trunk, enter the VLAN number: the seed creates the interface,
for example eth1.123.

Tab, Shift+Tab and Enter move between fields; ! marks an invalid value.
F7 fills in empty addresses from the provisioning network. F10 saves and
continues, unless a value is invalid. Esc goes back and keeps your input."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f7", "propose", "Propose", key_display="F7"),
        Binding("f10", "save", "Save and continue", key_display="F10"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._told: list[str] = []
        self._pending: Timer | None = None

    def body(self) -> ComposeResult:
        """NICs, a row per question, what is wrong."""
        yield Static(id="nics", classes="note", markup=False)
        with VerticalScroll(id="form", can_focus=False):
            for number, field in enumerate(FIELDS):
                with Horizontal(classes="row"):
                    yield Static(field.label, classes="label", markup=False)
                    yield Input(field.default, id=f"field-{number}", max_length=200, select_on_focus=False)
                    yield Static("", id=f"mark-{number}", classes="wrong", markup=False)
                    yield Static(field.tell, id=f"tell-{number}", classes="tell", markup=False)
        yield Static(id="about", markup=False)
        yield Static(id="answer", markup=False)

    def on_mount(self) -> None:
        """Fill in what is known, then the keys go to the first question."""
        self.query_one("#field-0", Input).focus()
        self.load()

    @work(exit_on_error=False)
    async def load(self) -> None:
        """The site as it is, and the NICs."""
        values, found = await self.shell.link.site_values()
        shown = [str(nic) for nic in found if nic.link or nic.address][:4]
        put(self.query_one("#nics", Static), "NICs of this seed: " + ("; ".join(shown) or "none with a link"))
        mine = self._typed()
        self._fill({**values, **mine})
        if not mine and self.shell.view.has_site:  # a site file was given: stop where it needs input
            wrong = await self.shell.link.wrong(values)
            if wrong and self.values() == values:
                self._go_to_wrong("", wrong)
        self._told = shown
        try:
            await self.shell.link.overhear(self._hear)
        except SeedvmError:
            return  # without the right to listen the line stays as it is

    def _hear(self, nic: str, text: str) -> None:
        """A switch or a DHCP server gave itself away on a NIC."""
        self._told = [f"{one}, {text}" if one.split()[0] == nic and text not in one else one for one in self._told]
        put(self.query_one("#nics", Static), "NICs of this seed: " + "; ".join(self._told))

    def _fill(self, values: dict[str, str]) -> None:
        for number, field in enumerate(FIELDS):
            self.query_one(f"#field-{number}", Input).value = values.get(field.key, "")

    def _typed(self) -> dict[str, str]:
        """What was entered before the site was read."""
        entered = self.values()
        return {field.key: entered[field.key] for field in FIELDS if entered[field.key] != field.default}

    def values(self) -> dict[str, str]:
        """What the fields hold."""
        return {field.key: self.query_one(f"#field-{number}", Input).value for number, field in enumerate(FIELDS)}

    def show(self, view: View, now: float) -> None:
        """Nothing here comes from the journal, but a warning while an engine works."""
        if view.running:
            self.answer("The engine is running; changes take effect when it starts again.")

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say at once what is wrong."""
        super().on_input_changed(event)
        if not self.shell.view.running:
            self.answer("")  # what was said of the values before
        self._check_soon()

    def _check_soon(self) -> None:
        # Once when the typing pauses, not at every key: a slow line and a paste are spared.
        if self._pending is not None:
            self._pending.stop()
        self._pending = self.set_timer(0.15, self._check)

    def _check(self) -> dict[str, str]:
        values = self.values()
        wrong = problems(to_text(values))
        for number, field in enumerate(FIELDS):
            said = wrong.get(field.key, "") if values[field.key].strip() else ""
            put(self.query_one(f"#mark-{number}", Static), "!" if said else "")
            tell = self.query_one(f"#tell-{number}", Static)
            tell.set_class(bool(said), "wrong")
            put(tell, said or field.tell)
        self._about(values, wrong)
        return wrong

    def _about(self, values: dict[str, str], wrong: dict[str, str]) -> None:
        # What is asked for in the field that has the keys, or what is wrong with it.
        asked = self.focused.id if self.focused is not None else None
        for number, field in enumerate(FIELDS):
            if asked == f"field-{number}":
                said = wrong.get(field.key, "") if values[field.key].strip() else ""
                about = self.query_one("#about", Static)
                about.set_class(bool(said), "wrong")
                put(about, f"! {said}" if said else f"{number + 1} of {len(FIELDS)}  {field.label}: {field.tell}")

    def on_descendant_focus(self) -> None:
        """Say what the next field asks for."""
        self._check_soon()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes to the next question, after the last one it saves."""
        super().on_input_submitted(event)
        if event.input.id == f"field-{len(FIELDS) - 1}":
            self.action_save()
        elif event.input.id != "search":
            self.focus_next()

    def action_propose(self) -> None:
        """Fill what is empty, or say what that needs."""
        values = self.values()
        filled = propose(values)
        if filled != values:
            self._fill(filled)
        elif any(not values[key].strip() for key in PROPOSED):
            number = [field.key for field in FIELDS].index("provisioning.cidr")
            self.query_one(f"#field-{number}", Input).focus()
            self.answer("Nothing to propose from: enter a provisioning network of at least 256 addresses.", bad=True)
        else:
            self.answer("Nothing to propose: no address is empty.")

    def action_save(self) -> None:
        """Write site.yaml and continue, or go to the first field that is wrong."""
        wrong = self._check()
        if not wrong:
            self.save(self.values())
            return
        self._go_to_wrong("Not saved. ", wrong)

    def _go_to_wrong(self, said: str, wrong: dict[str, str]) -> None:
        key = next((field.key for field in FIELDS if field.key in wrong), "")
        label = next((field.label for field in FIELDS if field.key == key), "the site")
        self.answer(f"{said}{label}: {wrong[key]}", bad=True)
        number = next((number for number, field in enumerate(FIELDS) if field.key == key), 0)
        self.query_one(f"#field-{number}", Input).focus()

    @work(exit_on_error=False)
    async def save(self, values: dict[str, str]) -> None:
        """Written whole or not at all."""
        if wrong := await self.shell.link.wrong(values):  # at what no field is about
            self._go_to_wrong("Not saved. ", wrong)
            return
        try:
            await self.shell.link.write_site(values)
        except (SeedvmError, OSError) as error:
            self.answer(f"Not saved: {error}", bad=True)
            return
        self.answer("Saved.")
        self.shell.go("discovery")
