"""The name of an image is the hash of what goes in: the same inputs, the same name; a change is a change of what it touches."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seedvm.base.errors import SeedvmError
from seedvm.image import elements
from seedvm.image.build import refuse_changed

PINNED = "pyyaml==6.0.2\ntextual==8.2.8\n"
FILES = {
    "requirements/image.txt": PINNED,
    "elements/tree-output/block-device.d/10-tree-output": "#!/bin/sh\n",
    "elements/at-once/root.d/42-at-once": "#!/bin/sh\n",
    "elements/debian-os/element-deps": "debian-minimal\n",
    "elements/seedvm-python/package-installs.yaml": "python3-venv:\n",
    "elements/layer/element-provides": "operating-system\n",
    "elements/undercloud-base/package-installs.yaml": "cloud-init:\n",
    "elements/undercloud/element-deps": "keystone\n",
    "elements/keystone/package-installs.yaml": "keystone:\n",
    "elements/keystone/os-apply-config/etc/keystone/keystone.conf": "[database]\n",
    "elements/seedvm/element-deps": "seedvm-python\n",
    "elements/deploy-ramdisk/element-deps": "debian-os\n",
    "elements/deploy-ramdisk/package-installs.yaml": "ironic-python-agent:\n",
    "seedvm/cli.py": "print()\n",
    "seedvm/rack/firmware/boot.py": "print()\n",
    "seedvm/image/files.py": "print()\n",
    "seedvm/image/gpt.py": "print()\n",
    "seedvm/image/times.py": "print()\n",
    "seedvm/image/build.py": "print()\n",
    "tui/app.py": "print()\n",
    "appliance/seedvm-engine.service": "[Unit]\n",
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        change(tmp_path, name, content)
    return tmp_path


def change(source: Path, name: str, content: str) -> None:
    (source / name).parent.mkdir(parents=True, exist_ok=True)
    (source / name).write_text(content)


def test_the_packages_of_every_room_and_of_what_it_needs_are_in_the_layer(source: Path) -> None:
    found = elements.inputs(source)
    assert found.packages == ("cloud-init", "keystone", "python3-venv")
    assert found.requirements == PINNED


def test_nothing_changed_is_the_same_name_also_when_files_are_touched(source: Path) -> None:
    before = elements.inputs(source)
    for path in source.rglob("*"):
        os.utime(path)
    assert elements.inputs(source) == before


@pytest.mark.parametrize(
    ("name", "layer", "golden", "ramdisk"),
    [
        ("elements/keystone/package-installs.yaml", True, True, False),
        ("elements/keystone/os-apply-config/etc/keystone/keystone.conf", False, True, False),
        ("elements/deploy-ramdisk/package-installs.yaml", False, False, True),
        ("elements/debian-os/element-deps", True, True, True),
        ("seedvm/cli.py", False, True, False),
        ("appliance/seedvm-engine.service", False, True, False),
        ("seedvm/rack/firmware/boot.py", False, False, False),
        ("seedvm/image/gpt.py", False, True, True),
        ("seedvm/image/build.py", False, False, False),
    ],
)
def test_a_change_makes_anew_what_it_touches_and_no_more(
    source: Path, name: str, layer: bool, golden: bool, ramdisk: bool
) -> None:
    before = elements.inputs(source)
    change(source, name, FILES[name] + "\n" if name.endswith("deps") else "something-else:\n")
    after = elements.inputs(source)
    assert (
        before.layer_key != after.layer_key,
        before.golden_key != after.golden_key,
        before.ramdisk_key != after.ramdisk_key,
    ) == (
        layer,
        golden,
        ramdisk,
    )
    assert (before.key == after.key) == (not golden and not ramdisk)


def test_a_script_that_becomes_executable_is_a_change(source: Path) -> None:
    before = elements.inputs(source)
    (source / "elements/tree-output/block-device.d/10-tree-output").chmod(0o755)
    assert elements.inputs(source).golden_key != before.golden_key


def test_a_room_that_is_not_there_is_named(source: Path) -> None:
    (source / "elements/layer/element-provides").unlink()
    (source / "elements/layer").rmdir()
    with pytest.raises(SeedvmError) as refused:
        elements.inputs(source)
    assert "layer" in str(refused.value)


def test_the_real_elements_ask_for_every_service_of_the_undercloud() -> None:
    packages = elements.inputs().packages
    for name in (
        "mariadb-server",
        "galera-4",
        "rabbitmq-server",
        "memcached",
        "haproxy",
        "keepalived",
        "keystone",
        "glance-api",
    ):
        assert name in packages
    for name in (
        "placement-api",
        "nova-compute-ironic",
        "neutron-api",
        "ironic-conductor",
        "heat-engine",
        "python3-os-collect-config",
    ):
        assert name in packages


def test_what_was_built_while_its_sources_changed_is_thrown_away_by_name(source: Path) -> None:
    began = elements.inputs(source)
    change(source, "elements/keystone/os-apply-config/etc/keystone/keystone.conf", "[database]\nmax_retries = 1\n")
    now = elements.inputs(source)
    refuse_changed("deploy ramdisk", began.ramdisk_key, now.ramdisk_key)
    with pytest.raises(SeedvmError, match=r"golden image was discarded.*changed during the build"):
        refuse_changed("golden image", began.golden_key, now.golden_key)
