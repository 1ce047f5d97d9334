"""A service is declared once, in its element: the lists made of all declarations are those that the parts of a controller need."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from seedvm.base.errors import InvalidFile, SeedvmError
from seedvm.services.declaration import parse_service
from seedvm.services.load import ELEMENTS, from_elements, from_json, installed, to_json

SMALL = "order: 1\nunits:\n  - {name: barbican.service, role: server, stop: 1}\n"


def folders(elements: Path) -> list[Path]:
    return [path for path in elements.iterdir() if path.is_dir()]


def known(found: Iterable[str], *names: str) -> tuple[str, ...]:
    """Those of `names` that were found, in the order found: a service that is added later changes none of these lists."""
    return tuple(one for one in found if one in names)


@pytest.fixture
def elements(tmp_path: Path) -> Path:
    return shutil.copytree(ELEMENTS, tmp_path / "elements", symlinks=True)


PORTS = {
    "keystone": 5000, "glance": 9292, "placement": 8778, "nova": 8774, "neutron": 9696, "ironic": 6385, "heat": 8004,
}  # fmt: skip
CATALOGUE = {
    "keystone": ("identity", ":5000/v3"),
    "glance": ("image", ":9292"),
    "placement": ("placement", ":8778"),
    "nova": ("compute", ":8774/v2.1"),
    "neutron": ("network", ":9696"),
    "ironic": ("baremetal", ":6385"),
    "heat": ("orchestration", ":8004/v1/%(tenant_id)s"),
}
WORKERS = (
    "os-collect-config.service",
    "glance-image-sync.timer",
    "ironic-dnsmasq.service",
    "ironic-httpd.service",
    "ironic-conductor.service",
    "nova-compute.service",
    "ironic-neutron-agent.service",
    "heat-engine.service",
    "nova-scheduler.service",
    "nova-conductor.service",
    "neutron-rpc-server.service",
)
SERVERS = (
    "haproxy.service",
    "heat-api.service",
    "ironic-api.service",
    "neutron-api.service",
    "nova-api.service",
    "placement-api.service",
    "glance-api.service",
    "keystone.service",
    "rabbitmq-server.service",
    "memcached.service",
)
DATABASES = ("glance", "heat", "ironic", "keystone", "neutron", "nova", "nova_api", "nova_cell0", "placement")


def test_every_api_has_its_port() -> None:
    assert {name: installed().ports[name] for name in PORTS} == PORTS
    assert known(installed().ports, *PORTS) == tuple(PORTS)


def test_the_catalogue_has_every_api() -> None:
    apis = installed().apis
    assert {name: (apis[name].type, f":{apis[name].port}{apis[name].path}") for name in CATALOGUE} == CATALOGUE


def test_workers_stop_from_what_learns_of_work_to_what_the_others_report_to() -> None:
    assert known(installed().units("worker"), *WORKERS) == WORKERS


def test_servers_stop_from_the_proxy_to_what_all_of_them_need() -> None:
    assert known(installed().units("server"), *SERVERS) == SERVERS
    assert "keepalived.service" in installed().units("vip")
    assert installed().units("database") == ("mariadb.service",)


def test_every_database_is_compared() -> None:
    assert known(installed().databases, *DATABASES) == DATABASES


def test_what_boots_machines_is_silent_after_the_fence() -> None:
    assert {8088, 8089} <= set(installed().fenced_ports)


def test_no_element_starts_a_unit_that_it_does_not_declare() -> None:
    assert from_elements(folders(ELEMENTS)) == installed()


def test_the_images_file_says_the_same_as_the_elements() -> None:
    assert from_json(to_json(installed())) == installed()


def test_a_declaration_is_refused_with_every_problem_by_line() -> None:
    text = "order: 0\nports: 80\napi: {port: 99999, type: key-manager, check: v1}\nunits:\n  - {name: barbican, role: api}\n"
    with pytest.raises(InvalidFile) as refused:
        parse_service("barbican", text, "elements/barbican/service.yaml")
    told = str(refused.value)
    for part in ("line 1: order", "line 2: ports: unknown key", "line 3: api.port", "line 3: api.check"):
        assert part in told
    for part in ("line 5: units[0].name", "line 5: units[0].role", "line 5: units[0].stop: is missing"):
        assert part in told


def test_an_api_without_a_unit_that_answers_is_refused() -> None:
    text = "order: 1\napi: {port: 9311, type: key-manager, check: /}\nunits:\n  - {name: b.service, role: worker, stop: 1}\n"
    with pytest.raises(InvalidFile, match="needs a unit with role server"):
        parse_service("barbican", text, "elements/barbican/service.yaml")


@pytest.mark.parametrize(
    ("added", "told"),
    [
        ("order: 70\n", "barbican and nova both declare order 70"),
        ("api: {port: 8774, type: key-manager, check: /}\n", "barbican and nova both declare port 8774"),
        ("fenced_ports:\n  - {name: x, port: 8088}\n", "barbican and ironic both declare port 8088"),
        ("api: {port: 9311, type: compute, check: /}\n", "barbican and nova both declare catalogue type compute"),
        ("databases: [nova_api]\n", "barbican and nova both declare database nova_api"),
        ("masked: [nova-api.service]\n", "barbican and nova both declare unit nova-api.service"),
        ("stop: 50", "barbican and nova both declare stop 50 for role server"),
    ],
)
def test_two_elements_that_declare_the_same_are_named(elements: Path, added: str, told: str) -> None:
    (elements / "barbican").mkdir()
    text = SMALL.replace("stop: 1", added if added.startswith("stop") else "stop: 1")
    text = text.replace("order: 1\n", added if added.startswith("order") else "order: 1\n")
    text += added if added not in text else ""
    (elements / "barbican/service.yaml").write_text(text)
    with pytest.raises(SeedvmError) as refused:
        from_elements(folders(elements))
    assert told in refused.value.why


@pytest.mark.parametrize("name", ["keystone", "heat", "ironic", "undercloud", "memcached"])
def test_an_element_without_its_declaration_is_named(elements: Path, name: str) -> None:
    (elements / name / "service.yaml").unlink()
    with pytest.raises(SeedvmError, match=f"elements/{name} starts .* but does not declare it"):
        from_elements(folders(elements))


def test_a_schema_without_a_declared_database_is_named(elements: Path) -> None:
    path = elements / "heat/service.yaml"
    path.write_text(path.read_text().replace("databases: [heat]\n", ""))
    with pytest.raises(SeedvmError, match="elements/heat creates the schema heat but declares no database"):
        from_elements(folders(elements))


def test_a_site_without_a_database_is_refused(elements: Path) -> None:
    shutil.rmtree(elements / "mariadb")
    with pytest.raises(SeedvmError, match="no element declares a unit with role database"):
        from_elements(folders(elements))


def test_the_elements_page_lists_every_element_once() -> None:
    text = (ELEMENTS / "README.rst").read_text()
    table = text.partition("The elements\n")[2].partition("Phases\n")[0]
    listed = [line.split()[0] for line in table.splitlines() if "  " in line and not line.startswith(("=", "-"))]
    assert sorted(listed) == sorted(path.name for path in folders(ELEMENTS))
