"""sushy-tools' emulator as a BMC: behind a login but for the service root (DSP0266 6.6), with lock-out and expired passwords.

Run as a program with a settings file; see tests/contract/bmcs.py. Lock-out answers as HTTP 401 with a message that says for
how long, as several vendors do.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sushy_tools.emulator import main as emulator
from sushy_tools.emulator.resources.systems import fakedriver

Start = Callable[..., Any]
OPEN = ("/redfish", "/redfish/", "/redfish/v1", "/redfish/v1/")
EXPIRED = {
    "error": {
        "code": "Base.1.8.GeneralError",
        "@Message.ExtendedInfo": [{"MessageId": "Base.1.8.PasswordChangeRequired"}],
    }
}


class Login:
    """Lets in who has the password, and counts."""

    def __init__(self, app: Any, settings: dict[str, Any]) -> None:
        self._app = app
        self._settings = settings
        self._bad = 0
        pair = f"{settings['user']}:{settings['password']}".encode()
        self._right = f"Basic {base64.b64encode(pair).decode()}"

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        if environ["PATH_INFO"] in OPEN:
            return self._app(environ, start)
        said = environ.get("HTTP_AUTHORIZATION")
        if said is None:
            return self._refuse(start, "401 Unauthorized", {"error": {"code": "401", "message": "log in"}})
        locked = self._settings["lock_after"] and self._bad >= self._settings["lock_after"]
        if said != self._right or locked:
            self._bad += 1
            self._note("bad")
            message = "the account is locked for 300 seconds" if locked else "wrong user or password"
            return self._refuse(start, "401 Unauthorized", {"error": {"code": "401", "message": message}})
        self._note("good")
        if self._settings["expired"]:
            return self._refuse(start, "403 Forbidden", EXPIRED)
        return self._app(environ, start)

    def _note(self, outcome: str) -> None:
        with Path(self._settings["logins"]).open("a") as file:
            file.write(f"{outcome}\n")

    @staticmethod
    def _refuse(start: Start, status: str, body: dict[str, Any]) -> Iterable[bytes]:
        start(status, [("Content-Type", "application/json"), ("WWW-Authenticate", 'Basic realm="redfish"')])
        return [json.dumps(body).encode()]


class Prompt(fakedriver.FakeDriver):
    """sushy-tools' fake driver without its random delay of power changes."""

    def set_power_state(self, identity: str, state: str) -> None:
        self._update(self._get(identity), power_state="On" if "On" in state else "Off")


def main() -> None:
    settings = json.loads(Path(sys.argv[1]).read_text())
    fakedriver.FakeDriver = Prompt
    app = emulator.app
    system = {"uuid": settings["uuid"], "name": "one", "power_state": "Off", "nics": [{"mac": settings["mac"]}]}
    app.config["SUSHY_EMULATOR_FAKE_DRIVER"] = True
    app.config["SUSHY_EMULATOR_FAKE_SYSTEMS"] = [system]
    app.config["SUSHY_EMULATOR_STATE_DIR"] = settings["state"]
    app.wsgi_app = Login(app.wsgi_app, settings)
    home = Path(settings["state"])
    context = (str(home / "cert.pem"), str(home / "key.pem")) if settings["tls"] else None
    app.run(host=settings["address"], port=settings["port"], ssl_context=context, threaded=True)


main()
