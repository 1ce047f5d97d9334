"""Discover and credentials, as the engine runs them, among BMCs that lock, block, forget, and count sessions."""

from __future__ import annotations

import json
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.contract.isolated import isolated
from tests.datacenter.cable import Datacenter, Seen, datacenter
from tests.datacenter.model import Host
from tests.datacenter.oddities import ODDITIES
from tests.datacenter.others import OTHERS, others
from tests.datacenter.population import CANDIDATES, population

MOST_MIB = 300
NAMELESS = ("session-without-a-name", "session-elsewhere")
"""Whose sessions nobody can end: the service does not say where they are."""
REFUSED = ("wrong", "unknown", "locked", "blocked")


def must_open(host: Host) -> bool:
    """Whether an account of this host can be proven: a candidate has its password and nothing is in the way.

    Where Redfish is all there is an account's second candidate has to wait, and on a bad wire IPMI 1.5 is not asked twice.
    """
    known = [pair for pair in CANDIDATES if pair in host.users.items()]
    barred = host.stranger or host.ipmi_bad or host.redfish_bad or host.interface or host.locked_before or host.expired
    if host.odd:
        return ODDITIES[host.odd].proven
    if not known or barred or host.privilege < 4 or host.held >= host.slots:
        return False
    return "2.0" in host.ipmi or not (host.loss and host.ipmi)


def remarks(there: Datacenter, seen: Seen, machines: dict[str, Any]) -> Counter[str]:
    """All that went wrong, in words; empty is what we want."""
    told: Counter[str] = Counter()
    for host in there.hosts.values():
        record, said = seen.hosts[host.address], machines.get(host.address, {"user": None, "why": "not listed"})
        name = f"{host.species}{' on a bad wire' if host.loss else ''}"
        failures = Counter(login.user for login in record.logins if login.outcome in REFUSED)
        remarks_of = {
            "an account was locked by us": record.locked_by_visitor,
            "our address was blocked": record.blocked_visitor,
            f"{record.leaked_slots} session slots were not given back": record.leaked_slots
            and host.odd not in NAMELESS,
            "something was changed": record.changes,
            "a message tag 0xFF was sent": record.bad_tags,
            "what is no BMC got a credential": host.stranger and record.logins,
            "a BMC with broken answers got a credential": (host.ipmi_bad or host.redfish_bad) and record.logins,
            f"more than one failed login for an account: {dict(failures)}": max(failures.values(), default=0) > 1,
            f"a lock was fed {record.tries_while_locked} times": record.tries_while_locked > 1,
            f"no account was proven: {said['why']}": must_open(host) and said["user"] not in host.users,
            f"{said['user']} was proven, which is not so": said["user"] and said["user"] not in host.users,
            "a password nobody gave us was proven": said["user"] and not dict(CANDIDATES).keys() & host.users.keys(),
        }
        told.update(f"{name}: {what}" for what, so in remarks_of.items() if so)
    return told


async def visit(there: Datacenter, folder: Path) -> dict[str, Any]:
    folder.mkdir(mode=0o700)
    await there.run([sys.executable, "-m", "tests.datacenter.prove", folder, "10.66.0.1-10.66.0.254"], timeout=240)
    return json.loads((folder / "proved.json").read_text())


@partial(isolated, seconds=300)
@pytest.mark.slow
async def test_every_account_is_proven_and_none_is_locked(tmp_path: Path) -> None:
    async with datacenter(tmp_path, [*population(60), *OTHERS]) as there, others(tmp_path):
        said = await visit(there, tmp_path / "state")
        seen = await there.seen()
    assert not remarks(there, seen, said["machines"])
    assert said["rss_mib"] < MOST_MIB
    reasons = {host.species: said["machines"].get(host.address, {}).get("why", "") for host in there.hosts.values()}
    assert "locked" in reasons["ipmi-locked"]
    assert "locked" in reasons["redfish-locked"]
    assert "expired" in reasons["redfish-expired"]
    assert "insufficient resources" in reasons["ipmi-no-slot"]
    assert "Administrator" in reasons["ipmi-operator"]
    assert "wrong password" in reasons["ipmi-wrong"]
    stored = "\n".join(
        file.read_text() for file in (tmp_path / "state").iterdir() if file.name != "secrets.yaml" and file.is_file()
    )
    assert not [password for _, password in CANDIDATES if password != "ADMIN" and password in stored]
