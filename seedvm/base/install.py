"""How to install what is missing where this code runs: make in a checkout, pip or apt-get elsewhere. It installs nothing itself."""

from __future__ import annotations

from pathlib import Path

CODE = Path(__file__).parents[2]
"""The folder of the checkout, or that in which pip put the wheel."""

_EXTRA_OF = {"libvirt": "host", "diskimage_builder": "rack", "spdx_tools": "rack", "sushy_tools": "rack"}
"""What only an extra of pyproject.toml brings, by the name that is imported."""


def package(module: str, code: Path = CODE) -> str:
    """A hint: how to install the Python package that a missing module belongs to."""
    if _is_checkout(code):
        return f"run make host in {code}, then use {code}/.venv/bin/seedvm"
    extra = _EXTRA_OF.get(module.partition(".")[0])
    wanted = f"'seedvm[{extra}]'" if extra else "seedvm"
    return f"run pip install {wanted}" + (" (needs the Debian package libvirt-dev)" if extra == "host" else "")


def programs(code: Path = CODE) -> str:
    """A hint: how to install programs that the virtual rack needs."""
    return f"run make host in {code}" if _is_checkout(code) else "install them with apt-get"


def _is_checkout(code: Path) -> bool:
    return (code / "Makefile").is_file() and (code / "pyproject.toml").is_file()
