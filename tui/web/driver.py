"""textual-serve's driver, for a wizard in a browser, which also ends when its server is gone."""

from __future__ import annotations

import asyncio

from textual.drivers.web_driver import WebDriver
from textual.messages import ExitApp


class EndingWebDriver(WebDriver):
    """A server that is killed closes our input: Textual's own driver then stops reading, and its app stays for ever."""

    def start_application_mode(self) -> None:
        """Remember the loop: the end of the input is seen in a thread."""
        self._loop = asyncio.get_running_loop()
        super().start_application_mode()

    def run_input_thread(self) -> None:
        """Read until the input ends, then end the app."""
        super().run_input_thread()
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._app.post_message, ExitApp())
