"""The datacenter as a program: `python -m tests.datacenter.server FOLDER`, in a network namespace that has far0.

FOLDER/hosts holds the hosts, FOLDER/control is a Unix socket that takes {"do": "report" | "clear"} a line and answers in one line.
"""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path

from tests.datacenter.accounts import Accounts
from tests.datacenter.faults import UdpPort
from tests.datacenter.ipmi import Ipmi
from tests.datacenter.model import Host, load
from tests.datacenter.oddities import ODDITIES, Oddity
from tests.datacenter.record import Record
from tests.datacenter.redfish import Redfish
from tests.datacenter.strangers import TLS, UDP, Stranger
from tests.datacenter.tls import Connected, Tls, serve
from tests.datacenter.wiretap import Wiretap

CABLE = "far0"
IPMI, HTTPS, HTTP, SSDP = 623, 443, 80, 1900


class Datacenter:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hosts = load(folder / "hosts")
        self.records = {host.address: Record() for host in self.hosts}
        self.tap: Wiretap | None = None

    async def open(self) -> None:
        """Every port of every host, then the control socket: who can connect to it finds all open."""
        self.tap = Wiretap(CABLE, self.hosts)
        for host in self.hosts:
            if not host.elsewhere:
                await (self._stranger(host) if host.stranger else self._bmc(host))
        self._ssdp()
        await asyncio.start_unix_server(self._control, self.folder / "control", limit=1 << 20)

    async def _bmc(self, host: Host) -> None:
        record = self.records[host.address]
        accounts = Accounts(host, record)
        ipmi = Ipmi(accounts)
        if host.ipmi:
            await self._udp(host, ipmi.answer, ipmi.lost)
        if host.redfish or host.hang == "connect":
            odd = ODDITIES[host.odd] if host.odd else Oddity()
            connected = hang if host.hang == "connect" else Redfish(accounts, ipmi.slots, odd.script).connected
            await self._tcp(host, connected, None if host.redfish == "clear" or host.hang == "connect" else odd.tls)

    async def _stranger(self, host: Host) -> None:
        stranger = Stranger(host, self.records[host.address])
        if host.stranger in UDP:
            await self._udp(host, stranger.datagram, lambda packet: None)
        else:
            await self._tcp(host, stranger.connected, Tls() if host.stranger in TLS else None)
            if host.stranger == "printer":
                await self._tcp(host, stranger.connected, None, HTTP)

    async def _udp(
        self, host: Host, answer: Callable[[bytes, str], list[bytes]], lost: Callable[[bytes], None]
    ) -> None:
        record = self.records[host.address]
        await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: UdpPort(host, record, answer, lost), local_addr=place(host, IPMI)
        )

    async def _tcp(self, host: Host, connected: Connected, tls: Tls | None, port: int = 0) -> None:
        where = place(host, port or (HTTP if host.redfish == "clear" else HTTPS))
        await serve(connected, *where, tls, f"bmc-{host.mac}")

    def _ssdp(self) -> None:
        """Answers searches for those that have `ssdp`, on the cable and on the IPv6 links, each from its own address."""
        mine = [host for host in self.hosts if host.ssdp]
        four = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        four.bind(("239.255.255.250", SSDP))
        index = socket.if_nametoindex(CABLE)
        four.setsockopt(
            socket.IPPROTO_IP,
            socket.IP_ADD_MEMBERSHIP,
            struct.pack("4s4si", socket.inet_aton("239.255.255.250"), bytes(4), index),
        )
        groups = [(four, [host for host in mine if ":" not in host.address])]
        for host in mine:
            if ":" in host.address:
                six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
                link = socket.if_nametoindex(host.interface)
                six.bind(("ff02::c", SSDP, 0, link))
                six.setsockopt(
                    socket.IPPROTO_IPV6,
                    socket.IPV6_JOIN_GROUP,
                    socket.inet_pton(socket.AF_INET6, "ff02::c") + struct.pack("@I", link),
                )
                groups.append((six, [host]))
        for group, hosts in groups:
            group.setblocking(False)
            asyncio.get_running_loop().add_reader(group, self._searched, group, hosts)

    def _searched(self, group: socket.socket, hosts: list[Host]) -> None:
        data, origin = group.recvfrom(4096)
        if not data.startswith(b"M-SEARCH") or b"redfish-rest" not in data:
            return
        for host in hosts:
            self.records[host.address].saw("M-SEARCH")
            with socket.socket(group.family, socket.SOCK_DGRAM) as one:
                one.bind(
                    place(host, 0)
                    if group.family == socket.AF_INET
                    else (host.address, 0, 0, socket.if_nametoindex(host.interface))
                )
                shown = f"[{host.address}]" if ":" in host.address else host.address
                lines = (
                    "HTTP/1.1 200 OK",
                    "CACHE-CONTROL: max-age=1800",
                    f"ST: {host.ssdp_target}",
                    f"USN: uuid:{host.system_uuid}::{host.ssdp_target}",
                )
                one.sendto("\r\n".join((*lines, f"AL: https://{shown}/redfish/v1/", "", "")).encode(), origin)

    async def _control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self.tap
        while line := await reader.readline():
            wish = json.loads(line)["do"]
            if wish == "clear":
                self.tap.clear()
                for record in self.records.values():
                    record.packets.clear()
                    record.logins.clear()
            said = {
                "hosts": {address: record.to_json() for address, record in self.records.items()},
                "wire": self.tap.report(),
            }
            writer.write(json.dumps(said if wish == "report" else {}).encode() + b"\n")
            await writer.drain()


def place(host: Host, port: int) -> tuple[str, int]:
    return (f"{host.address}%{host.interface}" if host.interface else host.address), port


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes the connection and says nothing until the other side has had enough."""
    try:
        await reader.read()
    except OSError:
        return
    finally:
        writer.close()


async def main() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    await Datacenter(Path(sys.argv[1])).open()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
