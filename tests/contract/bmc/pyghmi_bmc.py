"""pyghmi's own `Bmc`, defects included but for the one that ends it: ADDRESS PORT USER PASSWORD UUID."""

from __future__ import annotations

import contextlib
import sys
import uuid

from pyghmi.ipmi.bmc import Bmc
from pyghmi.ipmi.private.session import Session


class Plain(Bmc):
    """Power and GUID in memory."""

    state = "off"

    def get_power_state(self) -> str:
        return self.state

    def power_on(self) -> None:
        self.state = "on"

    def power_off(self) -> None:
        self.state = "off"

    def set_boot_device(self, device: str) -> None:
        self.device = device

    def get_system_guid(self) -> uuid.UUID:
        return self.uuid


def main() -> None:
    address, port, user, password, guid = sys.argv[1:]
    Plain({user: password}, port=int(port), address=address, bmcuuid=uuid.UUID(guid))
    while True:
        with contextlib.suppress(AttributeError):  # it falls over a RAKP 3 that follows an unanswered RAKP 1
            Session.wait_for_rsp(60)


main()
