"""sushy-tools' emulator behind the rack's door: logins, sessions, accounts, lock-out. Run as a program, see tests/contract/bmc/bmcs.py.

What is written to `overlay.json` in its folder is laid over the answers, by path, while it runs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import flask
from sushy_tools.emulator import main as emulator
from sushy_tools.emulator.resources.systems import fakedriver

from seedvm.base.secret import Secret
from seedvm.rack.bmc.account import Door
from seedvm.rack.bmc.redfish_login import ROOT_LINKS, RedfishDoor, Rules


class Prompt(fakedriver.FakeDriver):
    """sushy-tools' fake driver without its random delay of power changes."""

    def set_power_state(self, identity: str, state: str) -> None:
        self._update(self._get(identity), power_state="On" if "On" in state else "Off")


def main() -> None:
    settings = json.loads(Path(sys.argv[1]).read_text())
    home = Path(settings["state"])
    fakedriver.FakeDriver = Prompt
    app = emulator.app
    system = {"uuid": settings["uuid"], "name": "one", "power_state": "Off", "nics": [{"mac": settings["mac"]}]}
    app.config["SUSHY_EMULATOR_FAKE_DRIVER"] = True
    app.config["SUSHY_EMULATOR_FAKE_SYSTEMS"] = [system]
    app.config["SUSHY_EMULATOR_STATE_DIR"] = settings["state"]
    rules = settings["rules"]

    def heard(right: bool) -> None:
        with (home / "logins").open("a") as file:
            file.write("good\n" if right else "bad\n")

    def complete(response: flask.Response) -> flask.Response:
        path, overlay = flask.request.path.rstrip("/"), home / "overlay.json"
        more: dict[str, Any] = dict(ROOT_LINKS) if path == "/redfish/v1" and rules.get("sessions", 16) else {}
        if overlay.exists():
            more |= json.loads(overlay.read_text()).get(path, {})
        if more:
            tree = json.loads(response.get_data()) if response.status_code == 200 else {}
            response.set_data(json.dumps(tree | more))
            response.status_code = 200
        return response

    app.after_request(complete)
    door = Door(
        settings["user"],
        Secret(settings["password"]),
        lock_after=settings["lock_after"],
        lock_seconds=settings["lock_seconds"],
        kept=home / "password",
    )
    app.wsgi_app = RedfishDoor(app.wsgi_app, door, Rules(heard=heard, **rules))
    context = (str(home / "cert.pem"), str(home / "key.pem")) if settings["tls"] else None
    app.run(host=settings["address"], port=settings["port"], ssl_context=context, threaded=True)


main()
