"""A build without the network: packages come from a folder, which is served on the loopback while the build lasts.

    DIR/debian/            dists/trixie, dists/trixie-updates and pool/, as a mirror of Debian has them, signed by Debian
    DIR/debian-security/   dists/trixie-security and pool/
    DIR/pypi/              wheels, all in this folder

`seedvm image mirror` fills such a folder (seedvm/image/mirror.py); a mirror that somebody else made does as well. It refuses a folder
that lacks one of these, and serves nothing but what lies in it. While it does, this thread and all that it starts have no other network
than the loopback: what the folder lacks fails the build, wherever else it may be found.
"""

from __future__ import annotations

import contextlib
import ctypes
import html
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseServer

from seedvm.base import process
from seedvm.base.errors import SeedvmError

_NEEDED = (
    "debian/dists/trixie/InRelease",
    "debian/dists/trixie-updates/InRelease",
    "debian-security/dists/trixie-security/InRelease",
    "pypi",
)
# Told of a file below the folder that is asked for.
Need = Callable[[Path], None]
_CLONE_NEWNET, _CLONE_NEWUTS = 0x40000000, 0x04000000


@contextlib.contextmanager
def served(folder: Path) -> Iterator[Mapping[str, str]]:
    """Serve a folder, cut off from every network; what the build's tools need, as environment. Needs root."""
    missing = [name for name in _NEEDED if not (folder / name).exists()]
    if missing:
        raise SeedvmError(
            f"an appliance cannot be built from {folder}",
            why=f"missing in this mirror: {', '.join(missing)}",
            hint=f"on a machine with a network, run seedvm image mirror {folder}",
        )
    with cut_off(), serving(folder) as environment:
        yield {**environment, "DIB_APT_SOURCES_CONF": _sources(environment)}


@contextlib.contextmanager
def serving(folder: Path, need: Need = lambda _: None) -> Iterator[Mapping[str, str]]:
    """Serve a folder on the loopback; what the build's tools need, as environment.

    `need` hears of each file below the folder that is asked for, before it is looked for; OSError or SeedvmError of it is told as 502.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Answer, need, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    try:
        yield {
            "SEEDVM_DEBIAN_MIRROR": f"{base}/debian",
            "SEEDVM_DEBIAN_SECURITY_MIRROR": f"{base}/debian-security",
            "PIP_INDEX_URL": f"{base}/simple/",
            "PIP_EXTRA_INDEX_URL": "",
            "http_proxy": "",
            "https_proxy": "",
            "DIB_APT_LOCAL_CACHE": "0",  # packages of an earlier build would hide what the folder lacks
        }
    finally:
        server.shutdown()
        server.server_close()


def _sources(environment: Mapping[str, str]) -> str:
    """Debian's suites as diskimage-builder writes them, a list a line, and none that is too old: updates are signed for a week."""
    debian, security = environment["SEEDVM_DEBIAN_MIRROR"], environment["SEEDVM_DEBIAN_SECURITY_MIRROR"]
    suites = (
        ("default", debian, "trixie"),
        ("updates", debian, "trixie-updates"),
        ("security", security, "trixie-security"),
    )
    return "".join(
        f"{name}:deb [check-valid-until=no] {mirror} {suite} main non-free-firmware\n" for name, mirror, suite in suites
    )


@contextlib.contextmanager
def cut_off() -> Iterator[None]:
    """A loopback and no other network, for this thread and the threads and processes it starts meanwhile; the machine is `localhost`.

    Packages ask for the address of the machine's name when they are set up (nova-common fails without an answer), and only
    /etc/hosts can answer.
    """
    before = [os.open(f"/proc/thread-self/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in ("net", "uts")]
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        if libc.unshare(_CLONE_NEWNET | _CLONE_NEWUTS) != 0:
            raise SeedvmError(
                "a build cannot be cut off from the network here",
                why=os.strerror(ctypes.get_errno()),
                hint="run as root, on a kernel with network namespaces",
            )
        try:
            socket.sethostname("localhost")
            process.run(["ip", "link", "set", "lo", "up"], timeout=20)
            yield
        finally:
            for descriptor in before:
                if libc.setns(descriptor, 0) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
    finally:
        for descriptor in before:
            os.close(descriptor)


class _Answer(SimpleHTTPRequestHandler):
    """The folder as it is, and its wheels as an index (PEP 503)."""

    def __init__(
        self, need: Need, wire: socket.socket, client: tuple[str, int], server: BaseServer, *, directory: str
    ) -> None:
        self._need = need
        super().__init__(wire, client, server, directory=directory)

    def do_GET(self) -> None:
        asked = re.fullmatch(r"/simple/([A-Za-z0-9._-]+)/?", self.path)
        if asked is None:
            self._send_file()
            return
        wheels = (path.name for path in (Path(self.directory) / "pypi").iterdir())
        links = [
            f'<a href="/pypi/{html.escape(name)}">{html.escape(name)}</a>'
            for name in sorted(wheels)
            if _is(name, asked[1])
        ]
        body = "\n".join(["<!DOCTYPE html>", *links]).encode()
        self.send_response(200 if links else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send_file(self) -> None:
        try:
            self._need(Path(self.translate_path(self.path)))
        except (OSError, SeedvmError) as error:
            self.send_error(502, " ".join(str(error).split()))
            return
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the build's own log says what was fetched."""


def _is(wheel: str, project: str) -> bool:
    return re.sub(r"[-_.]+", "-", wheel.split("-")[0]).lower() == re.sub(r"[-_.]+", "-", project).lower()
