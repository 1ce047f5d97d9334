"""TLS as a host of the datacenter has it: which versions, which certificate, with or without secure renegotiation, how slow."""

from __future__ import annotations

import asyncio
import os
import ssl
import warnings
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.datacenter.certificates import make
from tests.datacenter.streams import OpenSsl, Refused
from tests.datacenter.tls12 import Tls12

Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Tls:
    """`version` alone ("1.0", "1.1", "1.2", "1.3"), or with "" 1.2 and 1.3. `certificate` is a kind of `certificates.CERTIFICATES`,
    `ciphers` are OpenSSL's names of the only ones up to TLS 1.2.

    Without `rfc5746` OpenSSL's clients say "unsafe legacy renegotiation disabled". `drip` are seconds between two pieces (of `piece`
    bytes) of the server's handshake: byte by byte at 0.05 one takes half a minute. These two and odd certificates are served by TLS 1.2
    alone.
    """

    version: str = ""
    certificate: str = "plain"
    ciphers: str = ""
    rfc5746: bool = True
    drip: float = 0.0
    piece: int = 1

    @property
    def by_hand(self) -> bool:
        return not self.rfc5746 or self.drip > 0 or self.certificate != "plain"


async def serve(connected: Connected, host: str, port: int, tls: Tls | None, name: str = "bmc") -> asyncio.Server:
    """A server that hands each connection to `connected` in clear; in clear on the wire too where `tls` is None."""
    if tls is None:
        return await asyncio.start_server(connected, host, port, backlog=64)
    der, key = make(tls.certificate, name)
    context = None if tls.by_hand else _context(der, key, tls)
    if context and not tls.version:
        return await asyncio.start_server(connected, host, port, ssl=context, backlog=64)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        layer = OpenSsl(context) if context else Tls12(der, key, rfc5746=tls.rfc5746, drip=tls.drip, piece=tls.piece)
        try:
            within = await layer.accept(reader, writer)
        except (Refused, OSError, EOFError):
            writer.close()
            return
        await connected(*within)

    return await asyncio.start_server(accept, host, port, backlog=64)


def _context(der: bytes, key: ec.EllipticCurvePrivateKey, tls: Tls) -> ssl.SSLContext:
    context, version = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), tls.version
    context.set_ciphers(f"{tls.ciphers or 'DEFAULT'}:@SECLEVEL=0")
    if version:
        only = ssl.TLSVersion[f"TLSv{version.replace('.', '_').removesuffix('_0')}"]
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            context.maximum_version = context.minimum_version = only
    pem = ssl.DER_cert_to_PEM_cert(der).encode() + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with open(os.memfd_create("certificate"), "wb") as file:  # a file on disk costs more time than the key
        file.write(pem)
        file.flush()
        context.load_cert_chain(f"/proc/self/fd/{file.fileno()}")
    return context
