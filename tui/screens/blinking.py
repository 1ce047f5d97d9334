"""The key l of pages that show machines: the light of the marked one blinks for a while, and stops by itself."""

from __future__ import annotations

from textual import work

from seedvm.base.errors import SeedvmError
from tui.backend.engine import BLINK_SECONDS
from tui.screens.page import Page


class MachinesPage(Page):
    """A page with a marked machine."""

    def marked_bmc(self) -> str:
        """The BMC of the machine that is meant; empty for none."""
        raise NotImplementedError

    def action_blink(self) -> None:
        """Blink it."""
        if bmc := self.marked_bmc():
            self.blink(bmc)

    @work(exit_on_error=False, group="blink")
    async def blink(self, bmc: str) -> None:
        """Have it blink, and say where to look and when it does not."""
        self.notify(f"{bmc} is asked to blink for {BLINK_SECONDS} s; it stops by itself.", title="Light", markup=False)
        try:
            await self.shell.link.blink(bmc)
        except (SeedvmError, TimeoutError) as error:
            why = str(error) or "its BMC did not answer in time"
            self.notify(why, title=f"The light of {bmc}", severity="error", timeout=15, markup=False)
