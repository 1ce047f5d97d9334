"""`python -m tui`: the wizard. Parses the command line, chooses lines, pages or browser; the only part that exits."""

from __future__ import annotations

import argparse
import asyncio
import errno
import os
import signal
import sys
from pathlib import Path

from seedvm.base.errors import SeedvmError, in_words
from seedvm.foreign.text import printable
from tui.app import WizardApp
from tui.backend.engine import EngineClient
from tui.backend.replay import Replay
from tui.backend.tour import Tour
from tui.desk import Terminal
from tui.line_mode import CLOSED, Talk
from tui.text.ascii import wants_lines
from tui.text.leaving import closing_words


def main(argv: list[str] | None = None) -> int:
    """Run the wizard; 0 unless it could not start."""
    parser = argparse.ArgumentParser(
        prog="seedvm wizard",
        description="The interactive wizard: describe a site, confirm the review, watch the deployment.",
    )
    parser.add_argument(
        "--state-dir", type=Path, default=Path("/var/lib/seedvm"), help="the site's state folder (/var/lib/seedvm)"
    )
    parser.add_argument("--site", type=Path, help="a site file to start from")
    parser.add_argument("--images-dir", type=Path, help="image folder for the engine that this wizard starts")
    parser.add_argument(
        "--replay", type=Path, metavar="JOURNAL", help="replay a recorded journal; nothing is started or changed"
    )
    parser.add_argument(
        "--tour",
        action="store_true",
        help="with --replay: three minutes through a recorded first install, with captions",
    )
    parser.add_argument("--speed", type=float, default=10.0, help="replay speed: recorded seconds per second (10)")
    parser.add_argument(
        "--plain", action="store_true", help="plain lines instead of full-screen pages; the default on a dumb terminal"
    )
    parser.add_argument(
        "--web",
        action="store_true",
        help="serve the wizard to a browser; only to this machine unless --listen names another address",
    )
    parser.add_argument("--top", action="store_true", help="show the running undercloud: seedvm top")
    parser.add_argument(
        "--listen", metavar="ADDR:PORT", default="127.0.0.1:8000", help="address and port for --web (127.0.0.1:8000)"
    )
    asked = parser.parse_args(argv)
    if asked.top and not asked.web:
        return _top(asked)
    try:
        _refuse_unreadable(asked.replay or asked.state_dir)
        link = _link(asked)
        if asked.web:
            return _web(asked)
    except (SeedvmError, OSError) as error:
        return _refused(error if isinstance(error, SeedvmError) else in_words(error))
    except KeyboardInterrupt:
        return 130
    if asked.plain or wants_lines(os.environ):
        return _talk(link, replaying=asked.replay is not None)
    app = WizardApp(link, replaying=asked.replay is not None, opens_where_needed=True)
    ended = asyncio.run(_until_closed(app))
    _say(closing_words(app.view, replaying=app.replaying))
    return ended


async def _until_closed(app: WizardApp) -> int:
    """Run the pages. Whoever switches this machine off is obeyed in time to give the terminal back."""
    ended = 0

    def end(number: signal.Signals) -> None:
        nonlocal ended
        ended = 128 + number
        app.exit()

    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, end, number)
    await app.run_async()
    return ended or app.return_code or 0


def _top(asked: argparse.Namespace) -> int:
    from tui.backend.top_feed import Collected
    from tui.top import TopApp
    from tui.top_lines import TopTalk

    feed = Collected(asked.state_dir)
    try:
        _refuse_unreadable(asked.state_dir)
        if asked.plain or wants_lines(os.environ):
            return asyncio.run(TopTalk(feed, Terminal()).run())
    except SeedvmError as error:
        return _refused(error)
    except KeyboardInterrupt:
        return 130
    TopApp(feed).run()
    return 0


def _talk(link: EngineClient, *, replaying: bool) -> int:
    try:
        return asyncio.run(Talk(link, Terminal(), replaying=replaying).run())
    except KeyboardInterrupt:
        _say("\n" + CLOSED)
        return 130
    except OSError as error:
        for line in in_words(error).lines():
            _say(line)
        return 1


def _web(asked: argparse.Namespace) -> int:
    from tui.web.server import ListenAddress, serve  # a web server is of no use to the other screens

    words = ["--state-dir", str(asked.state_dir.absolute())]
    words += ["--top"] if asked.top else []
    if asked.images_dir:
        words += ["--images-dir", str(asked.images_dir.absolute())]
    if asked.replay:
        words += ["--replay", str(asked.replay.absolute()), "--speed", str(asked.speed)]
    return serve(words, ListenAddress.parse(asked.listen), asked.state_dir, _say)


def _refuse_unreadable(path: Path) -> None:
    """A page that could show nothing, or not keep what is typed, is not opened: the state folder is root's, for it holds passwords."""
    there = next((one for one in (path, *path.absolute().parents) if one.exists()), path)
    if there != path and not os.access(there, os.W_OK | os.X_OK):
        raise in_words(PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(there)))
    files = [path, *path.glob("*")] if path.is_dir() and os.access(path, os.R_OK | os.X_OK) else [path]
    for one in files:
        if one.exists() and not os.access(one, os.R_OK | (os.X_OK if one.is_dir() else 0)):
            raise in_words(PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(one)))


def _refused(error: SeedvmError) -> int:
    sys.stderr.write("seedvm: " + "\n".join(map(printable, error.lines())) + "\n")
    return 2


def _say(text: str) -> None:
    sys.stdout.write(printable(text) + "\n")
    sys.stdout.flush()


def _link(asked: argparse.Namespace) -> EngineClient:
    if asked.replay is not None and asked.tour:
        return Tour(asked.replay)
    if asked.replay is not None:
        return Replay(asked.replay, max(0.0, asked.speed))
    link = EngineClient(asked.state_dir, asked.images_dir)
    if asked.site is not None:
        link.adopt_site(asked.site)
    return link


if __name__ == "__main__":
    sys.exit(main())
