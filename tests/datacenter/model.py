"""One host of the datacenter as data, and what a scan must say of it. No behaviour is here."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

MALFORMED = ("truncated", "garbage", "huge", "checksum", "echo")
STRANGERS = ("web", "json-web", "json-error", "ssh", "tarpit", "silent-tcp", "echo", "printer", "asf-only", "noise")


@dataclass(frozen=True)
class Host:
    """A BMC, or with `stranger` set a thing that is none.

    `suites` are IPMI 2.0 cipher suites that are granted, `lock_after` failures lock an account for `lock_seconds` (with
    `restart` each try while locked starts the time again), `block_after` failures of any account block the client's address.
    `slots` is the room for sessions, `held` of them taken by others. `loss`, `duplicate`, `reorder` are shares of datagrams,
    `arp_loss` of ARP questions and of answers, `late` delays answers by up to so many seconds. `hang` is where TCP falls silent:
    "connect" or "answer". `odd` is a name of `oddities.ODDITIES`. `ipmi_bad` and `redfish_bad` are kinds of malformed answers.
    `counts_aborted`: a handshake that is given back is a failure. `dark`: no scan can see its Redfish service.
    """

    address: str
    mac: str
    species: str = ""
    stranger: str = ""
    ipmi: tuple[str, ...] = ()
    redfish: str = ""
    pong: bool = True
    suites: tuple[int, ...] = (3, 17)
    guid: str = ""
    users: Mapping[str, str] = field(default_factory=dict)
    privilege: int = 4
    lock_after: int = 0
    lock_seconds: float = 300.0
    restart: bool = False
    block_after: int = 0
    locked_before: bool = False
    expired: bool = False
    counts_aborted: bool = False
    slots: int = 16
    held: int = 0
    loss: float = 0.0
    arp_loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    late: float = 0.0
    hang: str = ""
    ipmi_bad: str = ""
    redfish_bad: str = ""
    second_mac: str = ""
    interface: str = ""
    elsewhere: bool = False
    manufacturer: int = 10876
    vendor: str = ""
    ssdp: bool = False
    ssdp_target: str = "urn:dmtf-org:service:redfish-rest:1"
    odd: str = ""
    dark: bool = False

    @property
    def is_bmc(self) -> bool:
        return not self.stranger

    @property
    def protocols(self) -> tuple[str, ...]:
        """What a scan must say: the protocols that can be used, in the order of their names."""
        said = [] if self.ipmi_bad else [f"ipmi-{one}" for one in self.ipmi]
        if self.redfish and not (self.redfish_bad or self.hang or self.dark):
            said.append("redfish" if self.redfish == "tls" else "redfish-http")
        return tuple(sorted(said))

    @property
    def listed(self) -> bool:
        """Whether a scan must list it: it says of itself that it is a BMC, by an answer or at least by a pong."""
        return self.is_bmc and bool(self.protocols or (self.ipmi and self.pong))

    @property
    def system_uuid(self) -> uuid.UUID:
        return uuid.UUID(hex=self.guid)


def store(path: Path, hosts: Iterable[Host]) -> None:
    path.write_text("\n".join(json.dumps(asdict(host)) for host in hosts))


def load(path: Path) -> list[Host]:
    hosts = []
    for line in path.read_text().splitlines():
        row = json.loads(line)
        hosts.append(Host(**{**row, "ipmi": tuple(row["ipmi"]), "suites": tuple(row["suites"])}))
    return hosts
