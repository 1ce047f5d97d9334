"""A controller's sample for another controller, by HTTP at the port of `member ready`. Who asks and who answers prove to each other that
they hold the undercloud's admin password, which never crosses the wire (HMAC-SHA-256, RFC 2104, over a nonce, with a key made of it).

A nonce is good once, so that what was overheard opens nothing again. It refuses to answer anybody else with anything but a refusal.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections import deque
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import yaml

from seedvm.base.errors import SeedvmError
from seedvm.base.item import Item
from seedvm.base.secret import Secret
from seedvm.foreign.text import shown
from seedvm.monitor.model import MemberSample
from seedvm.monitor.sampler import PATH, read

SAMPLE = "/sample"
NONCE, PROOF = "X-Seedvm-Nonce", "X-Seedvm-Proof"
OWN_CLOUDS = Path("/etc/openstack/clouds.yaml")
"""The admin's login as each controller has it (elements/controller)."""
_LONGEST = 1 << 20
_REMEMBERED = 4096


def admin_password(path: Path = OWN_CLOUDS) -> Secret | None:
    """The undercloud's admin password as this controller has it; None where it has none."""
    if not path.exists():
        return None
    said = Item.of(yaml.safe_load(path.read_text()), str(path))
    return Secret(said.item("clouds").item("undercloud").item("auth").text("password"))


def _proof(password: Secret, *parts: bytes) -> str:
    key = hmac.new(password.reveal().encode(), b"seedvm monitor 1", hashlib.sha256).digest()
    return hmac.new(key, b"\0".join(parts), hashlib.sha256).hexdigest()


def question(password: Secret) -> tuple[str, str]:
    """A nonce, and the proof that goes with it."""
    nonce = secrets.token_hex(16)
    return nonce, _proof(password, b"ask", nonce.encode())


class Counter:
    """The serving end: what to answer to a request for the sample in `samples`."""

    def __init__(self, samples: Path = PATH, clouds: Path = OWN_CLOUDS) -> None:
        self._samples, self._clouds = samples, clouds
        self._used: deque[str] = deque(maxlen=_REMEMBERED)
        self._lock = threading.Lock()

    def answer(self, nonce: str, proof: str) -> tuple[int, bytes, str]:
        """HTTP status, body, and the proof that it comes from a controller of this undercloud."""
        password = admin_password(self._clouds)
        if password is None:
            return 503, b"this machine has no admin login yet\n", ""
        wanted = _proof(password, b"ask", nonce.encode())
        if not hmac.compare_digest(wanted.encode(), proof.encode()) or not self._fresh(nonce):
            return 403, b"only controllers of this undercloud are answered\n", ""
        try:
            body = self._samples.read_bytes()
        except OSError:
            return 503, b"no samples are kept here\n", ""
        return 200, body, _proof(password, b"answer", nonce.encode(), body)

    def _fresh(self, nonce: str) -> bool:
        with self._lock:
            if not 16 <= len(nonce) <= 64 or nonce in self._used:
                return False
            self._used.append(nonce)
            return True


def ask(address: str, port: int, password: Secret, *, seconds: float) -> MemberSample:
    """The sample of the controller at that address. SeedvmError where it does not answer, refuses, or cannot prove itself."""
    nonce, proof = question(password)
    line = HTTPConnection(address, port, timeout=seconds)
    try:
        line.request("GET", SAMPLE, headers={NONCE: nonce, PROOF: proof})
        answer = line.getresponse()
        body = answer.read(_LONGEST)
        given = answer.getheader(PROOF) or ""
    except TimeoutError:
        raise SeedvmError(f"no answer within {seconds:g} s") from None
    except (OSError, HTTPException) as error:
        raise SeedvmError(shown(getattr(error, "strerror", None) or error) or type(error).__name__) from None
    finally:
        line.close()
    if answer.status != 200:
        raise SeedvmError(shown(body.decode(errors="replace")) or f"HTTP {answer.status}")
    if not hmac.compare_digest(given.encode(), _proof(password, b"answer", nonce.encode(), body).encode()):
        raise SeedvmError("whoever answered is not a controller of this undercloud")
    try:
        return read(body.decode())
    except ValueError as error:
        raise SeedvmError("its sample cannot be read", why=shown(error)) from None
