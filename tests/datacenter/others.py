"""BMC emulators that are not ours, as part of the population: OpenIPMI's ipmi_sim, pyghmi's `Bmc`, sushy-tools behind a login."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from tests.contract.bmc.bmcs import GUID, ipmi_sim, pyghmi_bmc, redfish_sim
from tests.datacenter.model import Host

USER, PASSWORD = "admin", "horse-42"
OTHERS = (
    Host(
        "10.66.0.241",
        "52:54:00:66:e0:01",
        "ipmi_sim",
        ipmi=("1.5", "2.0"),
        guid=GUID,
        users={USER: PASSWORD},
        elsewhere=True,
    ),
    Host("10.66.0.242", "52:54:00:66:e0:02", "pyghmi", ipmi=("2.0",), users={USER: PASSWORD}, elsewhere=True),
    Host("10.66.0.243", "52:54:00:66:e0:03", "sushy-tools", redfish="tls", users={USER: PASSWORD}, elsewhere=True),
)


@contextlib.asynccontextmanager
async def others(folder: Path) -> AsyncIterator[None]:
    """All of OTHERS, in the datacenter's network namespace."""
    one, two, three = (host.address for host in OTHERS)
    async with (
        ipmi_sim(folder, one, user=USER, password=PASSWORD),
        pyghmi_bmc(folder, two, user=USER, password=PASSWORD),
        redfish_sim(folder, three, user=USER, password=PASSWORD),
    ):
        yield
