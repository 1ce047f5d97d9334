"""An IPMI 2.0 BMC: pyghmi's, with what it lacks cured: presence pong, IPMI 1.5 capabilities, refusals, and an end of sessions.

Cipher suite 3 only, and it says so: an open-session request for any other is answered with status 0x11. It refuses unknown users
(0x0D) and wrong passwords (0x0F) as hardware does, and a locked account as OpenBMC does: as if it were unknown.
"""

from __future__ import annotations

import socket
import struct
import time
import uuid as uuids
from collections.abc import Sequence
from typing import TypeAlias, TypedDict

from pyghmi.ipmi import bmc
from pyghmi.ipmi.private import constants, serversession
from pyghmi.ipmi.private import session as ipmisession

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.rack.bmc.account import Door
from seedvm.rack.bmc.behind import Behind
from seedvm.rack.model import MachineSpec

_NO_SUCH_USER, _BAD_CHECK, _NO_MATCHING_SUITE, _NO_SESSIONS = 0x0D, 0x0F, 0x11, 0x01
_ADMINISTRATOR, _USER = 4, 2  # privilege; the number of the one user
_SUITE_3 = (1, 1, 1)  # RAKP-HMAC-SHA1, HMAC-SHA1-96, AES-CBC-128
_SESSION_LIMIT, _IDLE_SECONDS = 32, 60.0
_ASF_IANA = bytes([0, 0, 0x11, 0xBE])
_PONG = bytes([0, 0, 0x11, 0xBE, 0, 0, 0, 0, 0x81, 0, 0, 0, 0, 0, 0, 0])  # IPMI supported, ASF 1.0
_ACTIONS = {0: "off", 1: "on", 2: "cycle", 3: "reset", 5: "soft"}
_PXE, _DISK = 1, 2  # boot flags' device selector, IPMI 2.0 table 28-14
_DEVICES = {0: None, _PXE: "pxe", _DISK: "disk"}
_Address: TypeAlias = tuple[str, int] | tuple[str, int, int, int]
"""Of a UDP socket: address and port, with IPv6 flow and scope too."""


class _Request(TypedDict):
    """A request as pyghmi parsed it."""

    netfn: int
    command: int
    data: Sequence[int]


def serve(machine: MachineSpec, behind: Behind, door: Door) -> None:
    """Answer on UDP 623 for ever."""
    server = RackBmc(machine, behind, door)
    while True:
        ipmisession.Session.wait_for_rsp(_IDLE_SECONDS)
        server.drop_idle()


class _Session(serversession.ServerSession):
    """A session that refuses aloud and can end."""

    def __new__(cls, *_: object) -> _Session:
        return object.__new__(cls)

    def __init__(self, server: RackBmc, client: _Address, wire: socket.socket, request: bytearray) -> None:
        self.heard = time.monotonic()
        self.username = b""
        self.clientpriv = 0
        self.ipmicallback: object = None
        super().__init__({}, None, client, wire, request, server.uuid, server)

    def create_open_session_response(self, request: bytes) -> bytearray:
        asked = tuple(request[at] & 0x3F for at in (12, 20, 28)) if len(request) >= 32 else ()
        if asked != _SUITE_3:
            return self._refusal(request, _NO_MATCHING_SUITE)
        if not self.bmc.make_room():
            return self._refusal(request, _NO_SESSIONS)
        self.bmc.sessions[self.sockaddr] = self
        answer: bytearray = super().create_open_session_response(request)
        return answer

    @property
    def established(self) -> bool:
        return self.ipmicallback is not None

    def process_pktqueue(self) -> None:
        self.heard = time.monotonic()
        try:
            super().process_pktqueue()
        except (struct.error, ValueError, IndexError, AttributeError):
            self.close_server_session()  # out of turn or cut short: not a client

    def _got_rakp1(self, data: bytearray) -> None:
        if len(data) < 28:
            return
        name = bytes(data[28 : 28 + data[27]])
        door = self.bmc.door
        known = name.decode(errors="replace") == door.user and (data[24] & 0xF) <= _ADMINISTRATOR
        if not known or not door.knock():
            self._refuse("rakp2", data[0], _NO_SUCH_USER)
            return
        self.authdata = {door.user: door.password.reveal()}
        super()._got_rakp1(data)

    def _got_rakp3(self, data: bytearray) -> None:
        if len(data) > 1 and data[1] != 0:
            self.close_server_session()
            return
        self.ipmicallback = None
        super()._got_rakp3(data)
        self.bmc.door.result(self.established)
        if not self.established:
            self._refuse("rakp4", data[0], _BAD_CHECK)

    def close_server_session(self) -> None:
        self.bmc.sessions.pop(self.sockaddr, None)
        ipmisession.Session.bmc_handlers.pop(self.sockaddr, None)

    def _refusal(self, request: bytes, status: int) -> bytearray:
        self.clientsessionid = request[4:8]
        ipmisession.Session.bmc_handlers.pop(self.sockaddr, None)
        return bytearray([request[0], status, 0, 0]) + self.clientsessionid

    def _refuse(self, payload: str, tag: int, status: int) -> None:
        answer = bytearray([tag, status, 0, 0]) + self.clientsessionid
        self.send_payload(answer, constants.payload_types[payload], retry=False)
        self.close_server_session()


