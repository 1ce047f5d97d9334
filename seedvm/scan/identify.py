"""One live BMC: its capabilities (IPMI 2.0, then 1.5), its GUID, its Redfish root; one question at a time and paced.

Source: IPMI v2.0 13.2 (presence), 22.13, 22.14; DMTF DSP0266 (service root). Refuses to send a password.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial

from seedvm.scan.containment import contained, ours
from seedvm.scan.evidence import IPMI_15, IPMI_20, OLD_TLS, REMARK, Bmc, Evidence, HostRemark, now
from seedvm.scan.pace import Pace, patience
from seedvm.scan.radio import Radio
from seedvm.scan.root import Probe, RedfishRoot, probe_root
from seedvm.wire import WireError, rmcp

TRIES = 6  # of one that has answered before: with a tenth of all packets lost one question in 20,000 stays unheard
TRIES_LOSSLESS = 3
SURE = (
    10  # questions answered at once and none later: were a tenth of all packets lost, such a wire would be one of eight
)
QUESTIONS = 3
ROOT_TRIES = 2
TALKS = 2  # over TLS and in clear

MOST_REMARKS = 16  # of one host

OnFound = Callable[[Bmc], None]
OnRemark = Callable[[HostRemark], None]


@dataclass(frozen=True)
class Ports:
    """Where BMCs listen; another port is for test benches."""

    ipmi: int = 623
    redfish: int = 443
    redfish_clear: int | None = 80


USUAL_PORTS = Ports()


@dataclass
class Interview:
    """What was learned by asking. `found` holds every address that showed a sign of a BMC, `aside` the remarks on those that did not."""

    pace: Pace
    ports: Ports
    radio: Radio
    on_found: OnFound | None = None
    on_remark: OnRemark | None = None
    found: dict[str, Bmc] = field(default_factory=dict)
    aside: dict[str, tuple[HostRemark, ...]] = field(default_factory=dict)
    _at_once: int = 0  # questions to one that had answered before: answered at the first try
    _later: int = 0
    _tags: int = field(default_factory=lambda: random.randrange(rmcp.FORBIDDEN_TAG))

    def next_tag(self) -> int:
        """Every packet has another tag than the one before; 0xFF, which nothing answers, is never one."""
        self._tags = (self._tags + 1) % rmcp.FORBIDDEN_TAG
        return self._tags

    @property
    def lossless(self) -> bool:
        """Whether the wire has been seen to lose nothing."""
        return self._at_once >= SURE and not self._later

    def learn(self, address: str, protocols: Iterable[str], evidence: Iterable[Evidence]) -> None:
        """More is known of an address."""
        before = [one.evidence for one in self.aside.pop(address, ())]
        self.found[address] = self.found.get(address, Bmc(address)).with_(protocols, [*before, *evidence])
        if self.on_found:
            with ours():
                self.on_found(self.found[address])

    def remark(self, address: str, text: str) -> None:
        """Something is odd about an address: evidence of a BMC, and nothing but a remark on any other host."""
        remark, known = HostRemark(address, text, now()), self.aside.get(address, ())
        if address in self.found:
            self.learn(address, (), (remark.evidence,))
        elif len(known) < MOST_REMARKS and text not in {one.text for one in known}:
            self.aside[address] = (*known, remark)
            if self.on_remark:
                with ours():
                    self.on_remark(remark)

    def contained(self, address: str, doing: str) -> AbstractContextManager[None]:
        """Whatever is raised within stays with this address."""
        return contained(address, doing, partial(self.remark, address))

    async def ipmi(self, address: str, packet: bytes, evidence: tuple[Evidence, ...]) -> None:
        """Identify what has just answered with `packet`."""
        self.learn(address, (), evidence)
        with self.contained(address, "reading its IPMI answers"):
            await self._ipmi(address, packet)

    async def _ipmi(self, address: str, packet: bytes) -> None:
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
        self.learn(address, protocols, capability_evidence(capabilities))
        reply = await self._ask(address, rmcp.system_guid_request)
        with contextlib.suppress(WireError):
            if reply and rmcp.guid_readings(raw := rmcp.parse_system_guid(reply)):
                self.learn(address, (), (Evidence("guid", raw.hex(), "IPMI Get System GUID", now()),))

    async def _ask(self, address: str, make: Callable[[int], bytes]) -> rmcp.Message | None:
        """One sessionless question, sent a few times at most, each time with a sequence number of its own."""
        for number in range(TRIES):
            if number >= TRIES_LOSSLESS and self.lossless:
                break
            answer: asyncio.Future[rmcp.Message] = asyncio.get_running_loop().create_future()
            sequence = self.next_tag() & 0x3F

            def hear(packet: bytes, answer: asyncio.Future[rmcp.Message] = answer, wanted: int = sequence) -> None:
                with self.contained(address, "reading its IPMI answer"), contextlib.suppress(WireError):
                    message = rmcp.parse_sessionless(packet)
                    if message.sequence == wanted and not answer.done():
                        answer.set_result(message)

            await self.pace.turn()
            self.radio.listeners[address] = hear
            await self.radio.send(make(sequence), address, self.ports.ipmi)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience()):
                    said = await answer
                self._at_once, self._later = self._at_once + (number == 0), self._later + (number > 0)
                return said
        return None

    async def root(self, address: str) -> None:
        """The service root over TLS; in clear only where a host is there that refuses TLS."""
        with self.contained(address, "asking for its Redfish service root"):
            found = Probe(alive=False)
            for _ in range(ROOT_TRIES):
                if not found.alive:
                    found = await probe_root(address, self.ports.redfish, tls=True, pace=self.pace)
            probes = [found]
            if found.root is None and found.alive and self.ports.redfish_clear is not None:
                probes.append(await probe_root(address, self.ports.redfish_clear, tls=False, pace=self.pace))
            for root in [one.root for one in probes if one.root]:
                self.learn(address, (root.protocol,), root_evidence(root))
            for remark in [one.remark for one in probes if one.remark]:
                self.remark(address, remark)


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
    """Facts of a Redfish service root, of the TLS and of the certificate it came with."""
    unversioned = "" if root.version or root.closed else "names no version"
    service, handshake, certificate = "Redfish service root", "TLS handshake", "TLS certificate"
    facts = (
        ("redfish-version", root.version, service),
        ("redfish-root", root.closed or unversioned, service),
        ("uuid", root.uuid, service),
        ("uuid-placeholder", root.placeholder, service),
        ("vendor", root.vendor, service),
        ("product", root.product, service),
        (OLD_TLS, root.old_tls, handshake),
        ("certificate", root.fingerprint, certificate),
        ("certificate-subject", root.subject, certificate),
        ("certificate-until", root.until, certificate),
        (REMARK, root.doubt and f"TLS certificate: {root.doubt}", certificate),
    )
    return tuple(Evidence(name, value, source, now()) for name, value, source in facts if value)
