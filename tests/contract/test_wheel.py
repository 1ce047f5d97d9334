"""The wheel, built from what git knows and installed where nothing else is: it offers what it can, and says what needs more."""

from __future__ import annotations

import shutil
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

import seedvm
from seedvm.base import process
from tests.rules.test_linters import ROOT, tracked

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
SOURCES = ("seedvm/", "tui/", "pyproject.toml")


def sources() -> list[str]:
    return [name for name in (str(path.relative_to(ROOT)) for path in tracked()) if name.startswith(SOURCES)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built in a copy, as setuptools leaves a build/ behind, and without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in sources():
        (folder / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / "tree" / name)
    building = ["wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", folder]
    process.run([*PIP, *building, folder / "tree"], timeout=300)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def bare(wheel: Path) -> Path:
    """A virtual environment that holds the wheel and nothing else, not even what the wheel depends on."""
    folder = wheel.parent / "bare"
    process.run([sys.executable, "-m", "venv", "--without-pip", folder], timeout=120)
    process.run(
        [*PIP, "--python", folder / "bin/python", "install", "--quiet", "--no-index", "--no-deps", wheel], timeout=120
    )
    return folder / "bin"


def test_the_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    assert wheel.name.startswith(f"seedvm-{seedvm.__version__}-")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == set(sources()) - {"pyproject.toml"}


def test_the_command_is_there_without_any_dependency(bare: Path) -> None:
    assert process.run([bare / "seedvm", "--version"], timeout=60).stdout == f"seedvm {seedvm.__version__}\n"
    assert "--rate" in process.run([bare / "seedvm", "scan", "--help"], timeout=60).stdout


@pytest.mark.parametrize("command", ["image build", "image appliance", "image mirror new", "image status", "demo"])
def test_what_is_made_from_the_source_tree_says_so(bare: Path, command: str) -> None:
    done = process.run(process.Command([bare / "seedvm", *command.split()], cwd=bare.parent), timeout=60, check=False)
    assert done.returncode == 1
    named = command.removesuffix(" new")
    assert done.stderr.startswith(f"seedvm: seedvm {named} needs a source checkout\n")
    assert not (bare.parent / "build").exists() and not (bare.parent / "new").exists()


def test_a_dependency_that_is_missing_is_named(bare: Path, tmp_path: Path) -> None:
    done = process.run([bare / "seedvm", "--state-dir", tmp_path, "plan"], timeout=60, check=False)
    assert done.returncode == 1
    assert "the Python package yaml is not installed" in done.stderr and "Traceback" not in done.stderr


def test_templates_are_read_from_the_wheel(bare: Path) -> None:
    """With the dependencies of this environment on its path; `seedvm` itself is only in the wheel."""
    code = (
        "from pathlib import Path; import seedvm, tui; from seedvm.cloud.heat import template; from seedvm.host import domain\n"
        "appliance = domain.SeedVm('seedvm', Path('/disk'), (domain.Port('br0', True),), kvm=False)\n"
        "print(Path(seedvm.__file__).parent.parent, len(template().files), '<name>seedvm</name>' in domain.render(appliance))"
    )
    libraries = {"PYTHONPATH": sysconfig.get_path("purelib")}
    done = process.run(process.Command([bare / "python", "-c", code], env=libraries, cwd=bare), timeout=60)
    place, files, named = done.stdout.split()
    assert place.startswith(str(bare.parent)) and (files, named) == ("1", "True")
