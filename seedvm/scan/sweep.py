"""Finds BMCs in declared ranges by presence ping, authentication capabilities and the Redfish service root.

Paced over everything it sends; never two probes in flight to one address; message tag 0xFF is never used. Refuses to
send a password or to leave the ranges it was given. Sources: IPMI v2.0 13.2, 22.13, 22.14; DMTF DSP0266 (service root).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import cast

from seedvm.scan.evidence import IPMI_15, IPMI_20, Bmc, Evidence
from seedvm.scan.pace import Pace
from seedvm.scan.ranges import addresses
from seedvm.scan.root import CONNECT_SECONDS, RedfishRoot, probe_root
from seedvm.wire import WireError, rmcp

DEFAULT_RATE = 500.0
ANSWER_SECONDS = 0.8
ROUNDS = ("ping", "capabilities", "ping")  # some BMCs answer no ping
ROOT_TRIES = 2
ROOTS_AT_ONCE = 512

OnFound = Callable[[Bmc], None]


@dataclass(frozen=True)
class Ports:
    """Where BMCs listen; another port is for test benches."""

    ipmi: int = 623
    redfish: int = 443
    redfish_clear: int | None = 80


USUAL_PORTS = Ports()


@dataclass(frozen=True)
class Budget:
    """What a scan will cost at most for addresses that stay silent, shown before it starts."""

    addresses: int
    packets: int
    seconds: float


@dataclass(frozen=True)
class ScanResult:
    """What was found; `complete` is false when the deadline cut the scan short."""

    bmcs: tuple[Bmc, ...]
    budget: Budget
    packets: int
    seconds: float
    complete: bool


def plan_sweep(ranges: Iterable[str], *, rate: float = DEFAULT_RATE) -> Budget:
    """Packets and seconds a sweep of these ranges takes at most; BMCs that answer add about 30 packets each."""
    count = len(addresses(ranges))
    packets = count * (len(ROUNDS) + ROOT_TRIES)
    waits = len(ROUNDS) * ANSWER_SECONDS * 1.5 + ROOT_TRIES * CONNECT_SECONDS
    return Budget(count, packets, round(packets / rate + waits, 1))


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


async def sweep(
    ranges: Iterable[str],
    *,
    rate: float = DEFAULT_RATE,
    on_found: OnFound | None = None,
    deadline: float | None = None,
    ports: Ports = USUAL_PORTS,
) -> ScanResult:
    """Scan the ranges; `on_found` hears of every BMC, again when more is known of it. `deadline` is in seconds."""
    wanted = tuple(ranges)
    budget = plan_sweep(wanted, rate=rate)
    loop = asyncio.get_running_loop()
    started = loop.time()
    transport, radio = await loop.create_datagram_endpoint(Radio, local_addr=("0.0.0.0", 0))
    run = Sweep(addresses(wanted), Pace(rate), ports, radio, on_found)
    complete = True
    try:
        async with asyncio.timeout(deadline):
            await run.all()
    except TimeoutError:
        complete = False
    finally:
        transport.close()
    bmcs = tuple(run.found[a] for a in run.targets if a in run.found)
    return ScanResult(bmcs, budget, run.pace.sent, round(loop.time() - started, 3), complete)


class Radio(asyncio.DatagramProtocol):
    """One unconnected UDP socket; a packet goes to whoever listens for its source address, else it is dropped."""

    def __init__(self) -> None:
        self.transport: asyncio.DatagramTransport | None = None
        self.listeners: dict[str, Callable[[bytes], None]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if listener := self.listeners.get(addr[0]):
            listener(data)

    def error_received(self, exc: Exception) -> None:
        """An unreachable port or host is silence to us."""

    def send(self, packet: bytes, address: str, port: int) -> None:
        assert self.transport is not None
        self.transport.sendto(packet, (address, port))


@dataclass
class Sweep:
    """The state of one scan."""

    targets: tuple[str, ...]
    pace: Pace
    ports: Ports
    radio: Radio
    on_found: OnFound | None
    found: dict[str, Bmc] = field(default_factory=dict)
    _tags: int = field(default_factory=lambda: random.randrange(rmcp.FORBIDDEN_TAG))

    async def all(self) -> None:
        async with asyncio.TaskGroup() as group:
            live = self._listen(group)
            for kind in ROUNDS:
                silent = [a for a in self.targets if a not in live]
                random.shuffle(silent)
                for address in silent:
                    await self.pace.turn()
                    if address not in live:
                        self._probe(kind, address)
                if silent:
                    await asyncio.sleep(ANSWER_SECONDS * random.uniform(1.0, 1.5))
        for address in self.targets:
            self.radio.listeners.pop(address, None)
        gate = asyncio.Semaphore(ROOTS_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for address in self.targets:
                await gate.acquire()
                group.create_task(self._root(address)).add_done_callback(lambda _: gate.release())

    def _listen(self, group: asyncio.TaskGroup) -> set[str]:
        """The addresses that answered so far; the first answer of each starts its identification."""
        live: set[str] = set()

        def hear(address: str, packet: bytes) -> None:
            evidence = first_evidence(packet)
            if evidence and address not in live:
                live.add(address)
                group.create_task(self._identify(address, packet, evidence))

        for target in self.targets:
            self.radio.listeners[target] = partial(hear, target)
        return live

    def _probe(self, kind: str, address: str) -> None:
        tag = self._next()
        packet = rmcp.presence_ping(tag) if kind == "ping" else rmcp.auth_capabilities_request(tag & 0x3F)
        self.radio.send(packet, address, self.ports.ipmi)

    def _next(self) -> int:
        self._tags = (self._tags + 1) % rmcp.FORBIDDEN_TAG
        return self._tags

    async def _identify(self, address: str, packet: bytes, evidence: tuple[Evidence, ...]) -> None:
        """Ask a live BMC for its capabilities (2.0, then 1.5) and its GUID, one question at a time."""
        self._learn(address, (), evidence)
        capabilities = None
        with contextlib.suppress(WireError):
            capabilities = rmcp.parse_auth_capabilities(rmcp.parse_sessionless(packet))
        for extended in (True, False):
            if capabilities is None:
                reply = await self._ask(address, partial(rmcp.auth_capabilities_request, extended=extended))
                with contextlib.suppress(WireError):
                    capabilities = rmcp.parse_auth_capabilities(reply) if reply else None
        if capabilities is None:
            return
        protocols = [name for name, has in ((IPMI_15, capabilities.ipmi_15), (IPMI_20, capabilities.ipmi_20)) if has]
        self._learn(address, protocols, capability_evidence(capabilities))
        reply = await self._ask(address, rmcp.system_guid_request)
        with contextlib.suppress(WireError):
            if reply and rmcp.guid_readings(raw := rmcp.parse_system_guid(reply)):
                self._learn(address, (), (Evidence("guid", raw.hex(), "IPMI Get System GUID", now()),))

    async def _ask(self, address: str, make: Callable[[int], bytes]) -> rmcp.Message | None:
        """One sessionless question, sent up to three times, each time with a sequence number of its own."""
        for _ in ROUNDS:
            answer: asyncio.Future[rmcp.Message] = asyncio.get_running_loop().create_future()
            sequence = self._next() & 0x3F

            def hear(packet: bytes, answer: asyncio.Future[rmcp.Message] = answer, wanted: int = sequence) -> None:
                with contextlib.suppress(WireError):
                    message = rmcp.parse_sessionless(packet)
                    if message.sequence == wanted and not answer.done():
                        answer.set_result(message)

            self.radio.listeners[address] = hear
            await self.pace.turn()
            self.radio.send(make(sequence), address, self.ports.ipmi)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ANSWER_SECONDS * random.uniform(1.0, 1.5)):
                    return await answer
        return None

    async def _root(self, address: str) -> None:
        """The service root over TLS; in clear only where a host is there that refuses TLS."""
        root, alive = None, False
        for _ in range(ROOT_TRIES):
            if root is None and not alive:
                root, alive = await probe_root(address, self.ports.redfish, tls=True, pace=self.pace)
        if root is None and alive and self.ports.redfish_clear is not None:
            root, _ = await probe_root(address, self.ports.redfish_clear, tls=False, pace=self.pace)
        if root is not None:
            self._learn(address, (root.protocol,), root_evidence(root))

    def _learn(self, address: str, protocols: Iterable[str], evidence: Iterable[Evidence]) -> None:
        self.found[address] = self.found.get(address, Bmc(address)).with_(protocols, evidence)
        if self.on_found:
            self.on_found(self.found[address])


def first_evidence(packet: bytes) -> tuple[Evidence, ...]:
    """What a first answer says: a presence pong that supports IPMI, or authentication capabilities."""
    with contextlib.suppress(WireError):
        pong = rmcp.parse_pong(packet)
        if not pong.ipmi:
            return ()
        return (Evidence("asf-enterprise", str(pong.enterprise), "ASF presence pong", now()),)
    with contextlib.suppress(WireError):
        return capability_evidence(rmcp.parse_auth_capabilities(rmcp.parse_sessionless(packet)))
    return ()


def capability_evidence(said: rmcp.AuthCapabilities) -> tuple[Evidence, ...]:
    """Facts of a Get Channel Authentication Capabilities answer."""
    facts = {
        "auth-types": ",".join(sorted(said.auth_types)) or "rmcp+ only",
        "anonymous": "yes" if said.anonymous or said.null_users else "no",
        "kg": "set" if said.kg_set else "not set",
        "oem": str(said.oem),
    }
    source = "IPMI Get Channel Authentication Capabilities"
    return tuple(Evidence(fact, value, source, now()) for fact, value in facts.items())


def root_evidence(root: RedfishRoot) -> tuple[Evidence, ...]:
    """Facts of a Redfish service root and of the certificate it came with."""
    source = "Redfish service root"
    facts = {"redfish-version": root.version, "uuid": root.uuid, "vendor": root.vendor, "product": root.product}
    facts["redfish-root"] = "asks for a login" if root.closed else ""
    certificate = {
        "certificate": root.fingerprint,
        "certificate-subject": root.subject,
        "certificate-until": root.until,
    }
    rows = [Evidence(name, value, source, now()) for name, value in facts.items() if value]
    rows += [Evidence(name, value, "TLS certificate", now()) for name, value in certificate.items() if value]
    return tuple(rows)
