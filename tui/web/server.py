"""`seedvm wizard --web`: the wizard in a browser. textual-serve is the terminal in it; this is the door in front.

Each browser window gets a wizard process of its own, on the same state folder; it goes when the window goes, and the engine stays. All
that a page needs comes from this machine: in a cold aisle there is no network. On loopback there is no token, but a page of another
site cannot come in (Host and Origin are looked at). Anywhere else it speaks TLS only, and asks once for the token that stands in a
0600 file; a browser that gave it holds a cookie until this server ends. It refuses to put the token into a URL, a command line or a log.
"""

from __future__ import annotations

import secrets
import shlex
import socket
import ssl
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from html import escape
from ipaddress import ip_address
from pathlib import Path

from aiohttp import web
from textual_serve.server import Server

from seedvm.base.errors import SeedvmError
from seedvm.base.files import write_private
from seedvm.base.secret import Secret
from tui.web.certificate import ensure_certificate, fingerprint

TOKEN_FILE = "web-token"
KEY_FILE = "web-tls.pem"
_COOKIE = "seedvm"
_PAGES = Path(__file__).with_name("pages")
_GRACE_SECONDS = 3.0
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_TERMINAL = ("exec", "env", "TERM=xterm-256color", "LANG=C.UTF-8", "TEXTUAL_DRIVER=tui.web.driver:EndingWebDriver")
"""What a wizard in a browser finds, wherever the server was started."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class ListenAddress:
    """Where to listen. Port 0 takes any that is free."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> ListenAddress:
        """ADDR:PORT, IPv6 in brackets; an address, never a name. Raises SeedvmError."""
        host, colon, port = text.rpartition(":")
        try:
            address = ip_address(host.removeprefix("[").removesuffix("]"))
            if not colon or not port.isascii() or not port.isdecimal() or int(port) > 65535:
                raise ValueError("the port must be a number up to 65535")
        except ValueError as error:
            raise SeedvmError(
                f"'{text}' is not an address to listen on",
                why=str(error),
                hint="use ADDR:PORT, for example 127.0.0.1:8000",
            ) from None
        return cls(str(address), int(port))

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return ip_address(self.host).is_loopback

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def serve(words: Sequence[str], place: ListenAddress, state_dir: Path, say: Callable[[str], None]) -> int:
    """Serve the wizard of these words (`python -m tui` comes before them) until Ctrl-C; 0 then. Raises SeedvmError."""
    with _listen(place) as listening:
        place = ListenAddress(place.host, listening.getsockname()[1])
        token, tls = (None, None) if place.loopback else _locks(state_dir)
        say(f"The wizard is running at {'http' if tls is None else 'https'}://{place}/")
        if tls is not None:
            say(
                f"The access token is in {state_dir / TOKEN_FILE} (readable by root only); the browser asks for it once."
            )
            say(f"The certificate is self-signed; SHA-256 fingerprint: {fingerprint(state_dir / KEY_FILE)}")
        say("Ctrl-C ends the browser sessions; the engine keeps running.")
        try:
            web.run_app(
                WebAccess(words, place, token).app(),
                sock=listening,
                ssl_context=tls,
                access_log=None,
                print=None,
                shutdown_timeout=_GRACE_SECONDS,
            )
        finally:
            if token is not None:
                (state_dir / TOKEN_FILE).unlink(missing_ok=True)
    return 0


def _listen(place: ListenAddress) -> socket.socket:
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    try:
        return socket.create_server((place.host, place.port), family=family)
    except OSError as error:
        raise SeedvmError(
            f"cannot listen on {place}",
            why=error.strerror or str(error),
            hint="choose another address or port with --listen",
        ) from None


def _locks(state_dir: Path) -> tuple[Secret, ssl.SSLContext]:
    """A token of this server's own, and TLS."""
    state_dir.mkdir(parents=True, exist_ok=True)
    token = Secret(secrets.token_urlsafe(24))
    write_private(state_dir / TOKEN_FILE, token.reveal() + "\n")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(ensure_certificate(state_dir / KEY_FILE))
    return token, tls


class WebAccess:
    """Who may come in, and what they get. `token` is None on loopback."""

    def __init__(self, words: Sequence[str], place: ListenAddress, token: Secret | None) -> None:
        command = shlex.join([*_TERMINAL, sys.executable, "-m", "tui", *words])
        self._served = Server(command, title="seedvm wizard")
        self._place = place
        self._token = token
        self._sessions: set[str] = set()

    def app(self) -> web.Application:
        """The application: page, token, socket, and the files that the page needs."""
        app = web.Application(middlewares=[self._guard])
        app.add_routes(
            [
                web.get("/", self._page),
                web.post("/", self._enter),
                web.get("/ws", self._served.handle_websocket),
                web.static("/own", _PAGES),
                web.static("/static", self._served.statics_path),
            ]
        )
        app.on_response_prepare.append(_with_headers)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self._token is None and not self._named_as_ours(request):
            raise web.HTTPForbidden(text="this wizard accepts connections from this machine only\n")
        if request.path == "/ws" and request.headers.get("Origin") != f"{request.scheme}://{request.host}":
            raise web.HTTPForbidden(text="requests from pages of other sites are refused\n")
        if not self._known(request) and request.path != "/":
            raise web.HTTPUnauthorized(text="enter the access token first\n")
        return await handler(request)

    def _named_as_ours(self, request: web.Request) -> bool:
        # A foreign name whose DNS points at loopback is refused; any port is accepted, because SSH forwards it.
        name = request.host.rpartition(":")[0] if not request.host.endswith("]") else request.host
        name = name or request.host
        return name in ("localhost", "127.0.0.1", "[::1]", str(self._place).rpartition(":")[0])

    def _known(self, request: web.Request) -> bool:
        given = request.cookies.get(_COOKIE, "").encode()
        return self._token is None or any(secrets.compare_digest(given, known.encode()) for known in self._sessions)

    async def _page(self, request: web.Request) -> web.Response:
        if not self._known(request):
            return _ask("")
        scheme = "wss" if request.scheme == "https" else "ws"
        text = (_PAGES / "wizard.html").read_text().replace("SOCKET", escape(f"{scheme}://{request.host}/ws"))
        return web.Response(text=text, content_type="text/html")

    async def _enter(self, request: web.Request) -> web.Response:
        given = (await request.post()).get("token", "")
        wanted = "" if self._token is None else self._token.reveal()
        if not isinstance(given, str) or not secrets.compare_digest(given.strip().encode(), wanted.encode()):
            return _ask("Wrong token.")
        session = secrets.token_urlsafe(24)
        self._sessions.add(session)
        answer = web.Response(status=303, headers={"Location": "/"})
        answer.set_cookie(_COOKIE, session, httponly=True, samesite="Strict", secure=request.scheme == "https")
        return answer


def _ask(wrong: str) -> web.Response:
    text = (_PAGES / "token.html").read_text().replace("WRONG", wrong)
    return web.Response(text=text, status=401, content_type="text/html")


async def _with_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)
