"""From a machine of the inventory to the clients of its BMC. Refuses protocols that no login was proven by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from seedvm.bmc.access import BmcAccess
from seedvm.bmc.ledger import Ledger
from seedvm.bmc.pace import Pace
from seedvm.bmc.redfish import RedfishBmc
from seedvm.inventory import Machine
from seedvm.secret import Secret


@dataclass(frozen=True)
class BmcPorts:
    """Where BMCs listen: IPMI by UDP, Redfish with and without TLS by TCP."""

    ipmi: int = 623
    redfish: int = 443
    redfish_clear: int = 80


def redfish_of(machine: Machine, ports: BmcPorts, user: str, password: Secret) -> RedfishBmc:
    """Its Redfish service, pinned to the certificate of the discovery."""
    tls = "redfish" in machine.protocols or "redfish-http" not in machine.protocols
    port = ports.redfish if tls else ports.redfish_clear
    return RedfishBmc(machine.bmc, user, password, port=port, tls=tls, pin=machine.certificate)


def access_of(machine: Machine, user: str, ledger: Ledger, pace: Pace, ports: BmcPorts) -> BmcAccess:
    """The account over every protocol that it was proven by: IPMI 2.0 always comes first, Redfish where it is the driver."""
    some_ipmi = "ipmi-2.0" in machine.protocols or machine.old_ipmi
    redfish = machine.driver not in (None, "ipmi") or (machine.driver is None and not some_ipmi)
    ipmi = "2.0" if "ipmi-2.0" in machine.protocols else "1.5" if machine.old_ipmi and not redfish else None
    make = partial(redfish_of, machine, ports) if redfish else None
    return BmcAccess(machine.bmc, user, ledger, pace, ipmi, make, vendor=machine.vendor, port=ports.ipmi)
