"""Lists are followed to their last page, at whichever address was asked."""

from __future__ import annotations

from typing import Any

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.cloud.client import login
from seedvm.cloud.connection import Unreachable
from tests.contract.cloud.cloud_http import VIP, Answer, cloud
from tests.contract.cloud.odd_server import MEMBER, PASSWORD, our_cloud, paged
from tests.contract.isolated import isolated


@isolated
@pytest.mark.parametrize(
    ("name", "service", "path", "key", "link"),
    [
        ("baremetal", "ironic", "/ports", "ports", "next"),
        ("image", "glance", "/images", "images", "next"),
        ("compute", "nova", "/servers/detail", "servers", "servers_links"),
        ("network", "neutron", "/networks", "networks", "networks_links"),
        ("orchestration", "heat", "/stacks", "stacks", "links"),
    ],
)
async def test_a_list_is_followed_to_its_last_page(name: str, service: str, path: str, key: str, link: str) -> None:
    items = [{"id": str(number)} for number in range(2500)]
    with cloud({name: paged(items, key, 1000, link)}):
        found = await our_cloud().list_all(service, path, key)
    assert [one.text("id") for one in found] == [one["id"] for one in items]


@isolated
async def test_a_list_that_is_cut_or_follows_itself_is_an_error_and_no_short_list() -> None:
    def around(_: str, __: str, ___: Any) -> Answer:
        return 200, {"ports": [{"id": "1"}], "next": f"http://{VIP}:6385/v1/ports?marker=1"}

    with cloud({"baremetal": around, "image": lambda *_: (200, {"images": [], "truncated": True})}):
        with pytest.raises(SeedvmError, match="endless list"):
            await our_cloud().list_all("ironic", "/ports", "ports")
        with pytest.raises(SeedvmError, match="did not list all images"):
            await our_cloud().list_all("glance", "/images", "images")


@isolated
async def test_one_login_is_good_at_each_member_and_follows_no_link_to_the_vip() -> None:
    items = [{"id": str(number)} for number in range(5)]
    with cloud({"baremetal": paged(items, "ports", 2, "next")}):
        here = login(VIP, PASSWORD)
    with cloud({"baremetal": paged(items, "ports", 2, "next")}, address=MEMBER, identity=False):
        there = here.at(MEMBER, name="undercloud-1")
        assert len(there.list_all("ironic", "/ports", "ports")) == 5
        with pytest.raises(Unreachable) as told:
            there.get("nova", "/servers")
    assert told.value.machine == "undercloud-1"
    assert told.value.why == f"http://{MEMBER}:8774: Connection refused"