class RackBmc(bmc.Bmc):
    """The BMC of one machine."""

    def __init__(self, machine: MachineSpec, behind: Behind, door: Door) -> None:
        super().__init__({}, port=623, bmcuuid=machine.uuid, address=str(machine.bmc.address))
        self.door = door
        self.faults = machine.faults
        self.limit = machine.faults.sessions or _SESSION_LIMIT
        self.behind = behind
        self.sessions: dict[_Address, _Session] = {}
        self.mfgid, self.deviceid = 0, 0x20

    def make_room(self) -> bool:
        """Whether there is a slot: the oldest login that never came to its end gives way, a session in use does not."""
        if len(self.sessions) < self.limit:
            return True
        halfway = [session for session in self.sessions.values() if not session.established]
        if halfway:
            min(halfway, key=lambda session: session.heard).close_server_session()
        return bool(halfway)

    def drop_idle(self) -> None:
        for session in list(self.sessions.values()):
            if time.monotonic() - session.heard > _IDLE_SECONDS:
                session.close_server_session()

    def sessionless_data(self, data: bytes, sockaddr: _Address) -> None:
        raw = bytearray(data)
        if len(raw) >= 12 and raw[3] & 0x1F == 6 and bytes(raw[4:8]) == _ASF_IANA and raw[8] == 0x80:
            head = bytes([6, 0, 0xFF, 6]) + _ASF_IANA + bytes([0x40, raw[9], 0, len(_PONG)])
            ipmisession._io_sendto(self.serversocket, head + _PONG, sockaddr)
        elif len(raw) >= 32 and raw[4] == 6 and raw[5] == 0x10:
            self.drop_idle()
            if not self.faults.hang:
                _Session(self, sockaddr, self.serversocket, raw[16:])
        elif len(raw) >= 23 and raw[4] == 0 and raw[18 + 1] == 0x38 and not raw[20] & 0x80:
            self._old_capabilities(raw, sockaddr)
        else:
            super().sessionless_data(data, sockaddr)

    def handle_raw_request(self, request: _Request, session: _Session) -> None:
        own = {(6, 0x3D): self._session_info, (6, 0x44): self._user_access, (6, 0x46): self._user_name}
        own |= {(6, 0x47): self._user_password, (0x0A, 0x48): self._clock, (0, 4): self._identify}
        try:
            answer = own.get((request["netfn"], request["command"]))
            if answer is None:
                super().handle_raw_request(request, session)
            else:
                code, data = answer(bytearray(request["data"]))
                session.send_ipmi_response(code=code, data=data)
        except (SeedvmError, IndexError):
            session.send_ipmi_response(code=0xFF)

    def _session_info(self, data: bytearray) -> tuple[int, list[int]]:
        """Get Session Info (22.20): the one user, as administrator over the LAN."""
        return 0, [1, self.limit, len(self.sessions), _USER, _ADMINISTRATOR, 1]

    def _user_access(self, data: bytearray) -> tuple[int, list[int]]:
        """Get User Access (22.27)."""
        return 0, [_USER, 1, 0, 0x30 | _ADMINISTRATOR if data[1] & 0x3F == _USER else 0x0F]

    def _user_name(self, data: bytearray) -> tuple[int, list[int]]:
        """Get User Name (22.29)."""
        name = self.door.user.encode() if data[0] & 0x3F == _USER else b""
        return 0, list(name.ljust(16, b"\0"))

    def _user_password(self, data: bytearray) -> tuple[int, list[int]]:
        """Set User Password (22.30): set it, in 16 or 20 bytes, or test it."""
        number, action, text = data[0] & 0x3F, data[1] & 3, bytes(data[2:]).rstrip(b"\0").decode(errors="replace")
        if number != _USER or len(data) - 2 != (20 if data[0] & 0x80 else 16) or action not in (2, 3):
            return 0xCC, []
        if action == 3:
            return (0 if self.door.password == Secret(text) else 0x80), []
        self.door.change(Secret(text))
        return 0, []

    def _clock(self, data: bytearray) -> tuple[int, list[int]]:
        """Get SEL Time (31.10)."""
        return 0, list(struct.pack("<I", int(time.time()) + self.faults.clock_ahead))

    _lit_until: float | None = 0.0
    """When the location light goes out (monotonic seconds), None for never."""

    def _identify(self, data: bytearray) -> tuple[int, list[int]]:
        """Chassis Identify (28.5): seconds, 15 where none are said, or for good; the BMC itself ends it."""
        if len(data) > 2:
            return 0xC7, []
        seconds, forced = data[0] if data else 15, len(data) > 1 and bool(data[1] & 1)
        self._lit_until = None if forced else time.monotonic() + seconds
        return 0, []

    def _light(self) -> int:
        """The light's state as Get Chassis Status tells of it (28.2): supported, and off, for a while or for good."""
        if self._lit_until is None:
            return 0x60
        return 0x50 if time.monotonic() < self._lit_until else 0x40

    def get_system_guid(self) -> uuids.UUID:
        found: uuids.UUID = self.uuid
        return found

    def get_power_state(self) -> str:
        return str(self.behind.status().power)

    def control_chassis(self, request: _Request, session: _Session) -> None:
        action = _ACTIONS.get(request["data"][0])
        if action is None:
            session.send_ipmi_response(code=0xCC)
        elif action in ("cycle", "reset", "soft") and self.get_power_state() == "off":
            session.send_ipmi_response(code=0xD5)  # not in this state
        else:
            self.behind.power(action)
            session.send_ipmi_response()

    def get_chassis_status(self, session: _Session) -> None:
        on = self.get_power_state() == "on"
        session.send_ipmi_response(data=[0x20 | on, 0, self._light()])

    def get_system_boot_options(self, request: _Request, session: _Session) -> None:
        if request["data"][0] != 5:
            session.send_ipmi_response(code=0x80)
            return
        status = self.behind.status()
        device = next((number for number, name in _DEVICES.items() if name == status.boot_device), 0)
        valid = 0x80 if device else 0
        persistent = 0 if status.boot_once else 0x40
        session.send_ipmi_response(data=[1, 5, valid | (persistent if device else 0), device << 2, 0, 0, 0])

    def set_system_boot_options(self, request: _Request, session: _Session) -> None:
        data = request["data"]
        if data[0] & 0x7F != 5:
            session.send_ipmi_response()  # set in progress, info acknowledge: nothing to keep
            return
        number = (data[2] >> 2) & 0xF
        if number not in _DEVICES:
            session.send_ipmi_response(code=0xCC)
            return
        device = _DEVICES[number] if data[1] & 0x80 else None
        self.behind.boot(device, once=device is not None and not data[1] & 0x40)
        session.send_ipmi_response()

    def _old_capabilities(self, raw: bytearray, sockaddr: _Address) -> None:
        """Get Channel Authentication Capabilities as IPMI 1.5 asks: no bit for extended data, an answer without it: no 1.5 login."""
        client, lun, requester_lun = raw[17], raw[15] & 3, raw[18]
        head = [client, (7 << 2) | lun]
        body = [raw[14], requester_lun, 0x38, 0, 1, 0, 0b00000100, 0, 0, 0, 0, 0]
        message = [*head, _sum(head), *body, _sum(body)]
        header = bytes([6, 0, 0xFF, 7, 0]) + bytes(8) + struct.pack("B", len(message))
        ipmisession._io_sendto(self.serversocket, header + bytes(message), sockaddr)


def _sum(values: list[int]) -> int:
    return -sum(values) & 0xFF
