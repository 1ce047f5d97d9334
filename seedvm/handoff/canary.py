"""A credential in Keystone whose decryption can be proved on every member, and whose removal is a write through the VIP."""

from __future__ import annotations

import secrets

from seedvm.base.first import first
from seedvm.base.secret import Secret
from seedvm.cloud.client import Client
from seedvm.handoff.record import Canary
from seedvm.wire.verdict import seal

_TYPE = "seedvm-canary"


def make(api: Client, key: Secret) -> Canary:
    """A new one, sealed with the site's hand-off key; an old one is replaced."""
    user = first(api.list_all("keystone", "/users?name=admin", "users"), "Keystone has no user admin").text("id")
    for old in api.list_all("keystone", f"/credentials?type={_TYPE}", "credentials"):
        api.delete("keystone", f"/credentials/{old.text('id')}")
    blob = secrets.token_hex(16)
    body = {"credential": {"type": _TYPE, "blob": blob, "user_id": user, "project_id": api.project}}
    made = api.send("POST", "keystone", "/credentials", body).item("credential").text("id")
    return Canary(made, seal(blob, key))


def take_out(api: Client, canary: Canary) -> bool:
    """Delete it: True where that was a write that passed. One that is gone already proves nothing."""
    return api.ask("DELETE", "keystone", f"/credentials/{canary.id}").status == 204
