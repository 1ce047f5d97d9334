"""What import-linter cannot see for itself: that it is shown every folder, and that its list of what is forbidden is complete."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tests.rules.test_linters import ROOT

_SCREEN = {"base", "engine", "foreign", "monitor", "scan", "site"}
"""What the screen may import of seedvm: tools, the types of journal and monitor, scanner, the edge, the operator's site."""
_ENGINE = {
    "seedvm.engine.run",
    "seedvm.monitor.collect",
    "seedvm.monitor.openstack",
    "seedvm.monitor.orders",
    "seedvm.monitor.peers",
    "seedvm.monitor.sampler",
}
"""The runner itself, and the collector: the screen starts them as processes."""


def unseen(root: Path) -> list[str]:
    """Folders below `root` that hold Python but are no packages: import-linter passes them by."""
    folders = {path.parent for path in root.rglob("*.py")}
    return sorted(str(folder.relative_to(root.parent)) for folder in folders if not (folder / "__init__.py").is_file())


def parts(package: Path) -> set[str]:
    """The packages and modules directly in a package."""
    packages = {path.parent.name for path in package.glob("*/__init__.py")}
    return packages | {path.stem for path in package.glob("*.py") if path.name != "__init__.py"}


def screen_contract() -> dict[str, list[str]]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return next(one for one in contracts if one["type"] == "forbidden" and one["source_modules"] == ["tui"])


def test_every_folder_with_python_is_a_package() -> None:
    assert unseen(ROOT / "seedvm") + unseen(ROOT / "tui") == []


def test_a_folder_without_init_is_found(tmp_path: Path) -> None:
    for name in ("tui/__init__.py", "tui/seen/__init__.py", "tui/seen/one.py", "tui/seen/hidden/two.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert unseen(tmp_path / "tui") == ["tui/seen/hidden"]


def test_the_screen_may_import_only_what_is_allowed() -> None:
    """import-linter takes a list of what is forbidden: here it is all of seedvm but what is allowed."""
    forbidden = {f"seedvm.{one}" for one in parts(ROOT / "seedvm") - _SCREEN} | _ENGINE
    assert set(screen_contract()["forbidden_modules"]) == forbidden
    assert screen_contract().get("ignore_imports") == ["tui.state.files -> seedvm.machines.inventory"]
