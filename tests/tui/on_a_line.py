"""A program: runs the wizard on a pseudo terminal of 80x24 and prints, as JSON, how many bytes it wrote in which second.

Arguments: state folder, TERM, seconds to watch, and NAME=VALUE for its environment.
Enter is pressed once the first page stands; bytes are counted from the start. The second page stands when its clock
has ticked twice, each time alone: on a busy machine the frames of a page that opens come seconds apart.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

_TICK_BYTES = 400


def main() -> int:
    folder, term, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    child, line = pty.fork()
    if child == 0:
        env = {"PATH": os.environ["PATH"], "HOME": "/", "TERM": term, "LANG": "C.UTF-8", "COLORTERM": "truecolor"}
        env.update(word.split("=", 1) for word in sys.argv[4:])
        os.execve(sys.executable, [sys.executable, "-m", "tui", "--state-dir", folder], env)
    fcntl.ioctl(line, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    said = {"first": 0, "page": 0, "steady": 0}
    text, last, pressed, ticks = b"", 0.0, False, 0
    deadline = time.monotonic() + 120
    steady_from = float("inf")
    while time.monotonic() < min(deadline, steady_from + seconds):
        ready, _, _ = select.select([line], [], [], 0.1)
        now = time.monotonic()
        quiet = now - last
        if ready:
            got = os.read(line, 65536)
            said["steady" if now >= steady_from else "page" if pressed else "first"] += len(got)
            text, last = text + got, now
            ticks += pressed and quiet > 0.5 and len(got) < _TICK_BYTES and b"Log of all machines" in text
            if ticks == 2 and steady_from == float("inf"):
                steady_from = now + 1.0
        elif not pressed and quiet > 1.0 and b"Enter: see the progress" in text:
            os.write(line, b"\r")
            pressed = True
    print(json.dumps({**said, "text": text.decode(errors="replace")}))  # noqa: T201 - it is what this program is for
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
