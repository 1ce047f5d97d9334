"""A build without the network: packages come from a folder, which is served on the loopback while the build lasts.

    DIR/debian/            dists/trixie, dists/trixie-updates and pool/, as a mirror of Debian has them, signed by Debian
    DIR/debian-security/   dists/trixie-security and pool/
    DIR/pypi/              wheels, all in this folder

It refuses a folder that lacks one of them, and serves nothing but what lies in it.
"""

from __future__ import annotations

import contextlib
import html
import re
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from seedvm.errors import SeedvmError

_NEEDED = (
    "debian/dists/trixie/InRelease",
    "debian/dists/trixie-updates/InRelease",
    "debian-security/dists/trixie-security/InRelease",
    "pypi",
)


@contextlib.contextmanager
def served(folder: Path) -> Iterator[Mapping[str, str]]:
    """Serve a folder; what the build's tools are to be told, as environment."""
    missing = [name for name in _NEEDED if not (folder / name).exists()]
    if missing:
        raise SeedvmError(
            f"{folder} is no mirror that an appliance can be built from",
            why=f"it has no {', no '.join(missing)}",
            hint="./build-appliance.sh --help says what lies where",
        )
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Answer, directory=str(folder)))
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
        }
    finally:
        server.shutdown()
        server.server_close()


class _Answer(SimpleHTTPRequestHandler):
    """The folder as it is, and its wheels as an index (PEP 503)."""

    def do_GET(self) -> None:
        asked = re.fullmatch(r"/simple/([A-Za-z0-9._-]+)/?", self.path)
        if asked is None:
            super().do_GET()
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

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the build's own log says what was fetched."""


def _is(wheel: str, project: str) -> bool:
    return re.sub(r"[-_.]+", "-", wheel.split("-")[0]).lower() == re.sub(r"[-_.]+", "-", project).lower()
