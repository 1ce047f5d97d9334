"""The command wizard: the screen, which is a program of its own."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from seedvm.cli.common import Commands


def add_command(commands: Commands, shared: argparse.ArgumentParser) -> None:
    wizard = commands.add_parser("wizard", parents=[shared], help="open the interactive wizard")
    wizard.add_argument("--plain", action="store_true", help="plain lines instead of full-screen")
    wizard.add_argument(
        "--site", type=Path, help="start from an existing site file; asks only for what is missing or wrong"
    )
    wizard.add_argument(
        "--web", action="store_true", help="serve the wizard to browsers; only on this machine unless --listen is used"
    )
    wizard.add_argument(
        "--listen",
        metavar="ADDR:PORT",
        help="address of --web (default 127.0.0.1:8000); for other machines, with TLS and a token",
    )
    wizard.set_defaults(handler=open_screen)


def open_screen(args: argparse.Namespace, *more: str) -> int:
    """The screen is a program of its own, for nothing here may import it; `replay` is the same screen on a recording, `top` that of a
    running undercloud."""
    words = ["--state-dir", str(args.state_dir), "--images-dir", str(args.images_dir)]
    for name in ("site", "replay", "speed", "listen"):
        value = getattr(args, name, None)
        words += [] if value is None else [f"--{name}", str(value)]
    words += [f"--{name}" for name in ("plain", "web", "tour") if getattr(args, name, False)]
    os.execv(sys.executable, [sys.executable, "-m", "tui", *words, *more])
