"""`member cleanup`: take the seed's rows out of the services' lists, on a member, after the seed has left.

Only rows of the host that the request names, and only while that host is down: a service that is up is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from seedvm.base.errors import SeedvmError
from seedvm.base.secret import Secret
from seedvm.cloud.client import Client, login
from seedvm.controller import galera


@dataclass(frozen=True)
class CleanupRequest:
    """This member's own address, the cloud's password, and the host name of the seed that has left."""

    address: str
    admin_password: Secret
    host: str


def cleanup(request: CleanupRequest) -> dict[str, int]:
    """Rows removed, by service. Zero everywhere: all was clean."""
    api = login(request.address, request.admin_password)
    host = request.host
    with galera.connect() as connection:
        return {
            "nova services": _nova(api, host),
            "neutron agents": _neutron(api, host),
            "heat engines": _delete(
                connection, "DELETE FROM heat.service WHERE host = %s OR hostname = %s", (host, host)
            ),
            "ironic conductors": _conductor(connection, host),
        }


def _nova(api: Client, host: str) -> int:
    found = [one for one in api.list_all("nova", "/os-services", "services") if one.text("host") == host]
    for service in found:
        if service.text("state") == "up" and service.text("binary") == "nova-compute":
            raise SeedvmError(
                "nova-compute of the seed is still up", machine=host, hint="wait until it has stopped, then run again"
            )
        api.delete("nova", f"/os-services/{service.text('id')}")
    return len(found)


def _neutron(api: Client, host: str) -> int:
    found = [one for one in api.list_all("neutron", "/agents", "agents") if one.text("host") == host]
    for agent in found:
        api.delete("neutron", f"/agents/{agent.text('id')}")
    return len(found)


def _conductor(connection: galera.Connection, host: str) -> int:
    """Ironic has no call for it; a conductor that left is a row which is offline."""
    rows = galera.rows(connection, "SELECT id, online FROM ironic.conductors WHERE hostname = %s", (host,))
    for number, _ in rows:
        held = galera.rows(
            connection,
            "SELECT COUNT(*) FROM ironic.nodes WHERE conductor_affinity = %s AND reservation = %s",
            (number, host),
        )
        if held[0][0]:
            raise SeedvmError(
                "a node is still reserved by the seed's conductor", machine=host, hint="wait for it, then run again"
            )
        galera.rows(
            connection, "UPDATE ironic.nodes SET conductor_affinity = NULL WHERE conductor_affinity = %s", (number,)
        )
        galera.rows(
            connection,
            "UPDATE ironic.allocations SET conductor_affinity = NULL WHERE conductor_affinity = %s",
            (number,),
        )
        galera.rows(connection, "DELETE FROM ironic.conductor_hardware_interfaces WHERE conductor_id = %s", (number,))
        galera.rows(connection, "DELETE FROM ironic.conductors WHERE id = %s", (number,))
    return len(rows)


def _delete(connection: galera.Connection, sql: str, values: tuple[str, ...]) -> int:
    with connection.cursor() as cursor:
        return int(cursor.execute(sql, values))
