"""A service is added by adding its element: proxy, catalogue, answers, units, databases and ports have it, and no other file changes."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pystache
import pytest

from seedvm.base import process
from seedvm.base.errors import SeedvmError
from seedvm.image import elements
from seedvm.services import load
from seedvm.services.model import Services

BARBICAN = """\
order: 75
api: {port: 9311, type: key-manager, path: /v1, check: /healthcheck}
databases: [barbican]
units:
  - {name: barbican-api.service, role: server, stop: 45}
  - {name: barbican-worker.service, role: worker, stop: 65, awaited: true}
  - {name: barbican-retry.service, role: worker, stop: 66, with_vip: true}
masked: [barbican-keystone-listener.service]
fenced_ports:
  - {name: sync, port: 9312}
"""
HAPROXY = "haproxy/os-apply-config/etc/haproxy/haproxy.cfg"
LIBEXEC = "static/usr/local/libexec/controller"
CLUSTER = {"vip": "10.0.0.9", "backends": [{"name": f"node-{n}", "address": f"10.0.0.{n}"} for n in (1, 2, 3)]}
TODAY = (
    ("keystone", 5000, "/v3"), ("glance", 9292, "/"), ("placement", 8778, "/"), ("nova", 8774, "/"),
    ("neutron", 9696, "/"), ("ironic", 6385, "/"), ("heat", 8004, "/"),
)  # fmt: skip
LISTEN = """\
listen {name}
    bind 10.0.0.9:{port} transparent
    http-request return status 503 content-type text/plain hdr Retry-After 60 string {text} if {{ method POST PUT PATCH DELETE }} \
!{{ path /v3/auth/tokens }} {{ str(writes),map(/etc/haproxy/hold.map,off) -m str on }}
    option httpchk
    http-check connect port 9200
    http-check send meth GET uri /{name}
    http-check expect status 200
    http-check connect
    http-check send meth GET uri {check}
    http-check expect rstatus ^(2|3|401)
    balance first
    server node-1 10.0.0.1:{port} check maxconn 500
    server node-2 10.0.0.2:{port} check maxconn 500
    server node-3 10.0.0.3:{port} check maxconn 500
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what an image is made of, with one element more."""
    source = tmp_path_factory.mktemp("source")
    for folder in ("elements", "requirements", "seedvm/image"):
        shutil.copytree(elements.SOURCE / folder, source / folder, symlinks=True)
    shutil.copyfile(elements.SOURCE / "pyproject.toml", source / "pyproject.toml")
    barbican = source / "elements/barbican"
    (barbican / "static/etc/systemd/system/barbican-api.service.d").mkdir(parents=True)
    (barbican / "static/etc/systemd/system/barbican-api.service.d/controller.conf").write_text("[Unit]\n")
    (barbican / "package-installs.yaml").write_text("barbican-api:\nbarbican-worker:\n")
    (barbican / "service.yaml").write_text(BARBICAN)
    return source


@pytest.fixture(scope="module")
def services(source: Path) -> Services:
    return elements.services(source)


@pytest.fixture(scope="module")
def merged(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("image") / "services.json"
    path.write_text(load.to_json(services))
    return path


def listens(services: Services) -> list[str]:
    """The blocks of HAProxy's configuration that os-apply-config renders: strictly, and without escaping."""
    tree = {"cluster": CLUSTER, **json.loads(load.to_json(services))}
    renderer = pystache.Renderer(missing_tags="strict", escape=lambda text: text)
    text = renderer.render((load.ELEMENTS / HAPROXY).read_text(), tree)
    return [f"listen {block}".rstrip() + "\n" for block in text.split("\nlisten ")[1:]]


def listen(name: str, port: int, check: str) -> str:
    template = (load.ELEMENTS / HAPROXY).read_text()
    text = template[template.index('string "') + len("string ") :].partition(" if { method")[0]
    return LISTEN.format(name=name, port=port, check=check, text=text)


def asked(merged: Path, tmp_path: Path, *words: str) -> list[str]:
    """What the image's own script says of these declarations."""
    script = tmp_path / "services"
    text = (load.ELEMENTS / "controller" / LIBEXEC / "services").read_text()
    script.write_text(text.replace(str(load.MERGED), str(merged)))
    return process.run(["bash", script, *words], timeout=20).stdout.split()


