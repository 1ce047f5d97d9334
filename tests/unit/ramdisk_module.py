"""Our Python of the deploy ramdisk, which is no package here: loaded as its agent finds it, by file."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parents[2] / "elements/deploy-ramdisk/static/usr/lib/python3/dist-packages"


def ramdisk_module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
