"""An OpenStack cloud's services on real sockets at one address: a login with its catalog, and each service's answers under one lock.

For one test's namespace; what the services answer is the emulator's that is served.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from seedvm.base import process

VIP = "172.22.0.5"
DIGEST = "0" * 64
_PORTS = {
    "identity": 5000, "baremetal": 6385, "orchestration": 8004, "image": 9292, "compute": 8774, "network": 9696, "placement": 8778,
}  # fmt: skip
_NAMES = {
    "identity": "keystone", "baremetal": "ironic", "orchestration": "heat", "image": "glance", "compute": "nova", "network": "neutron",
    "placement": "placement",
}  # fmt: skip
_WHERE = {"orchestration": "/v1/project", "identity": "/v3", "compute": "/v2.1"}

_NO_TOKEN = "The request you have made requires authentication."

Answer = tuple[int, Any]
Service = Callable[[str, str, Any], Answer]
"""(method, path with its query and without a last slash, body) to (status, body)."""


@contextlib.contextmanager
def cloud(
    services: Mapping[str, Service], *, address: str = VIP, identity: bool = True, accepts: Callable[[str], bool] = bool
) -> Iterator[None]:
    """The services at an address, and a login that names them, until the block ends; one request is answered at a time. The tokens
    issued are token-1, token-2 and so on; `accepts` says which of them are good."""
    everyone = {**services, **({"identity": identity_service(("identity", *services))} if identity else {})}
    lock = threading.Lock()
    process.run(["ip", "address", "replace", f"{address}/32", "dev", "lo"], timeout=60)
    issued = itertools.count(1)

    def handler(name: str, answer: Service) -> type[BaseHTTPRequestHandler]:
        return _handler(answer, lock, issued, accepts if name != "identity" else None)

    servers = [_Server((address, _PORTS[name]), handler(name, one)) for name, one in everyone.items()]
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


class _Server(ThreadingHTTPServer):
    request_queue_size = 511  # Apache's ListenBacklog; of forty callers at once Python's five lets the kernel drop some


def versions(service: str, path: str, name: str, **more: Any) -> Answer:
    """A service's version document."""
    links = [{"rel": "self", "href": f"http://{VIP}:{_PORTS[service]}{path}"}]
    one = {"id": name, "status": "CURRENT", "links": links, **more}
    return 200, {"versions": [one], "version": one, "default_version": one, "id": name}


def _handler(
    answer: Service, lock: threading.Lock, issued: Iterator[int], accepts: Callable[[str], bool] | None
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with lock:
                if accepts is not None and not accepts(self.headers.get("X-Auth-Token", "")):
                    status, said = 401, {"error": {"code": 401, "message": _NO_TOKEN, "title": "Unauthorized"}}
                else:
                    status, said = answer(self.command, self.path.rstrip("/"), json.loads(raw) if raw else None)
                text = b"" if said is None else json.dumps(said).encode()
            kind = "application/json"
            # As Heat's webob.exc.HTTPAccepted does.
            if status == 202 and not text and kind not in self.headers.get("Accept", ""):
                kind, text = "text/html", b"<html><body><h1>202 Accepted</h1></body></html>"
            self.send_response(status)
            for name, value in (("Content-Type", kind), ("Content-Length", str(len(text)))):
                self.send_header(name, value)
            if accepts is None and status == 201:
                self.send_header("X-Subject-Token", f"token-{next(issued)}")
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815  # names of http.server

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing on the terminal."""

    return Handler


def identity_service(services: tuple[str, ...]) -> Service:
    """A Keystone that accepts every password and lists these services."""
    version = {"id": "v3.14", "status": "stable", "links": [{"rel": "self", "href": f"http://{VIP}:5000/v3/"}]}
    times = {"issued_at": "2026-01-01T00:00:00.000000Z", "expires_at": "2099-01-01T00:00:00.000000Z"}
    project = {"id": "project", "name": "admin", "domain": {"id": "default", "name": "Default"}}
    user = {"id": "admin", "name": "admin", "domain": project["domain"]}

    def entry(service: str) -> dict[str, Any]:
        url = f"http://{VIP}:{_PORTS[service]}{_WHERE.get(service, '')}"
        where = {"interface": "public", "region": "RegionOne", "region_id": "RegionOne", "id": service, "url": url}
        return {"type": service, "name": _NAMES[service], "id": service, "endpoints": [where]}

    catalog = [entry(service) for service in services]
    token = {**times, "methods": ["password"], "user": user, "project": project, "roles": [], "catalog": catalog}

    def answer(method: str, path: str, _: Any) -> Answer:
        if method == "POST":
            return 201, {"token": token}
        if path.startswith("/v3/projects"):
            return 200, {"projects": [project], "links": {"next": None, "self": path}}
        if path == "/v3/auth/catalog":
            return 200, {"catalog": catalog, "links": {"self": path}}
        return (200, {"version": version}) if path == "/v3" else (300, {"versions": {"values": [version]}})

    return answer
