"""What we ask of a BMC over IPMI once its password is proven: identity, clock, boot device, power.

Source: IPMI v2.0 sections 20.1 (Get Device ID), 22.14 (GUID), 28.2, 28.3 (chassis status, control), 28.12, 28.13 (boot
options), 31.10 (Get SEL Time). One session at a time and at least `gap` seconds between sessions to one BMC.
Refused here: anything that writes to the BMC's own configuration.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.bmc.ipmi15_session import login15
from seedvm.bmc.ipmi20_session import login
from seedvm.bmc.power import OFF, ON, Power, PowerState, ipmi_power, no_mark, start_dark
from seedvm.bmc.udp import Silent
from seedvm.wire.rmcp import NETFN_APP, NETFN_CHASSIS, NETFN_STORAGE, Message

GAP_SECONDS = 5.0
POWER_SECONDS = 60.0
CHASSIS_STATUS, SYSTEM_GUID = (NETFN_CHASSIS, 0x01), (NETFN_APP, 0x37)
DEVICE_ID, SEL_TIME = (NETFN_APP, 0x01), (NETFN_STORAGE, 0x48)
NO_PRIVILEGE = 0xD4
CLOCK_NOT_SET = 0x20000000  # up to here SEL time counts seconds since the BMC started (37.1)
UNSAID = Message(NETFN_APP, 0, 0, 0xFF, b"")
BOOT_DEVICES = {"none": 0x0, "pxe": 0x1, "disk": 0x2, "cdrom": 0x5, "setup": 0x6}
POWER = {OFF.state: 0x0, ON.state: 0x1}


@dataclass(frozen=True)
class Identity:
    """What one confirming login reads. `guid` is 16 raw bytes or empty; `clock_ahead` in seconds and `privilege` (4 is
    administrator) are None if unknown."""

    power: Power
    guid: bytes
    manufacturer: int
    product: int
    firmware: str
    clock_ahead: float | None
    privilege: int | None


class Session(Protocol):
    """A session that is logged in, of IPMI 2.0 or 1.5. `guid` is 16 raw bytes, or empty where its setup told none."""

    password: Secret

    @property
    def guid(self) -> bytes: ...

    async def command(self, netfn: int, command: int, data: bytes = b"", *, tries: int = 3) -> Message: ...


class IpmiBmc:
    """One BMC; make one object per BMC and share it. `old`: it speaks IPMI 1.5 only."""

    def __init__(
        self,
        address: str,
        user: str,
        password: Secret,
        *,
        port: int = 623,
        gap: float = GAP_SECONDS,
        old: bool = False,
    ) -> None:
        self.address = address
        self._user = user
        self._password = password
        self._port = port
        self._gap = gap
        self._old = old
        self._turn = asyncio.Lock()
        self._last = 0.0

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A login of its own, `gap` seconds after the one before."""
        async with self._turn:
            await asyncio.sleep(max(0.0, self._last + self._gap - time.monotonic()))
            try:
                async with contextlib.AsyncExitStack() as stack:
                    if self._old:
                        one = login15(self.address, self._user, self._password, port=self._port)
                        session: Session = await stack.enter_async_context(one)
                    else:
                        two = login(self.address, self._user, (self._password,), port=self._port)
                        session = await stack.enter_async_context(two)
                    yield session
            finally:
                self._last = time.monotonic()

    async def identity(self) -> Identity:
        """Identity, power and clock in one session."""
        async with self.session() as session:
            return await read_identity(session)

    async def power(self) -> Power:
        async with self.session() as session:
            return await read_power(session)

    async def set_power(self, state: str) -> None:
        """Switch to "on" or "off" and wait until it is so, reading at most once per gap; raises after a minute."""
        wanted = PowerState(state)
        async with self.session() as session:
            if (await read_power(session)).state is wanted:
                return
            need(await session.command(NETFN_CHASSIS, 0x02, bytes((POWER[wanted],))), f"power {state}", self.address)
        deadline = time.monotonic() + POWER_SECONDS
        while (seen := await self.power()).state is not wanted:
            if time.monotonic() > deadline:
                raise SeedvmError(
                    f"the machine did not power {state}",
                    machine=self.address,
                    why=f"{POWER_SECONDS:.0f} s after the BMC accepted the command it reports {seen.word}",
                    hint="check the machine and its power supplies",
                )

    async def identify(self, seconds: int) -> None:
        """Blink the machine's location light for 1 to 255 seconds: the BMC itself ends it (28.5); 0 ends it now."""
        async with self.session() as session:
            need(await session.command(NETFN_CHASSIS, 0x04, bytes((seconds,))), "the location light", self.address)

    async def start_from_network(self, mark: Callable[[], None] = no_mark) -> None:
        """Boot device and power on in one session, as `start_dark` does it; does not wait for the power."""
        async with self.session() as session:
            await start_dark(self.address, _Orders(session, self.address), mark)

    async def set_boot_device(self, device: str) -> None:
        """Boot from `device` (a key of BOOT_DEVICES) next time."""
        async with self.session() as session:
            await _boot(session, device, self.address)


