"""Writes rows through the VIP all the time, on the rack's router: `python -m tests.storm.writer FOLDER`.

A row is a region in Keystone: no quota, no work for any service, nothing that the hand-off counts. The account is in
FOLDER/account.json; a name is added to FOLDER/acknowledged after the answer 201 alone. An answer that did not come proves
nothing either way. `list` as a second word prints the names that Keystone lists.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

PREFIX = "storm-"
_SECONDS = 4.0
_EVERY_SECONDS = 0.4


@dataclass
class Keystone:
    """One account at Keystone of a VIP."""

    vip: str
    password: str
    token: str = ""

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, bytes, str]:
        """Status, body and the token of an answer; OSError or HTTPException when none comes."""
        wire = http.client.HTTPConnection(self.vip, 5000, timeout=_SECONDS)
        try:
            headers = {"Content-Type": "application/json", **({"X-Auth-Token": self.token} if self.token else {})}
            wire.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = wire.getresponse()
            return answer.status, answer.read(), answer.getheader("X-Subject-Token") or ""
        finally:
            wire.close()

    def login(self) -> None:
        user = {"name": "admin", "domain": {"name": "Default"}, "password": self.password}
        scope = {"project": {"name": "admin", "domain": {"name": "Default"}}}
        identity = {"methods": ["password"], "password": {"user": user}}
        self.token = ""
        _, _, self.token = self.ask("POST", "/v3/auth/tokens", {"auth": {"identity": identity, "scope": scope}})

    def write(self, name: str) -> bool:
        """Whether Keystone said that it has the row."""
        if not self.token:
            self.login()
        status, _, _ = self.ask("POST", "/v3/regions", {"region": {"id": name}})
        if status == 401:
            self.token = ""
        return status == 201

    def names(self) -> list[str]:
        self.login()
        status, body, _ = self.ask("GET", "/v3/regions")
        if status != 200:
            raise OSError(f"Keystone answers {status}")
        return [one["id"] for one in json.loads(body)["regions"] if one["id"].startswith(PREFIX)]


def main(words: list[str]) -> int:
    folder = Path(words[0])
    account = json.loads((folder / "account.json").read_text())
    keystone = Keystone(account["vip"], account["password"])
    if words[1:] == ["list"]:
        sys.stdout.write(json.dumps(keystone.names()) + "\n")
        return 0
    number = 0
    with (folder / "acknowledged").open("a") as kept:
        while True:
            number += 1
            name = f"{PREFIX}{number:06d}"
            try:
                if keystone.write(name):
                    print(name, file=kept, flush=True)
            except (OSError, http.client.HTTPException, ValueError):
                pass
            time.sleep(_EVERY_SECONDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
