"""What the undercloud lists, as {kind: {name: id}}: `python -m tests.storm.ids FOLDER` on the rack's router."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from seedvm.base.secret import Secret
from seedvm.cloud.client import Client, Login
from seedvm.handoff import services


def main(words: list[str]) -> None:
    account = json.loads((Path(words[0]) / "account.json").read_text())
    vip = account["vip"]
    api = Client(vip, Login(vip, password=Secret(account["password"])))
    sys.stdout.write(json.dumps(services.ids(api)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
