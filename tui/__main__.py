"""`python -m tui`: the wizard on the terminal. Parses the command line, chooses lines or screen; the only part that exits."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from seedvm.errors import SeedvmError
from tui.app import WizardApp
from tui.link import Link


def main(argv: list[str] | None = None) -> int:
    """Run the wizard; 0 unless it could not begin."""
    parser = argparse.ArgumentParser(prog="seedvm wizard", description="The screen of seedvm.")
    parser.add_argument("--state-dir", type=Path, default=Path("/var/lib/seedvm"), help="the site's folder")
    parser.add_argument("--site", type=Path, help="a site file to begin with")
    asked = parser.parse_args(argv)
    link = Link(asked.state_dir)
    try:
        if asked.site is not None:
            link.adopt_site(asked.site)
    except (SeedvmError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    WizardApp(link).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
