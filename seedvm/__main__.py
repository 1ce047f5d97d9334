"""`python -m seedvm`: the command line, for places without the entry point."""

from __future__ import annotations

import sys

from seedvm.cli import main

if __name__ == "__main__":
    sys.exit(main())
