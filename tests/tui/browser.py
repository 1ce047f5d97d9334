"""A headless Chromium driven by its own protocol (Chrome DevTools Protocol over a WebSocket): open a page, press keys, take a picture.

It hears every request that the page makes and every frame of its WebSocket, so that a test can say where all of it came from. Run as a
program it makes the README's picture of the wizard in a browser (`make screenshots`).
"""

from __future__ import annotations

import asyncio
import base64
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from seedvm.base import process

SIZE = (1120, 660)
_LIMIT_SECONDS = 120.0
_WORDS = (
    "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--mute-audio",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--ignore-certificate-errors",
    "--remote-debugging-port=0", f"--window-size={SIZE[0]},{SIZE[1]}", "about:blank",
)  # fmt: skip


class Browser:
    """One tab. `requests` are the addresses it asked for, `heard` all that its WebSocket brought, `refused` what its policy stopped."""

    def __init__(self, line: aiohttp.ClientWebSocketResponse) -> None:
        self._line = line
        self._number = 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.requests: list[str] = []
        self.refused: list[str] = []
        self.heard = ""

    async def listen(self) -> None:
        """Sort what the browser says; runs as long as the tab."""
        async for message in self._line:
            said = message.json()
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said)
            else:
                self._note(said["method"], said["params"])

    def _note(self, method: str, told: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif method == "Network.webSocketCreated":
            self.requests.append(told["url"])
        elif method == "Network.webSocketFrameReceived":
            frame = told["response"]
            binary = frame["opcode"] == 2
            data = base64.b64decode(frame["payloadData"]) if binary else frame["payloadData"].encode()
            self.heard += data.decode(errors="replace")
        elif method == "Log.entryAdded":
            self.refused.append(str(told["entry"].get("text", "")))

    async def ask(self, method: str, **told: Any) -> dict[str, Any]:
        """One command of the protocol and its answer."""
        self._number += 1
        answer = self._answers[self._number] = asyncio.get_running_loop().create_future()
        await self._line.send_json({"id": self._number, "method": method, "params": told})
        said = await asyncio.wait_for(answer, _LIMIT_SECONDS)
        assert "error" not in said, f"{method}: {said['error']}"
        return dict(said["result"])

    async def open(self, url: str) -> None:
        for part in ("Network", "Page", "Log"):
            await self.ask(f"{part}.enable")
        await self.ask("Emulation.setFocusEmulationEnabled", enabled=True)
        await self.ask("Page.navigate", url=url)

    async def value(self, script: str) -> Any:
        """What a piece of script says of the page."""
        return (await self.ask("Runtime.evaluate", expression=script))["result"].get("value")

    async def take_keys(self) -> None:
        """Keys go to the terminal, as after a click on it."""
        await self.until_page("document.body.classList.contains('-first-byte')")
        await self.value("document.querySelector('.xterm-helper-textarea').focus()")

    async def type(self, text: str) -> None:
        await self.ask("Input.insertText", text=text)

    async def press(self, key: str, code: int, text: str = "") -> None:
        """One key, by its DOM name and Windows code."""
        named = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        await self.ask("Input.dispatchKeyEvent", type="keyDown", text=text, **named)
        await self.ask("Input.dispatchKeyEvent", type="keyUp", **named)

    async def until(self, what: str, true: Callable[[], bool]) -> None:
        """Wait for something to be so; AssertionError with what was heard last at the deadline."""
        async with asyncio.timeout(_LIMIT_SECONDS):
            try:
                while not true():
                    await asyncio.sleep(0.05)
            except asyncio.CancelledError:
                sys.stderr.write(f"{what} did not come about; heard last: {self.heard[-600:]!r}, {self.refused}\n")
                raise

    async def until_page(self, script: str) -> None:
        """Wait until a piece of script is true of the page."""
        async with asyncio.timeout(_LIMIT_SECONDS):
            while not await self.value(script):
                await asyncio.sleep(0.05)

    async def picture(self) -> bytes:
        """The page as PNG."""
        return base64.b64decode((await self.ask("Page.captureScreenshot", format="png"))["data"])


@asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Browser]:
    """A browser of its own, with its profile in `folder`, ended at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    child = process.spawn([*_WORDS[:-1], f"--user-data-dir={folder}", _WORDS[-1]], log=folder / "chromium.log")
    try:
        port_file = folder / "DevToolsActivePort"
        async with asyncio.timeout(_LIMIT_SECONDS):
            while not (port_file.exists() and len(port_file.read_text().split()) == 2):
                assert child.poll() is None, f"chromium ended: {(folder / 'chromium.log').read_text()[-800:]}"
                await asyncio.sleep(0.05)
        port = port_file.read_text().split()[0]
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                tab = next(one for one in await answer.json() if one["type"] == "page")
            async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as line:
                one = Browser(line)
                listening = asyncio.create_task(one.listen())
                yield one
                listening.cancel()
    finally:
        process.stop(child)


@asynccontextmanager
async def served(*words: str, log: Path) -> AsyncIterator[tuple[str, process.Child]]:
    """`python -m tui --web` with these words, on a free port: its address as it tells it, and the server."""
    root = Path(__file__).parents[2]
    log.unlink(missing_ok=True)
    child = process.spawn(process.Command([sys.executable, "-m", "tui", "--web", *words], cwd=root), log=log)
    try:
        async with asyncio.timeout(_LIMIT_SECONDS):
            while "Ctrl-C ends" not in (said := log.read_text()):
                assert child.poll() is None, said
                await asyncio.sleep(0.05)
        yield next(word for word in said.split() if word.startswith("http")), child
    finally:
        process.stop(child)


async def _readme_picture(journal: Path, picture: Path, scratch: Path) -> None:
    words = ("--listen", "127.0.0.1:0", "--replay", str(journal), "--speed", "0")
    async with served(*words, log=scratch / "web.log") as (url, _), browser(scratch / "profile") as tab:
        await tab.open(url)
        await tab.until("the first page", lambda: "see the progress" in tab.heard)
        await tab.take_keys()
        await tab.press("Enter", 13, "\r")
        await tab.until("the progress", lambda: "is to be" in tab.heard)
        await asyncio.sleep(1.0)  # the terminal fades in for 0.3 s and paints in its own time; nothing is decided by it
        picture.write_bytes(await tab.picture())


if __name__ == "__main__":
    import tempfile

    from tui.screenshots import RECORDINGS, ROOT

    with tempfile.TemporaryDirectory() as scratch:
        recording = next(path for path in RECORDINGS if path.exists())
        asyncio.run(_readme_picture(recording, ROOT / "docs/img/browser.png", Path(scratch)))
