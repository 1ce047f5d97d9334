"""The command wizard: the screen, which is a program of its own."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from seedvm.cli.common import Commands


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    wizard = commands.add_parser("wizard", parents=[shared], help="the screen")
    wizard.add_argument("--plain", action="store_true", help="plain lines instead of a screen")
    wizard.add_argument("--site", type=Path, help="a site file to begin with")
    wizard.add_argument(
        "--web", action="store_true", help="in a browser, on this machine alone unless --listen says else"
    )
    wizard.add_argument(
        "--listen", metavar="ADDR:PORT", help="where --web listens (127.0.0.1:8000); elsewhere it asks for a token"
    )
    wizard.set_defaults(handler=open_screen)


def open_screen(args: argparse.Namespace) -> int:
    """The screen is a program of its own, for nothing here may import it; `replay` is the same screen on a recording."""
    words = ["--state-dir", str(args.state_dir), "--images-dir", str(args.images_dir)]
    for name in ("site", "replay", "speed", "listen"):
        value = getattr(args, name, None)
        words += [] if value is None else [f"--{name}", str(value)]
    words += [f"--{name}" for name in ("plain", "web") if getattr(args, name, False)]
    os.execv(sys.executable, [sys.executable, "-m", "tui", *words])