def identity() -> ModuleType:
    """Keystone's script of that name, as a module."""
    loader = importlib.machinery.SourceFileLoader("identity", str(load.ELEMENTS / "keystone" / LIBEXEC / "identity"))
    spec = importlib.util.spec_from_loader("identity", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_today_the_proxy_has_every_api_as_ever() -> None:
    assert listens(load.installed()) == [listen(*api) for api in TODAY]


def test_the_proxy_has_the_new_api_between_its_neighbours(services: Services) -> None:
    wanted = [*TODAY[:4], ("barbican", 9311, "/healthcheck"), *TODAY[4:]]
    assert listens(services) == [listen(*api) for api in wanted]


def test_the_catalogue_gets_its_service_with_its_url(merged: Path) -> None:
    declared: dict[str, dict[str, Any]] = identity().declared(merged)
    assert declared["barbican"] == {"port": 9311, "type": "key-manager", "path": "/v1", "check": "/healthcheck"}
    assert list(declared) == ["glance", "placement", "nova", "barbican", "neutron", "ironic", "heat"]


def test_a_configuration_run_waits_for_its_api_and_its_worker(merged: Path, tmp_path: Path) -> None:
    urls = asked(merged, tmp_path, "api-urls", "10.0.0.1")
    today = [f"http://10.0.0.1:{port}{check}" for _, port, check in TODAY]
    assert urls == [*today[:4], "http://10.0.0.1:9311/healthcheck", *today[4:]]
    assert asked(merged, tmp_path, "api-url", "barbican", "10.0.0.9") == ["http://10.0.0.9:9311/healthcheck"]
    assert asked(merged, tmp_path, "awaited") == [
        "rabbitmq-server.service",
        "nova-conductor.service",
        "nova-scheduler.service",
        "barbican-worker.service",
        "neutron-rpc-server.service",
        "ironic-conductor.service",
        "ironic-dnsmasq.service",
        "ironic-httpd.service",
        "heat-engine.service",
        "controller-ready.service",
        "haproxy.service",
        "keepalived.service",
    ]


def test_none_of_its_units_starts_before_it_is_configured(merged: Path, tmp_path: Path) -> None:
    configured = asked(merged, tmp_path, "configured")
    assert {"barbican-api.service", "barbican-worker.service", "barbican-retry.service"} < set(configured)
    assert "os-collect-config.service" not in configured  # it is what configures the others
    assert asked(merged, tmp_path, "masked") == [
        "nova-api-metadata.service",
        "barbican-keystone-listener.service",
        "tftpd-hpa.service",
        "xinetd.service",
        "dnsmasq.service",
        "nginx.service",
    ]


def test_what_runs_once_runs_where_the_vip_is(merged: Path, tmp_path: Path) -> None:
    assert asked(merged, tmp_path, "with-vip") == [
        "nova-compute.service",
        "barbican-retry.service",
        "ironic-neutron-agent.service",
    ]


def test_its_database_is_made_and_compared(services: Services, merged: Path, tmp_path: Path) -> None:
    assert asked(merged, tmp_path, "databases", "barbican") == ["barbican"]
    assert services.databases == tuple(sorted(("barbican", *load.installed().databases)))


def test_a_question_without_an_answer_fails(merged: Path, tmp_path: Path) -> None:
    for words in (("databases", "haproxy"), ("api-url", "mariadb", "10.0.0.1"), ("everything",)):
        with pytest.raises(SeedvmError):
            asked(merged, tmp_path, *words)


def test_the_seed_gives_it_up_in_its_place(services: Services) -> None:
    workers, servers = services.units("worker"), services.units("server")
    assert workers[5:9] == (
        "nova-compute.service",
        "barbican-worker.service",
        "barbican-retry.service",
        "ironic-neutron-agent.service",
    )
    assert servers[3:6] == ("neutron-api.service", "barbican-api.service", "nova-api.service")
    assert set(workers) - set(load.installed().units("worker")) == {"barbican-worker.service", "barbican-retry.service"}
    assert services.fenced_ports == (8088, 8089, 9312)


def test_the_engine_knows_its_port(services: Services) -> None:
    assert services.ports == {**load.installed().ports, "barbican": 9311}


def test_the_image_has_its_element_and_its_packages(source: Path) -> None:
    inputs = elements.inputs(source)
    assert "barbican" in elements.golden_elements(source)
    assert "barbican" in inputs.elements
    assert {"barbican-api", "barbican-worker"} < set(inputs.packages)


def test_every_api_listens_on_the_port_that_its_element_declares() -> None:
    for name, port in load.installed().ports.items():
        templates = [path for path in (load.ELEMENTS / name / "os-apply-config").rglob("*") if path.is_file()]
        lines = [line.strip() for path in templates for line in path.read_text().splitlines()]
        assert {f"http-socket = {{{{node.address}}}}:{port}", f"bind_port = {port}"} & set(lines), name


def test_ironic_serves_images_and_calls_on_the_ports_that_it_declares() -> None:
    ports = load.installed().service("ironic").fenced_ports
    folder = load.ELEMENTS / "ironic/os-apply-config/etc/ironic"
    assert f"listen {{{{node.address}}}}:{ports['images']};" in (folder / "nginx.conf").read_text()
    conf = (folder / "ironic.conf").read_text()
    assert f"http_url = http://{{{{node.address}}}}:{ports['images']}\n" in conf
    assert f"\nport = {ports['rpc']}\n" in conf
