"""The wizard in a browser: the door, with a real server and a real client; the page, in a real Chromium."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from tests.tui.browser import browser, served
from tests.tui.helpers import EXAMPLE, HANGS, state_dir
from tui.web.server import KEY_FILE, TOKEN_FILE, ListenAddress

HERE, ELSEWHERE = "127.0.0.1:0", "0.0.0.0:0"
RECORDING = ("--replay", str(EXAMPLE / "journal.jsonl"), "--speed", "0")


@asynccontextmanager
async def wizard(folder: Path, listen: str) -> AsyncIterator[tuple[str, process.Child, aiohttp.ClientSession]]:
    """A server on a state folder, the address at which this machine reaches it, and a client that keeps cookies."""
    jar = aiohttp.CookieJar(unsafe=True)  # it is an address and no name
    connector = aiohttp.TCPConnector(ssl=False)
    words = ("--listen", listen, "--state-dir", str(state_dir(folder, receipt=True)))
    async with (
        served(*words, log=folder.with_name("web.log")) as (url, child),
        aiohttp.ClientSession(cookie_jar=jar, connector=connector) as client,
    ):
        yield url.replace("0.0.0.0", "127.0.0.1"), child, client


async def socket_status(client: aiohttp.ClientSession, url: str, **headers: str) -> int:
    """101 where the socket opens, else how it is refused."""
    try:
        async with client.ws_connect(url + "ws", headers=headers):
            return 101
    except aiohttp.WSServerHandshakeError as refused:
        return refused.status


def screens(folder: Path) -> list[str]:
    """The wizards that work on a folder, server and screens alike."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if "-m tui" in command and str(folder) in command:
            found.append(command)
    return found


async def none_left(folder: Path) -> None:
    async with asyncio.timeout(HANGS):
        while screens(folder):
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "text", ["", "8000", "localhost:80", "127.0.0.1:", "127.0.0.1:70000", "127.0.0.1:-1", "::1", "a b:1"]
)
def test_what_is_no_address_and_port_is_refused(text: str) -> None:
    with pytest.raises(SeedvmError, match="not an address to listen on"):
        ListenAddress.parse(text)


@pytest.mark.parametrize(
    ("text", "loopback"), [("127.0.0.9:1", True), ("[::1]:80", True), ("0.0.0.0:80", False), ("[::]:80", False)]
)
def test_only_loopback_is_loopback(text: str, loopback: bool) -> None:
    assert ListenAddress.parse(text).loopback is loopback and str(ListenAddress.parse(text)) == text


async def test_on_loopback_this_machine_comes_in_and_other_sites_pages_do_not(tmp_path: Path) -> None:
    async with wizard(tmp_path / "state", HERE) as (url, _, client):
        async with client.get(url) as answer:
            assert answer.status == 200 and "/ws" in await answer.text()
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        async with client.get(url, headers={"Host": "evil.example"}) as answer:
            assert answer.status == 403
        assert await socket_status(client, url) == 403
        assert await socket_status(client, url, Origin="http://evil.example") == 403
        assert await socket_status(client, url, Origin=url.rstrip("/")) == 101
        forwarded = "localhost:9999"  # as SSH forwards it
        assert await socket_status(client, url, Host=forwarded, Origin=f"http://{forwarded}") == 101
    assert not (tmp_path / "state" / TOKEN_FILE).exists()
    await none_left(tmp_path)


