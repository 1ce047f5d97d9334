"""Lists the benches: `python -m bench`."""

from __future__ import annotations

import ast
import pkgutil
from pathlib import Path

HOME = Path(__file__).parent


def main() -> None:
    for module in pkgutil.iter_modules([str(HOME)]):
        if module.name not in ("common", "__main__"):
            file = HOME / module.name / "__init__.py" if module.ispkg else HOME / f"{module.name}.py"
            said = ast.get_docstring(ast.parse(file.read_text())) or ""
            print(f"make bench-{module.name:12} {said.splitlines()[0] if said else ''}")


main()
