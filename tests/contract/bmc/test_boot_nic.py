"""The boot MAC as a real Redfish service lists it: certain with exactly one NIC of the machine, with a link; else it is learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from seedvm.base.secret import Secret
from seedvm.bmc.redfish import RedfishBmc, System
from tests.datacenter.script import Reply, Rule
from tests.datacenter.scripted import scripted

NICS = "/redfish/v1/Systems/1/EthernetInterfaces"
FIRST = "52:54:00:aa:00:01"


def listing(members: Sequence[Mapping[str, Any]], **more: Any) -> dict[str, Rule]:
    paths = [f"{NICS}/{number}" for number in range(1, len(members) + 1)]
    said: dict[str, Rule] = {NICS: Reply(fields={"Members": [{"@odata.id": path} for path in paths], **more})}
    said |= {path: Reply(200, {"@odata.id": path, **one}) for path, one in zip(paths, members, strict=True)}
    return said


async def read(script: Mapping[str, Rule]) -> System:
    async with scripted(script) as bmc:
        return await RedfishBmc(bmc.address, bmc.user, Secret(bmc.password), port=bmc.port).system()


async def test_the_only_nic_with_a_link_is_the_boot_nic() -> None:
    found = await read({})
    assert (found.boot_nic.mac, found.macs) == (FIRST, (FIRST,))


@pytest.mark.parametrize(
    "members",
    [
        [{"MACAddress": "52:54:00:AA:00:01"}, {"MACAddress": ""}, {"MACAddress": None}],
        [
            {"MACAddress": "52:54:00:AA:00:01", "LinkStatus": None},
            {"MACAddress": "52:54:00:AA:00:02", "LinkStatus": "NoLink"},
            {"Id": "ToManager", "MACAddress": "B2:93:12:04:00:01", "LinkStatus": "LinkUp"},
        ],
        [
            {"MACAddress": "5254.00AA.0001", "LinkStatus": "LinkUp"},
            {"MACAddress": "525400AA0002", "LinkStatus": "LinkUp"},
        ],
    ],
)
async def test_several_nics_or_one_that_tells_no_mac_are_not_certain(members: list[dict[str, Any]]) -> None:
    found = await read(listing(members))
    assert found.boot_nic.mac is None
    assert "b2:93:12:04:00:01" not in found.macs


@pytest.mark.parametrize("broken", [Reply(404), Reply(500), Reply(end="drop")])
async def test_a_nic_that_cannot_be_read_costs_the_certainty_and_not_the_login(broken: Reply) -> None:
    one = {"MACAddress": FIRST, "LinkStatus": "LinkUp"}
    found = await read(listing([one, one]) | {f"{NICS}/2": broken})
    assert (found.boot_nic.mac, found.macs) == (None, (FIRST,))
    assert "tells no MAC address of 2" in found.boot_nic.why
    found = await read({NICS: broken})
    assert (found.boot_nic.mac, found.macs) == (None, ())


@pytest.mark.parametrize("more", [{"Members@odata.count": 2}, {"Members@odata.nextLink": f"{NICS}?$skip=1"}])
async def test_a_list_that_goes_on_elsewhere_is_not_the_whole(more: dict[str, Any]) -> None:
    found = await read(listing([{"MACAddress": FIRST, "LinkStatus": "LinkUp"}], **more))
    assert found.boot_nic.mac is None
