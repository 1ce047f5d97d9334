"""IPMI commands of a BMC, whatever session they come by. Source: IPMI v2.0 sections 20, 22, 23, 28, 31."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable

from tests.datacenter.accounts import Accounts
from tests.datacenter.oddities import ODDITIES

APP, CHASSIS, STORAGE, TRANSPORT = 0x06, 0x00, 0x0A, 0x0C
INVALID, BAD_LENGTH, BAD_FIELD, NO_PRIVILEGE = 0xC1, 0xC7, 0xCC, 0xD4
SUITE_RECORDS = {
    0: b"\xc0\x00\x00\x40\x80",
    3: b"\xc0\x03\x01\x41\x81",
    17: b"\xc0\x11\x03\x44\x81",
}
Reply = tuple[int, bytes]


class Commands:
    """`user_of` gives the id of a user: 1 has no name, the rest in the order of the table."""

    def __init__(self, accounts: Accounts) -> None:
        self.accounts = accounts
        self.host = accounts.host
        self._odd = ODDITIES[self.host.odd].ipmi if self.host.odd else {}
        self.power = False
        self.boot = bytes(5)
        self.access = dict.fromkeys(accounts.passwords, self.host.privilege)
        self._open: dict[tuple[int, int], Callable[[bytes], Reply]] = {
            (APP, 0x38): self._capabilities,
            (APP, 0x37): lambda data: (0, bytes.fromhex(self.host.guid)),
            (APP, 0x54): self._suites,
        }
        self._closed: dict[tuple[int, int], Callable[[bytes], Reply]] = {
            (APP, 0x01): self._device,
            (APP, 0x44): self._user_access,
            (APP, 0x46): self._user_name,
            (APP, 0x47): self._set_password,
            (APP, 0x41): lambda data: (0, b"\x22\x04"),
            (CHASSIS, 0x01): lambda data: (0, bytes((int(self.power), 0, 0))),
            (CHASSIS, 0x02): self._control,
            (CHASSIS, 0x08): self._set_boot,
            (CHASSIS, 0x09): lambda data: (0, b"\x01\x05" + self.boot),
            (STORAGE, 0x48): lambda data: (0, struct.pack("<I", int(time.time()))),
            (TRANSPORT, 0x02): self._lan,
        }

    def names(self) -> list[str]:
        return ["", *(name for name in self.accounts.passwords if name)]

    def user_id(self, user: str) -> int:
        return self.names().index(user) + 1 if user in self.names() else 0

    def outside(self, netfn: int, command: int, data: bytes) -> Reply:
        """A command without a session."""
        known = self._open.get((netfn, command))
        return known(data) if known else (NO_PRIVILEGE if (netfn, command) in self._closed else INVALID, b"")

    def inside(self, netfn: int, command: int, data: bytes, user: str) -> Reply:
        """A command of a session of `user`."""
        if (netfn, command) in self._odd:
            return self._odd[netfn, command]
        if (netfn, command) == (APP, 0x3B):  # Set Session Privilege Level
            wanted = data[0] & 0x0F if data else 0
            return (0, bytes((wanted or 2,))) if wanted <= self.access.get(user, 0) else (0x81, b"")
        if (netfn, command) == (APP, 0x3D):  # Get Session Info
            return 0, bytes((1, self.host.slots, 1, self.user_id(user), self.access.get(user, 0), 0x11))
        known = self._open.get((netfn, command)) or self._closed.get((netfn, command))
        if known is None:
            return INVALID, b""
        try:
            return known(data)
        except (IndexError, struct.error):
            return BAD_LENGTH, b""

    def _capabilities(self, data: bytes) -> Reply:
        if len(data) < 2:
            return BAD_LENGTH, b""
        extended = bool(data[0] & 0x80) and "2.0" in self.host.ipmi
        types = 0x04 if "1.5" in self.host.ipmi else 0x00
        versions = 0x01 * ("1.5" in self.host.ipmi) | 0x02 * ("2.0" in self.host.ipmi)
        status = 0x04 | 0x01 * (self.accounts.passwords.get("") == "")
        return 0, bytes((1, types | 0x80 * extended, status, versions if extended else 0)) + bytes(4)

    def _suites(self, data: bytes) -> Reply:
        text = b"".join(SUITE_RECORDS[one] for one in self.host.suites)
        at = (data[2] & 0x3F) * 16
        return 0, b"\x01" + text[at : at + 16]

    def _device(self, data: bytes) -> Reply:
        return 0, bytes((0x20, 1, 2, 0x45, 0x02, 0xBF)) + self.host.manufacturer.to_bytes(3, "little") + b"\x34\x12"

    def _user_access(self, data: bytes) -> Reply:
        number = data[1] & 0x3F
        if not 1 <= number <= len(self.names()):
            return 0, bytes((15, 1, 1, 0x0F))
        limit = self.access.get(self.names()[number - 1], 0x0F)
        return 0, bytes((15, len(self.names()), 1, 0x30 | limit))

    def _user_name(self, data: bytes) -> Reply:
        number = data[0] & 0x3F
        name = self.names()[number - 1] if 1 <= number <= len(self.names()) else ""
        return 0, name.encode().ljust(16, b"\x00")

    def _set_password(self, data: bytes) -> Reply:
        """Set User Password (22.30): disable, enable, set, test; 16 or 20 bytes."""
        number, operation = data[0] & 0x3F, data[1] & 0x03
        if not 2 <= number <= len(self.names()):
            return BAD_FIELD, b""
        user, said = self.names()[number - 1], data[2:22].rstrip(b"\x00").decode("latin-1")
        if operation == 3:
            return (0, b"") if said == self.accounts.passwords[user] else (0x80, b"")
        if operation == 2:
            self.accounts.change(user, said)
        return 0, b""

    def _control(self, data: bytes) -> Reply:
        self.power = {0: False, 1: True, 2: True, 3: True, 5: False}[data[0] & 0x0F]
        self.accounts.record.changes.append(f"power {self.power}")
        return 0, b""

    def _set_boot(self, data: bytes) -> Reply:
        if data[0] & 0x7F == 5:
            self.boot = data[1:6].ljust(5, b"\x00")
            self.accounts.record.changes.append("boot device")
        return 0, b""

    def _lan(self, data: bytes) -> Reply:
        if data[1] == 3:
            return 0, b"\x11" + bytes(int(part) for part in self.host.address.split("."))
        if data[1] == 5:
            return 0, b"\x11" + bytes.fromhex(self.host.mac.replace(":", ""))
        return 0x80, b""