async def test_elsewhere_nobody_comes_in_without_the_token(tmp_path: Path) -> None:
    async with wizard(tmp_path / "state", ELSEWHERE) as (url, child, client):
        assert url.startswith("https://")
        token = (tmp_path / "state" / TOKEN_FILE).read_text().strip()
        origin = url.rstrip("/")
        for path in ("ws", "static/js/textual.js", "own/wizard.css", "nothing"):
            async with client.get(url + path, headers={"Origin": origin}) as answer:
                assert answer.status == 401, path
        assert await socket_status(client, url, Origin=origin, Cookie="seedvm=" + "A" * 32) == 401
        for wrong in ("", "x" * 10_000, token[:-1], token + "x", "\N{SNOWMAN}"):
            async with client.post(url, data={"token": wrong}, allow_redirects=False) as answer:
                assert answer.status == 401 and "Set-Cookie" not in answer.headers
                assert token not in await answer.text()
        async with client.post(url, data={"token": token}, allow_redirects=False) as answer:
            cookie = answer.headers["Set-Cookie"]
            assert answer.status == 303 and token not in cookie
            assert all(word in cookie for word in ("HttpOnly", "Secure", "SameSite=Strict"))
        assert await socket_status(client, url, Origin="https://evil.example") == 403
        async with client.ws_connect(url + "ws", headers={"Origin": origin}) as line:
            assert b"\x1b" in (await line.receive(timeout=HANGS)).data
            seen = [
                Path(f"/proc/{child.pid}/{name}").read_bytes().decode(errors="replace")
                for name in ("cmdline", "environ")
            ]
            seen += [*screens(tmp_path), (tmp_path / "web.log").read_text()]
            assert len(screens(tmp_path)) >= 2 and not [text for text in seen if token in text]
        for name in (TOKEN_FILE, KEY_FILE):
            assert (tmp_path / "state" / name).stat().st_mode & 0o777 == 0o600
    await none_left(tmp_path)
    assert not (tmp_path / "state" / TOKEN_FILE).exists()


async def test_a_new_server_has_a_new_token_and_the_same_certificate(tmp_path: Path) -> None:
    seen = []
    for _ in range(2):
        async with wizard(tmp_path / "state", ELSEWHERE):
            seen.append([(tmp_path / "state" / name).read_text() for name in (TOKEN_FILE, KEY_FILE)])
    (first, key), (second, same_key) = seen
    assert first != second and key == same_key


async def test_a_server_that_is_killed_leaves_no_screen_behind(tmp_path: Path) -> None:
    async with (
        wizard(tmp_path / "state", HERE) as (url, child, client),
        client.ws_connect(url + "ws", headers={"Origin": url.rstrip("/")}) as line,
    ):
        await line.receive(timeout=HANGS)
        assert len(screens(tmp_path)) >= 2
        os.kill(child.pid, signal.SIGKILL)
        child.wait(HANGS)
        await none_left(tmp_path)


def test_a_place_that_is_taken_is_told(tmp_path: Path) -> None:
    import socket
    import sys

    with socket.create_server(("127.0.0.1", 0)) as taken:
        words = ["--web", "--listen", f"127.0.0.1:{taken.getsockname()[1]}", *RECORDING]
        done = process.run(
            process.Command([sys.executable, "-m", "tui", *words], cwd=Path(__file__).parents[2]),
            timeout=HANGS,
            check=False,
        )
    assert done.returncode == 2 and "cannot listen" in done.stderr and "--listen" in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="scripts/prepare-host.sh test installs chromium")
async def test_in_chromium_the_wizard_opens_by_its_token_takes_keys_and_needs_no_other_machine(tmp_path: Path) -> None:
    async with wizard(tmp_path / "state", ELSEWHERE) as (url, _, _client), browser(tmp_path / "profile") as tab:
        await tab.open(url)
        await tab.until_page("document.querySelector('#token') !== null")
        await tab.value("document.querySelector('#token').focus()")
        await tab.type((tmp_path / "state" / TOKEN_FILE).read_text().strip())
        await tab.press("Enter", 13, "\r")
        await tab.until("the receipt's page", lambda: "SAFE TO LEAVE: YES" in tab.heard)
        await tab.take_keys()
        await tab.press("Escape", 27, "\x1b")
        await tab.until("the first page", lambda: "Enter: see the progress" in tab.heard)
        await tab.press("Enter", 13, "\r")
        await tab.until("the progress", lambda: "Log of all machines" in tab.heard)
        await tab.until("the light", lambda: "SAFE TO LEAVE: YES" in tab.heard)
        assert len(await tab.picture()) > 20_000
        own = (url, url.replace("https", "wss"), "data:")
        assert len(tab.requests) > 4 and [one for one in tab.requests if not one.startswith(own)] == []
        assert await tab.value("document.fonts.check('16px \"Roboto Mono\"')")
        assert [text for text in tab.refused if "Security Policy" in text or "ERR_" in text] == []
    await none_left(tmp_path)
