"""`member secrets`: a decrypt of each kind of secret with this member's own keys, through its own services.

What comes out is a keyed hash (by the site's hand-off key) per item: members can be compared, nothing can be read. It refuses an
empty kind.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.cloud.client import Client, Login
from seedvm.controller import galera
from seedvm.wire.verdict import seal

# Heat's own library and configuration do the decryption: the key under test is the one that its engine will use.
_HEAT = """
import json, sys
from oslo_config import cfg
from heat.common import crypt
cfg.CONF([], project="heat")
rows = json.load(sys.stdin)
json.dump([crypt.decrypt(method, data) for method, data in rows], sys.stdout)
"""
_CREDENTIALS = (
    "SELECT s.name, u.decrypt_method, COALESCE(u.trust_id, u.password) FROM heat.stack s "
    "JOIN heat.user_creds u ON s.user_creds_id = u.id WHERE s.deleted_at IS NULL AND COALESCE(u.trust_id, u.password) IS NOT NULL "
    "ORDER BY s.name"
)
KINDS = ("keystone credential", "fernet token", "heat stack", "bmc")
WITHOUT = "no bmc password "
"""What an Ironic node is listed under that has none; its uuid follows."""


@dataclass(frozen=True)
class SecretsRequest:
    """This member's name and address, a token that the seed issued, a credential's id, and the key for the hashes."""

    name: str
    address: str
    token: Secret
    credential: str
    handoff_key: Secret


def secrets(request: SecretsRequest) -> dict[str, str]:
    """ "kind name" -> keyed hash."""
    key, token = request.handoff_key, request.token
    own = Client(request.address, Login(token=token), name=request.name)
    found = {**_credential(own, request.credential, key), **_token(own, token, key)}
    with galera.connect() as connection:
        found |= _stacks(connection, own, key)
        found |= _bmcs(connection, key)
    for kind in KINDS:
        if not any(item.startswith(kind) for item in found):
            raise SeedvmError(f"there is no {kind} to decrypt", hint="at least one is needed to verify the keys")
    return found


def _credential(own: Client, credential: str, key: Secret) -> dict[str, str]:
    blob = own.get("keystone", f"/credentials/{credential}").item("credential").text("blob")
    return {f"keystone credential {credential}": seal(blob, key)}


def _token(own: Client, token: Secret, key: Secret) -> dict[str, str]:
    answer = own.ask("GET", "keystone", "/auth/tokens", headers={"X-Subject-Token": token.reveal()})
    if answer.status != 200:
        raise SeedvmError("this node rejected a token issued by the seed", machine=own.name, why=answer.reason())
    said = answer.item().item("token")
    ids = (said.item("user").text("id"), said.item("project").text("id"), said.text("expires_at"))
    return {"fernet token": seal(" ".join(ids), key)}


def _stacks(connection: galera.Connection, own: Client, key: Secret) -> dict[str, str]:
    rows = [(str(name), str(method), str(data)) for name, method, data in galera.rows(connection, _CREDENTIALS)]
    plain = json.loads(
        process.run(["/usr/bin/python3", "-c", _HEAT], timeout=60, input=json.dumps([row[1:] for row in rows])).stdout
        or "[]"
    )
    found = {}
    for (name, _, _), value in zip(rows, plain, strict=True):
        hidden = Secret(value)  # so that no trace shows it
        answer = own.ask("GET", "keystone", f"/OS-TRUST/trusts/{hidden.reveal()}")
        if answer.status != 200:
            raise SeedvmError(f"Keystone does not know the trust of stack {name}", why=answer.reason())
        found[f"heat stack {name}"] = seal(value, key)
    return found


def _bmcs(connection: galera.Connection, key: Secret) -> dict[str, str]:
    """A node that was enrolled without a password has nothing to decrypt: it is named, and counts as no secret."""
    found = {}
    for uuid, info in galera.rows(connection, "SELECT uuid, driver_info FROM ironic.nodes ORDER BY uuid"):
        passwords = {name: value for name, value in json.loads(info or "{}").items() if name.endswith("_password")}
        if not passwords:
            found[f"{WITHOUT}{uuid}"] = ""
            continue
        found[f"bmc {uuid}"] = seal(json.dumps(passwords, sort_keys=True), key)
    return found