@dataclass(frozen=True)
class _Orders:
    """The orders of `start_dark` over a session."""

    session: Session
    address: str

    async def power(self) -> Power:
        return await read_power(self.session)

    async def boot_from_network(self) -> None:
        await _boot(self.session, "pxe", self.address)

    async def boot_as_set(self) -> None:
        await _boot(self.session, "none", self.address)

    async def power_on(self) -> None:
        with contextlib.suppress(Silent):
            said = await self.session.command(NETFN_CHASSIS, 0x02, bytes((POWER[ON.state],)))
            need(said, "power on", self.address)


async def _boot(session: Session, device: str, address: str) -> None:
    data = bytes((0x05, 0x80, BOOT_DEVICES[device] << 2, 0, 0, 0))
    need(await session.command(NETFN_CHASSIS, 0x08, data), f"boot device {device}", address)


async def read_identity(session: Session) -> Identity:
    """Identity, power and clock over a session that is open. What the BMC refuses or is silent about is unknown: the login itself has
    gone through."""
    said: dict[tuple[int, int], Message] = {}
    privilege = None
    with contextlib.suppress(SeedvmError):
        for question in (CHASSIS_STATUS, SYSTEM_GUID, DEVICE_ID, SEL_TIME):
            said[question] = await session.command(*question)
        privilege = await _privilege(session)
    chassis, guid = said.get(CHASSIS_STATUS, UNSAID), said.get(SYSTEM_GUID, UNSAID)
    return Identity(
        Power(PowerState.UNKNOWN) if chassis is UNSAID else ipmi_power(chassis.code, chassis.data),
        guid.data[:16] if not guid.code and len(guid.data) >= 16 else session.guid,
        *_device(said.get(DEVICE_ID, UNSAID)),
        clock_ahead=_clock_ahead(said.get(SEL_TIME, UNSAID)),
        privilege=privilege,
    )


async def _privilege(session: Session) -> int | None:
    """The limit of the user who is logged in on this channel (22.20 Get Session Info, 22.27 Get User Access)."""
    info = await session.command(NETFN_APP, 0x3D, b"\x00")
    if info.code or len(info.data) < 4 or not info.data[3] & 0x3F:
        return None
    access = await session.command(NETFN_APP, 0x44, bytes((0x0E, info.data[3] & 0x3F)))
    return access.data[3] & 0x0F if not access.code and len(access.data) >= 4 else None


async def read_power(session: Session) -> Power:
    said = await session.command(*CHASSIS_STATUS)
    return ipmi_power(said.code, said.data)


def need(said: Message, what: str, address: str) -> None:
    """Raise SeedvmError where the BMC refused (5.2: completion codes)."""
    if said.code:
        privilege = "give the user the Administrator privilege on the LAN channel"
        hint = privilege if said.code == NO_PRIVILEGE else "check the BMC's log, then run again"
        why = f"IPMI completion code {said.code:#04x}"
        raise SeedvmError(f"{what} was refused", machine=address, why=why, hint=hint)


def _device(said: Message) -> tuple[int, int, str]:
    """Manufacturer, product and firmware of Get Device ID (20.1); zeros where it has none."""
    if said.code or len(said.data) < 11:
        return 0, 0, ""
    data = said.data
    firmware = f"{data[2] & 0x7F}.{data[3] >> 4}{data[3] & 0x0F}"
    return int.from_bytes(data[6:9], "little") & 0xFFFFF, int.from_bytes(data[9:11], "little"), firmware


def _clock_ahead(said: Message) -> float | None:
    """Seconds by which the BMC's clock is ahead of ours; None if it has none or it was never set."""
    if said.code or len(said.data) < 4:
        return None
    seconds = int.from_bytes(said.data[:4], "little")
    if seconds <= CLOCK_NOT_SET or seconds == 0xFFFFFFFF:
        return None
    return seconds - datetime.now(UTC).timestamp()
